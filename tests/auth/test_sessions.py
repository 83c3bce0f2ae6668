"""Sessions: one good refresh token at a time, and what happens to copies of it."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
import time_machine
from hypothesis import example, given
from hypothesis import strategies as st

from functions.auth import logins, sessions, tokens
from functions.auth.refresh_tokens import RefreshToken
from functions.auth.sessions import SessionEnded
from functions.auth.tokens import Tokens
from mifumo import aws, callers, tables, writes
from mifumo.audit import AuditSettings
from mifumo.ids import TenantId, UserId
from tests.auth.door import Door
from tests.builders import KEY, KEY_ID
from tests.builders import token as access_token


def test_a_refresh_token_is_traded_for_the_next_pair(door: Door) -> None:
    registered = door.register()
    refreshed = door.refresh(registered.refresh)
    assert refreshed.status == 200
    assert refreshed.body.keys() == {"tokens"}
    assert refreshed.refresh != registered.refresh
    assert door.wire.calls == ["BatchGetItem", "UpdateItem"]
    assert door.me(refreshed.access).body["user"] == registered.body["user"]
    assert door.refresh(refreshed.refresh).status == 200


def test_a_token_that_comes_again_ends_its_session_for_thief_and_owner(door: Door) -> None:
    stolen = door.register().refresh
    owner = door.refresh(stolen).refresh
    again = door.refresh(stolen)
    assert (again.status, again.code) == (401, "invalid_credentials")
    assert door.refresh(owner).status == 401


def test_the_oldest_of_many_tokens_still_ends_the_session(door: Door) -> None:
    oldest = latest = door.register().refresh
    for _ in range(5):
        latest = door.refresh(latest).refresh
    assert door.refresh(oldest).status == 401
    assert door.refresh(latest).status == 401


def test_the_end_of_one_session_leaves_the_others_alone(door: Door) -> None:
    first, second = door.register().refresh, door.login().refresh
    door.refresh(first)
    door.refresh(first)
    assert door.refresh(second).status == 200


def test_twenty_refreshes_that_read_before_any_writes_leave_no_session_but_one_winner_at_most(door: Door) -> None:
    text = door.register().refresh
    won: list[Tokens] = []
    waiting = [None] * 19

    def refresh() -> None:
        with contextlib.suppress(SessionEnded):
            won.append(tokens.refresh(text))

    def overtake(**_: Any) -> None:
        if waiting:
            waiting.pop()
            refresh()

    aws.dynamodb().meta.events.register_first("before-call.dynamodb.UpdateItem", overtake)
    refresh()
    assert len(won) == 1
    assert door.refresh(won[0].refresh).status == 401


def test_a_write_that_the_library_sent_twice_is_no_reuse(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    text = door.register().refresh
    client = aws.dynamodb()
    once = client.update_item

    def twice(**request: Any) -> Any:
        once(**request)
        return once(**request)

    with monkeypatch.context() as patch:
        patch.setattr(client, "update_item", twice)
        refreshed = door.refresh(text)
    assert refreshed.status == 200
    assert door.refresh(refreshed.refresh).status == 200


def test_logging_out_ends_the_session_and_says_nothing(door: Door) -> None:
    text = door.register().refresh
    left = door.logout(text)
    assert (left.status, left.body) == (204, "")
    assert door.wire.calls == ["UpdateItem"]
    assert door.refresh(text).status == 401
    assert door.logout(text).status == 204


def test_logging_out_with_an_older_token_ends_the_session_as_well(door: Door) -> None:
    older = door.register().refresh
    current = door.refresh(older).refresh
    assert door.logout(older).status == 204
    assert door.refresh(current).status == 401


@pytest.mark.parametrize("text", ["x", "mfr_", "mfr_a.b.c.d", "mfr_" + ".".join(["0" * 26] * 4), "\u00e9" * 40])
def test_what_is_no_refresh_token_opens_nothing_and_has_nothing_to_end(door: Door, text: str) -> None:
    assert (door.refresh(text).status, door.refresh(text).code) == (401, "invalid_credentials")
    assert door.logout(text).status == 204


@pytest.mark.parametrize("path", ["/api/auth/refresh/", "/api/auth/logout/"])
@pytest.mark.parametrize("body", [{}, {"refresh": ""}, {"refresh": 7}, {"refresh": "a", "more": 1}, {"refresh": "\0"}])
def test_what_has_no_token_is_refused(door: Door, path: str, body: dict[str, Any]) -> None:
    assert door.call("POST", path, body).status == 422


def test_a_token_changed_to_name_another_tenant_opens_nothing(door: Door) -> None:
    victim = door.register(email="victim@duka.example").body["tenant"]["id"]
    mine = door.register()
    forged = mine.refresh.replace(mine.body["tenant"]["id"], victim)
    assert door.refresh(forged).status == 401
    assert door.refresh(mine.refresh).status == 200


def test_a_session_ends_a_month_after_its_login_however_often_it_was_refreshed(door: Door) -> None:
    with time_machine.travel("2026-03-01T08:00:00Z", tick=False) as now:
        text = door.register().refresh
        for _ in range(3):
            now.shift(9 * 24 * 3600)
            text = door.refresh(text).refresh
        now.shift(3 * 24 * 3600 + 1)
        assert door.refresh(text).status == 401


def test_access_tokens_last_a_quarter_of_an_hour_and_name_their_key(door: Door) -> None:
    with time_machine.travel("2026-03-01T08:00:00Z", tick=False) as now:
        entered = door.register()
        claims = jwt.decode(entered.access, KEY, algorithms=[callers.ALGORITHM], issuer="mifumo")
        assert jwt.get_unverified_header(entered.access)["kid"] == KEY_ID
        assert claims == {
            "iss": "mifumo",
            "sub": entered.body["user"]["id"],
            "tid": entered.body["tenant"]["id"],
            "role": "owner",
            "sid": RefreshToken.parse(entered.refresh).session,  # type: ignore[union-attr]
            "iat": 1772352000,
            "exp": 1772352900,
        }
        now.shift(899)
        assert door.me(entered.access).status == 200
        now.shift(1)
        assert (door.me(entered.access).status, door.me(entered.access).code) == (401, "token_expired")


def test_a_stranger_learns_nothing_of_me(door: Door) -> None:
    assert (door.me(None).status, door.me(None).code) == (401, "unauthenticated")
    assert (door.me("a.b.c").status, door.me("a.b.c").code) == (401, "invalid_credentials")
    assert door.wire.count() == 0


def test_a_user_is_nobody_in_another_tenant(door: Door) -> None:
    mine, theirs = door.register(), door.register(email="other@duka.example")
    crossed = access_token(tenant=theirs.body["tenant"]["id"], user=mine.body["user"]["id"])
    refused = door.me(crossed)
    assert (refused.status, refused.code) == (401, "invalid_credentials")


def _listed(door: Door, access: str, **query: str) -> Any:
    return door.call("GET", "/api/auth/sessions/", token=access, query=query).body


def test_one_sees_ones_own_open_sessions_and_which_is_asking(door: Door) -> None:
    first = door.register()
    second = door.login(ip="196.41.32.77")
    door.register(email="other@duka.example")
    door.logout(first.refresh)
    page = _listed(door, second.access)
    (seen,) = page["items"]
    assert page["next"] is None
    assert seen["id"] == jwt.decode(second.access, options={"verify_signature": False})["sid"]
    assert (seen["ip"], seen["user_agent"], seen["current"]) == ("196.41.32.77", "test", True)
    assert (seen["tenant_id"], seen["started_at"]) == (first.body["tenant"]["id"], seen["refreshed_at"])


def test_the_list_has_pages_that_pass_over_what_has_ended(door: Door) -> None:
    door.register()
    entered = [door.login() for _ in range(6)]
    for left in entered[:3]:
        door.logout(left.refresh)
    cursor, seen = "", list[str]()
    for _ in range(4):
        page = _listed(door, entered[-1].access, limit="1", **({"cursor": cursor} if cursor else {}))
        seen += [session["id"] for session in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 4


def test_one_session_can_be_ended_from_another_once_and_the_log_says_so(door: Door) -> None:
    lost, mine = door.register(), door.login()
    (session,) = [one["id"] for one in _listed(door, mine.access)["items"] if not one["current"]]
    ended = door.call("DELETE", f"/api/auth/sessions/{session}/", token=mine.access)
    assert (ended.status, ended.body) == (204, "")
    assert (door.refresh(lost.refresh).status, door.refresh(mine.refresh).status) == (401, 200)
    assert door.call("DELETE", f"/api/auth/sessions/{session}/", token=mine.access).status == 404
    assert _told(mine).count(("session.revoked", session)) == 1


def test_the_session_of_somebody_else_is_not_there(door: Door) -> None:
    victim, thief = door.register(), door.register(email="thief@duka.example")
    session = _listed(door, victim.access)["items"][0]["id"]
    assert door.call("DELETE", f"/api/auth/sessions/{session}/", token=thief.access).status == 404
    assert door.refresh(victim.refresh).status == 200
    assert "session.revoked" not in {action for action, _ in _told(victim) + _told(thief)}


def test_all_sessions_end_at_once_or_all_but_the_one_that_asks(door: Door) -> None:
    first, mine = door.register(), door.login()
    assert door.call("DELETE", "/api/auth/sessions/others/", token=mine.access).status == 204
    assert door.refresh(first.refresh).status == 401
    kept = door.refresh(mine.refresh)
    assert kept.status == 200
    assert door.call("DELETE", "/api/auth/sessions/", token=kept.access).status == 204
    assert door.refresh(kept.refresh).status == 401
    assert [action for action, _ in _told(mine)].count("sessions.revoked") == 2


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("DELETE", ""), ("DELETE", "others/"), ("DELETE", "01jd8x6q5v7w9y2k4m6p8r0t1a/")],
)
def test_strangers_neither_see_nor_end_sessions(door: Door, method: str, path: str) -> None:
    refused = door.call(method, f"/api/auth/sessions/{path}")
    assert (refused.status, refused.code) == (401, "unauthenticated")


def test_more_sessions_than_a_transaction_takes_end_all_the_same(door: Door) -> None:
    entered = door.register()
    user, tenant = UserId(entered.body["user"]["id"]), TenantId(entered.body["tenant"]["id"])
    for _ in range(104):
        writes.commit(sessions.opening(RefreshToken.mint(user, tenant)))
    tokens.end_all(user, because="test", tenant=TenantId("elsewhere"))
    assert len(list(sessions.all_open(user))) == 105
    tokens.end_all(user, because="test", tenant=tenant)
    assert list(sessions.all_open(user)) == []


def test_one_that_ends_meanwhile_keeps_no_other_session_open(door: Door) -> None:
    entered, other = door.register(), door.login()
    waiting = [other.refresh]

    def overtake(**_: Any) -> None:
        if waiting:
            tokens.end(waiting.pop())

    aws.dynamodb().meta.events.register_first("before-call.dynamodb.TransactWriteItems", overtake)
    user = UserId(entered.body["user"]["id"])
    tokens.end_all(user, because="test")
    assert list(sessions.all_open(user)) == []


def test_a_copied_token_is_told_once_however_often_it_comes(door: Door) -> None:
    stolen = door.register()
    door.refresh(stolen.refresh)
    for _ in range(3):
        assert door.refresh(stolen.refresh).status == 401
    assert [action for action, _ in _told(stolen)].count("refresh.reused") == 1


def test_a_hundred_refreshes_at_once_leave_one_live_family_or_none(door: Door) -> None:
    text = door.register().refresh
    door.wire.take_turns()

    def refresh(_: int) -> str | None:
        with contextlib.suppress(SessionEnded):
            return tokens.refresh(text).refresh
        return None

    with ThreadPoolExecutor(20) as pool:
        won = [refreshed for refreshed in pool.map(refresh, range(100)) if refreshed]
    assert len(won) <= 1
    assert [door.refresh(refreshed).status for refreshed in won] in ([], [401], [200])


def test_a_login_that_saw_the_old_password_opens_nothing_after_a_reset(door: Door) -> None:
    registered = door.register()
    known = logins.read("asha@duka.example")
    assert known
    waiting = ["maembe manne ya dodo"]

    def overtake(**_: Any) -> None:
        if waiting:
            writes.commit(logins.change_password(known, waiting.pop()))

    aws.dynamodb().meta.events.register_first("before-call.dynamodb.TransactWriteItems", overtake)
    refused = door.login()
    assert (refused.status, refused.code) == (401, "invalid_credentials")
    assert len(list(sessions.all_open(UserId(registered.body["user"]["id"])))) == 1


def _told(entered: Any) -> list[tuple[str, str]]:
    entries = tables.query(AuditSettings.load().audit_table, f"T#{entered.body['tenant']['id']}").items
    return [(entry["action"], entry["target"]) for entry in entries]


@given(st.one_of(st.text(max_size=200), st.text(alphabet="mfr_.0123456789abcz-", max_size=200)))
@example("mfr_" + ".".join(["0" * 26, "0" * 26, "", ""]))
@example("mfr_" + ".".join(["0" * 26, "0" * 26, "a", "b", "c"]))
def test_no_text_breaks_the_reader_of_tokens(text: str) -> None:
    token = RefreshToken.parse(text)
    assert token is None or token.text == text
