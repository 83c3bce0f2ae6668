"""Nothing waits for ever: what was held or paused for a year is called off, before what it is sent from expires."""

from typing import Any

import pytest

from functions.sms import messaging
from functions.sms.batches import batches, chunks
from functions.sms.batches.chunks import RETENTION_S
from functions.sms.timing.waits import WAITS_MAX_S
from mifumo import clock, tables, tenants, writes
from mifumo.ids import BatchId
from tests.sms.files import begun, put, split
from tests.sms.test_schedules import HOUR, NUMBERS, later, move, written
from tests.sms.world import TENANT, World

DAY = 24 * HOUR


def expire(batch: Any, *numbers: int) -> None:
    """Deletes chunks as their time to live does."""
    for number in numbers:
        key = chunks.key(TENANT, BatchId(batch["id"]), number)
        writes.commit(writes.delete(messaging.table(), key, condition=writes.WHATEVER_STANDS, refused=writes.never))


def test_a_batch_can_be_moved_to_a_year_after_it_was_accepted_and_no_further(world: World) -> None:
    batch = later(world, seconds=364 * DAY)
    world.pass_time(300 * DAY)
    status, problem = move(world, batch, written(66 * DAY))
    assert (status, [(one["pointer"], one["code"]) for one in problem["errors"]]) == (422, [("/send_at", "too_late")])
    assert problem["errors"][0]["detail"].startswith("At most 365 days after it was accepted: 20")
    status, moved = move(world, batch, written(64 * DAY))
    assert status == 200
    item = tables.get(messaging.table(), chunks.key(TENANT, BatchId(batch["id"]), 1)) or {}
    assert item["ttl"] > clock.epoch(clock.parse(moved["send_at"])) + 30 * DAY


def test_all_that_waits_is_over_before_its_chunks_expire() -> None:
    assert 365 * DAY < WAITS_MAX_S < RETENTION_S - 14 * DAY


def test_what_was_paused_for_longer_than_anything_may_wait_is_called_off_and_its_credits_come_back(
    world: World,
) -> None:
    _, batch = world.send(*NUMBERS)
    world.call("POST", f"/api/sms/batches/{batch['id']}/pause/")
    world.work()
    world.sweep(after_s=WAITS_MAX_S - DAY)
    assert world.call("GET", f"/api/sms/batches/{batch['id']}/")[1]["status"] == "paused"
    world.sweep(after_s=DAY + 61)
    world.start()
    done = batches.read(TENANT, BatchId(batch["id"]))
    assert done
    assert (done[0].status, done[0].reason, done[0].charged) == ("cancelled", "waited_too_long", 0)
    assert (world.wallet(), world.sent_to()) == ((5_000, 0), [])


def test_what_was_held_for_longer_than_anything_may_wait_is_called_off(world: World) -> None:
    batch = later(world, seconds=364 * DAY)
    writes.commit(tenants.suspend(TENANT, reason="Fraud."))
    world.pass_time(364 * DAY + 1)
    world.fire()
    held = batches.read(TENANT, BatchId(batch["id"]))
    assert held
    assert (held[0].status, held[0].reason) == ("held", "tenant_suspended")
    world.pass_time(16 * DAY)
    world.fire()
    done = batches.read(TENANT, BatchId(batch["id"]))
    assert done
    assert (done[0].status, done[0].reason) == ("cancelled", "waited_too_long")
    assert (world.wallet(), world.schedules()) == ((5_000, 0), {})


def test_a_chunk_that_is_missing_is_waited_for_until_it_must_have_expired_and_is_charged_nothing(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    _, batch = world.send(*[f"07120{n:05d}" for n in range(10_100, 10_350)])
    first, *_ = world.queued()
    world.deliver(first)
    expire(batch, 2, 3)
    for _ in range(2):
        world.sweep(after_s=61)
    assert world.wallet() == (4_750, 250)
    world.pass_time(RETENTION_S + 61 * DAY)
    for _ in range(3):
        world.sweep(after_s=61)
        world.start()
    done = batches.read(TENANT, BatchId(batch["id"]))
    assert done
    assert (done[0].status, done[0].charged) == ("completed", 100)
    assert world.wallet() == (4_900, 0)
    assert capfd.readouterr().out.count('"BatchOutlivedChunks"') > 0


def test_a_campaign_whose_chunks_and_parts_are_gone_is_settled_and_never_laid_out_again(
    world: World, campaigns_bucket: str
) -> None:
    made = begun(world, sender_id="INFO", text="Habari")
    split(put(campaigns_bucket, made, "phone\n0712000010\n0712000020\n"))
    _, batch = world.call("POST", "/api/sms/batches/", {"quote_id": made["id"]})
    world.pass_time(RETENTION_S + 61 * DAY)
    for _ in range(3):
        world.sweep(after_s=61)
        world.start()
    world.lay()  # what told of it when it was accepted comes last of all
    assert chunks.of_batch(TENANT, BatchId(batch["id"])) == []
    assert world.wallet() == (5_000, 0)
    done = batches.read(TENANT, BatchId(batch["id"]))
    assert done
    assert done[0].status == "completed"
