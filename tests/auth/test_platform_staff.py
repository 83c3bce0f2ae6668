"""The platform's staff: invited, listed, changed and removed by administrators and by nobody else; one stays."""

from typing import Any

import pytest

from functions.auth import staff, users
from functions.auth.accounts import AccountsSettings
from mifumo import ids, settings, tables
from mifumo.aws import dynamodb, marshal
from mifumo.callers import Principal
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from tests.auth.door import Door, notices
from tests.auth.inviting import (
    INVITATIONS,
    JUMA,
    MEMBERS,
    Business,
    accept,
    at_once,
    deeds,
    link,
    read,
    register,
)
from tests.wire import Crash

STAFF = "/api/admin/auth/staff/"
STAFF_INVITATIONS = f"{STAFF}invitations/"
SOMEBODY = ids.derived("somebody")
ROUTES = [
    ("POST", STAFF, {"phone": JUMA["phone"], "role": "support"}),
    ("GET", STAFF, None),
    ("PATCH", f"{STAFF}{SOMEBODY}/", {"role": "support"}),
    ("DELETE", f"{STAFF}{SOMEBODY}/", None),
    ("GET", STAFF_INVITATIONS, None),
    ("DELETE", f"{STAFF_INVITATIONS}{SOMEBODY}/", None),
    ("POST", f"{STAFF_INVITATIONS}{SOMEBODY}/resend/", None),
]


@pytest.fixture
def platform(door: Door) -> Business:
    """The platform's tenant: an administrator and support beside an owner and an agent."""
    return Business.open(door, Role.STAFF, Role.SUPPORT, Role.OWNER, Role.AGENT)


def _invite(platform: Business, role: str = "support", **contact: str) -> str:
    answer = platform.call("POST", STAFF, {"role": role, **(contact or {"phone": JUMA["phone"]})}, role=Role.STAFF)
    assert answer.status == 202, answer.body
    return link()


def _administrators(platform: Business) -> int:
    found = tables.get(AccountsSettings.load().accounts_table, users.heads_key(TenantId(platform.tenant), Role.STAFF))
    assert found
    return int(found["staff"])


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
@pytest.mark.parametrize("role", [None, Role.OWNER, Role.AGENT, Role.SUPPORT])
def test_nobody_but_an_administrator_manages_staff(
    platform: Business, method: str, path: str, body: Any, role: Role | None
) -> None:
    before = platform.members()
    if role is None:
        assert platform.door.call(method, path, body).status == 401
    else:
        assert platform.call(method, path, body, role=role).status == 403
    assert platform.members() == before
    assert notices() == []


@pytest.mark.parametrize(("method", "path", "body"), [route for route in ROUTES if SOMEBODY in route[1]])
@pytest.mark.parametrize("who", [SOMEBODY, "x" * 2000, "%20"])
def test_somebody_who_is_not_there_is_not_found(
    platform: Business, method: str, path: str, body: Any, who: str
) -> None:
    assert platform.call(method, path.replace(SOMEBODY, who), body, role=Role.STAFF).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"role": "support"},
        {"phone": "0712999888"},
        {"phone": "0712999888", "role": "owner"},
        {"phone": "0712999888", "role": "agent"},
        {"phone": "0712999888", "role": "staff", "tenant_id": "t2"},
        {"phone": "0712999888", "email": "juma@duka.example", "role": "staff"},
    ],
)
def test_what_is_no_invitation_to_the_staff_is_refused(platform: Business, body: Any) -> None:
    assert platform.call("POST", STAFF, body, role=Role.STAFF).status == 422
    assert notices() == []


@pytest.mark.parametrize("body", [{}, {"role": "owner"}, {"role": "agent"}, {"role": "staff", "status": "suspended"}])
def test_staff_are_made_nothing_but_staff(platform: Business, body: Any) -> None:
    who = platform.people[Role.SUPPORT]
    assert platform.call("PATCH", f"{STAFF}{who}/", body, role=Role.STAFF).status == 422
    assert platform.members()[who] == "support"


@pytest.mark.parametrize("role", ["support", "staff"])
def test_who_accepts_is_what_they_were_invited_to_be(platform: Business, door: Door, role: str) -> None:
    text = _invite(platform, role)
    assert read(door, text).body["role"] == role
    entered = register(door, text)
    assert (entered.status, entered.body["user"]["role"]) == (201, role)
    assert platform.members()[entered.body["user"]["id"]] == role
    assert _administrators(platform) == (2 if role == "staff" else 1)
    assert register(door, text, email="second@duka.example").code == "invitation_invalid"
    assert platform.listed("STAFF_INVITATIONS") == set()
    assert {deed["action"] for deed in deeds(platform.tenant)} == {"member.invited", "invitation.accepted"}


