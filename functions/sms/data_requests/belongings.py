"""Belongings: what a tenant keeps besides its texts, and how that is told, forgotten and cleared: contacts, groups,
templates, opt-outs, uploads, webhooks and what was told to them.

A number that is forgotten is no contact any more and in no group. That it is opted out stays: its owner has asked for
both, and without the entry the next list with the number in it would text it again.
"""

from functions.sms import messaging
from functions.sms.batches.chunks import ERASED
from functions.sms.content import contact_words, contacts, groups, opt_outs, templates
from functions.sms.content.contacts import Contact
from functions.sms.hooks import events, hook_deliveries, hooks, listeners
from functions.sms.inbound import arrivals
from functions.sms.models.content_models import ContactAnswer
from functions.sms.sending import sent
from functions.sms.uploads import uploads
from mifumo import tables, writes
from mifumo.aws import Item
from mifumo.errors import NotFound
from mifumo.ids import TenantId
from mifumo.tables import Key

# Three transactions: a second's work.
_ITEMS_A_STEP = 300
_TOGETHER_MAX = 100


def told(tenant: TenantId, found: list[Contact]) -> list[ContactAnswer]:
    """Writes contacts for the wire, with since when they are opted out: a read for each hundred."""
    out = opt_outs.since(tenant, [contact.digits for contact in found])
    return [ContactAnswer.of(contact, opted_out_at=out.get(contact.digits)) for contact in found]


def forget(tenant: TenantId, digits: str) -> None:
    """Deletes the contact with a number, if there is one; raises ChangedMeanwhile."""
    try:
        found = contacts.read(tenant, contacts.of_number(tenant, digits))
    except NotFound:
        return
    writes.transact(*groups.without(found))


def clear(tenant: TenantId) -> bool:
    """Deletes some of all that a tenant keeps, people first; tells whether there may be more."""
    people = contacts.partition(tenant), contact_words.partition(tenant)
    for partition in (*people, *_within(tenant), *_others(tenant)):
        if found := tables.query(messaging.table(), partition, limit=_ITEMS_A_STEP, consistent=True).items:
            _delete([*_leading(tenant, found), *(Key(item["pk"], item["sk"]) for item in found)])
            return True
    shards = (key for _, key in opt_outs.places(tenant, map(str, range(opt_outs.SHARDS))))
    _delete([*shards, opt_outs.last_key(tenant), listeners.key(tenant)])
    return False


def _leading(tenant: TenantId, found: list[Item]) -> list[Key]:
    """Lists what leads to events of texts that came from phones, by their numbers: it goes before they do."""
    numbers = sorted({item["digits"] for item in found if "digits" in item} - {ERASED})
    return [arrival.key for digits in numbers for arrival in arrivals.of_number(tenant, digits)]


def _within(tenant: TenantId) -> list[str]:
    """Lists where the members of groups are, and the deliveries to webhooks: what holds them goes after they did."""
    called = [hook_deliveries.partition(tenant, hook.id) for hook in hooks.of_tenant(tenant)]
    return [*_members(tenant), *called]


def _members(tenant: TenantId) -> list[str]:
    page = tables.query(
        messaging.table(), groups.KIND.partition(tenant), begins_with="ID#", limit=_ITEMS_A_STEP, consistent=True
    )
    return [groups.partition(tenant, item["id"]) for item in page.items]


def _others(tenant: TenantId) -> list[str]:
    return [
        groups.KIND.partition(tenant),
        templates.KIND.partition(tenant),
        opt_outs.partition(tenant),
        uploads.partition(tenant),
        sent.partition(tenant),
        events.partition(tenant),
        listeners.partition(tenant),
    ]


def _delete(keys: list[Key]) -> None:
    """Deletes items whether they are still there or not."""
    for first in range(0, len(keys), _TOGETHER_MAX):
        writes.transact(
            *(
                writes.delete(
                    messaging.table(),
                    key,
                    condition=writes.WHATEVER_STANDS,
                    refused=writes.never,
                )
                for key in keys[first : first + _TOGETHER_MAX]
            )
        )
