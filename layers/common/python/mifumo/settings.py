"""Settings: what a module needs from the environment, as a frozen model read once."""

import os
from functools import cache
from typing import Self

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """The base of every settings model: field `ledger_table` is the variable `LEDGER_TABLE`.

    A module that needs the environment declares a subclass and calls `load()` inside its functions, never at import.
    A guard test loads every subclass that a handler imports against the environment its function is deployed with.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=str.upper, populate_by_name=True)

    @classmethod
    @cache
    def load(cls) -> Self:
        """Reads the environment; a missing or malformed variable raises pydantic's ValidationError."""
        return cls.model_validate(dict(os.environ))


def forget() -> None:
    """Drops what was read, so that a test can change the environment."""
    Settings.load.__func__.cache_clear()  # type: ignore[attr-defined]
