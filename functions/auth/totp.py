"""Time-based one-time passwords (RFC 6238): six digits, new every half minute, from a secret that no table holds.

The secret is derived from the pepper, the user and a stored salt, so that a copy of the tables proves nobody's factor.
"""

import base64
import hmac
from typing import TYPE_CHECKING

from mifumo import clock
from mifumo.ids import UserId

from . import pepper

if TYPE_CHECKING:
    import pyotp

DIGITS = 6
STEP_S = 30
_ISSUER = "Mifumo SMS"
# 160 bits are what HMAC-SHA-1 takes and RFC 4226 (4, R6) advises.
_SECRET_BYTES = 20
# A phone's clock is a step off, or the user was slow (RFC 6238, 5.2).
_STEPS_OFF = (0, -1, 1)


def secret(user: UserId, salt: str) -> str:
    """Derives the user's secret, in the base 32 that authenticator apps take."""
    return base64.b32encode(pepper.keyed(b"totp", user, salt)[:_SECRET_BYTES]).decode()


def uri(user: UserId, salt: str, *, email: str) -> str:
    """Writes the `otpauth://` address that an authenticator app reads from a QR code."""
    return _generator(user, salt).provisioning_uri(name=email, issuer_name=_ISSUER)


def step_of(user: UserId, salt: str, code: str) -> int | None:
    """Returns the half minute, counted from 1970, whose code this is: the current one or a neighbour; None if neither.

    Every candidate is compared, so the time it takes tells nothing.
    """
    made, now = _generator(user, salt), clock.epoch() // STEP_S
    right = [
        now + off for off in _STEPS_OFF if hmac.compare_digest(made.at((now + off) * STEP_S).encode(), code.encode())
    ]
    return max(right, default=None)


def _generator(user: UserId, salt: str) -> "pyotp.TOTP":
    import pyotp  # noqa: PLC0415 # takes 14 ms to load, and most requests never ask

    return pyotp.TOTP(secret(user, salt), digits=DIGITS, interval=STEP_S)
