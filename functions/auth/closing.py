"""Closing: an owner closes their tenant, and may reopen it for a while; closing signs everybody out and ends its keys.

When it can be reopened no more, the sweep has it cleared (`clearing`). Whoever asks again ends sessions and keys again,
so that a crash in between leaves none of them for good.
"""

from collections.abc import Iterator

from mifumo import audit, clock, tenants, writes
from mifumo.callers import Principal
from mifumo.errors import NotFound
from mifumo.ids import TenantId, UserId
from mifumo.settings import Settings
from mifumo.tenants import Status, Tenant

from . import api_keys, closings, credentials, memberships, tokens

_PAGE = 100


class ClosingSettings(Settings):
    """For how long a closed tenant can be reopened."""

    tenant_reopen_within_s: int


def close(caller: Principal, password: str, *, reason: str, source_ip: str) -> Tenant:
    """Closes the caller's tenant: it neither sends nor pays, its keys end, and its members are signed out of it.

    Raises InvalidCredentials and Throttled as a login does, Conflict for a suspended tenant.
    """
    tenant = caller.tenant_id
    _, _, attempt = credentials.prove(caller.person, password, source_ip=source_ip)
    if _require(tenant).status is not Status.CLOSED:
        until = clock.after(ClosingSettings.load().tenant_reopen_within_s)
        told = audit.entry(caller, "tenant.closed", target=tenant, reason=reason)
        writes.transact(attempt.forgive(), tenants.close(tenant, reopen_until=until), closings.add(tenant, until), told)
    api_keys.revoke_all(tenant)
    for user in _people(tenant):
        tokens.end_all(user, because="tenant.closed", tenant=tenant)
    return _require(tenant)


def reopen(caller: Principal) -> Tenant:
    """Opens the caller's closed tenant again; its keys stay revoked. Raises Conflict when it is too late for it."""
    told = audit.entry(caller, "tenant.reopened", target=caller.tenant_id)
    until = _require(caller.tenant_id).reopen_until
    writes.transact(tenants.reopen(caller.tenant_id), closings.remove(caller.tenant_id, until), told)
    return _require(caller.tenant_id)


def _people(tenant: TenantId) -> Iterator[UserId]:
    cursor: str | None = None
    while True:
        found, cursor = memberships.page(tenant, limit=_PAGE, cursor=cursor)
        yield from (member.user for member in found)
        if cursor is None:
            return


def _require(tenant: TenantId) -> Tenant:
    found = tenants.get(tenant, consistent=True)
    if found is None:
        raise NotFound("There is no such tenant.")
    return found
