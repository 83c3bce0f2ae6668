"""ClickPesa's checksum: an HMAC-SHA256 over JSON that is written in one way only, by both sides.

The way is JavaScript's: keys sorted at every depth by their UTF-16 code units, no spaces, letters as they are, numbers
as they were written, and without the members that carry the checksum. It proves sender and content and no time, so what
it proves may have been sent before. The older scheme, which joined the values, is ambiguous and not spoken here.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any, Final

# Where a checksum may stand besides the body, as one of ClickPesa's clients has it: for callers to read if configured.
HEADER: Final = "x-clickpesa-signature"

_OWN_MEMBERS: Final = ("checksum", "checksumMethod")
# Text that is no character of its own: JavaScript writes it as an escape, and UTF-8 could not carry it.
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class NotCanonical(ValueError):
    """There is no one way to write this: it is not a JSON object, or one with the same key twice."""


class _Number(str):
    """A number as it was written: 1.0 stays 1.0, and no digit of a long one is lost."""

    __slots__ = ()


def of(payload: Mapping[str, Any], key: str) -> str:
    """Makes the checksum of a payload, as 64 hexadecimal digits; its numbers are integers."""
    members = {name: value for name, value in payload.items() if name not in _OWN_MEMBERS}
    return hmac.new(key.encode(), _written(members).encode(), hashlib.sha256).hexdigest()


def proves(body: bytes, key: str, *, header: str | None = None) -> bool:
    """Tells whether a body is what the owner of the key has written.

    The checksum in the body counts; `header` is looked at where the body has none. An empty key proves nothing.
    """
    try:
        payload = parsed(body)
        shown = payload.get("checksum", header)
        return bool(key) and isinstance(shown, str) and hmac.compare_digest(shown.encode(), of(payload, key).encode())
    except (NotCanonical, UnicodeEncodeError, RecursionError):
        return False


def parsed(body: bytes) -> dict[str, Any]:
    """Reads a JSON object, its numbers as they were written; raises NotCanonical."""
    try:
        payload = json.loads(
            body.decode("utf-8"),
            parse_int=_Number,
            parse_float=_Number,
            parse_constant=_refuse,
            object_pairs_hook=_members,
        )
    except (ValueError, RecursionError) as error:
        raise NotCanonical(type(error).__name__) from error
    if not isinstance(payload, dict):
        raise NotCanonical("not an object")
    return payload


def _written(value: object) -> str:
    match value:
        case _Number():
            return str.__str__(value)
        case str():
            return _LONE_SURROGATE.sub(lambda lone: f"\\u{ord(lone[0]):04x}", json.dumps(value, ensure_ascii=False))
        case dict():
            members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be", "surrogatepass"))
            return "{" + ",".join(f"{_written(name)}:{_written(member)}" for name, member in members) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_written, value)) + "]"
        case None | bool() | int():
            return json.dumps(value)
        case _:
            raise TypeError(f"a {type(value).__name__} has no one way to be written")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise NotCanonical("a key comes twice")
    return members


def _refuse(word: str) -> None:
    raise NotCanonical(f"{word} is no number of JSON")
