"""Offer: what a payment buys and what it costs, by a quote or by a package's price of today; frozen in the payment."""

from dataclasses import dataclass
from typing import Self

from mifumo import clock, quotes, vat
from mifumo.errors import NotFound
from mifumo.ids import TenantId
from mifumo.packages import Package
from mifumo.quotes import Quote
from mifumo.vat import Buyer


@dataclass(frozen=True, slots=True)
class Offer:
    """Credits at a price in whole TZS that includes its VAT; `package` is the one whose sender IDs come with it."""

    asked: str
    """What the buyer named, by which two requests are told apart."""
    credits: int
    amount: int
    net: int
    vat: int
    vat_rate: int
    package: str | None
    quote: Quote | None = None

    @classmethod
    def of_package(cls, package: Package) -> Self:
        """Offers a package as the catalogue has it now."""
        split = vat.included(package.price_tzs, vat.rate_at(clock.now(), Buyer.UNREGISTERED))
        return cls(
            asked=package.id,
            credits=package.credits,
            amount=split.total,
            net=split.net,
            vat=split.vat,
            vat_rate=split.basis_points,
            package=package.id,
        )

    @classmethod
    def of_quote(cls, quote: Quote) -> Self:
        """Offers what was quoted, at the price of then."""
        return cls(
            asked=f"quote:{quote.id}",
            credits=quote.credits,
            amount=quote.total,
            net=quote.net,
            vat=quote.vat,
            vat_rate=quote.vat_rate,
            package=quote.opens,
            quote=quote,
        )


def quoted(tenant: TenantId, quote_id: str) -> Offer:
    """Reads a tenant's quote, expired or not; raises NotFound for one that is not there or is another tenant's."""
    quote = quotes.read(tenant, quote_id)
    if quote is None:
        raise NotFound("There is no such quote.")
    return Offer.of_quote(quote)
