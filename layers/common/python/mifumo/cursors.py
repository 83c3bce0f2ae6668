"""Cursors: where a page ended, opaque to the caller and worthless outside the list it came from.

A cursor is DynamoDB's last key with a short HMAC over it and its scope (the list and its tenant), so that nobody can
point a query at another partition, or a list at another list's place.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from mifumo import aws, clock
from mifumo.aws import Item
from mifumo.callers import SigningSettings
from mifumo.errors import ValidationFailed

_SEAL_BYTES = 12
# A name of a hundred characters of any script is in a key, and the key in the cursor: half of this at most.
LENGTH_MAX = 2_048


def encode(last: Item | None, *, scope: str) -> str | None:
    """Writes a cursor; None where there is nothing more."""
    if last is None:
        return None
    # Letters as they are: escaped, those of most scripts and every emoji take two to three times the room.
    body = json.dumps(last, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    keys = aws.secret(SigningSettings.load().signing_keys_secret)
    return urlsafe_b64encode(_seal(keys[keys["current"]], scope, body) + body).decode().rstrip("=")


def decode(cursor: str | None, *, scope: str) -> Item | None:
    """Reads a cursor back; raises ValidationFailed for one that we did not write for this list."""
    if cursor is None:
        return None
    try:
        raw = urlsafe_b64decode(cursor[:LENGTH_MAX] + "=" * (-len(cursor) % 4))
    except ValueError:
        raw = b""
    seal, body = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
    if not _is_ours(seal, scope, body):
        raise ValidationFailed.of(
            "query:cursor", "cursor_invalid", "Use the `next` of this list's last page, unchanged."
        )
    item: Item = json.loads(body)
    return item


def _is_ours(seal: bytes, scope: str, body: bytes) -> bool:
    """Tries every live key, then those that another process may have learnt of before this one."""
    for fresh_since in (0, clock.epoch() - aws.REFRESH_S):
        keys = aws.secret(SigningSettings.load().signing_keys_secret, fresh_since=fresh_since)
        live = (key for kid, key in keys.items() if kid != "current")
        if any(hmac.compare_digest(seal, _seal(key, scope, body)) for key in live):
            return True
    return False


def _seal(key: str, scope: str, body: bytes) -> bytes:
    return hmac.digest(key.encode(), b"cursor\0" + scope.encode() + b"\0" + body, hashlib.sha256)[:_SEAL_BYTES]
