"""Invitations: who may be asked to be what, how many are open, and the text that goes out."""

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from functions.auth import inviting, open_invitations, users, wording
from functions.auth.accounts import AccountsSettings
from functions.auth.contacts import Contact
from functions.auth.invitation_tokens import InvitationToken
from functions.auth.invitations import Circle
from functions.auth.open_invitations import WrittenMeanwhile
from functions.auth.users import Language
from mifumo import aws, clock, ids, segments, tables, tenants, writes
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.segments import Encoding
from mifumo.tables import Key
from tests.auth.door import Door, notices
from tests.auth.inviting import (
    INVITATIONS,
    JUMA,
    MEMBERS,
    Business,
    at_once,
    deeds,
    link,
    read,
)
from tests.wire import Crash

PHONE = "+255712999888"


@pytest.fixture(autouse=True)
def now() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-03-01T08:05:00Z", tick=False) as coordinates:
        yield coordinates


def stored(shop: Business, invitation: str) -> Any:
    return tables.get(AccountsSettings.load().accounts_table, Key(f"T#{shop.tenant}", f"INVITATION#{invitation}"))


# Inviting


def test_a_link_goes_to_the_phone_and_nothing_of_it_is_kept_but_a_digest(shop: Business) -> None:
    answer = shop.invite()
    assert (answer.status, answer.body["phone"], answer.body["email"]) == (202, PHONE, None)
    assert (answer.body["role"], answer.body["state"], answer.body["invited_by"]) == (
        "agent",
        "open",
        shop.people[Role.OWNER],
    )
    (notice,) = notices()
    assert (notice["channel"], notice["to"]) == ("sms", PHONE)
    text = notice["text"].rpartition("/invitations/")[2]
    assert notice["text"].endswith(f"http://127.0.0.1:8080/console/invitations/{text}")
    assert "Duka la Asha" in notice["text"]
    kept = stored(shop, answer.body["id"])
    assert text.rpartition(".")[2] not in str(kept)
    assert len(kept["digest"]) == 64
    assert kept["ttl"] == clock.epoch(clock.parse(kept["expires_at"])) + 7 * 24 * 3600
    assert notice["expires_at"] == clock.epoch(clock.parse(kept["expires_at"]))
    assert clock.parse(kept["expires_at"]) - clock.now() == timedelta(days=7)
    assert shop.listed() == {answer.body["id"]}


def test_the_log_tells_who_invited_and_hides_whom(shop: Business) -> None:
    answer = shop.invite()
    (deed,) = deeds(shop.tenant)
    assert (deed["action"], deed["target"], deed["actor"]) == (
        "member.invited",
        answer.body["id"],
        shop.people[Role.OWNER],
    )
    assert deed["after"] == {"role": "agent", "contact": "phone"}
    assert PHONE[-6:] not in str(deed)


def test_an_invitation_by_e_mail_is_a_letter_where_letters_are_sent(letters: Business) -> None:
    assert letters.invite(email="Juma@Duka.example").body["email"] == "juma@duka.example"
    (notice,) = notices()
    assert (notice["channel"], notice["to"]) == ("email", "juma@duka.example")
    assert notice["subject"] == "You are invited to Duka la Asha"


def test_where_no_letters_are_sent_nobody_is_invited_by_e_mail(shop: Business) -> None:
    refused = shop.invite(email="juma@duka.example")
    assert (refused.status, refused.code) == (422, "email_not_available")
    assert (shop.listed(), notices()) == (set(), [])


def test_the_address_of_a_member_is_refused_and_that_of_another_tenants_is_not(letters: Business, door: Door) -> None:
    door.register()
    taken = letters.invite(email=f"{letters.people[Role.AGENT]}@duka.example")
    assert (taken.status, taken.code) == (409, "conflict")
    assert letters.invite(email="asha@duka.example").status == 202


