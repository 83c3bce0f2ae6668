"""Extract: what a tenant's texts are told as, in the words of the API: sender IDs, batches, messages."""

from mifumo.aws import Item
from mifumo.exports import ROWS_A_FILE, Row, Source
from mifumo.ids import TenantId

from . import batches, listings, sender_ids
from .models import BatchAnswer, MessageAnswer, SenderIdAnswer

_PAGE = 100
# A batch may come with a list of a thousand recipients that it refused.
_BATCHES_PAGE = 25

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
            status=batches.status_of(batch, parts),
            counts=batches.counts(parts),
        )
        for batch, parts in found
    ]
    return [batch.model_dump(mode="json") for batch in told], last


def _messages(tenant: TenantId, start: Item | None) -> Rows:
    """Reads the messages of as many batches as fill a file."""
    found, last = batches.some(tenant, recipients=ROWS_A_FILE, start=start)
    told = [MessageAnswer.of(one) for one in listings.messages_in(found)]
    return [one.model_dump(mode="json") for one in told], last


SOURCES = (Source("sender_ids", _sender_ids), Source("batches", _batches), Source("messages", _messages))
