"""Analytics: each day's figures are what the rows say, whatever was delivered twice, came late or died on the way."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from functions.sms import sweep
from functions.sms.analytics import figures as kept
from functions.sms.analytics.figures import Network
from mifumo import clock, settings
from mifumo.phone import Operator
from tests.builders import CONTEXT, token
from tests.sms import test_quoted
from tests.sms.world import World
from tests.wire import Crash

HOUR_S = 3600
# By the tables of the regulator, not by ours: two prefixes of each network.
PREFIXES = {
    "25574": "vodacom",
    "25571": "tigo",
    "25568": "airtel",
    "25562": "halotel",
    "25573": "ttcl",
}
STATUSES = ("delivered", "undelivered", "failed", "unknown")
ENDINGS = ("001", "002", "003", "004", "005", "100", "101", "102")


def today(plus: int = 0) -> str:
    return (clock.now() + timedelta(hours=3, days=plus)).date().isoformat()


def asked(world: World, first: str, last: str, **options: Any) -> tuple[int, Any]:
    return world.call("GET", "/api/sms/analytics/", query={"from": first, "to": last}, **options)


def figures(world: World) -> Any:
    status, body = asked(world, today(-90), today(1))
    assert status == 200, body
    return body


def totals(world: World) -> dict[str, int]:
    return {name: count for name, count in figures(world).items() if name != "days"}


def look(world: World, after_s: float) -> None:
    """Lets that much time pass, and the sweep count all that is due, reports first."""
    world.sweep(after_s=after_s)
    while world.sweep()["reckonings"]:
        pass


def test_what_was_sent_is_counted_soon_by_sender_id_and_network(world: World) -> None:
    day = today()
    world.send("0741000100", "0711000100", "0711000001", text="x" * 161)
    world.send("0681000100", sender_id="Taarifa-SMS")
    world.work()
    world.receive(expected=4)
    assert totals(world)["sent"] == 0
    look(world, 181)
    found = figures(world)
    assert {name: found[name] for name in ("sent", "delivered", "undelivered", "failed", "unknown", "credits")} == {
        "sent": 4,
        "delivered": 3,
        "undelivered": 1,
        "failed": 0,
        "unknown": 0,
        "credits": 7,
    }
    (only,) = found["days"]
    assert only["day"] == day
    assert [(one["sender_id"], one["sent"], one["credits"]) for one in only["sender_ids"]] == [
        ("INFO", 3, 6),
        ("Taarifa-SMS", 1, 1),
    ]
    assert {one["network"]: one["sent"] for one in only["sender_ids"][0]["networks"]} == {"tigo": 2, "vodacom": 1}


def test_what_comes_later_moves_the_day_on_which_it_was_sent(world: World) -> None:
    world.send("0741000003", "0741000100")
    world.work()
    world.receive(expected=1)
    look(world, 181)
    assert (totals(world)["delivered"], totals(world)["unknown"]) == (1, 1)
    (entry,) = [one for one in world.beem.log() if one["dest_addr"].endswith("003")]
    report = {name: entry[name] for name in ("dest_addr", "request_id", "recipient_id")} | {"status": "DELIVERED"}
    world.report(report, report)
    look(world, 32 * 24 * HOUR_S)
    assert (totals(world)["delivered"], totals(world)["unknown"]) == (2, 0)
    assert len(figures(world)["days"]) == 1


def test_a_test_and_what_was_never_handed_over_count_nowhere(world: World) -> None:
    world.send("0741000100", mode="test")
    world.work()
    look(world, 32 * 24 * HOUR_S)
    assert totals(world) == dict.fromkeys(totals(world), 0)
    assert figures(world)["days"] == []


def test_others_see_their_own_figures_and_strangers_none(world: World) -> None:
    other = token(tenant="t2")
    world.send("0741000100")
    world.work()
    world.receive(expected=1)
    look(world, 181)
    assert asked(world, today(-1), today(1), token=other)[1]["sent"] == 0
    assert asked(world, today(-1), today(1), token=None)[0] == 401


@pytest.mark.parametrize(
    ("first", "last", "pointer"),
    [
        ("2026-01-02", "2026-01-01", "query:to"),
        ("2026-01-01", "2026-04-03", "query:to"),
        ("2026-13-01", "2026-01-01", "query:from"),
        ("yesterday", "2026-01-01", "query:from"),
    ],
)
def test_days_that_cannot_be_asked_for_are_refused(world: World, first: str, last: str, pointer: str) -> None:
    status, refusal = asked(world, first, last)
    assert (status, refusal["errors"][0]["pointer"]) == (422, pointer)
    assert asked(world, "2026-01-01", "2026-04-02")[0] == 200


def test_days_are_those_of_tanzania() -> None:
    assert kept.day_of("2026-01-31T20:59:59.999Z") == "2026-01-31"
    assert kept.day_of("2026-01-31T21:00:00.000Z") == "2026-02-01"


def test_every_network_of_a_number_has_figures() -> None:
    assert {operator.value for operator in Operator} < {network.value for network in Network}


def test_a_look_that_nothing_has_changed_for_reads_no_rows_and_adds_nothing(world: World) -> None:
    world.send(*(f"0741000{n}" for n in range(100, 200)))
    world.work()
    world.receive(expected=100)
    look(world, 181)
    world.pass_time(3 * HOUR_S)
    world.wire.clear()
    assert sweep.handler({}, CONTEXT)["reckonings"] == 1
    assert "TransactWriteItems" not in world.wire.calls
    assert totals(world)["delivered"] == 100


def test_what_is_sent_in_parts_is_counted_part_by_part(world: World, campaigns_bucket: str) -> None:
    test_quoted.send(world, test_quoted.two_parts())
    world.lay()
    world.work()
    world.receive(expected=108)
    look(world, 181)
    assert (totals(world)["delivered"], totals(world)["credits"]) == (108, 109)


def half_sent(world: World) -> tuple[Any, list[dict[str, Any]]]:
    """A batch of 150 of whom a hundred were handed over; returns it, and what the workers were told of the others."""
    _, batch = world.send(*(f"0741{n:06d}" for n in range(100_100, 100_250)))
    first, *rest = world.queued()
    world.deliver(first)
    return batch, rest


def test_what_was_sent_of_a_batch_that_is_paused_is_counted_and_the_rest_when_it_went(world: World) -> None:
    batch, _ = half_sent(world)
    world.call("POST", f"/api/sms/batches/{batch['id']}/pause/")
    world.sweep(after_s=61)
    look(world, 181)
    assert (totals(world)["sent"], totals(world)["credits"]) == (100, 100)
    look(world, 8 * HOUR_S)
    world.call("POST", f"/api/sms/batches/{batch['id']}/resume/")
    world.work()
    look(world, 181)
    assert (totals(world)["sent"], totals(world)["credits"]) == (150, 150)


def test_what_was_sent_beside_a_lost_answer_is_counted_before_anybody_knows_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIPT_WINDOW_S", "259200")
    settings.forget()
    batch, rest = half_sent(world)
    world.beem.add_fault("reset_after_accept")
    for body in rest:
        world.deliver(body)
    world.sweep(after_s=61)
    look(world, 181)
    assert world.batch(batch["id"])["counts"] == {"submitted": 100, "submit_unknown": 50}
    assert (totals(world)["sent"], totals(world)["unknown"]) == (100, 0)
    look(world, 72 * HOUR_S)
    look(world, 2 * HOUR_S)
    assert (totals(world)["sent"], totals(world)["unknown"]) == (100, 150)
    assert totals(world)["credits"] == world.batch(batch["id"])["charged"] == 100


def test_an_open_batch_is_looked_at_every_two_hours_and_once_it_has_ended_as_any_other(world: World) -> None:
    _, rest = half_sent(world)
    world.sweep(after_s=61)
    looks = sum(world.sweep(after_s=HOUR_S / 2)["reckonings"] for _ in range(48))
    assert 12 <= looks <= 14, "when it is twice as old, and then every two hours"
    for body in rest:
        world.deliver(body)
    assert world.sweep(after_s=181)["reckonings"] == 1, "soon after its end"
    assert totals(world)["sent"] == 150
    looks = sum(world.sweep(after_s=24 * HOUR_S)["reckonings"] for _ in range(40))
    assert looks == 3, "later that day, once reports are over, and once none can match"


def test_figures_of_an_open_batch_are_begun_once(world: World) -> None:
    half_sent(world)
    puts = []
    for _ in range(3):
        world.wire.clear()
        world.sweep(after_s=61)
        puts.append(world.wire.count("PutItem"))
    assert puts == [1, 0, 0]


class Story:
    """Some batches whose workers, receiver and sweep die at random calls, and whose queues deliver again."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.dice = world, random.Random(seed)
        self.sent, self.reports = list[str](), list[dict[str, Any]]()

    def go_on(self) -> None:
        """Sends one batch, and lets its work, reports of any batch and the sweep come, each perhaps to die."""
        picked = [f"{prefix}{self.dice.randrange(10**4):04d}{ending}" for prefix in PREFIXES for ending in ENDINGS]
        _, batch = self.world.send(*self.dice.sample(picked, self.dice.randrange(1, 6)))
        self.sent.append(batch["id"])
        for body in self.world.queued() * 2:
            self._dies_perhaps(self.world.deliver, body)
        self.reports += self.world.reports.take()
        for report in self.dice.choices(self.reports, k=8) if self.reports else ():
            self._dies_perhaps(self.world.report, report)
        self._dies_perhaps(self.world.sweep, self.dice.choice([61, 200, 3 * HOUR_S]))

    def end(self) -> None:
        """Lets every report come and a month pass."""
        for _ in range(2):
            self.world.settle_down()
            self.reports += self.world.reports.take()
            self.world.report(*self.reports)
        self._dies_perhaps(self.world.sweep, 32 * 24 * HOUR_S)
        look(self.world, 32 * 24 * HOUR_S)

    def recounted(self) -> Counter[tuple[str, str]]:
        """Counts every message by network and status, from what the door says of each."""
        found: Counter[tuple[str, str]] = Counter()
        for batch in self.sent:
            for number, status in self.world.statuses(batch).items():
                name = "failed" if status in {"failed", "rejected"} else status
                found[PREFIXES[number[1:6]], name] += 1
        return found

    def _dies_perhaps(self, step: Callable[..., object], *given: object) -> None:
        if self.dice.random() < 0.6:
            self.world.wire.cut(self.dice.randrange(12), after=self.dice.random() < 0.5)
        with suppress(Crash):
            step(*given)
        self.world.wire.mend()


@pytest.mark.parametrize("seed", range(3))
def test_whatever_dies_or_comes_twice_the_figures_are_a_recount_of_the_rows(world: World, seed: int) -> None:
    story = Story(world, seed)
    for _ in range(4):
        story.go_on()
    story.end()
    found, told = figures(world), Counter[tuple[str, str]]()
    for sender in (one for day in found["days"] for one in day["sender_ids"]):
        for one in sender["networks"]:
            told.update({(one["network"], name): one[name] for name in STATUSES})
    assert +told == story.recounted()
    assert found["credits"] == sum(world.batch(batch)["charged"] for batch in story.sent)
