"""The second factor: setting it up, coming in with it, losing it, and being made to have one."""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pyotp
import pytest
import time_machine
from time_machine import Traveller as Clock

from functions.auth import signin, users
from functions.auth.accounts import AccountsSettings
from functions.auth.throttles import Throttled
from mifumo import aws, tenants, writes
from mifumo.audit import AuditSettings
from mifumo.errors import InvalidCredentials
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.tenants import AccessSettings
from tests.auth.door import PASSWORD, Answer, CountingHasher, Door, notices
from tests.builders import token
from tests.wire import Crash

FACTOR = "/api/auth/second-factor/"
CONFIRM, RENEW, DISABLE = f"{FACTOR}confirm/", f"{FACTOR}recovery-codes/", f"{FACTOR}disable/"
EMAIL, IP = "asha@duka.example", "196.41.32.10"


@pytest.fixture
def now() -> Iterator[Clock]:
    with time_machine.travel(datetime(2026, 3, 2, 8, 15, 10, tzinfo=UTC), tick=False) as coordinates:
        yield coordinates


def begin(door: Door, access: str) -> pyotp.TOTP:
    begun = door.call("POST", FACTOR, {"password": PASSWORD}, token=access)
    assert begun.status == 201
    app = pyotp.parse_uri(begun.body["otpauth_uri"])
    assert isinstance(app, pyotp.TOTP)
    assert app.secret == begun.body["secret"]
    return app


def confirm(door: Door, access: str, code: str) -> Answer:
    return door.call("POST", CONFIRM, {"code": code}, token=access)


def set_up(door: Door, access: str, now: Clock) -> tuple[pyotp.TOTP, list[str]]:
    app = begin(door, access)
    confirmed = confirm(door, access, app.now())
    assert confirmed.status == 200
    now.shift(30)
    return app, list(confirmed.body["recovery_codes"])


def login(door: Door, code: str | None = None, password: str = PASSWORD) -> Answer:
    given = {"email": EMAIL, "password": password} | ({"second_factor": code} if code else {})
    return door.call("POST", "/api/auth/login/", given)


def deeds(like: str) -> list[str]:
    items = aws.dynamodb().scan(TableName=AuditSettings.load().audit_table)["Items"]
    return sorted(item["action"]["S"] for item in items if like in item["action"]["S"])


def demand(tenant: str) -> None:
    writes.commit(
        writes.update(
            AccessSettings.load().access_table,
            tenants.key(TenantId(tenant)),
            "SET preferences = :preferences",
            condition="attribute_exists(pk)",
            values={":preferences": {"require_second_factor": True}},
            refused=lambda _: AssertionError("no such tenant"),
        )
    )


def test_a_factor_asks_for_nothing_until_its_first_code_is_confirmed(door: Door, now: Clock) -> None:
    asha = door.register()
    app = begin(door, asha.access)
    assert login(door).status == 200
    assert door.call("GET", FACTOR, token=asha.access).body == {
        "enabled": False,
        "enabled_at": None,
        "required": False,
        "recovery_codes_left": 0,
    }
    assert len(confirm(door, asha.access, app.now()).body["recovery_codes"]) == 10
    shown = door.call("GET", FACTOR, token=asha.access).body
    assert (shown["enabled"], shown["enabled_at"]) == (True, "2026-03-02T08:15:10.000Z")
    assert shown["recovery_codes_left"] == 10
    assert login(door).code == "second_factor_required"
    now.shift(30)
    assert login(door, app.now()).status == 200
    assert deeds("second_factor") == ["second_factor.enabled"]


def test_every_other_session_ends_when_the_factor_goes_on_and_when_it_goes_off(door: Door, now: Clock) -> None:
    asha, elsewhere = door.register(), door.login()
    app, _ = set_up(door, asha.access, now)
    assert door.refresh(elsewhere.refresh).status == 401
    again = login(door, app.now())
    now.shift(30)
    proof = {"password": PASSWORD, "code": app.now()}
    assert door.call("POST", DISABLE, proof, token=again.access).status == 204
    assert door.refresh(asha.refresh).status == 401
    assert door.refresh(again.refresh).status == 200
    assert login(door).status == 200
    assert deeds("second_factor") == ["second_factor.disabled", "second_factor.enabled"]
    assert [(notice["to"], "second factor" in notice["text"]) for notice in notices()] == [("+255712345678", True)]


