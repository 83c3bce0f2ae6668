"""The tally: every request on the wire, and the units of each operation in a real table."""

import os
from collections.abc import Iterator

import pytest
from botocore.exceptions import ConnectTimeoutError

from bench.cloud import Cloud, cloud
from mifumo import aws, queue, tables, writes
from mifumo.tables import Key

TABLE = "messaging"
LISTED = {"listing_pk": "L", "listing_sk": "1"}


@pytest.fixture(scope="module")
def _open() -> Iterator[Cloud]:
    with cloud() as one:
        yield one


@pytest.fixture
def one(_open: Cloud) -> Cloud:
    """Opens a cloud for the module; each test starts a new bill."""
    _open.clear()
    return _open


def put(pk: str, *, size: int = 10, **more: str) -> None:
    writes.commit(writes.put(TABLE, {"pk": pk, "sk": "X", "f": "x" * size, **more}, refused=lambda _: KeyError(pk)))


def test_a_put_is_charged_for_the_item_and_for_each_index_that_it_enters(one: Cloud) -> None:
    put("a1")
    assert one.tally.writes == 1
    put("a2", size=1500, **LISTED)
    assert one.tally.writes == 1 + 2 + 2
    assert one.tally.calls == {"PutItem": 2}


def test_a_refused_put_is_charged_for_what_stood_there(one: Cloud) -> None:
    put("b", size=2000)
    one.clear()
    with pytest.raises(KeyError):
        put("b")
    assert one.tally.writes == 2


def test_a_transaction_is_charged_twice_for_each_item(one: Cloud) -> None:
    writes.transact(
        *(writes.put(TABLE, {"pk": pk, "sk": "X"}, refused=lambda _: KeyError()) for pk in ("c1", "c2", "c3"))
    )
    assert (one.tally.writes, one.tally.calls) == (6, {"TransactWriteItems": 1})


def test_an_update_is_charged_for_the_larger_image(one: Cloud) -> None:
    put("d", size=3000)
    one.clear()
    shrink = writes.update(
        TABLE,
        Key("d", "X"),
        "SET f = :f",
        condition="attribute_exists(pk)",
        values={":f": ""},
        refused=lambda _: KeyError(),
    )
    writes.commit(shrink)
    assert one.tally.writes == 3


def test_a_batch_of_puts_is_charged_put_by_put(one: Cloud) -> None:
    writes.put_all(TABLE, [{"pk": f"e{n}", "sk": "X"} for n in range(30)])
    assert (one.tally.writes, one.tally.calls) == (30, {"BatchWriteItem": 2})


def test_reads_are_charged_by_what_they_find_and_at_least_for_looking(one: Cloud) -> None:
    put("f", size=5000)
    one.clear()
    tables.read((TABLE, Key("f", "X")), (TABLE, Key("f", "nothing")), consistent=True)
    assert one.tally.reads == 2 + 1
    tables.get(TABLE, Key("f", "nothing"), consistent=False)
    assert one.tally.reads == 3.5


def test_a_query_of_an_index_of_keys_is_charged_for_keys_alone_and_page_by_page(one: Cloud) -> None:
    for n in range(3):
        put(f"g{n}", size=9000, due_pk="G", due_sk=str(n))
    one.clear()
    assert len(list(tables.query_all(TABLE, "G", index="due", limit=2))) == 3
    assert (one.tally.reads, one.tally.calls) == (2 * 0.5, {"Query": 2})


def test_a_retry_is_counted_again(one: Cloud) -> None:
    failures = [ConnectTimeoutError(endpoint_url="https://dynamodb.example")]

    def broken(**_: object) -> None:
        if failures:
            raise failures.pop()

    events = aws.dynamodb().meta.events
    events.register_last("before-send.dynamodb.GetItem", broken, unique_id="broken")
    try:
        tables.get(TABLE, Key("h", "X"))
    finally:
        events.unregister("before-send.dynamodb.GetItem", unique_id="broken")
    assert one.tally.calls == {"GetItem": 2}


def test_a_queue_request_has_a_unit_for_each_64_kilobytes(one: Cloud) -> None:
    queue.send(os.environ["URGENT_QUEUE_URL"], [{"n": n} for n in range(11)])
    assert (one.tally.queue_units, one.tally.fair_units) == (2, 0)
    queue.send(os.environ["BULK_QUEUE_URL"], [{"n": "x" * 70_000}], group="t1")
    assert (one.tally.queue_units, one.tally.fair_units) == (4, 2)


def test_bytes_are_charged_as_they_are_and_not_as_the_text_that_carries_them(one: Cloud) -> None:
    item = {"pk": "i", "sk": "X", "f": bytes(1000)}
    writes.commit(writes.put(TABLE, item, refused=lambda _: KeyError()))
    assert one.tally.writes == 1
    writes.commit(writes.put(TABLE, {**item, "pk": "j", "f": bytes(1100)}, refused=lambda _: KeyError()))
    assert one.tally.writes == 1 + 2
