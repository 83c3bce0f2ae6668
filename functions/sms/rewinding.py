"""Rewind: which numbers stood in a file before a place, read from the file itself."""

from . import entries, upload_files
from .entries import Entry
from .seen import Seen
from .sheet_rows import Rows
from .sheets import Sheet
from .tallies import Tally
from .uploads import Upload


def seen(upload: Upload, sheet: Sheet, tally: Tally) -> Seen:
    """Reads the numbers of all rows up to where an import goes on; raises FileRefused when the file is another one."""
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
        if isinstance(one, Entry):
            found.add(one.digits)
    return found
