"""Listings: pages of batches and of messages, with how far each is."""

from collections.abc import Iterator

from mifumo import tables
from mifumo.aws import Item
from mifumo.errors import NotFound
from mifumo.ids import BatchId, TenantId
from mifumo.tables import Key

from . import batches, chunks, messages
from .batches import Batch
from .chunks import Chunk, MessagingSettings
from .messages import Message

Parts = dict[BatchId, list[Chunk]]


def batch_page(
    tenant: TenantId, *, limit: int, start: Item | None
) -> tuple[list[tuple[Batch, list[Chunk]]], Item | None]:
    """Reads a page of batches with their chunks: one query and a batched read for each hundred chunks."""
    page = batches.page(tenant, limit=limit, start=start)
    found = [batches.of(item) for item in page.items]
    wanted = [chunks.key(tenant, batch.id, number) for batch in found for number in range(1, batch.chunks + 1)]
    parts: Parts = {batch.id: [] for batch in found}
    for chunk in _read(wanted):
        parts[chunk.batch].append(chunk)
    return [(batch, parts[batch.id]) for batch in found], page.last


def message_page(batch: Batch, *, limit: int, start: Item | None) -> tuple[list[Message], Item | None]:
    """Reads a page of a batch's messages, chunk by chunk; the place is the chunk and the position to go on from."""
    number, first = (start["chunk"], start["position"]) if start else (1, 1)
    listed: list[Message] = []
    last_wanted = min(batch.chunks, number + -(-(limit + first) // chunks.RECIPIENTS_MAX))
    keys = [chunks.key(batch.tenant, batch.id, wanted) for wanted in range(number, last_wanted + 1)]
    for chunk in sorted(_read(keys), key=lambda chunk: chunk.number):
        for message in messages.of_chunk(chunk, messages.read_rows(chunk), first=first):
            if len(listed) == limit:
                return listed, _place(message)
            listed.append(message)
        first = 1
    more = {"chunk": last_wanted + 1, "position": 1} if last_wanted < batch.chunks else None
    return listed, more


def messages_in(found: list[Batch]) -> Iterator[Message]:
    """Reads every message of some batches, each row by its key: a hundred a call, however small the batches are."""
    wanted = [chunks.key(batch.tenant, batch.id, number) for batch in found for number in range(1, batch.chunks + 1)]
    parts = sorted(_read(wanted), key=lambda chunk: (chunk.batch, chunk.number))
    places = {
        messages.key(chunk.tenant, chunk.batch, chunk.number, position): (chunk, position)
        for chunk in parts
        for position in range(1, len(chunk.recipients) + 1)
    }
    rows = {key: row for (_, key), row in _read_items(list(places)).items()}
    for key, (chunk, position) in places.items():
        yield messages.at(chunk, position, rows.get(key))


def messages_to(tenant: TenantId, digits: str, *, limit: int, start: Item | None) -> tuple[list[Message], Item | None]:
    """Reads a page of the messages to a number, newest first: one query, one or two batched reads."""
    page = messages.to(tenant, digits, limit=limit, start=start)
    places = [messages.place(item) for item in page.items]
    table = MessagingSettings.load().messaging_table
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
    return listed, page.last


def require(tenant: TenantId, batch_id: str) -> Batch:
    """Reads a tenant's batch; raises NotFound, also when it is another tenant's."""
    found = batches.read(tenant, BatchId(batch_id))
    if found is None:
        raise NotFound("You have no such batch.")
    return found[0]


def _place(message: Message) -> Item:
    _, number, position = message.id.split("-")
    return {"chunk": int(number), "position": int(position)}


def _read(keys: list[Key]) -> list[Chunk]:
    return [chunks.of(item) for item in _read_items(keys).values()]


def _read_items(keys: list[Key]) -> dict[tuple[str, Key], Item]:
    table = MessagingSettings.load().messaging_table
    return tables.read(*((table, key) for key in keys), consistent=False)
