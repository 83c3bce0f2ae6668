"""Quote: an offer of credits at a price, frozen for a while. What it says is what is paid and credited.

The only code that reads or writes quotes. They are evidence of what was offered, so they stay.
"""

from dataclasses import asdict, dataclass, fields, replace
from typing import Final, NewType

from mifumo import clock, ids, prices, tables, vat, writes
from mifumo.aws import Item
from mifumo.errors import AppError, Conflict, IdempotencyKeyReused
from mifumo.ids import PaymentId, TenantId
from mifumo.packages import Package
from mifumo.prices import Price
from mifumo.settings import Settings
from mifumo.tables import Key
from mifumo.vat import Buyer
from mifumo.wallets import LedgerSettings
from mifumo.writes import Write

QuoteId = NewType("QuoteId", str)

_ROUTE: Final = "quotes"


class QuoteSettings(Settings):
    """How long an offer stands, in seconds."""

    quote_validity_s: int


@dataclass(frozen=True, slots=True)
class Quote:
    """An offer to a tenant, in whole credits and whole TZS; `net + vat == total`."""

    id: QuoteId
    tenant: TenantId
    credits: int
    unit_price: int
    """What a credit comes to, rounded up; it is shown and never multiplied."""
    net: int
    vat_rate: int
    """In hundredths of a percent."""
    vat: int
    total: int
    buyer: Buyer
    created_at: str
    expires_at: str
    fingerprint: str
    package_id: str | None = None
    """The package that was asked for; None for a quantity of the buyer's own choice."""
    currency: str = "TZS"
    payment_id: PaymentId | None = None
    """The payment that was begun with it last; an offer is paid once."""

    @property
    def opens(self) -> str | None:
        """Returns the package that it opens: the one that was asked for, or the largest that the quantity contains."""
        contained = prices.package_within(self.credits)
        return self.package_id or (contained.id if contained else None)

    @property
    def expired(self) -> bool:
        """Tells whether the offer stands no more; what was begun with it goes on at its price."""
        return clock.stamp() >= self.expires_at


class QuoteExpired(AppError):
    """The offer stands no more: ask for a new one."""

    status = 422
    code = "quote_expired"
    title = "This quote has expired"


class QuoteUsed(Conflict):
    """A payment has been begun with the offer that is paid, or whose outcome is open; `payment_id` is that payment."""

    code = "quote_used"
    title = "This quote is being paid, or has been"


class QuoteExists(Exception):
    """The tenant asked with this key before; it carries the offer that was made."""

    def __init__(self, quote: Quote) -> None:
        super().__init__(quote.id)
        self.quote = quote


def for_package(tenant: TenantId, key: str, package: Package, *, buyer: Buyer) -> Quote:
    """Makes an offer of a package, at the prices and the VAT of now."""
    return replace(
        _made(tenant, key, prices.of_package(package), buyer=buyer, asked=f"package:{package.id}"),
        package_id=package.id,
    )


def for_credits(tenant: TenantId, key: str, quantity: int, *, buyer: Buyer) -> Quote:
    """Makes an offer of a quantity; raises QuantityOutsideLimits."""
    return _made(tenant, key, prices.of_credits(quantity), buyer=buyer, asked=f"credits:{quantity}")


def keep(quote: Quote) -> tuple[Quote, bool]:
    """Keeps an offer; returns what stands, and whether it stood already, in which case that is the offer.

    Raises IdempotencyKeyReused when the key has brought an offer of something else.
    """
    put = writes.put(_table(), _item(quote), refused=lambda old: QuoteExists(_standing(quote, old)))
    try:
        writes.commit(put)
    except QuoteExists as exists:
        if exists.quote.fingerprint != quote.fingerprint:
            raise IdempotencyKeyReused from exists
        return exists.quote, True
    return quote, False


def take(quote: Quote, payment: PaymentId, *, instead_of: PaymentId | None = None, since: str | None = None) -> Write:
    """Lets a payment and no other pay for the offer; refuses with QuoteUsed and QuoteExpired.

    `instead_of` is the payment that had it and is known to bring no money. `since` is the moment by which the offer
    must stand, where that is not now: what was begun with an offer goes on at its price.
    """
    free = {payment, instead_of}

    def refused(item: Item | None) -> AppError:
        if item and item.get("payment_id", payment) not in free:
            return QuoteUsed("Read that payment, or cancel it and take another quote.", payment_id=item["payment_id"])
        return QuoteExpired("Ask for a new one: prices may be others by now.")

    return writes.update(
        _table(),
        _key(quote.tenant, quote.id),
        "SET payment_id = :payment",
        condition="expires_at > :since AND (attribute_not_exists(payment_id) OR payment_id IN (:payment, :over))",
        values={":payment": payment, ":over": instead_of or payment, ":since": since or clock.stamp()},
        refused=refused,
    )


def read(tenant: TenantId, quote: str) -> Quote | None:
    """Reads a tenant's offer, consistently and expired or not; None for one that is not there or is another tenant's.

    An id that has not the form of one is not there either.
    """
    item = tables.get(_table(), _key(tenant, quote)) if ids.valid(quote) else None
    return of(item) if item else None


def of(item: Item) -> Quote:
    """Reads an offer from its item."""
    values = {field.name: item[field.name] for field in fields(Quote) if field.name in item}
    return Quote(**{**values, "buyer": Buyer(item["buyer"])})


def _made(tenant: TenantId, key: str, price: Price, *, buyer: Buyer, asked: str) -> Quote:
    now = clock.now()
    split = vat.included(price.total_tzs, vat.rate_at(now, buyer))
    return Quote(
        id=QuoteId(ids.derived(tenant, _ROUTE, key)),
        tenant=tenant,
        credits=price.credits,
        unit_price=price.unit_price_tzs,
        net=split.net,
        vat_rate=split.basis_points,
        vat=split.vat,
        total=split.total,
        buyer=buyer,
        created_at=clock.stamp(now),
        expires_at=clock.after(QuoteSettings.load().quote_validity_s, now),
        fingerprint=ids.fingerprint(asked, buyer),
    )


def _table() -> str:
    return LedgerSettings.load().ledger_table


def _key(tenant: TenantId, quote: str) -> Key:
    return Key(f"T#{tenant}#QUOTE", f"Q#{quote}")


def _item(quote: Quote) -> Item:
    values = {name: value for name, value in asdict(quote).items() if value is not None}
    return {**_key(quote.tenant, quote.id)._asdict(), **values, "buyer": str(quote.buyer)}


def _standing(quote: Quote, item: Item | None) -> Quote:
    """Returns the offer that stood in a write's way."""
    standing = of(item) if item else read(quote.tenant, quote.id)
    if standing is None:
        raise LookupError(f"quote {quote.id} is gone")
    return standing
