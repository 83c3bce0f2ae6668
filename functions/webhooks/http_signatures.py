"""Signatures of HTTP messages (RFC 9421): tells whether a request is its sender's own, whole, fresh and meant for us.

Pure: no network and no storage. Authority and path come from configuration, never from what the request says of
itself, and keys come from a callable. To be asked while the request is open: a signature is good for a minute.
Elliptic curves only, because the library for the other algorithms weighs more than a function may.
"""

import hashlib
import hmac
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import http_sf

from . import elliptic_keys

_FIELD_LENGTH_MAX = 2048
# Visible ASCII with spaces inside: no folded line, no control character, nothing that two readers could trim apart.
_CLEAN = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_DIGESTS = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
_REQUIRED_PARAMETERS: Mapping[str, type] = {"created": int, "expires": int, "keyid": str, "alg": str}
_PARAMETERS: Mapping[str, type] = {**_REQUIRED_PARAMETERS, "nonce": str, "tag": str}

Keys = Callable[[str], str | None]
"""Gives the public key (PEM) of an id, or None for an id that nobody publishes."""


class Outcome(StrEnum):
    """What a request's signature is worth."""

    VERIFIED = "verified"
    STALE = "stale"
    """The sender's own and whole, but its time is over: a hint, and evidence of nothing."""
    BAD_SIGNATURE = "bad_signature"
    MALFORMED = "malformed"


class Reason(StrEnum):
    """Why a request is not verified."""

    HEADER_MISSING = "header_missing"
    HEADER_MALFORMED = "header_malformed"
    NOT_ONE_SIGNATURE = "not_one_signature"
    COMPONENT_UNKNOWN = "component_unknown"
    COMPONENT_REPEATED = "component_repeated"
    COMPONENT_NOT_COVERED = "component_not_covered"
    PARAMETERS_WRONG = "parameters_wrong"
    ALGORITHM_WRONG = "algorithm_wrong"
    DIGEST_WRONG = "digest_wrong"
    KEY_UNKNOWN = "key_unknown"
    KEY_UNUSABLE = "key_unusable"
    SIGNATURE_WRONG = "signature_wrong"
    CREATED_IN_FUTURE = "created_in_future"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome, and the reason for everything but a verified one."""

    outcome: Outcome
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A request at the address that its sender was given; header names in small letters, the body as it was sent."""

    method: str
    authority: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a signature has to cover, what else it may cover, and how long it is good."""

    covered: frozenset[str]
    covered_if_sent: frozenset[str] = frozenset()
    also_known: frozenset[str] = frozenset()
    algorithms: frozenset[str] = frozenset({elliptic_keys.P256, elliptic_keys.P384})
    validity_s: int = 60
    skew_s: int = 60
    """How far two clocks may be apart."""


PAWAPAY: Final = Policy(
    covered=frozenset({"@method", "@authority", "@path", "content-digest", "content-type"}),
    covered_if_sent=frozenset({"signature-date"}),
    also_known=frozenset({"content-length"}),
)


@dataclass(frozen=True, slots=True)
class Signed:
    """What Signature-Input and Signature say: what is covered, in which order, under which parameters."""

    components: tuple[str, ...]
    parameters: Mapping[str, Any]
    written: str
    """Components and parameters as the sender wrote them, which is how they were signed."""
    signature: bytes


class NotProven(Exception):
    """A request proves nothing; it carries the verdict that says why."""

    def __init__(self, outcome: Outcome, reason: Reason) -> None:
        super().__init__(reason)
        self.verdict = Verdict(outcome, reason)


def verify(request: Request, *, keys: Keys, now: int, policy: Policy = PAWAPAY) -> Verdict:
    """Tells what the signature of a request is worth at `now` (seconds since 1970); `keys` may raise what it likes."""
    try:
        signed = read(request.headers)
        _require_parameters(signed.parameters, policy)
        _require_coverage(signed.components, request.headers, policy)
        _require_digest(request)
        _require_signature(request, signed, keys)
        return _aged(signed.parameters, now, policy)
    except NotProven as unproven:
        return unproven.verdict


def read(headers: Mapping[str, str]) -> Signed:
    """Reads the one signature that a message has; raises NotProven for none, for several, for one unreadable."""
    inputs, signatures = _dictionary(headers, "signature-input"), _dictionary(headers, "signature")
    if len(inputs) != 1 or inputs.keys() != signatures.keys():
        raise NotProven(Outcome.MALFORMED, Reason.NOT_ONE_SIGNATURE)
    ((label, (items, parameters)),) = inputs.items()
    signature, _ = signatures[label]
    if not isinstance(items, list) or not isinstance(signature, bytes):
        raise _malformed_header()
    # Base64 has bits that do not count: these bytes are taken written in one way, and with nothing after them.
    if headers["signature"] != f"{label}=:{b64encode(signature).decode()}:":
        raise _malformed_header()
    written = headers["signature-input"].partition("=")[2]
    return Signed(tuple(_component(*item) for item in items), parameters, written, signature)


def base(signed: Signed, values: Mapping[str, str]) -> bytes:
    """Builds the text that was signed (RFC 9421, 2.5): a line for each component, and what was written of them last."""
    lines = [f'"{name}": {values[name]}' for name in signed.components]
    return "\n".join([*lines, f'"@signature-params": {signed.written}']).encode("ascii")


def _component(name: object, parameters: Mapping[str, Any]) -> str:
    """Returns a component's name; those with parameters mean something else, which no sender of ours needs."""
    if not isinstance(name, str) or parameters:
        raise NotProven(Outcome.MALFORMED, Reason.COMPONENT_UNKNOWN)
    return name


