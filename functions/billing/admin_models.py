"""Wire models of what the staff see of payments, and of what was proposed about them."""

from typing import Any, Self

from pydantic import Field

from mifumo.aws import Item
from mifumo.wire import Answer

from .payment import Payment
from .proposals import Decision, Proposal
from .proposals import Status as ProposalStatus
from .states import Status


class ProposalView(Answer):
    """A decision, who proposed it, and what became of it."""

    id: str = Field(examples=["01jd8x6q5v7w9y2k4m6p8r0t1a-1"])
    subject: str = Field(description="The payment, or the adjustment itself.", examples=["01jd8x6q5v7w9y2k4m6p8r0t1a"])
    tenant_id: str
    decision: Decision = Field(examples=["credit"])
    status: ProposalStatus = Field(examples=["open"])
    facts: dict[str, Any] = Field(description="What it carries out: a receipt, an amount, credits.")
    reason: str
    evidence: str
    proposed_by: str = Field(description="A user's id.")
    proposed_at: str = Field(examples=["2026-01-31T09:30:00.000Z"])
    expires_at: str
    expired: bool = Field(description="Nobody can approve it any more.")
    decided_by: str | None = Field(description="Who approved, rejected or withdrew it.")
    decided_at: str | None
    note: str

    @classmethod
    def of(cls, proposal: Proposal) -> Self:
        """Shows a proposal."""
        return cls(
            id=proposal.id,
            subject=proposal.subject,
            tenant_id=proposal.tenant,
            decision=proposal.decision,
            status=proposal.status,
            facts=dict(proposal.facts),
            reason=proposal.reason,
            evidence=proposal.evidence,
            proposed_by=proposal.proposed_by,
            proposed_at=proposal.proposed_at,
            expires_at=proposal.expires_at,
            expired=proposal.expired,
            decided_by=proposal.decided_by,
            decided_at=proposal.decided_at,
            note=proposal.note,
        )


class ProposalPage(Answer):
    """A page of open proposals, oldest first."""

    items: list[ProposalView]
    next: str | None = Field(description="The cursor of the next page, null at the end.")


class RefundView(Answer):
    """A refund of a payment's money, the last one if there were several."""

    id: str
    amount: int = Field(description="Whole TZS.", examples=[150000])
    credits: int = Field(description="Credits held for it, or taken back; 0 if they were never given.")
    by_hand: bool = Field(description="People send it, because the provider cannot.")
    started_at: str


class StaffPayment(Answer):
    """A payment as the staff see it."""

    id: str = Field(examples=["01jd8x6q5v7w9y2k4m6p8r0t1a"])
    tenant_id: str
    status: Status = Field(examples=["review"])
    credits: int = Field(examples=[5000])
    amount: int = Field(description="The price, whole TZS.", examples=[150000])
    currency: str = Field(examples=["TZS"])
    paid_amount: int | None = Field(description="What was paid, where that is not the price.")
    paid_currency: str | None
    gateway: str = Field(description="The provider, or `bank`.", examples=["zenopay"])
    phone: str = Field(description="Empty for a transfer.", examples=["+255754123456"])
    reference: str | None = Field(description="What a bank transfer is marked with.", examples=["RF12M9QX2K7W"])
    receipt: str | None = Field(description="The operator's or the bank's number of the transaction.")
    failure_code: str | None
    credited: bool = Field(description="Its credits were given, once; they may have been taken back since.")
    refund: RefundView | None
    created_at: str
    expires_at: str
    completed_at: str | None

    @classmethod
    def of(cls, payment: Payment) -> Self:
        """Shows a payment."""
        same = ("id", "status", "credits", "amount", "currency", "paid_amount", "paid_currency", "gateway", "phone")
        times = ("reference", "receipt", "failure_code", "created_at", "expires_at", "completed_at")
        return cls(
            **{name: getattr(payment, name) for name in (*same, *times)},
            tenant_id=payment.tenant,
            credited=payment.credit_txn is not None,
            refund=_refund(payment),
        )


def _refund(payment: Payment) -> RefundView | None:
    if payment.refund_id is None:
        return None
    return RefundView(
        id=payment.refund_id,
        amount=payment.refund_amount or 0,
        credits=payment.refund_credits or 0,
        by_hand=bool(payment.refund_manual),
        started_at=payment.refund_started_at or "",
    )


class StaffPaymentPage(Answer):
    """A page of what waits for the staff."""

    items: list[StaffPayment]
    next: str | None = Field(description="The cursor of the next page, null at the end.")


class HistoryLine(Answer):
    """A step of a payment."""

    before: Status | None
    after: Status
    trigger: str = Field(examples=["mismatched"])
    at: str
    facts: dict[str, Any] = Field(description="What was noted, and which members changed.")

    @classmethod
    def of(cls, line: Item) -> Self:
        """Shows a line of the history."""
        own = {"pk", "sk", "before", "after", "trigger", "at"}
        return cls(
            before=line.get("before"),
            after=line["after"],
            trigger=line["trigger"],
            at=line["at"],
            facts={name: value for name, value in line.items() if name not in own},
        )


class ProviderWord(Answer):
    """What the provider told by itself, word for word; it moved nothing."""

    body: str
    received_at: str
    outcome: str | None = Field(description="What came of the look that followed.")


class PaymentFile(Answer):
    """Everything that is known of a payment."""

    payment: StaffPayment
    history: list[HistoryLine]
    provider_events: list[ProviderWord]
    receipt_paid_for: str | None = Field(description="The payment that the receipt has paid for, if any: one only.")
    proposals: list[ProposalView] = Field(description="What was proposed about it, oldest first.")


class TransferConfirmed(Answer):
    """What came of a confirmation: `completed`, `review` for another amount, or a proposal for a second person."""

    payment: StaffPayment
    proposal: ProposalView | None
