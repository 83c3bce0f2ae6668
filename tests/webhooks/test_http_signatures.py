"""The verifier of signed requests: the RFC's own examples, what is pinned, and no mutation that passes."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.webhooks import elliptic_keys, http_signatures
from functions.webhooks.http_signatures import Outcome, Reason, Request, Verdict

NOW = 1_795_000_000
KEY_ID = "HTTP_EC_P256_KEY:1"
BODY = b'{"depositId":"8917c345-4791-4285-a416-62f24b6982db","status":"COMPLETED","amount":"15000.00"}'
COVERED = ("@method", "@authority", "@path", "signature-date", "content-digest", "content-type")
AUTHORITY, PATH = "sms.example.co.tz", "/api/webhooks/payments/pawapay/"
VERIFIED = Verdict(Outcome.VERIFIED)


def pem(key: Any) -> str:
    text: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


# The same keys in every process, and signatures without chance, so that each run tests the same bytes.
OURS = ec.derive_private_key(20_260_923, ec.SECP256R1())
LARGER = ec.derive_private_key(20_260_924, ec.SECP384R1())
FORGERS = ec.derive_private_key(20_260_925, ec.SECP256R1())
PEMS = {KEY_ID: pem(OURS), "larger": pem(LARGER)}


def digest(body: bytes = BODY, algorithm: str = "sha-512") -> str:
    value = hashlib.new(algorithm.replace("-", ""), body).digest()
    return f"{algorithm}=:{base64.b64encode(value).decode()}:"


def raw(der: bytes, size: int = 32) -> bytes:
    r, s = utils.decode_dss_signature(der)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def signed(
    *,
    covered: tuple[str, ...] = COVERED,
    key: ec.EllipticCurvePrivateKey = OURS,
    label: str = "sig-pp",
    encode: Callable[[bytes], bytes] = bytes,
    body: bytes = BODY,
    headers: Mapping[str, str] | None = None,
    written: str | None = None,
    **parameters: str | int | None,
) -> Request:
    """Makes a request as pawaPay signs one; what is given differs from that, and is signed so."""
    sent = {
        "content-digest": digest(body),
        "content-type": "application/json",
        "signature-date": "2026-11-18T11:06:40.673817314Z",
        **(headers or {}),
    }
    asked = {"alg": "ecdsa-p256-sha256", "keyid": KEY_ID, "created": NOW, "expires": NOW + 60, **parameters}
    listed = " ".join(name if name.startswith('"') else f'"{name}"' for name in covered)
    given_parameters = [
        f';{name}="{value}"' if isinstance(value, str) else f";{name}={value}"
        for name, value in asked.items()
        if value is not None
    ]
    written = written or f"({listed}){''.join(given_parameters)}"
    values = {"@method": "POST", "@authority": AUTHORITY, "@path": PATH, **sent}
    lines = [f'"{name}": {values.get(name, "")}' for name in covered]
    text = "\n".join([*lines, f'"@signature-params": {written}']).encode()
    hashed = hashes.SHA384() if isinstance(key.curve, ec.SECP384R1) else hashes.SHA256()
    signature = base64.b64encode(encode(key.sign(text, ec.ECDSA(hashed, deterministic_signing=True)))).decode()
    sent |= {"signature-input": f"{label}={written}", "signature": f"{label}=:{signature}:"}
    return Request("POST", AUTHORITY, PATH, sent, body)


def verdict(request: Request, *, now: int = NOW) -> Verdict:
    return http_signatures.verify(request, keys=PEMS.get, now=now)


def with_header(request: Request, name: str, value: str) -> Request:
    return replace(request, headers={**request.headers, name: value})


VALID = signed()

# --- the RFC's own examples ------------------------------------------------------------------------------------

# RFC 9421, B.1.3
RFC_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----
"""
# RFC 9421, B.2.4: the response of B.2, of which the digest is that of its body
RFC_RESPONSE = {
    "content-type": "application/json",
    "content-digest": "sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgf"
    "LQ==:",
    "content-length": "23",
    "signature-input": 'sig-b24=("@status" "content-type" "content-digest" "content-length")'
    ';created=1618884473;keyid="test-key-ecc-p256"',
    "signature": "sig-b24=:wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==:",
}
# RFC 9421, B.3: the request that a proxy signs after it has ended TLS
RFC_PROXIED = {
    "client-cert": ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIE"
    "ludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DA"
    "QcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIw"
    "ADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBM"
    "wEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0N"
    "X5r5XarmPk0wmuydBVoU4hBVZ1yhk=:",
    "signature-input": 'ttrp=("@path" "@query" "@method" "@authority" "client-cert")'
    ';created=1618884473;keyid="test-key-ecc-p256"',
    "signature": "ttrp=:xVMHVpawaAC/0SbHrKRs9i8I3eOs5RtTMGCWXm/9nvZzoHsIg6Mce9315T6xoklyy0yzhD9ah4JHRwMLOgmizw==:",
}
RFC_PROXIED_DERIVED = {
    "@path": "/foo",
    "@query": "?param=Value&Pet=dog",
    "@method": "POST",
    "@authority": "service.internal.example",
}


