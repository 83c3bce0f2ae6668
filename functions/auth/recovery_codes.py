"""Recovery codes: ten long codes on paper that stand in for a lost authenticator, each good once.

Fifty random bits each: a keyed hash is kept, and guessing is counted like guessing a password.
"""

import secrets

from mifumo.ids import UserId

from . import pepper

COUNT = 10
_HALF = 5
# Crockford's base 32, lower case: no letter is mistaken for a digit.
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_READ_AS = str.maketrans("oil", "011", "- ")


def make() -> list[str]:
    """Makes a new set, as it is shown: `7k2mq-x9d4t`."""
    return [f"{_half()}-{_half()}" for _ in range(COUNT)]


def digest(user: UserId, code: str) -> str:
    """Hashes a code, however it was typed: case, hyphens and look-alike letters make no difference."""
    return pepper.keyed(b"recovery", user, code.strip().lower().translate(_READ_AS)).hex()


def _half() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_HALF))
