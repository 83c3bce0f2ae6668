"""Scrub: takes out of a log line what no log may hold: phone numbers, tokens, codes, and whatever is called a secret.

Every line passes here, also the text of an exception that somebody else raised. Ids, times and counts stay readable.
"""

import re
from collections.abc import Mapping
from typing import Any

# A line is as deep as what somebody gave the logger, which may be a provider's answer.
_DEPTH_MAX = 8
_HIDDEN = "[hidden]"

_SECRET_NAME = re.compile(
    r"(?i)pass(?:word|wd|code)|secret|token|authorization|cookie|pepper|second_factor|api_?key|signing_?key"
    r"|(?:\A|_)(?:code|key|refresh|otp|pin)s?\Z"
)
# The names of things by which a secret is stored or listed are no secrets: key_id, secret_name.
_HARMLESS_NAME = re.compile(r"_(?:id|name|type|arn)\Z")

_PATTERN = re.compile(
    # What looks like a number and is none, matched first so that it stays: times, UUIDs, ids of ours, traces.
    r"(?P<kept>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"
    r"|\b[0-7][0-9a-hjkmnp-tv-z]{25}\b"
    r"|\b1-[0-9a-f]{8}-[0-9a-f]{24}\b)"
    # Tokens: JWTs, and ours, which are called mfk_, mfr_, mfi_ and so on.
    r"|(?P<token>eyJ[\w-]{5,}\.[\w.-]+|mf[a-z]_[\w.~-]+)"
    r"|(?P<bearer>(?i:\bbearer)\s+)[^\s\"',;]+"
    # A name and what it is set to, as in `password=…`, `"token": "…"`.
    r"|(?P<named>(?i:\b(?:\w*password|\w*passwd|\w*secret|\w*token|authorization|cookie|\w*api_?key|refresh|otp|pin|code"
    r"|second_factor))[\"']?\s*[:=]\s*[\"']?(?:(?i:bearer|basic)\s+)?)(?:\"[^\"]*\"|'[^']*'|[^\s\"',;}&]+)"
    # Phone numbers: international with a plus or 00, Tanzanian in any usual way, or nothing but the digits of one.
    # Ten or thirteen digits that begin as this century's seconds and milliseconds do are times.
    r"|(?P<number>\+\d(?:[ ().-]{0,2}\d){6,14}"
    r"|(?<!\d)(?:00)?255(?:[ .-]?\d){9}(?!\d)"
    r"|(?<!\d)\(?0[67]\d{1,2}\)?(?:[ .-]?\d){6,7}(?!\d)"
    r"|(?<![0-9A-Za-z])(?:00\d{8,14}|[67]\d{8}|(?!1[5-9]\d{8}(?:\d{3})?(?!\d))\d{10,15})(?![0-9A-Za-z]))"
    # One-time codes: six digits by themselves, in one piece or two.
    r"|(?P<code>(?<![\w.:,/+-])\d{3}[ -]?\d{3}(?![\w/]|[.:,-]\d))"
)


def text(line: str) -> str:
    """Returns the text without what may not be logged."""
    return _PATTERN.sub(_replacement, line)


def fields(line: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """Returns the members of a line without what may not be logged; a member with a secret's name loses its value."""
    return {name: _HIDDEN if _is_secret(name, value) else _scrubbed(value, depth) for name, value in line.items()}


def _scrubbed(value: Any, depth: int) -> Any:
    match value:
        case None | bool() | float():
            return value
        case int():
            cleaned = text(str(value)) if value >= 10**8 else value
            return value if cleaned == str(value) else cleaned
        case str():
            return text(value)
        case _ if depth >= _DEPTH_MAX:
            return "[too deep]"
        case Mapping():
            return fields(value, depth + 1)
        case list() | tuple() | set() | frozenset():
            return [_scrubbed(one, depth + 1) for one in value]
        case _:
            return text(str(value))


def _is_secret(name: object, value: Any) -> bool:
    if value is None or isinstance(value, bool):
        return False
    return bool(_SECRET_NAME.search(str(name))) and not _HARMLESS_NAME.search(str(name))


def _replacement(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "kept":
            return found[0]
        case "token":
            return "[token]"
        case "bearer" | "named" as group:
            return found[group] + _HIDDEN
        case "number":
            return f"[number …{found[0][-2:]}]"
        case _:
            return "[code]"
