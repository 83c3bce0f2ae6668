"""Extract: what a tenant's money is told as, in the words of the API: the wallet, its statement, payments."""

from mifumo import wallets
from mifumo.aws import Item
from mifumo.exports import Row, Source
from mifumo.ids import TenantId

from . import payments
from .payment_models import PaymentView
from .statement_models import Balance, EntryView

_PAGE = 250

Rows = tuple[list[Row], Item | None]


def _balance(tenant: TenantId, _: Item | None) -> Rows:
    return [Balance.of(wallets.read(tenant)).model_dump(mode="json")], None


def _statement(tenant: TenantId, start: Item | None) -> Rows:
    page = wallets.entries(tenant, limit=_PAGE, start=start)
    return [EntryView.of(item).model_dump(mode="json") for item in page.items], page.last


def _payments(tenant: TenantId, start: Item | None) -> Rows:
    page = payments.page(tenant, limit=_PAGE, start=start)
    return [PaymentView.of(payments.of(item)).model_dump(mode="json") for item in page.items], page.last


SOURCES = (Source("balance", _balance), Source("statement", _statement), Source("payments", _payments))
