"""Origin: where the request at hand came from, for the audit log and the limits. Set by the door, read below it."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The gateway's view of one request. `ip` is its `sourceIp` and no header, because anybody can write those."""

    ip: str
    request_id: str
    user_agent: str = ""


_NOWHERE = Origin(ip="", request_id="")
_current: ContextVar[Origin] = ContextVar("origin", default=_NOWHERE)


def enter(origin: Origin) -> None:
    """Says where the request comes from that this process answers now."""
    _current.set(origin)


def current() -> Origin:
    """Returns the origin of the request at hand; workers have an empty one."""
    return _current.get()
