"""Listings: pages of batches and of messages, with how far each is."""

from functions.sms import messaging
from mifumo import tables
from mifumo.aws import Item
from mifumo.errors import NotFound
from mifumo.ids import BatchId, TenantId
from mifumo.tables import Key

from . import batches, chunks, messages, progress, waiting
from .batches import Batch
from .chunks import Chunk
from .messages import Message
from .progress import Progress

# Chunks that one page of messages is read from: one batched read.
_CHUNKS_MAX = 99


def batch_page(tenant: TenantId, *, limit: int, start: Item | None) -> tuple[list[tuple[Batch, Progress]], Item | None]:
    """Reads a page of batches with how far they are: one query and a batched read for each hundred chunks or parts."""
    page = batches.page(tenant, limit=limit, start=start)
    found = [batches.of(item) for item in page.items]
    how_far = progress.of_all(found)
    return [(batch, how_far[batch.id]) for batch in found], page.last


def message_page(batch: Batch, *, limit: int, start: Item | None) -> tuple[list[Message], Item | None]:
    """Reads a page of a batch's messages, in the order of its chunks; the place is the chunk and the position to go on
    from. Chunks are as large as they are on the whole, so a page of many small ones may be shorter than its limit.
    """
    number, first = (start["chunk"], start["position"]) if start else (1, 1)
    size = max(1, min(chunks.RECIPIENTS_MAX, batch.accepted // max(1, batch.chunks)))
    last_wanted = min(batch.chunks, number + min(-(-(limit + first) // size), _CHUNKS_MAX))
    keys = [chunks.key(batch.tenant, batch.id, wanted) for wanted in range(number, last_wanted + 1)]
    places = _places(_read(keys))[first - 1 :]
    listed = [waiting.of(batch, message) for message in _listed(places[:limit])]
    if len(places) > limit:
        chunk, position = places[limit]
        return listed, {"chunk": chunk.number, "position": position}
    return listed, {"chunk": last_wanted + 1, "position": 1} if last_wanted < batch.chunks else None


def messages_in(found: list[Batch]) -> list[Message]:
    """Reads every message of some batches, each row by its key: a hundred a call, however small the batches are."""
    wanted = [chunks.key(batch.tenant, batch.id, number) for batch in found for number in range(1, batch.chunks + 1)]
    of_id = {batch.id: batch for batch in found}
    return [waiting.of(of_id[message.batch], message) for message in _listed(_places(_read(wanted)))]


def messages_to(tenant: TenantId, digits: str, *, limit: int, start: Item | None) -> tuple[list[Message], Item | None]:
    """Reads a page of the messages to a number, newest first: one query, two batched reads, and one more for the
    batches of those that are queued.
    """
    page = messages.to(tenant, digits, limit=limit, start=start)
    places = [messages.place(item) for item in page.items]
    table = messaging.table()
    found = {
        chunk.batch + str(chunk.number): chunk
        for chunk in _read(list({chunks.key(tenant, b, n) for b, n, _ in places}))
    }
    rows = _read_items([messages.key(tenant, b, n, position) for b, n, position in places])
    listed = []
    for batch, number, position in places:
        chunk = found.get(batch + str(number))
        row = rows.get((table, messages.key(tenant, batch, number, position)))
        if chunk and row:
            listed.append(messages.of_row(chunk, position, row))
    return _as_they_wait(tenant, listed), page.last


def _as_they_wait(tenant: TenantId, listed: list[Message]) -> list[Message]:
    keys = {batches.key(tenant, message.batch) for message in listed if message.status is messages.Status.QUEUED}
    found = {batch.id: batch for batch in map(batches.of, _read_items(list(keys)).values())} if keys else {}
    return [waiting.of(found[one.batch], one) if one.batch in found else one for one in listed]


def require(tenant: TenantId, batch_id: str) -> Batch:
    """Reads a tenant's batch; raises NotFound, also when it is another tenant's."""
    found = batches.read(tenant, BatchId(batch_id))
    if found is None:
        raise NotFound("You have no such batch.")
    return found[0]


def _places(found: list[Chunk]) -> list[tuple[Chunk, int]]:
    """Lists the positions of all recipients of some chunks, in their order."""
    ordered = sorted(found, key=lambda chunk: (chunk.batch, chunk.number))
    return [(chunk, position) for chunk in ordered for position in range(1, len(chunk.recipients) + 1)]


def _listed(places: list[tuple[Chunk, int]]) -> list[Message]:
    """Reads the messages at some positions, each row by its key."""
    keys = [messages.key(chunk.tenant, chunk.batch, chunk.number, position) for chunk, position in places]
    rows = {key: row for (_, key), row in _read_items(keys).items()}
    found = zip(keys, places, strict=True)
    return [messages.at(chunk, position, rows.get(key)) for key, (chunk, position) in found]


def _read(keys: list[Key]) -> list[Chunk]:
    return [chunks.of(item) for item in _read_items(keys).values()]


def _read_items(keys: list[Key]) -> dict[tuple[str, Key], Item]:
    table = messaging.table()
    return tables.read(*((table, key) for key in keys), consistent=False)
