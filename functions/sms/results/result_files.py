"""Files of results in the bucket `campaigns`: the pieces of one, the file that they become, and a link to it.

T/<tenant>/<batch>/results/<name>/<digest>      a piece
T/<tenant>/<batch>/results/<name>/results.csv   all of them
"""

import hashlib
import io
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from functions.sms.plans.parts import CampaignSettings
from mifumo import aws

from . import deflation
from .results import DIGEST, Results

# A link is a key to the file: it is good for as long as a download takes to begin.
LINK_GOOD_FOR_S: Final = 900


def put_piece(results: Results, piece: bytes) -> str:
    """Writes a piece; returns its digest, by which it is known."""
    digest = hashlib.sha256(piece).hexdigest()[:DIGEST]
    aws.s3().put_object(Bucket=_bucket(), Key=_key(results, digest), Body=piece)
    return digest


def put(results: Results, whole: bytes) -> None:
    """Writes a file that is its one piece."""
    _upload(results, io.BytesIO(whole + deflation.ending(results.sum)))


def join(results: Results) -> None:
    """Puts the pieces of a file together, in memory that does not grow with it."""
    _upload(results, io.BufferedReader(_Stream(_bytes(results))))


def link(results: Results) -> str:
    """Makes a link to a file that is ready."""
    return aws.s3().generate_presigned_url(
        "get_object",
        Params={"Bucket": _bucket(), "Key": _key(results, "results.csv")},
        ExpiresIn=LINK_GOOD_FOR_S,
    )


def _upload(results: Results, stream: BinaryIO) -> None:
    written = results.moved_at[:19].replace(":", "").replace("-", "")
    told = {
        "ContentType": "text/csv; charset=utf-8",
        "ContentEncoding": "gzip",
        "ContentDisposition": f'attachment; filename="results-{results.batch}-{written}Z.csv"',
    }
    aws.s3().upload_fileobj(stream, _bucket(), _key(results, "results.csv"), ExtraArgs=told)


def _bytes(results: Results) -> Iterator[bytes]:
    for digest in results.digests:
        yield aws.s3().get_object(Bucket=_bucket(), Key=_key(results, digest))["Body"].read()
    yield deflation.ending(results.sum)


class _Stream(io.RawIOBase):
    """A stream of bytes that come piece by piece."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._rest = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        rest = self._rest or next(self._pieces, b"")
        taken = rest[: len(room)]
        room[: len(taken)], self._rest = taken, rest[len(taken) :]
        return len(taken)


def _key(results: Results, name: str) -> str:
    return f"T/{results.tenant}/{results.batch}/results/{results.name}/{name}"


def _bucket() -> str:
    return CampaignSettings.load().campaigns_bucket
