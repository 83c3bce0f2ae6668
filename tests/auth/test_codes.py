"""Codes: they prove who holds a contact, and tell nobody whether there is an account."""

import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import time_machine

from functions.auth import codes, passwords, wording
from functions.auth.accounts import AccountsSettings
from functions.auth.codes import CodeInvalid, CodesLocked, Purpose
from functions.auth.contacts import Contact
from functions.auth.users import Language
from functions.auth.wording import Letter
from mifumo import aws, ids, segments, settings, tenants, writes
from mifumo.ids import TenantId
from mifumo.segments import Encoding
from tests.auth.door import PASSWORD, Answer, Door, notices

ASHA, EMAIL, STRANGER = "+255712345678", "asha@duka.example", "+255712999999"
NEW = "mlima kitonga kumi na moja"


@pytest.fixture(autouse=True)
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-03-01T08:05:00Z", tick=False) as coordinates:
        yield coordinates


@pytest.fixture
def unverified(door: Door, monkeypatch: pytest.MonkeyPatch) -> Door:
    """A stage on which people verify their contacts."""
    monkeypatch.setenv("CONTACTS_PREVERIFIED", "False")
    settings.forget()
    return door


def code_sent() -> str:
    """Returns the code of the last notice."""
    found = re.search(r"\b[0-9]{6}\b", notices()[-1]["text"])
    assert found
    return found[0]


def ask(door: Door, purpose: str = "reset_password", token: str | None = None, **contact: str) -> Answer:
    return door.call("POST", "/api/auth/codes/", {"purpose": purpose, **contact}, token=token)


def confirm(door: Door, code: str, purpose: str = "reset_password", token: str | None = None, **more: str) -> Answer:
    if purpose == "reset_password":
        more = {"password": NEW, **more}
    body = {"purpose": purpose, "code": code, **more}
    return door.call("POST", "/api/auth/codes/confirm/", body, token=token)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def lease_block(door: Door) -> None:
    """Gets the address a block of requests, so that the next request's calls are its own."""
    door.call("GET", "/api/docs/problems/")


def told(answer: Answer) -> tuple[int, Any]:
    return answer.status, {key: value for key, value in answer.body.items() if key not in {"request_id", "instance"}}


def actions() -> list[str]:
    return sorted(
        aws.unmarshal(item)["action"] for item in aws.dynamodb().scan(TableName=os.environ["AUDIT_TABLE"])["Items"]
    )


def test_a_reset_changes_the_password_ends_every_session_and_signs_nobody_in(door: Door) -> None:
    registered = door.register()
    second = door.login()
    assert ask(door, phone="0712345678").status == 202
    done = confirm(door, code_sent(), phone=ASHA)
    assert (done.status, done.body) == (200, {"purpose": "reset_password", "status": "confirmed"})
    assert door.login().status == 401
    assert door.login(password=NEW).status == 200
    assert [door.refresh(one.refresh).status for one in (registered, second)] == [401, 401]
    assert "password.reset" in actions()


def test_a_code_is_good_once_even_for_the_same_password(door: Door) -> None:
    door.register()
    ask(door, phone=ASHA)
    code = code_sent()
    assert [confirm(door, code, phone=ASHA).status for _ in range(2)] == [200, 422]


def test_no_answer_holds_a_code_and_no_table_holds_one_in_clear(door: Door) -> None:
    door.register()
    asked = ask(door, phone=ASHA)
    (notice,) = notices()
    code = re.findall(r"\b[0-9]{6}\b", notice["text"])[0]
    assert asked.body == {"detail": "If an account has this contact, a code is on its way.", "expires_in": 600}
    assert code not in json.dumps(asked.headers)
    kept = aws.dynamodb().scan(TableName=AccountsSettings.load().accounts_table)["Items"]
    assert code not in {value for item in kept for attribute in item.values() for value in attribute.values()}
    assert notice["expires_at"] == 1772352300 + codes.GOOD_FOR_S
    assert (notice["channel"], notice["to"]) == ("sms", ASHA)


@pytest.mark.parametrize("purpose", ["verify_phone", "reset_password"])
def test_asking_costs_and_says_the_same_for_a_number_that_nobody_has(door: Door, purpose: str) -> None:
    door.register()
    ask(door, purpose, phone="0755000000")  # the pepper is read once
    answers = []
    for phone in (ASHA, STRANGER):
        answer = ask(door, purpose, phone=phone)
        answers.append((told(answer), list(door.wire.calls)))
    assert answers[0] == answers[1]
    assert answers[0][1] == ["TransactWriteItems", "Query", "GetItem", "UpdateItem", "SendMessageBatch"]
    assert [notice.get("drop", False) for notice in notices()] == [True, False, True]


