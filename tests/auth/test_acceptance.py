"""Acceptance: what whoever has an invitation's link sees, and what becomes of them, once."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from functions.auth import acceptance, contacts, users
from functions.auth.accounts import AccountsSettings
from functions.auth.contacts import Contact
from functions.auth.users import Person
from mifumo import aws, callers, clock, ids, settings, tables, tenants, writes
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.phone import Msisdn
from tests.auth.door import PASSWORD, Door, notices
from tests.auth.inviting import (
    ACCEPT,
    INVITATIONS,
    JUMA,
    READ,
    REGISTER,
    Business,
    accept,
    at_once,
    deeds,
    link,
    read,
    register,
)
from tests.wire import Crash

PHONE = "+255712999888"
UNKNOWN = f"mfi_{ids.derived('no', 'tenant')}.{ids.derived('no', 'invitation')}.{'x' * 43}"


@pytest.fixture(autouse=True)
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-03-01T08:05:00Z", tick=False) as coordinates:
        yield coordinates


# Looking at a link


def test_who_has_the_link_sees_what_it_is_for_and_where_it_was_sent(shop: Business, door: Door) -> None:
    answer = read(door, shop.link("admin"))
    assert answer.status == 200
    assert answer.body == {
        "tenant_name": "Duka la Asha",
        "role": "admin",
        "contact": "+255712***888",
        "expires_at": "2026-03-08T08:05:00.000Z",
        "next": "register",
    }


def test_who_has_an_account_already_is_told_to_sign_in(letters: Business, door: Door) -> None:
    door.register()
    by_letter = read(door, letters.link(email="asha@duka.example")).body
    assert (by_letter["contact"], by_letter["next"]) == ("a***@duka.example", "sign_in")
    assert read(door, letters.link(phone="0712345678")).body["next"] == "sign_in"


def _changed(text: str) -> str:
    return text[:-1] + ("A" if text[-1] != "A" else "B")


@pytest.mark.parametrize("path", [READ, REGISTER, ACCEPT])
def test_every_link_that_is_not_good_gets_the_same_answer(
    shop: Business, door: Door, now: time_machine.Traveller, path: str
) -> None:
    me = door.register()
    good, revoked, used = (shop.link(phone=f"071299980{n}") for n in range(3))
    by_phone = {one["phone"]: one["id"] for one in shop.call("GET", INVITATIONS).body["items"]}
    assert shop.call("DELETE", f"{INVITATIONS}{by_phone['+255712999801']}/").status == 204
    assert register(door, used, email="first@duka.example").status == 201

    def said(text: str) -> tuple[int, Any, Any]:
        body = {"token": text} if path != REGISTER else {**JUMA, "token": text}
        answer = door.call("POST", path, body, token=me.access if path == ACCEPT else None)
        return answer.status, answer.code, answer.body["errors"]

    first = said(UNKNOWN)
    assert first[:2] == (422, "invitation_invalid")
    assert first[2][0]["pointer"] == "/token"
    before = shop.members()
    strange = ["", "mfi_", "x" * 600, good.replace("mfi_", "mfr_"), f"{good}.more", good.upper(), f"{good}\u0661"]
    for text in (revoked, used, _changed(good), *strange):
        assert said(text) == first, text
    now.shift(timedelta(days=7))
    if path != ACCEPT:  # the access token has expired as well
        assert said(good) == first
    assert shop.members() == before


@pytest.mark.parametrize("path", [READ, REGISTER])
def test_a_body_without_a_token_is_refused(door: Door, path: str) -> None:
    body = {name: value for name, value in JUMA.items() if path == REGISTER}
    answer = door.call("POST", path, body)
    assert (answer.status, [one["pointer"] for one in answer.body["errors"]]) == (422, ["/token"])


# Registering by it


def test_t6_whoever_is_invited_and_has_no_account_gets_one_and_is_signed_in(shop: Business, door: Door) -> None:
    entered = register(door, shop.link("admin"))
    assert (entered.status, entered.body["tenant"]["id"]) == (201, shop.tenant)
    assert (entered.body["user"]["role"], entered.body["user"]["email"]) == ("admin", "juma@duka.example")
    assert shop.members()[entered.body["user"]["id"]] == "admin"
    assert door.me(entered.access).body["tenant"]["name"] == "Duka la Asha"
    assert door.refresh(entered.refresh).status == 200
    assert door.login("juma@duka.example", PASSWORD).body["tenant"]["id"] == shop.tenant
    assert shop.listed() == set()
    (item,) = shop.call("GET", INVITATIONS).body["items"]
    assert (item["state"], item["accepted_by"]) == ("accepted", entered.body["user"]["id"])
    assert [
        (told["actor"], told["target"]) for told in deeds(shop.tenant) if told["action"] == "invitation.accepted"
    ] == [(entered.body["user"]["id"], item["id"])]


def test_an_invited_owner_is_counted(shop: Business, door: Door) -> None:
    assert register(door, shop.link("owner")).body["user"]["role"] == "owner"
    counted = tables.get(AccountsSettings.load().accounts_table, users.heads_key(TenantId(shop.tenant), Role.OWNER))
    assert counted
    assert counted["owners"] == 2


def test_what_somebody_becomes_is_not_theirs_to_say(shop: Business, door: Door) -> None:
    text = shop.link("agent")
    for extra in ({"role": "owner"}, {"tenant_id": "t2"}, {"business_name": "Mine"}):
        assert register(door, text, **extra).status == 422
    mine = door.register()
    assert door.call("POST", ACCEPT, {"token": text, "role": "owner"}, token=mine.access).status == 422
    assert register(door, text).body["user"]["role"] == "agent"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [({"password": "1234567890"}, "/password"), ({"email": "x"}, "/email"), ({"phone": "1"}, "/phone")],
)
def test_what_would_not_do_for_registering_does_not_here(
    shop: Business, door: Door, changes: dict[str, str], pointer: str
) -> None:
    text = shop.link()
    refused = register(door, text, **changes)
    assert (refused.status, refused.body["errors"][0]["pointer"]) == (422, pointer)
    assert read(door, text).status == 200


def test_an_address_in_use_is_refused_and_the_link_stays_good(shop: Business, door: Door) -> None:
    door.register()
    text = shop.link()
    assert register(door, text, email="asha@duka.example").code == "email_taken"
    assert register(door, text).status == 201


def test_the_invited_phone_is_proven_by_the_link_and_another_one_is_not(unverified: Business, door: Door) -> None:
    sent = notices
    entered = register(door, unverified.link())
    assert (entered.body["user"]["phone_verified"], entered.body["user"]["email_verified"]) == (True, False)
    assert contacts.owner(Contact.phone(PHONE)) == entered.body["user"]["id"]
    assert sent() == []
    person = tables.get(AccountsSettings.load().accounts_table, users.key(UserId(entered.body["user"]["id"])))
    assert person
    assert "recovery_phone_at" in person
    other = register(door, unverified.link(phone="0712999801"), email="other@duka.example", phone="0712999777")
    assert (other.body["user"]["phone_verified"], other.body["user"]["email_verified"]) == (False, False)
    assert [notice["to"] for notice in sent()] == ["+255712999777"]


def test_the_invited_address_is_proven_by_the_letter(
    unverified: Business, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_FROM", "hello@mifumo.example")
    settings.forget()
    entered = register(door, unverified.link(email=JUMA["email"]))
    assert (entered.body["user"]["phone_verified"], entered.body["user"]["email_verified"]) == (False, True)


def test_a_number_that_somebody_has_proven_makes_no_second_account(unverified: Business, door: Door) -> None:
    assert register(door, unverified.link()).status == 201
    text = unverified.link()
    refused = register(door, text, email="second@duka.example")
    assert (refused.status, refused.code) == (409, "phone_taken")
    assert read(door, text).body["next"] == "sign_in"


def test_registering_by_links_is_throttled_like_any_registering(shop: Business, door: Door) -> None:
    text = shop.link()
    door.register()
    said = [register(door, text, email="asha@duka.example").status for _ in range(10)]
    assert said[-1] == 429


# Accepting it


def test_t5_accepting_moves_nobody_until_they_switch(shop: Business, door: Door) -> None:
    mine, text = door.register(business_name="My own"), shop.link("admin")
    accepted = accept(door, text, mine.access)
    assert accepted.status == 200
    assert (accepted.body["tenant"]["id"], accepted.body["role"], accepted.body["status"]) == (
        shop.tenant,
        "admin",
        "active",
    )
    assert shop.members()[mine.body["user"]["id"]] == "admin"
    assert door.me(mine.access).body["tenant"]["name"] == "My own"
    assert door.login().body["tenant"]["name"] == "My own"
    switched = door.call("POST", "/api/auth/switch/", {"tenant_id": shop.tenant}, token=mine.access)
    assert (switched.status, switched.body["tenant"]["name"], switched.body["user"]["role"]) == (
        200,
        "Duka la Asha",
        "admin",
    )
    assert (
        door.me(door.call("POST", "/api/auth/refresh/", {"refresh": mine.refresh}).access).body["tenant"]["name"]
        == "My own"
    )
    assert accept(door, text, mine.access).code == "invitation_invalid"


def test_a_stranger_accepts_nothing(shop: Business, door: Door) -> None:
    text = shop.link()
    assert accept(door, text, None).status == 401
    assert read(door, text).status == 200


def test_a_member_suspended_or_not_accepts_nothing_and_uses_nothing_up(shop: Business, door: Door) -> None:
    mine = door.register()
    assert accept(door, shop.link(), mine.access).status == 200
    text = shop.link(phone="0712999801")
    assert accept(door, text, mine.access).code == "conflict"
    shop.people[Role.SUPPORT] = mine.body["user"]["id"]
    shop.turn(Role.SUPPORT, "status", "suspended")
    assert accept(door, text, mine.access).code == "conflict"
    assert read(door, text).status == 200


def test_who_invited_cannot_accept_their_own(shop: Business, door: Door) -> None:
    answer = shop.call("POST", ACCEPT, {"token": shop.link()})
    assert (answer.status, answer.code) == (409, "conflict")
    assert door.wire.count("TransactWriteItems") == 0


def test_a_session_that_has_ended_joins_nothing(shop: Business, door: Door) -> None:
    mine, text = door.register(), shop.link()
    assert door.logout(mine.refresh).status == 204
    assert accept(door, text, mine.access).status == 401
    assert read(door, text).status == 200


def test_an_account_that_was_erased_meanwhile_joins_nothing(shop: Business, door: Door) -> None:
    mine, text = door.register(), shop.link()
    user = users.key(UserId(mine.body["user"]["id"]))
    person = tables.get(AccountsSettings.load().accounts_table, user) or {}
    erased = {**person, "erased_at": clock.stamp()}
    aws.dynamodb().put_item(TableName=AccountsSettings.load().accounts_table, Item=aws.marshal(erased))
    assert accept(door, text, mine.access).status == 401
    assert read(door, text).status == 200


@pytest.mark.parametrize(
    ("attribute", "value", "role", "status"),
    [
        ("status", "suspended", "agent", 422),
        ("role", "agent", "agent", 422),
        ("role", "owner", "agent", 200),
        ("role", "owner", "owner", 200),
    ],
)
def test_an_invitation_is_worth_what_its_sender_may_still_give(
    shop: Business, door: Door, attribute: str, value: str, role: str, status: int
) -> None:
    mine = door.register()
    text = shop.link(role, by=Role.ADMIN if role == "agent" else Role.OWNER)
    shop.turn(Role.ADMIN, attribute, value)
    answers = [read(door, text), accept(door, text, mine.access)]
    assert [answer.status for answer in answers] == [status, status]
    assert all(answer.code == "invitation_invalid" for answer in answers if status == 422)


def test_an_owner_who_became_an_admin_has_made_no_owners(shop: Business, door: Door) -> None:
    text = shop.link("owner")
    shop.turn(Role.OWNER, "role", "admin")
    assert register(door, text).code == "invitation_invalid"


def test_nobody_joins_a_tenant_that_was_suspended(shop: Business, door: Door) -> None:
    mine, text = door.register(), shop.link()
    writes.commit(tenants.suspend(TenantId(shop.tenant), reason="Texts that pretend."))
    for answer in (read(door, text), register(door, text), accept(door, text, mine.access)):
        assert (answer.status, answer.code) == (403, "tenant_suspended")
    writes.commit(tenants.reactivate(TenantId(shop.tenant)))
    assert register(door, text).status == 201


def test_what_changes_between_looking_and_joining_is_noticed(
    shop: Business, door: Door, monkeypatch: pytest.MonkeyPatch, now: time_machine.Traveller
) -> None:
    text, offered = shop.link(by=Role.ADMIN), acceptance._offer

    def meanwhile(change: Callable[[], Any]) -> None:
        def judged(*arguments: Any, **named: Any) -> Any:
            offer = offered(*arguments, **named)
            monkeypatch.setattr(acceptance, "_offer", offered)
            change()
            return offer

        monkeypatch.setattr(acceptance, "_offer", judged)

    meanwhile(lambda: shop.turn(Role.ADMIN, "role", "owner"))
    assert register(door, text).code == "invitation_invalid"
    shop.turn(Role.ADMIN, "role", "admin")
    meanwhile(lambda: writes.commit(tenants.suspend(TenantId(shop.tenant), reason="x")))
    assert register(door, text).code == "conflict"
    writes.commit(tenants.reactivate(TenantId(shop.tenant)))
    (invited,) = shop.listed()
    meanwhile(lambda: now.shift(timedelta(days=8)))
    assert register(door, text).code == "invitation_invalid"
    now.shift(timedelta(days=-8))
    meanwhile(lambda: shop.call("POST", f"{INVITATIONS}{invited}/resend/"))
    assert register(door, text).code == "invitation_invalid"
    text = link()
    meanwhile(lambda: shop.call("DELETE", f"{INVITATIONS}{invited}/"))
    assert register(door, text).code == "invitation_invalid"
    assert len(shop.members()) == 3


def test_of_twenty_who_use_a_link_at_once_one_joins(shop: Business, door: Door) -> None:
    text = shop.link()
    before = shop.members()

    def join(number: int) -> str:
        person = Person(f"p{number}@duka.example", Msisdn(f"+2557129990{number:02}"), "Juma", "Ally")
        return acceptance.register(text, person, password=PASSWORD, source_ip=f"196.41.{number}.1").user.role

    said = at_once(door, 20, join)
    assert sorted(said) == ["InvitationInvalid"] * 19 + ["agent"]
    assert len(shop.members()) == len(before) + 1
    assert len([kind for kind in door.kinds() if kind == "LOGIN"]) == 4
    assert shop.listed() == set()


@pytest.mark.parametrize("after", [False, True])
def test_joining_cut_anywhere_leaves_everything_or_nothing(shop: Business, door: Door, after: bool) -> None:
    person = Person("juma@duka.example", Msisdn(PHONE), "Juma", "Ally")
    nothing, text = door.kinds(), shop.link()
    open_one = sorted([*nothing, "INVITATION", "INVITATIONS"])
    for cut in range(20):
        door.wire.cut(cut, after=after)
        try:
            acceptance.register(text, person, password=PASSWORD, source_ip="196.41.32.10")
        except Crash:
            door.wire.mend()
        else:
            break
        if door.kinds() == open_one:
            assert shop.listed()
            assert read(door, text).status == 200
        else:
            break
    door.wire.mend()
    assert cut >= 4
    whole = sorted([*open_one, "LOGIN", "USER", "CLAIM", "OWNER", "MEMBER", "MEMBER", "SESSION"])
    assert door.kinds() == whole
    assert shop.listed() == set()
    assert read(door, text).code == "invitation_invalid"
    assert door.login("juma@duka.example").status == 200


@pytest.mark.parametrize("after", [False, True])
def test_accepting_cut_anywhere_leaves_everything_or_nothing(shop: Business, door: Door, after: bool) -> None:
    mine, text = door.register(), shop.link()
    caller, nothing = callers.authenticate(f"Bearer {mine.access}"), door.kinds()
    for cut in range(20):
        door.wire.cut(cut, after=after)
        try:
            acceptance.accept(caller, text)
        except Crash:
            door.wire.mend()
        else:
            break
        if read(door, text).status == 422:
            break
        assert door.kinds() == nothing
    door.wire.mend()
    assert cut >= 2
    assert door.kinds() == sorted([*nothing, "MEMBER", "MEMBER"])
    assert shop.members()[mine.body["user"]["id"]] == "agent"
    assert shop.listed() == set()