@pytest.mark.parametrize(
    ("headers", "derived"), [(RFC_RESPONSE, {"@status": "200"}), (RFC_PROXIED, RFC_PROXIED_DERIVED)], ids=["B24", "B3"]
)
def test_the_rfcs_published_examples_are_its_keys_own(headers: dict[str, str], derived: dict[str, str]) -> None:
    example = http_signatures.read(headers)
    key = elliptic_keys.read(RFC_KEY)
    assert key.algorithm == "ecdsa-p256-sha256"
    text = http_signatures.base(example, headers | derived)
    assert key.has_signed(text, example.signature)
    for position in range(len(text)):
        changed = bytearray(text)
        changed[position] ^= 1
        assert not key.has_signed(bytes(changed), example.signature)


def test_the_rfcs_example_has_the_base_that_the_rfc_prints() -> None:
    assert http_signatures.base(http_signatures.read(RFC_RESPONSE), RFC_RESPONSE | {"@status": "200"}) == (
        b'"@status": 200\n"content-type": application/json\n"content-digest": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxo'
        b'YhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:\n"content-length": 23\n"@signature-params": '
        b'("@status" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-ecc-p256"'
    )


def test_the_larger_curve_verifies_the_published_vector_of_rfc_6979() -> None:
    public = ec.EllipticCurvePublicNumbers(
        0xEC3A4E415B4E19A4568618029F427FA5DA9A8BC4AE92E02E06AAE5286B300C64DEF8F0EA9055866064A254515480BC13,
        0x8015D9B72D7D57244EA8EF9AC0C621896708A59367F9DFB9F54CA84B3F1C9DB1288B231C3AE0D4FE7344FD2533264720,
        ec.SECP384R1(),
    ).public_key()
    key = elliptic_keys.read(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
    signature = bytes.fromhex(
        "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46"
        "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8"
    )
    assert key.algorithm == "ecdsa-p384-sha384"
    assert key.has_signed(b"sample", signature)
    assert not key.has_signed(b"Sample", signature)


# --- what is accepted ----------------------------------------------------------------------------------------


GOOD = {
    "as pawaPay does": VALID,
    "r and s side by side": signed(encode=raw),
    "the larger curve": signed(key=LARGER, keyid="larger", alg="ecdsa-p384-sha384"),
    "the larger curve, side by side": signed(
        key=LARGER, keyid="larger", alg="ecdsa-p384-sha384", encode=lambda der: raw(der, 48)
    ),
    "another order": signed(covered=tuple(reversed(COVERED))),
    "more covered": signed(covered=(*COVERED, "content-length"), headers={"content-length": "94"}),
    "the shorter digest": signed(headers={"content-digest": digest(algorithm="sha-256")}),
    "both digests": signed(headers={"content-digest": f"{digest(algorithm='sha-256')}, {digest()}"}),
    "the RFC's other parameters": signed(nonce="once", tag="deposits"),
    "another label": signed(label="anything"),
    "an empty body": signed(body=b""),
    "a body that is no text": signed(body=b"\xff\xfe\r\n\x00"),
    "a header that is not covered": with_header(VALID, "user-agent", "anything"),
}


@pytest.mark.parametrize("request_", GOOD.values(), ids=GOOD)
def test_a_whole_and_fresh_request_is_verified(request_: Request) -> None:
    assert verdict(request_) == VERIFIED


def test_a_request_that_sends_no_date_need_not_cover_one() -> None:
    bare = signed(covered=tuple(name for name in COVERED if name != "signature-date"))
    without = {name: value for name, value in bare.headers.items() if name != "signature-date"}
    assert verdict(replace(bare, headers=without)) == VERIFIED
    assert verdict(bare) == Verdict(Outcome.MALFORMED, Reason.COMPONENT_NOT_COVERED)


# --- time ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (NOW - 61, Verdict(Outcome.BAD_SIGNATURE, Reason.CREATED_IN_FUTURE)),
        (NOW - 60, VERIFIED),
        (NOW + 120, VERIFIED),
        (NOW + 121, Verdict(Outcome.STALE, Reason.EXPIRED)),
        (NOW + 600, Verdict(Outcome.STALE, Reason.EXPIRED)),
    ],
)
def test_a_signature_is_good_for_a_minute_and_as_far_as_clocks_may_be_apart(now: int, expected: Verdict) -> None:
    assert verdict(VALID, now=now) == expected


