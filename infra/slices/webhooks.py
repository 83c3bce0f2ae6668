"""The webhooks slice: the only public door, where providers prove themselves and leave events."""

from constructs import Construct

from infra.data import Data
from infra.parts.function import Function
from infra.parts.house import House
from infra.parts.queue import Queue
from infra.parts.table import PUT


class Webhooks(Construct):
    """It can write an event down and wake a worker; it can read no balance and change none."""

    def __init__(
        self, scope: Construct, name: str, *, house: House, data: Data, receipts: Queue, payments: Queue
    ) -> None:
        super().__init__(scope, name)
        self.api = Function(
            self,
            "Api",
            handler="functions.webhooks.api.handler",
            house=house,
            memory_mb=256,
            # One call a text: a trace of each would cost a quarter of a dollar a million, and say what the logs say.
            traced=False,
            environment={
                "LEDGER_TABLE": data.ledger.table_name,
                "BEEM_SECRET": data.beem.arn,
                "ZENOPAY_SECRET": data.zenopay.arn,
                "PAWAPAY_SECRET": data.pawapay.arn,
                "PAWAPAY_URL": house.stage.pawapay_url,
                "CLICKPESA_SECRET": data.clickpesa.arn,
                "PUBLIC_URL": house.stage.public_url or house.api.url,
                "RECEIPTS_QUEUE_URL": receipts.url,
                "PAYMENTS_QUEUE_URL": payments.url,
            },
        )
        data.ledger.grant(self.api, *PUT)
        for secret in (data.beem, data.zenopay, data.pawapay, data.clickpesa):
            secret.grant_read(self.api)
        receipts.grant_send(self.api)
        payments.grant_send(self.api)
        house.api.route("/api/webhooks/{proxy+}", self.api)
