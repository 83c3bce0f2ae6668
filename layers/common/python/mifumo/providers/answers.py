"""Answers: what providers say, read so that no float comes near money and nothing hostile is taken at its word."""

import json
import re
from http import HTTPStatus
from typing import Any

from mifumo.observability import count, logger

DETAIL_LENGTH_MAX = 200
_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.0{1,2})?")


def json_value(body: bytes) -> Any:
    """Reads JSON; None for what is none. Decimals stay text."""
    try:
        return json.loads(body, parse_float=str)
    except (ValueError, RecursionError):
        return None


def json_object(body: bytes) -> dict[str, Any]:
    """Reads a JSON object; anything else is an empty one."""
    return member_object(json_value(body))


def member_object(value: object) -> dict[str, Any]:
    """Returns what should be an object, or an empty one in its place."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str | None:
    """Returns a short text, or None where there is none."""
    return str(value)[:DETAIL_LENGTH_MAX] if isinstance(value, str | int) and str(value).strip() else None


def whole_tzs(amount: object) -> int | None:
    """Reads an amount exactly, from a string or a whole number; None where there is the slightest doubt."""
    if isinstance(amount, int) and not isinstance(amount, bool):
        return amount if amount >= 0 else None
    exact = _AMOUNT.fullmatch(amount) if isinstance(amount, str) else None
    return int(exact[1]) if exact else None


def watch_credentials(provider: str, http_status: int) -> None:
    """Our own key is refused: no tenant can pay until somebody mends it."""
    if http_status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        logger.error("provider refuses our key", provider=provider, http_status=http_status)
        count("ProviderRefusesKey")
