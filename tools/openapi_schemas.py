"""Schemas of the contract: the models of a slice as pydantic describes them, without what a reader can't use."""

from typing import Any

Schema = dict[str, Any]

_PREFIX = "#/components/schemas/"
# How Powertools would describe its own refusals; ours are problem documents.
_REPLACED = frozenset({"HTTPValidationError", "ResponseValidationError", "ValidationError"})


class ContractError(Exception):
    """The routes cannot be written down as one contract; the message says what to change."""


def tidy(document: Schema) -> Schema:
    """Returns a slice's document with its closed sets written out in place and without made-up titles.

    Every slice has a `Status` of its own, as the module is part of a name. A contract has one name space, so closed
    sets stay without names: a reader sees the values where they are used.
    """
    schemas = document.get("components", {}).get("schemas", {})
    closed = {name: schema for name, schema in schemas.items() if "enum" in schema}
    kept = {name: schema for name, schema in schemas.items() if name not in closed and name not in _REPLACED}
    tidied: Schema = _tidy({**document, "components": {"schemas": kept}}, closed)
    return tidied


def _tidy(node: Any, closed: dict[str, Schema], *, names: bool = False) -> Any:
    """`names`: the keys of this node are names of ours (of fields, schemas, paths), not words of the format."""
    if isinstance(node, list):
        return [_tidy(item, closed) for item in node]
    if isinstance(node, float) and node.is_integer():
        return int(node)  # pydantic's `le=250` comes back from Powertools' models as 250.0
    if not isinstance(node, dict):
        return node
    if not names:
        node = _written_out(node, closed)
    return {
        key: _tidy(value, closed, names=not names and key in {"properties", "schemas", "paths"})
        for key, value in node.items()
        if names or key != "title"
    }


def _written_out(node: Schema, closed: dict[str, Schema]) -> Schema:
    name = str(node.get("$ref", "")).removeprefix(_PREFIX)
    if name not in closed:
        return node
    values = {key: closed[name][key] for key in ("type", "enum")}
    return {**values, **{key: value for key, value in node.items() if key != "$ref"}}


def require_one_meaning(slices: dict[str, Schema]) -> None:
    """Refuses two models of different slices that have one name and differ, because the merge would drop one."""
    owners: dict[str, tuple[str, Schema]] = {}
    for owner, document in slices.items():
        for name, schema in document["components"]["schemas"].items():
            first, known = owners.setdefault(name, (owner, schema))
            if known != schema:
                raise ContractError(
                    f"The slices {first} and {owner} both have a model called {name}, and the two differ: "
                    "rename one of them, as the contract has one name space."
                )


def example(schema: Schema, schemas: dict[str, Schema]) -> Any:
    """Returns the model's own example, or makes one of those of its fields; raises ContractError where one is missing.

    A model needs an example of its own when not every combination of its fields fits.
    """
    if "anyOf" in schema:
        schema = schema["anyOf"][0]
    name = schema.get("$ref", "").removeprefix(_PREFIX)
    model = schemas.get(name, schema)
    if "examples" in model:
        return model["examples"][0]
    told = {field: _examples(known) for field, known in model.get("properties", {}).items()}
    made = {field: examples[0] for field, examples in told.items() if examples}
    missing = [field for field in model.get("required", []) if field not in made]
    if missing or not made:
        fields = ", ".join(missing) or "its fields"
        raise ContractError(f"The body {name or schema} needs an example for {fields}: Field(examples=[...]).")
    return made


def _examples(field: Schema) -> list[Any]:
    """Returns a field's own examples, or those of the first kind of value that it takes."""
    kind = field.get("anyOf", [{}])[0]
    examples: list[Any] = field.get("examples") or kind.get("examples", [])
    return examples


def sorted_names(node: Any, *, fields: bool = False) -> Any:
    """Returns the node with its keys sorted, less those of `properties`: fields stay in the order of the model."""
    if isinstance(node, list):
        return [sorted_names(item) for item in node]
    if not isinstance(node, dict):
        return node
    keys = node if fields else sorted(node)
    return {key: sorted_names(node[key], fields=not fields and key in {"example", "properties"}) for key in keys}
