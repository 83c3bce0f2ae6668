"""Stack: what a stage's data stack says of itself, read with the credentials of whoever is at the terminal."""

import boto3
from botocore.exceptions import BotoCoreError, ClientError


class StackError(Exception):
    """The stack cannot be read; the message says why."""


def outputs(stage: str, part: str = "data") -> dict[str, str]:
    """Reads the outputs of the stage's data stack, or of its `service` stack."""
    name = f"mifumo-{stage}-{part}"
    try:
        described = boto3.client("cloudformation").describe_stacks(StackName=name)
    except (BotoCoreError, ClientError) as error:
        raise StackError(f"The stack {name} cannot be read: {error}") from error
    return {output["OutputKey"]: output["OutputValue"] for output in described["Stacks"][0].get("Outputs", [])}
