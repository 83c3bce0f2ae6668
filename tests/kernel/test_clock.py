"""The clock: stamps sort as text, and say the same moment wherever they were made."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifumo import backoff, clock

ZONES = st.builds(lambda minutes: timezone(timedelta(minutes=minutes)), st.integers(-23 * 60, 23 * 60))
MOMENTS = st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001 - `timezones` zones them


@given(MOMENTS, MOMENTS)
def test_stamps_have_one_width_and_sort_as_their_moments(one: datetime, other: datetime) -> None:
    stamps = [clock.stamp(one), clock.stamp(other)]
    assert {len(stamp) for stamp in stamps} == {len("2026-01-31T08:30:00.000Z")}
    if one <= other:
        assert stamps == sorted(stamps)


@given(MOMENTS)
def test_a_stamp_is_read_back_to_its_millisecond(moment: datetime) -> None:
    read = clock.parse(clock.stamp(moment))
    assert read.tzinfo is not None
    assert timedelta(0) <= moment - read < timedelta(milliseconds=1)
    assert clock.stamp(read) == clock.stamp(moment)


def test_now_is_aware_and_in_utc() -> None:
    assert clock.now().tzinfo is UTC
    assert abs(clock.epoch() - clock.now().timestamp()) < 2


@pytest.mark.parametrize(
    ("seconds", "stamp"),
    [(90, "2026-01-01T00:01:30.000Z"), (0.25, "2026-01-01T00:00:00.250Z"), (-1, "2025-12-31T23:59:59.000Z")],
)
def test_after_counts_seconds_forward_and_back(seconds: float, stamp: str) -> None:
    assert clock.after(seconds, datetime(2026, 1, 1, tzinfo=UTC)) == stamp


def test_epoch_is_the_same_moment_in_every_zone() -> None:
    there = datetime(2026, 1, 1, 3, tzinfo=timezone(timedelta(hours=3)))
    assert clock.epoch(there) == clock.epoch(datetime(2026, 1, 1, tzinfo=UTC)) == 1_767_225_600


def test_attempts_are_counted_and_pause_between_but_not_before_the_first(pauses: list[float]) -> None:
    assert list(backoff.attempts(30, pause_max_s=0.2)) == list(range(30))
    assert len(pauses) == 29
    assert all(0 <= pause <= 0.2 for pause in pauses)


def test_a_success_waits_for_nothing(pauses: list[float]) -> None:
    assert next(backoff.attempts()) == 0
    assert pauses == []
