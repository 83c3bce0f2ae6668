"""Every minute: find what stopped in the middle and let it go on."""

from collections.abc import Callable
from functools import partial
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, clock
from mifumo.observability import count, entrypoint, logger

from . import recovery
from .analytics import counting, reckonings
from .batches import batches, chunks, laid
from .delivery import inbox
from .hooks import rounds
from .uploads import uploads

# Stop in time for the last step to end: the next sweep goes on.
_MARGIN_MS = 5_000
# Reports that were kept take a part of the time, however many there are: chunks may be waiting for their turn.
_REPORTS_LEAVE_MS = 25_000


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001
    """Answers how many of each it looked at."""
    now, done = clock.stamp(), {"chunks": 0, "batches": 0, "parts": 0, "uploads": 0, "hooks": 0, "reckonings": 0}
    late = chunks.due(now, limit=recovery.CHUNKS_MAX)
    _tell_lateness(now, late.since)
    done["reports"] = _apply_reports(now, context)
    work = [
        ("chunks", recovery.chunk, late.keys),
        ("batches", recovery.batch, batches.due(now, limit=recovery.BATCHES_MAX)),
        ("parts", recovery.part, laid.due(now, limit=recovery.PARTS_MAX)),
        ("uploads", recovery.upload, uploads.due(now, limit=recovery.UPLOADS_MAX)),
        ("hooks", recovery.hook, rounds.due(now)),
        # Last: nobody waits for figures.
        ("reckonings", counting.count, reckonings.due(now, limit=reckonings.LOOKS_MAX)),
    ]
    for name, step, keys in work:
        for key in keys:
            if context.get_remaining_time_in_millis() < _MARGIN_MS:
                logger.warning("sweep ran out of time", done=done)
                return done
            _try(name, partial(step, key), pk=key.pk, sk=key.sk)
            done[name] += 1
    return done


def _apply_reports(now: str, context: LambdaContext) -> int:
    """Looks at kept reports while there is time for them; answers how many."""
    seen = 0
    for page in inbox.due(now, pages_max=recovery.REPORT_PAGES_MAX):
        _try("reports", partial(recovery.reports, page))
        seen += len(page)
        if context.get_remaining_time_in_millis() < _REPORTS_LEAVE_MS:
            logger.warning("reports left for the next sweep", seen=seen)
            break
    return seen


def _try(name: str, step: Callable[[], None], **where: Any) -> None:
    """Takes a step; what it stumbles over must not keep the sweep from everything else."""
    try:
        step()
    except Exception:  # noqa: BLE001 # One broken item, or page of them, is told of and left for the next sweep.
        logger.exception("sweep step failed", name_of_step=name, **where)
        count("SweepStepFailed")


def _tell_lateness(now: str, since: str | None) -> None:
    """Tells for how long the chunk has waited that waits longest: a text that nothing moves on rings an alarm."""
    if since:
        count("OldestChunkLateSeconds", int((clock.parse(now) - clock.parse(since)).total_seconds()))


aws.connect(aws.dynamodb, aws.sqs)
