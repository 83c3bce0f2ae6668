"""Wire models of what the staff see of reconciliations."""

from typing import Self

from pydantic import Field

from mifumo.wire import Answer

from .reconciliation_rows import Row
from .reconciliations import Reconciliation, Stage
from .states import Status
from .verdicts import Bucket


class Totals(Answer):
    """One kind of orders in a comparison."""

    bucket: Bucket = Field(examples=["matched"])
    orders: int = Field(examples=[412])
    amount: int = Field(description="Whole TZS, as the provider says; ours where only we say.", examples=[61800000])


class ReconciliationView(Answer):
    """A day at a provider, as it compares with our books."""

    day: str = Field(description="From midnight to midnight in Dar es Salaam.", examples=["2026-01-31"])
    provider: str = Field(examples=["pawapay"])
    stage: Stage = Field(description="`over`, or what the comparison is at.", examples=["over"])
    lists: bool = Field(description="Whether the provider lists its payments. One that does not has no `theirs_only`.")
    differences: int = Field(description="How many orders the two do not agree about.", examples=[0])
    totals: list[Totals] = Field(description="Empty until it is over.")
    started_at: str
    ended_at: str | None

    @classmethod
    def of(cls, known: Reconciliation) -> Self:
        """Shows a comparison."""
        return cls(
            day=known.day,
            provider=known.provider,
            stage=known.stage,
            lists=known.lists,
            differences=known.differences,
            totals=[
                Totals(bucket=bucket, orders=known.counts[bucket], amount=known.amounts[bucket])
                for bucket in Bucket
                if bucket in known.counts
            ],
            started_at=known.started_at,
            ended_at=known.ended_at,
        )


class ReconciliationPage(Answer):
    """A page of reconciliations, the newest day first."""

    items: list[ReconciliationView]
    next: str | None = Field(description="The cursor of the next page, null at the end.")


class Difference(Answer):
    """An order that the provider and our books do not agree about."""

    order: str = Field(description="As the provider knows it.", examples=["01941f29-7c00-4aaa-8aaa-0123456789ab"])
    bucket: Bucket = Field(examples=["theirs_only"])
    why: str = Field(examples=["there is no such payment of ours"])
    payment_id: str | None = Field(description="Ours, if there is one.")
    tenant_id: str | None
    status: Status | None = Field(description="The payment's, when the two were compared.")
    ours: int | None = Field(description="Whole TZS in our books.", examples=[150000])
    theirs: int | None = Field(description="Whole TZS at the provider.", examples=[150000])
    currency: str | None
    receipt: str | None = Field(description="The provider's or operator's number of the transaction.")
    at: str = Field(description="When it was, in the words of the provider's list.")

    @classmethod
    def of(cls, row: Row) -> Self:
        """Shows a row."""
        same = ("order", "bucket", "why", "status", "ours", "theirs", "currency", "receipt", "at")
        return cls(
            **{name: getattr(row, name) for name in same},
            payment_id=row.payment,
            tenant_id=row.tenant,
        )


class ReconciliationFile(Answer):
    """A reconciliation and a page of what differs."""

    reconciliation: ReconciliationView
    items: list[Difference]
    next: str | None = Field(description="The cursor of the next page, null at the end.")
