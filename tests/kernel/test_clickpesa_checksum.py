"""ClickPesa's checksum: one way to write a body, as JavaScript does, and nothing else is a proof."""

import hashlib
import hmac
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifumo.providers import clickpesa_checksum as checksum
from mifumo.providers.clickpesa_checksum import NotCanonical
from sandbox.clickpesa import checksum as theirs

KEY = "a-key"
PAYLOAD = {
    "event": "PAYMENT RECEIVED",
    "data": {"status": "SUCCESS", "orderReference": "a1", "collectedAmount": "10000", "customer": {"name": "Chloé"}},
}
# What ClickPesa's own side does, in its own language.
_JAVASCRIPT = """
const sorted = (value) =>
  value === null || typeof value !== "object" ? value
  : Array.isArray(value) ? value.map(sorted)
  : Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
const bodies = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const sign = (body) => {
  const { checksum, checksumMethod, ...rest } = JSON.parse(body);
  return require("node:crypto").createHmac("sha256", "a-key").update(JSON.stringify(sorted(rest))).digest("hex");
};
process.stdout.write(JSON.stringify(bodies.map(sign)));
"""

# No key looks like an array's index: JavaScript moves those to the front, and no body of ClickPesa's has any.
keys = st.text(max_size=6).map(lambda text: f"k{text}")
texts = st.text(st.characters(codec="utf-8"), max_size=12)
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
payloads = st.dictionaries(keys, values, max_size=6)


def signed(payload: dict[str, Any], key: str = KEY) -> bytes:
    return json.dumps({**payload, "checksum": theirs.of(payload, key), "checksumMethod": "canonical"}).encode()


def proves(text: str, *, over: str, key: str = KEY) -> bool:
    """Tells whether a body proves itself whose checksum was made over another text."""
    digest = hmac.new(KEY.encode(), over.encode(), hashlib.sha256).hexdigest()
    return checksum.proves(f'{text[:-1]},"checksum":"{digest}"}}'.encode(), key)


def test_a_body_that_their_side_has_signed_proves_itself() -> None:
    assert checksum.proves(signed(PAYLOAD), KEY)


@given(payloads)
def test_both_sides_write_every_payload_alike(payload: dict[str, Any]) -> None:
    assert checksum.of(payload, KEY) == theirs.of(payload, KEY)
    assert checksum.proves(signed(payload), KEY)


@given(payloads)
def test_our_own_payload_and_the_same_one_read_from_a_body_have_one_checksum(payload: dict[str, Any]) -> None:
    body = json.dumps(payload, indent=2, ensure_ascii=False).encode()
    assert checksum.of(checksum.parsed(body), KEY) == checksum.of(payload, KEY)


