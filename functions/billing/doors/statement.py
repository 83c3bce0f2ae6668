"""Statement: what a tenant has, and every entry that made it so."""

from typing import Annotated, Final
from urllib.parse import quote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.billing import statement_csv, statements
from functions.billing.statement_models import Balance, BalanceThen, EntryPage, EntryView
from functions.billing.statements import Span
from mifumo import cursors, wallets
from mifumo.aws import Item
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.ids import TenantId
from mifumo.ledger import Kind
from mifumo.permissions import Action

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

# An answer may be 6 MB (Lambda's limit); so many lines are less than one.
EXPORTED_MAX: Final = 5_000
_PAGE: Final = 250

_DAY_OR_MOMENT = "A day in Dar es Salaam (`2026-01-31`) or a moment (`2026-01-31T09:30:00Z`)"
From = Annotated[str | None, Query(alias="from", max_length=40, description=f"{_DAY_OR_MOMENT}: entries from then on.")]
To = Annotated[
    str | None,
    Query(alias="to", max_length=40, description=f"{_DAY_OR_MOMENT}: entries before it; a day is included."),
]
OfKind = Annotated[Kind | None, Query(alias="kind", description="Entries of this kind alone.")]


@router.get("/api/billing/balance/", summary="Read the balance", tags=["billing"])
@needs(Action.BILLING_READ)
def read_balance(caller: Caller) -> Balance:
    """Reads what the tenant has available and held."""
    return Balance.of(wallets.read(caller.tenant_id))


@router.get("/api/billing/ledger/", summary="Read the statement", tags=["billing"])
@needs(Action.BILLING_READ)
def list_entries(
    caller: Caller,
    limit: Limit = 50,
    cursor: Cursor = None,
    since: From = None,
    until: To = None,
    kind: OfKind = None,
) -> EntryPage:
    """Lists the entries of the tenant's wallet, newest first; of a span of time with what stood before and after it."""
    scope = _scope("ledger", caller.tenant_id, since, until, kind)
    start = cursors.decode(cursor, scope=scope)
    within = _within(caller.tenant_id, since, until)
    page = statements.page(caller.tenant_id, within, kind, limit=limit, start=start, newest_first=True)
    return EntryPage(
        items=[EntryView.of(item) for item in page.items],
        next=cursors.encode(page.last, scope=scope),
        opening=BalanceThen.of(within.opening) if within else None,
        closing=BalanceThen.of(within.closing) if within else None,
    )


@router.get(
    "/api/billing/ledger/export/",
    summary="Export the statement",
    description="Writes the entries as CSV, oldest first, 5,000 lines at once. Where there are more, a `Link` header "
    "with `rel=next` names the address of the next part, which has no line of titles: parts may be put together.",
    tags=["billing"],
    responses={200: {"description": "The lines.", "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
@needs(Action.BILLING_READ)
def export_entries(
    caller: Caller, cursor: Cursor = None, since: From = None, until: To = None, kind: OfKind = None
) -> Response[str]:
    scope = _scope("ledger/export", caller.tenant_id, since, until, kind)
    start = cursors.decode(cursor, scope=scope)
    lines, last = _exported(caller.tenant_id, _within(caller.tenant_id, since, until), kind, start)
    headers = {"Content-Disposition": 'attachment; filename="statement.csv"'}
    if following := cursors.encode(last, scope=scope):
        named = {"from": since, "to": until, "kind": kind, "cursor": following}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in named.items() if value)
        headers["Link"] = f'</api/billing/ledger/export/?{query}>; rel="next"'
    return Response(
        200, "text/csv; charset=utf-8", statement_csv.lines(lines, titled=cursor is None), headers=dict(headers)
    )


def _exported(
    tenant: TenantId, within: Span | None, kind: Kind | None, start: Item | None
) -> tuple[list[Item], Item | None]:
    lines, last = list[Item](), start
    for _ in range(EXPORTED_MAX // _PAGE):
        page = statements.page(tenant, within, kind, limit=_PAGE, start=last, newest_first=False)
        lines, last = [*lines, *page.items], page.last
        if last is None:
            break
    return lines, last


def _within(tenant: TenantId, since: str | None, until: str | None) -> Span | None:
    if since is None and until is None:
        return None
    return statements.span(
        tenant,
        since=statements.moment(since, name="from", ends=False) if since else None,
        until=statements.moment(until, name="to", ends=True) if until else None,
    )


def _scope(name: str, tenant: TenantId, since: str | None, until: str | None, kind: Kind | None) -> str:
    """Ties a cursor to its list, filters and all; without any, it is the list's own."""
    filters = (since, until, kind)
    return f"{name}:{tenant}" + (f":{'|'.join(str(one or '') for one in filters)}" if any(filters) else "")
