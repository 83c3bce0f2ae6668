"""Fixtures of the kernel's tests: a clock that does not wait, and the log as lines."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from mifumo import clock
from mifumo.observability import logger

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Makes every pause take no time; returns what was waited for."""
    waited: list[float] = []
    monkeypatch.setattr(clock, "pause", waited.append)
    return waited


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """Returns what was logged since the test began."""
    text = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", text)
    return lambda: [json.loads(line) for line in text.getvalue().splitlines()]
