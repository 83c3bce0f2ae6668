"""Beem's delivery reports: every word it is known to say, and nothing but one refusal for what is no report."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifumo.providers.beem_reports import STATUSES, MalformedReportError, canonical, parse

REPORT = {"dest_addr": "255712345678", "request_id": "r-1", "recipient_id": "7", "status": "DELIVERED"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("word", STATUSES)
@pytest.mark.parametrize("written", [str.upper, str.lower, str.title, lambda word: f" {word} "], ids=range(4))
def test_every_word_is_read_in_any_case(word: str, written: Any) -> None:
    report = parse({**REPORT, "status": written(word)})
    assert (report.status, report.reason) == STATUSES[word]
    assert (report.request_id, report.recipient_id, report.digits) == ("r-1", 7, "255712345678")


def test_an_unknown_word_is_kept_and_means_nothing() -> None:
    report = parse({**REPORT, "status": "ON_THE_MOON"})
    assert (report.status, report.reason, report.provider_status) == (None, "unmapped", "ON_THE_MOON")


def test_fields_are_read_in_any_spelling_and_ids_as_numbers() -> None:
    other = {"destAddr": "+255712345678", "RequestID": 12, "recipientId": 7, "Status": "delivered"}
    report = parse(other)
    assert (report.digits, report.request_id, report.recipient_id) == ("255712345678", "12", 7)


@pytest.mark.parametrize("field", REPORT)
@given(value=JSON)
def test_what_is_no_report_raises_one_refusal_and_nothing_else(field: str, value: Any) -> None:
    try:
        report = parse({**REPORT, field: value})
    except MalformedReportError:
        return
    assert 0 <= report.recipient_id <= 999_999_999
    assert re.fullmatch(r"[0-9]{9,15}", report.digits)
    assert len(report.provider_status) <= 32


@given(body=st.dictionaries(st.sampled_from([*REPORT, "other"]), JSON, max_size=3))
def test_a_report_that_lacks_a_field_is_malformed(body: dict[str, Any]) -> None:
    with pytest.raises(MalformedReportError):
        parse(body)


@pytest.mark.parametrize("number", ["٢٥٥٧١٢٣٤٥٦٧٨", "25571234567८", "255 712 345 678", "12345678", "1" * 16, "+", 1.5])
def test_a_number_has_nine_to_fifteen_plain_digits(number: Any) -> None:
    with pytest.raises(MalformedReportError):
        parse({**REPORT, "dest_addr": number})


@pytest.mark.parametrize("number", ["", "1234567890", "-1", "1.0", "seven", None, True], ids=str)
def test_a_recipient_id_has_one_to_nine_digits(number: Any) -> None:
    with pytest.raises(MalformedReportError):
        parse({**REPORT, "recipient_id": number})
    assert parse({**REPORT, "recipient_id": "999999999"}).recipient_id == 999_999_999


@given(number=st.integers(min_value=0, max_value=10**12), zeros=st.integers(min_value=0, max_value=5))
def test_an_id_is_the_same_however_it_is_written(number: int, zeros: int) -> None:
    written = [number, str(number), f" {number} ", "0" * zeros + str(number), float(number)]
    assert {canonical(form) for form in written} == {str(number)}
    requests = {parse({**REPORT, "request_id": form}).request_id for form in written}
    assert requests == {str(number)}


@given(number=st.integers(min_value=0, max_value=10**9 - 1))
def test_a_recipient_is_the_same_however_its_number_is_written(number: int) -> None:
    forms = [number, str(number), f"{number:09d}", float(number)]
    assert {parse({**REPORT, "recipient_id": form}).recipient_id for form in forms} == {number}


@given(st.text(min_size=1, max_size=40))
def test_an_id_that_is_no_number_stays_as_it_is(text: str) -> None:
    assert canonical(text) == (
        text.strip().lstrip("0") or "0" if re.fullmatch("[0-9]+", text.strip()) else text.strip()
    )


@given(st.text(max_size=20).filter(lambda word: word.strip().upper() not in STATUSES) | st.sampled_from([*STATUSES]))
def test_no_word_but_those_of_delivery_means_delivered(word: str) -> None:
    status = parse({**REPORT, "status": word}).status
    assert (status == "delivered") == (word.strip().upper() in {"DELIVERED", "DELIVRD"})
    assert (status is None) == (word.strip().upper() not in STATUSES)
