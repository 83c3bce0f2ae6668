"""Statement: what a tenant has, and every entry that made it so."""

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.billing.models import Balance, EntryPage, EntryView
from mifumo import cursors, wallets
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


@router.get("/api/billing/balance/", summary="Read the balance", tags=["billing"])
@needs(Action.BILLING_READ)
def read_balance(caller: Caller) -> Balance:
    """Reads what the tenant has available and held."""
    return Balance.of(wallets.read(caller.tenant_id))


@router.get("/api/billing/ledger/", summary="Read the statement", tags=["billing"])
@needs(Action.BILLING_READ)
def list_entries(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> EntryPage:
    """Lists the entries of the tenant's wallet, newest first."""
    scope = f"ledger:{caller.tenant_id}"
    page = wallets.entries(caller.tenant_id, limit=limit, start=cursors.decode(cursor, scope=scope))
    return EntryPage(items=[EntryView.of(item) for item in page.items], next=cursors.encode(page.last, scope=scope))
