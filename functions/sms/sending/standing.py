"""Standing: all that decides whether a tenant can send now, in one batched read of three tables."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from functions.sms import messaging
from functions.sms.batches import batches
from functions.sms.batches.batches import Batch
from functions.sms.charges import allowance
from functions.sms.charges.allowance import Allowance
from functions.sms.content import entitlement, opt_outs, sender_ids
from functions.sms.hooks import listeners
from functions.sms.provider import circuit
from mifumo import tables, tenants, wallets
from mifumo.aws import Item
from mifumo.circuits import Circuit, State
from mifumo.ids import BatchId, TenantId
from mifumo.tenants import AccessSettings, Tenant
from mifumo.wallets import LedgerSettings, Wallet

from . import repeats
from .repeats import Recent


class Obstacle(StrEnum):
    """A reason why a tenant cannot send now."""

    TENANT_SUSPENDED = "tenant_suspended"
    TENANT_CLOSED = "tenant_closed"
    CONTACT_UNVERIFIED = "contact_unverified"
    NO_CREDITS = "no_credits"
    NO_SENDER_ID = "no_sender_id"
    DAILY_CAP_REACHED = "daily_cap_reached"
    PROVIDER_UNAVAILABLE = "provider_unavailable"


@dataclass(frozen=True, slots=True)
class Standing:
    """A tenant with its wallet, its sender IDs, what is left of its day or of its tests', and the provider's circuit.

    `earlier` is the batch of the same key, `listens` whether there are webhooks to be told. `opted_out` has those of
    the numbers asked about that may not be texted, in digits, and perhaps others. `recent` knows whom the text that was
    asked about was accepted for.
    """

    tenant: Tenant | None
    wallet: Wallet
    approved: Item | None
    allowance: Allowance
    circuit: Circuit
    earlier: Batch | None
    opted_out: frozenset[str] = frozenset()
    listens: bool = False
    recent: Recent | None = None

    @property
    def sender_ids(self) -> list[str]:
        """The names that the tenant may send under."""
        return entitlement.usable(self.wallet.package, self.approved)

    @property
    def default_sender_id(self) -> str | None:
        """The name that the tenant sends under when it gives none, if it may use it now."""
        wanted = self.tenant.preferences.default_sender_id.upper() if self.tenant else ""
        return next((name for name in self.sender_ids if name.upper() == wanted), None)

    @property
    def obstacles(self) -> list[Obstacle]:
        """What stands in the way of sending one text, all of it."""
        status = self.tenant.status if self.tenant else tenants.Status.SUSPENDED
        found = {
            Obstacle.TENANT_SUSPENDED: status is tenants.Status.SUSPENDED,
            Obstacle.TENANT_CLOSED: status is tenants.Status.CLOSED,
            Obstacle.CONTACT_UNVERIFIED: self.tenant is not None and not self.tenant.verified_at,
            Obstacle.NO_CREDITS: self.wallet.available < 1,
            Obstacle.NO_SENDER_ID: not self.sender_ids,
            Obstacle.DAILY_CAP_REACHED: self.allowance.spent,
            Obstacle.PROVIDER_UNAVAILABLE: self.circuit.state is State.OPEN,
        }
        return [obstacle for obstacle, stands in found.items() if stands]


def read(
    tenant: TenantId,
    *,
    batch: BatchId | None = None,
    recipients: Iterable[str] = (),
    text: str | None = None,
    test: bool = False,
) -> Standing:
    """Reads a tenant's standing for a `test` or a send, the batch of an id if it was accepted before, which recipients
    are opted out, and whom a text was accepted for lately, if one is given.

    It stays one call: seven keys, at most 64 of opt-outs and eight of the text.
    """
    kept, access = messaging.table(), AccessSettings.load().access_table
    day, who = allowance.today(), (access, tenants.key(tenant))
    used = access, allowance.key(tenant, day, test=test)
    wallet = LedgerSettings.load().ledger_table, wallets.key(tenant)
    names = kept, sender_ids.approved_key(tenant)
    provider = kept, circuit.KEY
    hooks = kept, listeners.key(tenant)
    earlier = kept, batches.key(tenant, batch or BatchId("-"))
    numbers = list(opt_outs.readable(recipients))
    outs = opt_outs.places(tenant, numbers)
    look = repeats.look(tenant, text, numbers) if text is not None else None
    asked = [*([earlier] if batch else []), *outs, *(look.places if look else [])]
    found = tables.read(who, used, wallet, names, provider, hooks, *asked)
    business = tenants.of(found[who]) if who in found else None
    spent = found.get(used)
    left = allowance.of_tests(tenant, day, spent) if test else allowance.of(tenant, day, business, spent)
    return Standing(
        tenant=business,
        wallet=wallets.of(tenant, found.get(wallet)),
        approved=found.get(names),
        allowance=left,
        circuit=circuit.of(found.get(provider)),
        earlier=batches.of(found[earlier]) if earlier in found else None,
        opted_out=opt_outs.among(found, outs),
        listens=listeners.some(found.get(hooks)),
        recent=look.of(found) if look else None,
    )
