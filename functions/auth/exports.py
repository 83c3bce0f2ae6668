"""Export: an owner has the tenant's data written into files, one export at a time; each slice writes what it owns.

| key in `access` | what |
|---|---|
| `PRIVACY#<tenant>` / `LATEST` | the export that was begun last: whoever begins another one has seen it end |
"""

from mifumo import audit, clock, cursors, exports, ids, privacy, tables, writes
from mifumo.aws import Item
from mifumo.callers import Principal
from mifumo.errors import Busy, NotFound
from mifumo.ids import TenantId
from mifumo.privacy import PARTS, DataRequest, Kind, Part, State, Step
from mifumo.settings import Settings
from mifumo.tables import Key
from mifumo.tenants import AccessSettings
from mifumo.writes import Write

# The bucket deletes files a week after they were written, which is later than they were asked for.
KEPT_S = 7 * 24 * 3600


class QueueSettings(Settings):
    """The queues of the slices that have something to write."""

    auth_privacy_queue_url: str
    sms_privacy_queue_url: str
    billing_privacy_queue_url: str


def start(caller: Principal) -> DataRequest:
    """Begins an export, or goes on with the one that runs: what it has not written is begun anew.

    Raises Busy when the workers cannot be told, or somebody else begins one now: asking again is safe.
    """
    tenant, latest = caller.tenant_id, _latest(caller.tenant_id)
    running = privacy.read(Kind.EXPORT, tenant, latest) if latest else None
    if running and running.state is State.RUNNING and not is_over(running):
        step = Step(Kind.EXPORT, tenant, running.id, ids.new(), running.asked_at)
        writes.commit(privacy.resume(running, run=step.run))
        parts = [part for part, state in running.parts.items() if state is State.RUNNING]
    else:
        step = privacy.first(Kind.EXPORT, tenant, ids.new(), run=ids.new())
        told = audit.entry(caller, "export.requested", target=step.id)
        writes.transact(_begun(tenant, step.id, after=latest), privacy.ask(step), told)
        parts = list(PARTS[Kind.EXPORT])
    for part in parts:
        privacy.send(_url(part), step)
    return read(tenant, step.id)


def read(tenant: TenantId, export: str) -> DataRequest:
    """Reads a tenant's export; raises NotFound, also for another tenant's."""
    found = privacy.read(Kind.EXPORT, tenant, export) if ids.valid(export) else None
    if found is None:
        raise NotFound("You have no such export.")
    return found


def page(tenant: TenantId, *, limit: int, cursor: str | None) -> tuple[list[DataRequest], str | None]:
    """Reads a page of a tenant's exports, newest first, and the cursor to go on."""
    scope = f"exports {tenant}"
    found = privacy.page(Kind.EXPORT, tenant, limit=limit, start=cursors.decode(cursor, scope=scope))
    listed = [privacy.of(Kind.EXPORT, tenant, item) for item in found.items]
    return listed, cursors.encode(found.last, scope=scope)


def files(found: DataRequest) -> list[tuple[str, str]]:
    """Returns (name, link) of each file of an export that is done and not over."""
    return exports.links(found) if found.state is State.DONE and not is_over(found) else []


def expires_at(found: DataRequest) -> str:
    """Tells until when there are files."""
    return clock.after(KEPT_S, clock.parse(found.asked_at))


def is_over(found: DataRequest) -> bool:
    """Tells whether the files are gone, or would be."""
    return expires_at(found) <= clock.stamp()


def _latest(tenant: TenantId) -> str:
    item: Item = tables.get(AccessSettings.load().access_table, _latest_key(tenant)) or {}
    return str(item.get("latest", ""))


def _begun(tenant: TenantId, export: str, *, after: str) -> Write:
    return writes.update(
        AccessSettings.load().access_table,
        _latest_key(tenant),
        "SET latest = :export",
        condition="latest = :after" if after else "attribute_not_exists(pk)",
        values={":export": export, **({":after": after} if after else {})},
        refused=lambda _: Busy("Somebody else has just begun an export.", retry_after_s=1),
    )


def _latest_key(tenant: TenantId) -> Key:
    return Key(f"PRIVACY#{tenant}", "LATEST")


def _url(part: Part) -> str:
    settings = QueueSettings.load()
    urls = {
        Part.AUTH: settings.auth_privacy_queue_url,
        Part.SMS: settings.sms_privacy_queue_url,
        Part.BILLING: settings.billing_privacy_queue_url,
    }
    return urls[part]
