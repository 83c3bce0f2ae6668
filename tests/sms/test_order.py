"""Order independence: whatever reports come of a text, in any order and any number, one state and one bill are the end.

All permutations of all multisets are all sequences. They are not walked one by one: what stands after some reports is
written down for the *set* of their words, and each word is then applied to each such state, by the real function with
its conditional writes. When what comes out always is what stands for the larger set, no sequence can end otherwise, of
five reports or of so many words however often they are repeated.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from functions.sms.batches import chunks, messages
from mifumo import aws, settings, tables, wallets
from mifumo.ids import BatchId
from mifumo.providers import beem
from mifumo.providers.beem_reports import STATUSES
from tests.sms.world import TENANT, World

REPORTS_MAX = 5
# Each status that words stand for, two words for one status, and one that nobody knows.
WORDS = ("DELIVERED", "UNDELIVERED", "EXPIRED", "REJECTED", "PENDING", "WHO_KNOWS")
FEWER = ("DELIVERED", "UNDELIVERED", "REJECTED", "WHO_KNOWS")
SILENT = "0712000003"  # the simulator reports nothing of it by itself


class Ending(NamedTuple):
    """What stands of a text, as far as no clock shows in it."""

    status: str | None
    reason: str | None
    said: str | None
    heard: frozenset[str]
    counted: dict[str, int]
    state: str
    waits: str


class Sent(NamedTuple):
    """A text that was handed over, and what its reports have to name."""

    batch: BatchId
    names: dict[str, Any]

    def report(self, word: str) -> dict[str, Any]:
        """Makes a report of the text."""
        return {**self.names, "status": word}


def of_log(world: World) -> dict[str, Any]:
    sent = world.beem.log()[-1]
    return {name: sent[name] for name in ("request_id", "recipient_id", "dest_addr")}


@pytest.fixture(autouse=True)
def _patient(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many answers in a row are lost here, and that is not to stop the hand-over."""
    monkeypatch.setenv("CIRCUIT_FAILURES_MAX", "1000")
    settings.forget()


def handed_over(world: World) -> Sent:
    _, batch = world.send(SILENT)
    world.work()
    return Sent(BatchId(batch["id"]), of_log(world))


Stored = dict[tuple[str, tables.Key], dict[str, Any] | None]


def read(sent: Sent) -> Stored:
    """Reads all that reports can change: the row, the chunk and the route of its request id."""
    keys = [
        ("messaging", messages.key(TENANT, sent.batch, 1, 1)),
        ("messaging", chunks.key(TENANT, sent.batch, 1)),
        ("messaging", tables.Key(f"REQUEST#beem#{sent.names['request_id']}", "ROUTE")),
    ]
    found = tables.read(*keys)
    return {key: found.get(key) for key in keys}


def restore(stored: Stored) -> None:
    for (table, key), item in stored.items():
        if item is None:
            aws.dynamodb().delete_item(TableName=table, Key=aws.marshal(key._asdict()))
            continue
        aws.dynamodb().put_item(TableName=table, Item=aws.marshal(item))


def ending(stored: Stored) -> Ending:
    row, item, _ = stored.values()
    assert row
    assert item
    chunk = chunks.of(item)
    waits = "nothing" if chunk.due is None else "window" if chunk.due == chunk.window else "report"
    counted = {status: count for status, count in chunk.finals if count}
    said = row.get("provider_status")
    return Ending(row.get("status"), row.get("reason"), said, frozenset(row["heard"]), counted, chunk.state, waits)


Endings = dict[frozenset[str], Stored]


def every_ending(world: World, sent: Sent, words: tuple[str, ...]) -> Endings:
    """Applies each word to each state that can stand, and holds each result against what stands for those words."""
    found: Endings = {frozenset(): read(sent)}
    for some in subsets(words, REPORTS_MAX - 1):
        for word in words:
            restore(found[some])
            world.report(sent.report(word))
            after = read(sent)
            expected = found.setdefault(some | {word}, after)
            assert ending(after) == ending(expected), (sorted(some), word)
    return found


def subsets(words: tuple[str, ...], most: int) -> Iterator[frozenset[str]]:
    """Yields the sets of up to so many words, smaller ones first."""
    for size in range(most + 1):
        yield from map(frozenset, itertools.combinations(words, size))


def highest(some: frozenset[str]) -> str | None:
    """Says which status has to stand, from the table of words and the order of statuses alone."""
    ranks = [messages.RANK[messages.Status(STATUSES.get(word, ("submitted",))[0])] for word in some]
    return next(status.value for status, rank in messages.RANK.items() if rank == max(ranks)) if ranks else None


def test_every_order_of_up_to_five_reports_ends_alike(world: World) -> None:
    found = every_ending(world, handed_over(world), WORDS)
    assert len(found) == sum(1 for _ in subsets(WORDS, REPORTS_MAX))
    for some, stored in found.items():
        assert (ending(stored).status, ending(stored).heard) == (highest(some), some)


def test_every_word_of_the_table_stands_for_a_status_that_the_orders_are_tried_with() -> None:
    assert {status for status, _ in STATUSES.values()} == {STATUSES[word][0] for word in WORDS if word in STATUSES}


@pytest.mark.parametrize("fault", [None, "reset_after_accept"])
def test_reports_before_our_own_commit_end_like_those_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch, fault: str | None
) -> None:
    """And so do those after a lost answer; with what comes later it goes on from there as above."""
    send, early = beem.send, list[str]()

    def send_and_hear_at_once(*arguments: Any, **options: Any) -> Any:
        if fault:
            world.beem.add_fault(fault)
        answer = send(*arguments, **options)
        world.report(*({**of_log(world), "status": word} for word in early))
        return answer

    monkeypatch.setattr(beem, "send", send_and_hear_at_once)
    world.prefer(refund_undelivered=True)
    after = every_ending(world, handed_over(world), FEWER)
    for some in subsets(FEWER, REPORTS_MAX):
        early[:] = some
        sent = handed_over(world)
        assert ending(read(sent)) == ending(after[some]), some


@pytest.mark.parametrize("refunds", [False, True])
@pytest.mark.parametrize("lost", [False, True])
def test_every_order_costs_the_same(world: World, *, lost: bool, refunds: bool) -> None:
    """A state is one for all orders, so it is enough to let the window end once for each."""
    world.prefer(refund_undelivered=refunds)
    made: dict[frozenset[str], Sent] = {}
    for some in subsets(FEWER, REPORTS_MAX):
        if lost:
            world.beem.add_fault("reset_after_accept")
        made[some] = handed_over(world)
        world.report(*map(made[some].report, sorted(some)))
    for _ in range(3):
        world.sweep(after_s=61)
    moved = defaultdict[tuple[str, str], int](int)
    for entry in wallets.entries(TENANT, limit=100, start=None).items:
        moved[entry["reference"], entry["kind"]] += entry["amount"]
    for some, sent in made.items():
        bill = moved[sent.batch, "capture"], moved[sent.batch, "refund"]
        assert bill == policy(highest(some), lost=lost, refunds=refunds), some


def policy(status: str | None, *, lost: bool, refunds: bool) -> tuple[int, int]:
    """Says what a text costs by its status at the end of the window: (captured, given back)."""
    if lost and status in {None, "submitted", "buffered"}:
        return 0, 0
    return 1, int(status == "rejected" or (status == "undelivered" and refunds))
