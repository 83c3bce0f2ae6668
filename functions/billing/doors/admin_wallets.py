"""Wallets: the staff see how one stands and why it is frozen, have it checked at once, and lift the freeze."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field

from functions.billing import checkup
from mifumo import audit, freezes, wallets, writes
from mifumo.errors import NotFound
from mifumo.http import Caller, needs
from mifumo.ids import TenantId
from mifumo.permissions import Action
from mifumo.wallets import Wallet
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

_ID_LENGTH_MAX = 64  # what is longer is nobody's, and the table would take no key of any length


class LiftRequest(Request):
    """Why the wallet may spend again."""

    reason: str = Field(min_length=10, max_length=500, examples=["Looked into: entry 12 was restored from backup."])


class WalletState(Answer):
    """A tenant's wallet, for the staff."""

    tenant_id: str
    available: int = Field(examples=[5000])
    held: int = Field(examples=[0])
    version: int = Field(description="How many entries its statement has.", examples=[1])
    frozen_because: str | None = Field(description="The invariant that did not hold, null while it is not frozen.")

    @classmethod
    def of(cls, wallet: Wallet) -> "WalletState":
        """Shows a wallet."""
        return cls(
            tenant_id=wallet.tenant,
            available=wallet.available,
            held=wallet.held,
            version=wallet.version,
            frozen_because=wallet.frozen_because,
        )


class WalletFindings(WalletState):
    """A wallet, and what was found by recomputing it."""

    breaches: list[str] = Field(examples=[["I2: entry 13 stands where 12 should"]])


@router.get("/api/admin/billing/wallets/<tenant_id>/", summary="Read any tenant's wallet", tags=["admin"])
@needs(Action.PLATFORM_READ)
def read_wallet(tenant_id: str) -> WalletState:
    """Reads how a wallet stands, and why it is frozen if it is."""
    return WalletState.of(_find(tenant_id))


@router.post(
    "/api/admin/billing/wallets/<tenant_id>/check/",
    summary="Recompute a wallet now",
    description="Recomputes the wallet and its payments from what was written, as every night; a wallet that does not "
    "add up is frozen.",
    tags=["admin"],
    openapi_extensions={"x-problems": [404]},
)
@needs(Action.MONEY_DECIDE)
def check_wallet(tenant_id: str) -> WalletFindings:
    tenant = _find(tenant_id).tenant
    breaches = [str(breach) for breach in checkup.look(tenant)]
    return WalletFindings(**WalletState.of(wallets.read(tenant)).model_dump(), breaches=breaches)


@router.post(
    "/api/admin/billing/wallets/<tenant_id>/unfreeze/",
    summary="Lift a freeze",
    description="Lets a frozen wallet spend and buy again. If its books still do not add up, the next night freezes it "
    "again.",
    tags=["admin"],
    openapi_extensions={"x-problems": [404, 409]},
)
@needs(Action.MONEY_DECIDE)
def unfreeze_wallet(tenant_id: str, request: LiftRequest, caller: Caller) -> WalletState:
    wallet = _find(tenant_id)
    told = audit.entry(
        caller,
        "wallet.unfrozen",
        tenant=wallet.tenant,
        target=wallet.tenant,
        before={"frozen_because": wallet.frozen_because},
        reason=request.reason,
    )
    writes.transact(freezes.lift(wallet.tenant), told)
    return WalletState.of(wallets.read(wallet.tenant))


def _find(tenant_id: str) -> Wallet:
    wallet = wallets.read(TenantId(tenant_id)) if len(tenant_id) <= _ID_LENGTH_MAX else None
    if wallet is None or wallet.version == 0:
        raise NotFound("There is no such wallet.")
    return wallet
