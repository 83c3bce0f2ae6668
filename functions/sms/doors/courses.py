"""Routes of courses: move a batch to another moment, pause it, let it go on, cancel what was not handed over."""

from collections.abc import Callable

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.sms.batches import batches, listings, progress
from functions.sms.batches.batches import Batch
from functions.sms.courses import courses
from functions.sms.models.batch_models import BatchAnswer
from functions.sms.models.send_models import RescheduleRequest
from mifumo.callers import Principal
from mifumo.errors import NotFound
from mifumo.http import Caller, needs
from mifumo.permissions import Action

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["sms"]


@router.patch(
    "/api/sms/batches/<batch_id>/",
    summary="Move a batch that waits to another moment",
    description="One that is scheduled, or held by quiet hours, and has not been started.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.SMS_SEND)
def reschedule_batch(batch_id: str, body: RescheduleRequest, caller: Caller) -> BatchAnswer:
    return _led(caller, batch_id, lambda batch: courses.reschedule(batch, body.send_at))


@router.post(
    "/api/sms/batches/<batch_id>/pause/",
    summary="Hand nothing more of a batch over until it is resumed",
    description="What a worker has in its hands just then still goes. Credits stay held. A batch that is over answers "
    "409 `batch_over`.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.SMS_SEND)
def pause_batch(batch_id: str, caller: Caller) -> BatchAnswer:
    return _led(caller, batch_id, courses.pause)


@router.post(
    "/api/sms/batches/<batch_id>/resume/",
    summary="Let a paused batch go on",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.SMS_SEND)
def resume_batch(batch_id: str, caller: Caller) -> BatchAnswer:
    return _led(caller, batch_id, courses.resume)


@router.post(
    "/api/sms/batches/<batch_id>/cancel/",
    summary="Cancel what has not been handed over of a batch",
    description="Its messages become `cancelled` and cost nothing; what was handed over before is charged. A large "
    "batch is `cancelling` for a while. A batch that is completed answers 409 `batch_over`.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.SMS_SEND)
def cancel_batch(batch_id: str, caller: Caller) -> BatchAnswer:
    return _led(caller, batch_id, courses.cancel)


def _led(caller: Principal, batch_id: str, step: Callable[[Batch], Batch]) -> BatchAnswer:
    batch = listings.require(caller.tenant_id, batch_id)
    caller.require_mode(batch.mode)
    step(batch)
    found = batches.read(batch.tenant, batch.id)
    if found is None:
        raise NotFound("You have no such batch.")
    how_far = progress.of(found[0])
    return BatchAnswer.of(*found, status=how_far.status, counts=how_far.counts)
