"""Wire models of a tenant's wallet of credits: its balance, and every line of its statement."""

from typing import Self

from pydantic import Field

from mifumo.aws import Item
from mifumo.ledger import Kind
from mifumo.wallets import Wallet
from mifumo.wire import Answer

from .catalogue_models import PackageId
from .statements import Standing


class Balance(Answer):
    """What the tenant has."""

    available: int = Field(description="Credits to spend.", examples=[5000])
    held: int = Field(description="Credits set aside for texts on their way.", examples=[0])
    package: PackageId | None = Field(description="The best package ever completed.")
    updated_at: str | None

    @classmethod
    def of(cls, wallet: Wallet) -> Self:
        """Shows a wallet of credits."""
        return cls(
            available=wallet.available,
            held=wallet.held,
            package=wallet.package,  # type: ignore[arg-type] # only packages are written there
            updated_at=wallet.updated_at,
        )


class EntryView(Answer):
    """A line of the statement."""

    seq: int = Field(description="Numbered without gaps.", examples=[1])
    kind: Kind
    amount: int = Field(description="Credits moved.", examples=[5000])
    available_delta: int = Field(examples=[5000])
    held_delta: int = Field(examples=[0])
    available_after: int = Field(examples=[5000])
    held_after: int = Field(examples=[0])
    reference: str = Field(description="The payment, batch or adjustment that it belongs to.")
    payment_id: str | None = Field(description="The payment that it belongs to: `/api/billing/payments/{id}/`.")
    batch_id: str | None = Field(description="The batch that it belongs to: `/api/sms/batches/{id}/`.")
    created_at: str

    @classmethod
    def of(cls, entry: Item) -> Self:
        """Shows an entry; its item's attributes have the names of the fields, and its record says what it is of."""
        record, reference = entry.get("txn", ""), entry["reference"]
        of_payment = record.startswith(("pay:", "hold:refund:"))
        links: Item = {
            "payment_id": reference if of_payment else None,
            "batch_id": reference if record.startswith("hold:") and not of_payment else None,
        }
        return cls(**links, **{name: entry[name] for name in cls.model_fields if name not in links})


class BalanceThen(Answer):
    """What the tenant had at a moment."""

    available: int = Field(examples=[5000])
    held: int = Field(examples=[0])

    @classmethod
    def of(cls, standing: Standing) -> Self:
        """Shows what stood."""
        return cls(available=standing.available, held=standing.held)


class EntryPage(Answer):
    """A page of the statement, newest first."""

    items: list[EntryView]
    next: str | None = Field(description="The cursor of the next page, null at the end.")
    opening: BalanceThen | None = Field(description="What stood before the span of time that was asked for, if any.")
    closing: BalanceThen | None = Field(description="What stood after it.")
