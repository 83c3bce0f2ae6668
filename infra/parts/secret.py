"""A secret: a JSON object in Secrets Manager; what is only ours AWS makes up, and nobody ever types it."""

import json
import string
from collections.abc import Mapping

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.nag import acknowledge
from infra.stage import Stage


class Secret(Construct):
    """Empty `known` fields are keys that a provider issues: an operator fills them in after the first deploy."""

    def __init__(
        self, scope: Construct, name: str, *, stage: Stage, known: Mapping[str, str], generated: str | None = None
    ) -> None:
        super().__init__(scope, name)
        content = json.dumps(known)
        secret = secretsmanager.CfnSecret(
            self,
            "Secret",
            secret_string=None if generated else content,
            generate_secret_string=_made_up(content, generated) if generated else None,
        )
        secret.apply_removal_policy(RemovalPolicy.RETAIN if stage.retained else RemovalPolicy.DESTROY)
        # `Ref` is the ARN too, but on AWS only: the emulator answers it with the name, which no policy matches.
        self.arn = secret.attr_id
        acknowledge(
            self,
            "AwsSolutions-SMG4",
            "Providers issue their keys by hand, and signing keys are rotated by adding a second key id, so that "
            "tokens signed with the first stay valid; neither fits a rotation function.",
        )

    def grant_read(self, grantee: iam.IGrantable) -> None:
        iam.Grant.add_to_principal(grantee=grantee, actions=["secretsmanager:GetSecretValue"], resource_arns=[self.arn])


def _made_up(content: str, member: str) -> secretsmanager.CfnSecret.GenerateSecretStringProperty:
    return secretsmanager.CfnSecret.GenerateSecretStringProperty(
        secret_string_template=content,
        generate_string_key=member,
        # 64 letters and digits: 380 bits, and safe inside a URL path, where the callback token stands.
        # (Excluded by name: the emulator knows no `exclude_punctuation`.)
        password_length=64,
        exclude_characters=string.punctuation,
    )
