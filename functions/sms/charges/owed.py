"""Owed: which endings of a charged text give its credits back: the platform's setting, and the tenant's besides."""

from collections import Counter

from functions.sms.batches.chunks import Chunk
from functions.sms.batches.messages import Status
from mifumo.settings import Settings


class OwedSettings(Settings):
    """The endings that nobody pays for, by comma: `rejected`, `undelivered`, `unknown`."""

    owed_endings: str


def endings(chunk: Chunk) -> set[Status]:
    """Returns the endings that give the credits of a chunk's texts back."""
    platform = {Status(word) for word in OwedSettings.load().owed_endings.split(",") if word}
    return platform | ({Status.UNDELIVERED} if chunk.refunds else set())


def texts(chunk: Chunk, ended: Counter[str], *, found: int, invalid: int) -> int:
    """Counts the texts that are owed, of those that `ended` so; what is sent in test mode costs nothing.

    `invalid` ones were never charged: `found` of them ended rejected, the others are among the unknown.
    """
    if chunk.test:
        return 0
    charged = ended - Counter({Status.REJECTED.value: found, Status.UNKNOWN.value: invalid - found})
    return sum(charged[ending.value] for ending in endings(chunk))
