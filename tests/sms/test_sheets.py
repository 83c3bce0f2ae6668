"""Sheets: what office programs write is read as it is meant, or refused with what to do."""

import csv
import io
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.sms.sheets.sheet_rows import FileRefused, Place, Row, Rows
from functions.sms.sheets.sheets import SAMPLE_BYTES, Sheet, recognised

CELLS = st.text(alphabet=st.sampled_from('ab7 é’\u00a0,;\t"\r\n'), max_size=8)
ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Draws a file that a program has written, or one that somebody has damaged by hand."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=draw(ENDS)).writerows(draw(st.lists(st.lists(CELLS, min_size=1), max_size=8)))
    damaged = draw(st.lists(st.sampled_from(['"', 'a"b', "\n", "\r", "\r\n", "x,y"]), max_size=4))
    return (out.getvalue() + "".join(damaged)).encode()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[one:other] for one, other in pairwise(edges)]


@settings(max_examples=300)
@given(files(), st.lists(st.integers(0, 400), max_size=6))
def test_the_rows_are_the_same_however_the_bytes_come(data: bytes, places: list[int]) -> None:
    whole = list(Rows([data], ",", Place(0)))
    assert list(Rows(cut(data, places), ",", Place(0))) == whole
    assert list(Rows([data[at : at + 1] for at in range(len(data))], ",", Place(0))) == whole


@settings(max_examples=300)
@given(files(), st.lists(st.integers(0, 400), max_size=3))
def test_from_any_place_come_exactly_the_rows_that_are_left(data: bytes, places: list[int]) -> None:
    rows = Rows([data], ",", Place(0))
    whole, resumable = [], [Place(0)]
    for row in rows:
        whole.append(row)
        resumable.append(rows.place)
    for done, place in enumerate(resumable):
        assert list(Rows(cut(data[place.offset :], places), ",", place)) == whole[done:]


@given(st.lists(st.lists(CELLS, min_size=1).filter(any), max_size=8), ENDS)
def test_what_a_program_has_written_is_read_back_with_its_lines(rows: list[list[str]], end: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(rows)
    read = list(Rows([out.getvalue().encode()], ",", Place(0)))
    assert [row.cells for row in read] == rows
    assert not any(row.broken for row in read)


def test_a_stray_quote_costs_its_own_line_alone() -> None:
    data = b'0712000001,a\n0712000002,"b\n0712000003,c\n' + b"0712000004,d\n" * 300
    read = list(Rows([data], ",", Place(0)))
    assert [row.line for row in read if row.broken] == [2]
    assert len(read) == 303
    assert read[2] == Row(3, ["0712000003", "c"])


def sheet(text: str | bytes) -> Sheet:
    data = text if isinstance(text, bytes) else text.encode()
    return recognised(data[:SAMPLE_BYTES], whole=len(data) <= SAMPLE_BYTES)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_cells_may_be_parted_in_three_ways_and_lines_in_three(delimiter: str, mark: str, end: str) -> None:
    lines = [["name", "Phone No.", "Amount"], ["Asha, Bw.", "0712345678", "1,500"]]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(lines)
    data = (mark + out.getvalue()).encode()
    found = sheet(data)
    assert (found.delimiter, found.names, found.phone) == (delimiter, ("name", "phone_no", "amount"), 1)
    assert [row.cells for row in Rows([data[found.start.offset :]], found.delimiter, found.start)] == lines[1:]


@pytest.mark.parametrize(
    "name", ["phone", "MSISDN", "Namba ya simu", "Simu", "mobile", "to", "Number", "Telephone", "Phone_Number", "Namba"]
)
def test_the_column_of_numbers_is_known_by_its_name(name: str) -> None:
    found = sheet(f"reference,{name}\n255700000001,0712345678\n")
    assert (found.phone, found.start) == (1, Place(len(f"reference,{name}\n"), 2))


@pytest.mark.parametrize(
    ("text", "phone", "headed"),
    [
        ("Asha,0712345678\nJuma,712345679\n", 1, False),
        ("jina,mawasiliano\nAsha,+255712345678\n", 1, True),
        ("0712345678\n", 0, False),
        ("Namba,Jina,Mawasiliano\n1,Asha,0712345678\n2,Juma,0712345679\n", 2, True),
        ("7.12E+08,Asha\n7.13E+08,Juma\n", 0, False),
        ("'0712345678;5000\n", 0, False),
    ],
)
def test_without_a_name_it_is_known_by_what_is_in_it(text: str, phone: int, headed: bool) -> None:
    found = sheet(text)
    assert (found.phone, found.start.line) == (phone, 2 if headed else 1)


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("Number,Mawasiliano\n10023456789,0712345678\n10023456790,0712345679\n", 1),  # of accounts
        ("to,simu ya mteja\n2026-12-01,0712345678\n2026-12-01,0712345679\n", 1),  # days
        ("guardian,phone\n0712345671,0712345678\n0712345672,12\n0712345673,0712345679\n", 1),
        ("guardian,phone\n0712345671,7.12E+08\n0712345672,2.56E+11\n", 1),  # refused rather than another's
        ("guardian,phone\n0712345671,\n0712345672,\n0712345673,0712345679\n", 1),
        ("mkononi,phone\n0712345671,0222112233\n0712345672,0222112234\n", 0),
        ("reference,phone\n12,1234567\n13,1234568\n", 1),
    ],
)
def test_what_is_in_the_columns_comes_before_their_names_and_the_name_decides_between_equals(
    text: str, phone: int
) -> None:
    assert sheet(text).phone == phone


