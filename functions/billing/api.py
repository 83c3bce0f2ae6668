"""HTTP routes of the billing slice."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws
from mifumo.http import api
from mifumo.observability import entrypoint

from .doors import (
    admin_adjustments,
    admin_invoices,
    admin_proposals,
    admin_providers,
    admin_reconciliations,
    admin_refunds,
    admin_reviews,
    admin_transfers,
    admin_wallets,
    catalogue,
    invoices,
    payments,
    quotes,
    settings,
    statement,
    transfers,
)

app = api()
app.include_router(catalogue.router)
app.include_router(quotes.router)
app.include_router(payments.router)
app.include_router(transfers.router)
app.include_router(statement.router)
app.include_router(settings.router)
app.include_router(admin_proposals.router)
app.include_router(admin_reviews.router)
app.include_router(admin_refunds.router)
app.include_router(admin_transfers.router)
app.include_router(admin_adjustments.router)
app.include_router(admin_providers.router)
app.include_router(admin_wallets.router)
app.include_router(admin_reconciliations.router)
app.include_router(invoices.router)
app.include_router(admin_invoices.router)


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Answers one request."""
    return app.resolve(event, context)


aws.connect(aws.dynamodb, aws.sqs, aws.secrets_manager)
