"""Meter: the capacity units that DynamoDB charges, from the images of the items themselves.

Rules: "DynamoDB item sizes and formats" and "Throughput capacity for reads and writes" of the developer guide. The
emulators' own ConsumedCapacity is a constant, whatever the size, so none of it is read here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Image = Mapping[str, Any]
"""An item in wire form, `{"pk": {"S": "…"}}`; an empty one does not exist."""

_WRITE_BYTES = 1024
_READ_BYTES = 4096
_CONTAINER_BYTES = 3
_ELEMENT_BYTES = 1


@dataclass(frozen=True)
class Index:
    """A global index: the two attributes that make its key, and whether it carries the whole item."""

    name: str
    keys: tuple[str, str]
    whole: bool

    @classmethod
    def of(cls, definition: Mapping[str, Any]) -> "Index":
        """Reads an index from its definition in a template."""
        first, second = (key["AttributeName"] for key in definition["KeySchema"])
        whole = definition["Projection"]["ProjectionType"] == "ALL"
        return cls(definition["IndexName"], (first, second), whole)

    def entry(self, image: Image) -> Image:
        """Returns what the index holds of an item; nothing when one of its keys is missing, for it is sparse."""
        if any(key not in image for key in self.keys):
            return {}
        return image if self.whole else {name: image[name] for name in ("pk", "sk", *self.keys)}


def item_bytes(image: Image) -> int:
    """The size of an item: the names and the values of its attributes."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in image.items())


def write_units(before: Image, after: Image, indexes: Sequence[Index], *, transactional: bool = False) -> int:
    """The units of one write: the larger of both images in the table, and what it changes in each index.

    A transaction prepares and commits, which is two of each. That its index writes count twice as well is not written
    down anywhere; the dearer reading is taken.
    """
    units = _units(max(item_bytes(before), item_bytes(after)), _WRITE_BYTES)
    units += sum(_index_units(index.entry(before), index.entry(after), index) for index in indexes)
    return 2 * units if transactional else units


def refused_units(standing: Image, *, transactional: bool = False) -> int:
    """The units of a write whose condition failed: as many as writing the item that stood in its way."""
    units = _units(item_bytes(standing), _WRITE_BYTES)
    return 2 * units if transactional else units


def read_units(images: Sequence[Image], *, absent: int = 0, consistent: bool) -> float:
    """The units of items read by their keys: each is rounded up by itself, and looking for nothing costs the least."""
    units = sum(_units(item_bytes(image), _READ_BYTES) for image in images) + absent
    return float(units) if consistent else units / 2


def query_units(images: Sequence[Image], *, consistent: bool) -> float:
    """The units of one page: the sum of its items is rounded up, once."""
    units = _units(sum(map(item_bytes, images)), _READ_BYTES)
    return float(units) if consistent else units / 2


def _index_units(before: Image, after: Image, index: Index) -> int:
    if before == after:
        return 0
    moved = any(before.get(key) != after.get(key) for key in index.keys)
    if moved:  # the old entry is deleted and the new one put, where there is one
        return sum(_units(item_bytes(entry), _WRITE_BYTES) for entry in (before, after) if entry)
    return _units(max(item_bytes(before), item_bytes(after)), _WRITE_BYTES)


def _units(size: int, unit: int) -> int:
    return max(1, -(-size // unit))


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return _number_bytes(content)
        case "B":
            return len(content)
        case "BOOL" | "NULL":
            return 1
        case "L":
            return _CONTAINER_BYTES + sum(_ELEMENT_BYTES + _value_bytes(element) for element in content)
        case "M":
            elements = content.items()
            return _CONTAINER_BYTES + sum(_ELEMENT_BYTES + len(n.encode()) + _value_bytes(v) for n, v in elements)
        case "SS" | "NS" | "BS":
            return sum(_value_bytes({kind[0]: element}) for element in content)
        case _:
            raise ValueError(f"no attribute type {kind}")


def _number_bytes(text: str) -> int:
    """One byte and one more for each two significant digits; the sign takes another."""
    digits = text.lstrip("+-").partition("e")[0].partition("E")[0].replace(".", "").strip("0")
    return 1 + -(-len(digits) // 2) + text.startswith("-")
