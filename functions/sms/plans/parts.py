"""Part: chunks of a plan with their texts, as one object of gzipped JSON lines in the bucket `campaigns`.

    T/<tenant>/<plan>/parts/<number>-<digest>

The digest is of what stands inside. So a part that is made again stands where it stood, one that comes out differently
stands beside it, and the plan alone says which ones are its own: nobody can change what was priced. Objects are gone
after some days; what is sent has become chunks by then.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from functions.sms import messaging
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import RECIPIENTS_MAX as CHUNK_MAX
from functions.sms.batches.chunks import Chunk, State
from functions.sms.pacing import pace
from mifumo import aws, clock, segments, substitutes
from mifumo.ids import TenantId
from mifumo.segments import Encoding
from mifumo.settings import Settings

# What is laid out in one go, some seconds' work: a chunk is a write and a tenth of a call to a queue. The parts of a
# million with one text are as many as one batched read takes, so that one tells how far all of them are.
RECIPIENTS_MAX = 10_000
CHUNKS_MAX = 1_000
# The least that gzip can do: lines are so much alike that its most makes them no smaller, and takes four times as long.
_COMPRESSION = 1
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class CampaignSettings(Settings):
    """The bucket that plans and what they are made from stand in for some days."""

    campaigns_bucket: str


class Ready(NamedTuple):
    """A chunk as it will be sent: at most a hundred recipients, in digits, with one text.

    `segments` is what each of them costs. `asked` is the text before its characters were made cheaper, if they were.
    """

    number: int
    text: str
    encoding: Encoding
    segments: int
    recipients: tuple[str, ...]
    asked: str = ""

    @property
    def price(self) -> int:
        """What it costs, in credits."""
        return self.segments * len(self.recipients)


def chunked(texts: Mapping[str, Sequence[str]], *, first: int, smart: bool = False) -> Iterator[Ready]:
    """Cuts recipients, grouped by their text, into chunks that are numbered from `first` on.

    With `smart`, characters are made cheaper where that can be done.
    """
    number = first
    for asked, recipients in texts.items():
        text = substitutes.plainer(asked) if smart else asked
        length = segments.count(text)
        for start in range(0, len(recipients), CHUNK_MAX):
            some = tuple(recipients[start : start + CHUNK_MAX])
            before = asked if asked != text else ""
            yield Ready(number, text, length.encoding, length.segments, some, asked=before)
            number += 1


def chunk(batch: Batch, ready: Ready, *, part: int = 0) -> Chunk:
    """Makes a chunk of a batch that waits to be handed over; its text is its own where it is not the batch's."""
    now, own = clock.stamp(), ready.text != batch.text
    return Chunk(
        tenant=batch.tenant,
        batch=batch.id,
        number=ready.number,
        lane=batch.lane,
        state=State.QUEUED,
        recipients=ready.recipients,
        segments=ready.segments,
        created_at=now,
        updated_at=now,
        # The chunks of a plan wait for those before them: the sweep takes none for lost that has not had its turn.
        due=messaging.swept_at(pace.spread_s(batch, ready.number) if part else 0, at=batch.starts_at),
        listens=batch.listens,
        refunds=batch.refunds,
        text=ready.text if own else "",
        encoding=ready.encoding if own else None,
        asked=ready.asked if own else "",
        part=part,
        test=batch.test,
        since=batch.starts_at,
    )


def write(tenant: TenantId, plan: str, number: int, ready: Sequence[Ready]) -> str:
    """Writes a part of at most RECIPIENTS_MAX and CHUNKS_MAX; returns its digest, for the plan."""
    lines = b"".join(_line(one) for one in ready)
    digest = hashlib.sha256(lines).hexdigest()[:16]
    # The time in the header would make two objects of one part differ.
    body = gzip.compress(lines, _COMPRESSION, mtime=0)
    key = _key(tenant, plan, number, digest)
    aws.s3().put_object(Bucket=_bucket(), Key=key, Body=body, ContentType="application/gzip")
    return digest


def read(tenant: TenantId, plan: str, number: int, digest: str) -> Iterator[Ready]:
    """Reads a part, chunk by chunk."""
    found = aws.s3().get_object(Bucket=_bucket(), Key=_key(tenant, plan, number, digest))
    with gzip.open(found["Body"]) as lines:
        for line in lines:
            yield _of(line)


def _line(ready: Ready) -> bytes:
    told = {
        "n": ready.number,
        "text": ready.text,
        "encoding": ready.encoding.value,
        "segments": ready.segments,
        "to": ready.recipients,
        **({"asked": ready.asked} if ready.asked else {}),
    }
    return _JSON.encode(told).encode() + b"\n"


def _of(line: bytes) -> Ready:
    told = json.loads(line)
    return Ready(
        number=told["n"],
        text=told["text"],
        encoding=Encoding(told["encoding"]),
        segments=told["segments"],
        recipients=tuple(told["to"]),
        asked=told.get("asked", ""),
    )


def _key(tenant: TenantId, plan: str, number: int, digest: str) -> str:
    return f"T/{tenant}/{plan}/parts/{number:05d}-{digest}"


def _bucket() -> str:
    return CampaignSettings.load().campaigns_bucket
