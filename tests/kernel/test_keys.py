"""API keys: what is let in, from where and how long; one read a minute, and none for what cannot be a key."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifumo import aws, callers, clock, keys, origins, tables
from mifumo.errors import InvalidCredentials
from mifumo.keys import IpNotAllowed
from mifumo.modes import Mode
from mifumo.origins import Origin
from mifumo.permissions import Scope
from tests.wire import Wire


def stored(mode: Mode = Mode.LIVE, **more: object) -> str:
    text = keys.mint(mode)
    table, place = keys.place(keys.digest(text))
    item = {**place._asdict(), "id": "k9", "tenant_id": "t7", "mode": mode.value, "scopes": ["sms:send"], **more}
    aws.dynamodb().put_item(TableName=table, Item=aws.marshal(item))
    return text


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    then = clock.now() + timedelta(seconds=seconds)
    monkeypatch.setattr(clock, "now", lambda: then)


def test_a_key_makes_a_principal_of_its_tenant_with_its_scopes(aws_tables: Wire) -> None:
    caller = callers.authenticate(f"Bearer {stored(Mode.TEST)}")
    assert (caller.tenant_id, caller.key_id, caller.mode) == ("t7", "k9", Mode.TEST)
    assert (caller.scopes, caller.user_id, caller.role) == (frozenset({Scope.SMS_SEND}), None, None)


def test_a_key_costs_one_read_cold_and_none_warm(aws_tables: Wire) -> None:
    text = stored()
    aws_tables.clear()
    keys.admit(text)
    assert aws_tables.calls == ["GetItem", "UpdateItem"]
    aws_tables.clear()
    keys.admit(text)
    assert aws_tables.count() == 0


def test_a_revoked_key_is_refused_a_minute_later_at_most(aws_tables: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    text = stored()
    keys.admit(text)
    table, place = keys.place(keys.digest(text))
    aws.dynamodb().delete_item(TableName=table, Key=aws.marshal(place._asdict()))
    later(monkeypatch, 30)
    keys.admit(text)
    later(monkeypatch, 30)
    with pytest.raises(InvalidCredentials):
        keys.admit(text)


def test_a_key_expires_while_it_is_cached(aws_tables: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    text = stored(expires_at=clock.after(10))
    keys.admit(text)
    later(monkeypatch, 11)
    with pytest.raises(InvalidCredentials):
        keys.admit(text)


@pytest.mark.parametrize(
    ("ip", "let_in"), [("10.1.2.3", True), ("10.2.0.1", False), ("2001:db8::1", True), ("", False)]
)
def test_a_key_is_bound_to_its_addresses(aws_tables: Wire, ip: str, let_in: bool) -> None:
    text = stored(allowed_ips=["10.1.0.0/16", "2001:db8::/64"])
    origins.enter(Origin(ip, "r"))
    if let_in:
        assert keys.admit(text).id == "k9"
        return
    with pytest.raises(IpNotAllowed):
        keys.admit(text)


@given(position=st.integers(9, 46), letter=st.sampled_from("0aZ"))
def test_a_mistyped_key_is_known_for_one_without_a_read(position: int, letter: str) -> None:
    text = keys.mint(Mode.LIVE)
    assert keys._well_formed(text)
    mistyped = text[:position] + letter + text[position + 1 :]
    assert keys._well_formed(mistyped) is (mistyped == text)


def test_a_malformed_key_costs_nothing_and_an_unknown_one_is_not_kept(aws_tables: Wire) -> None:
    aws_tables.clear()
    for text in ("mfk_live_", "mfk_prod_" + "a" * 38, keys.mint(Mode.LIVE)[:-1] + "-"):
        with pytest.raises(InvalidCredentials):
            keys.admit(text)
    assert aws_tables.count() == 0
    with pytest.raises(InvalidCredentials):
        keys.admit(keys.mint(Mode.LIVE))
    assert (aws_tables.calls, keys._known) == (["GetItem"], {})


def test_the_last_use_is_noted_once_an_hour(aws_tables: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    text = stored()
    keys.admit(text)
    assert (tables.get(*keys.used_place("k9")) or {})["used_at"] <= clock.stamp()
    aws_tables.clear()
    later(monkeypatch, 3601)
    keys.admit(text)
    assert aws_tables.count("UpdateItem") == 1