def test_a_code_counts_once_and_also_the_one_that_set_it_up(door: Door, now: Clock) -> None:
    asha = door.register()
    app = begin(door, asha.access)
    first = app.now()
    assert confirm(door, asha.access, first).status == 200
    assert login(door, first).code == "invalid_credentials"
    now.shift(30)
    code = app.now()
    assert [login(door, code).status for _ in range(2)] == [200, 401]


@pytest.mark.parametrize(("seconds", "status"), [(-60, 401), (-30, 200), (0, 200), (30, 200), (60, 401)])
def test_a_clock_may_be_half_a_minute_off_and_no_more(door: Door, now: Clock, seconds: int, status: int) -> None:
    asha = door.register()
    app, _ = set_up(door, asha.access, now)
    now.shift(300)
    code = app.at(int(time.time()) + seconds)
    assert login(door, code).status == status


@pytest.mark.parametrize("paper", [False, True])
def test_twenty_logins_with_one_code_at_once_open_one_session(door: Door, now: Clock, *, paper: bool) -> None:
    asha = door.register()
    app, recovery = set_up(door, asha.access, now)
    code = recovery[0] if paper else app.now()
    door.wire.take_turns()

    def enter(_: int) -> int:
        with contextlib.suppress(InvalidCredentials, Throttled):
            signin.login(EMAIL, PASSWORD, second_factor=code, source_ip=IP)
            return 1
        return 0

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(enter, range(20))) == 1


def test_a_recovery_code_stands_in_once_however_it_is_typed(door: Door, now: Clock) -> None:
    asha = door.register()
    _, recovery = set_up(door, asha.access, now)
    typed = recovery[3].upper().replace("-", " ").replace("0", "O").replace("1", "I")
    assert login(door, f" {typed} ").status == 200
    assert login(door, recovery[3]).code == "invalid_credentials"
    assert door.call("GET", FACTOR, token=asha.access).body["recovery_codes_left"] == 9
    assert deeds("recovery") == ["recovery_code.used"]


def test_all_ten_recovery_codes_are_good_and_new_ones_make_the_old_ones_void(door: Door, now: Clock) -> None:
    asha = door.register()
    app, recovery = set_up(door, asha.access, now)
    assert [login(door, code).status for code in recovery] == [200] * 10
    assert door.call("GET", FACTOR, token=asha.access).body["recovery_codes_left"] == 0
    renewed = door.call("POST", RENEW, {"password": PASSWORD, "code": app.now()}, token=asha.access)
    assert login(door, renewed.body["recovery_codes"][9]).status == 200
    now.shift(30)
    latest = door.call("POST", RENEW, {"password": PASSWORD, "code": app.now()}, token=asha.access)
    assert login(door, renewed.body["recovery_codes"][0]).status == 401
    assert login(door, latest.body["recovery_codes"][0]).status == 200


def test_a_wrong_factor_is_answered_like_a_wrong_password_and_counted_like_one(door: Door, now: Clock) -> None:
    asha = door.register()
    app, _ = set_up(door, asha.access, now)
    wrong, password = login(door, "000000"), login(door, app.now(), password="not the password")
    for answer in (wrong, password):
        answer.body.pop("request_id")
    assert (wrong.status, wrong.body) == (password.status, password.body) == (401, wrong.body)
    assert [login(door, f"00000{digit}").status for digit in range(8)] == [401] * 8
    assert login(door, app.now()).status == 429


def test_a_right_password_without_the_factor_is_counted_until_the_factor_forgives(door: Door, now: Clock) -> None:
    asha = door.register()
    app, _ = set_up(door, asha.access, now)
    for _ in range(9):
        assert login(door).status == 401
    assert login(door, app.now()).status == 200
    assert [login(door).status for _ in range(11)] == [401] * 10 + [429]


