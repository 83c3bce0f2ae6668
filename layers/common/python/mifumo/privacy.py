"""Data request: what somebody asks of a tenant's data, done by the slices that own it, each its part, step by step.

| key in `access` | what |
|---|---|
| `PRIVACY#<tenant>` / `ERASURE#<id>` | a number that is to be forgotten, and which slices have forgotten it |
| `PRIVACY#<tenant>` / `CLEARANCE#<id>` | a closed tenant whose customers are to be forgotten, and by which slices |
| `PRIVACY#<tenant>` / `EXPORT#<id>` | an export of the tenant's data, and which slices have written theirs |

The auth door writes the item and sends each slice its first step. A slice's worker takes one bounded step a message and
sends itself the next one, until its part is done. Asking again starts a new run, whose steps alone are taken from then
on; so there is one chain of steps a part, however often somebody asks. The item holds no number: messages carry it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from mifumo import clock, queue, tables, writes
from mifumo.aws import Item
from mifumo.errors import Busy
from mifumo.ids import TenantId
from mifumo.observability import count, logger
from mifumo.tables import Key, Page
from mifumo.tenants import AccessSettings
from mifumo.writes import Write


class Kind(StrEnum):
    """What can be asked for."""

    ERASURE = "erasure"
    CLEARANCE = "clearance"
    EXPORT = "export"


class Part(StrEnum):
    """Whose data: a slice's."""

    AUTH = "auth"
    SMS = "sms"
    BILLING = "billing"


class State(StrEnum):
    """How far a request, or a slice's part of it, is."""

    RUNNING = "running"
    DONE = "done"


PARTS: dict[Kind, tuple[Part, ...]] = {
    Kind.ERASURE: (Part.SMS, Part.BILLING),
    Kind.CLEARANCE: (Part.SMS, Part.BILLING),
    Kind.EXPORT: (Part.AUTH, Part.SMS, Part.BILLING),
}
# What was erased is known of as long as the audit log knows: two years. An export's files are gone after a week.
_RETENTION_S = {
    Kind.ERASURE: 2 * 365 * 24 * 3600,
    Kind.CLEARANCE: 2 * 365 * 24 * 3600,
    Kind.EXPORT: 30 * 24 * 3600,
}


@dataclass(frozen=True, slots=True)
class DataRequest:
    """A request as it stands; `done` tells when each part was, `files` how many of each kind were written."""

    kind: Kind
    tenant: TenantId
    id: str
    run: str
    asked_at: str
    done: dict[Part, str]
    files: dict[str, int]

    @property
    def parts(self) -> dict[Part, State]:
        """How far each part is."""
        return {part: State.DONE if part in self.done else State.RUNNING for part in PARTS[self.kind]}

    @property
    def state(self) -> State:
        """How far the whole is."""
        return State.RUNNING if State.RUNNING in self.parts.values() else State.DONE

    @property
    def done_at(self) -> str | None:
        """When the last part was done, None before."""
        return max(self.done.values()) if self.state is State.DONE else None


