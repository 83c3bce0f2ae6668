"""Contacts: who may keep them, a number once, finding them, and a spreadsheet that runs nothing."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.sms.content import contact_words, contacts
from functions.sms.content.contacts import ContactExists
from functions.sms.content.named import ChangedMeanwhile
from functions.sms.doors import contacts as door
from mifumo import aws, phone, spreadsheets, tables, writes
from tests.builders import token
from tests.sms.world import TENANT, World

PATH = "/api/sms/contacts/"
_COUNT = count()


def made(world: World, number: str = "0712000010", **more: Any) -> Any:
    status, body = world.call("POST", PATH, {"phone": number, **more})
    assert status == 201, body
    return body


def found(world: World, **query: str) -> list[str]:
    status, page = world.call("GET", PATH, query=query)
    assert status == 200, page
    return [item["name"] or item["phone"] for item in page["items"]]


def every_call(contact: str) -> list[tuple[str, str, Any]]:
    return [
        ("GET", PATH, None),
        ("GET", PATH + "export/", None),
        ("POST", PATH, {"phone": "0712000099"}),
        ("GET", f"{PATH}{contact}/", None),
        ("PATCH", f"{PATH}{contact}/", {"version": 1, "name": "Other"}),
        ("DELETE", f"{PATH}{contact}/", None),
    ]


def test_a_stranger_does_nothing_with_contacts(world: World) -> None:
    for method, path, body in every_call(made(world)["id"]):
        status, problem = world.call(method, path, body, token=None)
        assert (status, problem["code"]) == (401, "unauthenticated"), path


def test_an_agent_reads_contacts_and_neither_changes_them_nor_takes_them_along(world: World) -> None:
    contact = made(world)["id"]
    for method, path, body in every_call(contact):
        allowed = method == "GET" and not path.endswith("export/")
        response = world.raw(method, path, body, token=token(role="agent"))
        assert response["statusCode"] == (200 if allowed else 403), path


def test_another_tenants_contact_is_not_found(world: World) -> None:
    contact, other = made(world)["id"], token(tenant="t2")
    for method, path, body in every_call(contact)[3:]:
        assert world.call(method, path, body, token=other)[0] == 404, path
    assert world.call("GET", PATH, token=other)[1]["items"] == []
    assert made(world, "0712000011")["id"] != contact
    status, theirs = world.call("POST", PATH, {"phone": "0712000010"}, token=other)
    assert (status, theirs["id"] != contact) == (201, True)


def test_a_contact_is_kept_read_changed_and_deleted(world: World) -> None:
    first = made(world, name=" Asha ", attributes={"city": "Mwanza"}, tags=["vip", "vip", "new"])
    assert (first["phone"], first["name"], first["tags"]) == ("+255712000010", "Asha", ["vip", "new"])
    assert world.call("GET", f"{PATH}{first['id']}/")[1] == first
    status, changed = world.call("PATCH", f"{PATH}{first['id']}/", {"version": 1, "name": "Zawadi", "tags": []})
    assert (status, changed["name"], changed["tags"], changed["attributes"]) == (200, "Zawadi", [], {"city": "Mwanza"})
    assert (found(world, name="z"), found(world, name="asha")) == (["Zawadi"], [])
    status, problem = world.call("PATCH", f"{PATH}{first['id']}/", {"version": 1, "name": "Late"})
    assert (status, problem["code"]) == (409, "changed_meanwhile")
    assert world.call("DELETE", f"{PATH}{first['id']}/")[0] == 204
    assert world.call("DELETE", f"{PATH}{first['id']}/")[0] == 404
    assert made(world)["version"] == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"phone": "071"}, "/phone"),
        ({"phone": "0222123456"}, "/phone"),
        ({"phone": "0712000010", "attributes": {"a b": "x"}}, "/attributes/a b"),
        ({"phone": "0712000010", "attributes": {"Phone": "x"}}, "/attributes/Phone"),
        ({"phone": "0712000010", "attributes": {"name": "x"}}, "/attributes/name"),
        ({"phone": "0712000010", "attributes": {"__": "x"}}, "/attributes/__"),
        ({"phone": "0712000010", "attributes": {"City": "x", "_city": "y"}}, "/attributes/_city"),
        ({"phone": "0712000010", "tags": [""]}, "/tags/0"),
        ({"phone": "0712000010", "tags": ["a;b"]}, "/tags/0"),
        ({"phone": "0712000010", "tags": ["x"] * 21}, "/tags"),
        ({"phone": "0712000010", "number": "1"}, "/number"),
    ],
)
def test_a_contact_that_breaks_a_rule_is_refused_with_the_field(
    world: World, body: dict[str, Any], pointer: str
) -> None:
    status, problem = world.call("POST", PATH, body)
    assert status == 422
    assert problem["errors"][0]["pointer"].startswith(pointer)
    assert found(world) == []


@pytest.mark.parametrize("number", ["0712000010", "+255 712 000 010", "255712000010", "'0712-000-010"])
def test_a_number_is_there_once_however_it_is_written(world: World, number: str) -> None:
    contact = made(world)["id"]
    status, problem = world.call("POST", PATH, {"phone": number, "name": "Again"})
    assert (status, problem["code"]) == (409, "contact_exists")
    assert contact in problem["detail"]
    assert found(world) == ["+255712000010"]


def test_of_many_that_enter_one_number_at_once_one_makes_the_contact(world: World) -> None:
    world.wire.take_turns()

    def one(index: int) -> str:
        try:
            contacts.create(TENANT, "255712000010", name=f"N{index}", attributes={}, tags=())
        except ContactExists as refusal:
            return refusal.code
        return "made"

    with ThreadPoolExecutor(10) as threads:
        outcomes = sorted(threads.map(one, range(10)))
    assert outcomes == ["contact_exists"] * 9 + ["made"]
    assert len(found(world)) == 1


def test_contacts_are_found_by_the_beginning_of_name_or_number_and_by_tag(world: World) -> None:
    made(world, "0712000010", name="Asha Mrema", tags=["vip"])
    made(world, "0712000020", name="asha Juma")
    made(world, "0655000030", name="Baraka", tags=["vip"])
    made(world, "+254712345678", name="Wanjiku")
    assert found(world) == ["asha Juma", "Asha Mrema", "Baraka", "Wanjiku"]
    assert found(world, name="ASHA") == ["asha Juma", "Asha Mrema"]
    assert found(world, name="Asha M") == ["Asha Mrema"]
    for beginning in ("0712", "255712", "0712 000"):
        assert found(world, phone=beginning) == ["Asha Mrema", "asha Juma"], beginning
    assert found(world, phone="00254") == ["Wanjiku"]
    assert found(world, phone="0713") == []
    assert found(world, tag="vip") == ["Asha Mrema", "Baraka"]
    assert found(world, tag="vip", phone="06") == ["Baraka"]
    status, problem = world.call("GET", PATH, query={"name": "a", "phone": "07"})
    assert (status, problem["errors"][0]["code"]) == (422, "too_much")


@pytest.mark.parametrize("query", [{}, {"phone": "07"}, {"tag": "even"}])
def test_pages_hold_every_contact_once(world: World, query: dict[str, str]) -> None:
    for number in range(7):
        made(world, f"07120000{number:02d}", name=f"N{number % 3}", tags=["even"] if number % 2 == 0 else [])
    seen: list[str] = []
    cursor = None
    for _ in range(10):
        more = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        status, page = world.call("GET", PATH, query=query | more)
        assert status == 200, page
        seen += [item["phone"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    step = 2 if "tag" in query else 1
    assert sorted(seen) == [f"+2557120000{number:02d}" for number in range(0, 7, step)]
    status, problem = world.call("GET", PATH, query={"name": "other", "cursor": "forged"})
    assert (status, problem["errors"][0]["code"]) == (422, "cursor_invalid")


def test_a_contact_is_found_by_the_beginning_of_any_word_of_its_name_once(world: World) -> None:
    contact = made(world, "0712000010", name="Asha Mohamed  Mrema Mo")["id"]
    made(world, "0712000020", name="Mohamed Asha")
    made(world, "0712000030", name="Asha Moshi")
    assert found(world, name="mo") == ["Mohamed Asha", "Asha Mohamed  Mrema Mo", "Asha Moshi"]
    for beginning in ("mohamed m", "MREMA", "mrema mo"):
        assert found(world, name=beginning) == ["Asha Mohamed  Mrema Mo"], beginning
    assert found(world, name="asha mo") == ["Asha Mohamed  Mrema Mo", "Asha Moshi"]
    assert found(world, name="ohamed") == found(world, name="mo", tag="none") == []
    for limit in ("1", "2"):
        assert sorted(listed(world, PATH, name="mo", limit=limit)) == [f"+2557120000{n}0" for n in (1, 2, 3)]
    world.call("PATCH", f"{PATH}{contact}/", {"version": 1, "name": "Asha Juma"})
    assert (found(world, name="mrema"), found(world, name="juma")) == ([], ["Asha Juma"])
    world.call("DELETE", f"{PATH}{contact}/")
    assert found(world, name="juma") == []
    made(world, "0712000010")
    assert words() == {"asha", "moshi"}


def words() -> set[str]:
    table, partition = contacts.place(TENANT, "x")[0], contact_words.partition(TENANT)
    return {item["sk"].partition("#")[0] for item in tables.query_all(table, partition, consistent=True)}


def test_the_words_of_a_name_are_those_of_the_name_that_stands_whoever_comes_between(world: World) -> None:
    contact = made(world, name="Asha Mrema")["id"]
    before = contacts.read(TENANT, contact)
    world.call("PATCH", f"{PATH}{contact}/", {"version": 1, "name": "Asha Juma"})
    late: list[Any] = [
        lambda: writes.transact(*contacts.changed(before, name="Asha Moshi", attributes={}, tags=())),
        lambda: writes.transact(*contacts.gone(before)),
    ]
    for deed in late:
        with pytest.raises(ChangedMeanwhile):
            deed()
    assert words() == {"juma"}


def test_a_search_costs_a_query_for_names_and_one_for_words_and_a_read_of_its_finds(world: World) -> None:
    for number in range(3):
        made(world, f"07120000{number:02d}", name=f"Asha Mrema {number}")
    found(world)  # keys are cached from here on
    world.wire.clear()
    assert len(found(world, name="mrema")) == 3
    assert world.wire.calls == ["Query", "Query", "BatchGetItem", "BatchGetItem"]


def test_a_page_of_a_tag_is_not_empty_when_a_contact_with_it_is_near(world: World) -> None:
    for number in range(6):
        made(world, f"07120000{number:02d}", name=f"N{number}", tags=["last"] if number == 4 else [])
    _, page = world.call("GET", PATH, query={"limit": "1", "tag": "last"})
    assert ([item["name"] for item in page["items"]], page["next"] is None) == (["N4"], False)


def test_an_export_has_those_of_a_group_a_tag_or_a_search_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_ROWS_MAX", 2)
    ids = [
        made(world, f"07120000{n:02d}", name=f"Asha N{n}", tags=["vip & co"] if n % 2 else [])["id"] for n in range(4)
    ]
    group = world.call("POST", "/api/sms/groups/", {"name": "Few"})[1]["id"]
    world.call("POST", f"/api/sms/groups/{group}/members/", {"contact_ids": ids[:3]})
    for query, names in [
        ({"tag": "vip & co"}, {"Asha N1", "Asha N3"}),
        ({"group_id": group}, {"Asha N0", "Asha N1", "Asha N2"}),
        ({"group_id": group, "tag": "vip & co"}, {"Asha N1"}),
        ({"name": "n3"}, {"Asha N3"}),
        ({"phone": "071200000"}, {f"Asha N{n}" for n in range(4)}),
    ]:
        assert whole_export(world, query) == names, query
    assert world.raw("GET", PATH + "export/", query={"group_id": "nobody"})["statusCode"] == 404
    assert world.raw("GET", PATH + "export/", query={"group_id": group, "name": "a"})["statusCode"] == 422


def whole_export(world: World, query: dict[str, str]) -> set[str]:
    """Follows the links of an export; returns the names in it."""
    names = set[str]()
    while True:
        response = world.raw("GET", PATH + "export/", query=query)
        rows = list(csv.DictReader(io.StringIO(response["body"].removeprefix("\ufeff"))))
        assert names.isdisjoint(row["name"] for row in rows)
        names |= {row["name"] for row in rows}
        if "Link" not in response["headers"]:
            return names
        query = dict(parse_qsl(urlsplit(response["headers"]["Link"].partition(">")[0][1:]).query))


LONG_NAMES = st.lists(
    st.one_of(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=60, max_size=100),
        # Of four bytes each, escaped by JSON, and made three when its case is folded.
        st.sampled_from(["\U0001f600" * 100, "\x01" * 100, "\u0390" * 100, "\U0001f600" * 59 + "a" * 41]),
    ),
    min_size=3,
    max_size=5,
)


def listed(world: World, path: str, **query: str) -> list[str]:
    """Follows a list to its end; returns the numbers on its pages."""
    seen, cursor = list[str](), None
    while True:
        status, page = world.call("GET", path, query={"limit": "1", **query} | ({"cursor": cursor} if cursor else {}))
        assert status == 200, page
        seen += [item["phone"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            return seen


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LONG_NAMES)
def test_pages_hold_every_contact_once_whatever_letters_its_name_has(world: World, names: list[str]) -> None:
    numbers = [f"0712{next(_COUNT):06d}" for _ in names]
    kept = [made(world, number, name=name) for number, name in zip(numbers, names, strict=True)]
    everybody = listed(world, PATH)
    assert len(everybody) == len(set(everybody))
    assert {one["phone"] for one in kept} <= set(everybody)
    for one in kept:
        assert one["phone"] in listed(world, PATH, name=one["name"])
        world.call("DELETE", f"{PATH}{one['id']}/")


def test_an_export_goes_on_after_a_long_name_of_any_letters(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_ROWS_MAX", 1)
    for number in range(3):
        made(world, f"07120000{number:02d}", name="\U0001f600" * 100)
    response = world.raw("GET", PATH + "export/")
    for _ in range(2):
        cursor = response["headers"]["Link"].partition("cursor=")[2].partition(">")[0]
        response = world.raw("GET", PATH + "export/", query={"cursor": cursor})
        assert response["statusCode"] == 200, response
    assert "Link" not in response["headers"]


def test_a_contact_is_found_by_the_whole_of_a_long_name_and_by_no_other_end_of_it(world: World) -> None:
    made(world, "0712000010", name="a" * 99 + "b")
    made(world, "0712000011", name="a" * 99 + "c")
    assert found(world, name="a" * 99 + "b") == ["a" * 99 + "b"]
    assert len(found(world, name="a" * 99)) == 2


def test_an_attribute_is_kept_by_the_name_that_its_column_would_have(world: World) -> None:
    made_with = made(
        world, attributes={"City": "\u00a0Mwanza ", "_shop__No": "7", "_1st": "x"}, tags=[" a\u00a0b ", "a b"]
    )
    assert made_with["attributes"] == {"city": "Mwanza", "shop_no": "7", "_1st": "x"}
    assert made_with["tags"] == ["a b"]
    body = {"version": 1, "attributes": {"CITY": "Moshi"}}
    assert world.call("PATCH", f"{PATH}{made_with['id']}/", body)[1]["attributes"] == {"city": "Moshi"}
    status, problem = world.call("PATCH", f"{PATH}{made_with['id']}/", {"version": 2, "attributes": {"tags": "x"}})
    assert (status, problem["errors"][0]["code"]) == (422, "reserved")


def test_an_older_contact_is_read_as_it_would_be_kept_now(world: World) -> None:
    contact = made(world)
    table, key = contacts.place(TENANT, contact["id"])
    item = tables.get(table, key) or {}
    older = {**item, "attributes": {"City": "Mwanza", "name": "Duka"}}
    aws.dynamodb().put_item(TableName=table, Item=aws.marshal(older))
    assert world.call("GET", f"{PATH}{contact['id']}/")[1]["attributes"] == {"city": "Mwanza", "name_2": "Duka"}
    assert [row["city"] for row in exported(world)[0]] == ["Mwanza"]


def test_a_contact_tells_since_when_it_is_opted_out(world: World) -> None:
    contact = made(world)
    assert contact["opted_out_at"] is None
    _, out = world.call("POST", "/api/sms/opt-outs/", {"phone": "0712000010"})
    assert world.call("GET", f"{PATH}{contact['id']}/")[1]["opted_out_at"] == out["created_at"]
    world.call("DELETE", f"{PATH}{contact['id']}/")
    assert made(world)["opted_out_at"] == out["created_at"]


def exported(world: World, path: str = PATH + "export/") -> tuple[list[dict[str, str]], dict[str, str]]:
    response = world.raw("GET", path)
    assert response["statusCode"] == 200, response
    return list(csv.DictReader(io.StringIO(response["body"].removeprefix("\ufeff")))), response["headers"]


def test_a_spreadsheet_has_every_contact_and_its_numbers_are_read_back(world: World) -> None:
    made(world, "0712000010", name='=HYPERLINK("http://x","y")', attributes={"city": "Mwanza"}, tags=["a", "b"])
    made(world, "0712000011", name='Asha "Mama", Juma', attributes={"age": "-1+2"})
    rows, headers = exported(world)
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    assert "Link" not in headers
    assert [row["name"] for row in rows] == ['\'=HYPERLINK("http://x","y")', 'Asha "Mama", Juma']
    assert [row["tags"] for row in rows] == ["a;b", ""]
    assert [(row["city"], row["age"]) for row in rows] == [("Mwanza", ""), ("", "'-1+2")]
    assert [phone.parse(row["phone"]) for row in rows] == ["+255712000010", "+255712000011"]


def test_a_long_export_goes_on_where_its_link_leads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_ROWS_MAX", 2)
    for number in range(5):
        made(world, f"07120000{number:02d}", name=f"N{number}")
    seen, cursor = [], ""
    while True:
        response = world.raw("GET", PATH + "export/", query={"cursor": cursor} if cursor else {})
        seen += [row["name"] for row in csv.DictReader(io.StringIO(response["body"].removeprefix("\ufeff")))]
        if "Link" not in response["headers"]:
            break
        cursor = response["headers"]["Link"].partition("cursor=")[2].partition(">")[0]
    assert seen == [f"N{number}" for number in range(5)]


@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=2), max_size=5))
def test_no_cell_of_any_spreadsheet_begins_like_a_formula_and_none_is_lost(rows: list[list[str]]) -> None:
    text = spreadsheets.written(["=a", "b"], rows)
    read = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert len(read) == len(rows) + 1
    for cells, before in zip(read[1:], rows, strict=True):
        for cell, written in zip(cells, before, strict=True):
            assert not cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))
            assert cell in {written, f"'{written}"}


@pytest.mark.parametrize(
    ("written", "digits"),
    [("07", "2557"), ("0", "255"), ("+255 7", "2557"), ("2557", "2557"), ("00254", "254"), ("+1", "1"), ("", "")],
)
def test_the_beginning_of_a_number_is_read_as_people_write_it(written: str, digits: str) -> None:
    assert phone.prefix(written) == digits
