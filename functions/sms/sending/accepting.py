"""Accepting: the batch that is made of an order, or of a quote that is to be sent, once both are priced."""

from typing import Protocol

from functions.sms.batches.batches import Batch, Status
from functions.sms.batches.categories import Category
from functions.sms.batches.chunks import Lane
from functions.sms.charges import caps
from functions.sms.plans.plans import Extent
from functions.sms.timing import waits
from mifumo import clock
from mifumo.ids import BatchId, TenantId
from mifumo.settings import Settings
from mifumo.tenants import Tenant

from .standing import Standing


class LaneSettings(Settings):
    """How small a batch is to take the urgent lane."""

    urgent_recipients_max: int


class Sendable(Protocol):
    """What an order, and a quote that is to be sent, say of the batch that is made of them."""

    @property
    def tenant(self) -> TenantId: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def test(self) -> bool: ...
    @property
    def send_at(self) -> str: ...
    @property
    def max_credits(self) -> int: ...


def batch(
    sendable: Sendable,
    extent: Extent,
    found: Standing,
    tenant: Tenant,
    batch_id: BatchId,
    *,
    sender_id: str,
    text: str,
    category: Category,
) -> Batch:
    """Makes a batch of what is to be sent, as it is accepted: scheduled, held, or to be sent at once.

    Raises CreditCapExceeded, and ValidationFailed for a moment that is too soon or too late.
    """
    made = Batch(
        id=batch_id,
        tenant=sendable.tenant,
        status=Status.ACCEPTED,
        sender_id=sender_id,
        text=text,
        encoding=extent.encoding,
        segments=extent.segments,
        accepted=extent.recipients,
        price=extent.price,
        charged=0,
        chunks=extent.chunks,
        lane=_lane(extent.recipients, category),
        fingerprint=sendable.fingerprint,
        created_at=clock.stamp(),
        listens=found.listens,
        # Nothing is taken for a test, so there is nothing to give back.
        refunds=tenant.preferences.refund_undelivered and not sendable.test,
        test=sendable.test,
        category=category,
    )
    caps.require(made.price, tenant.preferences, asked=sendable.max_credits)
    return waits.planned(made, tenant.preferences, sendable.send_at)


def _lane(recipients: int, category: Category) -> Lane:
    """Returns the lane of so many recipients: no campaign, and nothing promotional, may delay a one-time password."""
    few = recipients <= LaneSettings.load().urgent_recipients_max
    return Lane.URGENT if few and category is not Category.PROMOTIONAL else Lane.BULK
