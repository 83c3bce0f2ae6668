"""Throttles: how many guesses get an answer, and from where."""

from collections.abc import Iterator

import pytest
import time_machine

from functions.auth import throttles
from functions.auth.throttles import Throttle
from mifumo import settings
from tests.auth.door import PASSWORD, Door

WRONG = "not the password"


@pytest.fixture(autouse=True)
def now() -> Iterator[time_machine.Traveller]:
    """Stops the clock five minutes into a window."""
    with time_machine.travel("2026-03-01T08:05:00Z", tick=False) as coordinates:
        yield coordinates


def test_an_account_answers_ten_wrong_passwords_and_then_not_even_the_right_one(
    door: Door, now: time_machine.Traveller
) -> None:
    door.register()
    assert [door.login(password=WRONG).status for _ in range(10)] == [401] * 10
    shut = door.login()
    assert (shut.status, shut.code, shut.body["retryable"]) == (429, "rate_limited", True)
    assert shut.headers["Retry-After"] == "600"
    assert shut.headers["RateLimit"] == '"login-account";r=0;t=600'
    assert shut.headers["RateLimit-Policy"] == '"login-account";q=10;w=900'
    assert shut.headers["Content-Type"] == "application/problem+json"
    now.shift(600)
    assert door.login().status == 200


def test_an_unknown_account_is_shut_like_a_known_one(door: Door) -> None:
    assert [door.login("nobody@duka.example", WRONG).status for _ in range(11)] == [401] * 10 + [429]


def test_the_right_password_forgets_the_wrong_ones(door: Door) -> None:
    door.register()
    for _ in range(2):
        assert [door.login(password=WRONG).status for _ in range(9)] == [401] * 9
        assert door.login().status == 200


def test_right_passwords_are_never_too_many(door: Door) -> None:
    door.register()
    assert {door.login().status for _ in range(40)} == {200}


def test_guesses_that_all_read_before_any_counts_get_no_more_answers(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.register()
    monkeypatch.setattr(Throttle, "require_room", lambda *_: None)
    assert [door.login(password=WRONG).status for _ in range(12)] == [401] * 10 + [429] * 2
    assert door.login(password=PASSWORD).status == 429


@pytest.fixture
def _three_an_address(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTH_ATTEMPTS_PER_IP", "3")
    settings.forget()


@pytest.mark.usefixtures("_three_an_address")
def test_an_address_that_tries_many_accounts_is_shut_for_all_of_them(door: Door) -> None:
    door.register()
    assert [door.login(f"guess{n}@duka.example", WRONG).status for n in range(4)] == [401, 401, 401, 429]
    assert door.login().headers["RateLimit-Policy"] == '"login-address";q=3;w=900'
    assert door.login(ip="196.41.32.11").status == 200


@pytest.mark.usefixtures("_three_an_address")
def test_an_address_registers_few_businesses(door: Door) -> None:
    statuses = [door.register(email=f"owner{n}@duka.example").status for n in range(4)]
    assert statuses == [201, 201, 201, 429]
    assert door.wire.calls == ["UpdateItem"]
    assert door.register(email="owner4@duka.example", ip="196.41.32.11").status == 201


def test_an_address_cannot_be_tried_again_and_again_at_registering(door: Door) -> None:
    statuses = [door.register(ip=f"196.41.32.{n}").status for n in range(11)]
    assert statuses == [201] + [409] * 9 + [429]


@pytest.mark.usefixtures("_three_an_address")
def test_a_forwarded_header_makes_nobody_somebody_else(door: Door) -> None:
    answers = [
        door.login(f"guess{n}@duka.example", WRONG, headers={"X-Forwarded-For": f"10.0.0.{n}"}).status for n in range(4)
    ]
    assert answers == [401, 401, 401, 429]


@pytest.mark.parametrize(
    ("source_ip", "subject"),
    [
        ("196.41.32.10", "196.41.32.10"),
        ("2c0f:f100:1:2:3:4:5:6", "2c0f:f100:1:2::/64"),
        ("2c0f:f100:1:2::9", "2c0f:f100:1:2::/64"),
        ("", "unknown"),
    ],
)
def test_a_network_of_one_customer_is_one_address(door: Door, source_ip: str, subject: str) -> None:
    assert throttles.of_address("login", source_ip).subject == subject
