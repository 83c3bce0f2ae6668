"""Wire models of what the staff ask for: decisions about money, each with its reason and its evidence."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from mifumo.wire import Request

Reason = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=500),
    Field(description="Stands in the tenant's own log.", examples=["The operator confirms the payer's complaint."]),
]
Evidence = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=1000),
    Field(description="Where the next person finds what shows it.", examples=["Ticket 4711, statement of 31 January."]),
]
Reference = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_upper=True, pattern=r"^\s*[A-Za-z0-9][A-Za-z0-9./_-]{2,63}\s*$"),
    Field(description="The bank's own reference of the transfer.", examples=["FT26031ABCDE"]),
]


class GroundsRequest(Request):
    """Why something is done."""

    reason: Reason


class DecideRequest(Request):
    """What to do with a payment under review: credit it, send the money back, or leave it."""

    decision: Literal["credit", "return", "dismiss"] = Field(examples=["credit"])
    reason: Reason
    evidence: Evidence
    receipt: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=64)] | None = Field(
        None,
        description="The operator's number of the transaction, where the payment has none: for a credit, and for the "
        "return of money that the provider has not told of.",
        examples=["CEJ3I3SETSN"],
    )


class RefundRequest(Request):
    """Why a payment's money is to go back."""

    reason: Reason
    evidence: Evidence


class RefundSentRequest(Request):
    """The transfer by which the money went back."""

    reference: Reference
    evidence: Evidence


class StuckRefundRequest(Request):
    """How to end a refund that its provider neither makes nor refuses."""

    outcome: Literal["refund_sent", "refund_kept"] = Field(
        description="The money has gone, or it has not and will not.", examples=["refund_sent"]
    )
    reason: Reason
    evidence: Evidence
    reference: Reference | None = Field(
        None,
        description="Of what was sent: the provider's or operator's own number; for `refund_sent`.",
        examples=["CEJ3I3SETSN"],
    )


class BankLineRequest(Request):
    """The line of the bank's statement that pays."""

    reference: Reference
    amount: int = Field(ge=1, le=1_000_000_000, description="What the line says, whole TZS.", examples=[1500000])
    reason: Reason
    evidence: Evidence


class AdjustmentRequest(Request):
    """Credits to give to a tenant or to take from it."""

    tenant_id: str = Field(min_length=1, max_length=40, examples=["01jd8x6q5v7w9y2k4m6p8r0t1a"])
    direction: Literal["credit", "debit"] = Field(description="Give, or take.", examples=["credit"])
    credits: int = Field(ge=1, le=10_000_000, examples=[500])
    reason: Reason
    evidence: Evidence
