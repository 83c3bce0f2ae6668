"""Files of uploads in the bucket `campaigns`: the form that lets one in, its bytes, and what of it was refused.

uploads/<tenant>/<upload>              the file as it came
T/<tenant>/<upload>/refused/<number>   refusals of one step, then `refused.csv`, all of them
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from botocore.exceptions import ClientError

from functions.sms.plans.parts import CampaignSettings
from functions.sms.sheets import refusals
from functions.sms.sheets.refusals import Refusal
from functions.sms.sheets.sheet_rows import FileRefused
from functions.sms.sheets.sheets import SAMPLE_BYTES
from mifumo import aws
from mifumo.ids import TenantId

# A million rows with a name and an amount are some forty megabytes.
FILE_BYTES_MAX: Final = 100_000_000
# For as long as a slow line needs to begin.
FILE_WITHIN_S: Final = 3_600
CONTENT_TYPE: Final = "text/csv"
PREFIX: Final = "uploads/"
# A link is a key to the file: it is good for as long as a download takes to begin.
_LINK_GOOD_FOR_S: Final = 900
_CHUNK_BYTES: Final = 256 * 1024
# S3's words for a file that is not there any more, or is another one by now.
_GONE: Final = frozenset({"NoSuchKey", "404", "PreconditionFailed", "412"})


@dataclass(frozen=True, slots=True)
class Form:
    """What a file is posted with, by anybody who has it, to one place and below one size."""

    url: str
    fields: dict[str, str]


def form(tenant: TenantId, upload: str) -> Form:
    """Makes the form for the file of an upload."""
    made = aws.s3().generate_presigned_post(
        _bucket(),
        _key(tenant, upload),
        Fields={"Content-Type": CONTENT_TYPE},
        Conditions=[["content-length-range", 1, FILE_BYTES_MAX], {"Content-Type": CONTENT_TYPE}],
        ExpiresIn=FILE_WITHIN_S,
    )
    return Form(made["url"], made["fields"])


def named(key: str) -> tuple[TenantId, str] | None:
    """Reads (tenant, upload) from the key of a file; None for one that is none of an upload's."""
    tenant, _, upload = key.removeprefix(PREFIX).partition("/")
    return (TenantId(tenant), upload) if key.startswith(PREFIX) and upload else None


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first bytes of a file, its size, and by what it is told from another one in its place."""

    sample: bytes
    size: int
    etag: str


def beginning(tenant: TenantId, upload: str) -> Beginning:
    """Reads the beginning of a file; raises FileRefused when it is gone."""
    try:
        found = aws.s3().get_object(Bucket=_bucket(), Key=_key(tenant, upload), Range=f"bytes=0-{SAMPLE_BYTES - 1}")
    except ClientError as error:
        raise _refusal(error) from error
    return Beginning(found["Body"].read(), int(found["ContentRange"].rpartition("/")[2]), found["ETag"])


def chunks(tenant: TenantId, upload: str, *, start: int, size: int, etag: str) -> Iterator[bytes]:
    """Reads a file from a place on; raises FileRefused when it is gone or another one."""
    if start >= size:
        return
    try:
        found = aws.s3().get_object(Bucket=_bucket(), Key=_key(tenant, upload), Range=f"bytes={start}-", IfMatch=etag)
    except ClientError as error:
        raise _refusal(error) from error
    yield from found["Body"].iter_chunks(_CHUNK_BYTES)


def empty(tenant: TenantId, upload: str) -> None:
    """Puts nothing in the place of a file: no function may delete an object, and this one is gone as well."""
    aws.s3().put_object(Bucket=_bucket(), Key=_key(tenant, upload), Body=b"")


def put_refusals(tenant: TenantId, upload: str, number: int, refused: Sequence[Refusal]) -> None:
    """Writes the refusals of one step."""
    aws.s3().put_object(Bucket=_bucket(), Key=_piece(tenant, upload, number), Body=refusals.packed(refused))


def join_refusals(tenant: TenantId, upload: str, pieces: int) -> None:
    """Puts the refusals of all steps together."""
    found = (
        aws.s3().get_object(Bucket=_bucket(), Key=_piece(tenant, upload, number))["Body"].read()
        for number in range(1, pieces + 1)
    )
    aws.s3().put_object(
        Bucket=_bucket(),
        Key=_refused(tenant, upload),
        Body=refusals.joined(found),
        ContentType="text/csv; charset=utf-8",
        ContentEncoding="gzip",
        ContentDisposition='attachment; filename="refused.csv"',
    )


def refused_link(tenant: TenantId, upload: str) -> str:
    """Makes a link to all refusals of a file that has been read."""
    return aws.s3().generate_presigned_url(
        "get_object",
        Params={"Bucket": _bucket(), "Key": _refused(tenant, upload)},
        ExpiresIn=_LINK_GOOD_FOR_S,
    )


def _refusal(error: ClientError) -> Exception:
    if error.response["Error"]["Code"] in _GONE:
        return FileRefused("file_changed", "The file was deleted or another was put in its place: upload it anew.")
    return error


def _key(tenant: TenantId, upload: str) -> str:
    return f"{PREFIX}{tenant}/{upload}"


def _piece(tenant: TenantId, upload: str, number: int) -> str:
    return f"T/{tenant}/{upload}/refused/{number:05d}"


def _refused(tenant: TenantId, upload: str) -> str:
    return f"T/{tenant}/{upload}/refused.csv"


def _bucket() -> str:
    return CampaignSettings.load().campaigns_bucket
