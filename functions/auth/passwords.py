"""Passwords: which are good enough, judged by how soon they are guessed, and Argon2id hashes of them.

The parameters are OWASP's first choice and named here, because the library's defaults cost five times as much and ask
for four threads where a function has less than one: some 26 ms on a whole CPU, 40 ms at 1,024 MB.
"""

import re
from collections.abc import Iterable

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError

LENGTH_MIN = 10
# Hashing takes any length, but nobody needs more, and a megabyte of password would be work for nothing.
LENGTH_MAX = 128
_HASHER = PasswordHasher(
    time_cost=2, memory_cost=19_456, parallelism=1, hash_len=32, salt_len=16, encoding="utf-8", type=Type.ID
)
# The hash of random bytes that nobody kept: an unknown e-mail costs one hash like any other.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$4L6R7gUZkDJv0y8r6zP1MA$iHqKcswOQ7kQ5/JmlBn0xI5wcnMYfhgzWawscMlQRu8"
# Fewer guesses than these are worth an attacker's while even at the price of one Argon2id each.
_GUESSES_MIN = 10**8
# zxcvbn's work grows faster than the password does: 32 characters of the worst kind cost it half a second, and a
# password is no weaker for what comes after them.
_JUDGED_MAX = 32
# Shorter pieces of a name or an address are in so many passwords by chance that they would count for nothing.
_PIECE_MIN = 3
_SEPARATORS = re.compile(r"[\s@._+-]+")


class WeakPassword(ValueError):
    """The password would be guessed; `reason` is a stable code, `detail` says what to do."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def require_strong(password: str, *, about: Iterable[str] = ()) -> None:
    """Raises WeakPassword for what an attacker tries first; `about` is what they know of the user: address, names.

    There are no rules on kinds of letters (NIST 800-63B).
    """
    if len(password) < LENGTH_MIN:
        raise WeakPassword("string_too_short", f"Use at least {LENGTH_MIN} characters.")
    if len(password) > LENGTH_MAX:
        raise WeakPassword("string_too_long", f"Use at most {LENGTH_MAX} characters.")
    if not password.isprintable():
        raise WeakPassword("password_unprintable", "Use letters, digits, signs and spaces.")
    known = list(about)
    if password.casefold() in {text.casefold() for text in known if "@" in text}:
        raise WeakPassword("password_is_email", "Your e-mail address is no secret: take another password.")
    _require_guesses(password, known)


def _require_guesses(password: str, known: list[str]) -> None:
    import zxcvbn  # type: ignore[import-untyped] # noqa: PLC0415 # its word lists take 50 ms to load, and only a new password is judged

    judged = zxcvbn.zxcvbn(password[:_JUDGED_MAX], user_inputs=_pieces(known))
    if judged["guesses"] >= _GUESSES_MIN:
        return
    reason = "password_only_digits" if password.isdigit() else "password_common"
    advice = [judged["feedback"]["warning"] or "This password is guessed quickly.", *judged["feedback"]["suggestions"]]
    raise WeakPassword(reason, " ".join(advice))


def _pieces(known: list[str]) -> list[str]:
    """Returns the texts, and their parts, of which a lazy password is made."""
    pieces = {piece for text in known for piece in (text, *_SEPARATORS.split(text))}
    return sorted(piece for piece in pieces if len(piece) >= _PIECE_MIN)


def digest(password: str) -> str:
    """Hashes a password with a salt of its own."""
    return _HASHER.hash(password)


def matches(password: str, stored: str | None) -> bool:
    """Tells whether it is the password, at the cost of one hash whether or not there is a stored one."""
    try:
        _HASHER.verify(stored or _NOBODY, password)
    except VerifyMismatchError:
        return False
    return stored is not None


def outdated(stored: str) -> bool:
    """Tells whether a hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)
