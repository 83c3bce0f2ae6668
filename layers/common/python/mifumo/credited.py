"""Credited: says that a tenant has got credits, to those of its orders that wait for some.

Say it after the credit is made; when it is not heard, the sweep finds out.
"""

from mifumo import queue
from mifumo.ids import TenantId
from mifumo.settings import Settings


class CreditedSettings(Settings):
    """The queue that the worker of parked orders reads."""

    parked_queue_url: str


def tell(tenant: TenantId) -> None:
    """Lets the tenant's parked orders be looked at."""
    queue.send(CreditedSettings.load().parked_queue_url, [{"tenant": tenant}])