def test_a_sender_cannot_make_its_signature_good_for_longer() -> None:
    assert verdict(signed(expires=NOW + 10_000), now=NOW + 121).outcome is Outcome.STALE


def test_what_is_old_and_forged_is_forged() -> None:
    assert verdict(signed(key=FORGERS), now=NOW + 600) == Verdict(Outcome.BAD_SIGNATURE, Reason.SIGNATURE_WRONG)


# --- what is pinned: signed by the right key, and refused nevertheless ------------------------------------------


@pytest.mark.parametrize("left_out", [name for name in COVERED if name != "signature-date"])
def test_a_signature_that_leaves_something_out_proves_nothing(left_out: str) -> None:
    partial = signed(covered=tuple(name for name in COVERED if name != left_out))
    assert verdict(partial) == Verdict(Outcome.MALFORMED, Reason.COMPONENT_NOT_COVERED)


@pytest.mark.parametrize(
    ("covered", "reason"),
    [
        ((*COVERED, "@query"), Reason.COMPONENT_UNKNOWN),
        ((*COVERED, "@target-uri"), Reason.COMPONENT_UNKNOWN),
        ((*COVERED, "x-anything"), Reason.COMPONENT_UNKNOWN),
        ((*COVERED, "@signature-params"), Reason.COMPONENT_UNKNOWN),
        ((*COVERED[:-1], '"content-type";sf'), Reason.COMPONENT_UNKNOWN),
        ((*COVERED[:-1], '"content-type";bs'), Reason.COMPONENT_UNKNOWN),
        (('"@method";req', *COVERED[1:]), Reason.COMPONENT_UNKNOWN),
        ((*COVERED, "@method"), Reason.COMPONENT_REPEATED),
        ((), Reason.COMPONENT_NOT_COVERED),
    ],
)
def test_components_are_those_that_we_know_each_once(covered: tuple[str, ...], reason: Reason) -> None:
    assert verdict(signed(covered=covered)) == Verdict(Outcome.MALFORMED, reason)


@pytest.mark.parametrize(
    "parameters",
    [
        {"created": None},
        {"expires": None},
        {"keyid": None},
        {"alg": None},
        {"created": str(NOW)},
        {"keyid": 1},
        {"alg": 1},
        {"expires": NOW},
        {"expires": NOW - 60},
        {"unheard-of": 1},
        {"nonce": 1},
    ],
)
def test_parameters_are_those_that_we_know_and_all_that_we_need(parameters: dict[str, Any]) -> None:
    assert verdict(signed(**parameters)) == Verdict(Outcome.MALFORMED, Reason.PARAMETERS_WRONG)


