"""Entry: what a user comes in as: who they are in which tenant, and with which second factor, read in one call."""

from typing import NamedTuple

from mifumo import tables
from mifumo.ids import TenantId, UserId
from mifumo.tenants import Tenant

from . import second_factor, users
from .second_factor import Factor
from .users import User


class Entry(NamedTuple):
    """An active member who may come in. `factor` can be one that waits for its first code."""

    user: User
    tenant: Tenant
    factor: Factor | None

    @property
    def enrolling(self) -> bool:
        """Tells whether a second factor has to be set up before anything else."""
        return second_factor.missing(self.factor, self.user.role, self.tenant)


def read(user: UserId, tenant: TenantId) -> Entry | None:
    """Reads an entry; None unless the user is an active member of the tenant."""
    place = second_factor.place(user)
    found = tables.read(*users.places(user, tenant), place)
    entered = users.found_in(found, user, tenant)
    return Entry(*entered, second_factor.of(user, found.get(place))) if entered else None
