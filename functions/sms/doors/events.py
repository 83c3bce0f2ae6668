"""Events: everything that webhooks are told of, to be read by who has missed some of it."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field

from functions.sms.hooks import events
from functions.sms.models.hook_models import EventAnswer
from mifumo import ids
from mifumo.errors import ValidationFailed
from mifumo.http import Caller, needs
from mifumo.permissions import Action
from mifumo.wire import Answer

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
# Each may be of a hundred messages.
_LIMIT_MAX = 100


class EventPage(Answer):
    items: list[EventAnswer]
    next: str | None = Field(description="The `after` of the next page; null when there is nothing more yet.")


@router.get(
    "/api/sms/events/",
    summary="Read what webhooks are told of, oldest first",
    description="For whoever was down: what has happened since an event, in the order of their ids. Events of the last "
    "half minute are not listed yet, so that none can come in before one that you have read. Kept for 30 days. Texts "
    "that phones send you are always listed, what becomes of your own from your first webhook on.",
    tags=["sms"],
)
@needs(Action.SMS_READ)
def list_events(
    caller: Caller,
    after: Annotated[
        str | None, Query(max_length=64, description="The `id` of the last event that you have; left out: all of them.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=_LIMIT_MAX, description="How many events a page has at most.")] = 50,
) -> EventPage:
    if after and not ids.valid(after):
        raise ValidationFailed.of("query:after", "after_invalid", "Give the `id` of an event.")
    found, more = events.page(caller.tenant_id, after=after or "", limit=limit)
    return EventPage(items=[EventAnswer(**event) for event in found], next=more)
