"""Addresses that a customer's system may have: the public ones of the internet, and none that is ours or private.

Who chooses where we call could make us call ourselves: the loopback, the metadata of the machine, a private network.
So a name is resolved once, each of its addresses must be public, and the connection goes to one of those looked at.
"""

import socket
import threading
from concurrent.futures import Future
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

from mifumo.errors import FieldError, ValidationFailed
from mifumo.settings import Settings

URL_LENGTH_MAX = 500
# For how long a name is looked up while somebody waits for the door.
LOOK_UP_S = 2.0
_HTTPS_PORT, _HTTP_PORT = 443, 80
# Below are mail, names, remote shells: a call there is no webhook, whatever it would be taken for.
_FREE_PORTS = 1024

# IANA's special-purpose registries; what Python's own table says comes on top, it differs from version to version.
_NOT_PUBLIC = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",  # carriers' own (RFC 6598)
        "127.0.0.0/8",
        "169.254.0.0/16",  # link-local, and the metadata of every cloud
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4: holds an IPv4 address
        "3fff::/20",
    )
)
# All that is assigned to networks of the internet. Outside are ::1, fc00::/7, fe80::/10, multicast, and what holds an
# IPv4 address: ::ffff:0:0/96, ::/96 and NAT64's 64:ff9b::/96.
_UNICAST_6 = ip_network("2000::/3")


class UrlRefused(ValidationFailed):
    """The address is not one that we call."""

    code = "webhook_url_refused"
    title = "This address cannot be called"


class NotPublicError(Exception):
    """A name leads to an address that is not public."""


class HookSettings(Settings):
    """Whether http on the loopback interface may be called: on a laptop alone."""

    hooks_to_loopback: bool = False


class Target(NamedTuple):
    """Where a call goes: what its URL says."""

    scheme: str
    host: str
    port: int
    path: str


def parse(url: str) -> Target:
    """Reads a URL; raises UrlRefused for one that is not plain https."""
    if not url.isascii():
        raise _refused("Write a name with letters of its own in punycode (xn--...), and encode those of the path.")
    if len(url) > URL_LENGTH_MAX or not url.isprintable() or set(url) & set(' \\"<>^`{|}'):
        raise _refused(f"Give an address of at most {URL_LENGTH_MAX} plain characters.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _refused("This is not an address.") from error
    if not host or "%" in host or parts.username is not None or parts.fragment:
        raise _refused("Give scheme, host and path; no user, no fragment.")
    own = _HTTP_PORT if parts.scheme == "http" else _HTTPS_PORT
    if port is not None and port < _FREE_PORTS and port != own:
        raise _refused(f"Give no port, which is {_HTTPS_PORT}, or one from {_FREE_PORTS} on.")
    if parts.scheme != "https" and not (parts.scheme == "http" and HookSettings.load().hooks_to_loopback):
        raise _refused("It must begin with https://.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or own, path)


def require(url: str) -> None:
    """Raises UrlRefused unless the URL is one that we would call now."""
    target = parse(url)
    try:
        resolve(target, within_s=LOOK_UP_S)
    except NotPublicError as error:
        raise _refused("Its name leads to an address that is not public.") from error
    except TimeoutError as error:
        raise _refused(f"Its name server does not answer within {LOOK_UP_S:g} seconds: have that mended.") from error
    except OSError as error:
        raise _refused("Its name is not known.") from error


def resolve(target: Target, *, within_s: float) -> list[str]:
    """Returns the addresses of a target's host; raises NotPublicError when one of them is not public, TimeoutError when
    they are not known in time, else OSError.
    """
    found = _asked(target, within_s)
    if not found or not all(may_be_called(address) for address in found):
        raise NotPublicError(target.host)
    return found


def _asked(target: Target, within_s: float) -> list[str]:
    """Asks the resolver in a thread of its own: it takes no limit, and a name server can keep it waiting for minutes.

    Whoever gives up leaves the thread behind, which ends when the resolver does.
    """
    answer: Future[list[str]] = Future()

    def ask() -> None:
        try:
            answer.set_result(lookup(target.host, target.port))
        except OSError as error:
            answer.set_exception(error)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    return answer.result(within_s)


def lookup(host: str, port: int) -> list[str]:
    """Asks the resolver, once; raises OSError when it does not know the name."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError("not a host name") from error
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def may_be_called(address: str) -> bool:
    """Tells whether an address is public, or the loopback's where that is allowed."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if HookSettings.load().hooks_to_loopback and found == IPv4Address("127.0.0.1"):
        return True
    return _is_public(found)


def _is_public(found: IPv4Address | IPv6Address) -> bool:
    if isinstance(found, IPv6Address) and (found.scope_id or found not in _UNICAST_6):
        return False
    if not found.is_global or found.is_multicast or found.is_reserved:
        return False
    return not any(found in network for network in _NOT_PUBLIC if network.version == found.version)


def _refused(detail: str) -> UrlRefused:
    return UrlRefused(detail, errors=(FieldError("/url", UrlRefused.code, detail),))
