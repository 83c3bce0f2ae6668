"""Writes: a failing condition means what its write says, conflicts pass, and everything else is raised as it is."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from mifumo import tables, writes
from mifumo.aws import Item
from mifumo.errors import Busy
from mifumo.tables import Key
from mifumo.writes import Write
from tests.kernel import scripted
from tests.wire import Wire

TABLE = "access"


class Refused(Exception):
    """What a failing condition means here; it carries the item that stood there."""

    def __init__(self, name: str, old: Item | None) -> None:
        super().__init__(name)
        self.name, self.old = name, old


def item(pk: str, **more: Any) -> Item:
    return {"pk": pk, "sk": "S", **more}


def put(pk: str, **more: Any) -> Write:
    return writes.put(TABLE, item(pk, **more), refused=lambda old: Refused(pk, old))


def rename(pk: str, *, before: str, after: str) -> Write:
    return writes.update(
        TABLE,
        Key(pk, "S"),
        "SET #n = :after",
        condition="#n = :before",
        names={"#n": "name"},
        values={":before": before, ":after": after},
        refused=lambda old: Refused(pk, old),
    )


def stands(pk: str) -> Item | None:
    return tables.get(TABLE, Key(pk, "S"))


def test_a_put_stands_and_a_second_is_refused_with_what_stands(aws_tables: Wire) -> None:
    assert writes.commit(put("a", n=1)) == {}
    with pytest.raises(Refused) as refused:
        writes.commit(put("a", n=2))
    assert refused.value.old == item("a", n=1) == stands("a")


def test_an_update_returns_the_new_item_and_a_refused_one_changes_nothing(aws_tables: Wire) -> None:
    writes.commit(put("a", name="Asha"))
    assert writes.commit(rename("a", before="Asha", after="Juma")) == item("a", name="Juma")
    with pytest.raises(Refused) as refused:
        writes.commit(rename("a", before="Asha", after="Neema"))
    assert refused.value.old == item("a", name="Juma") == stands("a")


def test_a_refused_update_of_what_is_not_there_carries_nothing(aws_tables: Wire) -> None:
    with pytest.raises(Refused) as refused:
        writes.commit(rename("a", before="Asha", after="Juma"))
    assert refused.value.old is None
    assert stands("a") is None


def test_what_is_deleted_is_gone_and_cannot_be_deleted_again(aws_tables: Wire) -> None:
    gone = writes.delete(TABLE, Key("a", "S"), refused=lambda old: Refused("a", old))
    writes.commit(put("a"))
    assert writes.commit(gone) == {}
    assert stands("a") is None
    with pytest.raises(Refused):
        writes.commit(gone)


def test_a_delete_on_a_condition_leaves_what_does_not_meet_it(aws_tables: Wire) -> None:
    writes.commit(put("a", n=1))
    with pytest.raises(Refused) as refused:
        writes.commit(
            writes.delete(
                TABLE, Key("a", "S"), condition="n = :n", values={":n": 2}, refused=lambda old: Refused("a", old)
            )
        )
    assert refused.value.old == item("a", n=1) == stands("a")


def test_a_put_may_replace_on_a_condition_of_its_own(aws_tables: Wire) -> None:
    def replaced(n: int, *, over: int) -> Write:
        return writes.put(
            TABLE,
            item("a", n=n),
            condition="attribute_not_exists(pk) OR #n = :n",
            names={"#n": "n"},
            values={":n": over},
            refused=lambda old: Refused("a", old),
        )

    writes.commit(replaced(1, over=0))
    writes.commit(replaced(2, over=1))
    with pytest.raises(Refused):
        writes.commit(replaced(3, over=1))
    assert stands("a") == item("a", n=2)


def test_a_transaction_makes_all_of_its_writes(aws_tables: Wire) -> None:
    writes.commit(put("a", name="Asha"))
    writes.transact(rename("a", before="Asha", after="Juma"), put("b"))
    assert (stands("a"), stands("b")) == (item("a", name="Juma"), item("b"))


@pytest.mark.parametrize("first", ["a", "b"])
def test_the_first_failing_condition_decides_and_nothing_is_written(aws_tables: Wire, first: str) -> None:
    second = {"a": "b", "b": "a"}[first]
    for pk in ("a", "b"):
        writes.commit(put(pk, n=1))
    with pytest.raises(Refused) as refused:
        writes.transact(put("new"), put(first, n=2), put(second, n=2))
    assert (refused.value.name, refused.value.old) == (first, item(first, n=1))
    assert stands("new") is None


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_what_passes_by_itself_is_tried_again(aws_tables: Wire, pauses: list[float], code: str) -> None:
    script = scripted.dynamodb("TransactWriteItems", *[scripted.cancelled("None", code)] * 3)
    writes.transact(put("a"), put("b"))
    assert (len(script.asked), len(pauses)) == (4, 3)
    assert (stands("a"), stands("b")) == (item("a"), item("b"))


def test_a_conflict_that_does_not_end_is_busy_and_changes_nothing(aws_tables: Wire, pauses: list[float]) -> None:
    script = scripted.dynamodb("TransactWriteItems", *[scripted.cancelled("TransactionConflict", "None")] * 8)
    with pytest.raises(Busy) as busy:
        writes.transact(put("a"), put("b"))
    assert busy.value.retryable
    assert (len(script.asked), len(pauses)) == (8, 7)
    assert max(pauses) <= 1
    assert stands("a") is stands("b") is None


def test_a_failed_condition_beside_a_conflict_is_an_answer(aws_tables: Wire, pauses: list[float]) -> None:
    scripted.dynamodb("TransactWriteItems", scripted.cancelled("TransactionConflict", "ConditionalCheckFailed"))
    with pytest.raises(Refused, match="b"):
        writes.transact(put("a"), put("b"))
    assert pauses == []


@pytest.mark.parametrize(
    "answer",
    [
        scripted.cancelled("None", "ValidationError"),
        scripted.cancelled("TransactionConflict", "ItemCollectionSizeLimitExceeded"),
        scripted.error("ValidationException"),
        scripted.error("AccessDeniedException"),
    ],
    ids=["invalid", "too large", "malformed", "denied"],
)
def test_what_does_not_pass_is_raised_at_once(aws_tables: Wire, pauses: list[float], answer: scripted.Answer) -> None:
    script = scripted.dynamodb("TransactWriteItems", answer)
    with pytest.raises(ClientError):
        writes.transact(put("a"), put("b"))
    assert (len(script.asked), pauses) == (1, [])


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem", "DeleteItem"])
def test_one_write_that_meets_a_transaction_is_tried_again(
    aws_tables: Wire, pauses: list[float], operation: str
) -> None:
    writes.commit(put("a", name="Asha"))
    made = {
        "PutItem": put("b"),
        "UpdateItem": rename("a", before="Asha", after="Juma"),
        "DeleteItem": writes.delete(TABLE, Key("a", "S"), refused=lambda old: Refused("a", old)),
    }[operation]
    conflict = scripted.error("TransactionConflictException")
    script = scripted.dynamodb(operation, conflict, conflict)
    writes.commit(made)
    assert (len(script.asked), len(pauses)) == (3, 2)
    scripted.dynamodb(operation, *[conflict] * 8)
    with pytest.raises(Busy):
        writes.commit(made)


def test_one_write_that_fails_otherwise_is_raised(aws_tables: Wire, pauses: list[float]) -> None:
    scripted.dynamodb("PutItem", scripted.error("AccessDeniedException"))
    with pytest.raises(ClientError, match="AccessDenied"):
        writes.commit(put("a"))
    assert pauses == []


def test_many_items_go_out_25_a_call(aws_tables: Wire) -> None:
    aws_tables.clear()
    writes.put_all(TABLE, [item(f"p{number}", n=number) for number in range(60)])
    assert aws_tables.calls == ["BatchWriteItem"] * 3
    assert stands("p59") == item("p59", n=59)
    writes.put_all(TABLE, [])
    assert len(aws_tables.calls) == 4  # the read between, and no more


def test_items_that_were_not_taken_are_put_again_and_only_they(aws_tables: Wire, pauses: list[float]) -> None:
    left = {TABLE: [{"PutRequest": {"Item": {"pk": {"S": "b"}, "sk": {"S": "S"}}}}]}
    script = scripted.dynamodb("BatchWriteItem", {"UnprocessedItems": left})
    writes.put_all(TABLE, [item("b"), *[item(f"p{number}") for number in range(29)]])
    assert [len(asked["RequestItems"][TABLE]) for asked in script.asked] == [25, 1, 5]
    assert script.asked[1]["RequestItems"] == left
    assert (stands("b"), len(pauses)) == (item("b"), 1)


def test_a_table_that_takes_nothing_is_busy(aws_tables: Wire, pauses: list[float]) -> None:
    left = {TABLE: [{"PutRequest": {"Item": {"pk": {"S": "a"}, "sk": {"S": "S"}}}}]}
    script = scripted.dynamodb("BatchWriteItem", *[{"UnprocessedItems": left}] * 8)
    with pytest.raises(Busy):
        writes.put_all(TABLE, [item("a")])
    assert len(script.asked) == 8
