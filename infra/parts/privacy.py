"""Privacy: a queue of steps of what was asked of a tenant's data, and the function that takes them in one slice."""

from collections.abc import Mapping

from constructs import Construct

from infra.parts.bucket import Bucket
from infra.parts.function import Function
from infra.parts.house import House
from infra.parts.queue import Queue
from infra.parts.table import GET, UPDATE, Table

_TIMEOUT_S = 60


class Privacy(Construct):
    """The worker may read and mark data requests, and nothing else of the table that they stand in."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        slice_name: str,
        house: House,
        access: Table,
        exports: Bucket,
        environment: Mapping[str, str],
    ) -> None:
        super().__init__(scope, name)
        self.variable = f"{slice_name.upper()}_PRIVACY_QUEUE_URL"
        self.queue = Queue(self, "PrivacySteps", house=house, consumer_timeout_s=_TIMEOUT_S)
        self.worker = Function(
            self,
            "Worker",
            handler=f"functions.{slice_name}.privacy.handler",
            house=house,
            timeout_s=_TIMEOUT_S,
            environment={
                **environment,
                "ACCESS_TABLE": access.table_name,
                "EXPORTS_BUCKET": exports.bucket_name,
                self.variable: self.queue.url,
            },
        )
        access.grant_leading(self.worker, ["PRIVACY#*"], *GET, *UPDATE)
        exports.grant_put(self.worker)
        self.queue.grant_send(self.worker)
        self.queue.feed(self.worker, batch_size=1)  # a step is some seconds' work