@pytest.mark.parametrize(
    "first", ["0712345678,Contact", "Asha,12345", "0712345678,phone", "7.12E+08,Contact", "Asha,07123456789"]
)
def test_a_row_with_a_number_is_no_header_whatever_else_is_in_it(first: str) -> None:
    number_first = first[0] in "07"
    rest = "0712345679,Juma\n0712345680,Neema\n" if number_first else "Juma,0712345679\nNeema,0712345680\n"
    found = sheet(f"{first}\n{rest}")
    assert (found.phone, found.start, found.header) == (0 if number_first else 1, Place(0), ())
    assert found.names == ("column_1", "column_2")


def test_a_first_row_that_is_taken_for_a_header_can_be_seen() -> None:
    found = sheet("Simu ,Deni la 2020,2020 debt,\u0645\u0628\u0644\u063a,\n0712345678,1,2,3,4\n")
    assert found.header == ("Simu ", "Deni la 2020", "2020 debt", "\u0645\u0628\u0644\u063a", "")
    assert found.names == ("simu", "deni_la_2020", "_2020_debt", "column_4", "column_5")


def test_the_name_of_a_column_is_cut_where_it_becomes_a_story() -> None:
    found = sheet(f"phone,{'x' * 30_000}\n0712345678,1\n")
    assert [len(name) for name in found.names] == [5, 80]
    assert [len(cell) for cell in found.header] == [5, 80]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_space_before_a_quoted_cell_is_not_part_of_it(delimiter: str) -> None:
    data = f'"phone"{delimiter} "name"\n"0712345678"{delimiter} "Asha{delimiter} Bibi"\n'.encode()
    found = sheet(data)
    assert (found.delimiter, found.names) == (delimiter, ("phone", "name"))
    rows = list(Rows([data[found.start.offset :]], found.delimiter, found.start))
    assert [row.cells for row in rows] == [["0712345678", f"Asha{delimiter} Bibi"]]


def test_cells_beyond_the_first_row_are_in_no_column() -> None:
    found = sheet("phone\nAsha,0712345678\nJuma,0712345679\n")
    assert (found.names, found.phone) == (("phone",), 0)


def test_a_file_that_says_how_its_cells_are_parted_is_believed() -> None:
    found = sheet("sep=;\r\nphone;text\r\n0712345678;a,b\r\n")
    assert (found.delimiter, found.names, found.start.line) == (";", ("phone", "text"), 3)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        ("phone\n0712345678\n".encode("utf-16"), "utf_16"),
        ("phone\n0712345678\n".encode("utf-16-le"), "not_text"),
        ("phone,name\n0712345678,José\n".encode("latin-1"), "not_utf_8"),
        (b"PK\x03\x04rest", "workbook"),
        (b"name,city\nAsha,Mwanza\n", "no_phone_column"),
        (b"a" * (SAMPLE_BYTES + 1), "line_too_long"),
        (b"phone," + b"x," * 100, "too_many_columns"),
        (b'"phone" , "name"\n"0712345678" , "Asha"\n', "quotes_broken"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_to_do(data: bytes, code: str) -> None:
    with pytest.raises(FileRefused) as refused:
        sheet(data)
    assert refused.value.code == code
    assert len(refused.value.detail) > 30


def test_bytes_that_are_not_utf_8_far_down_refuse_the_file_with_their_line() -> None:
    data = b"phone,name\n" + b"0712345678,Asha\n" * 9_000 + "0712345679,José\n".encode("latin-1")
    found = sheet(data)
    with pytest.raises(FileRefused, match="Line 9,002"):
        list(Rows([data[found.start.offset :]], found.delimiter, found.start))


def test_a_line_without_an_end_refuses_the_file_however_it_comes() -> None:
    data = b"0712345678,Asha\n" + b"a" * 70_000 + b"\n"
    for size in (1_000, 10_000_000):
        with pytest.raises(FileRefused, match="Line 2"):
            list(Rows([data[at : at + size] for at in range(0, len(data), size)], ",", Place(0)))
