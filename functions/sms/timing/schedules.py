"""Schedule: the moment at which EventBridge Scheduler tells the starter of a batch, once, and forgets it.

One for each batch, under the batch's id; it says for which moment it was made, so that one that fires although the
batch waits for another moment by now starts nothing. Should the scheduler take none, or lose one, the sweep finds the
batch by itself, a little later.
"""

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.sms.batches.batches import Batch
from mifumo import aws, clock
from mifumo.observability import count, logger
from mifumo.settings import Settings

# The queue takes a message or it does not; nobody needs it later than that.
_TRIES, _AGE_MAX_S = 5, 3600


class ScheduleSettings(Settings):
    """The group of schedules, the queue that they may send to and under which role, and where what fails is kept."""

    schedules_group: str
    schedules_role: str
    schedules_dead: str
    starts_queue_arn: str


def put(batch: Batch) -> None:
    """Schedules a batch for the moment that it waits for, in place of the one that it waited for before."""
    wanted = _wanted(batch)
    client = aws.scheduler()
    try:
        try:
            client.create_schedule(**wanted)
        except client.exceptions.ConflictException:
            client.update_schedule(**wanted)
    except (BotoCoreError, ClientError) as error:
        _lost(batch, error)


def drop(batch: Batch) -> None:
    """Takes the schedule of a batch away that does not wait any more, if there is one."""
    client = aws.scheduler()
    try:
        client.delete_schedule(Name=batch.id, GroupName=ScheduleSettings.load().schedules_group)
    except client.exceptions.ResourceNotFoundException:
        return
    except (BotoCoreError, ClientError) as error:
        _lost(batch, error)


def _lost(batch: Batch, error: Exception) -> None:
    logger.warning("scheduler did not answer", batch_id=batch.id, error=type(error).__name__, detail=str(error))
    count("ScheduleLost")


def _wanted(batch: Batch) -> dict[str, Any]:
    settings, moment = ScheduleSettings.load(), batch.starts_at or clock.stamp()
    return {
        "Name": batch.id,
        "GroupName": settings.schedules_group,
        "ScheduleExpression": f"at({moment[:19]})",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": settings.starts_queue_arn,
            "RoleArn": settings.schedules_role,
            "Input": json.dumps({"tenant": batch.tenant, "batch": batch.id, "moment": batch.starts_at}),
            "DeadLetterConfig": {"Arn": settings.schedules_dead},
            "RetryPolicy": {"MaximumRetryAttempts": _TRIES, "MaximumEventAgeInSeconds": _AGE_MAX_S},
        },
    }
