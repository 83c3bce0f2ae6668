"""Tables: keys and reads. One item, up to a hundred of any tables in one call, or a page of one partition.

There is no scan.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from mifumo import backoff
from mifumo.aws import Item, dynamodb, marshal, unmarshal
from mifumo.errors import Busy

# A batch read takes at most 100 keys (DynamoDB's limit).
READ_KEYS_MAX = 100


class Key(NamedTuple):
    """The primary key of an item in any of our tables."""

    pk: str
    sk: str


def get(table: str, key: Key, *, consistent: bool = True) -> Item | None:
    """Reads one item, consistently unless told otherwise."""
    answer = dynamodb().get_item(TableName=table, Key=marshal(key._asdict()), ConsistentRead=consistent)
    return unmarshal(answer["Item"]) if "Item" in answer else None


def read(*wanted: tuple[str, Key], consistent: bool = True) -> dict[tuple[str, Key], Item]:
    """Reads items of any tables, a hundred a call; absent ones are absent from the answer.

    Raises Busy when the tables stay throttled.
    """
    places, found = list(dict.fromkeys(wanted)), dict[tuple[str, Key], Item]()
    for first in range(0, len(places), READ_KEYS_MAX):
        found |= _read_together(places[first : first + READ_KEYS_MAX], consistent=consistent)
    return found


def _read_together(places: Sequence[tuple[str, Key]], *, consistent: bool) -> dict[tuple[str, Key], Item]:
    by_table: Any = {}
    for table, key in places:
        request = by_table.setdefault(table, {"Keys": [], "ConsistentRead": consistent})
        request["Keys"].append(marshal(key._asdict()))
    found: dict[tuple[str, Key], Item] = {}
    for _ in backoff.attempts():
        answer = dynamodb().batch_get_item(RequestItems=by_table)
        for table, items in answer["Responses"].items():
            for item in map(unmarshal, items):
                found[table, Key(item["pk"], item["sk"])] = item
        by_table = answer.get("UnprocessedKeys", {})
        if not by_table:
            return found
    raise Busy


class Page(NamedTuple):
    """One page of a query and the key to go on from, None at the end."""

    items: list[Item]
    last: Item | None


def query(
    table: str,
    pk: str,
    *,
    index: str | None = None,
    begins_with: str = "",
    between: tuple[str, str] | None = None,
    limit: int = 250,
    newest_first: bool = False,
    start: Item | None = None,
    consistent: bool = False,
) -> Page:
    """Reads one page of one partition, or of one partition of an index, in sort-key order."""
    # An index's keys are named after it, in the singular: `numbers` has number_pk and number_sk.
    prefix = f"{index.removesuffix('s')}_" if index else ""
    pk_name, sk_name = f"{prefix}pk", f"{prefix}sk"
    names, values, condition = {"#pk": pk_name}, {":pk": pk}, "#pk = :pk"
    if between:
        names["#sk"], condition = sk_name, condition + " AND #sk BETWEEN :low AND :high"
        values[":low"], values[":high"] = between
    elif begins_with:
        names["#sk"], condition = sk_name, condition + " AND begins_with(#sk, :prefix)"
        values[":prefix"] = begins_with
    request: dict[str, Any] = {
        "TableName": table,
        "KeyConditionExpression": condition,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": marshal(values),
        "Limit": limit,
        "ScanIndexForward": not newest_first,
        "ConsistentRead": consistent,
    }
    if index:
        request["IndexName"] = index
    if start:
        request["ExclusiveStartKey"] = marshal(start)
    answer = dynamodb().query(**request)
    last = answer.get("LastEvaluatedKey")
    return Page([unmarshal(item) for item in answer["Items"]], unmarshal(last) if last else None)


def query_all(table: str, pk: str, *, pages_max: int = 100, **options: Any) -> Iterator[Item]:
    """Reads a whole partition page by page; `pages_max` bounds the work of one call."""
    start: Item | None = None
    for _ in range(pages_max):
        page = query(table, pk, start=start, **options)
        yield from page.items
        start = page.last
        if start is None:
            return
