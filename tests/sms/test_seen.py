"""Seen: as exact as a set, and smaller."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from functions.sms.sheets.seen import Seen

NUMBERS = st.one_of(
    st.integers(255_600_000_000, 255_799_999_999),
    st.sampled_from(
        [255_599_999_999, 255_600_000_000, 255_600_079_999, 255_600_080_000, 255_799_999_999, 255_800_000_000]
    ),
    st.integers(254_700_000_000, 254_700_000_009),
)


@given(st.lists(st.tuples(st.booleans(), NUMBERS), max_size=60))
def test_it_tells_what_a_set_would(deeds: list[tuple[bool, int]]) -> None:
    seen, oracle = Seen(), set[int]()
    for added, number in deeds:
        if added:
            assert seen.add(str(number)) == (number not in oracle)
            oracle.add(number)
        else:
            seen.discard(str(number))
            oracle.discard(number)


def test_numbers_from_all_over_the_country_fit_in_thirty_megabytes() -> None:
    tracemalloc.start()
    try:
        seen = Seen()
        for number in range(255_600_000_000, 255_800_000_000, 20_000):
            assert seen.add(str(number))
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
