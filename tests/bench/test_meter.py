"""The meter, held to sizes and units that were worked out by hand from DynamoDB's published rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import meter
from bench.meter import Index

KEYS = {"pk": {"S": "T#1"}, "sk": {"S": "X"}}  # 2+3 and 2+1 bytes
LISTING = Index("listing", ("listing_pk", "listing_sk"), whole=True)
DUE = Index("due", ("due_pk", "due_sk"), whole=False)
DUE_AT = {"due_pk": {"S": "D"}, "due_sk": {"S": "1"}}


def of_size(size: int, **more: dict[str, str]) -> dict[str, dict[str, str]]:
    """An item of exactly that many bytes, with more attributes among them."""
    item = {**KEYS, **more}
    return {**item, "f": {"S": "x" * (size - meter.item_bytes(item) - 1)}}


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({}, 0),
        (KEYS, 8),
        ({"jina": {"S": "Duka"}}, 8),
        ({"jina": {"S": "é€"}}, 9),  # UTF-8: two bytes and three
        ({"n": {"N": "0"}}, 2),
        ({"n": {"N": "7"}}, 3),
        ({"n": {"N": "100"}}, 3),  # trailing zeros are no significant digits
        ({"n": {"N": "1234"}}, 4),
        ({"n": {"N": "-1234"}}, 5),
        ({"n": {"N": "0.05"}}, 3),
        ({"b": {"B": b"12345"}}, 6),
        ({"b": {"BOOL": True}}, 2),
        ({"b": {"NULL": True}}, 2),
        ({"l": {"L": []}}, 4),
        ({"l": {"L": [{"S": "ab"}, {"S": "c"}]}}, 9),  # 1 + 3 + (1+2) + (1+1)
        ({"m": {"M": {"k": {"N": "12"}}}}, 8),  # 1 + 3 + 1 + 1 + 2
        ({"s": {"SS": ["ab", "c"]}}, 4),
        ({"s": {"NS": ["12", "3"]}}, 5),
    ],
)
def test_an_item_is_as_large_as_its_names_and_values(item: dict[str, dict[str, str]], size: int) -> None:
    assert meter.item_bytes(item) == size


def test_an_unknown_type_is_not_taken_for_nothing() -> None:
    with pytest.raises(ValueError, match="no attribute type X"):
        meter.item_bytes({"a": {"X": "y"}})


@pytest.mark.parametrize(
    ("before", "after", "units"), [(0, 1024, 1), (0, 1025, 2), (2049, 100, 3), (100, 2049, 3), (1024, 0, 1)]
)
def test_a_write_costs_a_unit_for_each_kilobyte_of_the_larger_image(before: int, after: int, units: int) -> None:
    old, new = (of_size(size) if size else {} for size in (before, after))
    assert meter.write_units(old, new, []) == units
    assert meter.write_units(old, new, [], transactional=True) == 2 * units


def test_a_sparse_index_costs_nothing_for_an_item_without_its_key() -> None:
    assert meter.write_units({}, of_size(500), [LISTING, DUE]) == 1
    assert meter.write_units({}, of_size(500, due_pk={"S": "D"}), [DUE]) == 1


@pytest.mark.parametrize(
    ("before", "after", "units"),
    [
        ({}, DUE_AT, 1),  # enters
        (DUE_AT, {}, 1),  # leaves
        (DUE_AT, {**DUE_AT, "due_sk": {"S": "2"}}, 2),  # moves: out and in
        (DUE_AT, DUE_AT, 0),
    ],
)
def test_an_entry_that_comes_goes_or_moves_is_a_write_or_two(
    before: dict[str, dict[str, str]], after: dict[str, dict[str, str]], units: int
) -> None:
    assert meter.write_units(of_size(100, **before), of_size(100, **after), [DUE]) == 1 + units


def test_an_index_of_keys_does_not_see_the_other_attributes_and_a_whole_one_does() -> None:
    listed = {"listing_pk": {"S": "L"}, "listing_sk": {"S": "1"}}
    old, new = of_size(2000, **DUE_AT, **listed), of_size(1500, **DUE_AT, **listed)
    assert meter.write_units(old, new, [DUE]) == 2
    assert meter.write_units(old, new, [LISTING]) == 2 + 2
    assert meter.write_units(old, old, [LISTING]) == 2


def test_a_refused_write_costs_as_much_as_what_stood_in_its_way() -> None:
    assert meter.refused_units({}) == 1
    assert meter.refused_units(of_size(3000)) == 3
    assert meter.refused_units(of_size(3000), transactional=True) == 6


def test_items_read_by_key_are_rounded_one_by_one_and_a_page_as_a_whole() -> None:
    items = [of_size(4096), of_size(4097), of_size(10)]
    assert meter.read_units(items, consistent=True) == 1 + 2 + 1
    assert meter.read_units(items, absent=2, consistent=False) == 3
    assert meter.query_units(items, consistent=True) == 3
    assert meter.query_units(items, consistent=False) == 1.5
    assert meter.query_units([], consistent=False) == 0.5


def test_an_index_is_read_from_its_definition() -> None:
    definition = {
        "IndexName": "due",
        "KeySchema": [{"AttributeName": "due_pk"}, {"AttributeName": "due_sk"}],
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }
    assert Index.of(definition) == DUE


SIZES = st.integers(min_value=30, max_value=20_000)


@given(SIZES, SIZES)
def test_no_write_is_cheaper_than_either_image_alone(one: int, other: int) -> None:
    old, new = of_size(one), of_size(other)
    units = meter.write_units(old, new, [])
    assert units == max(meter.write_units({}, old, []), meter.write_units({}, new, []))
    assert units == meter.write_units(new, old, [])
