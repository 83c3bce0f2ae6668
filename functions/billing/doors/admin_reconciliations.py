"""Reconciliations: the staff see where a provider's own account of a day and our books differ."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.billing import reconciliation_rows, reconciliations
from functions.billing.reconciliation_models import (
    Difference,
    ReconciliationFile,
    ReconciliationPage,
    ReconciliationView,
)
from functions.billing.verdicts import Bucket
from mifumo import cursors
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

_Bucket = Annotated[Bucket | None, Query(description="Only the differences of one kind.", examples=["theirs_only"])]


@router.get("/api/admin/billing/reconciliations/", summary="List the reconciliations", tags=["admin"])
@needs(Action.PLATFORM_READ)
def list_reconciliations(_caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> ReconciliationPage:
    """Lists, for each day and provider, how its account and our books compare; the newest day first."""
    page = reconciliations.page(limit=limit, start=cursors.decode(cursor, scope="reconciliations"))
    views = [ReconciliationView.of(reconciliations.of(item)) for item in page.items]
    return ReconciliationPage(items=views, next=cursors.encode(page.last, scope="reconciliations"))


@router.get(
    "/api/admin/billing/reconciliations/<day>/<provider>/",
    summary="Read a reconciliation",
    description="What differs, order by order. Nothing was credited or taken because of it: an order that was paid at "
    "the provider and not here was asked about as any other, and stands as that left it.",
    tags=["admin"],
    openapi_extensions={"x-problems": [404]},
)
@needs(Action.PLATFORM_READ)
def read_reconciliation(
    day: str, provider: str, _caller: Caller, bucket: _Bucket = None, limit: Limit = 50, cursor: Cursor = None
) -> ReconciliationFile:
    found = reconciliations.find(provider, day)
    scope = f"reconciliations/{day}/{provider}/{bucket or ''}"
    page = reconciliation_rows.page(
        provider, day, bucket=bucket, limit=limit, start=cursors.decode(cursor, scope=scope)
    )
    return ReconciliationFile(
        reconciliation=ReconciliationView.of(found),
        items=[Difference.of(reconciliation_rows.of(item)) for item in page.items],
        next=cursors.encode(page.last, scope=scope),
    )
