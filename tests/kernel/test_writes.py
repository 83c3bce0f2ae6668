"""Writes: a failing condition says what it means, what passes is tried again, and what does not pass is told."""

import os
from typing import Any

import pytest

from mifumo import tables, writes
from mifumo.aws import Item, dynamodb
from mifumo.errors import Busy
from mifumo.tables import Key
from mifumo.writes import Write
from tests.kernel.scripted import Script
from tests.wire import Wire

KEY = Key("T#t1", "THING")


class There(Exception):
    """The thing stands there already; it carries what stood."""

    def __init__(self, item: Item | None) -> None:
        super().__init__()
        self.item = item


class NotThere(Exception):
    """The thing does not stand there."""


def _table() -> str:
    return os.environ["LEDGER_TABLE"]


def _put(sk: str = "THING", **more: Any) -> Write:
    return writes.put(_table(), {"pk": KEY.pk, "sk": sk, **more}, refused=There)


def _raise(sk: str = "THING") -> Write:
    return writes.update(
        _table(),
        Key(KEY.pk, sk),
        "SET n = :n",
        condition="attribute_exists(pk)",
        values={":n": 2},
        refused=lambda _: NotThere(),
    )


def _cancelled(*codes: str | None) -> dict[str, Any]:
    reasons = [{"Code": code or "None"} for code in codes]
    return {"Error": {"Code": "TransactionCanceledException", "Message": "cancelled"}, "CancellationReasons": reasons}


@pytest.mark.usefixtures("aws_tables")
def test_a_refusal_is_made_of_what_stood_there() -> None:
    writes.commit(_put(n=1))
    with pytest.raises(There) as refused:
        writes.commit(_put(n=5))
    assert refused.value.item == {"pk": KEY.pk, "sk": KEY.sk, "n": 1}
    with pytest.raises(There) as refused:
        writes.transact(_put("OTHER"), _put(n=5))
    assert refused.value.item == {"pk": KEY.pk, "sk": KEY.sk, "n": 1}
    assert tables.get(_table(), Key(KEY.pk, "OTHER")) is None


@pytest.mark.usefixtures("aws_tables")
def test_the_first_write_whose_condition_fails_decides() -> None:
    writes.commit(_put())
    with pytest.raises(There):
        writes.transact(_put(), _raise("NOBODY"))
    with pytest.raises(NotThere):
        writes.transact(_raise("NOBODY"), _put())


@pytest.mark.usefixtures("aws_tables")
def test_an_update_answers_the_new_item_and_a_delete_takes_it_away() -> None:
    writes.commit(_put(n=1))
    assert writes.commit(_raise())["n"] == 2
    writes.commit(writes.delete(_table(), KEY, refused=lambda _: NotThere()))
    assert tables.get(_table(), KEY) is None
    with pytest.raises(NotThere):
        writes.commit(writes.delete(_table(), KEY, refused=lambda _: NotThere()))


@pytest.mark.usefixtures("aws_tables")
@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_what_passes_by_itself_is_tried_again(pauses: list[float], code: str) -> None:
    script = Script(dynamodb(), "TransactWriteItems", [_cancelled(code), _cancelled(None, code), None])
    writes.transact(_put(), _put("OTHER"))
    assert len(script.asked) == 3
    assert len(pauses) == 2
    assert tables.get(_table(), KEY)


@pytest.mark.usefixtures("aws_tables")
def test_conflicts_that_do_not_end_are_busy_and_change_nothing(pauses: list[float]) -> None:
    Script(dynamodb(), "TransactWriteItems", [_cancelled("TransactionConflict")] * 8)
    with pytest.raises(Busy):
        writes.transact(_put())
    assert len(pauses) == 7
    assert max(pauses) <= 1.0
    assert tables.get(_table(), KEY) is None


@pytest.mark.usefixtures("aws_tables", "pauses")
def test_a_condition_that_fails_beside_a_conflict_is_final() -> None:
    script = Script(dynamodb(), "TransactWriteItems", [_cancelled("TransactionConflict", "ConditionalCheckFailed")])
    with pytest.raises(There):
        writes.transact(_put(), _put("OTHER"))
    assert len(script.asked) == 1


@pytest.mark.usefixtures("aws_tables", "pauses")
def test_a_mistake_in_a_transaction_is_told_and_not_tried_again() -> None:
    script = Script(dynamodb(), "TransactWriteItems", [_cancelled("ValidationError")])
    with pytest.raises(dynamodb().exceptions.TransactionCanceledException):
        writes.transact(_put())
    assert len(script.asked) == 1


@pytest.mark.usefixtures("aws_tables", "pauses")
def test_items_that_a_batch_left_out_are_put_again() -> None:
    left_out = {"UnprocessedItems": {_table(): [{"PutRequest": {"Item": {"pk": {"S": KEY.pk}, "sk": {"S": "07"}}}}]}}
    script = Script(dynamodb(), "BatchWriteItem", [left_out, None, None])
    writes.put_all(_table(), [{"pk": KEY.pk, "sk": f"{n:02d}"} for n in range(30)])
    assert [len(asked["RequestItems"][_table()]) for asked in script.asked] == [25, 1, 5]
    assert tables.get(_table(), Key(KEY.pk, "07"))


@pytest.mark.usefixtures("pauses")
def test_keys_that_a_batch_left_out_are_read_again(aws_tables: Wire) -> None:
    writes.commit(_put())
    left_out = {
        "Responses": {},
        "UnprocessedKeys": {_table(): {"Keys": [{"pk": {"S": KEY.pk}, "sk": {"S": KEY.sk}}], "ConsistentRead": True}},
    }
    Script(dynamodb(), "BatchGetItem", [left_out, None])
    assert tables.read((_table(), KEY), (_table(), KEY)) == {(_table(), KEY): {"pk": KEY.pk, "sk": KEY.sk}}
    aws_tables.clear()
    assert tables.read() == {}
    assert aws_tables.count() == 0


@pytest.mark.usefixtures("aws_tables", "pauses")
def test_a_table_that_stays_throttled_is_busy() -> None:
    keys = {_table(): {"Keys": [{"pk": {"S": KEY.pk}, "sk": {"S": KEY.sk}}], "ConsistentRead": True}}
    Script(dynamodb(), "BatchGetItem", [{"Responses": {}, "UnprocessedKeys": keys}] * 8)
    with pytest.raises(Busy):
        tables.read((_table(), KEY))


@pytest.mark.usefixtures("aws_tables")
def test_a_partition_is_read_page_by_page_in_either_order() -> None:
    writes.put_all(_table(), [{"pk": KEY.pk, "sk": f"{n:02d}"} for n in range(30)])
    first = tables.query(_table(), KEY.pk, limit=20, newest_first=True)
    assert [item["sk"] for item in first.items] == [f"{n:02d}" for n in range(29, 9, -1)]
    rest = tables.query(_table(), KEY.pk, limit=20, newest_first=True, start=first.last)
    assert (len(rest.items), rest.last) == (10, None)
    assert len(list(tables.query_all(_table(), KEY.pk, limit=7))) == 30
    assert len(list(tables.query_all(_table(), KEY.pk, limit=7, pages_max=2))) == 14
    between = tables.query(_table(), KEY.pk, between=("05", "07")).items
    assert [item["sk"] for item in between] == ["05", "06", "07"]
