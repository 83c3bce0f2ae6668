"""Every hour: ask the provider of texts how the platform's account there stands, and tell people before it runs dry."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws
from mifumo.observability import count, entrypoint, logger
from mifumo.providers import beem_account
from mifumo.settings import Settings

from .provider import account


class CheckupSettings(Settings):
    """Below which balance people are told, in the provider's credits: one is one segment."""

    provider_balance_min: int


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Answers what was read."""
    balance, names = beem_account.balance(), beem_account.sender_names()
    if balance is None or names is None:
        logger.warning("provider account not read", balance=balance is not None, names=names is not None)
        count("ProviderAccountUnread")
    if balance is not None:
        count("ProviderBalance", balance)
        if balance < CheckupSettings.load().provider_balance_min:
            logger.error("provider balance is low", balance=balance)
            count("ProviderBalanceLow")
    account.keep(balance=balance, names=names)
    return {"balance": balance, "names": len(names or {})}


aws.connect(aws.dynamodb, aws.secrets_manager)
