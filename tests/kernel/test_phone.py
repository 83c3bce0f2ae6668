"""Phone numbers: what people and spreadsheets write, against pinned vectors, properties and libphonenumber."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mifumo import phone
from mifumo.phone import EVERYWHERE, InvalidNumber, Msisdn, Operator, Reason

_VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parent / "vectors" / "phone.json").read_text("utf-8"),
)
_MOBILE = st.from_regex(r"(6[0-35-9]|7[0-9])[0-9]{7}", fullmatch=True)
_OPENINGS = ["+255", "255", "00255", "000255", "0255", "+255(0)", "+255 (0) ", "2550", "0", ""]
_SEPARATORS = ["", "", " ", "-", ".", "\u00a0", "\u2011", "\u2013", " - ", ") ", "\u200e"]
_COUNTRIES: st.SearchStrategy[Collection[str]] = st.sampled_from(
    [frozenset[str](), frozenset({"KE", "US"}), EVERYWHERE]
)
_WRAPPINGS = ["", " ", "\t", "\n", "\u202a", "\u202c", "\ufeff"]


@pytest.mark.parametrize("vector", _VECTORS["accepted"], ids=lambda vector: ascii(vector["raw"]))
def test_a_tanzanian_number_is_read_however_it_is_written(vector: dict[str, str]) -> None:
    assert phone.parse(vector["raw"]) == vector["number"]
    assert phone.parse(vector["raw"], countries=EVERYWHERE) == vector["number"]


@pytest.mark.parametrize("vector", _VECTORS["accepted_abroad"], ids=lambda vector: ascii(vector["raw"]))
def test_a_foreign_number_is_read_where_it_is_admitted(vector: dict[str, str]) -> None:
    assert phone.parse(vector["raw"], countries=EVERYWHERE) == vector["number"]


@pytest.mark.parametrize("vector", _VECTORS["refused"], ids=lambda vector: ascii(vector["raw"]))
def test_what_cannot_be_texted_is_refused_with_its_reason(vector: dict[str, str]) -> None:
    _assert_refused(vector, countries=frozenset())


@pytest.mark.parametrize("vector", _VECTORS["refused_abroad"], ids=lambda vector: ascii(vector["raw"]))
def test_a_foreign_number_that_cannot_be_texted_is_refused_with_its_reason(vector: dict[str, str]) -> None:
    _assert_refused(vector, countries=EVERYWHERE)


def _assert_refused(vector: dict[str, str], *, countries: Collection[str]) -> None:
    with pytest.raises(InvalidNumber) as refusal:
        phone.parse(vector["raw"], countries=countries)
    assert refusal.value.reason_code == vector["reason"]
    assert refusal.value.detail.endswith(".")
    assert len(vector["raw"]) < 7 or vector["raw"] not in str(refusal.value)  # numbers stay out of logs


def test_each_reason_is_given_for_some_number() -> None:
    pinned = {vector["reason"] for vector in _VECTORS["refused"] + _VECTORS["refused_abroad"]}
    assert pinned == set(Reason)


@st.composite
def _written(draw: st.DrawFn) -> tuple[str, str]:
    """A number, and one of the ways in which a person may write it."""
    national = draw(_MOBILE)
    digits = list(national)
    for place in draw(st.sets(st.integers(1, 8), max_size=4)):
        digits[place] = draw(st.sampled_from(_SEPARATORS)) + digits[place]
    body = draw(st.sampled_from(_OPENINGS)) + draw(st.sampled_from(["", " ", "-"])) + "".join(digits)
    if draw(st.booleans()):
        body = body.translate({ord("0") + digit: chr(0xFF10 + digit) for digit in range(10)})
    return national, draw(st.sampled_from(_WRAPPINGS)) + body + draw(st.sampled_from(_WRAPPINGS))


@given(written=_written())
def test_all_ways_of_writing_a_number_are_the_same_number(written: tuple[str, str]) -> None:
    national, raw = written
    assume(not re.search(r"\.[0\uff10]{1,2}\s*$", raw))  # there the dot may be a spreadsheet's
    assert phone.parse(raw) == f"+255{national}"


@given(raw=st.text("0123456789+ -.()'E", max_size=16) | st.text(max_size=16), countries=_COUNTRIES)
def test_any_text_is_read_once_and_for_all_or_refused(raw: str, countries: Collection[str]) -> None:
    try:
        number = phone.parse(raw, countries=countries)
    except InvalidNumber:
        return
    assert phone.parse(number, countries=countries) == number
    assert number.tanzanian or countries


@given(national=st.from_regex(r"[2-9][0-9]{8}", fullmatch=True))
def test_libphonenumber_draws_the_line_between_mobile_and_not_at_the_same_prefixes(national: str) -> None:
    theirs = phonenumbers.number_type(phonenumbers.parse(f"+255{national}"))
    if theirs == phonenumbers.PhoneNumberType.MOBILE:
        assert phone.parse(national).digits == f"255{national}"
        return
    with pytest.raises(InvalidNumber) as refusal:
        phone.parse(f"+255{national}")
    assert refusal.value.reason_code is Reason.NOT_MOBILE


@given(national=_MOBILE)
def test_a_number_has_the_forms_that_logs_and_providers_want(national: str) -> None:
    number = phone.parse(national)
    assert (number.digits, number.local) == (f"255{national}", f"0{national}")
    assert number.masked == f"+255{national[:3]}***{national[-3:]}"
    assert [phone.parse(form) for form in (number.digits, number.local)] == [number, number]


@pytest.mark.parametrize(
    ("raw", "country", "neighbour"),
    [
        ("+254712345678", "KE", "UG"),
        ("+12124567890", "US", "CA"),
        ("+14165550123", "CA", "US"),
        ("+447400123456", "GB", "JE"),
        ("+447797712345", "JE", "GB"),
        ("+77710009998", "KZ", "RU"),
    ],
)
def test_a_number_is_of_its_country_also_where_several_share_a_code(raw: str, country: str, neighbour: str) -> None:
    assert phone.parse(raw, countries={country}) == raw
    with pytest.raises(InvalidNumber) as refusal:
        phone.parse(raw, countries={neighbour, "TZ"})
    assert refusal.value.reason_code is Reason.FOREIGN_NOT_ALLOWED
    assert country in refusal.value.detail


def test_a_number_of_no_country_is_refused_by_every_list_of_countries() -> None:
    with pytest.raises(InvalidNumber) as refusal:
        phone.parse("+881612345678", countries={"KE", "US", "GB"})  # a satellite's
    assert refusal.value.reason_code is Reason.FOREIGN_NOT_ALLOWED


@pytest.mark.parametrize("countries", [(), {"KE"}, EVERYWHERE])
def test_tanzania_is_admitted_whatever_the_list(countries: Collection[str]) -> None:
    assert phone.parse("0712345678", countries=countries) == "+255712345678"


@pytest.mark.parametrize(("code", "known"), [("KE", True), ("TZ", True), ("ke", False), ("ZZ", False), ("001", False)])
def test_codes_of_countries_are_known(code: str, known: bool) -> None:
    assert phone.is_country(code) is known


def test_a_foreign_number_has_no_local_form_and_no_operator() -> None:
    number = phone.parse("+254712345678", countries={"KE"})
    assert (number.masked, number.operator_hint) == ("+254712***678", None)
    with pytest.raises(ValueError, match="no local form"):
        _ = number.local


@pytest.mark.parametrize("operator", list(Operator))
def test_an_operator_is_hinted_for_its_prefixes_and_no_others(operator: Operator) -> None:
    prefixes = [f"0{tens}{ones}" for tens in (6, 7) for ones in range(10) if (tens, ones) != (6, 4)]
    hinted = [prefix for prefix in prefixes if phone.parse(f"{prefix}2345678").operator_hint is operator]
    assert hinted == _VECTORS["operators"][operator]


@pytest.mark.parametrize("raw", ["0712345678", "255712345678", "+0712345678", "+255712 345678", "+12", ""])
def test_only_e164_is_a_number_inside(raw: str) -> None:
    with pytest.raises(ValueError, match=r"E\.164"):
        Msisdn(raw)


def test_a_tanzanian_number_is_read_without_loading_libphonenumber() -> None:
    story = "import sys; from mifumo import phone; phone.parse('0712 345 678'); print('phonenumbers' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


@given(
    st.one_of(
        st.from_regex(r"\A(\+?255|0|00|)[67][0-9]{8}(\.0)?\Z"),
        st.text(alphabet="0123456789+ -.'e\u00a0\n", max_size=16),
    )
)
def test_the_short_way_reads_what_the_long_way_reads(raw: str) -> None:
    def outcome(read: Callable[[], str]) -> str:
        try:
            return read()
        except InvalidNumber as error:
            return error.reason_code

    assert outcome(lambda: phone.digits(raw)) == outcome(lambda: phone.parse(raw).digits)
