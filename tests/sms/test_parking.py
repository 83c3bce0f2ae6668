"""A 402 that can be paid: what lacks credits is refused with an offer, or parked and sent once when they have come."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from functions.sms import unpark
from functions.sms.batches import batches
from functions.sms.courses import parked
from functions.sms.courses.parked import PARKED_MAX
from functions.sms.sending import parking
from mifumo import credited, ledger, quotes, tenants, wallets, writes
from mifumo.ids import BatchId, TenantId
from tests.builders import CONTEXT, sqs, token
from tests.sms.world import TENANT, World
from tests.wire import Crash

NUMBERS = [f"07120001{index:02}" for index in range(3)]


@pytest.fixture
def poor(world: World) -> World:
    """A tenant with credits for one text."""
    world.spend_all_but(1)
    return world


def top_up(amount: int, name: str = "top-up") -> None:
    ledger.move(
        wallets.read(TENANT),
        lambda wallet: ledger.credit(wallet, amount, name=name, reference=name, postings=[], package=None),
    )


def wake(tenant: TenantId = TENANT) -> None:
    assert unpark.handler(sqs({"tenant": tenant}), CONTEXT) == {"batchItemFailures": []}


def park(world: World, *numbers: str, key: str = "k") -> Any:
    status, batch = world.send(*(numbers or NUMBERS), key=key, park=True)
    assert status == 202, batch
    return batch


def test_a_send_that_lacks_credits_is_refused_with_an_offer_of_those_that_lack(poor: World) -> None:
    status, problem = poor.send(*NUMBERS, key="k")
    assert (status, problem["code"]) == (402, "insufficient_credits")
    assert (problem["required"], problem["available"], problem["shortfall"]) == (3, 1, 2)
    offer = quotes.read(TENANT, problem["quote_id"])
    assert offer is not None
    assert offer.credits == 100  # the least that is sold
    assert problem["top_up_url"] == f"http://127.0.0.1:8080/console/billing/top-up?quote={offer.id}"
    assert poor.send(*NUMBERS, key="k")[1]["quote_id"] == offer.id
    assert poor.call("GET", "/api/sms/batches/")[1]["items"] == []


def test_the_offer_is_of_what_lacks_when_that_is_more_than_the_least(poor: World) -> None:
    status, problem = poor.send(*[f"0713{index:06}" for index in range(301)])
    assert (status, problem["shortfall"]) == (402, 300)
    assert quotes.read(TENANT, problem["quote_id"]).credits == 300  # type: ignore[union-attr]


def test_a_dry_run_that_lacks_credits_makes_no_offer_and_parks_nothing(poor: World) -> None:
    status, problem = poor.send(*NUMBERS, dry_run=True, park=True)
    assert (status, "quote_id" in problem) == (402, False)
    assert parked.of_tenant(TENANT) == []


def test_a_parked_batch_is_sent_once_when_the_credits_have_come(poor: World) -> None:
    waiting = park(poor)
    assert (waiting["status"], waiting["price"], waiting["counts"]) == ("parked", 3, {"parked": 3})
    assert waiting["top_up"]["shortfall"] == 2
    assert poor.wallet() == (1, 0)
    assert poor.queued() == []
    top_up(100)
    wake()
    assert poor.batch(waiting["id"])["status"] == "accepted"
    assert poor.wallet() == (98, 3)
    wake()
    poor.settle_down()
    wake()
    assert sorted(poor.sent_to()) == [f"2557120001{index:02}" for index in range(3)]
    done = poor.batch(waiting["id"])
    assert (done["status"], done["charged"], done["created_at"]) == ("completed", 3, waiting["created_at"])
    assert poor.wallet() == (98, 0)
    assert parked.of_tenant(TENANT) == []


def test_a_parked_batch_with_credits_enough_is_accepted_like_any_other(world: World) -> None:
    batch = park(world)
    assert (batch["status"], batch["top_up"]) == ("accepted", None)


def test_the_same_request_again_meets_the_parked_batch(poor: World) -> None:
    first, again = park(poor), park(poor)
    assert again["id"] == first["id"]
    plain = poor.send(*NUMBERS, key="k")
    assert (plain[0], plain[1]["status"]) == (202, "parked")
    assert poor.send("0712999999", key="k")[1]["code"] == "idempotency_key_reused"
    assert len(parked.of_tenant(TENANT)) == 1


def test_twenty_wakes_at_once_send_it_once(poor: World) -> None:
    waiting = park(poor)
    top_up(100)
    poor.wire.take_turns()
    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(parking.resume, [TENANT] * 20)) == 1
    assert poor.wallet() == (98, 3)
    poor.settle_down()
    assert len(poor.sent_to()) == 3
    assert poor.batch(waiting["id"])["charged"] == 3


def wake_through_cuts(poor: World, wallets: set[tuple[int, int]], *, after: bool) -> None:
    """Wakes what is parked, cut off at one call after the other until it is through; credits stand as one of these."""
    for at in range(12):
        poor.wire.cut(at, after=after)
        try:
            unpark.handler(sqs({"tenant": TENANT}), CONTEXT)
            break
        except Crash:
            poor.wire.mend()
            assert poor.wallet() in wallets
    poor.wire.mend()
    assert at > 2
    poor.settle_down()


@pytest.mark.parametrize("after", [False, True])
def test_cut_off_at_any_call_a_wake_is_made_good_by_the_next(poor: World, *, after: bool) -> None:
    batch = BatchId(park(poor)["id"])
    top_up(100)
    wake_through_cuts(poor, {(101, 0), (98, 3)}, after=after)
    assert len(poor.sent_to()) == 3
    assert batches.read(TENANT, batch)[0].charged == 3  # type: ignore[index]
    assert poor.wallet() == (98, 0)


@pytest.mark.parametrize("after", [False, True])
def test_cut_off_at_any_call_of_parking_the_same_request_parks_it_once(poor: World, *, after: bool) -> None:
    waiting = list[str]()
    for at in range(20):
        poor.wire.cut(at, after=after)
        try:
            waiting.append(park(poor)["id"])
            break
        except Crash:
            poor.wire.mend()
    poor.wire.mend()
    assert at > 3
    assert parked.of_tenant(TENANT) == waiting
    top_up(100)
    wake()
    assert poor.wallet() == (98, 3)


def test_the_oldest_goes_first_and_what_still_lacks_credits_stays_parked(poor: World) -> None:
    first = park(poor, key="first")
    poor.pass_time(1)
    second = park(poor, "0712111111", "0712111112", key="second")
    top_up(3)
    wake()
    assert poor.batch(first["id"])["status"] == "accepted"
    assert poor.batch(second["id"])["status"] == "parked"
    top_up(1, name="more")
    wake()
    assert poor.batch(second["id"])["status"] == "accepted"
    assert poor.wallet() == (0, 5)


def test_a_wake_that_was_lost_is_made_good_by_the_sweep(poor: World) -> None:
    waiting = park(poor)
    poor.sweep(after_s=601)
    assert poor.parked_queue() == []
    top_up(100)
    poor.sweep(after_s=601)
    assert poor.parked_queue() == [{"tenant": TENANT}]
    wake()
    assert poor.batch(waiting["id"])["status"] == "accepted"


def test_what_nobody_paid_for_within_its_time_is_cancelled_and_costs_nothing(poor: World) -> None:
    waiting = park(poor)
    poor.sweep(after_s=timedelta(days=7, seconds=1).total_seconds())
    cancelled = poor.batch(waiting["id"])
    assert (cancelled["status"], cancelled["counts"], cancelled["charged"]) == ("cancelled", {"cancelled": 3}, 0)
    top_up(100)
    wake()
    assert poor.queued() == []
    assert poor.wallet() == (101, 0)


def test_a_parked_batch_is_cancelled_by_its_tenant_and_by_nobody_else(poor: World) -> None:
    waiting = park(poor)
    path = f"/api/sms/batches/{waiting['id']}/cancel/"
    assert poor.call("POST", path, token=None)[0] == 401
    assert poor.call("POST", path, token=token(tenant="t2"))[0] == 404
    assert poor.call("POST", "/api/sms/batches/nonsense/cancel/")[0] == 404
    for _ in range(2):
        status, batch = poor.call("POST", path)
        assert (status, batch["status"]) == (200, "cancelled")
    top_up(100)
    wake()
    assert poor.wallet() == (101, 0)


def test_a_parked_order_is_checked_anew_when_it_is_sent(poor: World) -> None:
    waiting = park(poor)
    writes.commit(tenants.suspend(TENANT, reason="Fraud."))
    top_up(100)
    wake()
    assert poor.batch(waiting["id"])["status"] == "parked"
    writes.commit(tenants.reactivate(TENANT))
    wake()
    assert poor.batch(waiting["id"])["status"] == "accepted"


def test_no_more_than_fifty_orders_of_a_tenant_wait(poor: World) -> None:
    for index in range(PARKED_MAX):
        park(poor, key=f"k{index}")
    status, problem = poor.send(*NUMBERS, key="one-more", park=True)
    assert (status, problem["code"]) == (409, "too_many_parked")
    assert len(parked.of_tenant(TENANT)) == PARKED_MAX


def test_crediting_tells_whoever_waits(poor: World) -> None:
    credited.tell(TENANT)
    assert poor.parked_queue() == [{"tenant": TENANT}]


def test_a_body_that_names_no_tenant_fails_alone(poor: World) -> None:
    waiting = park(poor)
    top_up(100)
    answer = unpark.handler(sqs({"nonsense": 1}, {"tenant": TENANT}), CONTEXT)
    assert len(answer["batchItemFailures"]) == 1
    assert poor.batch(waiting["id"])["status"] == "accepted"
