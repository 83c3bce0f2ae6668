"""Secrets of webhooks, and the signatures made with them, in the form of Standard Webhooks (v1: HMAC-SHA256).

A secret is derived from the key that no table holds, the webhook's id and a stored salt: a copy of the tables signs
nothing. Source of the form: github.com/standard-webhooks/standard-webhooks, specification 1.0.0.
"""

import base64
import hashlib
import hmac
import secrets

from mifumo import aws, ids
from mifumo.settings import Settings

_PREFIX = "whsec_"
_SALT_BYTES = 16


class HookSecretSettings(Settings):
    """The secret that holds the key: `{"pepper": …}`."""

    hooks_secret: str


def salt() -> str:
    """Makes a salt for a new secret."""
    return secrets.token_hex(_SALT_BYTES)


def salt_after(before: str, key: str) -> str:
    """Makes the salt of the secret that comes after one: the same when it is asked for under the same key again."""
    return ids.fingerprint(before, key)[: 2 * _SALT_BYTES]


def text(hook: str, salted: str) -> str:
    """Writes a webhook's secret as its owner gets it, once."""
    return _PREFIX + base64.b64encode(_key(hook, salted)).decode()


def headers(hook: str, salts: list[str], *, event: str, at: int, body: bytes) -> dict[str, str]:
    """Signs a body with every secret that is live; one signature that verifies is enough for the customer."""
    signed = f"{event}.{at}.".encode() + body
    made = [hmac.digest(_key(hook, salted), signed, hashlib.sha256) for salted in salts]
    return {
        "webhook-id": event,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in made),
    }


def _key(hook: str, salted: str) -> bytes:
    pepper = aws.secret(HookSecretSettings.load().hooks_secret)["pepper"]
    # Both parts have a fixed length, so no two pairs are read as one another.
    return hmac.digest(pepper.encode(), f"webhook\0{hook}\0{salted}".encode(), hashlib.sha256)
