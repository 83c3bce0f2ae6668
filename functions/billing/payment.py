"""Payment: a tenant's purchase of a package, from the first push to the credit, as it stands at a moment.

A value: `payment_items` is how it lies in the table, `payment_steps` what happens to it, `payments` where it is found.
"""

from dataclasses import dataclass

from mifumo import ids
from mifumo.ids import PaymentId, TenantId

from .states import UNDECIDED, WAITING, Status


@dataclass(frozen=True, slots=True)
class Payment:
    """One purchase, at the price and credits of the moment it began. Amounts are whole TZS and whole credits."""

    id: PaymentId
    tenant: TenantId
    user: str
    package: str | None
    """The package that was bought, or the largest that the quantity contains; its sender IDs come with it."""
    credits: int
    amount: int
    currency: str
    gateway: str
    wallet: str
    phone: str
    """Empty once the number was erased."""
    fingerprint: str
    created_at: str
    expires_at: str
    watched_until: str
    status: Status = Status.CREATED
    version: int = 1
    initiated: str | None = None
    """`accepted` or `unknown`, by the answer to the push or by a later look."""
    checks: int = 0
    checked_at: str | None = None
    next_check_at: str | None = None
    failure_code: str | None = None
    receipt: str | None = None
    paid_amount: int | None = None
    """What the provider says was paid; it differs from `amount` in a review only."""
    paid_currency: str | None = None
    completed_at: str | None = None
    late: bool | None = None
    credit_txn: str | None = None
    refund_id: str | None = None
    """The refund under way, or the last one; a refund that failed is followed by one of another id."""
    refund_amount: int | None = None
    refund_credits: int | None = None
    """The credits that are held for it; 0 when the money that goes back was never credited."""
    refund_manual: bool | None = None
    """People send the money back: the provider cannot."""
    refund_started_at: str | None = None
    quote: str | None = None
    net: int | None = None
    vat: int | None = None
    """`net + vat == amount`, by the rate of the moment when it was offered; None before offers were kept."""
    vat_rate: int | None = None
    """In hundredths of a percent."""
    reference: str | None = None
    """What a bank transfer is to be marked with."""
    retry_of: PaymentId | None = None
    retried_as: PaymentId | None = None
    suspended: int | None = None
    """What of its money stands in the suspense account, in `paid_currency`, until people have decided."""
    invoice: str | None = None
    """The number of its invoice, which a worker gives it after the credit."""
    credit_note: str | None = None
    """The number of the document that takes the invoice back, after a refund."""

    @property
    def at_rest(self) -> bool:
        """Tells whether no money can move for it any more: it is not watched, and nobody has to decide."""
        return self.next_check_at is None and self.status not in WAITING | UNDECIDED

    @property
    def order_id(self) -> str:
        """The provider's reference for it: the same id in the form of a UUID."""
        return ids.as_uuid(self.id)

    @property
    def undocumented(self) -> bool:
        """Tells whether it was credited, or refunded after that, and the invoice or credit note is still missing."""
        if self.credit_txn is None:
            return False
        settled = self.status in {Status.COMPLETED, Status.REFUNDED}
        return settled and (self.invoice is None or (self.status is Status.REFUNDED and self.credit_note is None))

    @property
    def received(self) -> int:
        """Returns what was paid, as far as anybody has said: the price, or what stands in a review."""
        if self.paid_amount is None or self.paid_currency not in {None, self.currency}:
            return self.amount
        return self.paid_amount
