"""Sent: what is remembered for half an hour of the texts that a tenant had accepted, so that repeats are known.

| pk | sk | what |
|---|---|---|
| `T#<tenant>#SENT` | `TEXT#<text>#<shard>`, `PARTS` | for each batch, as an attribute: its moment, and what it adds |

Whoever adds has read the item before, and looks again when somebody else has added since: of two at once, one is
accepted first, and the other knows. What stands here are hashes that the tables alone cannot make, neither numbers nor
texts; what has passed is dropped by whoever adds next, and all of it in the end.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from functions.sms import messaging
from mifumo import aws, backoff, clock, writes
from mifumo.aws import Item
from mifumo.errors import Busy
from mifumo.ids import BatchId, TenantId
from mifumo.settings import Settings
from mifumo.tables import Key
from mifumo.writes import Write

WITHIN_S: Final = 1_800
_MOMENT_BYTES = 4
_BATCH: Final = "B#"
# Parallel sends of one text meet on one item, as all of a tenant do on its wallet.
_TRIES, _PAUSE_MAX_S = 30, 0.2

Made = TypeVar("Made")


class SentSettings(Settings):
    """The secret that holds the key of the hashes: `{"pepper": …}`."""

    repeats_secret: str


class SentMoved(Exception):
    """Somebody else has had something accepted since this was read: look again."""


def while_moved(accept: Callable[[], Made]) -> Made:
    """Does what may raise SentMoved until it does not; raises Busy when others do not come to rest."""
    for _ in backoff.attempts(_TRIES, pause_max_s=_PAUSE_MAX_S):
        with suppress(SentMoved):
            return accept()
    raise Busy(retry_after_s=1)


def near(item: Item, *, at: int, but: BatchId) -> dict[BatchId, bytes]:
    """Reads what other batches have added to an item, for moments less than half an hour from this one."""
    return {
        batch: told[_MOMENT_BYTES:]
        for batch, told in _added(item).items()
        if batch != but and abs(_moment(told) - at) < WITHIN_S
    }


def add(place: Key, item: Item, batch: BatchId, told: bytes, *, at: int, most: int) -> Write | None:
    """Adds to an item, as it was read, what a batch has for a moment, and drops what has passed; None where there would
    be more than `most` bytes.

    Refuses with SentMoved.
    """
    others = {one: stands for one, stands in _added(item).items() if one != batch}
    gone = [one for one, stands in others.items() if _moment(stands) + WITHIN_S <= clock.epoch()]
    # The name of an attribute counts, too.
    if sum(len(one) + len(stands) for one, stands in others.items() if one not in gone) + len(told) > most:
        return None
    names = {f"#gone{number}": _BATCH + one for number, one in enumerate(gone)}
    dropped = f" REMOVE {', '.join(names)}" if names else ""
    return writes.update(
        table(),
        place,
        f"SET #batch = :told, #ttl = :ttl ADD #version :one{dropped}",
        condition="#version = :seen" if item else "attribute_not_exists(#version)",
        names={"#batch": _BATCH + batch, "#ttl": "ttl", "#version": "version", **names},
        values={
            ":told": at.to_bytes(_MOMENT_BYTES) + told,
            ":ttl": max(at + WITHIN_S, item.get("ttl", 0)),
            ":one": 1,
            **({":seen": item["version"]} if item else {}),
        },
        refused=lambda _: SentMoved(),
    )


def hasher(tenant: TenantId, text: str, *, size: int) -> Callable[[str], bytes]:
    """Returns what hashes anything together with a tenant and a text, under the key that no table holds."""
    # Of any length in the secret, of one that the hash takes here.
    key = hashlib.sha256(aws.secret(SentSettings.load().repeats_secret)["pepper"].encode()).digest()
    begun = hashlib.blake2b(f"{len(tenant)}:{tenant}{len(text)}:{text}".encode(), key=key, digest_size=size)

    def hashed(what: str) -> bytes:
        one = begun.copy()
        one.update(what.encode())
        return one.digest()

    return hashed


def partition(tenant: TenantId) -> str:
    """Returns the partition of all that is remembered of a tenant's texts."""
    return f"T#{tenant}#SENT"


def table() -> str:
    """Returns the table that it stands in."""
    return messaging.table()


def _added(item: Item) -> dict[BatchId, bytes]:
    return {BatchId(name.removeprefix(_BATCH)): bytes(item[name]) for name in item if name.startswith(_BATCH)}


def _moment(told: bytes) -> int:
    return int.from_bytes(told[:_MOMENT_BYTES])
