"""Invitation token: the text in an invited person's link, `mfi_<tenant>.<invitation>.<secret>`.

The secret is random, so a fast hash is enough for what is stored of it.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Self

from mifumo import ids
from mifumo.errors import AppError, FieldError
from mifumo.ids import TenantId

_PREFIX = "mfi_"
_SECRET_BYTES = 32


class InvitationInvalid(AppError):
    """The token is unknown, expired, revoked or used, or who sent it may not invite any more: which, is not told."""

    status = 422
    code = "invitation_invalid"
    title = "This invitation is not good"

    def __init__(self) -> None:
        detail = "Ask whoever invited you to send it again."
        super().__init__(detail, errors=(FieldError("/token", self.code, detail),))


@dataclass(frozen=True, slots=True)
class InvitationToken:
    """One token of one invitation; sending the invitation again makes another."""

    tenant: TenantId
    invitation: str
    secret: str

    @classmethod
    def mint(cls, tenant: TenantId, invitation: str) -> Self:
        """Makes the token of an invitation, in place of any before."""
        return cls(tenant, invitation, secrets.token_urlsafe(_SECRET_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Reads a token; None for any other text."""
        tenant, invitation, secret = (*text.removeprefix(_PREFIX).split("."), "", "", "")[:3]
        if not (text.isascii() and ids.valid(tenant) and ids.valid(invitation)):
            return None
        token = cls(TenantId(tenant), invitation, secret)
        return token if token.text == text else None

    @property
    def text(self) -> str:
        """What the link ends with."""
        return f"{_PREFIX}{self.tenant}.{self.invitation}.{self.secret}"

    @property
    def digest(self) -> str:
        """What the invitation keeps of it."""
        return hashlib.sha256(self.text.encode()).hexdigest()
