"""Sending what was quoted: laid out in parts, for the price of the quote, once, whatever breaks on the way."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from functions.sms import layer
from functions.sms.batches import chunks, laid
from functions.sms.plans import parts, plans
from functions.sms.plans.plans import Extent
from functions.sms.sending import quoted
from functions.sms.sending.quoted import Wanted
from mifumo import ids, ledger, tenants, wallets, writes
from mifumo.errors import AppError
from mifumo.ids import BatchId, TenantId
from tests.builders import CONTEXT, sqs, token
from tests.queues import taken
from tests.sms.world import TENANT, World
from tests.wire import Crash

pytestmark = pytest.mark.usefixtures("campaigns_bucket")

TEMPLATE = "Habari {{name}}"


def numbers(first: int, count: int) -> list[str]:
    return [f"25571200{number:04d}" for number in range(first, first + count)]


def quote(*texts: dict[str, list[str]], tenant: TenantId = TENANT, sender_id: str = "INFO") -> str:
    """Makes a quote whose parts have these texts, one part each."""
    plan = plans.new(ids.new(), tenant, made_by="user:u1", sender_id=sender_id, text=TEMPLATE, fingerprint="f")
    writes.commit(plans.put(plan))
    extent, first = Extent(), 1
    for number, grouped in enumerate(texts, start=1):
        ready = list(parts.chunked(grouped, first=first))
        extent, first = extent.and_part(parts.write(tenant, plan.id, number, ready), ready), first + len(ready)
    writes.commit(plans.made(plans.ready(plan, extent)))
    return plan.id


def two_parts() -> str:
    """Quotes 105 recipients of one text, two of another, and one of a text of two segments: 109 credits."""
    return quote(
        {"Habari wote": numbers(100, 105), "Habari Asha": numbers(10, 1)},
        {"Habari Juma": numbers(11, 1), "x" * 161: numbers(12, 1)},
    )


def send(world: World, quote_id: str, *, key: str = "k", **options: Any) -> tuple[int, Any]:
    return world.call("POST", "/api/sms/batches/", {"quote_id": quote_id}, headers={"Idempotency-Key": key}, **options)


def test_what_was_quoted_is_held_laid_out_sent_and_charged(world: World) -> None:
    status, batch = send(world, two_parts())
    assert (status, batch["status"], batch["price"], batch["accepted"]) == (202, "accepted", 109, 108)
    assert (batch["text"], batch["segments"], batch["counts"]) == (TEMPLATE, 2, {"queued": 108})
    assert world.wallet() == (4_891, 109)
    assert world.batch(batch["id"])["counts"] == {"queued": 108}
    assert len(world.lay()) == 2
    assert len(world.work()) == 5
    done = world.batch(batch["id"])
    assert (done["status"], done["charged"], done["counts"]) == ("completed", 109, {"submitted": 108})
    assert world.wallet() == (4_891, 0)
    world.receive(expected=108)
    assert world.batch(batch["id"])["counts"] == {"delivered": 108}
    assert world.batch(batch["id"])["counts"] == {"delivered": 108}
    assert sorted(world.sent_to()) == sorted(numbers(100, 105) + numbers(10, 3))
    texts = {entry["dest_addr"]: entry["message"] for entry in world.beem.log()}
    assert (texts["255712000010"], texts["255712000011"], texts["255712000100"]) == (
        "Habari Asha",
        "Habari Juma",
        "Habari wote",
    )


def test_each_message_tells_the_text_that_it_was(world: World) -> None:
    _, batch = send(world, two_parts())
    world.lay()
    world.work()
    _, page = world.call("GET", f"/api/sms/batches/{batch['id']}/messages/", query={"limit": "250"})
    told = {item["to"]: item["text"] for item in page["items"]}
    assert (told["+255712000010"], told["+255712000012"]) == ("Habari Asha", "x" * 161)
    assert len(told) == 108
    world.send("0712000099")
    _, found = world.call("GET", "/api/sms/messages/", query={"to": "0712000099"})
    assert [item["text"] for item in found["items"]] == [None] * len(found["items"])


def test_the_same_key_meets_its_batch_and_another_key_finds_the_quote_sent(world: World) -> None:
    quote_id = two_parts()
    _, first = send(world, quote_id)
    world.lay()
    status, again = send(world, quote_id)
    assert (status, again["id"], again["price"]) == (202, first["id"], 109)
    status, problem = send(world, quote_id, key="other")
    assert (status, problem["code"], problem["batch_id"]) == (409, "quote_sent", first["id"])
    status, problem = send(world, two_parts())
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    assert world.wallet() == (4_891, 109)


def test_a_quote_that_is_too_old_unknown_or_another_tenants_moves_nothing(world: World) -> None:
    world.fund(1_000, tenant=TenantId("t2"))
    quote_id = two_parts()
    for wanted, options in (
        ("no id", {}),
        (ids.new(), {}),
        (quote_id, {"token": token(tenant="t2")}),
    ):
        status, problem = send(world, wanted, **options)
        assert (status, problem["errors"][0]["pointer"]) == (422, "/quote_id")
    assert send(world, quote_id, token=None)[0] == 401
    world.pass_time(1_801)
    status, problem = send(world, quote_id)
    assert (status, problem["code"]) == (422, "quote_expired")
    assert (world.wallet(), world.wallet(TenantId("t2"))) == ((5_000, 0), (1_000, 0))
    assert world.lay() == []


def test_a_quote_dearer_than_the_balance_is_refused_with_an_offer_and_can_be_sent_after(world: World) -> None:
    world.spend_all_but(108)
    quote_id = two_parts()
    status, problem = send(world, quote_id)
    assert (status, problem["code"], problem["shortfall"]) == (402, "insufficient_credits", 1)
    assert problem["quote_id"] != quote_id
    assert world.wallet() == (108, 0)
    world.fund(10, tenant=TenantId("t2"))
    _top_up(world)
    assert send(world, quote_id)[0] == 202


def _top_up(world: World) -> None:
    ledger.move(
        wallets.read(TENANT),
        lambda wallet: ledger.credit(wallet, 1, name="test:more", reference="test", postings=[]),
    )


def test_a_quote_is_checked_again_when_it_is_sent(world: World) -> None:
    platform_only = quote({"Habari": numbers(10, 1)}, sender_id="NotMine")
    status, problem = send(world, platform_only)
    assert (status, problem["code"]) == (403, "sender_id_not_allowed")
    world.prefer(daily_cap=100)
    status, problem = send(world, two_parts())
    assert (status, problem["code"]) == (403, "daily_cap_reached")
    writes.commit(tenants.suspend(TENANT, reason="unpaid"))
    status, problem = send(world, two_parts())
    assert (status, problem["code"]) == (403, "tenant_suspended")
    assert world.wallet() == (5_000, 0)


def test_a_part_that_is_laid_twice_is_laid_once(world: World) -> None:
    _, batch = send(world, two_parts())
    for body in world.lay():
        assert layer.handler(sqs(body, body), CONTEXT) == {"batchItemFailures": []}
    assert len(world.work()) == 5
    assert len(world.sent_to()) == 108
    assert world.batch(batch["id"])["charged"] == 109


def test_a_part_that_the_queue_lost_is_sent_again(world: World) -> None:
    _, batch = send(world, two_parts())
    taken("LAYING")
    world.sweep(after_s=61)
    assert len(world.lay()) == 2
    world.settle_down()
    done = world.batch(batch["id"])
    assert (done["status"], done["counts"], done["charged"]) == ("completed", {"delivered": 108}, 109)


@pytest.mark.parametrize("after", [False, True])
def test_a_layer_that_dies_at_any_call_lays_out_everything_once(world: World, *, after: bool) -> None:
    at, sent = 0, list[str]()
    while True:
        # Endings below a hundred mean something to the provider's simulator.
        shared, alone = numbers(300 + at * 3, 2), numbers(302 + at * 3, 1)
        _, batch = send(world, quote({"Habari wote": shared, "Habari": alone}), key=f"{at}")
        sent += [*shared, *alone]
        world.wire.cut(at, after=after)
        try:
            world.lay()
            died = False
        except Crash:
            died = True
        world.wire.mend()
        world.sweep(after_s=61)
        world.lay()
        world.work()
        world.receive(expected=3)
        assert sorted(world.sent_to()) == sorted(sent), at
        assert (world.batch(batch["id"])["status"], world.batch(batch["id"])["charged"]) == ("completed", 3), at
        if not died:
            break
        at += 1
    assert at >= 6


def test_a_worker_that_dies_before_it_counted_leaves_nothing_open(world: World) -> None:
    _, batch = send(world, two_parts())
    world.lay()
    *others, last = world.queued()
    world.wire.clear()
    for body in others:
        world.deliver(body)
    # The last chunk's hand-over is written down in a transaction; what counts it comes after.
    at = world.wire.calls.index("TransactWriteItems") + 1
    world.wire.cut(at, after=False)
    with pytest.raises(Crash):
        world.deliver(last)
    world.wire.mend()
    assert world.batch(batch["id"])["status"] == "sending"
    world.deliver(last)
    assert (world.batch(batch["id"])["status"], world.wallet()) == ("completed", (4_891, 0))


def test_how_far_a_large_batch_is_costs_one_read_and_its_list_no_more(world: World) -> None:
    _, batch = send(world, two_parts())
    world.lay()
    world.work()
    world.wire.clear()
    world.batch(batch["id"])
    assert world.wire.calls == ["BatchGetItem", "Query"]
    world.wire.clear()
    _, page = world.call("GET", "/api/sms/batches/")
    assert page["items"][0]["counts"] == {"submitted": 108}
    assert world.wire.calls == ["Query", "BatchGetItem"]


def test_counters_that_a_crash_left_wrong_are_right_when_no_report_can_come_any_more(world: World) -> None:
    _, batch = send(world, two_parts())
    world.lay()
    world.work()
    world.receive(expected=108)
    assert world.batch(batch["id"])["counts"] == {"delivered": 108}
    chunk = chunks.get(TENANT, BatchId(batch["id"]), 1)
    assert chunk is not None
    laid.add_finals(chunk, {"delivered": -3})  # as if a worker had died before it counted
    assert world.batch(batch["id"])["counts"] == {"delivered": 105, "submitted": 3}
    world.settle_down()
    assert world.batch(batch["id"])["counts"] == {"delivered": 108}


def test_of_many_who_send_a_quote_at_the_same_time_one_does(world: World) -> None:
    quote_id = two_parts()

    def one(index: int) -> str:
        try:
            return quoted.accept(Wanted(TENANT, "user:u1", quote_id), key=f"k{index % 4}").batch.id
        except AppError as refusal:
            return refusal.code

    world.wire.take_turns()
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(one, range(8)))
    accepted = {outcome for outcome in outcomes if outcome != "quote_sent"}
    assert len(accepted) == 1
    assert outcomes.count("quote_sent") == 6
    assert world.wallet() == (4_891, 109)


@pytest.mark.parametrize("after", [False, True])
def test_a_door_that_dies_at_any_call_holds_the_price_once(world: World, *, after: bool) -> None:
    world.batch(send(world, quote({"Habari": numbers(100, 1)}), key="warm")[1]["id"])
    for at in range(10):
        quote_id = quote({"Habari wote": numbers(300 + at, 1)})
        world.wire.cut(at, after=after)
        first = None
        with suppress(Crash):
            _, first = send(world, quote_id, key=f"{at}")
        world.wire.mend()
        status, batch = send(world, quote_id, key=f"{at}")
        assert (status, batch["price"]) == (202, 1), at
        assert world.wallet() == (5_000 - 2 - at, 2 + at), at
        if first:
            assert first["id"] == batch["id"]
            break
    assert at >= 3
