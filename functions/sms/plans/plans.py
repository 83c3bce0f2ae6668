"""Plan: what will be sent, laid out ahead and priced; for half an hour it is a quote that one batch may use.

| pk | sk | what |
|---|---|---|
| `T#<tenant>` | `PLAN#<plan>` | under which name, what it comes to, and the digests of its parts |

    making → ready → used
       └→ refused

Its chunks stand in parts, which are written before it is ready; from then on nothing of it changes but who uses it.
Whether it has expired is told by the clock, not by a state.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from functions.sms import messaging
from functions.sms.batches.batches import Batch
from functions.sms.batches.categories import Category
from mifumo import clock, ids, tables, writes
from mifumo.aws import Item
from mifumo.errors import AppError, Conflict
from mifumo.ids import BatchId, TenantId
from mifumo.quotes import QuoteExpired, QuoteSettings
from mifumo.segments import Encoding
from mifumo.tables import Key
from mifumo.writes import Write

from .parts import Ready

# As long as its parts, and a bit.
_RETENTION_S: Final = 14 * 24 * 3600
_DIGEST: Final = 16


class State(StrEnum):
    """How far a plan is."""

    MAKING = "making"
    READY = "ready"
    REFUSED = "refused"
    USED = "used"


@dataclass(frozen=True, slots=True)
class Extent:
    """What the chunks of a plan come to. `segments` is the most that one of its texts needs, `price` is in credits."""

    recipients: int = 0
    chunks: int = 0
    price: int = 0
    segments: int = 0
    encoding: Encoding = Encoding.GSM_7
    """UCS-2 as soon as one of its texts needs it."""
    digests: tuple[str, ...] = ()
    """Of its parts, in their order."""

    def and_part(self, digest: str, ready: Sequence[Ready]) -> "Extent":
        """Returns what it comes to with one more part."""
        return replace(self.and_chunks(ready), digests=(*self.digests, digest))

    def and_chunks(self, ready: Sequence[Ready]) -> "Extent":
        """Returns what it comes to with more chunks."""
        needs_ucs_2 = any(one.encoding is Encoding.UCS_2 for one in ready)
        return replace(
            self,
            recipients=self.recipients + sum(len(one.recipients) for one in ready),
            chunks=self.chunks + len(ready),
            price=self.price + sum(one.price for one in ready),
            segments=max(self.segments, *(one.segments for one in ready)),
            encoding=Encoding.UCS_2 if needs_ucs_2 else self.encoding,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be sent. `text` is what was written, a template's body with its placeholders or the text itself."""

    id: str
    tenant: TenantId
    state: State
    made_by: str
    sender_id: str
    text: str
    fingerprint: str
    created_at: str
    extent: Extent = Extent()
    valid_until: str | None = None
    reason: str | None = None
    """Why it was refused."""
    batch: BatchId | None = None
    """The batch that uses it."""
    category: Category | None = None
    """What its template says that it is for; None where it is from none."""

    @property
    def expired(self) -> bool:
        """Tells whether no batch can use it any more."""
        return self.state is State.READY and (self.valid_until or "") <= clock.stamp()


class PlanMoved(Exception):
    """The plan is not as it was read: somebody else has moved it on; `standing` is what it is by now."""

    def __init__(self, standing: Plan | None) -> None:
        super().__init__(standing.state if standing else "gone")
        self.standing = standing


class QuoteSent(Conflict):
    """Another request has sent what this quote is for; `batch_id` is what it made."""

    code = "quote_sent"
    title = "This quote has been sent"


class QuoteNotReady(Conflict):
    """What is to be sent is still being counted, or was refused."""

    code = "quote_not_ready"
    title = "This quote cannot be used"


def new(
    plan: str,
    tenant: TenantId,
    *,
    made_by: str,
    sender_id: str,
    text: str,
    fingerprint: str,
    category: Category | None = None,
) -> Plan:
    """Makes a plan that its parts are still to be written for."""
    now = clock.stamp()
    return Plan(plan, tenant, State.MAKING, made_by, sender_id, text, fingerprint, created_at=now, category=category)


def used(batch: Batch, extent: Extent, *, made_by: str) -> Plan:
    """Makes the plan of a batch that was never quoted: its own from the start."""
    made = new(
        batch.id,
        batch.tenant,
        made_by=made_by,
        sender_id=batch.sender_id,
        text=batch.text,
        fingerprint=batch.fingerprint,
    )
    return replace(made, state=State.USED, extent=extent, batch=batch.id)


def ready(plan: Plan, extent: Extent) -> Plan:
    """Returns the plan with all that its parts come to; it can be used for half an hour from now."""
    until = clock.after(QuoteSettings.load().quote_validity_s)
    return replace(plan, state=State.READY, extent=extent, valid_until=until)


