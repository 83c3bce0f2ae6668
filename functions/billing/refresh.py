"""Refresh: once a day, asks the providers that tell them for what our account takes now, and keeps it."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws
from mifumo.observability import count, entrypoint, logger
from mifumo.providers.pawapay import PawaPay
from mifumo.providers.payments import ProviderUnavailableError

from . import accounts, terms
from .accounts import AccountMissing


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> None:  # noqa: ARG001 - Lambda passes them
    """Reads the terms anew. A provider that does not tell them today keeps those of yesterday."""
    for provider in accounts.PROVIDERS:
        try:
            client = accounts.client(provider)
            if isinstance(client, PawaPay):
                terms.refresh(client)
        except AccountMissing as missing:
            logger.info("payment provider has no account", provider=provider, missing=missing.members)
        except ProviderUnavailableError as error:
            logger.warning("payment provider did not tell its terms", provider=provider, detail=str(error))
            count("PaymentTermsUnread")


aws.connect(aws.dynamodb, aws.secrets_manager)
