"""Data request: what somebody asks of a tenant's data, done by the slices that own it, each its part, step by step.

| key in `access` | what |
|---|---|
| `PRIVACY#<tenant>` / `ERASURE#<id>` | a number that is to be forgotten, and which slices have forgotten it |

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
from mifumo.tables import Key
from mifumo.tenants import AccessSettings
from mifumo.writes import Write

# As long as the audit log knows of it: two years.
_RETENTION_S = 2 * 365 * 24 * 3600


class Kind(StrEnum):
    """What can be asked for."""

    ERASURE = "erasure"


class Part(StrEnum):
    """Whose data: a slice's."""

    SMS = "sms"
    BILLING = "billing"


class State(StrEnum):
    """How far a request, or a slice's part of it, is."""

    RUNNING = "running"
    DONE = "done"


PARTS: dict[Kind, tuple[Part, ...]] = {Kind.ERASURE: (Part.SMS, Part.BILLING)}


@dataclass(frozen=True, slots=True)
class DataRequest:
    """A request as it stands; `done` tells when each part was."""

    kind: Kind
    tenant: TenantId
    id: str
    run: str
    asked_at: str
    done: dict[Part, str]

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
    """What comes after a step: the next one, in so many seconds, or nothing, because the part is done."""

    step: Step | None = None
    delay_s: int = field(default=0, kw_only=True)


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
    done = ", ".join(_done(part) for part in PARTS[step.kind])
    return writes.update(
        _table(),
        key(step.kind, step.tenant, step.id),
        f"SET run = :run, asked_at = :now, #ttl = :ttl REMOVE {done}",
        condition="attribute_not_exists(pk) OR asked_at <= :now",
        names={"#ttl": "ttl"},
        values={":run": step.run, ":now": step.asked_at, ":ttl": clock.epoch() + _RETENTION_S},
        refused=lambda _: Busy(retry_after_s=1),
    )


def read(kind: Kind, tenant: TenantId, request: str) -> DataRequest | None:
    """Reads a request of a tenant, None when there is none."""
    item = tables.get(_table(), key(kind, tenant, request))
    if item is None:
        return None
    done = {part: item[_done(part)] for part in PARTS[kind] if _done(part) in item}
    return DataRequest(kind, tenant, request, item["run"], item["asked_at"], done)


def send(url: str, step: Step, *, delay_s: int = 0) -> None:
    """Sends a slice its next step; raises Busy when the queue does not take it, so that whoever asked asks again."""
    if queue.send(url, [step.body()], delay_s=delay_s):
        raise Busy(retry_after_s=5)


def advance(body: dict[str, Any], part: Part, take: Callable[[Step], After], *, url: str) -> None:
    """Takes the step of a message and sees to the one after it; a step of an older run is not taken."""
    step = Step.of(body)
    standing = read(step.kind, step.tenant, step.id)
    if standing is None or standing.run != step.run:
        logger.info("data request superseded", request=step.id, part=part.value)
        return
    after = take(step)
    if after.step:
        send(url, after.step, delay_s=after.delay_s)
        return
    try:
        writes.commit(_finish(step, part))
    except Superseded:
        return
    logger.info("data request done", request=step.id, kind=step.kind.value, part=part.value)
    count("DataRequestPartDone")


def _finish(step: Step, part: Part) -> Write:
    return writes.update(
        _table(),
        key(step.kind, step.tenant, step.id),
        f"SET {_done(part)} = :now",
        condition="run = :run",
        values={":run": step.run, ":now": clock.stamp()},
        refused=lambda _: Superseded(step.id),
    )


def _done(part: Part) -> str:
    return f"{part.value}_done_at"


def _table() -> str:
    return AccessSettings.load().access_table
