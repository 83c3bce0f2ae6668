"""Queues: bodies out ten a call, records in one by one with partial failures."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from mifumo.aws import sqs
from mifumo.observability import count, logger

# SQS takes ten entries a batch call and delays a message for at most 15 minutes.
_ENTRIES_MAX = 10
DELAY_MAX_S = 900


def send(url: str, bodies: Sequence[dict[str, Any]], *, group: str | None = None, delay_s: int = 0) -> int:
    """Sends the bodies; returns how many the queue did not take.

    `group` (a tenant id) makes the queue fair: a tenant with a long backlog does not delay the others. What was not
    taken is logged, not raised: every queue of ours only says "look at this now", and a sweep says it again.
    """
    left_out = 0
    for first in range(0, len(bodies), _ENTRIES_MAX):
        entries = [
            _entry(index, body, group, delay_s) for index, body in enumerate(bodies[first : first + _ENTRIES_MAX])
        ]
        left_out += _refused(url, entries)
    if left_out:
        logger.warning("queue refused messages", left_out=left_out)
        count("QueueRefused", left_out)
    return left_out


def _refused(url: str, entries: list[dict[str, Any]]) -> int:
    try:
        answer = sqs().send_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]
    except (BotoCoreError, ClientError) as error:
        logger.warning("queue did not answer", error=type(error).__name__)
        return len(entries)
    return len(answer.get("Failed", []))


def _entry(index: int, body: dict[str, Any], group: str | None, delay_s: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"Id": str(index), "MessageBody": json.dumps(body, separators=(",", ":"))}
    if group:
        entry["MessageGroupId"] = group
    if delay_s:
        entry["DelaySeconds"] = min(delay_s, DELAY_MAX_S)
    return entry


def bodies(event: dict[str, Any]) -> list[tuple[str, dict[str, Any] | None]]:
    """Returns (message id, body) of each record; a body that is not a JSON object is None."""
    return [(record["messageId"], _body(record["body"])) for record in event["Records"]]


def repeated(event: dict[str, Any]) -> set[str]:
    """Returns the message ids of the records that were delivered before: whoever had them may have died."""
    return {
        record["messageId"] for record in event["Records"] if int(record["attributes"]["ApproximateReceiveCount"]) > 1
    }


def _body(text: str) -> dict[str, Any] | None:
    try:
        body = json.loads(text)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def failures(message_ids: Sequence[str]) -> dict[str, Any]:
    """Answers SQS which records to deliver again; after the queue's maximum they go to its dead-letter queue."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in message_ids]}


def each(event: dict[str, Any], work: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Does the work for each record; those that fail are delivered again, the others are done with."""
    failed = []
    for message_id, body in bodies(event):
        try:
            work(_required(body))
        except Exception:  # noqa: BLE001 # The outermost edge of a worker: one record must not take the others with it.
            logger.exception("record failed", message_id=message_id)
            count("RecordFailed")
            failed.append(message_id)
    return failures(failed)


def _required(body: dict[str, Any] | None) -> dict[str, Any]:
    if body is None:
        raise ValueError("the body is not a JSON object")
    return body
