"""Passwords: which are good enough, and Argon2id hashes of them.

The parameters are OWASP's first choice and named here, because the library's defaults cost five times as much and ask
for four threads where a function has less than one: some 26 ms on a whole CPU, 40 ms at 1,024 MB.
"""

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
# The ones of ten letters and more that lead every list of leaked passwords; all-digit ones are refused as a class.
_COMMON = frozenset(
    {
        "1q2w3e4r5t",
        "1qaz2wsx3edc",
        "abcdefghij",
        "iloveyou123",
        "mypassword",
        "password12",
        "password123",
        "password1234",
        "qwerty12345",
        "qwerty123456",
        "qwertyuiop",
        "qwertyuiop123",
    }
)


class WeakPassword(ValueError):
    """The password would be guessed; `reason` is a stable code, `detail` says what to do."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def require_strong(password: str, *, email: str = "") -> None:
    """Raises WeakPassword for what an attacker tries first. There are no rules on kinds of letters (NIST 800-63B)."""
    folded = password.casefold()
    if len(password) < LENGTH_MIN:
        raise WeakPassword("string_too_short", f"Use at least {LENGTH_MIN} characters.")
    if len(password) > LENGTH_MAX:
        raise WeakPassword("string_too_long", f"Use at most {LENGTH_MAX} characters.")
    if not password.isprintable():
        raise WeakPassword("password_unprintable", "Use letters, digits, signs and spaces.")
    if password.isdigit():
        raise WeakPassword("password_only_digits", "Add letters or words: digits alone are guessed quickly.")
    if folded in _COMMON or len(set(folded)) == 1:
        raise WeakPassword("password_common", "This password is on every list of common ones: take another.")
    if email and folded == email.casefold():
        raise WeakPassword("password_is_email", "Your e-mail address is no secret: take another password.")


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
