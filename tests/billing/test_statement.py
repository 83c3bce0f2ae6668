"""Statement: spans of time with what stood before and after, kinds, links, and the export."""

import csv
import io
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.billing import api, statement_csv, statements
from functions.billing.doors import statement
from mifumo import clock, ledger, wallets
from tests.billing.conftest import TENANT, Till
from tests.billing.office import AMINA, BARAKA, Office, completed, spent
from tests.builders import CONTEXT, request, token

LEDGER = "/api/billing/ledger/"


@pytest.fixture
def days(till: Till, monkeypatch: pytest.MonkeyPatch) -> Till:
    """One adjustment of 10 a day, at noon in Dar es Salaam, from 1 to 5 January 2026."""
    for day in range(1, 6):
        monkeypatch.setattr(clock, "now", lambda day=day: clock.parse(f"2026-01-0{day}T09:00:00.000Z"))
        adjusted(day, 10)
    monkeypatch.undo()
    return till


def adjusted(number: int, amount: int, reference: str = "") -> None:
    grant = {"name": f"adj:{number}", "reference": reference or str(number), "reason": "A test", "actor": "u1"}
    ledger.move(wallets.read(TENANT), lambda wallet: ledger.adjust(wallet, amount, **grant))


def listed(**query: str) -> tuple[list[int], Any]:
    response = call(LEDGER, query)
    assert response["statusCode"] == 200, response["body"]
    page = json.loads(response["body"])
    return [item["seq"] for item in page["items"]], page


def call(path: str, query: dict[str, str], who: str = "") -> dict[str, Any]:
    answered: dict[str, Any] = api.handler(request("GET", path, token=who or token(), query=query), CONTEXT)
    return answered


def exported(query: dict[str, str]) -> tuple[str, dict[str, str] | None]:
    """Exports one part; returns it, and the query of the next one."""
    response = call(f"{LEDGER}export/", query)
    assert response["statusCode"] == 200, response["body"]
    assert response["headers"]["Content-Type"].startswith("text/csv")
    link = response["headers"].get("Link")
    if not link:
        return response["body"], None
    address = link.partition("<")[2].partition(">")[0]
    return response["body"], {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


@pytest.mark.parametrize(
    ("query", "seqs", "opening", "closing"),
    [
        ({"from": "2026-01-02", "to": "2026-01-03"}, [3, 2], 10, 30),
        ({"from": "2026-01-04"}, [5, 4], 30, 50),
        ({"to": "2026-01-02"}, [2, 1], 0, 20),
        ({"from": "2026-01-03T09:00:00Z", "to": "2026-01-04T09:00:00Z"}, [3], 20, 30),
        ({"from": "2026-01-03T12:00:00.001+03:00", "to": "2026-01-04T12:00:00.001+03:00"}, [4], 30, 40),
        ({"from": "2027-01-01"}, [], 50, 50),
        ({"to": "2025-12-31"}, [], 0, 0),
        ({"from": "2026-01-04", "to": "2026-01-02"}, [], 30, 30),
    ],
    ids=["days", "from", "to", "moments", "offsets", "later", "earlier", "backwards"],
)
def test_a_span_has_its_entries_and_what_stood_around_it(
    days: Till, query: dict[str, str], seqs: list[int], opening: int, closing: int
) -> None:
    found, page = listed(**query)
    assert found == seqs
    assert page["opening"] == {"available": opening, "held": 0}
    assert page["closing"] == {"available": closing, "held": 0}


def test_a_whole_statement_costs_one_read_and_names_no_span(days: Till) -> None:
    call(LEDGER, {})
    days.wire.clear()
    found, page = listed()
    assert found == [5, 4, 3, 2, 1]
    assert (page["opening"], page["closing"]) == (None, None)
    assert days.wire.count("Query", "GetItem", "BatchGetItem") == 1


def test_an_empty_statement_has_empty_spans(till: Till) -> None:
    found, page = listed(**{"from": "2026-01-01", "to": "2026-12-31"})
    assert (found, page["closing"]) == ([], {"available": 0, "held": 0})


@pytest.mark.parametrize("written", ["yesterday", "2026-13-01", "2026-01-01T00:00:00", "9999-12-31", "0001-01-01"])
def test_a_time_that_is_none_is_refused_or_answered(days: Till, written: str) -> None:
    response = call(LEDGER, {"to": written})
    assert response["statusCode"] in ({200, 422} if written in {"0001-01-01", "9999-12-31"} else {422})


def test_a_kind_alone(till: Till) -> None:
    completed()
    spent(300)
    hold, capture = listed(kind="hold")[1]["items"], listed(kind="capture")[1]["items"]
    assert [(item["kind"], item["amount"]) for item in (*hold, *capture)] == [("hold", 300), ("capture", 300)]
    assert call(LEDGER, {"kind": "gift"})["statusCode"] == 422


def test_a_rare_kind_is_found_page_by_page(days: Till) -> None:
    spent(1)
    adjusted(9, 1)
    found, query = list[int](), {"kind": "adjust", "limit": "2", "from": "2026-01-02"}
    for _ in range(10):
        seqs, page = listed(**query)
        found += seqs
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert found == [8, 5, 4, 3, 2]


def test_a_cursor_belongs_to_its_filters(days: Till) -> None:
    _, page = listed(limit="2", **{"from": "2026-01-02"})
    assert call(LEDGER, {"limit": "2", "cursor": page["next"], "from": "2026-01-01"})["statusCode"] == 422
    assert call(LEDGER, {"limit": "2", "cursor": page["next"]})["statusCode"] == 422


def test_entries_name_the_payment_or_batch_that_they_are_of(till: Till) -> None:
    office = Office(till)
    payment = completed()
    spent(100)
    adjusted(1, 200)
    office.approve(BARAKA, office.refund(payment, AMINA))
    links = [(item["kind"], item["payment_id"], bool(item["batch_id"])) for item in listed()[1]["items"]]
    assert links == [
        ("hold", payment.id, False),
        ("adjust", None, False),
        ("capture", None, True),
        ("hold", None, True),
        ("credit", payment.id, False),
    ]


def test_an_export_in_parts_is_the_whole_statement_once(days: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement, "EXPORTED_MAX", 2)
    monkeypatch.setattr(statement, "_PAGE", 2)
    query: dict[str, str] | None = {"from": "2026-01-02", "kind": "adjust"}
    text = ""
    while query is not None:
        part, query = exported(query)
        text += part
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["seq"], row["available_after"]) for row in rows] == [
        ("2", "20"),
        ("3", "30"),
        ("4", "40"),
        ("5", "50"),
    ]


