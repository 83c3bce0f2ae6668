"""Scrub: what no log may hold does not reach it, by whatever way it comes; what a reader needs stays."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifumo import ids, scrub
from mifumo.observability import logger
from tests.builders import token
from tests.kernel.conftest import Lines

SECRETS = [
    "255712345678",
    "+255712345678",
    "+255 712 345 678",
    "0712345678",
    "0712 345 678",
    "0712-345-678",
    "712345678",
    "00255712345678",
    "+254712345678",
    "+1 202 555 0143",
    "mfk_live_0123456789abcdefghijABCDEFGHIJ",
    "mfr_01jd8x6q5v7w9y2k4m6p8r0t1a.01jd8x6q5v7w9y2k4m6p8r0t1b.kX2v.9sQe",
    "mfi_abcdefghijk",
    "482913",
    token(),
]
READABLE = [
    "01jd8x6q5v7w9y2k4m6p8r0t1a",
    "11111111-1111-1111-1111-111111111111",
    "2026-01-31T08:15:30.000Z",
    "1764000000",
    "1764000000123",
    "1-5759e988-bd862e3fe1be46a994272793",
    "12000 parts in 3 s",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_reaches_no_line_however_it_is_logged(log: Lines, secret: str) -> None:
    logger.info(f"sent to {secret}, done", note=secret, nested={"list": [secret], f"named {secret}"[:5]: (secret,)})
    try:
        int(f"no route to {secret}")
    except ValueError:
        logger.exception("unexpected")
    assert len(log()) == 2
    assert secret not in json.dumps(log(), ensure_ascii=False)


@pytest.mark.parametrize(
    "name", ["password", "token", "secret", "code", "refresh", "authorization", "key", "second_factor", "api_key"]
)
def test_a_value_is_hidden_by_its_name(log: Lines, name: str) -> None:
    logger.info(f"{name}=mbuyu", given={name: "mbuyu"})
    (line,) = log()
    assert line["given"] == {name: "[hidden]"}
    assert name == "key" or "mbuyu" not in line["message"]


@pytest.mark.parametrize("text", READABLE)
def test_ids_times_and_counts_stay_readable(log: Lines, text: str) -> None:
    logger.info(f"see {text}", thing=text, key_id=text, parts=120_000, at=1_764_000_000)
    (line,) = log()
    assert (line["message"], line["thing"], line["key_id"]) == (f"see {text}", text, text)
    assert (line["parts"], line["at"]) == (120_000, 1_764_000_000)


def test_a_bearer_token_of_any_form_is_hidden() -> None:
    for line in ("Authorization: Bearer abc.def", "sent Bearer abc.def there", '{"authorization": "bearer abc.def"}'):
        assert "abc.def" not in scrub.text(line)


@given(st.integers(600_000_000, 799_999_999), st.sampled_from(["{}", "0{}", "255{}", "+255{}", "to={}", "PHONE#255{}"]))
def test_no_tanzanian_number_gets_through(national: int, written: str) -> None:
    assert str(national) not in scrub.text(f"x {written.format(national)} y")
    assert str(national) not in json.dumps(scrub.fields({"n": int(f"255{national}")}))


def test_minted_ids_stay_whole() -> None:
    for _ in range(2000):
        minted = ids.new()
        assert scrub.text(f"batch {minted}") == f"batch {minted}"
