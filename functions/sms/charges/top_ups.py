"""Top-up: what an order lacks, and an offer of exactly that, so that a refusal can be paid."""

from dataclasses import asdict, dataclass
from typing import Any

from mifumo import clock, quotes
from mifumo.ids import TenantId
from mifumo.ledger import InsufficientCredits
from mifumo.prices import CREDITS_MIN, QuantityOutsideLimits
from mifumo.quotes import QuoteSettings
from mifumo.settings import Settings
from mifumo.vat import Buyer


class ConsoleSettings(Settings):
    """Where the console is, in which people buy."""

    console_url: str


@dataclass(frozen=True, slots=True)
class TopUp:
    """Credits that an order needs, that there are, and that lack; the offer is None when more lack than are sold."""

    required: int
    available: int
    shortfall: int
    quote_id: str | None
    top_up_url: str

    @property
    def extensions(self) -> dict[str, Any]:
        """Returns the members of the refusal."""
        return asdict(self)

    def refusal(self) -> InsufficientCredits:
        """Returns the refusal that can be paid."""
        refusal = InsufficientCredits(required=self.required, available=self.available)
        refusal.extensions |= self.extensions
        return refusal


def offer(tenant: TenantId, lacking: InsufficientCredits, *, key: str) -> TopUp:
    """Makes an offer of what lacks; the same request gets the same offer as long as it stands for half its time."""
    shortfall: int = lacking.extensions["shortfall"]
    quote_id = _quote(tenant, max(shortfall, CREDITS_MIN), key)
    page = f"{ConsoleSettings.load().console_url.rstrip('/')}/billing/top-up"
    return TopUp(
        required=lacking.extensions["required"],
        available=lacking.extensions["available"],
        shortfall=shortfall,
        quote_id=quote_id,
        top_up_url=f"{page}?quote={quote_id}" if quote_id else page,
    )


def _quote(tenant: TenantId, quantity: int, key: str) -> str | None:
    period_s = max(QuoteSettings.load().quote_validity_s // 2, 1)
    name = f"top-up:{key}:{quantity}:{clock.epoch() // period_s}"
    try:
        made = quotes.for_credits(tenant, name, quantity, buyer=Buyer.UNREGISTERED)
    except QuantityOutsideLimits:
        return None
    kept, _ = quotes.keep(made)
    return kept.id