def _dictionary(headers: Mapping[str, str], name: str) -> dict[str, tuple[Any, Mapping[str, Any]]]:
    """Reads a header that is a dictionary of structured fields (RFC 9651) in which nothing comes twice."""
    text = _header(headers, name)
    try:
        parsed = http_sf.parse(text.encode(), tltype="dictionary", on_duplicate_key=_refuse_duplicate)
    except ValueError as error:
        raise _malformed_header() from error
    if not isinstance(parsed, dict) or not all(isinstance(member, tuple) for member in parsed.values()):
        raise _malformed_header()
    return parsed  # type: ignore[return-value]  # the loop above has seen to it


def _header(headers: Mapping[str, str], name: str) -> str:
    text = headers.get(name)
    if text is None:
        raise NotProven(Outcome.MALFORMED, Reason.HEADER_MISSING)
    if len(text) > _FIELD_LENGTH_MAX or not _CLEAN.fullmatch(text):
        raise _malformed_header()
    return text


def _refuse_duplicate(key: str, _kind: str) -> None:
    raise ValueError(f"{key[:40]} comes twice")


def _require_parameters(parameters: Mapping[str, Any], policy: Policy) -> None:
    known = all(type(value) is _PARAMETERS.get(name) for name, value in parameters.items())
    if not known or not _REQUIRED_PARAMETERS.keys() <= parameters.keys():
        raise NotProven(Outcome.MALFORMED, Reason.PARAMETERS_WRONG)
    if parameters["expires"] <= parameters["created"]:
        raise NotProven(Outcome.MALFORMED, Reason.PARAMETERS_WRONG)
    if parameters["alg"] not in policy.algorithms:
        raise NotProven(Outcome.BAD_SIGNATURE, Reason.ALGORITHM_WRONG)


def _require_coverage(components: tuple[str, ...], headers: Mapping[str, str], policy: Policy) -> None:
    names = set(components)
    if len(names) != len(components):
        raise NotProven(Outcome.MALFORMED, Reason.COMPONENT_REPEATED)
    if not names <= policy.covered | policy.covered_if_sent | policy.also_known:
        raise NotProven(Outcome.MALFORMED, Reason.COMPONENT_UNKNOWN)
    if not policy.covered | (policy.covered_if_sent & headers.keys()) <= names:
        raise NotProven(Outcome.MALFORMED, Reason.COMPONENT_NOT_COVERED)


def _require_digest(request: Request) -> None:
    """Every digest that is sent has to be the body's: one that is right does not excuse one that is not."""
    digests = _dictionary(request.headers, "content-digest")
    if not digests.keys() <= _DIGESTS.keys():
        raise _malformed_header()
    for algorithm, (digest, decoration) in digests.items():
        if not isinstance(digest, bytes) or decoration:
            raise _malformed_header()
        if not hmac.compare_digest(_DIGESTS[algorithm](request.body).digest(), digest):
            raise NotProven(Outcome.BAD_SIGNATURE, Reason.DIGEST_WRONG)


def _require_signature(request: Request, signed: Signed, keys: Keys) -> None:
    derived = {"@method": request.method, "@authority": request.authority, "@path": request.path}
    values = {name: derived.get(name) or _header(request.headers, name) for name in signed.components}
    pem = keys(signed.parameters["keyid"])
    if pem is None:
        raise NotProven(Outcome.BAD_SIGNATURE, Reason.KEY_UNKNOWN)
    try:
        key = elliptic_keys.read(pem)
    except elliptic_keys.UnusableKey as error:
        raise NotProven(Outcome.BAD_SIGNATURE, Reason.KEY_UNUSABLE) from error
    if signed.parameters["alg"] != key.algorithm:
        raise NotProven(Outcome.BAD_SIGNATURE, Reason.ALGORITHM_WRONG)
    if not key.has_signed(base(signed, values), signed.signature):
        raise NotProven(Outcome.BAD_SIGNATURE, Reason.SIGNATURE_WRONG)


def _aged(parameters: Mapping[str, Any], now: int, policy: Policy) -> Verdict:
    """Looks at the clock last, so that what is called stale is authentic."""
    created, expires = parameters["created"], parameters["expires"]
    if created > now + policy.skew_s:
        return Verdict(Outcome.BAD_SIGNATURE, Reason.CREATED_IN_FUTURE)
    if now > min(expires, created + policy.validity_s) + policy.skew_s:
        return Verdict(Outcome.STALE, Reason.EXPIRED)
    return Verdict(Outcome.VERIFIED)


def _malformed_header() -> NotProven:
    return NotProven(Outcome.MALFORMED, Reason.HEADER_MALFORMED)
