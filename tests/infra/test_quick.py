"""Moto made quick is still DynamoDB: a refused transaction leaves everything as it was."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.infra import quick
from tests.infra.tables import create_tables

TABLE = "ledger"


def test_a_refused_transaction_leaves_what_it_would_have_changed_added_and_deleted() -> None:
    with mock_aws():
        dynamodb = boto3.client("dynamodb")
        create_tables(dynamodb)
        for name in ("changed", "deleted", "untouched"):
            dynamodb.put_item(TableName=TABLE, Item=_key(name) | {"n": {"N": "1"}, "m": {"M": {"n": {"N": "1"}}}})
        before = _stored(dynamodb)
        with pytest.raises(ClientError, match="ConditionalCheckFailed"):
            dynamodb.transact_write_items(TransactItems=[*_writes(), _refused()])
        assert _stored(dynamodb) == before
        dynamodb.transact_write_items(TransactItems=_writes())
        after = {item["sk"]["S"]: item for item in _stored(dynamodb)}
    assert sorted(after) == ["added", "changed", "made", "untouched"]
    assert after["changed"]["n"] == {"N": "2"}
    assert after["changed"]["m"] == {"M": {"n": {"N": "2"}}}
    assert [after["untouched"]] == [item for item in before if item["sk"]["S"] == "untouched"]


def test_what_is_put_comes_back_of_every_kind_by_its_key_and_page_by_page_from_its_own_partition() -> None:
    every_kind = {
        "m": {"M": {"s": {"S": ""}, "l": {"L": [{"N": "1"}, {"BOOL": False}, {"NULL": True}, {"L": []}, {"M": {}}]}}},
        "b": {"B": b"\x00\xff"},
        "ss": {"SS": ["a", "b"]},
        "ns": {"NS": ["1", "2"]},
        "bs": {"BS": [b"a", b"b"]},
    }
    with mock_aws():
        dynamodb = boto3.client("dynamodb")
        create_tables(dynamodb)
        for name in ("1", "2", "3"):
            dynamodb.put_item(TableName=TABLE, Item=_key(name) | every_kind)
            dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": "other"}, "sk": {"S": name}})
        assert dynamodb.get_item(TableName=TABLE, Key=_key("2"))["Item"] == _key("2") | every_kind
        assert _stored(dynamodb) == [_key(name) | every_kind for name in ("1", "2", "3")]
        pages = dynamodb.get_paginator("query").paginate(
            TableName=TABLE,
            KeyConditionExpression="pk = :p AND sk BETWEEN :a AND :z",
            ExpressionAttributeValues={":p": {"S": "p"}, ":a": {"S": "1"}, ":z": {"S": "2"}},
            ScanIndexForward=False,
            PaginationConfig={"PageSize": 1},
        )
        assert [item["sk"]["S"] for page in pages for item in page["Items"]] == ["2", "1"]
        assert not dynamodb.query(
            TableName=TABLE, KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "nobody"}}
        )["Items"]


def test_an_index_gives_what_is_marked_in_its_own_order_and_forgets_what_is_not_marked_any_more() -> None:
    with mock_aws():
        dynamodb = boto3.client("dynamodb")
        create_tables(dynamodb)
        for name, since in (("1", "c"), ("2", "a"), ("3", "b"), ("4", "d")):
            marked = {"due_pk": {"S": "DUE" if name != "4" else "OTHER"}, "due_sk": {"S": since}, "n": {"N": name}}
            dynamodb.put_item(TableName=TABLE, Item=_key(name) | marked)
        dynamodb.put_item(TableName=TABLE, Item=_key("5"))
        due: dict[str, Any] = {
            "TableName": TABLE,
            "IndexName": "due",
            "KeyConditionExpression": "due_pk = :due",
            "ExpressionAttributeValues": {":due": {"S": "DUE"}},
        }
        first = dynamodb.query(**due, Limit=2)
        rest = dynamodb.query(**due, ExclusiveStartKey=first["LastEvaluatedKey"])
        assert [item["sk"]["S"] for item in (*first["Items"], *rest["Items"])] == ["2", "3", "1"]
        assert all("n" not in item for item in first["Items"]), "this index has keys alone"
        dynamodb.update_item(TableName=TABLE, Key=_key("3"), UpdateExpression="REMOVE due_pk, due_sk")
        assert [item["sk"]["S"] for item in dynamodb.query(**due)["Items"]] == ["2", "1"]


def test_an_emptied_table_is_a_new_one() -> None:
    with mock_aws():
        dynamodb = boto3.client("dynamodb")
        create_tables(dynamodb)
        dynamodb.put_item(TableName=TABLE, Item=_key("1"))
        quick.empty()
        assert _stored(dynamodb) == []
        dynamodb.put_item(TableName=TABLE, Item=_key("2"))
        assert _stored(dynamodb) == [_key("2")]


def _key(name: str) -> dict[str, Any]:
    return {"pk": {"S": "p"}, "sk": {"S": name}}


def _writes() -> list[Any]:
    change = {"TableName": TABLE, "UpdateExpression": "SET m.n = :two ADD n :one"}
    values = {":one": {"N": "1"}, ":two": {"N": "2"}}
    return [
        {"Update": {**change, "Key": _key("changed"), "ExpressionAttributeValues": values}},
        {"Update": {"TableName": TABLE, "Key": _key("made"), **_adding()}},
        {"Put": {"TableName": TABLE, "Item": _key("added")}},
        {"Delete": {"TableName": TABLE, "Key": _key("deleted")}},
    ]


def _adding() -> dict[str, Any]:
    return {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}


def _refused() -> Any:
    return {
        "ConditionCheck": {"TableName": TABLE, "Key": _key("nobody"), "ConditionExpression": "attribute_exists(pk)"}
    }


def _stored(dynamodb: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = dynamodb.query(
        TableName=TABLE, KeyConditionExpression="pk = :p", ExpressionAttributeValues={":p": {"S": "p"}}
    )["Items"]
    return items
