"""Code: six digits that prove who holds a phone or an address, for ten minutes, for one purpose, once.

| pk | sk | what |
|---|---|---|
| `CODE#<purpose>#<contact>` | `CODE` | the live code's keyed hash and whose account it is for; the attempts |

A new code takes the old one's place, and neither asking nor waiting for a new one gives attempts back. An attempt is
counted before it is looked at, so parallel guesses get no more answers than guesses one by one; the fifth without
success closes the door for half an hour. A contact that nobody has goes through the same calls and gets the same
answers: its code is made, stored and sent to nobody.
"""

import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum

from mifumo import clock, writes
from mifumo.aws import Item
from mifumo.errors import AppError, FieldError, RateLimited
from mifumo.ids import UserId
from mifumo.tables import Key
from mifumo.writes import Write

from . import pepper, throttles
from .accounts import AccountsSettings
from .contacts import Contact

GOOD_FOR_S = 600
ATTEMPTS_MAX = 5
# Attempts are forgotten when none was made for this long: a full count is a lock of this length.
LOCK_S = 1800
_KEPT_S = 24 * 3600
_DIGITS = 6
# A rival who starts the count anew at the same moment is met once.
_COUNT_TRIES = 3
NOBODY = UserId("")


class Purpose(StrEnum):
    """What a code is for; one made for one purpose is of no use for another."""

    VERIFY_PHONE = "verify_phone"
    VERIFY_EMAIL = "verify_email"
    RESET_PASSWORD = "reset_password"  # noqa: S105 # the name of a purpose


class CodeInvalid(AppError):
    """The code is wrong, has expired or was used, or there never was one: which of them is not told."""

    status = 422
    code = "code_invalid"
    title = "This code is not good"

    def __init__(self) -> None:
        detail = "Check the digits, or ask for a new code."
        super().__init__(detail, errors=(FieldError("/code", self.code, detail),))


class CodesLocked(RateLimited):
    """Too many wrong codes: none is looked at for a while, not even the right one."""

    def __init__(self, tried_at: int) -> None:
        left_s = max(tried_at + LOCK_S - clock.epoch(), 1)
        super().__init__(f"Too many wrong codes. Try again in {-(-left_s // 60)} minutes.", retry_after_s=left_s)


@dataclass(frozen=True, slots=True)
class Proof:
    """A right code: who it was made for. `signed_in` says that they also have a session."""

    purpose: Purpose
    contact: Contact
    user: UserId
    signed_in: bool
    digest: str

    def spend(self) -> Write:
        """Uses the code up and forgets the attempts; refuses with CodeInvalid when it was used meanwhile."""
        return writes.update(
            _table(),
            _key(self.purpose, self.contact),
            "REMOVE digest, salt, user_id, expires_at, attempts, tried_at",
            condition="digest = :digest",
            values={":digest": self.digest},
            refused=lambda _: CodeInvalid(),
        )


def make(purpose: Purpose, contact: Contact, user: UserId | None) -> str:
    """Makes the contact's new code for the purpose and returns it, in one write; nobody's code proves nothing.

    Raises CodesLocked while the attempts are used up.
    """
    code, salt = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}", secrets.token_hex(16)
    replacement = writes.update(
        _table(),
        _key(purpose, contact),
        "SET digest = :digest, salt = :salt, user_id = :user, expires_at = :expires, #ttl = :ttl",
        condition="attribute_not_exists(tried_at) OR tried_at <= :forgotten OR attempts < :max",
        names={"#ttl": "ttl"},
        values={
            ":digest": _digest(purpose, contact, salt, code),
            ":salt": salt,
            ":user": user or NOBODY,
            ":expires": clock.epoch() + GOOD_FOR_S,
            ":ttl": clock.epoch() + _KEPT_S,
            ":forgotten": clock.epoch() - LOCK_S,
            ":max": ATTEMPTS_MAX,
        },
        refused=lambda item: CodesLocked((item or {}).get("tried_at", 0)),
    )
    writes.commit(replacement)
    return code


def prove(purpose: Purpose, contact: Contact, code: str, *, caller: UserId | None, source_ip: str) -> Proof:
    """Counts an attempt, then looks at the code; raises CodeInvalid for any but the live one, CodesLocked, Throttled.

    A caller can use a code only if it was made for the caller's account.
    """
    writes.commit(throttles.of_address("code", source_ip).attempt())
    live = _counted(purpose, contact)
    user, digest = UserId(live.get("user_id", NOBODY)), live.get("digest", "")
    right = hmac.compare_digest(_digest(purpose, contact, live.get("salt", ""), code), digest)
    if not right or user == NOBODY or live["expires_at"] <= clock.epoch() or caller not in {None, user}:
        raise CodeInvalid
    return Proof(purpose, contact, user, caller is not None, digest)


class _Stale(Exception):
    """The attempts that stand there are forgotten; it carries when the last one was made."""


def _counted(purpose: Purpose, contact: Contact) -> Item:
    """Counts one attempt and returns the live code; raises CodesLocked when none is left."""
    again: _Stale | None = None
    for _ in range(_COUNT_TRIES):
        try:
            attempt = _first_attempt(purpose, contact, again) if again else _attempt(purpose, contact)
            return writes.commit(attempt)
        except _Stale as stale:
            again = None if again else stale
    raise CodesLocked(clock.epoch())


def _attempt(purpose: Purpose, contact: Contact) -> Write:
    forgotten = clock.epoch() - LOCK_S

    def refusal(item: Item | None) -> Exception:
        tried_at = (item or {}).get("tried_at", 0)
        return _Stale(tried_at) if tried_at <= forgotten else CodesLocked(tried_at)

    return writes.update(
        _table(),
        _key(purpose, contact),
        "SET tried_at = :now, #ttl = :ttl ADD attempts :one",
        condition="attribute_not_exists(tried_at) OR (tried_at > :forgotten AND attempts < :max)",
        names={"#ttl": "ttl"},
        values={**_now(), ":one": 1, ":max": ATTEMPTS_MAX, ":forgotten": forgotten},
        refused=refusal,
    )


def _first_attempt(purpose: Purpose, contact: Contact, stale: _Stale) -> Write:
    """Starts the count anew; refuses when a rival did."""
    return writes.update(
        _table(),
        _key(purpose, contact),
        "SET tried_at = :now, #ttl = :ttl, attempts = :one",
        condition="tried_at = :seen",
        names={"#ttl": "ttl"},
        values={**_now(), ":one": 1, ":seen": stale.args[0]},
        refused=lambda _: stale,
    )


def _now() -> Item:
    return {":now": clock.epoch(), ":ttl": clock.epoch() + _KEPT_S}


def _digest(purpose: Purpose, contact: Contact, salt: str, code: str) -> str:
    return pepper.keyed(b"code", purpose.value, contact.kind.value, contact.value, salt, code).hex()


def _key(purpose: Purpose, contact: Contact) -> Key:
    return Key(f"CODE#{purpose.value}#{contact.value}", "CODE")


def _table() -> str:
    return AccountsSettings.load().accounts_table