def test_every_path_of_a_login_costs_one_hash(door: Door, hasher: CountingHasher, now: Clock) -> None:
    asha = door.register()
    app, _ = set_up(door, asha.access, now)

    def cost(*given: Any) -> list[str]:
        hasher.asked.clear()
        given[0](*given[1:])
        return list(hasher.asked)

    paths = {
        "unknown": cost(door.login, "nobody@duka.example"),
        "wrong password": cost(login, door, app.now(), "not the password"),
        "lacking factor": cost(login, door),
        "wrong factor": cost(login, door, "000000"),
        "right": cost(login, door, app.now()),
    }
    assert [login(door).status for _ in range(11)][-1] == 429
    paths["locked, wrong"] = cost(login, door, None, "not the password")
    paths["locked, right"] = cost(login, door, "000000")
    assert paths == {path: ["verify"] for path in paths}


def test_an_outdated_hash_is_made_anew_only_behind_the_factor(
    door: Door, hasher: CountingHasher, monkeypatch: pytest.MonkeyPatch, now: Clock
) -> None:
    asha = door.register()
    app, _ = set_up(door, asha.access, now)
    monkeypatch.setattr(hasher, "check_needs_rehash", lambda _: True)
    hasher.asked.clear()
    assert [login(door).status, login(door, app.now()).status] == [401, 200]
    assert hasher.asked == ["verify", "verify", "hash"]


def test_a_tenant_that_demands_a_factor_lets_its_people_do_nothing_else_until_they_have_one(
    door: Door, now: Clock
) -> None:
    asha = door.register()
    demand(asha.body["tenant"]["id"])
    assert door.call("GET", "/api/tenant/members/", token=asha.access).status == 200
    refreshed = door.refresh(asha.refresh)
    for enrolling in (refreshed.access, login(door).access):
        refused = door.call("GET", "/api/tenant/members/", token=enrolling)
        assert (refused.status, refused.code) == (403, "second_factor_missing")
        assert door.call("GET", FACTOR, token=enrolling).body["required"] is True
    app, _ = set_up(door, refreshed.access, now)
    free = door.refresh(refreshed.refresh)
    assert door.call("GET", "/api/tenant/members/", token=free.access).status == 200
    proof = {"password": PASSWORD, "code": app.now()}
    assert door.call("POST", DISABLE, proof, token=free.access).status == 204
    again = door.refresh(free.refresh)
    assert door.call("GET", "/api/tenant/members/", token=again.access).code == "second_factor_missing"


def test_switching_asks_what_the_other_tenant_demands(door: Door) -> None:
    asha, juma = door.register(), door.register(email="juma@duka.example", phone="0754000111")
    writes.transact(*users.enrol(juma.body["user"]["id"], asha.body["tenant"]["id"], Role.ADMIN))
    demand(asha.body["tenant"]["id"])
    there = door.call("POST", "/api/auth/switch/", {"tenant_id": asha.body["tenant"]["id"]}, token=juma.access)
    assert door.call("GET", "/api/tenant/members/", token=there.access).code == "second_factor_missing"
    back = door.call("POST", "/api/auth/switch/", {"tenant_id": juma.body["tenant"]["id"]}, token=there.access)
    assert door.call("GET", "/api/tenant/members/", token=back.access).status == 200


@pytest.mark.parametrize(("demanded", "code"), [("True", "second_factor_missing"), ("False", None)])
def test_staff_do_nothing_without_a_factor_where_the_platform_demands_it(
    door: Door, monkeypatch: pytest.MonkeyPatch, demanded: str, code: str | None
) -> None:
    monkeypatch.setenv("SECOND_FACTOR_FOR_STAFF", demanded)
    asha = door.register()
    member = users.membership(UserId(asha.body["user"]["id"]), TenantId(asha.body["tenant"]["id"]))
    writes.commit(
        writes.update(
            *member,
            "SET #role = :role",
            condition="attribute_exists(pk)",
            names={"#role": "role"},
            values={":role": "staff"},
            refused=lambda _: AssertionError("no such member"),
        )
    )
    for entered in (door.refresh(asha.refresh), door.login()):
        assert door.call("GET", "/api/admin/auth/audit/", token=entered.access).body.get("code") == code


