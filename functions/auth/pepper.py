"""Pepper: the key that no table holds, without which a copy of the tables says nothing about short secrets.

A code of six digits is found behind any plain hash in a second; behind a keyed one it is not found at all.
"""

import hashlib
import hmac

from mifumo import aws
from mifumo.settings import Settings


class IdentitySettings(Settings):
    """The secret that holds the pepper: `{"pepper": …}`."""

    identity_secret: str


def keyed(domain: bytes, *parts: str) -> bytes:
    """Hashes the parts with the pepper; what is made in one domain is of no use in another.

    Parts are joined with their lengths, so no two lists of parts can be read as one another.
    """
    key = aws.secret(IdentitySettings.load().identity_secret)["pepper"]
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.digest(key.encode(), domain + b"\0" + joined.encode(), hashlib.sha256)
