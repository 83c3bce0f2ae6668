"""Order: what a tenant asks to have sent, checked and priced; nothing is written here."""

from collections import defaultdict
from dataclasses import dataclass, replace

from functions.sms.batches import batches, chunks
from functions.sms.batches.batches import Batch, Refused
from functions.sms.batches.categories import Category
from functions.sms.content import entitlement, rendering
from functions.sms.plans import parts
from functions.sms.plans.parts import Ready
from functions.sms.plans.plans import Extent
from functions.sms.timing import waits
from mifumo import clock, ids, phone, segments, substitutes, tenants
from mifumo.errors import FieldError, ValidationFailed
from mifumo.ids import BatchId, TenantId
from mifumo.segments import Encoding
from mifumo.writes import Write

from . import accepting, reached
from .standing import Standing

# Ten segments are 1,530 plain characters; Beem's own limit is not published.
SEGMENTS_MAX = 10
_ERRORS_SHOWN_MAX = 100
_REPEATED = "It got this very text within half an hour; with `allow_repeat: true` it gets it again. It is not charged."


@dataclass(frozen=True, slots=True)
class Order:
    """What a tenant asks to have sent."""

    tenant: TenantId
    actor: str
    sender_id: str
    """As it was written; empty: the tenant's own default."""
    text: str
    """What all of them get, or the template that each one's own text was made from."""
    recipients: tuple[str, ...]
    asked: str = ""
    """What was asked for, where that is not the text and the recipients themselves: a fingerprint."""
    texts: tuple[str, ...] = ()
    """Each recipient's own text, in their order; empty where all of them get the same."""
    test: bool = False
    """Nothing of it reaches a provider, and it costs nothing."""
    category: Category = Category.TRANSACTIONAL
    send_at: str = ""
    """The moment that it is scheduled for; empty: as soon as it may go."""
    max_credits: int = 0
    """The most that it may cost; 0: as much as it does."""
    smart: bool = False
    """Characters are made cheaper where that can be done."""
    allow_repeat: bool = False
    """It goes to those as well that the same text went to lately."""
    minded: bool = True
    """Whom it goes to is remembered for half an hour."""
    left: tuple[Refused, ...] = ()
    """Who was to get it and can get no text."""

    @property
    def fingerprint(self) -> str:
        """Tells two orders apart that come with the same Idempotency-Key."""
        if self.asked:
            return self.asked
        told = self.sender_id, self.text, *self.recipients
        wishes = [name for name, wished in {"smart": self.smart, "repeat": self.allow_repeat}.items() if wished]
        return ids.fingerprint(*told, *waits.asked(self.category, self.send_at), *wishes)

    @property
    def known_by(self) -> str | None:
        """Under which text it stands whom it went to: the template where each has a text of its own.

        None where nobody looks, as for tests, and where it cannot be sent: what is wrong with it is told later.
        """
        if self.test or not self.minded:
            return None
        if self.texts:
            return self.text
        try:
            return measured(self.text, smart=self.smart)[0]
        except ValidationFailed:
            return None


@dataclass(frozen=True, slots=True)
class Prepared:
    """An order that can be sent: its batch, who is refused, and its chunks.

    Those of a batch with parts stand there: what gives it their plan is `planned`.
    """

    batch: Batch
    refused: list[Refused]
    ready: tuple[Ready, ...]
    actor: str
    planned: tuple[Write, ...] = ()
    remembered: tuple[Write, ...] = ()
    """What remembers whom its texts were accepted for."""

    def written(self, *, over_parked: bool = False) -> list[Write]:
        """Writes the batch and its chunks or its plan, first in a transaction; refuses with AlreadyAccepted."""
        made = batches.new(self.batch, self.refused, actor=self.actor, over_parked=over_parked)
        inside = [] if self.batch.parts else [chunks.new(parts.chunk(self.batch, one)) for one in self.ready]
        return [*made, *self.planned, *inside]


