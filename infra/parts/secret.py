"""A secret: a JSON object in Secrets Manager, one field of which AWS makes up and nobody ever types."""

import json
from collections.abc import Mapping

from aws_cdk import RemovalPolicy
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.nag import acknowledge


class Secret(secretsmanager.Secret):
    """Empty `known` fields are keys that a provider issues: an operator fills them in after the first deploy."""

    def __init__(
        self, scope: Construct, name: str, *, known: Mapping[str, str], generated: str, removal: RemovalPolicy
    ) -> None:
        super().__init__(
            scope,
            name,
            removal_policy=removal,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps(known),
                generate_string_key=generated,
                # 64 letters and digits: 380 bits, and safe inside a URL path, where the callback token stands.
                password_length=64,
                exclude_punctuation=True,
            ),
        )
        acknowledge(
            self,
            "AwsSolutions-SMG4",
            "Providers issue their keys by hand, and signing keys are rotated by adding a second key id, so that "
            "tokens signed with the first stay valid; neither fits a rotation function.",
        )
