"""Tenant settings: the name and the preferences of the caller's tenant, changed as they were read or not at all."""

from dataclasses import replace
from typing import Any

from mifumo import audit, preferences, tenants, writes
from mifumo.callers import Principal
from mifumo.errors import Forbidden, NotFound
from mifumo.permissions import Role
from mifumo.preferences import Preferences
from mifumo.tenants import SettingsChanged, Tenant
from mifumo.writes import Write

from . import memberships


def read(caller: Principal) -> Tenant:
    """Reads the caller's tenant; raises NotFound when there is none."""
    found = tenants.get(caller.tenant_id, consistent=True)
    if found is None:
        raise NotFound("There is no such tenant.")
    return found


def change(caller: Principal, *, version: int, name: str | None, wanted: dict[str, Any]) -> Tenant:
    """Gives the tenant another name if there is one, and the preferences that are wanted; the others stay.

    Raises SettingsChanged unless the settings are of this version, and Forbidden for what only an owner may change.
    """
    before = read(caller)
    if version != before.settings_version:
        raise SettingsChanged("Read them again: your change was not made.")
    after = replace(before, name=name or before.name, preferences=replace(before.preferences, **wanted))
    if after == before:
        return before
    _require_owner(caller, before.preferences, after.preferences)
    changed = tenants.configure(before, name=after.name, wanted=after.preferences)
    writes.transact(changed, *memberships.still_as_seen(caller), *_told(caller, before, after))
    return replace(after, settings_version=before.settings_version + 1)


def _require_owner(caller: Principal, before: Preferences, after: Preferences) -> None:
    if before.require_second_factor != after.require_second_factor and caller.role is not Role.OWNER:
        raise Forbidden("Only an owner may say whether members need a second factor.")


def _told(caller: Principal, before: Tenant, after: Tenant) -> list[Write]:
    """Records what changed: the name by itself, of the preferences those that did."""
    told = []
    if before.name != after.name:
        told.append(
            audit.entry(
                caller,
                "tenant.renamed",
                target=before.id,
                before={"name": before.name},
                after={"name": after.name},
            )
        )
    was, became = preferences.stored(before.preferences), preferences.stored(after.preferences)
    changed = sorted(name for name in {*was, *became} if was.get(name) != became.get(name))
    if changed:
        told.append(
            audit.entry(
                caller,
                "tenant.settings_changed",
                target=before.id,
                before={name: was.get(name) for name in changed},
                after={name: became.get(name) for name in changed},
            )
        )
    return told