@pytest.mark.parametrize("alg", ["hmac-sha256", "none", "", "ed25519", "rsa-pss-sha512", "ECDSA-P256-SHA256"])
def test_an_algorithm_that_is_not_pinned_is_refused_before_any_key_is_asked_for(alg: str) -> None:
    def no_key(key_id: str) -> str:
        pytest.fail(f"asked for {key_id}")

    refused = http_signatures.verify(signed(alg=alg), keys=no_key, now=NOW)
    assert refused == Verdict(Outcome.BAD_SIGNATURE, Reason.ALGORITHM_WRONG)


def test_the_key_decides_about_the_algorithm_and_not_the_message() -> None:
    wrong = Verdict(Outcome.BAD_SIGNATURE, Reason.ALGORITHM_WRONG)
    assert verdict(signed(alg="ecdsa-p384-sha384")) == wrong
    assert verdict(signed(key=LARGER, keyid="larger")) == wrong


NO_KEYS = {
    "RSA": pem(rsa.generate_private_key(65537, 2048)),
    "Edwards": pem(ed25519.Ed25519PrivateKey.generate()),
    "Bitcoin's curve": pem(ec.generate_private_key(ec.SECP256K1())),
    "nothing": "",
    "prose": "not a key",
    "too short": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    "no base64": "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n",
    "damaged": PEMS[KEY_ID].replace("M", "N"),
}


@pytest.mark.parametrize("published", NO_KEYS.values(), ids=NO_KEYS)
def test_a_key_of_another_kind_verifies_nothing(published: str) -> None:
    refused = http_signatures.verify(VALID, keys=lambda _: published, now=NOW)
    assert refused == Verdict(Outcome.BAD_SIGNATURE, Reason.KEY_UNUSABLE)


def test_an_id_that_nobody_publishes_is_refused_and_keys_that_cannot_be_had_are_no_verdict() -> None:
    assert verdict(signed(keyid="another")) == Verdict(Outcome.BAD_SIGNATURE, Reason.KEY_UNKNOWN)

    def out_of_reach(_: str) -> str:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        http_signatures.verify(VALID, keys=out_of_reach, now=NOW)


@pytest.mark.parametrize("change", [{"method": "PUT"}, {"authority": "evil.example"}, {"path": PATH[:-1]}])
def test_a_signature_for_another_door_opens_none_of_ours(change: dict[str, str]) -> None:
    assert verdict(replace(VALID, **change)) == Verdict(  # type: ignore[arg-type]
        Outcome.BAD_SIGNATURE, Reason.SIGNATURE_WRONG
    )


def test_the_host_header_is_not_believed() -> None:
    assert verdict(replace(with_header(VALID, "host", AUTHORITY), authority="another.example")).outcome is (
        Outcome.BAD_SIGNATURE
    )


def test_a_body_that_was_exchanged_with_its_digest_is_refused_for_its_signature() -> None:
    other = b'{"status":"COMPLETED","amount":"1"}'
    assert verdict(replace(VALID, body=other)) == Verdict(Outcome.BAD_SIGNATURE, Reason.DIGEST_WRONG)
    with_digest = replace(with_header(VALID, "content-digest", digest(other)), body=other)
    assert verdict(with_digest) == Verdict(Outcome.BAD_SIGNATURE, Reason.SIGNATURE_WRONG)


@pytest.mark.parametrize("right", ["sha-256", "sha-512"])
def test_one_right_digest_does_not_excuse_a_wrong_one(right: str) -> None:
    wrong = {"sha-256": "sha-512", "sha-512": "sha-256"}[right]
    both = f"{digest(algorithm=right)}, {digest(b'other', wrong)}"
    assert verdict(signed(headers={"content-digest": both})) == Verdict(Outcome.BAD_SIGNATURE, Reason.DIGEST_WRONG)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "sha-512",
        "sha-512=token",
        'sha-512="text"',
        "sha-512=()",
        "md5=:AAAA:",
        f"{digest()}, md5=:AAAA:",
        f"{digest()};q=1",
        f"{digest()}, {digest()}",
        f"{digest(b'other')}, {digest()}",
    ],
)
def test_a_digest_in_another_form_is_malformed(value: str) -> None:
    request = signed(headers={"content-digest": value})
    assert verdict(request) == Verdict(Outcome.MALFORMED, Reason.HEADER_MALFORMED)


