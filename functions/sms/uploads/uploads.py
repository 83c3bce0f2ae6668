"""Upload: a file that a tenant sends, what is to be done with it, and how far that is.

| pk | sk | what |
|---|---|---|
| `T#<tenant>#UPLOADS` | id | the upload, with all that its reader needs to go on |

    waiting → reading → ready | used
                 └→ refused

One reader at a time has it, under a fencing token: every write of a reader that has lost it is refused. While it is
read it stands in the `due` index: the sweep finds one whose reader has died, and its message with it.

What a campaign comes to is a plan with the upload's id; whether that was sent or has expired, the plan tells.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from functions.sms import messaging
from functions.sms.batches.categories import Category
from mifumo import clock, ids, phone, tables, writes
from mifumo.aws import Item
from mifumo.errors import Conflict, NotFound
from mifumo.ids import TenantId
from mifumo.modes import Mode
from mifumo.tables import Key, Page
from mifumo.writes import Write

from . import tallies
from .tallies import Tally

# As long as the files are kept.
_RETENTION_S: Final = 9 * 24 * 3600
_DUE: Final = "UPLOADS"
# Whoever has let go of it, or was told of it, has a message on its way; so long the sweep leaves it to them.
_MESSAGE_S: Final = 900


class Purpose(StrEnum):
    """What is done with the rows of a file."""

    CAMPAIGN = "campaign"
    CONTACTS = "contacts"
    OPT_OUTS = "opt_outs"


class State(StrEnum):
    """How far an upload is.

    `waiting`: for the file. `ready`: a quote that can be sent. `used`: it was sent, or what it holds was taken over.
    `expired`: the file did not come in time, or the quote was not sent in time.
    """

    WAITING = "waiting"
    READING = "reading"
    READY = "ready"
    REFUSED = "refused"
    USED = "used"
    EXPIRED = "expired"


_OPEN = frozenset({State.WAITING, State.READING})


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done: `text` may have placeholders, which columns fill. `countries` may be sent to besides ours.

    `category` is that of the template which the text is from, if one is.
    """

    purpose: Purpose
    sender_id: str = ""
    text: str = ""
    smart: bool = False
    group: str = ""
    tags: tuple[str, ...] = ()
    reason: str = ""
    countries: tuple[str, ...] = ()
    category: Category | None = None

    @property
    def reach(self) -> Collection[str]:
        """The countries whose numbers are read: a list may name anybody, a text goes where the tenant sends to."""
        return self.countries if self.purpose is Purpose.CAMPAIGN else phone.EVERYWHERE


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way. `reason` is the code and the words that it was refused with; `tries` ended before a step.

    `mode` is that of the key it was made with: whether what it holds is a test, only the batch that sends it says.
    """

    id: str
    tenant: TenantId
    task: Task
    state: State
    made_by: str
    created_at: str
    file_until: str
    tally: Tally
    reason: tuple[str, str] | None = None
    token: str | None = None
    tries: int = 0
    mode: Mode = Mode.LIVE

    @property
    def open(self) -> bool:
        """Tells whether its file is still to be read, or to be read on."""
        return self.state in _OPEN


class UploadHeld(Exception):
    """Another reader has it for `seconds` more, unless it ends before."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class UploadLost(Exception):
    """The reader has lost it: it was deleted, or has taken too long and another one goes on."""


class UploadUsed(Conflict):
    """What was uploaded has been sent or taken over already."""

    code = "upload_used"
    title = "This upload has been used"


def new(tenant: TenantId, task: Task, *, made_by: str, mode: Mode, file_within_s: int) -> Upload:
    """Makes an upload whose file may come until then."""
    return Upload(
        id=ids.new(),
        tenant=tenant,
        task=task,
        state=State.WAITING,
        made_by=made_by,
        created_at=clock.stamp(),
        file_until=clock.after(file_within_s),
        tally=Tally(),
        mode=mode,
    )


