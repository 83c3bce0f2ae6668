"""Writes: each with its condition and the exception that a failing condition means.

Nouns build `Write`s, a use case commits one with `commit` or several with `transact`, and no noun knows another's
table. "It exists already" is an answer like any other: the write says which.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from botocore.exceptions import ClientError

from mifumo import backoff
from mifumo.aws import Item, dynamodb, marshal, unmarshal
from mifumo.errors import Busy
from mifumo.tables import Key

# A batch write takes at most 25 puts (DynamoDB's limit).
_PUT_ITEMS_MAX = 25
# Reasons for a cancelled transaction that pass by themselves.
_PASSING = {None, "None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}

Refusal = Callable[[Item | None], Exception]

# Always holds: said aloud where whatever stands is written over, so that nobody takes it for an oversight.
WHATEVER_STANDS = "attribute_exists(pk) OR attribute_not_exists(pk)"


@dataclass(frozen=True, slots=True)
class Write:
    """One conditional write and the exception that its failing condition means, given the item that stood there."""

    action: Literal["Put", "Update", "Delete", "ConditionCheck"]
    table: str
    key: Key
    refused: Refusal
    arguments: dict[str, Any] = field(default_factory=dict)

    def request(self) -> dict[str, Any]:
        """Returns the arguments that both the single call and the transaction take."""
        return {"TableName": self.table, "ReturnValuesOnConditionCheckFailure": "ALL_OLD", **self.arguments}


def never(_: Item | None) -> Exception:
    """Stands as the refusal of a write on WHATEVER_STANDS, whose condition cannot fail."""
    return AssertionError("a condition that always holds has failed")


def put(
    table: str,
    item: Item,
    *,
    refused: Refusal,
    condition: str = "attribute_not_exists(pk)",
    values: Item | None = None,
    names: dict[str, str] | None = None,
) -> Write:
    """Puts an item; by default only where none stands."""
    own = {"Item": marshal(item)}
    return Write("Put", table, Key(item["pk"], item["sk"]), refused, own | _conditional(condition, values, names))


def update(
    table: str,
    key: Key,
    expression: str,
    *,
    condition: str,
    refused: Refusal,
    values: Item | None = None,
    names: dict[str, str] | None = None,
) -> Write:
    """Updates an item on a condition."""
    own = {"Key": marshal(key._asdict()), "UpdateExpression": expression}
    return Write("Update", table, key, refused, own | _conditional(condition, values, names))


def delete(
    table: str,
    key: Key,
    *,
    refused: Refusal,
    condition: str = "attribute_exists(pk)",
    values: Item | None = None,
    names: dict[str, str] | None = None,
) -> Write:
    """Deletes an item on a condition."""
    own = {"Key": marshal(key._asdict())}
    return Write("Delete", table, key, refused, own | _conditional(condition, values, names))


def check(
    table: str,
    key: Key,
    *,
    condition: str,
    refused: Refusal,
    values: Item | None = None,
    names: dict[str, str] | None = None,
) -> Write:
    """Changes nothing: stands in a transaction for what has to be true of an item while the others are written."""
    own = {"Key": marshal(key._asdict())}
    return Write("ConditionCheck", table, key, refused, own | _conditional(condition, values, names))


def _conditional(condition: str, values: Item | None, names: dict[str, str] | None) -> dict[str, Any]:
    """Returns the arguments that every write has: its condition, and what the expressions speak of, if anything."""
    return {
        "ConditionExpression": condition,
        **({"ExpressionAttributeValues": marshal(values)} if values else {}),
        **({"ExpressionAttributeNames": names} if names else {}),
    }


def commit(write: Write) -> Item:
    """Makes one write; returns the new item of an update, an empty one otherwise.

    A conflict with a transaction under way is tried again with back-off: the SDK does not. Raises what the write says
    its failing condition means; Busy when conflicts do not end.
    """
    for _ in backoff.attempts():
        try:
            return _made(write)
        except dynamodb().exceptions.TransactionConflictException:
            continue
    raise Busy


def _made(write: Write) -> Item:
    client, request = dynamodb(), write.request()
    try:
        if write.action == "Put":
            client.put_item(**request)
        elif write.action == "Delete":
            client.delete_item(**request)
        else:
            return unmarshal(client.update_item(**request, ReturnValues="ALL_NEW").get("Attributes", {}))
    except client.exceptions.ConditionalCheckFailedException as error:
        old: Any = error.response.get("Item")
        raise write.refused(unmarshal(old) if old else None) from error
    return {}


def transact(*writes: Write) -> None:
    """Makes all the writes or none of them.

    Conflicts with other transactions and throttles are tried again with back-off; the first write (in the order given)
    whose condition fails decides the exception. Raises Busy when conflicts do not end.
    """
    items = [{write.action: write.request()} for write in writes]
    for _ in backoff.attempts():
        try:
            dynamodb().transact_write_items(TransactItems=items)  # type: ignore[arg-type]
        except ClientError as error:
            if error.response["Error"]["Code"] not in {
                "TransactionCanceledException",
                "TransactionConflictException",
            }:
                raise
            _raise_refusal(writes, error)
        else:
            return
    raise Busy


def _raise_refusal(writes: Sequence[Write], error: ClientError) -> None:
    """Raises for the first failed condition; returns when only conflicts and throttles stood in the way."""
    reasons = error.response.get("CancellationReasons", [])
    for write, reason in zip(writes, reasons, strict=False):
        if reason.get("Code") == "ConditionalCheckFailed":
            old = reason.get("Item")
            raise write.refused(unmarshal(old) if old else None) from error
    if any(reason.get("Code") not in _PASSING for reason in reasons):
        raise error


def put_all(table: str, items: Sequence[Item]) -> None:
    """Puts items without conditions, 25 a call: only for items that the caller alone may write, and writes again
    alike.

    Raises Busy when the table stays throttled.
    """
    for first in range(0, len(items), _PUT_ITEMS_MAX):
        batch = items[first : first + _PUT_ITEMS_MAX]
        pending: dict[str, Any] = {table: [{"PutRequest": {"Item": marshal(item)}} for item in batch]}
        for _ in backoff.attempts():
            pending = dynamodb().batch_write_item(RequestItems=pending).get("UnprocessedItems", {})
            if not pending:
                break
        else:
            raise Busy
