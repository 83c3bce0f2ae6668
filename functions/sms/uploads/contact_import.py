"""Contact import: rows of a file become contacts, one for each number, with tags and in a group if that is asked for.

A number that has a contact keeps it: cells that say something replace what was known, tags are added, and that it is
opted out stays as it is. So the same file again changes nothing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from functions.sms.content import attributes, contacts, groups
from functions.sms.content.contacts import Contact, ContactExists
from functions.sms.content.named import ChangedMeanwhile
from functions.sms.sheets import entries, refusals
from functions.sms.sheets.entries import Entry
from functions.sms.sheets.refusals import Refusal
from functions.sms.sheets.sheet_rows import FileRefused
from functions.sms.sheets.sheets import Sheet
from mifumo import backoff, writes
from mifumo.errors import Busy, NotFound, ValidationFailed
from mifumo.writes import Write

from . import rewinding
from .steps import Step
from .tallies import Tally
from .uploads import Upload

# Ten transactions, a second's work.
_STEP_MAX: Final = 490
_TOGETHER_MAX: Final = 49
# What a transaction takes.
_WRITES_MAX: Final = 100
# As the routes of contacts have it.
_NAME_MAX, _VALUE_MAX, _TAG_MAX, _SOME_MAX = 100, attributes.VALUE_MAX, 50, 20
# The surest names first: of two such columns the other one is an attribute.
_NAMES: Final = ("name", "jina", "full_name", "fullname", "jina_kamili", "customer", "customer_name", "mteja")
_TAGS: Final = ("tags", "tag", "lebo")


@dataclass(frozen=True, slots=True)
class _Known:
    """What a row tells of a contact."""

    entry: Entry
    name: str
    attributes: Mapping[str, str]
    tags: tuple[str, ...]

    @property
    def overfull(self) -> bool:
        """Tells whether it is more than a contact can have."""
        return len(self.attributes) > _SOME_MAX or len(self.tags) > _SOME_MAX


class ContactImport:
    """The rows of an upload that are to be kept as contacts."""

    def __init__(self, upload: Upload, sheet: Sheet, tally: Tally) -> None:
        self._upload, self._sheet = upload, sheet
        self._name, self._tags = _column(sheet, _NAMES), _column(sheet, _TAGS)
        _require_apart(sheet, tags=self._tags)
        self._seen = rewinding.seen(upload, sheet, tally, taken=lambda one: isinstance(self._told(one), _Known))
        self._group_full = False

    def take(self, found: Iterator[Entry | Refusal], tally: Tally) -> Step:  # noqa: ARG002 # as the others have it
        """Keeps some contacts."""
        step, known = Step(), list[_Known]()
        for one in islice(found, _STEP_MAX):
            step.rows += 1
            if isinstance(one, Refusal):
                step.refuse(one)
            elif not self._seen.add(one.digits):
                step.duplicate(one)
            elif isinstance(told := self._told(one), Refusal):
                self._seen.discard(one.digits)
                step.refuse(told)
            else:
                known.append(told)
        step.last = step.rows < _STEP_MAX
        for first in range(0, len(known), _TOGETHER_MAX):
            kept = self._kept(step, known[first : first + _TOGETHER_MAX])
            step.accepted += len(self._joined(step, kept) if self._upload.task.group else kept)
        return step

    def _told(self, entry: Entry) -> _Known | Refusal:
        """Reads what a row tells; refuses what a contact cannot hold."""
        name, known, tags = "", dict[str, str](), dict.fromkeys(self._upload.task.tags)
        for place, column in enumerate(self._sheet.names):
            value = entries.meant(entry.cells, place)
            if place == self._sheet.phone or not value:
                continue
            if place == self._tags:
                tags |= dict.fromkeys(tag.strip() for tag in value.split(attributes.TAGS_APART) if tag.strip())
            elif place == self._name:
                name = value
            elif entries.is_cut_short(value):
                return refusals.of_cell(entry.line, column, value, "scientific_notation", entries.CUT_SHORT)
            else:
                known[attributes.name_of(column)] = value
        too_long = len(name) > _NAME_MAX or any(len(value) > _VALUE_MAX for value in known.values())
        if too_long or any(len(tag) > _TAG_MAX for tag in tags):
            detail = f"A name has {_NAME_MAX} characters at most, a tag {_TAG_MAX}, everything else {_VALUE_MAX}."
            return refusals.of_cell(entry.line, "", f"+{entry.digits}", "too_long", detail)
        told = _Known(entry, name, known, tuple(tags))
        return _too_many(told) if told.overfull else told

    def _kept(self, step: Step, known: list[_Known]) -> list[_Known]:
        """Keeps contacts, each with what leads to it, and begins anew when somebody changes one of them meanwhile."""
        for _ in backoff.attempts():
            found = contacts.several(self._upload.tenant, [self._id(one) for one in known])
            made, kept, left = list[list[Write]](), list[_Known](), list[Refusal]()
            for one in known:
                before = contacts.of(found[self._id(one)]) if self._id(one) in found else None
                told = _merged(before, one)
                if told.overfull:
                    left.append(_too_many(one))
                    continue
                kept.append(one)
                made.append(self._written(before, told))
            try:
                for some in _together(made):
                    writes.transact(*some)
            except (ContactExists, ChangedMeanwhile):
                continue
            step.left += left
            return kept
        raise Busy

    def _written(self, before: Contact | None, told: _Known) -> list[Write]:
        """Writes what is known of a contact by now; nothing when that was known before."""
        fields: Any = {"name": told.name, "attributes": told.attributes, "tags": told.tags}
        if before is None:
            return contacts.new(self._upload.tenant, told.entry.digits, **fields)[1]
        if (told.name, told.attributes, told.tags) == (before.name, before.attributes, before.tags):
            return []
        return contacts.changed(before, **fields)

    def _joined(self, step: Step, kept: list[_Known]) -> list[_Known]:
        """Puts contacts into the group; returns those that are in it. Raises FileRefused when it is gone."""
        if self._group_full:
            step.left += [_full(one) for one in kept]
            return []
        try:
            self._join(kept)
        except ValidationFailed:
            return [one for one in kept if self._joined_alone(step, one)]
        return kept

    def _joined_alone(self, step: Step, one: _Known) -> bool:
        try:
            self._join([one])
        except ValidationFailed as error:
            refused = error.errors[0]
            self._group_full |= refused.code == "group_full"
            detail = f"The contact is kept, but not in the group. {refused.detail}"
            step.refuse(refusals.of_cell(one.entry.line, "", f"+{one.entry.digits}", refused.code, detail))
            return False
        return True

    def _join(self, kept: list[_Known]) -> None:
        for _ in backoff.attempts():
            try:
                groups.add(self._upload.tenant, self._upload.task.group, [self._id(one) for one in kept])
            except ChangedMeanwhile:
                continue
            except NotFound as error:
                detail = "The group was deleted while the file was read. Contacts of the rows before are kept."
                raise FileRefused("group_gone", detail) from error
            return
        raise Busy

    def _id(self, one: _Known) -> str:
        return contacts.of_number(self._upload.tenant, one.entry.digits)


def _together(made: Sequence[list[Write]]) -> Iterator[list[Write]]:
    """Puts writes together into as many transactions as they need; those of a contact stay together."""
    some = list[Write]()
    for one in made:
        if len(some) + len(one) > _WRITES_MAX:
            yield some
            some = []
        some += one
    if some:
        yield some


def _column(sheet: Sheet, wanted: Sequence[str]) -> int | None:
    """Returns the position of the column with the first of these names that a sheet has, beside its numbers."""
    names = [name if place != sheet.phone else "" for place, name in enumerate(sheet.names)]
    return next((names.index(name) for name in wanted if name in names), None)


def _merged(before: Contact | None, one: _Known) -> _Known:
    """Returns what is known of a contact with what a row tells."""
    if before is None:
        return one
    tags = tuple(dict.fromkeys([*before.tags, *one.tags]))
    return _Known(one.entry, one.name or before.name, {**before.attributes, **one.attributes}, tags)


def _require_apart(sheet: Sheet, *, tags: int | None) -> None:
    """Refuses a file in which two columns would be the same attribute, and one of them would be lost."""
    others = (name for place, name in enumerate(sheet.names) if place not in {sheet.phone, tags})
    kept = Counter(map(attributes.folded, others))
    if twice := [name for name, times in kept.items() if times > 1]:
        detail = f"Several columns are called {', '.join(twice)}: keep one of them, or give the others other names."
        raise FileRefused("column_twice", detail)


def _too_many(one: _Known) -> Refusal:
    detail = f"A contact has at most {_SOME_MAX} tags, and {_SOME_MAX} columns besides name and tags."
    return refusals.of_cell(one.entry.line, "", f"+{one.entry.digits}", "too_many", detail)


def _full(one: _Known) -> Refusal:
    detail = (
        f"The contact is kept, but the group is full: it has at most {groups.MEMBERS_MAX:,} members. To text more at "
        "once, upload the file with the purpose `campaign`."
    )
    return refusals.of_cell(one.entry.line, "", f"+{one.entry.digits}", "group_full", detail)
