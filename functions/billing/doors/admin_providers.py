"""Payment providers, for the platform's people: which stands behind which wallet, and why one takes nothing now."""

from typing import Literal, Self

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field

from functions.billing import bank, ways
from functions.billing.catalogue_models import WalletCode
from functions.billing.terms import Terms
from functions.billing.ways import Standing
from mifumo.circuits import State
from mifumo.http import Caller, needs
from mifumo.permissions import Action
from mifumo.phone import Operator
from mifumo.providers.payments import Availability
from mifumo.wire import Answer

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

_WALLET = Field(examples=["vodacom"])


class CircuitView(Answer):
    """Whether the provider answers."""

    state: State = Field(description="`open`: it is sent no push; `half_open`: the next push tries.")
    failures: int = Field(description="Unanswered calls in a row.", examples=[0])
    open_until: str | None = Field(examples=["2026-01-31T09:31:00.000Z"])
    reason: str = Field(description="What the last unanswered call came to.", examples=["ConnectTimeout"])


class WalletTermsView(Answer):
    """What our account at the provider takes from one wallet."""

    wallet: WalletCode = _WALLET
    availability: Availability
    min_amount: int | None = Field(description="Whole TZS.", examples=[500])
    max_amount: int | None = Field(description="Whole TZS.", examples=[1000000])


class TermsView(Answer):
    """What our account at the provider takes, as it told us last."""

    read_at: str = Field(examples=["2026-01-31T09:30:00.000Z"])
    signed_callbacks: bool = Field(description="Without signatures every callback is refused.")
    wallets: list[WalletTermsView]

    @classmethod
    def of(cls, terms: Terms) -> Self:
        """Shows terms."""
        return cls(
            read_at=terms.read_at,
            signed_callbacks=terms.signed_callbacks,
            wallets=[
                WalletTermsView(
                    wallet=wallet.value,  # type: ignore[arg-type] # the provider's wallets are the catalogue's
                    availability=one.availability,
                    min_amount=one.amount_min_tzs,
                    max_amount=one.amount_max_tzs,
                )
                for wallet, one in terms.wallets.items()
            ],
        )


class PaymentProviderView(Answer):
    """A payment provider and our account there."""

    name: Literal["zenopay", "pawapay", "clickpesa"]
    configured: bool = Field(description="Whether its secret is complete.")
    missing: list[str] = Field(description="The members that its secret lacks.", examples=[["token"]])
    wallets: list[WalletCode] = Field(description="The wallets that it stands behind, in whatever place.")
    available: bool = Field(description="Whether a push would go to it now, from at least one of its wallets.")
    circuit: CircuitView
    terms: TermsView | None = Field(description="For providers that tell them.")

    @classmethod
    def of(cls, standing: Standing) -> Self:
        """Shows a provider."""
        circuit = standing.known.circuit
        return cls(
            name=standing.provider,  # type: ignore[arg-type] # a test holds the providers and these together
            configured=not standing.missing,
            missing=list(standing.missing),
            wallets=[wallet.value for wallet in standing.wallets],  # type: ignore[misc] # likewise
            available=standing.available,
            circuit=CircuitView(
                state=circuit.state,
                failures=circuit.failures,
                open_until=circuit.open_until,
                reason=circuit.reason,
            ),
            terms=TermsView.of(standing.known.terms) if standing.known.terms else None,
        )


class BankStandingView(Answer):
    """Whether tenants can pay by bank transfer."""

    available: bool = Field(description="Otherwise `bank` is in no quote's `pay_by`, and transfers are refused.")
    missing: list[str] = Field(description="What the deployment was not told of the account.", examples=[["number"]])


class PaymentProviderList(Answer):
    """Every payment provider that the platform can speak to, and the bank."""

    items: list[PaymentProviderView]
    bank: BankStandingView
    routes: dict[Operator, list[str]] = Field(
        description="The providers behind each wallet, in the order in which they are asked.",
        examples=[{"vodacom": ["zenopay", "pawapay"]}],
    )


@router.get(
    "/api/admin/billing/providers/",
    summary="List the payment providers",
    description="Staff see which providers take payments now, and why the others do not.",
    tags=["admin"],
)
@needs(Action.PLATFORM_READ)
def list_payment_providers(_caller: Caller) -> PaymentProviderList:
    """Lists the providers with their circuits, terms and what their secrets lack."""
    routes = {wallet: list(names) for wallet, names in ways.routes().items()}
    missing = list(bank.missing())
    return PaymentProviderList(
        items=[PaymentProviderView.of(one) for one in ways.standings()],
        bank=BankStandingView(available=not missing, missing=missing),
        routes=routes,
    )
