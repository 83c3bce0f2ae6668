"""Rewind: which numbers stood in a file before a place, read from the file itself."""

from collections.abc import Callable

from functions.sms.sheets import entries
from functions.sms.sheets.entries import Entry
from functions.sms.sheets.seen import Seen
from functions.sms.sheets.sheet_rows import Rows
from functions.sms.sheets.sheets import Sheet

from . import upload_files
from .tallies import Tally
from .uploads import Upload


def seen(upload: Upload, sheet: Sheet, tally: Tally, *, taken: Callable[[Entry], bool]) -> Seen:
    """Reads the numbers of the rows that were taken, up to where an import goes on.

    Raises FileRefused when the file is another one.
    """
    found = Seen()
    if tally.place == sheet.start:
        return found
    file = upload_files.chunks(
        upload.tenant, upload.id, start=sheet.start.offset, size=tally.place.offset, etag=tally.etag
    )
    rows = Rows(file, sheet.delimiter, sheet.start)
    for one in entries.of(rows, sheet, upload.task.reach):
        if rows.place > tally.place:
            break
        if isinstance(one, Entry) and taken(one):
            found.add(one.digits)
    return found