@pytest.mark.parametrize("path", [RENEW, DISABLE])
def test_whoever_renews_or_disables_shows_password_and_code(door: Door, now: Clock, path: str) -> None:
    asha = door.register()
    app = pyotp.TOTP(pyotp.random_base32())
    none_on = door.call("POST", path, {"password": PASSWORD, "code": app.now()}, token=asha.access)
    assert none_on.status == 409
    app, recovery = set_up(door, asha.access, now)
    for proof in ({"password": "not the password", "code": app.now()}, {"password": PASSWORD, "code": "000000"}):
        refused = door.call("POST", path, proof, token=asha.access)
        assert (refused.status, refused.code) == (401, "invalid_credentials")
    assert login(door).code == "second_factor_required"
    again = door.call("POST", path, {"password": PASSWORD, "code": recovery[0]}, token=asha.access)
    assert again.status < 300


def test_a_second_factor_is_set_up_by_its_user_alone(door: Door) -> None:
    asha = door.register()
    assert door.call("POST", FACTOR, {"password": "not the password"}, token=asha.access).status == 401
    for path, body in (
        (FACTOR, {"password": PASSWORD}),
        (CONFIRM, {"code": "000000"}),
        (RENEW, {"password": PASSWORD, "code": "000000"}),
        (DISABLE, {"password": PASSWORD, "code": "000000"}),
    ):
        assert door.call("POST", path, body).status == 401
        assert door.call("POST", path, {}, token=asha.access).status == 422
        assert door.call("POST", path, body, token=token(user="01jd8x6q5v7w9y2k4m6p8r0t1a")).status in {401, 409}
    assert door.call("GET", FACTOR).status == 401
    assert login(door).status == 200


def test_what_was_begun_is_confirmed_within_an_hour_and_with_its_own_code(door: Door, now: Clock) -> None:
    asha = door.register()
    assert confirm(door, asha.access, "000000").status == 409
    first, second = begin(door, asha.access), begin(door, asha.access)
    assert first.secret != second.secret
    assert confirm(door, asha.access, first.now()).code == "code_invalid"
    now.shift(3600)
    late = door.login()
    assert confirm(door, late.access, second.now()).status == 409
    app, _ = set_up(door, late.access, now)
    assert door.call("POST", FACTOR, {"password": PASSWORD}, token=late.access).status == 409
    assert confirm(door, late.access, app.now()).status == 409


def test_no_table_holds_a_secret_or_a_recovery_code(door: Door, now: Clock) -> None:
    asha = door.register()
    app, recovery = set_up(door, asha.access, now)
    stored = str([aws.dynamodb().scan(TableName=AccountsSettings.load().accounts_table)["Items"], deeds("")])
    for secret in (app.secret, *recovery, *(code.replace("-", "") for code in recovery)):
        assert secret.lower() not in stored.lower()


def test_an_erased_user_leaves_no_second_factor(door: Door, now: Clock) -> None:
    asha, juma = door.register(), door.register(email="juma@duka.example", phone="0754000111")
    writes.transact(*users.enrol(juma.body["user"]["id"], asha.body["tenant"]["id"], Role.OWNER))
    set_up(door, asha.access, now)
    assert "SECOND_FACTOR" in door.kinds()
    erased = door.call("POST", "/api/auth/me/erase/", {"password": PASSWORD}, token=asha.access)
    assert erased.status == 204
    assert "SECOND_FACTOR" not in door.kinds()


@pytest.mark.parametrize("after", [False, True])
def test_cut_off_at_any_call_a_factor_is_on_or_off_and_never_between(door: Door, now: Clock, *, after: bool) -> None:
    asha, ended = door.register(), list[int]()
    app = begin(door, asha.access)
    for at in range(20):
        door.wire.cut(at, after=after)
        try:
            ended.append(confirm(door, asha.access, app.now()).status)
            break
        except Crash:
            door.wire.mend()
            enabled = door.call("GET", FACTOR, token=asha.access).body["enabled"]
            assert login(door).status == (401 if enabled else 200)
    assert at > 2
    assert ended in ([200], [409])
    assert login(door).code == "second_factor_required"
