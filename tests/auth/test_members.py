"""Members: who may change whom, what ends with it, and the owner who always stays."""

import threading
from typing import Any

import pytest

from functions.auth import users
from functions.auth.accounts import AccountsSettings
from functions.auth.users import Person
from mifumo import aws, tables, writes
from mifumo.audit import AuditSettings
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.phone import Msisdn
from tests.auth.door import Answer, Door
from tests.builders import token

MEMBERS = "/api/tenant/members/"
PEOPLE = {Role.OWNER: "u2", Role.ADMIN: "u3", Role.AGENT: "u4", Role.STAFF: "u5"}


class Team:
    """Asha's business with a second owner, an admin, an agent and one of the platform's people in it."""

    def __init__(self, door: Door) -> None:
        self.door = door
        entered = door.register()
        self.tenant, self.asha = entered.body["tenant"]["id"], entered.body["user"]["id"]
        for role, user in PEOPLE.items():
            person = Person(f"{user}@duka.example", Msisdn(f"+25571200000{user[1]}"), "Juma", "Ali")
            _, joined = users.join(
                person, password_hash="x", user=UserId(user), tenant=TenantId(self.tenant), role=role
            )
            writes.transact(*joined)

    def call(self, method: str, path: str, body: Any = None, *, user: str = "", role: str = "owner") -> Answer:
        """Calls as a member, Asha unless another is named."""
        return self.door.call(method, path, body, token=token(tenant=self.tenant, user=user or self.asha, role=role))

    def roles(self) -> dict[str, tuple[str, str]]:
        """Reads what everybody is."""
        items = self.call("GET", MEMBERS).body["items"]
        return {item["id"]: (item["role"], item["status"]) for item in items}

    def owners(self) -> int:
        """Reads the count."""
        found = tables.get(AccountsSettings.load().accounts_table, users.heads_key(TenantId(self.tenant), Role.OWNER))
        assert found
        return int(found["owners"])

    def deeds(self) -> list[str]:
        """Lists the audit log's actions, sessions left out."""
        items = [
            aws.unmarshal(item) for item in aws.dynamodb().scan(TableName=AuditSettings.load().audit_table)["Items"]
        ]
        return sorted(item["action"] for item in items if not item["action"].startswith("session"))


@pytest.fixture
def team(door: Door) -> Team:
    """Makes the team."""
    return Team(door)


def test_members_are_listed_page_by_page_to_everybody_in_the_tenant(team: Team) -> None:
    first = team.call("GET", MEMBERS, user="u4", role="agent")
    assert {item["id"] for item in first.body["items"]} == {team.asha, "u2", "u3", "u4", "u5"}
    assert set(first.body["items"][0]) >= {"id", "user_id", "email", "phone", "role", "status"}
    page = team.door.call("GET", MEMBERS, query={"limit": "2"}, token=token(tenant=team.tenant, role="agent"))
    assert len(page.body["items"]) == 2
    assert page.body["next"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", MEMBERS, None),
        ("PATCH", f"{MEMBERS}u4/", {"role": "admin"}),
        ("DELETE", f"{MEMBERS}u4/", None),
        ("DELETE", f"{MEMBERS}me/", None),
        ("POST", "/api/tenant/transfer/", {"user_id": "u4"}),
    ],
)
def test_nobody_gets_in_without_a_token(team: Team, method: str, path: str, body: Any) -> None:
    assert team.door.call(method, path, body).status == 401


def test_t3_an_agent_changes_nobody_and_not_the_tenant(team: Team) -> None:
    before = team.roles()
    assert team.call("PATCH", f"{MEMBERS}u3/", {"role": "agent"}, user="u4", role="agent").status == 403
    assert team.call("DELETE", f"{MEMBERS}u3/", user="u4", role="agent").status == 403
    assert team.call("POST", "/api/tenant/transfer/", {"user_id": "u3"}, user="u3", role="admin").status == 403
    assert team.roles() == before
    assert team.deeds() == []


def test_t8_a_member_of_another_tenant_is_not_there(team: Team) -> None:
    theirs = token(tenant="another-tenant", user="stranger")
    assert team.door.call("PATCH", f"{MEMBERS}u4/", {"role": "admin"}, token=theirs).status == 404
    assert team.door.call("DELETE", f"{MEMBERS}u4/", token=theirs).status == 404
    assert team.door.call("GET", MEMBERS, token=theirs).body["items"] == []
    assert team.roles()["u4"] == ("agent", "active")


@pytest.mark.parametrize("body", [{}, {"role": "staff"}, {"role": "support"}, {"status": "gone"}, {"tenant": "t2"}])
def test_what_is_not_a_change_is_refused(team: Team, body: Any) -> None:
    assert team.call("PATCH", f"{MEMBERS}u4/", body).status == 422


def test_a_change_of_role_is_written_and_told(team: Team) -> None:
    answer = team.call("PATCH", f"{MEMBERS}u4/", {"role": "admin"})
    assert (answer.status, answer.body["role"]) == (200, "admin")
    assert team.roles()["u4"] == ("admin", "active")
    assert team.deeds() == ["member.role_changed"]


def test_an_admin_touches_no_owner_and_makes_none(team: Team) -> None:
    for method, path, body in (
        ("PATCH", f"{MEMBERS}u2/", {"status": "suspended"}),
        ("PATCH", f"{MEMBERS}u4/", {"role": "owner"}),
        ("DELETE", f"{MEMBERS}u2/", None),
    ):
        assert team.call(method, path, body, user="u3", role="admin").status == 403
    assert team.call("DELETE", f"{MEMBERS}u4/", user="u3", role="admin").status == 204


