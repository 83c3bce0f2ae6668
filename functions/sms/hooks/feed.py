"""Feed: events are written down with a delivery to each webhook that wants them, all in one transaction with whatever
says that they were told; then the webhooks are called.
"""

from collections.abc import Sequence

from mifumo import writes
from mifumo.ids import TenantId
from mifumo.writes import Write

from . import events, hook_deliveries, telling
from .events import Event
from .hooks import Hook


def add(tenant: TenantId, made: Sequence[Event], listening: Sequence[Hook], said: Write) -> None:
    """Adds events; raises what `said` refuses with when they were told before, and then adds nothing.

    Of a call that is lost after the commit the sweep knows.
    """
    wanted = [(event, hook) for event in made for hook in listening if hook.wants(event.type)]
    deliveries = [hook_deliveries.new(event, hook.id) for event, hook in wanted]
    writes.transact(said, *(events.put(event) for event in made), *deliveries)
    telling.call(tenant, [(hook.id, event.id) for event, hook in wanted])
