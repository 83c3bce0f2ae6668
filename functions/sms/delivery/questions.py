"""Questions: the messages that have the provider asked about recipients that it has not reported on.

Some minutes after a hand-over of which the provider called recipients invalid without saying which: it has a report, if
only a pending one, of each that it took. And every few hours, until the window is over, about whoever has no report by
then: reports get lost on their way. Questions take the bulk lane, whichever the chunk took: nobody's one-time code
waits for them.
"""

from contextlib import suppress

from functions.sms.batches import chunks, window
from functions.sms.batches.chunks import Chunk, ChunkTaken, Lane
from functions.sms.pacing import lanes
from mifumo import writes
from mifumo.settings import Settings


class InquirySettings(Settings):
    """How long after the hand-over the provider is asked; at most the 15 minutes that a queue delays a message."""

    report_pull_after_s: int


def about_invalid(chunk: Chunk) -> None:
    """Has the provider asked about a chunk when its reports should have come."""
    _put(chunk, delay_s=InquirySettings.load().report_pull_after_s)


def about_missing(chunk: Chunk) -> None:
    """Has the provider asked about those of a chunk who still have no report, and looks again later."""
    _put(chunk)
    with suppress(ChunkTaken):
        writes.commit(chunks.move(chunk, chunk.state, due=window.next_look(chunk)))


def go_on(chunk: Chunk, first: int) -> None:
    """Has the provider asked about the rest of a chunk, from a position on."""
    _put(chunk, first=first)


def _put(chunk: Chunk, *, first: int = 1, delay_s: int = 0) -> None:
    lanes.enqueue(chunk.tenant, Lane.BULK, [(chunk.batch, chunk.number)], delay_s=delay_s, ask=first)
