"""The key ring: an hour's memory, one more look for an unknown id, and no verdict without keys."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from functions.webhooks.key_ring import KeyRing
from mifumo import clock
from mifumo.providers.payments import ProviderUnavailableError


class Published:
    """What the provider publishes, how often it was asked, and whether it answers."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self.keys = keys
        self.asked = 0
        self.down = False

    def fetch(self) -> Mapping[str, str]:
        self.asked += 1
        if self.down:
            raise ProviderUnavailableError
        return dict(self.keys)


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    stopped = Clock()
    monkeypatch.setattr(clock, "now", stopped)
    return stopped


@pytest.fixture
def published() -> Published:
    return Published({"one": "pem 1"})


def test_keys_are_fetched_at_the_first_question_and_kept_for_an_hour(time: Clock, published: Published) -> None:
    ring = KeyRing(published.fetch)
    assert published.asked == 0
    assert [ring.find("one") for _ in range(3)] == ["pem 1"] * 3
    time.wait(3600)
    assert (ring.find("one"), published.asked) == ("pem 1", 1)
    published.keys = {"one": "pem 1, made anew"}
    time.wait(1)
    assert (ring.find("one"), published.asked) == ("pem 1, made anew", 2)


def test_an_unknown_id_is_looked_up_once_and_a_flood_of_them_is_not(time: Clock, published: Published) -> None:
    ring = KeyRing(published.fetch)
    ring.find("one")
    published.keys = {"one": "pem 1", "two": "pem 2"}
    time.wait(31)
    assert (ring.find("two"), published.asked) == ("pem 2", 2)
    assert [ring.find(f"made up {number}") for number in range(100)] == [None] * 100
    assert published.asked == 2
    time.wait(31)
    assert (ring.find("made up"), published.asked) == (None, 3)


def test_without_keys_there_is_no_answer_and_the_provider_is_not_flooded(time: Clock, published: Published) -> None:
    published.down = True
    ring = KeyRing(published.fetch)
    for _ in range(10):
        with pytest.raises(ProviderUnavailableError):
            ring.find("one")
    assert published.asked == 1
    published.down = False
    time.wait(31)
    assert (ring.find("one"), published.asked) == ("pem 1", 2)


def test_a_known_key_is_used_while_an_unknown_one_cannot_be_looked_up(time: Clock, published: Published) -> None:
    ring = KeyRing(published.fetch)
    ring.find("one")
    published.down = True
    time.wait(31)
    with pytest.raises(ProviderUnavailableError):
        ring.find("two")
    assert ring.find("one") == "pem 1"


def test_two_environments_do_not_share_keys_under_one_id(time: Clock) -> None:
    sandbox, production = Published({"one": "pem s"}), Published({"one": "pem p"})
    assert (KeyRing(sandbox.fetch).find("one"), KeyRing(production.fetch).find("one")) == ("pem s", "pem p")
    assert time.at == clock.now()
