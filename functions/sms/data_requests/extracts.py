"""Extract: what a tenant's texts, and what it keeps, are told as in the words of the API."""

from functions.sms.batches import batches, listings
from functions.sms.batches.messages import Message
from functions.sms.content import contacts, groups, opt_outs, sender_ids, templates
from functions.sms.hooks import events, hook_deliveries, hooks
from functions.sms.models.batch_models import BatchAnswer
from functions.sms.models.content_models import GroupAnswer, OptOutAnswer, TemplateAnswer
from functions.sms.models.hook_models import DeliveryAnswer, EventAnswer, WebhookAnswer
from functions.sms.models.message_models import MessageAnswer
from functions.sms.models.sender_id_models import SenderIdAnswer
from functions.sms.models.upload_models import UploadDetail
from functions.sms.uploads import uploading
from mifumo.aws import Item
from mifumo.exports import ROWS_A_FILE, Row, Source
from mifumo.ids import BatchId, TenantId

from . import belongings

_PAGE = 100
# A batch may come with a list of a thousand recipients that it refused.
_BATCHES_PAGE = 25
_MESSAGES_PAGE = 1_000

Rows = tuple[list[Row], Item | None]


def _sender_ids(tenant: TenantId, start: Item | None) -> Rows:
    page = sender_ids.own(tenant, limit=_PAGE, start=start)
    return [SenderIdAnswer.of(sender_ids.of(item)).model_dump(mode="json") for item in page.items], page.last


def _batches(tenant: TenantId, start: Item | None) -> Rows:
    found, last = listings.batch_page(tenant, limit=_BATCHES_PAGE, start=start)
    refused = batches.refused_by([batch for batch, _ in found])
    told = [
        BatchAnswer.of(
            batch,
            refused.get(batch.id, []),
            status=how_far.status,
            counts=how_far.counts,
        )
        for batch, how_far in found
    ]
    return [batch.model_dump(mode="json") for batch in told], last


def _messages(tenant: TenantId, start: Item | None) -> Rows:
    """Reads the messages of as many batches as fill a file, and of a large one some after the other."""
    if start and "batch" in start:
        return _some_of(tenant, start)
    found, last = batches.some(tenant, recipients=ROWS_A_FILE, start=start)
    # A large one fills a file, so it is the last of those found.
    large = found.pop() if found and found[-1].accepted > ROWS_A_FILE else None
    on = {"batch": large.id, "from": None, "then": last} if large else last
    return _told(listings.messages_in(found)), on


def _some_of(tenant: TenantId, start: Item) -> Rows:
    found = batches.read(tenant, BatchId(start["batch"]))
    if found is None:
        return [], start["then"]
    some, on = listings.message_page(found[0], limit=_MESSAGES_PAGE, start=start["from"])
    return _told(some), {**start, "from": on} if on else start["then"]


def _told(found: list[Message]) -> list[Row]:
    return [MessageAnswer.of(one).model_dump(mode="json") for one in found]


def _contacts(tenant: TenantId, start: Item | None) -> Rows:
    page = contacts.by_name(tenant, "", limit=_PAGE, start=start)
    told = belongings.told(tenant, [contacts.of(item) for item in page.items])
    return [one.model_dump(mode="json") for one in told], page.last


def _groups(tenant: TenantId, start: Item | None) -> Rows:
    """Reads groups; who is in one is told with each contact."""
    page = groups.page(tenant, limit=_PAGE, start=start)
    return [GroupAnswer.of(groups.of(item)).model_dump(mode="json") for item in page.items], page.last


def _templates(tenant: TenantId, start: Item | None) -> Rows:
    page = templates.page(tenant, limit=_PAGE, start=start)
    return [TemplateAnswer.of(templates.of(item)).model_dump(mode="json") for item in page.items], page.last


def _opt_outs(tenant: TenantId, start: Item | None) -> Rows:
    page = opt_outs.page(tenant, prefix="", limit=_PAGE, start=start)
    return [OptOutAnswer.of(opt_outs.of(item)).model_dump(mode="json") for item in page.items], page.last


def _uploads(tenant: TenantId, start: Item | None) -> Rows:
    """Reads uploads as they are answered, without the link: it is a key to a file, good for whoever has it."""
    found, last = uploading.page(tenant, limit=_PAGE, start=start)
    return [UploadDetail.of(one).model_dump(mode="json") for one in found], last


def _webhooks(tenant: TenantId, _: Item | None) -> Rows:
    return [WebhookAnswer.of(hook).model_dump(mode="json") for hook in hooks.of_tenant(tenant)], None


def _deliveries(tenant: TenantId, start: Item | None) -> Rows:
    """Reads the deliveries of one webhook after the other."""
    standing = sorted(hook.id for hook in hooks.of_tenant(tenant))
    place = start or {"hook": "", "from": None}
    left = [hook for hook in standing if hook >= place["hook"]]
    if not left:
        return [], None
    # The one that it was to go on from may have been deleted meanwhile.
    begun = place["from"] if left[0] == place["hook"] else None
    page = hook_deliveries.page(tenant, left[0], limit=_PAGE, start=begun)
    told = [DeliveryAnswer.of(hook_deliveries.of(item)).model_dump(mode="json") for item in page.items]
    if page.last:
        return told, {"hook": left[0], "from": page.last}
    return told, {"hook": left[1], "from": None} if len(left) > 1 else None


def _events(tenant: TenantId, start: Item | None) -> Rows:
    found, after = events.page(tenant, after=start["after"] if start else "", limit=_PAGE)
    return [EventAnswer(**event).model_dump(mode="json") for event in found], {"after": after} if after else None


SOURCES = (
    Source("sender_ids", _sender_ids),
    Source("batches", _batches),
    Source("messages", _messages),
    Source("contacts", _contacts),
    Source("groups", _groups),
    Source("templates", _templates),
    Source("opt_outs", _opt_outs),
    Source("uploads", _uploads),
    Source("webhooks", _webhooks),
    Source("deliveries", _deliveries),
    Source("events", _events),
)