def test_asking_by_address_costs_the_same_and_goes_to_the_number_where_no_letters_are_sent(door: Door) -> None:
    door.register()
    ask(door, email="first@duka.example")
    calls = []
    for email in (EMAIL, "nobody@duka.example"):
        assert ask(door, email=email).status == 202
        calls.append(list(door.wire.calls))
    assert calls[0] == calls[1]
    sent = notices()
    assert [notice.get("to") for notice in sent] == [None, ASHA, None]
    code = re.findall(r"\b[0-9]{6}\b", sent[1]["text"])[0]
    assert confirm(door, code, email=EMAIL).status == 200
    assert door.login(password=NEW).status == 200


def test_letters_go_to_the_address_where_they_are_sent(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    door.register()
    assert ask(door, "verify_email", email=EMAIL).code == "email_not_available"
    monkeypatch.setenv("MAIL_FROM", "hello@mifumo.example")
    settings.forget()
    assert ask(door, email=EMAIL).status == 202
    (notice,) = notices()
    assert (notice["channel"], notice["to"], notice["subject"]) == ("email", EMAIL, "Set a new password")


def test_unknown_wrong_expired_and_used_codes_get_one_answer_after_one_hash(
    door: Door, now: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes: list[str] = []
    digest = passwords.digest

    def counting(text: str) -> str:
        hashes.append(text)
        return digest(text)

    monkeypatch.setattr(passwords, "digest", counting)
    door.register()
    ask(door, phone=ASHA)
    code = code_sent()
    seen = []
    for step in ("unknown", "wrong", "right", "used", "expired", "none"):
        if step == "expired":
            ask(door, phone=ASHA)
            code = code_sent()
            now.shift(codes.GOOD_FOR_S)
        lease_block(door)
        hashes.clear()
        phone = STRANGER if step in {"unknown", "none"} else ASHA
        answer = confirm(door, wrong(code) if step == "wrong" else code, phone=phone)
        assert len(hashes) == 1, step
        if step == "right":
            assert answer.status == 200
            continue
        # The pepper is read again after five minutes, whoever comes then.
        seen.append((told(answer), [call for call in door.wire.calls if call != "GetSecretValue"]))
    assert all(one == seen[0] for one in seen)
    assert seen[0][0][1]["code"] == "code_invalid"
    assert seen[0][1] == ["UpdateItem", "UpdateItem"]


@pytest.mark.parametrize("phone", [ASHA, STRANGER])
def test_five_wrong_codes_shut_the_door_for_half_an_hour_whoever_has_the_number(
    door: Door, now: time_machine.Traveller, phone: str
) -> None:
    door.register()
    ask(door, phone=ASHA)
    code = code_sent()
    assert [confirm(door, wrong(code), phone=phone).status for _ in range(6)] == [422] * 5 + [429]
    shut = confirm(door, code, phone=phone)
    assert (shut.status, shut.headers["Retry-After"]) == (429, "1800")
    assert ask(door, phone=phone).status == 429, "asking gives no attempts back"
    now.shift(codes.LOCK_S - 1)
    assert confirm(door, code, phone=phone).status == 429
    now.shift(1)
    assert confirm(door, code, phone=phone).status == 422
    if phone == ASHA:
        ask(door, phone=ASHA)
        assert confirm(door, code_sent(), phone=ASHA).status == 200


def test_a_new_code_takes_the_old_ones_place_and_keeps_the_count(door: Door) -> None:
    door.register()
    ask(door, phone=ASHA)
    old = code_sent()
    for _ in range(3):
        confirm(door, wrong(old), phone=ASHA)
    ask(door, phone=ASHA)
    new = code_sent()
    assert confirm(door, old, phone=ASHA).status == (422 if old != new else 200)
    assert confirm(door, new, phone=ASHA).status == 200


def test_two_hundred_guesses_at_once_get_five_answers(door: Door) -> None:
    door.register()
    ask(door, phone=ASHA)
    guess = wrong(code_sent())
    door.wire.take_turns()

    def answered(_: int) -> bool:
        try:
            codes.prove(Purpose.RESET_PASSWORD, Contact.phone(ASHA), guess, caller=None, source_ip="196.41.32.10")
        except CodeInvalid:
            return True
        except CodesLocked:
            return False
        raise AssertionError("a wrong code was right")

    os.environ["AUTH_ATTEMPTS_PER_IP"] = "1000"
    settings.forget()
    try:
        with ThreadPoolExecutor(20) as pool:
            assert sum(pool.map(answered, range(200))) == codes.ATTEMPTS_MAX
    finally:
        del os.environ["AUTH_ATTEMPTS_PER_IP"]


def test_a_contact_is_written_to_three_times_in_ten_minutes_and_ten_times_a_day(
    door: Door, now: time_machine.Traveller
) -> None:
    statuses = []
    for _ in range(4):
        statuses.append([ask(door, phone=STRANGER).status for _ in range(4)])
        now.shift(600)
    assert statuses == [[202, 202, 202, 429]] * 3 + [[202, 429, 429, 429]]
    assert "RateLimit-Policy" in ask(door, phone=STRANGER).headers


def test_a_code_of_one_purpose_is_of_no_use_for_another(door: Door) -> None:
    registered = door.register()
    ask(door, "verify_phone", token=registered.access, phone=ASHA)
    assert confirm(door, code_sent(), phone=ASHA).status == 422
    assert door.login().status == 200


def test_who_registers_gets_a_code_and_counts_as_verified_once_it_is_confirmed(unverified: Door) -> None:
    registered = unverified.register()
    assert registered.body["user"]["phone_verified"] is False
    assert registered.body["tenant"]["verified"] is False
    done = confirm(unverified, code_sent(), "verify_phone", token=registered.access, phone="0712 345 678")
    assert done.status == 200
    me = unverified.me(registered.access).body
    assert (me["user"]["phone_verified"], me["tenant"]["verified"]) == (True, True)
    assert "contact.verified" in actions()
    ask(unverified, phone=ASHA)
    assert confirm(unverified, code_sent(), phone=ASHA).status == 200


def test_every_tenant_of_the_user_has_a_verified_contact_then(unverified: Door) -> None:
    registered = unverified.register()
    user, second = registered.body["user"]["id"], TenantId(ids.new())
    home = TenantId(registered.body["tenant"]["id"])
    writes.commit(tenants.put(second, "Duka la pili"))
    for tenant in (home, second):
        membership = {"pk": f"U#{user}", "sk": f"MEMBER#{tenant}", "user_id": user, "tenant_id": tenant}
        writes.put_all(AccountsSettings.load().accounts_table, [membership])
    assert confirm(unverified, code_sent(), "verify_phone", token=registered.access, phone=ASHA).status == 200
    seen = [tenants.get(tenant) for tenant in (home, second)]
    assert all(tenant and tenant.verified_at for tenant in seen)
    assert actions().count("contact.verified") == 2


def test_a_code_alone_verifies_but_gives_nobody_the_account(unverified: Door) -> None:
    """A mistyped number is a stranger's, who gets the code."""
    registered = unverified.register()
    assert confirm(unverified, code_sent(), "verify_phone", phone=ASHA).status == 200
    assert unverified.me(registered.access).body["tenant"]["verified"] is True
    assert ask(unverified, phone=ASHA).status == 202
    assert notices() == [{"drop": True}]


def test_a_code_of_another_account_is_refused_to_who_is_signed_in(unverified: Door) -> None:
    unverified.register()
    code = code_sent()
    other = unverified.register(email="juma@duka.example", phone="0755000001")
    refused = confirm(unverified, code, "verify_phone", token=other.access, phone=ASHA)
    assert refused.code == "code_invalid"
    assert ask(unverified, "verify_phone", token=other.access, phone=ASHA).status == 202
    assert [notice.get("to") for notice in notices()] == ["+255755000001", None]


def test_a_proven_number_stays_its_owners_when_somebody_else_proves_it_too(unverified: Door) -> None:
    first = unverified.register()
    confirm(unverified, code_sent(), "verify_phone", token=first.access, phone=ASHA)
    second = unverified.register(email="juma@duka.example")
    taken = confirm(unverified, code_sent(), "verify_phone", token=second.access, phone=ASHA)
    assert (taken.status, taken.code) == (409, "phone_taken")
    assert unverified.me(second.access).body["user"]["phone_verified"] is False
    ask(unverified, phone=ASHA)
    confirm(unverified, code_sent(), phone=ASHA)
    assert unverified.login(password=NEW).status == 200
    assert unverified.login("juma@duka.example").status == 200


def test_a_reset_needs_a_password_that_is_not_made_of_the_users_names(door: Door) -> None:
    door.register()
    ask(door, phone=ASHA)
    code = code_sent()
    refused = confirm(door, code, phone=ASHA, password="MremaAsha7")
    assert (refused.status, refused.body["errors"][0]["pointer"]) == (422, "/password")
    assert door.login().status == 200
    assert confirm(door, code, phone=ASHA).status == 200


@pytest.mark.parametrize(
    "body",
    [
        {"purpose": "reset_password"},
        {"purpose": "reset_password", "phone": ASHA, "email": EMAIL},
        {"purpose": "verify_phone", "email": EMAIL},
        {"purpose": "verify_email", "phone": ASHA},
        {"purpose": "other", "phone": ASHA},
        {"purpose": "verify_phone", "phone": ASHA, "code": "123456", "password": PASSWORD},
        {"purpose": "reset_password", "phone": ASHA, "code": "123456"},
        {"purpose": "verify_phone", "phone": ASHA, "code": "12345"},
        {"purpose": "verify_phone", "phone": ASHA, "code": "123456\n"},
    ],
)
def test_what_is_no_request_for_a_code_is_refused_before_anything_is_counted(door: Door, body: Any) -> None:
    path = "/api/auth/codes/confirm/" if "code" in body else "/api/auth/codes/"
    lease_block(door)
    assert door.call("POST", path, body).code == "validation_failed"
    assert door.wire.count() == 0


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("letter", list(Letter))
def test_every_text_is_one_plain_sms(letter: Letter, language: Language) -> None:
    counted = segments.count(wording.words(letter, language, code="123456").text)
    assert (counted.encoding, counted.segments) == (Encoding.GSM_7, 1)
