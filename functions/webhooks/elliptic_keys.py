"""Elliptic-curve public keys: which algorithm a key is for, and whether its owner has signed something.

Pure Python, and not in constant time; all that a verifier handles is public, so there is nothing to time.
"""

import hashlib
from binascii import Error as Base64Error
from dataclasses import dataclass
from functools import lru_cache

from ecdsa import BadSignatureError, NIST256p, NIST384p, VerifyingKey  # type: ignore[import-untyped]
from ecdsa.der import UnexpectedDER  # type: ignore[import-untyped]
from ecdsa.errors import MalformedPointError  # type: ignore[import-untyped]
from ecdsa.util import sigdecode_der, sigdecode_string  # type: ignore[import-untyped]

P256, P384 = "ecdsa-p256-sha256", "ecdsa-p384-sha384"

# The curve of a key says what it is for (RFC 9421, 3.3.4 and 3.3.5): no message gets to choose another algorithm.
_BY_CURVE = {NIST256p.name: (P256, hashlib.sha256), NIST384p.name: (P384, hashlib.sha384)}
# pawaPay writes the ASN.1 form that most libraries make by default, the RFC asks for r and s side by side.
_ENCODINGS = (sigdecode_der, sigdecode_string)
_KEYS_KEPT = 8


class UnusableKey(ValueError):
    """What was published as a key is none, or one for an algorithm that we do not accept."""


@dataclass(frozen=True)
class PublicKey:
    """One public key, for one algorithm."""

    algorithm: str
    key: VerifyingKey

    def has_signed(self, message: bytes, signature: bytes) -> bool:
        """Tells whether the signature, in either of its two encodings, is this key's over the message."""
        return any(self._fits(message, signature, encoding) for encoding in _ENCODINGS)

    def _fits(self, message: bytes, signature: bytes, encoding: object) -> bool:
        _, digest = _BY_CURVE[self.key.curve.name]
        try:
            return bool(self.key.verify(signature, message, hashfunc=digest, sigdecode=encoding))
        except BadSignatureError:
            return False


@lru_cache(maxsize=_KEYS_KEPT)
def read(pem: str) -> PublicKey:
    """Reads a key from PEM (SubjectPublicKeyInfo, with its curve by name); raises UnusableKey."""
    try:
        key = VerifyingKey.from_pem(pem, valid_curve_encodings=["named_curve"])
    except (Base64Error, MalformedPointError, UnexpectedDER, ValueError, TypeError, IndexError) as error:
        raise UnusableKey(type(error).__name__) from error
    known = _BY_CURVE.get(key.curve.name)
    if known is None:
        raise UnusableKey(key.curve.name)
    return PublicKey(known[0], key)