@pytest.mark.parametrize(
    ("by", "role", "status"),
    [
        (Role.OWNER, "owner", 202),
        (Role.OWNER, "admin", 202),
        (Role.ADMIN, "admin", 202),
        (Role.ADMIN, "agent", 202),
        (Role.ADMIN, "owner", 403),
        (Role.AGENT, "agent", 403),
    ],
)
def test_nobody_invites_somebody_to_be_more_than_they_may_make_them(
    shop: Business, by: Role, role: str, status: int
) -> None:
    assert shop.invite(role, by=by).status == status
    assert len(shop.listed()) == (status == 202)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"phone": "0712999888"},
        {"role": "agent"},
        {"role": "agent", "phone": "0712999888", "email": "juma@duka.example"},
        {"role": "agent", "phone": "12"},
        {"role": "agent", "email": "no address"},
        {"role": "staff", "phone": "0712999888"},
        {"role": "support", "phone": "0712999888"},
        {"role": "agent", "phone": "0712999888", "tenant_id": "t2"},
    ],
)
def test_what_is_no_invitation_is_refused(shop: Business, body: Any) -> None:
    assert shop.call("POST", MEMBERS, body).status == 422
    assert shop.listed() == set()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", MEMBERS),
        ("GET", INVITATIONS),
        ("DELETE", f"{INVITATIONS}{ids.derived('one')}/"),
        ("POST", f"{INVITATIONS}{ids.derived('one')}/resend/"),
    ],
)
def test_strangers_and_agents_have_nothing_to_do_with_invitations(shop: Business, method: str, path: str) -> None:
    body = {"role": "agent", "phone": JUMA["phone"]} if path == MEMBERS else None
    assert shop.door.call(method, path, body).status == 401
    assert shop.call(method, path, body, role=Role.AGENT).status == 403


def test_a_tenant_that_may_not_send_invites_nobody(shop: Business, door: Door) -> None:
    tenant = TenantId(shop.tenant)
    writes.commit(tenants.suspend(tenant, reason="Texts that pretend."))
    assert shop.invite().code == "tenant_suspended"
    new = Business(door, ids.derived("unverified"))
    writes.commit(tenants.put(TenantId(new.tenant), "New"))
    new.join(Role.OWNER, "01jd8x6q5v7w9y2k4m6p8r9900")
    assert new.invite().code == "contact_unverified"
    assert notices() == []


def test_one_who_was_removed_a_moment_ago_invites_and_revokes_nobody(shop: Business) -> None:
    invited = shop.invite().body["id"]
    shop.turn(Role.ADMIN, "status", "suspended")
    assert shop.invite(by=Role.ADMIN).status == 403
    assert shop.call("DELETE", f"{INVITATIONS}{invited}/", role=Role.ADMIN).status == 403
    assert shop.call("POST", f"{INVITATIONS}{invited}/resend/", role=Role.ADMIN).status == 403
    assert stored(shop, invited)["state"] == "open"


def test_one_contact_gets_three_links_in_ten_minutes_whoever_sends_them(shop: Business, door: Door) -> None:
    other = Business.open(door, Role.OWNER, number=1)
    said = [one.invite().status for one in (shop, other, shop, other)]
    assert said == [202, 202, 202, 429]
    assert len(notices()) == 3


# The list, and how many can be open


def test_invitations_are_listed_newest_first_page_by_page(shop: Business, now: time_machine.Traveller) -> None:
    made = []
    for n in range(3):
        made.append(shop.invite(phone=f"071299980{n}").body["id"])
        now.shift(1)
    first = shop.call("GET", INVITATIONS, query={"limit": "2"})
    assert [one["id"] for one in first.body["items"]] == [made[2], made[1]]
    rest = shop.call("GET", INVITATIONS, query={"limit": "2", "cursor": first.body["next"]}, role=Role.ADMIN)
    assert ([one["id"] for one in rest.body["items"]], rest.body["next"]) == ([made[0]], None)
    assert "digest" not in first.body["items"][0]