def put(upload: Upload) -> Write:
    """Writes a new upload."""
    item = {
        **key(upload.tenant, upload.id)._asdict(),
        "tenant": upload.tenant,
        "task": _written(upload.task),
        "state": upload.state.value,
        "made_by": upload.made_by,
        "mode": upload.mode.value,
        "created_at": upload.created_at,
        "file_until": upload.file_until,
        "tally": tallies.written(upload.tally),
        "tries": 0,
        "ttl": clock.epoch(clock.parse(upload.created_at)) + _RETENTION_S,
    }
    return writes.put(messaging.table(), item, refused=lambda _: UploadLost(upload.id))


def claim(tenant: TenantId, upload: str, *, lease_s: float) -> Upload | None:
    """Takes an upload for one reader; None when there is nothing to read: it is done, refused, or deleted.

    Raises UploadHeld.
    """
    values = {
        ":waiting": State.WAITING.value,
        ":reading": State.READING.value,
        ":token": ids.new(),
        ":until": clock.after(lease_s),
        ":now": clock.stamp(),
        ":one": 1,
        ":due_pk": _DUE,
        ":due": _looked_at(lease_s),
    }
    taken = writes.update(
        messaging.table(),
        key(tenant, upload),
        "SET #state = :reading, #token = :token, held_until = :until, due_pk = :due_pk, due_sk = :due ADD tries :one",
        condition="#state IN (:waiting, :reading) AND (attribute_not_exists(held_until) OR held_until < :now)",
        names={"#state": "state", "#token": "token"},
        values=values,
        refused=_not_to_be_had,
    )
    try:
        return of(writes.commit(taken))
    except UploadLost:
        return None


def _not_to_be_had(item: Item | None) -> Exception:
    if item is None or State(item["state"]) not in _OPEN:
        return UploadLost()
    left = clock.parse(item["held_until"]) - clock.now()
    return UploadHeld(max(1, int(left.total_seconds()) + 1))


def further(upload: Upload, tally: Tally, *, lease_s: float | None) -> Write:
    """Writes how far its reader is, who has it for so much longer, or lets it go; refuses with UploadLost."""
    told: Item = {":tally": tallies.written(tally), ":none": 0, ":due": _looked_at(lease_s or 0)}
    assigned = "SET tally = :tally, tries = :none, due_sk = :due"
    if lease_s is None:
        return _moved(upload, f"{assigned} REMOVE #token, held_until", told)
    return _moved(upload, f"{assigned}, held_until = :until", {**told, ":until": clock.after(lease_s)})


def _looked_at(lease_s: float) -> str:
    return clock.after(lease_s + _MESSAGE_S)


def ended(upload: Upload, state: State, tally: Tally, *, reason: tuple[str, str] | None = None) -> Write:
    """Writes what became of it; refuses with UploadLost."""
    assigned = ["#state = :state", "tally = :tally", *(["#reason = :reason"] if reason else [])]
    return _moved(
        upload,
        f"SET {', '.join(assigned)} REMOVE #token, held_until, due_pk, due_sk",
        {
            ":state": state.value,
            ":tally": tallies.written(tally),
            **({":reason": list(reason)} if reason else {}),
        },
        names={"#state": "state", **({"#reason": "reason"} if reason else {})},
    )


def _moved(upload: Upload, expression: str, values: Item, *, names: dict[str, str] | None = None) -> Write:
    return writes.update(
        messaging.table(),
        key(upload.tenant, upload.id),
        expression,
        condition="#token = :held",
        names={"#token": "token", **(names or {})},
        values={":held": upload.token, **values},
        refused=lambda _: UploadLost(upload.id),
    )


def due(now: str, *, limit: int) -> list[Key]:
    """Finds uploads of whose readers nothing has been seen for long."""
    return messaging.due(_DUE, now, limit=limit)


