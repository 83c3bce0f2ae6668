"""Export: a tenant's data as files of JSON Lines, one kind of thing after another, a bounded file a step.

A file's name follows from the export, the kind and the page, and a step always begins at the same place: a step that is
taken again writes the same file again. Rows are what a slice's own answers tell, so no secret has a way in.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mifumo import aws
from mifumo.aws import Item
from mifumo.ids import TenantId
from mifumo.privacy import After, DataRequest, Step
from mifumo.settings import Settings

# Some seconds of reading, and a megabyte or two in a file; never much more, however long its rows are.
ROWS_A_FILE, BYTES_A_FILE = 5_000, 8_000_000
# A link is a key to the file: it is good for as long as a download takes to begin.
LINK_GOOD_FOR_S = 900

Row = dict[str, Any]
# Reads a page of a tenant's things from a place on: what is told of them, and where to go on, None at the end.
Read = Callable[[TenantId, Item | None], tuple[list[Row], Item | None]]


class ExportSettings(Settings):
    """The bucket that files are in for a week."""

    exports_bucket: str


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of thing that a slice owns."""

    name: str
    read: Read


def take(step: Step, sources: Sequence[Source]) -> After:
    """Writes one file, and goes on with the next page of that kind or with the next kind."""
    place = step.place or {"source": 0, "page": 1, "from": None, "files": {}}
    source, files = sources[place["source"]], dict(place["files"])
    text, last = _lines(source.read, step.tenant, place["from"])
    if text:
        name = _name(step.tenant, step.id, source.name, place["page"])
        aws.s3().put_object(Bucket=_bucket(), Key=name, Body=text, ContentType="application/x-ndjson")
        files[source.name] = place["page"]
    if last:
        return After(step.at({**place, "page": place["page"] + 1, "from": last, "files": files}, waits=False))
    if place["source"] + 1 < len(sources):
        return After(step.at({"source": place["source"] + 1, "page": 1, "from": None, "files": files}, waits=False))
    return After(files=files)


def links(found: DataRequest) -> list[tuple[str, str]]:
    """Returns (name, link) of each file that was written."""
    numbered = [(name, page) for name, pages in sorted(found.files.items()) for page in range(1, pages + 1)]
    return [(_file(name, page), _link(_name(found.tenant, found.id, name, page))) for name, page in numbered]


def _lines(read: Read, tenant: TenantId, start: Item | None) -> tuple[bytes, Item | None]:
    """Reads pages until they fill a file."""
    text, rows = bytearray(), 0
    while True:
        found, start = read(tenant, start)
        for row in found:
            text += json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        rows += len(found)
        if start is None or rows >= ROWS_A_FILE or len(text) >= BYTES_A_FILE:
            return bytes(text), start


def _link(name: str) -> str:
    return aws.s3().generate_presigned_url(
        "get_object", Params={"Bucket": _bucket(), "Key": name}, ExpiresIn=LINK_GOOD_FOR_S
    )


def _file(name: str, page: int) -> str:
    return f"{name}-{page:05d}.jsonl"


def _name(tenant: TenantId, export: str, name: str, page: int) -> str:
    return f"{tenant}/{export}/{_file(name, page)}"


def _bucket() -> str:
    return ExportSettings.load().exports_bucket
