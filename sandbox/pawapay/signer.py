"""pawaPay's signature under its callbacks (RFC 9421), with its own habits: the ASN.1 form, a date of its own, a minute.

It signs with another library than the one that verifies, so that no mistake is made on both sides.
"""

import base64
import hashlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sandbox.faults import Fault

VALIDITY_S = 60
_STALE_BY_S = 600
_COVERED = ("@method", "@authority", "@path", "signature-date", "content-digest", "content-type")
# The same key at each start: whoever has read it before a restart may keep it. It guards nothing but this sandbox.
_FIRST_KEY, _FORGERS_KEY = 421_942_194_219_421, 666_666_666_666_666


class Signer:
    """The keys under their published ids, of which the last one signs."""

    def __init__(self) -> None:
        self._keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self.forget()

    def forget(self) -> None:
        self._keys.clear()
        self.rotate()

    def rotate(self) -> str:
        """Sign with a new key from now on, and publish it beside the older ones; returns its id."""
        number = len(self._keys) + 1
        key_id = f"HTTP_EC_P256_KEY:{number}"
        self._keys[key_id] = ec.derive_private_key(_FIRST_KEY * number, ec.SECP256R1())
        return key_id

    def published(self) -> list[dict[str, str]]:
        """The answer of public-key/http."""
        return [{"id": key_id, "key": _pem(key)} for key_id, key in self._keys.items()]

    def headers(self, url: str, body: bytes, fault: Fault | None) -> Mapping[str, str]:
        """What a callback carries beside its body; a fault of signing does the one thing that it is named for."""
        if fault is Fault.UNSIGNED:
            return {"Content-Type": "application/json"}
        key_id, key = list(self._keys.items())[-1]
        created = int(time.time()) - (_STALE_BY_S if fault is Fault.SIGN_STALE else 0)
        to = urlsplit(url)
        fields = {
            "content-digest": f"sha-512=:{base64.b64encode(hashlib.sha512(body).digest()).decode()}:",
            "content-type": "application/json",
            "signature-date": _date(created),
        }
        values = {"@method": "POST", "@authority": to.netloc, "@path": to.path or "/", **fields}
        covered = " ".join(f'"{name}"' for name in _COVERED)
        parameters = (
            f'({covered});alg="ecdsa-p256-sha256";keyid="{key_id}";created={created};expires={created + VALIDITY_S}'
        )
        lines = [f'"{name}": {values[name]}' for name in _COVERED]
        text = "\n".join([*lines, f'"@signature-params": {parameters}']).encode()
        signature = _signature(_forgers_key() if fault is Fault.SIGN_WITH_ANOTHER_KEY else key, text)
        if fault is Fault.SIGN_RAW:
            signature = _side_by_side(signature)
        return {
            "Content-Type": fields["content-type"],
            "Content-Digest": fields["content-digest"],
            "Signature-Date": fields["signature-date"],
            "Signature-Input": f"sig-pp={parameters}",
            "Signature": f"sig-pp=:{base64.b64encode(signature).decode()}:",
        }


def _signature(key: ec.EllipticCurvePrivateKey, text: bytes) -> bytes:
    return key.sign(text, ec.ECDSA(hashes.SHA256()))


def _forgers_key() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(_FORGERS_KEY, ec.SECP256R1())


def _side_by_side(signature: bytes) -> bytes:
    """The form that the RFC asks for."""
    r, s = decode_dss_signature(signature)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _date(created: int) -> str:
    """With nine digits after the point, as pawaPay writes it."""
    return f"{datetime.fromtimestamp(created, UTC):%Y-%m-%dT%H:%M:%S}.{time.time_ns() % 1_000_000_000:09d}Z"
