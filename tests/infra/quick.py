"""A quick DynamoDB: moto's, but a call costs no more when more is stored.

Before each transaction moto copies every item of each table that is touched, to have them back if it is refused. Here
an update changes a copy of its item, so that a copy of the lists of items is enough to have all of them back. To query
one partition it looks through the whole table; here through the partition. And to write an attribute it asks for a
value of every type there is, under every name that it could have; here for the one that is given. What a call answers,
and what is stored after it, stay what they were.
"""

import copy
from collections import defaultdict
from typing import Any

from moto.core.model import StructureShape
from moto.core.serialize import ResponseSerializer
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table


def _listed(table: Table, memo: dict[int, Any]) -> Table:
    """Copies a table and its lists of items; the items are those of the table."""
    made = memo[id(table)] = object.__new__(Table)  # type: ignore[type-abstract]
    made.__dict__.update(table.__dict__)
    made.items = defaultdict(dict, {value: dict(of_value) for value, of_value in table.items.items()})
    return made


_update_item = DynamoDBBackend.update_item


def _update_a_copy(backend: DynamoDBBackend, table_name: str, key: dict[str, Any], **options: Any) -> Item:
    table = backend.get_table(table_name)
    hash_value = DynamoType(key[table.hash_key_attr])
    range_value = DynamoType(key[str(table.range_key_attr)])
    found = table.get_item(hash_value, range_value)
    if found is not None:
        table.items[hash_value][range_value] = copy.deepcopy(found)
    return _update_item(backend, table_name, key, **options)


_query = Table.query


def _query_a_partition(table: Table, hash_key: DynamoType, *rest: Any, **options: Any) -> Any:
    index = rest[6]  # None for the table itself
    if index is not None or hash_key not in table.items:
        return _query(table, hash_key, *rest, **options)
    partition = copy.copy(table)
    partition.items = defaultdict(dict, {hash_key: table.items[hash_key]})
    return _query(partition, hash_key, *rest, **options)


_structure = ResponseSerializer._serialize_type_structure


def _what_is_given(writer: Any, written: Any, value: Any, shape: StructureShape, key: str) -> None:
    if shape.name != "AttributeValue" or not isinstance(value, dict):
        _structure(writer, written, value, shape, key)
        return
    inner = writer.MAP_TYPE() if key else written
    for kind in value:
        writer._serialize(inner, value[kind], shape.members[kind], kind)
    if key:
        writer._default_serialize(written, inner, shape, key)


def install() -> None:
    """Makes moto quick in this process, for tables that have both keys, as all of ours do."""
    Table.__deepcopy__ = _listed  # type: ignore[attr-defined]
    ResponseSerializer._serialize_type_structure = _what_is_given  # type: ignore[assignment, method-assign]
    Table.query = _query_a_partition  # type: ignore[assignment, method-assign]
    DynamoDBBackend.update_item = _update_a_copy  # type: ignore[assignment, method-assign]
