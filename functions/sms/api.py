"""HTTP routes of the sms slice: can I send, send, what became of it, sender IDs."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, cursors, phone, wallets
from mifumo.callers import Principal
from mifumo.errors import NotFound, ValidationFailed
from mifumo.http import Caller, Cursor, IdempotencyKey, Limit, Replayed, api, needs
from mifumo.ids import BatchId
from mifumo.ledger import InsufficientCredits
from mifumo.modes import Mode
from mifumo.observability import entrypoint
from mifumo.permissions import Action

from . import admin
from .batches import batches, listings, progress, waiting
from .batches.progress import Progress
from .charges import top_ups
from .charges.top_ups import TopUp
from .content import entitlement, sender_ids
from .delivery import timeline
from .doors import (
    analytics,
    contacts,
    courses,
    events,
    groups,
    opt_outs,
    provider,
    results,
    templates,
    uploads,
    webhooks,
)
from .models.batch_models import BatchAnswer, BatchPage, TopUpAnswer
from .models.capability_models import BalanceAnswer, CapabilityAnswer
from .models.message_models import MessageAnswer, MessagePage, MessageStory, StepAnswer
from .models.send_models import QuotedRequest, SendRequest
from .models.sender_id_models import AvailabilityAnswer, SenderIdAnswer, SenderIdPage, SenderIdRequest
from .sending import dispatch, parking, quoted, standing, wishes
from .sending.dispatch import Accepted
from .sending.quoted import Wanted
from .sending.wishes import Wish

app = api()
app.include_router(admin.router, prefix="/api/admin/sms")
app.include_router(opt_outs.router)
app.include_router(templates.router)
app.include_router(contacts.router)
app.include_router(groups.router)
app.include_router(events.router)
app.include_router(provider.router)
app.include_router(webhooks.router)
app.include_router(analytics.router)
app.include_router(courses.router)
app.include_router(results.router)
app.include_router(uploads.router)
_TAGS = ["sms"]


@app.get("/api/sms/capability/", summary="Can I send now, and if not why", tags=_TAGS)
@needs(Action.SMS_READ)
def capability(caller: Caller) -> CapabilityAnswer:
    found = standing.read(caller.tenant_id)
    return CapabilityAnswer(
        can_send=not found.obstacles,
        reasons=found.obstacles,
        balance=BalanceAnswer(available=found.wallet.available, held=found.wallet.held),
        sender_ids=found.sender_ids,
        default_sender_id=found.default_sender_id,
    )


@app.post(
    "/api/sms/send/",
    status_code=HTTPStatus.ACCEPTED,
    summary="Send a text to up to 1,000 numbers",
    description="Recipients that cannot be sent to come back in `refused`, each with a code; the others are accepted "
    "together, and their price is held. What is charged in the end is what was handed over to the networks. "
    "Without the credits it is refused with an offer of those that lack, or parked if you ask for that.",
    tags=_TAGS,
    responses={
        HTTPStatus.OK: {"description": "What would be sent: the answer to a dry run, which changes nothing."},
        HTTPStatus.ACCEPTED: {"description": "Accepted and paid for; the work goes on."},
    },
    openapi_extensions={"x-problems": [402, 409]},
)
@needs(Action.SMS_SEND)
def send(body: SendRequest, caller: Caller, key: IdempotencyKey, replayed: Replayed) -> Response[BatchAnswer]:
    wish = Wish(
        caller.tenant_id,
        caller.actor,
        body.sender_id or "",
        text=body.text,
        recipients=tuple(one.to for one in body.recipients) if body.recipients else None,
        template=body.template_id,
        variables=body.variables,
        own={place: one.variables for place, one in enumerate(body.recipients or []) if one.variables},
        group=body.group_id,
        test=_is_test(body.mode, caller),
        category=body.category,
        send_at=body.send_at or "",
        max_credits=body.max_credits or 0,
        smart=body.smart_encoding,
        allow_repeat=body.allow_repeat,
    )
    if body.dry_run:
        return Response(HTTPStatus.OK, "application/json", _accepted(dispatch.rehearse(wishes.order(wish))))
    order = wishes.order(wish, key=key)
    park = partial(parking.park, order, key=key) if body.park else None
    accepted, lacks = _accepted_or_parked(caller, key, partial(dispatch.accept, order, key=key), park)
    if accepted.replayed:
        replayed()
    return Response(HTTPStatus.ACCEPTED, "application/json", _accepted(accepted, lacks))


def _accepted_or_parked(
    caller: Principal, key: str, accept: Callable[[], Accepted], park: Callable[[], Accepted] | None
) -> tuple[Accepted, TopUp | None]:
    """Accepts, or parks and tells what lacks; without a way to park it raises the refusal that can be paid."""
    try:
        return accept(), None
    except InsufficientCredits as lacking:
        top_up = top_ups.offer(caller.tenant_id, lacking, key=key)
        if not park:
            raise top_up.refusal() from lacking
        return park(), top_up


def _is_test(wanted: Mode | None, caller: Principal) -> bool:
    """Tells whether a send is a test; raises ValidationFailed when a test key asks for another."""
    if caller.mode is Mode.TEST and wanted is Mode.LIVE:
        raise ValidationFailed.of("/mode", "test_key", "A test key sends tests alone: use a live key.")
    return Mode.TEST in {wanted, caller.mode}


def _accepted(accepted: Accepted, lacks: TopUp | None = None) -> BatchAnswer:
    """Answers what was accepted, or parked for what it `lacks`; a replay is told how far it is by now."""
    batch, top_up = accepted.batch, TopUpAnswer.of(lacks) if lacks else None
    if accepted.replayed:
        return _batch(batch, accepted.refused, progress.of(batch)).model_copy(update={"top_up": top_up})
    parked = batch.status is batches.Status.PARKED
    counts = {batch.status.value if parked else waiting.status(batch).value: batch.accepted}
    answer = BatchAnswer.of(batch, accepted.refused, status=batch.status, counts=counts)
    return answer.model_copy(update={"top_up": top_up})


@app.post(
    "/api/sms/batches/",
    status_code=HTTPStatus.ACCEPTED,
    summary="Send what was quoted",
    description="A quote is sent once, within its half hour: to the recipients, with the texts and for the price that "
    "it says, to the credit. Without the credits it is refused with an offer of those that lack, or parked if you ask "
    "for that: then it is sent at the price of the quote when they have come, also after its half hour.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [402, 409]},
)
@needs(Action.SMS_SEND)
def send_quoted(body: QuotedRequest, caller: Caller, key: IdempotencyKey, replayed: Replayed) -> BatchAnswer:
    wanted = Wanted(
        caller.tenant_id,
        caller.actor,
        body.quote_id,
        body.category,
        send_at=body.send_at or "",
        max_credits=body.max_credits or 0,
        test=_is_test(body.mode, caller),
        allow_repeat=body.allow_repeat,
    )
    park = partial(parking.park, wanted, key=key) if body.park else None
    accepted, lacks = _accepted_or_parked(caller, key, partial(quoted.accept, wanted, key=key), park)
    if accepted.replayed:
        replayed()
    return _accepted(accepted, lacks)


@app.get("/api/sms/batches/", summary="List what was sent, newest first", tags=_TAGS)
@needs(Action.SMS_READ)
def list_batches(
    caller: Caller,
    limit: Limit = 20,
    cursor: Cursor = None,
    mode: Annotated[
        Mode | None,
        Query(description="Only those of this mode. A page may then be shorter: go on while there is a `next`."),
    ] = None,
) -> BatchPage:
    scope = f"batches {caller.tenant_id}"
    found, last = listings.batch_page(caller.tenant_id, limit=limit, start=cursors.decode(cursor, scope=scope))
    items = [_batch(batch, [], far) for batch, far in found if mode is None or batch.test is (mode is Mode.TEST)]
    return BatchPage(items=items, next=cursors.encode(last, scope=scope))


@app.get("/api/sms/batches/<batch_id>/", summary="See how far a batch is", tags=_TAGS)
@needs(Action.SMS_READ)
def read_batch(batch_id: str, caller: Caller) -> BatchAnswer:
    found = batches.read(caller.tenant_id, BatchId(batch_id))
    if found is None:
        raise NotFound("You have no such batch.")
    batch, refused = found
    return _batch(batch, refused, progress.of(batch))


@app.get("/api/sms/batches/<batch_id>/messages/", summary="See what became of each recipient", tags=_TAGS)
@needs(Action.SMS_READ)
def list_batch_messages(batch_id: str, caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> MessagePage:
    batch, scope = listings.require(caller.tenant_id, batch_id), f"messages {caller.tenant_id} {batch_id}"
    found, last = listings.message_page(batch, limit=limit, start=cursors.decode(cursor, scope=scope))
    return MessagePage(items=[MessageAnswer.of(m) for m in found], next=cursors.encode(last, scope=scope))


@app.get("/api/sms/messages/", summary="Find what was sent to a number", tags=_TAGS)
@needs(Action.SMS_READ)
def find_messages(
    caller: Caller,
    to: Annotated[str, Query(max_length=32, description="A number as people write it.", examples=["0712345678"])],
    limit: Limit = 50,
    cursor: Cursor = None,
) -> MessagePage:
    try:
        # Of any country: what was sent to one is still found when the tenant sends there no more.
        digits = phone.parse(to, countries=phone.EVERYWHERE).digits
    except phone.InvalidNumber as error:
        raise ValidationFailed.of("query:to", error.reason_code.value, error.detail) from error
    scope = f"messages to {caller.tenant_id} {digits}"
    start = cursors.decode(cursor, scope=scope)
    found, last = listings.messages_to(caller.tenant_id, digits, limit=limit, start=start)
    return MessagePage(items=[MessageAnswer.of(m) for m in found], next=cursors.encode(last, scope=scope))


@app.get("/api/sms/messages/<message_id>/", summary="See all that happened to one message", tags=_TAGS)
@needs(Action.SMS_READ)
def read_message(message_id: str, caller: Caller) -> MessageStory:
    message, steps = timeline.of(caller.tenant_id, message_id)
    return MessageStory(**MessageAnswer.of(message).model_dump(), timeline=[StepAnswer.of(step) for step in steps])


@app.get("/api/sms/sender-ids/", summary="List the sender IDs that you may use or asked for", tags=_TAGS)
@needs(Action.SMS_READ)
def list_sender_ids(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> SenderIdPage:
    scope = f"sender ids {caller.tenant_id}"
    start = cursors.decode(cursor, scope=scope)
    page = sender_ids.own(caller.tenant_id, limit=limit, start=start)
    own = [sender_ids.of(item) for item in page.items]
    platform = entitlement.platform(wallets.read(caller.tenant_id).package) if start is None else []
    items = [SenderIdAnswer.of(sender_id) for sender_id in [*platform, *own]]
    return SenderIdPage(items=items, next=cursors.encode(page.last, scope=scope))


@app.post(
    "/api/sms/sender-ids/",
    status_code=HTTPStatus.CREATED,
    summary="Ask for a sender ID of your own",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.SENDER_IDS_REQUEST)
def request_sender_id(body: SenderIdRequest, caller: Caller) -> SenderIdAnswer:
    made = sender_ids.request(caller, name=body.name.strip(), purpose=body.purpose, sample=body.sample)
    return SenderIdAnswer.of(made)


@app.get("/api/sms/sender-ids/availability/", summary="Can this name be asked for", tags=_TAGS)
@needs(Action.SENDER_IDS_REQUEST)
def sender_id_availability(
    caller: Caller, name: Annotated[str, Query(min_length=1, max_length=32, examples=["Quantum"])]
) -> AvailabilityAnswer:
    found = sender_ids.availability(caller.tenant_id, name.strip())
    available = found is sender_ids.Availability.AVAILABLE
    return AvailabilityAnswer(name=name.strip(), available=available, reason=None if available else found.value)


def _batch(batch: batches.Batch, refused: list[batches.Refused], how_far: Progress) -> BatchAnswer:
    return BatchAnswer.of(batch, refused, status=how_far.status, counts=how_far.counts)


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers one request."""
    return app.resolve(event, context)


aws.connect(aws.dynamodb, aws.sqs, aws.secrets_manager)
