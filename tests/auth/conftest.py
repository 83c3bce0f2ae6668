"""Fixtures of the auth tests: the door, a counted hasher, and a business with people of each role."""

import pytest

from functions.auth import passwords
from mifumo import settings
from mifumo.permissions import Role
from tests.auth.door import CountingHasher, Door
from tests.auth.inviting import Business
from tests.wire import Wire


@pytest.fixture
def door(aws_tables: Wire) -> Door:
    """Opens the auth door on empty tables."""
    return Door(aws_tables)


@pytest.fixture
def hasher(monkeypatch: pytest.MonkeyPatch) -> CountingHasher:
    counting = CountingHasher(passwords._HASHER)
    monkeypatch.setattr(passwords, "_HASHER", counting)
    return counting


@pytest.fixture
def shop(door: Door) -> Business:
    """A business with an owner, an admin and an agent."""
    return Business.open(door, Role.OWNER, Role.ADMIN, Role.AGENT)


@pytest.fixture
def letters(shop: Business, monkeypatch: pytest.MonkeyPatch) -> Business:
    """The business on a stage that sends letters."""
    monkeypatch.setenv("MAIL_FROM", "hello@mifumo.example")
    settings.forget()
    return shop


@pytest.fixture
def unverified(shop: Business, monkeypatch: pytest.MonkeyPatch) -> Business:
    """The business on a stage on which people verify their contacts."""
    monkeypatch.setenv("CONTACTS_PREVERIFIED", "False")
    settings.forget()
    return shop
