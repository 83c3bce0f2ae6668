"""Settings: read once from the environment, complete or refused, and never changed."""

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from mifumo import settings
from mifumo.settings import Settings


class Oven(Settings):
    """What a module might need."""

    oven_url: str
    oven_timeout_s: float


class Door(Settings):
    """What another might."""

    oven_url: str


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.forget()
    monkeypatch.setenv("OVEN_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OVEN_TIMEOUT_S", "1.5")
    yield
    settings.forget()


def test_a_field_is_the_variable_of_its_name_in_capitals() -> None:
    oven = Oven.load()
    assert (oven.oven_url, oven.oven_timeout_s) == ("http://127.0.0.1:9", 1.5)


def test_the_environment_is_read_once_for_each_model(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Oven.load()
    monkeypatch.setenv("OVEN_URL", "http://127.0.0.1:10")
    assert Oven.load() is first
    assert Door.load().oven_url == "http://127.0.0.1:10"
    settings.forget()
    assert Oven.load().oven_url == "http://127.0.0.1:10"


def test_a_missing_variable_is_refused_and_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OVEN_URL")
    with pytest.raises(ValidationError, match="OVEN_URL"):
        Oven.load()
    monkeypatch.setenv("OVEN_URL", "x")
    assert Oven.load().oven_url == "x"


def test_a_malformed_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVEN_TIMEOUT_S", "soon")
    with pytest.raises(ValidationError, match="OVEN_TIMEOUT_S"):
        Oven.load()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Oven.load().oven_url = "x"  # type: ignore[misc]
