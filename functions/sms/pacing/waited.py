"""Waited: how long texts have waited that were to go out, whatever for; an alarm listens.

The moment at which a sweep looks at something moves ahead with every look, so it does not tell how old that is.
"""

from functions.sms.batches.chunks import Chunk
from mifumo import clock
from mifumo.observability import count


def tell(chunk: Chunk) -> None:
    """Tells the age of a chunk that is put off or brought again: since it was accepted, or since it was to go on."""
    age_s = (clock.now() - clock.parse(chunk.since or chunk.created_at)).total_seconds()
    count("TextsWaitedSeconds", max(0, int(age_s)))