def test_another_tenants_invitations_are_not_there(shop: Business, door: Door) -> None:
    other, invited = Business.open(door, Role.OWNER, number=1), shop.invite().body["id"]
    for way, method in ((f"{INVITATIONS}{invited}/", "DELETE"), (f"{INVITATIONS}{invited}/resend/", "POST")):
        assert other.call(method, way).status == 404
        assert shop.call(method, way.replace(invited, ids.derived("none"))).status == 404
        assert shop.call(method, way.replace(invited, "x" * 300)).status == 404
    assert other.call("GET", INVITATIONS).body["items"] == []
    assert stored(shop, invited)["state"] == "open"


def _fill(shop: Business, count: int, *, expires: int) -> None:
    item = {
        "pk": f"T#{shop.tenant}",
        "sk": "INVITATIONS",
        "listed": {ids.derived(str(n)): expires for n in range(count)},
        "version": 1,
    }
    aws.dynamodb().put_item(TableName=AccountsSettings.load().accounts_table, Item=aws.marshal(item))


def test_fifty_can_be_open_and_what_has_expired_or_was_revoked_makes_room(shop: Business) -> None:
    _fill(shop, 49, expires=clock.epoch() + 60)
    last = shop.invite(phone="0712999801").body["id"]
    refused = shop.invite(phone="0712999802")
    assert (refused.status, refused.code) == (409, "too_many_invitations")
    assert shop.call("POST", f"{INVITATIONS}{last}/resend/").status == 202
    assert shop.call("DELETE", f"{INVITATIONS}{last}/").status == 204
    assert shop.invite(phone="0712999803").status == 202
    _fill(shop, 50, expires=clock.epoch())
    only = shop.invite(phone="0712999804").body["id"]
    assert shop.listed() == {only}


