"""Circuits: failures in a row open one, one call at a time tries again, and one that flaps stays open for longer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from mifumo import circuits, clock, writes
from mifumo.circuits import Circuit, Moved, Pass, Place, Rule, State
from mifumo.tables import Key
from tests.wire import Wire

PLACE = Place("messaging", Key("PLATFORM", "CIRCUIT#test"), "test")
RULE = Rule(failures_max=3, open_s=10, open_max_s=40)


class Time:
    """The clock, where a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 31, 9, tzinfo=UTC)

    def forward(self, seconds: float) -> None:
        """Moves it ahead."""
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def time(aws_tables: Wire, monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(clock, "now", lambda: made.now)
    return made


def read() -> Circuit:
    return circuits.read(PLACE, consistent=True)


def entered() -> Pass:
    entry = circuits.enter(read(), RULE)
    assert entry
    return entry


def opened() -> None:
    for _ in range(RULE.failures_max):
        circuits.failed(entered(), RULE, "no_answer")
    assert read().state is State.OPEN


@pytest.mark.usefixtures("time")
def test_failures_in_a_row_open_it_and_an_answer_in_between_forgets_them() -> None:
    told = [circuits.failed(entered(), RULE, "no_answer") for _ in range(2)]
    circuits.answered(entered())
    told += [circuits.failed(entered(), RULE, "no_answer") for _ in range(3)]
    assert told == [False, False, False, False, True]
    assert (read().state, read().reason) == (State.OPEN, "no_answer")
    assert circuits.enter(read(), RULE) is None


def test_an_answer_where_nothing_has_failed_costs_no_write(aws_tables: Wire) -> None:
    entry = entered()
    aws_tables.clear()
    circuits.answered(entry)
    assert aws_tables.calls == []


def test_of_many_at_a_half_open_circuit_one_tries(time: Time, aws_tables: Wire) -> None:
    opened()
    time.forward(11)
    circuit = read()
    aws_tables.take_turns()
    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(lambda _: circuits.enter(circuit, RULE), range(16)))
    assert sum(entry is not None for entry in entries) == 1
    assert read().state is State.OPEN


def test_the_probes_answer_closes_it_and_a_probe_that_died_is_followed_by_another(time: Time) -> None:
    opened()
    time.forward(11)
    entered()  # and never heard of again
    assert circuits.enter(read(), RULE) is None
    time.forward(11)
    circuits.answered(entered())
    assert (read().state, read().failures) == (State.CLOSED, 0)


def test_a_probe_that_fails_opens_it_for_twice_as_long_up_to_a_limit(time: Time) -> None:
    opened()
    gaps = []
    for _ in range(4):
        time.forward(RULE.open_max_s + 1)
        assert circuits.failed(entered(), RULE, "no_answer")
        gaps.append((clock.parse(read().open_until or "") - clock.now()).total_seconds())
    assert gaps == [20, 40, 40, 40]


def test_a_call_that_began_before_it_opened_does_not_close_it(time: Time) -> None:
    before = entered()
    opened()
    circuits.answered(before)
    assert read().state is State.OPEN
    time.forward(11)
    circuits.answered(before)
    assert read().state is State.HALF_OPEN


def test_an_old_probes_answer_does_not_close_what_a_later_probe_has_opened_again(time: Time) -> None:
    opened()
    time.forward(11)
    slow = entered()
    time.forward(11)
    assert circuits.failed(entered(), RULE, "no_answer")
    circuits.answered(slow)
    assert read().state is State.OPEN


def test_a_provider_that_comes_and_goes_is_called_by_everybody_ever_more_seldom(time: Time) -> None:
    """No flapping: it answers one probe, then fails again, for an hour."""
    times_open, began = 0, time.now
    while time.now - began < timedelta(hours=1):
        for _ in range(RULE.failures_max):
            circuits.failed(entered(), RULE, "no_answer")
        times_open += 1
        while circuits.enter(read(), RULE) is None:
            time.forward(1)
        time.forward(RULE.open_s + 1)
        circuits.answered(entered())
    assert times_open <= 3600 / RULE.open_max_s
    time.forward(RULE.open_max_s + 1)
    opened()
    assert read().openings == 1, "what lies far back is forgotten"


def test_trouble_that_no_try_puts_right_opens_it_at_once(time: Time) -> None:
    assert circuits.trip(entered(), RULE, "provider_balance")
    assert read().state is State.OPEN
    time.forward(11)
    assert circuits.trip(entered(), RULE, "provider_balance")
    assert read().openings == 2


def test_staff_open_it_until_staff_close_it(time: Time) -> None:
    writes.commit(circuits.held_open(PLACE, "maintenance"))
    assert read().held
    with pytest.raises(Moved):
        writes.commit(circuits.held_open(PLACE, "again"))
    time.forward(1_000_000)
    assert circuits.enter(read(), RULE) is None
    writes.commit(circuits.let_go(PLACE))
    assert read().state is State.CLOSED
    with pytest.raises(Moved):
        writes.commit(circuits.let_go(PLACE))


@pytest.mark.usefixtures("time")
def test_late_failures_do_not_reopen_what_staff_hold_open() -> None:
    before = entered()
    writes.commit(circuits.held_open(PLACE, "maintenance"))
    for _ in range(5):
        assert not circuits.failed(before, RULE, "no_answer")
    assert read().held
