"""API key: what one looks like, and what its holder may do, read once a minute.

`mfk_live_` or `mfk_test_`, then 32 random letters and digits (190 bits), then six that are the CRC-32 of all before: so
a scanner of leaks knows a key for one, and a mistyped key costs no read. Stored is its SHA-256 alone; 190 random bits
need no slow hash, and looking a hash up tells nothing by its duration.

| key in `access` | what |
|---|---|
| `KEY#<sha256>` / `KEY` | what a key opens; deleted when it is revoked |
| `USED#<key id>` / `USED` | when it was used last, to the hour |
"""

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from mifumo import clock, origins, tables, writes
from mifumo.aws import Item
from mifumo.errors import Forbidden, InvalidCredentials
from mifumo.ids import TenantId
from mifumo.modes import Mode
from mifumo.observability import count, logger
from mifumo.permissions import Scope
from mifumo.tables import Key
from mifumo.tenants import AccessSettings

PREFIX = "mfk_"
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_LETTERS, _CHECK_LETTERS = 32, 6
FORM = re.compile(rf"mfk_(?:live|test)_[0-9A-Za-z]{{{_RANDOM_LETTERS + _CHECK_LETTERS}}}")
# A revoked key is out of every process a minute later: the promise of the manual.
_CACHED_S = 60
# Of a process that some thousand keys visit; a key is some 500 bytes.
_CACHED_MAX = 2000
_USED_EVERY_S = 3600

Value = TypeVar("Value")


class IpNotAllowed(Forbidden):
    """The API key may be used from certain addresses, and this is none of them."""

    code = "ip_not_allowed"
    title = "This API key may not be used from here"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What a key opens."""

    id: str
    tenant: TenantId
    mode: Mode
    scopes: frozenset[Scope]
    expires_at: str = ""
    allowed_ips: tuple[str, ...] = ()
    """Networks; none means from anywhere."""


def mint(mode: Mode) -> str:
    """Makes a key."""
    text = f"{PREFIX}{mode.value}_" + "".join(secrets.choice(_LETTERS) for _ in range(_RANDOM_LETTERS))
    return text + _check(text)


def digest(text: str) -> str:
    """Returns what is stored of a key."""
    return hashlib.sha256(text.encode()).hexdigest()


def place(key_digest: str) -> tuple[str, Key]:
    """Returns where it stands what a key opens."""
    return AccessSettings.load().access_table, Key(f"KEY#{key_digest}", "KEY")


def used_place(key_id: str) -> tuple[str, Key]:
    """Returns where it stands when a key was used last."""
    return AccessSettings.load().access_table, Key(f"USED#{key_id}", "USED")


def admit(text: str) -> ApiKey:
    """Returns what a key opens, and notes that it was used.

    Raises InvalidCredentials, in the same words, for one that is malformed, unknown, revoked or expired; IpNotAllowed
    when it may not be used from where the request at hand comes from.
    """
    found = _read(digest(text)) if _well_formed(text) else None
    if found is None or (found.expires_at and found.expires_at <= clock.stamp()):
        raise InvalidCredentials("The API key is not valid.")
    if found.allowed_ips and not _inside(origins.current().ip, found.allowed_ips):
        raise IpNotAllowed("The key's list of addresses does not have yours.")
    _note_use(found.id)
    return found


def of(item: Item) -> ApiKey:
    """Reads a key from its item."""
    return ApiKey(
        id=item["id"],
        tenant=TenantId(item["tenant_id"]),
        mode=Mode(item["mode"]),
        scopes=frozenset(map(Scope, item["scopes"])),
        expires_at=item.get("expires_at", ""),
        allowed_ips=tuple(item.get("allowed_ips", ())),
    )


_known: dict[str, tuple[int, ApiKey]] = {}
_used: dict[str, int] = {}


def forget() -> None:
    """Drops what was read, so that a test can start over."""
    _known.clear()
    _used.clear()


def _read(key_digest: str) -> ApiKey | None:
    """Reads a key, or takes the copy of the last minute. Unknown ones are not kept: strangers could fill the memory."""
    read_at, known = _known.get(key_digest, (0, None))
    if known and 0 <= clock.epoch() - read_at < _CACHED_S:
        return known
    item = tables.get(*place(key_digest))
    _known.pop(key_digest, None)
    if item is None:
        return None
    _keep(_known, key_digest, (clock.epoch(), of(item)))
    return of(item)


def _note_use(key_id: str) -> None:
    """Writes down that a key was used, once an hour and process. It is a hint for people: a failure stops nobody."""
    now = clock.epoch()
    if now - _used.get(key_id, 0) < _USED_EVERY_S:
        return
    _keep(_used, key_id, now)
    table, key = used_place(key_id)
    noting = writes.update(
        table,
        key,
        "SET used_at = :now",
        condition="attribute_not_exists(used_at) OR used_at < :now",
        values={":now": clock.stamp()},
        refused=lambda _: _NotedLater(),
    )
    try:
        writes.commit(noting)
    except _NotedLater:
        return
    except (BotoCoreError, ClientError) as error:
        logger.warning("use of a key not noted", key_id=key_id, error=str(error))
        count("KeyUseNotNoted")


class _NotedLater(Exception):
    """Another process has noted a later use."""


def _keep(memory: dict[str, Value], name: str, value: Value) -> None:
    """Keeps a value, at the price of the oldest one when there are too many."""
    memory.pop(name, None)
    if len(memory) >= _CACHED_MAX:
        del memory[next(iter(memory))]
    memory[name] = value


def _inside(ip: str, networks: tuple[str, ...]) -> bool:
    import ipaddress  # noqa: PLC0415 # few keys have a list, and every cold start would pay

    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(network) for network in networks)


def _well_formed(text: str) -> bool:
    return bool(FORM.fullmatch(text)) and _check(text[:-_CHECK_LETTERS]) == text[-_CHECK_LETTERS:]


def _check(text: str) -> str:
    """Writes the CRC-32 in base 62, which six letters hold."""
    number, letters = zlib.crc32(text.encode()), ""
    for _ in range(_CHECK_LETTERS):
        number, rest = divmod(number, len(_LETTERS))
        letters = _LETTERS[rest] + letters
    return letters