def test_the_fiftieth_place_goes_to_one_of_those_who_want_it_at_once(
    shop: Business, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(shop, open_invitations.OPEN_MAX - 1, expires=clock.epoch() + 60)
    monkeypatch.setattr(clock, "pause", lambda _: None)
    caller = shop.principal()
    said = at_once(
        shop.door, 5, lambda n: inviting.invite(caller, Contact.phone(f"+25571299980{n}"), Role.AGENT).state.value
    )
    assert sorted(said) == ["TooManyInvitations"] * 4 + ["open"]
    assert len(shop.listed()) == open_invitations.OPEN_MAX
    assert len(notices()) == 1


def test_those_who_invite_at_once_all_get_in_the_list(shop: Business, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "pause", lambda _: None)
    caller = shop.principal()
    said = at_once(
        shop.door, 4, lambda n: inviting.invite(caller, Contact.phone(f"+25571299980{n}"), Role.AGENT).state.value
    )
    assert said == ["open"] * 4
    assert len(shop.listed()) == 4


def test_a_list_that_was_read_before_one_was_closed_does_not_bring_it_back(shop: Business) -> None:
    shop.invite()
    tenant, (invited,) = TenantId(shop.tenant), shop.listed()
    another = open_invitations.opened(tenant, Circle.MEMBERS, ids.new(), expires=clock.epoch() + 60)
    writes.commit(open_invitations.closed(tenant, Circle.MEMBERS, invited))
    with pytest.raises(WrittenMeanwhile):
        writes.commit(another)
    assert shop.listed() == set()


# Taking back and sending again


def test_a_revoked_invitation_is_good_no_more_and_is_not_revoked_twice(shop: Business, door: Door) -> None:
    text = shop.link()
    (invited,) = shop.listed()
    assert shop.call("DELETE", f"{INVITATIONS}{invited}/", role=Role.ADMIN).status == 204
    assert read(door, text).code == "invitation_invalid"
    assert "digest" not in stored(shop, invited)
    assert shop.listed() == set()
    assert shop.call("DELETE", f"{INVITATIONS}{invited}/").status == 409
    assert shop.call("POST", f"{INVITATIONS}{invited}/resend/").status == 409
    assert {deed["action"] for deed in deeds(shop.tenant)} == {"member.invited", "invitation.revoked"}


def test_an_admin_neither_sends_again_nor_revokes_what_makes_an_owner(shop: Business) -> None:
    invited = shop.invite("owner").body["id"]
    assert shop.call("DELETE", f"{INVITATIONS}{invited}/", role=Role.ADMIN).status == 403
    assert shop.call("POST", f"{INVITATIONS}{invited}/resend/", role=Role.ADMIN).status == 403


def test_sending_again_makes_a_new_link_for_a_new_week_and_ends_the_old_one(
    shop: Business, door: Door, now: time_machine.Traveller
) -> None:
    first = shop.link()
    (invited,) = shop.listed()
    now.shift(timedelta(days=8))
    assert read(door, first).code == "invitation_invalid"
    again = shop.call("POST", f"{INVITATIONS}{invited}/resend/", role=Role.ADMIN)
    assert (again.status, again.body["state"], again.body["invited_by"]) == (202, "open", shop.people[Role.ADMIN])
    second = link()
    assert second != first
    now.shift(timedelta(days=6))
    assert read(door, first).code == "invitation_invalid"
    assert read(door, second).status == 200
    assert [deed["action"] for deed in deeds(shop.tenant)] == ["member.invited", "invitation.resent"]


def test_sending_again_is_throttled_by_contact(shop: Business) -> None:
    invited = shop.invite().body["id"]
    said = [shop.call("POST", f"{INVITATIONS}{invited}/resend/").status for _ in range(3)]
    assert said == [202, 202, 429]


@pytest.mark.parametrize("after", [False, True])
def test_inviting_cut_anywhere_leaves_nothing_or_a_link_that_can_be_sent_again(
    shop: Business, door: Door, after: bool
) -> None:
    caller, nothing = (
        shop.principal(),
        door.kinds(),
    )
    for cut in range(20):
        door.wire.cut(cut, after=after)
        with contextlib.suppress(Crash):
            inviting.invite(caller, Contact.phone(PHONE), Role.AGENT)
        door.wire.mend()
        if door.kinds() != nothing:
            break
    assert door.kinds() == sorted([*nothing, "INVITATION", "INVITATIONS"])
    (invited,) = shop.listed()
    sent = notices()
    assert len(sent) == 0
    assert shop.call("POST", f"{INVITATIONS}{invited}/resend/").status == 202
    assert read(door, link()).status == 200


# What is written


@given(business=st.text(max_size=100), role=st.sampled_from(Role), language=st.sampled_from(Language))
def test_the_text_fits_into_two_sms_of_plain_letters_whatever_the_business_calls_itself(
    business: str, role: Role, language: Language
) -> None:
    token = InvitationToken.mint(TenantId(ids.new()), ids.new())
    link = f"https://console.mifumo-messaging.example/invitations/{token.text}"
    said = wording.invitation(language, business=business, role=role, link=link)
    counted = segments.count(said.text)
    assert (counted.encoding, counted.segments) == (Encoding.GSM_7, 2)
    assert said.text.endswith(link)
    assert InvitationToken.parse(token.text) == token


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Duka la Asha", "Duka la Asha"),
        ("Café Zürich & Sons", "Cafe Zurich & Sons"),
        ("You have won! Call +255 712 345 678", "You have won Call"),
        ("bit.ly/xYz", "bit ly xYz"),
        ("\u4f60\u597d", "a business"),
        ("Shop 24", "Shop 24"),
    ],
)
def test_a_name_in_the_platforms_own_text_neither_opens_nor_dials(name: str, said: str) -> None:
    text = wording.invitation(Language.ENGLISH, business=name, role=Role.AGENT, link="L").text
    assert text == f"Mifumo: {said} invites you to join as an agent. Open this within 7 days: L"


def test_a_swahili_speakers_invitation_is_in_swahili(shop: Business) -> None:
    table, key = AccountsSettings.load().accounts_table, users.key(UserId(shop.people[Role.OWNER]))
    person = tables.get(table, key)
    aws.dynamodb().put_item(TableName=table, Item=aws.marshal({**(person or {}), "language": "sw"}))
    shop.invite()
    assert "Duka la Asha inakualika ujiunge kama wakala" in notices()[0]["text"]
