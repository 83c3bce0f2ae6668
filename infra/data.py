"""The Data stack: tables, secrets and papers, which outlive every other resource."""

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from infra.parts.bucket import Bucket
from infra.parts.emulator import synthesizer
from infra.parts.secret import Secret
from infra.parts.table import Index, Table
from infra.stage import Stage


class Data(Stack):
    """One table per data lifecycle, single-table inside; one secret per party that we share a secret with."""

    def __init__(self, scope: Construct, name: str, *, stage: Stage) -> None:
        super().__init__(
            scope,
            name,
            description=f"Mifumo SMS ({stage.name}): tables, secrets and papers",
            env=Environment(account=stage.account, region=stage.region),
            synthesizer=synthesizer(stage),
            termination_protection=stage.retained,
        )
        self.accounts = Table(self, "Accounts", stage=stage)
        self.access = Table(self, "Access", stage=stage, indexes=[Index("listing", "listing", whole=True)])
        self.messaging = Table(
            self,
            "Messaging",
            stage=stage,
            indexes=[
                Index("listing", "listing", whole=True),
                Index("numbers", "number"),
                Index("due", "due"),
            ],
        )
        # Money never expires.
        self.ledger = Table(
            self,
            "Ledger",
            stage=stage,
            expires=False,
            indexes=[Index("listing", "listing", whole=True), Index("due", "due"), Index("days", "day")],
        )

        # Who did what: added to by every door, read by one, changed by none.
        self.audit = Table(self, "Audit", stage=stage, indexes=[Index("listing", "listing", whole=True)])

        # Invoices on paper: what was given out is kept as it was, for as long as the books.
        self.documents = Bucket(
            self, "Documents", stage=stage, holds="a document on paper, named by tenant and document"
        )

        self.signing_keys = Secret(self, "SigningKeys", stage=stage, known={"current": "k1"}, generated="k1")
        # Keys the hashes of codes and makes second factors: it is never rotated, because what it made would be lost.
        self.identity = Secret(self, "Identity", stage=stage, known={}, generated="pepper")
        # Makes the secrets of webhooks: never rotated either, each webhook's own is.
        self.hooks = Secret(self, "Hooks", stage=stage, known={}, generated="pepper")
        # Keys the hashes by which repeats are known: they live for half an hour, so it may be changed at any time.
        self.repeats = Secret(self, "Repeats", stage=stage, known={}, generated="pepper")
        self.beem = Secret(
            self, "Beem", stage=stage, known={"api_key": "", "secret_key": ""}, generated="callback_token"
        )
        self.zenopay = Secret(self, "Zenopay", stage=stage, known={"api_key": ""}, generated="token_key")
        self.pawapay = Secret(self, "Pawapay", stage=stage, known={"token": ""})
        self.clickpesa = Secret(
            self, "Clickpesa", stage=stage, known={"client_id": "", "api_key": "", "checksum_key": ""}
        )

        for output, value in {
            "AccountsTable": self.accounts.table_name,
            "AccessTable": self.access.table_name,
            "MessagingTable": self.messaging.table_name,
            "LedgerTable": self.ledger.table_name,
            "AuditTable": self.audit.table_name,
            "DocumentsBucket": self.documents.bucket_name,
            "SigningKeysSecret": self.signing_keys.arn,
            "IdentitySecret": self.identity.arn,
            "HooksSecret": self.hooks.arn,
            "RepeatsSecret": self.repeats.arn,
            "BeemSecret": self.beem.arn,
            "ZenopaySecret": self.zenopay.arn,
            "PawapaySecret": self.pawapay.arn,
            "ClickpesaSecret": self.clickpesa.arn,
        }.items():
            CfnOutput(self, output, value=value)
