"""Refresh token: the text that a client keeps, `mfr_<user>.<tenant>.<family>.<secret>`.

The family stays the same from login to logout and names the session by its hash, so that only a holder of one of its
tokens can speak of the session at all; the secret changes with every refresh. Both are random, so a fast hash is
enough for what is stored of them.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Self

from mifumo import ids
from mifumo.ids import TenantId, UserId

_PREFIX = "mfr_"
_FAMILY_BYTES, _SECRET_BYTES = 16, 32


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """One token of one session."""

    user: UserId
    tenant: TenantId
    family: str
    secret: str

    @classmethod
    def mint(cls, user: UserId, tenant: TenantId, family: str | None = None) -> Self:
        """Makes the first token of a session, or the next one of a family."""
        family = family or secrets.token_urlsafe(_FAMILY_BYTES)
        return cls(user, tenant, family, secrets.token_urlsafe(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Reads a token; None for any other text."""
        user, tenant, family, secret = (*text.removeprefix(_PREFIX).split("."), "", "", "")[:4]
        if not (text.startswith(_PREFIX) and ids.valid(user) and ids.valid(tenant)):
            return None
        token = cls(UserId(user), TenantId(tenant), family, secret)
        return token if token.text == text and text.isascii() else None

    @property
    def text(self) -> str:
        """What the client keeps."""
        return f"{_PREFIX}{self.user}.{self.tenant}.{self.family}.{self.secret}"

    @property
    def digest(self) -> str:
        """What the session keeps of it."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def session(self) -> str:
        """Returns the public id of the session, from which nobody finds back to its family."""
        return ids.derived("session", self.family)