def refused(plan: Plan, reason: str) -> Plan:
    """Returns the plan as one that cannot be sent."""
    return replace(plan, state=State.REFUSED, reason=reason)


def put(plan: Plan) -> Write:
    """Writes a plan where none stands; refuses with PlanMoved."""
    return writes.put(messaging.table(), _item(plan), refused=_moved)


def made(plan: Plan) -> Write:
    """Writes what became of a plan in the making, ready or refused; refuses with PlanMoved when something has."""
    return writes.put(
        messaging.table(),
        _item(plan),
        condition="#state = :making",
        names={"#state": "state"},
        values={":making": State.MAKING.value},
        refused=_moved,
    )


def use(plan: Plan, batch: BatchId) -> Write:
    """Gives a plan to the one batch that sends it, while it is valid.

    Refuses with QuoteNotReady, QuoteExpired, and QuoteSent when another batch has it.
    """

    def refusal(item: Item | None) -> AppError:
        return why_not(of(item) if item else plan, batch) or QuoteExpired("Ask for a new one.")

    return writes.update(
        messaging.table(),
        key(plan.tenant, plan.id),
        "SET #state = :used, #batch = :batch",
        condition="#state = :ready AND valid_until > :now",
        names={"#state": "state", "#batch": "batch"},
        values={":used": State.USED.value, ":ready": State.READY.value, ":batch": batch, ":now": clock.stamp()},
        refused=refusal,
    )


def wordless(tenant: TenantId, plan: str) -> Write:
    """Takes the text out of a plan that has been used; refuses with PlanMoved when it is gone."""
    return writes.update(
        messaging.table(),
        key(tenant, plan),
        "SET #text = :none",
        condition="attribute_exists(pk)",
        names={"#text": "text"},
        values={":none": ""},
        refused=_moved,
    )


def why_not(plan: Plan, batch: BatchId) -> AppError | None:
    """Tells what keeps a batch from using a plan, None when nothing does."""
    if plan.state is State.MAKING:
        return QuoteNotReady("It is still being counted: read it again in a moment.")
    if plan.state is State.REFUSED:
        return QuoteNotReady(plan.reason or "It was refused.")
    if plan.state is State.USED and plan.batch != batch:
        return QuoteSent("It was sent before: read that batch.", batch_id=plan.batch)
    if plan.expired:
        return QuoteExpired("Ask for a new one: whom it goes to, and its price, may be others by now.")
    return None


def read(tenant: TenantId, plan: str) -> Plan | None:
    """Reads a tenant's plan, consistently; None for one that is not there, is another tenant's, or has no id's form."""
    item = tables.get(messaging.table(), key(tenant, plan)) if ids.valid(plan) else None
    return of(item) if item else None


def key(tenant: TenantId, plan: str) -> Key:
    """Returns the key of a plan."""
    return Key(f"T#{tenant}", f"PLAN#{plan}")


def of(item: Item) -> Plan:
    """Reads a plan from its item."""
    digests = item["digests"]
    return Plan(
        id=item["id"],
        tenant=TenantId(item["tenant"]),
        state=State(item["state"]),
        made_by=item["made_by"],
        sender_id=item["sender_id"],
        text=item["text"],
        fingerprint=item["fingerprint"],
        created_at=item["created_at"],
        extent=Extent(
            recipients=item["recipients"],
            chunks=item["chunks"],
            price=item["price"],
            segments=item["segments"],
            encoding=Encoding(item["encoding"]),
            digests=tuple(digests[first : first + _DIGEST] for first in range(0, len(digests), _DIGEST)),
        ),
        valid_until=item.get("valid_until"),
        reason=item.get("reason"),
        batch=BatchId(item["batch"]) if "batch" in item else None,
        category=Category(item["category"]) if "category" in item else None,
    )


def _item(plan: Plan) -> Item:
    extent = plan.extent
    item = {
        **key(plan.tenant, plan.id)._asdict(),
        "id": plan.id,
        "tenant": plan.tenant,
        "state": plan.state.value,
        "made_by": plan.made_by,
        "sender_id": plan.sender_id,
        "text": plan.text,
        "fingerprint": plan.fingerprint,
        "created_at": plan.created_at,
        "recipients": extent.recipients,
        "chunks": extent.chunks,
        "price": extent.price,
        "segments": extent.segments,
        "encoding": extent.encoding.value,
        # One string: a list would cost three bytes for each.
        "digests": "".join(extent.digests),
        "valid_until": plan.valid_until,
        "reason": plan.reason,
        "batch": plan.batch,
        "category": plan.category.value if plan.category else None,
        "ttl": clock.epoch(clock.parse(plan.created_at)) + _RETENTION_S,
    }
    return {name: value for name, value in item.items() if value is not None}


def _moved(item: Item | None) -> PlanMoved:
    return PlanMoved(of(item) if item else None)