def test_javascript_makes_the_same_checksums() -> None:
    bodies = [
        json.dumps(PAYLOAD),
        '{"b": 1, "a": {"d": [3, {"z": 1, "y": 2}], "c": null}}',
        '{"\\ufb33": 1, "\\ud83d\\ude02": 2, "\\u20ac": 3, "a": 4, "A": 5, "": 6}',
        '{"text": "\\u0000\\b\\t\\n\\f\\r\\u001f\\u007f\\u2028\\"\\\\/ é 😀 \\ud800"}',
        '{"n": [0, -1, 10000, 1.5, 9007199254740991, true, false]}',
        '{"checksum": "x", "checksumMethod": "y", "data": {"checksum": "kept", "checksumMethod": "kept"}}',
        "{}",
    ]
    node = Path(sys.prefix) / "bin" / "node"
    command = [str(node) if node.exists() else str(shutil.which("node")), "-e", _JAVASCRIPT]
    answer = subprocess.run(command, input=json.dumps(bodies), capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert [checksum.of(checksum.parsed(body.encode()), KEY) for body in bodies] == json.loads(answer.stdout)


def test_the_order_and_the_spacing_of_a_body_do_not_matter() -> None:
    assert proves('{"b": 1, "a":  {"y":2,\n"x":1}}', over='{"a":{"x":1,"y":2},"b":1}')


def test_keys_are_sorted_by_their_utf_16_code_units() -> None:
    # U+FB33 is one unit, 0xFB33; U+1F602 two, of which the first is 0xD83D and so comes before.
    assert proves('{"\ufb33":1,"\U0001f602":2}', over='{"\U0001f602":2,"\ufb33":1}')
    assert not proves('{"\ufb33":1,"\U0001f602":2}', over='{"\ufb33":1,"\U0001f602":2}')


@pytest.mark.parametrize(
    ("text", "over"),
    [
        ('{"n":1.0}', '{"n":1}'),
        ('{"n":1}', '{"n":1.0}'),
        ('{"n":1e2}', '{"n":100}'),
        ('{"n":12345678901234567890.10}', '{"n":12345678901234567890.1}'),
        ('{"n":"1"}', '{"n":1}'),
        ('{"t":"é"}', '{"t":"\\u00e9"}'),
        ('{"b":1,"a":2}', '{"b":1,"a":2}'),
        ('{"a":1}', '{"a": 1}'),
        ('{"a":"x","b":"y"}', "xy"),
    ],
    ids=["1.0", "1", "exponent", "zero", "text", "escaped", "unsorted", "spaced", "old scheme"],
)
def test_what_was_written_differently_is_no_proof(text: str, over: str) -> None:
    assert not proves(text, over=over)


@pytest.mark.parametrize("number", ["1.0", "1e2", "-0", "12345678901234567890.10", "9" * 5_000])
def test_a_number_is_signed_as_it_stands(number: str) -> None:
    assert proves(f'{{"n":{number}}}', over=f'{{"n":{number}}}')


@given(payloads, st.integers(0), st.integers(1, 255))
def test_a_changed_byte_is_a_proof_only_where_nothing_that_is_signed_has_changed(
    payload: dict[str, Any], where: int, bits: int
) -> None:
    body = signed({**payload, "amount": "10000"})
    changed = bytearray(body)
    changed[where % len(body)] ^= bits
    try:
        intact = _signed_part(bytes(changed)) == _signed_part(body)
    except NotCanonical:
        intact = False
    assert checksum.proves(bytes(changed), KEY) is intact


def _signed_part(body: bytes) -> dict[str, Any]:
    return {name: value for name, value in checksum.parsed(body).items() if name != "checksumMethod"}


def test_another_key_and_no_key_prove_nothing() -> None:
    assert not checksum.proves(signed(PAYLOAD), "another")
    assert not checksum.proves(signed(PAYLOAD, ""), "")


def test_the_header_counts_only_where_the_body_has_no_checksum() -> None:
    unsigned, right = json.dumps(PAYLOAD).encode(), theirs.of(PAYLOAD, KEY)
    assert not checksum.proves(unsigned, KEY)
    assert checksum.proves(unsigned, KEY, header=right)
    assert not checksum.proves(unsigned, KEY, header="0" * 64)
    wrong = json.dumps({**PAYLOAD, "checksum": "0" * 64}).encode()
    assert not checksum.proves(wrong, KEY, header=right)
    assert not checksum.proves(json.dumps({**PAYLOAD, "checksum": None}).encode(), KEY, header=right)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"a":1,"a":1}',
        b'{"data":{"a":1,"a":2}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\xff"}',
        b"[" * 100_000,
    ],
)
def test_what_can_be_read_in_two_ways_or_none_is_refused(body: bytes) -> None:
    assert not checksum.proves(body, KEY, header="0" * 64)
    with pytest.raises(NotCanonical):
        checksum.parsed(body)


def test_a_checksum_that_is_no_text_proves_nothing() -> None:
    strange: list[Any] = [None, 7, [], {}, True, "\ud800", "é"]
    for shown in strange:
        assert not checksum.proves(json.dumps({**PAYLOAD, "checksum": shown}).encode(), KEY)


def test_a_float_of_our_own_is_not_written_at_all() -> None:
    with pytest.raises(TypeError):
        checksum.of({"amount": 1.5}, KEY)


@given(st.binary(max_size=100))
def test_no_body_without_the_key_is_a_proof(body: bytes) -> None:
    assert not checksum.proves(body, KEY)