def test_who_has_an_account_joins_the_staff_with_it(platform: Business, door: Door) -> None:
    mine = door.register()
    assert accept(door, _invite(platform, "staff"), mine.access).body["role"] == "staff"
    assert platform.members()[mine.body["user"]["id"]] == "staff"
    assert door.me(mine.access).body["user"]["role"] == "owner"


def test_who_joins_the_staff_does_nothing_before_they_have_a_second_factor(
    platform: Business, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = _invite(platform, "staff")
    monkeypatch.setenv("SECOND_FACTOR_FOR_STAFF", "True")
    settings.forget()
    entered = register(door, text)
    assert door.me(entered.access).status == 200
    refused = door.call("GET", STAFF, token=entered.access)
    assert (refused.status, refused.code) == (403, "second_factor_missing")


def test_staff_are_listed_without_the_others_of_their_tenant(platform: Business) -> None:
    for place in range(6):
        platform.join(Role.SUPPORT if place == 5 else Role.AGENT, f"01jd8x6q5v7w9y2k4m6p8r07{place:02}")
    first = platform.call("GET", STAFF, query={"limit": "2"}, role=Role.STAFF)
    assert [one["role"] for one in first.body["items"]] == ["staff", "support"]
    rest = platform.call("GET", STAFF, query={"limit": "2", "cursor": first.body["next"]}, role=Role.STAFF)
    assert [one["id"] for one in rest.body["items"]] == ["01jd8x6q5v7w9y2k4m6p8r0705"]
    assert rest.body["next"] is None
    elsewhere = platform.call("GET", MEMBERS, query={"cursor": first.body["next"]})
    assert elsewhere.status == 422


def test_a_tenants_own_people_reach_neither_staff_nor_their_invitations(platform: Business, door: Door) -> None:
    text = _invite(platform, "staff")
    (invited,) = platform.listed("STAFF_INVITATIONS")
    support = platform.people[Role.SUPPORT]
    assert platform.call("GET", INVITATIONS).body["items"] == []
    for role in (Role.OWNER, Role.STAFF):
        assert platform.call("DELETE", f"{INVITATIONS}{invited}/", role=role).status == 404
        assert platform.call("POST", f"{INVITATIONS}{invited}/resend/", role=role).status == 404
        assert platform.call("DELETE", f"{MEMBERS}{support}/", role=role).status == 403
        assert platform.call("PATCH", f"{MEMBERS}{support}/", {"role": "agent"}, role=role).status == 403
    assert read(door, text).status == 200


def test_staff_routes_reach_nobody_who_is_not_staff_and_no_other_tenant(platform: Business, door: Door) -> None:
    other = Business.open(door, Role.SUPPORT, number=1)
    invited = platform.invite().body["id"]
    for who in (platform.people[Role.OWNER], platform.people[Role.AGENT], other.people[Role.SUPPORT]):
        assert platform.call("PATCH", f"{STAFF}{who}/", {"role": "staff"}, role=Role.STAFF).status == 404
        assert platform.call("DELETE", f"{STAFF}{who}/", role=Role.STAFF).status == 404
    assert platform.call("DELETE", f"{STAFF_INVITATIONS}{invited}/", role=Role.STAFF).status == 404
    assert platform.call("GET", STAFF_INVITATIONS, role=Role.STAFF).body["items"] == []
    assert platform.listed() == {invited}


def test_an_invitation_to_the_staff_is_listed_sent_again_and_taken_back(platform: Business, door: Door) -> None:
    first = _invite(platform)
    (listed,) = platform.call("GET", STAFF_INVITATIONS, role=Role.STAFF).body["items"]
    assert (listed["role"], listed["state"]) == ("support", "open")
    path = f"{STAFF_INVITATIONS}{listed['id']}/"
    assert platform.call("POST", f"{path}resend/", role=Role.STAFF).status == 202
    second = link()
    assert [read(door, text).status for text in (first, second)] == [422, 200]
    assert platform.call("DELETE", path, role=Role.STAFF).status == 204
    assert read(door, second).code == "invitation_invalid"


def test_an_administrator_who_became_support_has_invited_nobody(platform: Business, door: Door) -> None:
    text = _invite(platform, "support")
    platform.turn(Role.STAFF, "role", "support")
    assert register(door, text).code == "invitation_invalid"


def test_a_change_of_role_ends_sessions_and_stands_in_the_log(platform: Business, door: Door) -> None:
    entered = register(door, _invite(platform, "support"))
    who = entered.body["user"]["id"]
    changed = platform.call("PATCH", f"{STAFF}{who}/", {"role": "staff"}, role=Role.STAFF)
    assert (changed.status, changed.body["role"], _administrators(platform)) == (200, "staff", 2)
    assert door.refresh(entered.refresh).status == 401
    told = [deed for deed in deeds(platform.tenant) if deed["action"] == "member.role_changed"]
    assert [(one["target"], one["before"], one["after"], one["listing_pk"]) for one in told] == [
        (who, {"role": "support"}, {"role": "staff"}, "STAFF")
    ]
    again = platform.call("PATCH", f"{STAFF}{who}/", {"role": "staff"}, role=Role.STAFF)
    assert (again.status, _administrators(platform)) == (200, 2)


def test_who_is_removed_is_signed_out_and_keeps_their_account(platform: Business, door: Door) -> None:
    entered = register(door, _invite(platform, "staff"))
    who = entered.body["user"]["id"]
    assert platform.call("DELETE", f"{STAFF}{who}/", role=Role.STAFF).status == 204
    assert who not in platform.members()
    assert door.refresh(entered.refresh).status == 401
    assert door.call("GET", STAFF, token=entered.access).status == 200  # for the minutes that the token lasts
    assert door.call("DELETE", f"{STAFF}{platform.people[Role.STAFF]}/", token=entered.access).status == 403
    assert tables.get(AccountsSettings.load().accounts_table, users.key(UserId(who)))
    assert _administrators(platform) == 1
    assert "member.removed" in {deed["action"] for deed in deeds(platform.tenant)}


def test_the_last_administrator_stays_one(platform: Business) -> None:
    me = f"{STAFF}{platform.people[Role.STAFF]}/"
    for method, body in (("PATCH", {"role": "support"}), ("DELETE", None)):
        refused = platform.call(method, me, body, role=Role.STAFF)
        assert (refused.status, refused.code) == (409, "last_administrator")
    platform.join(Role.STAFF, "01jd8x6q5v7w9y2k4m6p8r0701")
    assert platform.call("DELETE", me, role=Role.STAFF).status == 204
    assert _administrators(platform) == 1


def test_administrators_of_an_older_stage_are_counted_when_it_matters(platform: Business) -> None:
    platform.join(Role.STAFF, "01jd8x6q5v7w9y2k4m6p8r0701")
    key = users.heads_key(TenantId(platform.tenant), Role.STAFF)
    dynamodb().delete_item(TableName=AccountsSettings.load().accounts_table, Key=marshal(key._asdict()))
    assert platform.call("DELETE", f"{STAFF}01jd8x6q5v7w9y2k4m6p8r0701/", role=Role.STAFF).status == 204
    assert _administrators(platform) == 1
    me = f"{STAFF}{platform.people[Role.STAFF]}/"
    assert platform.call("DELETE", me, role=Role.STAFF).code == "last_administrator"


@pytest.mark.parametrize("deed", ["remove", "demote"])
def test_two_administrators_who_end_each_other_at_once_leave_one(platform: Business, deed: str) -> None:
    platform.join(Role.STAFF, "01jd8x6q5v7w9y2k4m6p8r0701")
    pair = [platform.people[Role.STAFF], "01jd8x6q5v7w9y2k4m6p8r0701"]

    def end(number: int) -> str:
        caller = Principal(TenantId(platform.tenant), UserId(pair[number]), Role.STAFF)
        if deed == "remove":
            staff.remove(caller, UserId(pair[1 - number]))
        else:
            staff.change(caller, UserId(pair[1 - number]), Role.SUPPORT)
        return "done"

    said = at_once(platform.door, 2, end)
    assert said.count("done") == 1
    assert [role for role in platform.members().values() if role == "staff"] == ["staff"]
    assert _administrators(platform) == 1


@pytest.mark.parametrize("first", [0, 1])
def test_two_administrators_who_leave_at_once_leave_one(platform: Business, first: int) -> None:
    platform.join(Role.STAFF, "01jd8x6q5v7w9y2k4m6p8r0701")
    pair = [platform.people[Role.STAFF], "01jd8x6q5v7w9y2k4m6p8r0701"]

    def leave(number: int) -> str:
        me = UserId(pair[number - first])
        staff.remove(Principal(TenantId(platform.tenant), me, Role.STAFF), me)
        return "done"

    assert sorted(at_once(platform.door, 2, leave)) == ["LastAdministrator", "done"]
    assert _administrators(platform) == 1


@pytest.mark.parametrize("after", [False, True])
def test_a_removal_cut_anywhere_can_be_asked_for_again(platform: Business, after: bool) -> None:
    other, me = UserId("01jd8x6q5v7w9y2k4m6p8r0701"), UserId(platform.people[Role.STAFF])
    platform.join(Role.STAFF, other)
    caller = Principal(TenantId(platform.tenant), me, Role.STAFF)
    for cut in range(2):  # the read, and the one transaction
        platform.door.wire.cut(cut, after=after)
        with pytest.raises(Crash):
            staff.remove(caller, other)
        platform.door.wire.mend()
        done = after and cut == 1
        assert (other in platform.members()) is not done
        assert _administrators(platform) == (1 if done else 2)
        assert ("member.removed" in {deed["action"] for deed in deeds(platform.tenant)}) is done
