"""Traces: what of a batch names people, and how it is taken out; the figures stay."""

from contextlib import suppress

from functions.sms import messaging
from functions.sms.batches import batches
from functions.sms.batches.batches import Batch, Refused
from functions.sms.plans import plans
from functions.sms.plans.plans import PlanMoved
from mifumo import phone, writes
from mifumo.ids import BatchId, TenantId
from mifumo.writes import Write


class BatchChanged(Exception):
    """Somebody else changed what was read of the batch."""


def erase(tenant: TenantId, batch: BatchId, digits: str) -> None:
    """Takes a number out of a batch: where it was refused as a duplicate, out of the fingerprint by which a replay is
    known, and the text if it was to that number alone.

    A replay is refused from then on: it would name the number again. Raises BatchChanged.
    """
    found = batches.read(tenant, batch)
    if found is None:
        return
    one, refused = found
    if any(phone.names(row.recipient, digits) for row in refused):
        writes.commit(_refused_without(tenant, batch, refused, digits))
    if one.accepted == 1:
        _leave_wordless(one)
    if one.fingerprint:
        writes.commit(_anonymous(one))


def clear(batch: Batch) -> None:
    """Takes out of a batch all that names people: its text, its fingerprint, whom it refused; the figures stay."""
    refused = writes.delete(
        messaging.table(),
        batches.refused_key(batch.tenant, batch.id),
        condition=writes.WHATEVER_STANDS,
        refused=writes.never,
    )
    writes.commit(refused)
    _leave_wordless(batch)
    writes.commit(_cleared(batch))


def _leave_wordless(batch: Batch) -> None:
    """Takes the text out of the plan that a batch was made of, if it is still kept."""
    if batch.plan:
        with suppress(PlanMoved):
            writes.commit(plans.wordless(batch.tenant, batch.plan))


def _cleared(batch: Batch) -> Write:
    return writes.update(
        messaging.table(),
        batches.key(batch.tenant, batch.id),
        "SET fingerprint = :none, #text = :none REMOVE asked",
        condition="attribute_exists(pk)",
        names={"#text": "text"},
        values={":none": ""},
        refused=lambda _: BatchChanged(batch.id),
    )


def _refused_without(tenant: TenantId, batch: BatchId, refused: list[Refused], digits: str) -> Write:
    rows = [["" if phone.names(row.recipient, digits) else row.recipient, row.code, row.detail] for row in refused]
    return writes.update(
        messaging.table(),
        batches.refused_key(tenant, batch),
        "SET #rows = :rows",
        condition="#rows = :was",
        names={"#rows": "rows"},
        values={":rows": rows, ":was": [[row.recipient, row.code, row.detail] for row in refused]},
        refused=lambda _: BatchChanged(batch),
    )


def _anonymous(batch: Batch) -> Write:
    alone = ", #text = :none REMOVE asked" if batch.accepted == 1 else ""
    return writes.update(
        messaging.table(),
        batches.key(batch.tenant, batch.id),
        f"SET fingerprint = :none{alone}",
        condition="attribute_exists(pk)",
        names={"#text": "text"} if alone else None,
        values={":none": ""},
        refused=lambda _: BatchChanged(batch.id),
    )