def test_an_export_is_a_file_of_the_tenants_own(days: Till) -> None:
    response = call(f"{LEDGER}export/", {})
    assert response["headers"]["Content-Disposition"] == 'attachment; filename="statement.csv"'
    assert len(response["body"].splitlines()) == 6
    other = call(f"{LEDGER}export/", {}, who=token(tenant="t2"))
    assert len(other["body"].splitlines()) == 1
    assert days.call("GET", f"{LEDGER}export/", token=None)[0] == 401
    assert call(f"{LEDGER}export/", {"cursor": "abc"})["statusCode"] == 422


def test_an_export_runs_no_formula(till: Till) -> None:
    adjusted(1, 10, reference="=HYPERLINK(1)")
    adjusted(2, -5, reference="@SUM(1)")
    first, second = csv.DictReader(io.StringIO(exported({})[0]))
    assert (first["reference"], second["reference"]) == ("'=HYPERLINK(1)", "'@SUM(1)")
    assert second["amount"] == "-5"


@given(reference=st.text(max_size=20))
def test_no_text_is_ever_a_formula(reference: str) -> None:
    entry = {**dict.fromkeys(statement_csv._COLUMNS, -1), "reference": reference}
    (row,) = csv.reader(io.StringIO(statement_csv.lines([entry], titled=False), newline=""))
    assert row[-1].removeprefix("'") == reference.removeprefix("'")
    assert not row[-1].startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@given(low=st.integers(1, 50), size=st.integers(0, 50), edge=st.integers(0, 120))
def test_halving_finds_where_it_begins(low: int, size: int, edge: int) -> None:
    expected = min(max(edge, low), low + size)
    assert statements._halved(low, low + size, lambda seq: seq >= edge) == expected