def prepare(order: Order, found: Standing, batch_id: BatchId) -> Prepared:
    """Checks and prices an order.

    Raises TenantSuspended, TenantClosed, ContactUnverified, ValidationFailed, SenderIdNotAllowed and CreditCapExceeded.
    """
    tenant = tenants.require_able(found.tenant)
    if not order.texts:
        measured(order.text, smart=order.smart)
    name = entitlement.asked(order.sender_id, tenant.preferences.default_sender_id)
    sender_id = entitlement.resolve(name, package=found.wallet.package, approved=found.approved)
    numbers, refused = _recipients(order.recipients, tenant.preferences.foreign_countries, found.opted_out)
    at = clock.epoch(waits.moment(order.category, tenant.preferences, order.send_at, batch_id))
    ready = _ready(order, numbers)
    if repeated := _repeated(order, found, ready, batch_id, at=at):
        for digits in repeated:
            place = numbers.pop(digits)
            refused[place] = Refused(order.recipients[place], "repeated", _REPEATED)
        ready = _ready(order, numbers)
    if not numbers:
        errors = tuple(FieldError(f"/recipients/{place}", r.code, r.detail) for place, r in sorted(refused.items()))
        raise ValidationFailed("None of the recipients can be sent to.", errors=errors[:_ERRORS_SHOWN_MAX])
    extent, one = Extent().and_chunks(ready), None if order.texts else ready[0]
    text, asked = (one.text, one.asked) if one else (order.text, "")
    batch = accepting.batch(
        order, extent, found, tenant, batch_id, sender_id=sender_id, text=text, category=order.category
    )
    batch = replace(batch, asked=asked)
    remembered = tuple(found.recent.add(batch_id, ready, at=at)) if found.recent else ()
    told = [*order.left, *(refused[place] for place in sorted(refused))]
    return Prepared(batch, told, ready, order.actor, remembered=remembered)


def measured(text: str, *, pointer: str = "/text", smart: bool = False) -> tuple[str, segments.Segmentation]:
    """Returns a text as it is sent, and its length; raises ValidationFailed for the field that it comes from."""
    try:
        text = segments.normalise(text.strip())
        text = substitutes.plainer(text) if smart else text
    except segments.Unsendable as error:
        raise ValidationFailed.of(pointer, "character_not_sendable", str(error)) from error
    length = segments.count(text)
    if length.segments < 1:
        raise ValidationFailed.of(pointer, "empty", "Write something to send.")
    if length.segments > SEGMENTS_MAX:
        per_part = 153 if length.encoding is Encoding.GSM_7 else 67
        raise ValidationFailed.of(
            pointer,
            "too_long",
            f"This text needs {length.segments} segments of {per_part} characters; at most {SEGMENTS_MAX} are sent.",
        )
    return text, length


def require_sendable(body: str, *, pointer: str, smart: bool) -> None:
    """Refuses a body that cannot be sent whatever its placeholders are filled with; raises ValidationFailed."""
    fixed = "".join(rendering.pieces(body)[::2])
    if fixed.strip():
        measured(fixed, pointer=pointer, smart=smart)


def _repeated(order: Order, found: Standing, ready: tuple[Ready, ...], batch_id: BatchId, *, at: int) -> frozenset[str]:
    """Returns the numbers, in digits, that would get a text again within half an hour."""
    if order.allow_repeat or found.recent is None:
        return frozenset()
    return reached.among(order.tenant, found.recent.of(ready, at=at, but=batch_id), at=at)


def _recipients(
    written: tuple[str, ...], countries: frozenset[str], opted_out: frozenset[str]
) -> tuple[dict[str, int], dict[int, Refused]]:
    """Splits what was written into numbers, each once with its place in the list, and those refused by their place."""
    numbers: dict[str, int] = {}
    refused: dict[int, Refused] = {}
    for place, recipient in enumerate(written):
        try:
            digits = phone.parse(recipient, countries=countries).digits
        except phone.InvalidNumber as error:
            refused[place] = Refused(recipient, error.reason_code.value, error.detail)
            continue
        if digits in opted_out:
            refused[place] = Refused(recipient, "opted_out", "Its owner does not want your texts; it is not charged.")
            continue
        if digits in numbers:
            detail = "This number is in the list already; it is sent to once."
            refused[place] = Refused(recipient, "duplicate", detail)
            continue
        numbers[digits] = place
    return numbers, refused


def _ready(order: Order, numbers: dict[str, int]) -> tuple[Ready, ...]:
    return tuple(parts.chunked(_grouped(order, numbers), first=1, smart=order.smart))


def _grouped(order: Order, numbers: dict[str, int]) -> dict[str, list[str]]:
    """Puts numbers of the same text together, in the order in which they came in."""
    if not order.texts:
        return {segments.normalise(order.text.strip()): list(numbers)}
    grouped = defaultdict[str, list[str]](list)
    for digits, place in numbers.items():
        grouped[segments.normalise(order.texts[place].strip())].append(digits)
    return grouped