def look_again(where: Key) -> Write:
    """Puts the next look at an upload off that is due; refuses with UploadLost when it is not, or not any more."""
    return writes.update(
        messaging.table(),
        where,
        "SET due_sk = :later",
        condition="#state = :reading AND due_sk <= :now",
        names={"#state": "state"},
        values={":reading": State.READING.value, ":now": clock.stamp(), ":later": _looked_at(0)},
        refused=lambda _: UploadLost(where.sk),
    )


def erase(upload: Upload, digits: str) -> Write:
    """Takes a number out of what is told of a file, and the text that was for it alone.

    Refuses with UploadLost when somebody else has changed what is told.
    """
    task = replace(upload.task, text="") if upload.tally.accepted == 1 else upload.task
    return writes.update(
        messaging.table(),
        key(upload.tenant, upload.id),
        "SET tally = :left, task = :task",
        condition="tally = :was",
        values={
            ":left": tallies.written(tallies.without(upload.tally, digits)),
            ":task": _written(task),
            ":was": tallies.written(upload.tally),
        },
        refused=lambda _: UploadLost(upload.id),
    )


def _written(task: Task) -> str:
    return json.dumps({name: getattr(task, name) for name in Task.__slots__}, separators=(",", ":"))


def gone(upload: Upload) -> Write:
    """Deletes an upload, unless it was used; its reader finds that out with its next write."""
    return writes.delete(
        messaging.table(),
        key(upload.tenant, upload.id),
        condition="attribute_exists(pk) AND #state <> :used",
        names={"#state": "state"},
        values={":used": State.USED.value},
        refused=lambda item: UploadUsed("What is in it has been taken over.") if item else missing(),
    )


def read(tenant: TenantId, upload: str) -> Upload:
    """Reads a tenant's upload; raises NotFound, also when it is another tenant's."""
    item = tables.get(messaging.table(), key(tenant, upload)) if ids.valid(upload) else None
    if item is None:
        raise missing()
    return of(item)


def holding(tenant: TenantId, digits: str, *, until: str) -> tuple[list[Upload], bool]:
    """Finds uploads, of those made until a moment, that tell of a number; and whether some are still to be read."""
    found = [of(item) for item in tables.query_all(messaging.table(), partition(tenant), consistent=True)]
    asked = [one for one in found if one.created_at <= until]
    now = clock.stamp()
    coming = any(one.state is State.READING or (one.state is State.WAITING and one.file_until > now) for one in asked)
    return [one for one in asked if not one.open and tallies.without(one.tally, digits) != one.tally], coming


def page(tenant: TenantId, *, limit: int, start: Item | None) -> Page:
    """Reads a page of a tenant's uploads, newest first."""
    return tables.query(messaging.table(), partition(tenant), limit=limit, newest_first=True, start=start)


def of(item: Item) -> Upload:
    """Reads an upload from its item."""
    task: dict[str, Any] = json.loads(item["task"])
    told = {**task, "purpose": Purpose(task["purpose"]), "tags": tuple(task["tags"])}
    # One that was made before templates told it has none.
    if task.get("category"):
        told["category"] = Category(task["category"])
    return Upload(
        id=item["sk"],
        tenant=TenantId(item["tenant"]),
        task=Task(**{**told, "countries": tuple(task["countries"])}),
        state=State(item["state"]),
        made_by=item["made_by"],
        created_at=item["created_at"],
        file_until=item["file_until"],
        tally=tallies.read(item["tally"]),
        reason=(item["reason"][0], item["reason"][1]) if "reason" in item else None,
        token=item.get("token"),
        tries=item["tries"],
        mode=Mode(item.get("mode", Mode.LIVE)),
    )


def missing() -> NotFound:
    """Refuses what is not there."""
    return NotFound("You have no such upload.")


def partition(tenant: TenantId) -> str:
    """Returns where a tenant's uploads are."""
    return f"T#{tenant}#UPLOADS"


def key(tenant: TenantId, upload: str) -> Key:
    """Returns the key of an upload."""
    return Key(partition(tenant), upload)
