"""Campaign: rows of a file made into chunks, those with the same text together, and written as parts of a plan.

A step is a part: its chunks depend on nothing but the rows from its place on, on who came before, and on who has opted
out. So a step that is taken again writes the same part in the same place.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from functions.sms.batches.chunks import RECIPIENTS_MAX as CHUNK_MAX
from functions.sms.content import opt_outs
from functions.sms.plans import parts
from functions.sms.plans.parts import Ready
from functions.sms.sending import orders
from functions.sms.sheets import letters, refusals
from functions.sms.sheets.entries import Entry
from functions.sms.sheets.letters import Unwritable
from functions.sms.sheets.refusals import Refusal
from functions.sms.sheets.seen import Seen
from functions.sms.sheets.sheets import Sheet
from mifumo import substitutes
from mifumo.errors import ValidationFailed
from mifumo.segments import Encoding, Segmentation

from .steps import ROWS_MAX, Step
from .tallies import SAMPLES, Hint, Sample, Tally
from .uploads import Upload


@dataclass(slots=True)
class _Group:
    """Who gets the same text. `asked` is how it was written, where it was made plainer."""

    line: int
    text: str
    length: Segmentation
    asked: str
    hint: Hint | None
    recipients: list[str] = field(default_factory=list)


class Campaign:
    """The rows of an upload that is to be sent."""

    def __init__(self, upload: Upload, sheet: Sheet, tally: Tally) -> None:
        self._upload = upload
        self._letter = letters.of(upload.task.text, sheet)
        self._opted_out = opt_outs.everybody(upload.tenant)
        self._seen = Seen()
        for number, digest in enumerate(tally.extent.digests, 1):
            for ready in parts.read(upload.tenant, upload.id, number, digest):
                for digits in ready.recipients:
                    self._seen.add(digits)

    def take(self, found: Iterator[Entry | Refusal], tally: Tally) -> Step:
        """Makes one part."""
        step, groups = Step(), dict[str, _Group]()
        for one in found:
            step.rows += 1
            if isinstance(one, Refusal):
                step.refuse(one)
            elif one.digits in self._opted_out:
                step.opt_out(one)
            elif not self._seen.add(one.digits):
                step.duplicate(one)
            elif refusal := self._put(groups, one):
                self._seen.discard(one.digits)
                step.refuse(refusal)
            else:
                step.accepted += 1
            if step.rows == ROWS_MAX or _full(len(groups), step.accepted):
                break
        else:
            step.last = True
        if groups:
            self._write(step, groups, tally)
        return step

    def _put(self, groups: dict[str, _Group], entry: Entry) -> Refusal | None:
        """Puts a recipient to those with the same text; returns the refusal of one whose text cannot be sent."""
        asked = ""
        try:
            asked = self._letter.written(entry.cells)
            group = groups.get(asked)
            if group is None:
                group = groups[asked] = self._measured(asked, entry.line)
        except Unwritable as error:
            return refusals.of_cell(entry.line, error.column, error.value, error.code, error.detail)
        except ValidationFailed as error:
            return refusals.of_cell(entry.line, "", asked, error.errors[0].code, error.detail)
        group.recipients.append(entry.digits)
        return None

    def _measured(self, asked: str, line: int) -> _Group:
        """Measures a text as it will be sent; raises ValidationFailed."""
        if self._upload.task.smart:
            text, length = orders.measured(asked, smart=True)
            return _Group(line, text, length, "" if text == asked.strip() else asked, None)
        text, length = orders.measured(asked)
        return _Group(line, text, length, "", _hint(text, length, line))

    def _write(self, step: Step, groups: dict[str, _Group], tally: Tally) -> None:
        ready = list(_chunked(groups, first=tally.extent.chunks + 1))
        number = len(tally.extent.digests) + 1
        digest = parts.write(self._upload.tenant, self._upload.id, number, ready)
        step.extent = tally.extent.and_part(digest, ready)
        some = list(groups.values())
        step.samples = [_sample(group) for group in some[: SAMPLES - len(tally.samples)]]
        step.hints = [_times(group.hint, len(group.recipients)) for group in some if group.hint]


def _full(texts: int, accepted: int) -> bool:
    """Tells whether one more could be too much for a part, however its recipients are spread over texts."""
    return accepted == parts.RECIPIENTS_MAX or texts + accepted // CHUNK_MAX >= parts.CHUNKS_MAX


def _chunked(groups: dict[str, _Group], *, first: int) -> Iterator[Ready]:
    number = first
    for group in groups.values():
        length = group.length
        for start in range(0, len(group.recipients), CHUNK_MAX):
            some = tuple(group.recipients[start : start + CHUNK_MAX])
            yield Ready(number, group.text, length.encoding, length.segments, some, group.asked)
            number += 1


def _hint(text: str, length: Segmentation, line: int) -> Hint | None:
    """Tells what plainer signs would save each recipient of a text."""
    if length.encoding is not Encoding.UCS_2:
        return None
    sent, plain = orders.measured(text, smart=True)
    if plain.segments >= length.segments:
        return None
    signs = "".join(one.char for one in substitutes.replaced(text, sent))
    return Hint(line, signs, length.segments, plain.segments, length.segments - plain.segments)


def _times(hint: Hint, recipients: int) -> Hint:
    return Hint(hint.line, hint.characters, hint.segments, hint.plainer, hint.saves * recipients)


def _sample(group: _Group) -> Sample:
    length = group.length
    return Sample(group.line, group.recipients[0], group.text, length.encoding.value, length.segments)
