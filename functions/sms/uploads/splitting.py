"""Split: the file of an upload is read, step by step, and done with as it was asked for.

What a step found is written down when it is done; who is interrupted, or runs out of time, goes on from there.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, assert_never

from functions.sms.plans import plans
from functions.sms.plans.plans import PlanMoved
from functions.sms.sheets import entries, sheets
from functions.sms.sheets.sheet_rows import FileRefused, Rows
from functions.sms.sheets.sheets import Sheet
from mifumo import writes
from mifumo.ids import TenantId
from mifumo.observability import count, logger
from mifumo.writes import Write

from . import upload_files, uploads
from .campaigns import Campaign
from .contact_import import ContactImport
from .opt_out_import import OptOutImport
from .steps import Taker
from .tallies import Tally
from .uploads import Purpose, State, Upload, UploadLost

# A step is a second or two; the last of the time is for writing down what was found.
_STEP_S: Final = 20
# A reader that died in its sleep has it for so much longer than it can have lived.
_LEASE_BEYOND_S: Final = 10
# One less than the queue delivers: the last time somebody is told.
_TRIES_MAX: Final = 4

TimeLeft = Callable[[], float]


class UploadUnreadableError(Exception):
    """Reading a file has ended in a fault again and again, at the same place."""


def split(tenant: TenantId, upload_id: str, *, time_left_s: TimeLeft) -> bool:
    """Reads a file as far as time allows; tells whether there is more. Raises UploadHeld."""
    upload = uploads.claim(tenant, upload_id, lease_s=time_left_s() + _LEASE_BEYOND_S)
    if upload is None:
        return False
    try:
        if upload.tries > _TRIES_MAX:
            refusal = FileRefused("unreadable", "We could not read this file: tell us the id of the upload.")
            _refuse(upload, replace(upload.tally, pieces=0), refusal)
            raise UploadUnreadableError(f"upload {upload.id} of {tenant} at {upload.tally.place}")
        return _read(upload, time_left_s)
    except UploadLost:
        logger.info("upload lost", upload_id=upload_id)
        return False


def _read(upload: Upload, time_left_s: TimeLeft) -> bool:
    tally = upload.tally
    try:
        tally, sheet = _begun(upload)
        taker = _taker(upload, sheet, tally)
        file = upload_files.chunks(upload.tenant, upload.id, start=tally.place.offset, size=tally.size, etag=tally.etag)
        rows = Rows(file, sheet.delimiter, tally.place)
        found = entries.of(rows, sheet, upload.task.reach)
        while True:
            step = taker.take(found, tally)
            tally = step.added_to(tally, rows.place)
            if step.left:
                upload_files.put_refusals(upload.tenant, upload.id, tally.pieces, step.left)
            if step.last:
                break
            if time_left_s() < _STEP_S:
                writes.commit(uploads.further(upload, tally, lease_s=None))
                return True
            writes.commit(uploads.further(upload, tally, lease_s=time_left_s() + _LEASE_BEYOND_S))
        _finish(upload, tally)
    except FileRefused as refusal:
        _refuse(upload, tally, refusal)
    return False


def _begun(upload: Upload) -> tuple[Tally, Sheet]:
    """Returns the tally to go on with, and what the file is like; raises FileRefused."""
    tally = upload.tally
    if tally.sheet:
        return tally, tally.sheet
    begins = upload_files.beginning(upload.tenant, upload.id)
    sheet = sheets.recognised(begins.sample, whole=len(begins.sample) == begins.size)
    return replace(tally, size=begins.size, etag=begins.etag, sheet=sheet, place=sheet.start), sheet


def _taker(upload: Upload, sheet: Sheet, tally: Tally) -> Taker:
    match upload.task.purpose:
        case Purpose.CAMPAIGN:
            return Campaign(upload, sheet, tally)
        case Purpose.CONTACTS:
            return ContactImport(upload, sheet, tally)
        case Purpose.OPT_OUTS:
            return OptOutImport(upload, sheet, tally)
        case never:
            assert_never(never)


def _finish(upload: Upload, tally: Tally) -> None:
    """Makes the quote, or tells that all is taken over; raises FileRefused when nothing was accepted."""
    if not tally.rows:
        detail = "There is only a header in this file: numbers belong into the lines below it."
        raise FileRefused("only_header", detail)
    if not tally.accepted:
        raise FileRefused("nothing_accepted", "No row of this file can be used: see what was refused.")
    if upload.task.purpose is Purpose.CAMPAIGN:
        _end(upload, State.READY, tally, plans.made(plans.ready(_plan(upload), tally.extent)))
    else:
        _end(upload, State.USED, tally)
    logger.info("upload read", upload_id=upload.id, purpose=upload.task.purpose, rows=tally.rows, took=tally.accepted)
    count("UploadRowsRead", tally.rows)


def _refuse(upload: Upload, tally: Tally, refusal: FileRefused) -> None:
    reason = (refusal.code, f"{refusal.detail}{_kept(upload, tally)}")
    planned = []
    if upload.task.purpose is Purpose.CAMPAIGN:
        planned = [plans.made(plans.refused(_plan(upload), refusal.detail))]
    _end(upload, State.REFUSED, tally, *planned, reason=reason)
    logger.info("upload refused", upload_id=upload.id, code=refusal.code)
    count("UploadRefused")


def _kept(upload: Upload, tally: Tally) -> str:
    """Tells who uploaded a list what of it is in place although the rest is not: the step that failed may be half."""
    if upload.task.purpose is Purpose.CAMPAIGN or not tally.accepted:
        return ""
    return f" What comes before stays taken over: at least {tally.accepted:,} rows."


def _end(upload: Upload, state: State, tally: Tally, *planned: Write, reason: tuple[str, str] | None = None) -> None:
    """Ends an upload, and its plan with it; raises UploadLost when somebody else has."""
    if tally.pieces:
        upload_files.join_refusals(upload.tenant, upload.id, tally.pieces)
    try:
        writes.transact(uploads.ended(upload, state, tally, reason=reason), *planned)
    except PlanMoved as error:
        raise UploadLost(upload.id) from error


def _plan(upload: Upload) -> plans.Plan:
    found = plans.read(upload.tenant, upload.id)
    if found is None:
        raise UploadLost(upload.id)
    return found
