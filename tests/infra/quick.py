"""A quick DynamoDB: moto's, but a call costs no more when more is stored.

Before each transaction moto copies every item of each table that is touched, to have them back if it is refused. Here
an update changes a copy of its item, so that a copy of the lists of items is enough to have all of them back. To query
one partition, of a table or of an index, it puts the whole table in order; here the partition. It asks of a key all
that it could be before it compares it; here a string comes first. And to write an attribute it asks for a value of
every type there is, under every name that it could have; here for the one that is given. An expression is taken apart
once, however often it comes: there are few, and the tree of one is kept as bytes, of which every call makes its own.
What a call answers, and what is stored after it, stay what they were.
"""

import copy
import pickle
from collections import defaultdict, deque
from functools import cache
from typing import Any

from moto.backends import get_backend
from moto.core import responses
from moto.core.model import StructureShape
from moto.core.serialize import ResponseSerializer
from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.parsing import ast_nodes, expressions

_Items = defaultdict[Any, dict[Any, Any]]


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
    of_index = rest[6] is not None
    partition = copy.copy(table)
    partition.items = _marked(table, options["hash_key_conditions"][0]) if of_index else _under(table, hash_key)
    return _query(partition, hash_key, *rest, **options)


def _under(table: Table, hash_key: DynamoType) -> _Items:
    return defaultdict(dict, {hash_key: table.items[hash_key]} if hash_key in table.items else {})


def _marked(table: Table, wanted: tuple[str, DynamoType]) -> _Items:
    """Finds the items of an index's partition; they stay where they are in the table."""
    name, value = wanted
    found: _Items = defaultdict(dict)
    for hash_key, items in table.items.items():
        for range_key, item in items.items():
            marked = item.attrs.get(name)
            if marked is not None and marked.value == value.value:
                found[hash_key][range_key] = item
    return found


_cast_value: Any = vars(DynamoType)["cast_value"].fget


def _string_first(value: DynamoType) -> Any:
    return value.value if value.type == "S" else _cast_value(value)


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


_lex: Any = ConditionExpressionParser._lex_condition_expression


def _lexed_once(parser: ConditionExpressionParser) -> deque[Any]:
    return deque(_words(parser.condition_expression))


@cache
def _words(expression: str) -> tuple[Any, ...]:
    return tuple(_lex(ConditionExpressionParser(expression, {}, {})))


_method_names = cache(vars(responses)["method_names_from_class"])
_trees: Any = ast_nodes
_updates: Any = vars(expressions)["UpdateExpressionParser"]
_make = _updates.make


def _parsed_once(expression: str) -> Any:
    return pickle.loads(_tree(expression))  # noqa: S301 # We have written it ourselves.


@cache
def _tree(expression: str) -> bytes:
    return pickle.dumps(_make(expression))


def _traverse(traverser: Any, node: Any, child_id: int = -1) -> Any:
    """Goes through a tree as moto does, asking once of each sort of node whether it is to be looked at."""
    wanted, known = traverser.nodes_to_be_processed(), dict[type, bool]()

    def go(node: Any, child_id: int) -> Any:
        if not isinstance(node, _trees.Node):
            return node
        parent = node.parent
        for at, child in enumerate(node.children or ()):
            traverser.pre_processing_of_child(node, at)
            go(child, at)
        if known.setdefault(type(node), isinstance(node, wanted)):
            node = traverser.process(node)
            node.parent = parent
            if parent:
                parent.children[child_id] = node
        return node

    return go(node, child_id)


def empty() -> None:
    """Empties every table: a test of many short stories tells each of them in a new place, for the price of none."""
    backend = get_backend("dynamodb")["123456789012"]["af-south-1"]
    for table in backend.tables.values():
        table.items.clear()


def install() -> None:
    """Makes moto quick in this process, for tables that have both keys, as all of ours do."""
    Table.__deepcopy__ = _listed  # type: ignore[attr-defined]
    vars(responses)["method_names_from_class"] = _method_names
    ConditionExpressionParser._lex_condition_expression = _lexed_once  # type: ignore[assignment, method-assign]
    _updates.make = staticmethod(_parsed_once)
    _trees.DepthFirstTraverser.traverse_node_recursively = _traverse
    ResponseSerializer._serialize_type_structure = _what_is_given  # type: ignore[assignment, method-assign]
    DynamoType.cast_value = property(_string_first)  # type: ignore[assignment]
    Table.query = _query_a_partition  # type: ignore[assignment, method-assign]
    DynamoDBBackend.update_item = _update_a_copy  # type: ignore[assignment, method-assign]
