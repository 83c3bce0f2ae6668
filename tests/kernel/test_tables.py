"""Tables: whole numbers, consistent reads, pages in order, and throttled keys that are asked for again."""

from typing import Any

import pytest

from mifumo import aws, tables, writes
from mifumo.aws import Item
from mifumo.errors import Busy
from mifumo.tables import Key
from tests.kernel import scripted
from tests.wire import Wire

TABLE = "messaging"


def item(sk: str, pk: str = "P", **more: Any) -> Item:
    return {"pk": pk, "sk": sk, **more}


@pytest.fixture
def ten(aws_tables: Wire) -> list[str]:
    names = [f"M#{number}" for number in range(10)]
    writes.put_all(TABLE, [item(name, n=int(name[2:])) for name in names] + [item("OTHER"), item("M#0", pk="Q")])
    return names


def names(page: tables.Page) -> list[str]:
    return [found["sk"] for found in page.items]


def test_an_item_comes_back_as_it_went_with_numbers_whole(aws_tables: Wire) -> None:
    rich = item("S", n=-7, big=10**18, yes=True, none=None, list=[1, {"a": "b"}], text="Habari ✓", set={"x", "y"})
    writes.put_all(TABLE, [rich])
    read = tables.get(TABLE, Key("P", "S"))
    assert read == rich
    assert (type(read["n"]), type(read["list"][0]), read["yes"]) == (int, int, True)


def test_what_is_not_there_is_none_and_absent(aws_tables: Wire) -> None:
    assert tables.get(TABLE, Key("P", "S")) is None
    assert tables.read((TABLE, Key("P", "S"))) == {}


def test_reading_nothing_asks_nobody(aws_tables: Wire) -> None:
    aws_tables.clear()
    assert tables.read() == {}
    assert aws_tables.count() == 0


def test_items_of_several_tables_are_read_in_one_call_however_often_they_are_named(ten: list[str]) -> None:
    writes.put_all("access", [item("A")])
    here, there = (TABLE, Key("P", ten[0])), ("access", Key("P", "A"))
    script = scripted.dynamodb("BatchGetItem")
    found = tables.read(here, there, here, (TABLE, Key("P", "absent")))
    assert found == {here: item(ten[0], n=0), there: item("A")}
    (asked,) = script.asked
    assert len(asked["RequestItems"][TABLE]["Keys"]) == 2


@pytest.mark.parametrize("consistent", [True, False])
def test_reads_are_consistent_unless_told_otherwise(aws_tables: Wire, consistent: bool) -> None:
    one, many = scripted.dynamodb("GetItem"), scripted.dynamodb("BatchGetItem")
    tables.get(TABLE, Key("P", "S"), consistent=consistent)
    tables.read((TABLE, Key("P", "S")), consistent=consistent)
    assert one.asked[0]["ConsistentRead"] is many.asked[0]["RequestItems"][TABLE]["ConsistentRead"] is consistent


def test_keys_that_were_not_read_are_asked_for_again(ten: list[str], pauses: list[float]) -> None:
    first, second = (Key("P", name) for name in ten[:2])
    left = {TABLE: {"Keys": [aws.marshal(second._asdict())], "ConsistentRead": True}}
    some = {"Responses": {TABLE: [aws.marshal(item(ten[0], n=0))]}, "UnprocessedKeys": left}
    script = scripted.dynamodb("BatchGetItem", some)
    assert set(tables.read((TABLE, first), (TABLE, second))) == {(TABLE, first), (TABLE, second)}
    assert script.asked[1]["RequestItems"] == left
    assert len(pauses) == 1


def test_keys_that_are_never_read_are_busy_and_not_absent(aws_tables: Wire, pauses: list[float]) -> None:
    left = {TABLE: {"Keys": [aws.marshal(Key("P", "S")._asdict())]}}
    scripted.dynamodb("BatchGetItem", *[{"Responses": {}, "UnprocessedKeys": left}] * 8)
    with pytest.raises(Busy):
        tables.read((TABLE, Key("P", "S")))
    assert len(pauses) == 7


def test_a_page_keeps_to_its_partition_prefix_and_order(ten: list[str]) -> None:
    assert names(tables.query(TABLE, "P", begins_with="M#")) == ten
    assert names(tables.query(TABLE, "P", begins_with="M#", newest_first=True)) == ten[::-1]
    assert names(tables.query(TABLE, "P", between=("M#3", "M#5"))) == ten[3:6]
    assert len(tables.query(TABLE, "P").items) == 11


@pytest.mark.parametrize("newest_first", [True, False])
def test_pages_follow_each_other_without_a_gap_or_a_repetition(ten: list[str], newest_first: bool) -> None:
    seen, start = [], None
    for _ in range(4):
        page = tables.query(TABLE, "P", begins_with="M#", limit=3, start=start, newest_first=newest_first)
        seen += names(page)
        start = page.last
    assert start is None
    assert seen == (ten[::-1] if newest_first else ten)


def test_an_index_is_read_by_the_keys_that_carry_its_name(aws_tables: Wire) -> None:
    listed = [item(f"S{n}", listing_pk="T#t1", listing_sk=str(n)) for n in (2, 1)]
    writes.put_all(TABLE, [*listed, item("x", number_pk="N#1", number_sk="1"), item("y")])
    assert names(tables.query(TABLE, "T#t1", index="listing")) == ["S1", "S2"]
    assert names(tables.query(TABLE, "N#1", index="numbers", begins_with="1")) == ["x"]


def test_a_whole_partition_is_read_page_by_page_up_to_its_bound(ten: list[str], aws_tables: Wire) -> None:
    aws_tables.clear()
    assert [found["sk"] for found in tables.query_all(TABLE, "P", begins_with="M#", limit=4)] == ten
    assert aws_tables.count("Query") == 3
    assert len(list(tables.query_all(TABLE, "P", begins_with="M#", limit=4, pages_max=2))) == 8
