"""Clearing: a tenant that can be reopened no more loses its keys and its name, and its customers are forgotten.

Memberships stay: they are how people get in to erase their own accounts. The tenant leaves the list of closings last:
whatever was cut off is done again a minute later.
"""

from mifumo import audit, ids, privacy, tenants, writes
from mifumo.ids import TenantId
from mifumo.privacy import Kind
from mifumo.settings import Settings
from mifumo.tenants import Status

from . import api_keys, closings


class ClearingSettings(Settings):
    """The queues of the slices that know a tenant's customers."""

    sms_privacy_queue_url: str
    billing_privacy_queue_url: str


def clear(tenant: TenantId, until: str) -> bool:
    """Has a tenant cleared that could be reopened until then; tells whether it still was that tenant's turn."""
    found = tenants.get(tenant, consistent=True)
    if found is None or found.status is not Status.CLOSED or found.reopen_until != until:
        writes.commit(closings.remove(tenant, until))
        return False
    api_keys.revoke_all(tenant)
    api_keys.forget_all(tenant)
    step = privacy.first(Kind.CLEARANCE, tenant, ids.derived("clearance", tenant, until), run=ids.new())
    writes.transact(tenants.still_closed(tenant, reopen_until=until), privacy.ask(step))
    settings = ClearingSettings.load()
    for url in (settings.sms_privacy_queue_url, settings.billing_privacy_queue_url):
        privacy.send(url, step)
    told = audit.entry_by(tenant, "tenant.cleared", actor=audit.PLATFORM, target=tenant)
    writes.transact(tenants.clear(tenant), closings.remove(tenant, until), told)
    return True