def test_platform_people_are_not_managed_by_a_tenant(team: Team) -> None:
    assert team.call("PATCH", f"{MEMBERS}u5/", {"role": "agent"}).status == 403
    assert team.call("DELETE", f"{MEMBERS}u5/").status == 403
    assert team.call("DELETE", f"{MEMBERS}me/", user="u5", role="staff").status == 403
    assert team.roles()["u5"] == ("staff", "active")


def test_a_suspended_members_session_ends_and_a_reactivated_one_signs_in_again(door: Door) -> None:
    entered = door.register()
    team = Team.__new__(Team)
    team.door, team.tenant, team.asha = door, entered.body["tenant"]["id"], entered.body["user"]["id"]
    other = door.register(email="other@duka.example", phone="0712345679")
    tenant, user = TenantId(other.body["tenant"]["id"]), UserId("u2")
    person = Person("u2@duka.example", Msisdn("+255712000002"), "Juma", "Ali")
    writes.transact(*users.join(person, password_hash="x", user=user, tenant=tenant, role=Role.OWNER)[1])
    by_second = token(tenant=tenant, user=user)
    path = f"{MEMBERS}{other.body['user']['id']}/"
    assert door.call("PATCH", path, {"status": "suspended"}, token=by_second).status == 200
    assert door.refresh(other.refresh).status == 401
    assert door.login(email="other@duka.example").status == 401
    assert door.refresh(entered.refresh).status == 200
    assert door.call("PATCH", path, {"status": "active"}, token=by_second).status == 200
    assert door.login(email="other@duka.example").status == 200


def test_the_last_active_owner_can_be_neither_demoted_suspended_nor_removed(team: Team) -> None:
    assert team.call("PATCH", f"{MEMBERS}u2/", {"status": "suspended"}).status == 200
    before = team.roles()
    for method, path, body in (
        ("PATCH", f"{MEMBERS}{team.asha}/", {"role": "admin"}),
        ("PATCH", f"{MEMBERS}{team.asha}/", {"status": "suspended"}),
        ("DELETE", f"{MEMBERS}{team.asha}/", None),
        ("DELETE", f"{MEMBERS}me/", None),
    ):
        answer = team.call(method, path, body)
        assert (answer.status, answer.code) == (409, "last_owner")
    assert team.roles() == before
    assert team.owners() == 1
    assert team.deeds() == ["member.suspended"]


def test_an_owner_of_two_may_leave_and_a_removed_one_removes_nobody(team: Team) -> None:
    assert team.call("DELETE", f"{MEMBERS}me/", user="u2").status == 204
    assert "u2" not in team.roles()
    assert team.owners() == 1
    assert team.call("DELETE", f"{MEMBERS}u4/", user="u2").status == 403
    assert "u4" in team.roles()


@pytest.mark.parametrize("first", [0, 1])
def test_two_owners_who_remove_each_other_at_once_leave_one(team: Team, first: int) -> None:
    team.door.wire.take_turns()
    pairs, said = [(team.asha, "u2"), ("u2", team.asha)], list[int]()
    barrier = threading.Barrier(2)

    def run(by: str, whom: str) -> None:
        barrier.wait()
        said.append(team.call("DELETE", f"{MEMBERS}{whom}/", user=by).status)

    threads = [threading.Thread(target=run, args=pair) for pair in (pairs[first], pairs[1 - first])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = [role for role, _ in team.roles().values() if role == "owner"]
    assert said.count(204) == 1
    assert len(left) == 1
    assert team.owners() == 1


def test_owners_of_an_older_stage_are_counted_when_it_matters(team: Team) -> None:
    table, key = AccountsSettings.load().accounts_table, users.heads_key(TenantId(team.tenant), Role.OWNER)
    aws.dynamodb().delete_item(TableName=table, Key=aws.marshal(key._asdict()))
    assert team.call("DELETE", f"{MEMBERS}u2/").status == 204
    assert team.owners() == 1
    assert team.call("DELETE", f"{MEMBERS}me/").code == "last_owner"


def test_ownership_goes_over_in_one_step(team: Team) -> None:
    answer = team.call("POST", "/api/tenant/transfer/", {"user_id": "u4"})
    assert (answer.status, answer.body["role"]) == (200, "owner")
    assert team.roles()[team.asha] == ("admin", "active")
    assert team.roles()["u4"] == ("owner", "active")
    assert team.owners() == 2
    assert team.deeds() == ["ownership.transferred"]
    assert team.call("POST", "/api/tenant/transfer/", {"user_id": "u3"}).status == 403


def test_ownership_goes_to_no_stranger_no_owner_and_no_staff(team: Team) -> None:
    assert team.call("POST", "/api/tenant/transfer/", {"user_id": "nobody"}).status == 404
    assert team.call("POST", "/api/tenant/transfer/", {"user_id": "u2"}).status == 409
    assert team.call("POST", "/api/tenant/transfer/", {"user_id": "u5"}).status == 409


def test_t2_registering_makes_a_membership_that_is_found_from_both_sides(team: Team) -> None:
    table = AccountsSettings.load().accounts_table
    user, tenant = UserId(team.asha), TenantId(team.tenant)
    mirror = tables.get(table, users.mirror_key(user, tenant))
    assert mirror
    assert mirror["tenant_id"] == tenant
    assert team.owners() == 2


def test_t9_a_removed_member_leaves_their_account_and_the_log_behind(team: Team) -> None:
    assert team.call("DELETE", f"{MEMBERS}u4/").status == 204
    table = AccountsSettings.load().accounts_table
    assert tables.get(table, users.key(UserId("u4")))
    assert tables.get(table, users.mirror_key(UserId("u4"), TenantId(team.tenant))) is None
    assert team.deeds() == ["member.removed"]