# --- exactly one signature ------------------------------------------------------------------------------------

INPUT, SIGNATURE = VALID.headers["signature-input"], VALID.headers["signature"]


TWO_OR_NONE = {
    "two of both": (f"{INPUT}, b{INPUT[3:]}", f"{SIGNATURE}, b{SIGNATURE[3:]}", Reason.NOT_ONE_SIGNATURE),
    "two inputs": (f"{INPUT}, b{INPUT[3:]}", SIGNATURE, Reason.NOT_ONE_SIGNATURE),
    "two signatures": (INPUT, f"{SIGNATURE}, b{SIGNATURE[3:]}", Reason.NOT_ONE_SIGNATURE),
    "different labels": (INPUT, f"b{SIGNATURE[3:]}", Reason.NOT_ONE_SIGNATURE),
    "one label twice": (f"{INPUT}, {INPUT}", f"{SIGNATURE}, {SIGNATURE}", Reason.HEADER_MALFORMED),
    "one input twice": (f"{INPUT},{INPUT}", SIGNATURE, Reason.HEADER_MALFORMED),
    "one signature twice": (INPUT, f"{SIGNATURE},{SIGNATURE}", Reason.HEADER_MALFORMED),
    "a folded line": (INPUT.replace('" "', '"\r\n "', 1), SIGNATURE, Reason.HEADER_MALFORMED),
    "a broken line": (INPUT.replace(";", "\n;", 1), SIGNATURE, Reason.HEADER_MALFORMED),
    "space before": (f" {INPUT}", SIGNATURE, Reason.HEADER_MALFORMED),
    "tab after": (INPUT, f"{SIGNATURE}\t", Reason.HEADER_MALFORMED),
    "a decorated signature": (INPUT, f"{SIGNATURE};a=1", Reason.HEADER_MALFORMED),
    "a signature without colons": (INPUT, SIGNATURE.replace("=:", "=", 1)[:-1], Reason.HEADER_MALFORMED),
    "a signature that is none": (INPUT, "sig-pp", Reason.HEADER_MALFORMED),
    "an input that is none": ("sig-pp", SIGNATURE, Reason.HEADER_MALFORMED),
    "an input that is a number": ("sig-pp=1", SIGNATURE, Reason.HEADER_MALFORMED),
    "too long": (INPUT + ";tag=" + f'"{"x" * 2048}"', SIGNATURE, Reason.HEADER_MALFORMED),
    "a parameter twice": (f"{INPUT};created={NOW}", SIGNATURE, Reason.HEADER_MALFORMED),
    "beyond ASCII": (INPUT.replace("@method", "@m\u00e9thod"), SIGNATURE, Reason.HEADER_MALFORMED),
}


@pytest.mark.parametrize(("written_input", "written_signature", "reason"), TWO_OR_NONE.values(), ids=TWO_OR_NONE)
def test_there_is_one_signature_under_one_label_in_one_line(
    written_input: str, written_signature: str, reason: Reason
) -> None:
    headers = {**VALID.headers, "signature-input": written_input, "signature": written_signature}
    assert verdict(replace(VALID, headers=headers)) == Verdict(Outcome.MALFORMED, reason)


def test_the_unused_bits_and_the_padding_of_base64_cannot_be_changed() -> None:
    request = signed(encode=raw)
    text = request.headers["signature"]  # 64 bytes end in two characters of padding, and four bits that do not count
    last = text[-4]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    turned = f"{text[:-4]}{alphabet[alphabet.index(last) ^ 1]}==:"
    assert base64.b64decode(turned[8:-1]) == base64.b64decode(text[8:-1])
    for written in (turned, text.replace("==:", ":"), text.replace("==:", "=:")):
        refused = verdict(with_header(request, "signature", written))
        assert refused == Verdict(Outcome.MALFORMED, Reason.HEADER_MALFORMED)


