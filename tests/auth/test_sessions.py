"""Sessions: one good refresh token at a time, and what happens to copies of it."""

import contextlib
from typing import Any

import jwt
import pytest
import time_machine
from hypothesis import example, given
from hypothesis import strategies as st

from functions.auth import tokens
from functions.auth.tokens import SessionEnded, Tokens
from mifumo import aws, callers
from tests.auth.conftest import Door
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
    assert door.wire.calls == ["BatchGetItem"]
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


@given(st.one_of(st.text(max_size=200), st.text(alphabet="mfr_.0123456789abcz-", max_size=200)))
@example("mfr_" + ".".join(["0" * 26, "0" * 26, "", ""]))
@example("mfr_" + ".".join(["0" * 26, "0" * 26, "a", "b", "c"]))
def test_no_text_breaks_the_reader_of_tokens(text: str) -> None:
    token = tokens._Token.parse(text)
    assert token is None or token.text == text
