"""Accept a batch: check it, price it, hold the credits and record it in one transaction, then fan out.

After the commit the batch is safe: if the queue does not take a chunk, the sweep sends it again.
"""

from dataclasses import dataclass

from mifumo import clock, ids, ledger, phone, segments, tenants
from mifumo.errors import FieldError, IdempotencyKeyReused, ValidationFailed
from mifumo.ids import BatchId, TenantId
from mifumo.ledger import InsufficientCredits
from mifumo.observability import count, logger
from mifumo.segments import Encoding
from mifumo.settings import Settings
from mifumo.tenants import Tenant
from mifumo.wallets import Wallet
from mifumo.writes import Write

from . import batches, chunks, entitlement, lanes, standing
from .allowance import DailyCapReached
from .batches import Batch, Refused, Status
from .chunks import RECIPIENTS_MAX, Lane
from .standing import Standing

# Ten segments are 1,530 plain characters; Beem's own limit is not published.
SEGMENTS_MAX = 10
_ERRORS_SHOWN_MAX = 100


class LaneSettings(Settings):
    """How small a batch is to take the urgent lane."""

    urgent_recipients_max: int


@dataclass(frozen=True, slots=True)
class Order:
    """What a tenant asks to have sent."""

    tenant: TenantId
    actor: str
    sender_id: str
    """As it was written; empty: the tenant's own default."""
    text: str
    recipients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an order. A replay met the batch that the same key made before."""

    batch: Batch
    refused: list[Refused]
    replayed: bool = False


def accept(order: Order, *, key: str) -> Accepted:
    """Accepts an order once for each Idempotency-Key.

    Raises TenantSuspended, ContactUnverified, ValidationFailed, SenderIdNotAllowed, InsufficientCredits,
    DailyCapReached and IdempotencyKeyReused.
    """
    batch_id = BatchId(ids.derived("batch", order.tenant, key))
    found = standing.read(order.tenant, batch=batch_id)
    if found.earlier:
        return _replay(order, batch_id)
    batch, refused, numbers = _prepare(order, found, batch_id)
    fixed = [*batches.new(batch, refused, actor=order.actor), *_chunks(batch, numbers)]

    def build(wallet: Wallet) -> list[Write]:
        held = ledger.hold(wallet, batch.price, batch=batch.id)
        return [fixed[0], *held, *found.allowance.take(batch.accepted), *fixed[1:]]

    try:
        ledger.move(found.wallet, build)
    except batches.AlreadyAccepted:
        return _replay(order, batch_id)
    except (InsufficientCredits, DailyCapReached):
        # The batched read is no snapshot: a twin of this request may have been accepted in the middle of it, and then
        # it is its hold that is missing from the wallet, and its recipients that are missing from the day.
        if batches.read(order.tenant, batch_id) is None:
            raise
        return _replay(order, batch_id)
    logger.info("batch accepted", batch_id=batch.id, accepted=batch.accepted, refused=len(refused), price=batch.price)
    count("RecipientsAccepted", batch.accepted)
    lanes.enqueue(batch.tenant, batch.lane, [(batch.id, number) for number in range(1, batch.chunks + 1)])
    return Accepted(batch, refused)


def rehearse(order: Order) -> Accepted:
    """Answers what `accept` would, refusals included, and changes nothing; the batch has no id."""
    found = standing.read(order.tenant)
    batch, refused, _ = _prepare(order, found, BatchId(""))
    if found.wallet.available < batch.price:
        raise InsufficientCredits(required=batch.price, available=found.wallet.available)
    found.allowance.require(batch.accepted)
    return Accepted(batch, refused)


def _prepare(order: Order, found: Standing, batch_id: BatchId) -> tuple[Batch, list[Refused], list[str]]:
    """Checks and prices an order; returns the batch, who is refused, and the accepted numbers as digits."""
    tenant = tenants.require_able(found.tenant)
    text, length = _length(order.text)
    sender_id = entitlement.resolve(_name(order, tenant), package=found.wallet.package, approved=found.approved)
    numbers, refused = _recipients(order.recipients, tenant.preferences.foreign_countries)
    if not numbers:
        errors = tuple(FieldError(f"/recipients/{i}", r.code, r.detail) for i, r in enumerate(refused))
        raise ValidationFailed("None of the recipients can be sent to.", errors=errors[:_ERRORS_SHOWN_MAX])
    batch = Batch(
        id=batch_id,
        tenant=order.tenant,
        status=Status.ACCEPTED,
        sender_id=sender_id,
        text=text,
        encoding=length.encoding,
        segments=length.segments,
        accepted=len(numbers),
        price=length.segments * len(numbers),
        charged=0,
        chunks=-(-len(numbers) // RECIPIENTS_MAX),
        lane=_lane(len(numbers)),
        fingerprint=_fingerprint(order),
        created_at=clock.stamp(),
    )
    return batch, refused, numbers


def _name(order: Order, tenant: Tenant) -> str:
    """Returns the name that the order gives, or the tenant's default."""
    name = order.sender_id or tenant.preferences.default_sender_id
    if not name:
        detail = "Give a sender ID, or set a default at PATCH /api/tenant/; GET /api/sms/capability/ lists yours."
        raise ValidationFailed.of("/sender_id", "missing", detail)
    return name


def _length(text: str) -> tuple[str, segments.Segmentation]:
    try:
        text = segments.normalise(text.strip())
    except segments.Unsendable as error:
        raise ValidationFailed.of("/text", "character_not_sendable", str(error)) from error
    length = segments.count(text)
    if length.segments < 1:
        raise ValidationFailed.of("/text", "empty", "Write something to send.")
    if length.segments > SEGMENTS_MAX:
        per_part = 153 if length.encoding is Encoding.GSM_7 else 67
        raise ValidationFailed.of(
            "/text",
            "too_long",
            f"This text needs {length.segments} segments of {per_part} characters; at most {SEGMENTS_MAX} are sent.",
        )
    return text, length


def _recipients(written: tuple[str, ...], countries: frozenset[str]) -> tuple[list[str], list[Refused]]:
    """Splits what was written into numbers, each once, and those refused with the reason."""
    numbers: dict[str, None] = {}
    refused: list[Refused] = []
    for recipient in written:
        try:
            digits = phone.parse(recipient, countries=countries).digits
        except phone.InvalidNumber as error:
            refused.append(Refused(recipient, error.reason_code.value, error.detail))
            continue
        if digits in numbers:
            refused.append(Refused(recipient, "duplicate", "This number is in the list already; it is sent to once."))
        numbers[digits] = None
    return list(numbers), refused


def _lane(recipients: int) -> Lane:
    return Lane.URGENT if recipients <= LaneSettings.load().urgent_recipients_max else Lane.BULK


def _chunks(batch: Batch, numbers: list[str]) -> list[Write]:
    return [
        chunks.new(
            batch.tenant,
            batch.id,
            index + 1,
            numbers[index * RECIPIENTS_MAX : (index + 1) * RECIPIENTS_MAX],
            segments=batch.segments,
            lane=batch.lane,
        )
        for index in range(batch.chunks)
    ]


def _fingerprint(order: Order) -> str:
    return ids.fingerprint(order.sender_id, order.text, *order.recipients)


def _replay(order: Order, batch_id: BatchId) -> Accepted:
    """Returns what the same key made before; raises IdempotencyKeyReused when it was asked for something else."""
    found = batches.read(order.tenant, batch_id)
    if found is None or found[0].fingerprint != _fingerprint(order):
        raise IdempotencyKeyReused("Use a new Idempotency-Key for a different request.")
    return Accepted(*found, replayed=True)
