"""Identifiers: the same from the same parts, there and back as UUIDs, and in the order of their making."""

import uuid
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifumo import ids

PARTS = st.lists(st.text(max_size=6), max_size=4)


@given(one=PARTS, other=PARTS)
def test_ids_are_the_same_exactly_when_their_parts_are(one: list[str], other: list[str]) -> None:
    assert (ids.derived(*one) == ids.derived(*other)) is (one == other)
    assert (ids.fingerprint(*one) == ids.fingerprint(*other)) is (one == other)


def test_a_derived_id_never_changes_between_releases() -> None:
    """What was made under it long ago has to be met again: this is SHA-256 of `5:batch2:t13:key`."""
    assert ids.derived("batch", "t1", "key") == "07z8e8hqkh141b4dyd27qh7b5j"
    assert ids.as_uuid("07z8e8hqkh141b4dyd27qh7b5j") == "07fa1c88-de71-0902-b237-cd11ef13acb2"
    assert ids.derived("ab", "c") != ids.derived("a", "bc")


@given(parts=PARTS)
def test_an_id_comes_back_from_its_uuid(parts: list[str]) -> None:
    made = ids.derived(*parts)
    assert ids.valid(made)
    assert ids.of_uuid(ids.as_uuid(made)) == made


@given(parts=PARTS)
def test_an_id_for_providers_is_a_uuid_of_version_4_and_comes_back_from_it(parts: list[str]) -> None:
    made = ids.derived_uuid(*parts)
    written = uuid.UUID(ids.as_uuid(made))
    assert (written.version, written.variant) == (4, uuid.RFC_4122)
    assert ids.valid(made)
    assert ids.of_uuid(str(written)) == made


@given(one=PARTS, other=PARTS)
def test_ids_for_providers_are_the_same_exactly_when_their_parts_are(one: list[str], other: list[str]) -> None:
    assert (ids.derived_uuid(*one) == ids.derived_uuid(*other)) is (one == other)


@given(earlier=st.integers(0, 2**48 - 2), later=st.integers(1, 1000))
def test_minted_ids_sort_by_the_time_they_were_made(earlier: int, later: int) -> None:
    after = min(earlier + later, 2**48 - 1)
    with mock.patch("time.time_ns", side_effect=[earlier * 1_000_000, after * 1_000_000]):
        first, second = ids.new(), ids.new()
    assert first < second


@pytest.mark.parametrize("text", ["", "a" * 25, "8" + "0" * 25, "0" * 25 + "u", "0" * 25 + "A", "0" * 27])
def test_what_has_another_form_is_no_id(text: str) -> None:
    assert not ids.valid(text)


def test_what_is_no_uuid_is_refused() -> None:
    with pytest.raises(ValueError, match="UUID"):
        ids.of_uuid("0712345678")
