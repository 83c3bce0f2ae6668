"""Origin: where the request at hand came from, for the audit log and the limits. Set by the door, read below it."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Origin:
    """The gateway's view of one request. `ip` is its `sourceIp` and no header, because anybody can write those."""

    ip: str
    request_id: str
    user_agent: str = ""


def network(ip: str) -> str:
    """Returns what counts as one address: an IPv6 network of 64 bits is one, because one customer has all of it."""
    import ipaddress  # noqa: PLC0415 # only strangers are counted by it, and every cold start would pay

    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return "unknown"
    if address.version == 4:  # noqa: PLR2004 # IP's version 4
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))


_NOWHERE = Origin(ip="", request_id="")
_current: ContextVar[Origin] = ContextVar("origin", default=_NOWHERE)


def enter(origin: Origin) -> None:
    """Says where the request comes from that this process answers now."""
    _current.set(origin)


def current() -> Origin:
    """Returns the origin of the request at hand; workers have an empty one."""
    return _current.get()
