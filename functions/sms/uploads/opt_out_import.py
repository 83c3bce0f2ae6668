"""Opt-out import: the numbers of a file are opted out; those that were keep their entry."""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from functions.sms.content import opt_outs
from functions.sms.content.opt_outs import Source, TooManyOptOuts
from functions.sms.sheets.entries import Entry
from functions.sms.sheets.refusals import Refusal
from functions.sms.sheets.sheet_rows import FileRefused
from functions.sms.sheets.sheets import Sheet

from . import rewinding
from .steps import Step
from .tallies import Tally
from .uploads import Upload

# Some twenty transactions, a second or two.
_STEP_MAX: Final = 1_000


class OptOutImport:
    """The rows of an upload whose owners want no texts."""

    def __init__(self, upload: Upload, sheet: Sheet, tally: Tally) -> None:
        self._upload = upload
        self._seen = rewinding.seen(upload, sheet, tally, taken=lambda _: True)

    def take(self, found: Iterator[Entry | Refusal], tally: Tally) -> Step:  # noqa: ARG002 # as the others have it
        """Opts some numbers out; raises FileRefused when there are more than a tenant may have."""
        step, numbers = Step(), list[str]()
        for one in islice(found, _STEP_MAX):
            step.rows += 1
            if isinstance(one, Refusal):
                step.refuse(one)
            elif self._seen.add(one.digits):
                numbers.append(one.digits)
            else:
                step.duplicate(one)
        step.last = step.rows < _STEP_MAX
        try:
            opt_outs.add(self._upload.tenant, numbers, source=Source.IMPORTED, reason=self._upload.task.reason)
        except TooManyOptOuts as error:
            detail = "So many numbers are opted out that no more are taken: write to us. Some rows may be taken over."
            raise FileRefused(error.code, detail) from error
        step.accepted = len(numbers)
        return step