# --- properties ------------------------------------------------------------------------------------------------


def changed(text: bytes, position: int, kind: str, with_: int) -> bytes:
    at = position % max(len(text), 1)
    match kind:
        case "flip" if text:
            return text[:at] + bytes([text[at] ^ (1 << with_ % 8)]) + text[at + 1 :]
        case "drop" if text:
            return text[:at] + text[at + 1 :]
        case "double" if text:
            return text[:at] + text[at : at + 1] + text[at:]
        case "cut" if text:
            return text[:at]
        case _:
            return text[:at] + bytes([with_]) + text[at:]


KINDS = st.sampled_from(["flip", "drop", "double", "insert", "cut"])


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(sorted(VALID.headers)), st.integers(0, 400), KINDS, st.integers(0, 255))
def test_no_change_of_any_byte_of_any_header_is_verified(name: str, position: int, kind: str, with_: int) -> None:
    before = VALID.headers[name]
    after = changed(before.encode("latin-1"), position, kind, with_).decode("latin-1")
    if after != before:
        assert verdict(with_header(VALID, name, after)).outcome in {Outcome.BAD_SIGNATURE, Outcome.MALFORMED}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 400), KINDS, st.integers(0, 255))
def test_no_change_of_any_byte_of_the_body_is_verified(position: int, kind: str, with_: int) -> None:
    after = changed(BODY, position, kind, with_)
    if after != BODY:
        assert verdict(replace(VALID, body=after)) == Verdict(Outcome.BAD_SIGNATURE, Reason.DIGEST_WRONG)


@pytest.mark.parametrize("encode", [bytes, raw], ids=["der", "raw"])
def test_no_bit_of_the_signature_itself_can_be_turned(encode: Callable[[bytes], bytes]) -> None:
    request = signed(encode=encode)
    signature = base64.b64decode(request.headers["signature"][8:-1])
    for bit in range(len(signature) * 8):
        turned = bytearray(signature)
        turned[bit // 8] ^= 1 << bit % 8
        value = f"sig-pp=:{base64.b64encode(turned).decode()}:"
        assert verdict(with_header(request, "signature", value)).outcome is Outcome.BAD_SIGNATURE, bit


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=100))
def test_no_bytes_are_a_signature_by_chance(signature: bytes) -> None:
    value = f"sig-pp=:{base64.b64encode(signature).decode()}:"
    assert verdict(with_header(VALID, "signature", value)).outcome is Outcome.BAD_SIGNATURE


@pytest.mark.parametrize("name", sorted(VALID.headers))
def test_no_header_can_be_taken_away(name: str) -> None:
    without = {key: value for key, value in VALID.headers.items() if key != name}
    assert verdict(replace(VALID, headers=without)) == Verdict(Outcome.MALFORMED, Reason.HEADER_MISSING)


@settings(max_examples=200, deadline=None)
@given(st.permutations(COVERED))
def test_no_component_can_change_its_place(covered: list[str]) -> None:
    listed = " ".join(f'"{name}"' for name in covered)
    before = " ".join(f'"{name}"' for name in COVERED)
    if listed != before:
        moved = with_header(VALID, "signature-input", INPUT.replace(before, listed))
        assert verdict(moved) == Verdict(Outcome.BAD_SIGNATURE, Reason.SIGNATURE_WRONG)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(sorted(VALID.headers)),
        st.text(max_size=80) | st.text(st.sampled_from('sig-p=():;" ,@metho1*?%'), max_size=80),
        min_size=1,
    )
)
def test_whatever_headers_say_there_is_a_verdict(headers: dict[str, str]) -> None:
    if any(VALID.headers[name] != value for name, value in headers.items()):
        outcome = verdict(replace(VALID, headers={**VALID.headers, **headers})).outcome
        assert outcome in {Outcome.BAD_SIGNATURE, Outcome.MALFORMED}
