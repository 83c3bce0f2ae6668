"""Repeat: the same text to the same number within half an hour, which is refused unless it is asked for.

A send reads where its text stands along with the rest of its tenant's standing, and adds its own numbers in the
transaction that accepts it. They stand in eight shards by their last digits, so that a send to one number pays for an
eighth. Where each gets a text of its own, all of them stand where their template does.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from functions.sms.batches.chunks import RECIPIENTS_MAX
from functions.sms.plans.parts import Ready
from mifumo.aws import Item
from mifumo.ids import BatchId, TenantId
from mifumo.observability import count, logger
from mifumo.tables import Key
from mifumo.writes import Write

from . import sent

# A thousand recipients make each shard just less than a kilobyte, which is one write unit; and with what else a send
# reads of a tenant, and the sets of opt-outs, they fit one batched read of a hundred keys.
_SHARDS: Final = 8
# Eight write units, and as many again in a transaction: what the next send of the text pays for each shard.
_BYTES_MAX = 8_000
# An entry: 31 bits of hash, and where the message stands, which tells for sure whose it is; a thousand chunks at most.
_ENTRY_BYTES, _HASH_BYTES, _PLACE_BITS = 6, 4, 17
_HOME_BYTES = 16


class Earlier(NamedTuple):
    """Where the message stands that a number was sent the same text in."""

    batch: BatchId
    chunk: int
    position: int


@dataclass(frozen=True, slots=True)
class Recent:
    """Whom a text was accepted for lately, shard by shard."""

    tenant: TenantId
    home: str
    shards: Mapping[int, Item]

    def of(self, ready: Iterable[Ready], *, at: int, but: BatchId) -> dict[str, list[Earlier]]:
        """Finds those of the recipients that another batch has the same text for, within half an hour of a moment."""
        known = {shard: _known(item, at=at, but=but) for shard, item in self.shards.items()}
        found: dict[str, list[Earlier]] = {}
        for one in ready if any(known.values()) else ():
            mark = sent.hasher(self.tenant, one.text, size=_HASH_BYTES)
            for digits in one.recipients:
                if earlier := known[_shard(digits)].get(_marked(mark(digits))):
                    found[digits] = earlier
        return found

    def add(self, batch: BatchId, ready: Iterable[Ready], *, at: int) -> Iterator[Write]:
        """Remembers the recipients of a batch, where there is room; refuses with SentMoved when others were added."""
        added = defaultdict[int, bytearray](bytearray)
        for one in ready:
            mark = sent.hasher(self.tenant, one.text, size=_HASH_BYTES)
            for index, digits in enumerate(one.recipients):
                stands = one.number * RECIPIENTS_MAX + index
                added[_shard(digits)] += (_marked(mark(digits)) << _PLACE_BITS | stands).to_bytes(_ENTRY_BYTES)
        for shard, told in sorted(added.items()):
            place = _key(self.tenant, self.home, shard)
            if write := sent.add(place, self.shards[shard], batch, bytes(told), at=at, most=_BYTES_MAX):
                yield write
            else:
                logger.warning("repeats will not be known", tenant_id=self.tenant, batch_id=batch)
                count("RepeatsForgotten", len(told) // _ENTRY_BYTES)


@dataclass(frozen=True, slots=True)
class Look:
    """Where it stands whom a text was accepted for lately: eight places at most."""

    tenant: TenantId
    home: str
    shards: tuple[int, ...]

    @property
    def places(self) -> list[tuple[str, Key]]:
        """What is to be read."""
        return [self._place(shard) for shard in self.shards]

    def of(self, found: Mapping[tuple[str, Key], Item]) -> Recent:
        """Reads it from what stands there."""
        return Recent(self.tenant, self.home, {shard: found.get(self._place(shard), {}) for shard in self.shards})

    def _place(self, shard: int) -> tuple[str, Key]:
        return sent.table(), _key(self.tenant, self.home, shard)


def look(tenant: TenantId, text: str, numbers: Iterable[str]) -> Look:
    """Says where to look for those of the numbers, in digits, that a text was accepted for lately."""
    home = sent.hasher(tenant, text, size=_HOME_BYTES)("").hex()
    return Look(tenant, home, tuple(sorted({_shard(digits) for digits in numbers})))


def _known(item: Item, *, at: int, but: BatchId) -> dict[int, list[Earlier]]:
    found = defaultdict[int, list[Earlier]](list)
    for batch, told in sent.near(item, at=at, but=but).items():
        for start in range(0, len(told), _ENTRY_BYTES):
            entry = int.from_bytes(told[start : start + _ENTRY_BYTES])
            chunk, index = divmod(entry % (1 << _PLACE_BITS), RECIPIENTS_MAX)
            found[entry >> _PLACE_BITS].append(Earlier(batch, chunk, index + 1))
    return dict(found)


def _marked(hashed: bytes) -> int:
    """Leaves as many bits of a hash as there is room for."""
    return int.from_bytes(hashed) >> 1


def _shard(digits: str) -> int:
    return int(digits) % _SHARDS


def _key(tenant: TenantId, home: str, shard: int) -> Key:
    return Key(sent.partition(tenant), f"TEXT#{home}#{shard}")
