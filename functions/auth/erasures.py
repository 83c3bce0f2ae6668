"""Erasure of a number: a tenant's customer asks to be forgotten, and every slice forgets the number.

The id follows from tenant and number under the pepper, so whoever asks again meets the same erasure, and the id says
nothing of the number.
"""

from mifumo import audit, ids, privacy, writes
from mifumo.callers import Principal
from mifumo.errors import NotFound
from mifumo.ids import TenantId
from mifumo.phone import Msisdn
from mifumo.privacy import DataRequest, Kind
from mifumo.settings import Settings

from . import pepper

# The indexes that the workers look into are behind by less than this.
_INDEXED_AFTER_S = 5


class ErasureSettings(Settings):
    """The queues of the slices that know numbers."""

    sms_privacy_queue_url: str
    billing_privacy_queue_url: str


def start(caller: Principal, number: Msisdn) -> DataRequest:
    """Has a number forgotten in the caller's tenant, with all that was accepted until now.

    Raises Busy when the workers cannot be told: asking again tells them.
    """
    erasure = ids.derived(pepper.keyed(b"erasure", caller.tenant_id, number).hex())
    step = privacy.first(Kind.ERASURE, caller.tenant_id, erasure, run=ids.new(), subject=number.digits)
    writes.transact(privacy.ask(step), audit.entry(caller, "number.erased", target=erasure))
    settings = ErasureSettings.load()
    for url in (settings.sms_privacy_queue_url, settings.billing_privacy_queue_url):
        privacy.send(url, step, delay_s=_INDEXED_AFTER_S)
    return read(caller.tenant_id, erasure)


def read(tenant: TenantId, erasure: str) -> DataRequest:
    """Reads a tenant's erasure; raises NotFound, also for another tenant's."""
    found = privacy.read(Kind.ERASURE, tenant, erasure) if ids.valid(erasure) else None
    if found is None:
        raise NotFound("You have asked for no such erasure.")
    return found