@dataclass(frozen=True, slots=True)
class Step:
    """One message: what of which request's run comes next, from which `place` on (none: the beginning).

    `subject` is what it is about, such as the digits of a number; `waits` tells that something was left for later.
    """

    kind: Kind
    tenant: TenantId
    id: str
    run: str
    asked_at: str
    subject: str = ""
    place: Item | None = None
    waits: bool = False

    @classmethod
    def of(cls, body: dict[str, Any]) -> Self:
        """Reads a step from a message; raises for what has not the form of one."""
        return cls(**{**body, "kind": Kind(body["kind"]), "tenant": TenantId(body["tenant"])})

    def body(self) -> dict[str, Any]:
        """Writes it for a message."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def at(self, place: Item | None, *, waits: bool) -> "Step":
        """Returns the step that goes on from a place."""
        return replace(self, place=place, waits=waits)


@dataclass(frozen=True, slots=True)
class After:
    """What comes after a step: the next one, in so many seconds, or nothing: the part is done, with so many files."""

    step: Step | None = None
    delay_s: int = field(default=0, kw_only=True)
    files: dict[str, int] = field(default_factory=dict, kw_only=True)


class Superseded(Exception):
    """The request has a newer run, or is not there."""


def key(kind: Kind, tenant: TenantId, request: str) -> Key:
    """Returns the key of a request."""
    return Key(f"PRIVACY#{tenant}", f"{kind.value.upper()}#{request}")


def first(kind: Kind, tenant: TenantId, request: str, *, run: str, subject: str = "") -> Step:
    """Makes the first step of a new run."""
    return Step(kind, tenant, request, run, clock.stamp(), subject)


def ask(step: Step) -> Write:
    """Writes down the request that a first step belongs to; one that is there already starts anew."""
    before = ", ".join(name for part in PARTS[step.kind] for name in (_done(part), _files(part)))
    return writes.update(
        _table(),
        key(step.kind, step.tenant, step.id),
        f"SET run = :run, asked_at = :now, #ttl = :ttl REMOVE {before}",
        condition="attribute_not_exists(pk) OR asked_at <= :now",
        names={"#ttl": "ttl"},
        values={":run": step.run, ":now": step.asked_at, ":ttl": clock.epoch() + _RETENTION_S[step.kind]},
        refused=lambda _: Busy(retry_after_s=1),
    )


def resume(found: DataRequest, *, run: str) -> Write:
    """Begins a new run of what is not done of a request; raises Busy when somebody else just did."""
    return writes.update(
        _table(),
        key(found.kind, found.tenant, found.id),
        "SET run = :run",
        condition="run = :before",
        values={":run": run, ":before": found.run},
        refused=lambda _: Busy(retry_after_s=1),
    )


def read(kind: Kind, tenant: TenantId, request: str) -> DataRequest | None:
    """Reads a request of a tenant, None when there is none."""
    item = tables.get(_table(), key(kind, tenant, request))
    return of(kind, tenant, item) if item else None


def of(kind: Kind, tenant: TenantId, item: Item) -> DataRequest:
    """Reads a request from its item."""
    done = {part: item[_done(part)] for part in PARTS[kind] if _done(part) in item}
    files = {name: count for part in done for name, count in item.get(_files(part), {}).items()}
    return DataRequest(kind, tenant, item["sk"].partition("#")[2], item["run"], item["asked_at"], done, files)


def page(kind: Kind, tenant: TenantId, *, limit: int, start: Item | None) -> Page:
    """Reads a page of a tenant's requests of a kind, newest first where their ids sort by time."""
    first_of = key(kind, tenant, "")
    return tables.query(
        _table(), first_of.pk, begins_with=first_of.sk, limit=limit, newest_first=True, start=start, consistent=True
    )


def send(url: str, step: Step, *, delay_s: int = 0) -> None:
    """Sends a slice its next step; raises Busy when the queue does not take it, so that whoever asked asks again."""
    if queue.send(url, [step.body()], delay_s=delay_s):
        raise Busy(retry_after_s=5)


def advance(body: dict[str, Any], part: Part, take: Callable[[Step], After], *, url: str) -> None:
    """Takes the step of a message and sees to the one after it; a step of an older run is not taken."""
    step = Step.of(body)
    if part not in PARTS[step.kind]:
        raise ValueError(f"an {step.kind} has no part of {part}")
    standing = read(step.kind, step.tenant, step.id)
    if standing is None or standing.run != step.run:
        logger.info("data request superseded", request=step.id, part=part.value)
        return
    after = take(step)
    if after.step:
        send(url, after.step, delay_s=after.delay_s)
        return
    try:
        writes.commit(_finish(step, part, after.files))
    except Superseded:
        return
    logger.info("data request done", request=step.id, kind=step.kind.value, part=part.value)
    count("DataRequestPartDone")


def _finish(step: Step, part: Part, files: dict[str, int]) -> Write:
    return writes.update(
        _table(),
        key(step.kind, step.tenant, step.id),
        f"SET {_done(part)} = :now, {_files(part)} = :files",
        condition="run = :run",
        values={":run": step.run, ":now": clock.stamp(), ":files": files},
        refused=lambda _: Superseded(step.id),
    )


def _done(part: Part) -> str:
    return f"{part.value}_done_at"


def _files(part: Part) -> str:
    return f"{part.value}_files"


def _table() -> str:
    return AccessSettings.load().access_table
