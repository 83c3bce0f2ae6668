"""What is sent later: at the moment asked for, with any offset, once; moved or cancelled until then."""

from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import pytest

from functions.sms import api
from functions.sms.batches import batches, listings
from functions.sms.content import opt_outs
from functions.sms.courses import courses
from functions.sms.sending import parking
from mifumo import aws, clock, tenants, writes
from mifumo.ids import BatchId
from tests.builders import CONTEXT, request, token
from tests.sms.test_parking import top_up
from tests.sms.world import OWNER, TENANT, World
from tests.wire import Crash

HOUR = 3600


class _Http(NamedTuple):
    status_code: int


NUMBERS = ("0712000010", "0712000020", "0712000030")


def written(seconds: float, offset_h: float = 3) -> str:
    """Writes a moment ahead of us as somebody in another time zone does."""
    zone = timezone(timedelta(hours=offset_h))
    return (clock.now().replace(microsecond=0) + timedelta(seconds=seconds)).astimezone(zone).isoformat()


def later(world: World, *numbers: str, seconds: float = HOUR, **more: Any) -> Any:
    status, batch = world.send(*(numbers or NUMBERS), send_at=written(seconds), **more)
    assert status == 202, batch
    return batch


def move(world: World, batch: Any, send_at: Any, **options: Any) -> tuple[int, Any]:
    return world.call("PATCH", f"/api/sms/batches/{batch['id']}/", {"send_at": send_at}, **options)


@pytest.mark.parametrize("offset_h", [3, 0, -8, 5.75, 14])
def test_it_is_sent_at_its_moment_whatever_the_offset_and_not_before(world: World, offset_h: float) -> None:
    wanted = written(HOUR, offset_h)
    status, batch = world.send(*NUMBERS, send_at=wanted)
    assert (status, batch["status"], batch["counts"]) == (202, "scheduled", {"scheduled": 3})
    assert datetime.fromisoformat(batch["send_at"]) == datetime.fromisoformat(wanted)
    assert batch["send_at"].endswith("Z")
    assert world.wallet() == (4_997, 3)  # held from now on
    world.pass_time(HOUR - 120)
    assert world.fire() == []
    world.sweep()
    assert world.work() == []
    world.pass_time(121)
    assert len(world.fire()) == 1
    world.work()
    done = world.batch(batch["id"])
    assert (done["status"], done["charged"], done["send_at"]) == ("completed", 3, batch["send_at"])
    assert len(world.sent_to()) == 3
    assert world.schedules() == {}


@pytest.mark.parametrize(
    ("send_at", "code"),
    [
        ("2027-01-31T08:15:00", "offset_missing"),
        ("2027-01-31", "moment_invalid"),
        ("tomorrow", "moment_invalid"),
        ("2027-02-30T08:15:00Z", "moment_invalid"),
        ("2027-01-31T08:15:00+0300", "moment_invalid"),
        ("0001-01-01T00:00:00+14:00", "moment_invalid"),
        (1801370100, "string_type"),
        (-60, "too_soon"),
        (5, "too_soon"),
        (366 * 24 * HOUR, "too_late"),
    ],
)
def test_a_moment_that_cannot_be_meant_is_refused_and_nothing_is_held(world: World, send_at: Any, code: str) -> None:
    wanted = written(send_at) if isinstance(send_at, int) and abs(send_at) < 1e9 else send_at
    status, problem = world.send(*NUMBERS, send_at=wanted)
    assert (status, problem["code"]) == (422, "validation_failed")
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/send_at", code)]
    assert world.wallet() == (5_000, 0)
    assert world.schedules() == {}


def test_a_scheduled_send_costs_one_read_one_transaction_and_one_schedule(world: World) -> None:
    world.send("0712000040")
    wanted = {"text": "Habari", "recipients": list(NUMBERS), "send_at": written(HOUR)}
    body = {"sender_id": "INFO", "allow_repeat": True, **wanted}
    event = request("POST", "/api/sms/send/", body, token=OWNER, headers={"Idempotency-Key": "k"})
    world.wire.clear()
    assert api.handler(event, CONTEXT)["statusCode"] == 202
    assert world.wire.calls == ["BatchGetItem", "TransactWriteItems", "CreateSchedule"]
    assert world.send(*NUMBERS, send_at=wanted["send_at"], key="k")[1]["status"] == "scheduled"
    assert world.send(*NUMBERS, key="k")[1]["code"] == "idempotency_key_reused"
    assert world.send(*NUMBERS, send_at=wanted["send_at"], dry_run=True)[1]["status"] == "scheduled"
    assert len(world.schedules()) == 1


def test_the_same_request_is_a_replay_also_when_its_moment_has_passed(world: World) -> None:
    moment = written(HOUR)
    _, first = world.send(*NUMBERS, send_at=moment, key="k")
    world.pass_time(2 * HOUR)
    status, again = world.send(*NUMBERS, send_at=moment, key="k")
    assert (status, again["id"]) == (202, first["id"])


def test_fired_twice_and_swept_as_well_it_is_sent_once(world: World) -> None:
    batch = later(world)
    world.pass_time(HOUR + 1)
    (message,) = world.fire()
    world.begin(message)
    world.sweep()
    world.start()
    world.settle_down()
    world.begin(message)
    world.settle_down()
    assert len(world.sent_to()) == 3
    assert world.batch(batch["id"])["charged"] == 3


def test_what_a_lost_schedule_should_have_started_the_sweep_starts(world: World) -> None:
    batch = later(world)
    aws.scheduler().delete_schedule(Name=batch["id"], GroupName="appointments")
    world.sweep(after_s=HOUR - 10)
    assert world.start() == []
    world.sweep(after_s=80)
    world.start()
    world.work()
    assert world.batch(batch["id"])["status"] == "completed"


def test_without_a_scheduler_it_is_accepted_and_the_sweep_starts_it(world: World) -> None:
    refusal = {"Error": {"Code": "ThrottlingException", "Message": "made up"}}
    events: Any = aws.scheduler().meta.events
    events.register("before-call.scheduler.*", lambda **_: (_Http(429), refusal), unique_id="trouble")
    batch = later(world)
    events.unregister("before-call.scheduler.*", unique_id="trouble")
    assert world.schedules() == {}
    world.sweep(after_s=HOUR + 61)
    world.start()
    world.work()
    assert world.batch(batch["id"])["status"] == "completed"


def test_a_cancelled_one_is_not_sent_and_all_of_it_comes_back(world: World) -> None:
    batch = later(world)
    fired_late = world.schedules()[batch["id"]][1]
    status, cancelled = world.call("POST", f"/api/sms/batches/{batch['id']}/cancel/")
    assert (status, cancelled["status"], cancelled["charged"]) == (200, "cancelled", 0)
    assert world.wallet() == (5_000, 0)
    assert world.schedules() == {}
    world.pass_time(HOUR + 1)
    world.begin(fired_late)
    world.settle_down()
    assert world.sent_to() == []


def test_it_can_be_moved_until_it_is_sent_and_the_schedule_of_before_starts_nothing(world: World) -> None:
    batch = later(world)
    (before,) = [message for _, message in world.schedules().values()]
    wanted = written(3 * HOUR, -5)
    status, moved = move(world, batch, wanted)
    assert (status, moved["status"]) == (200, "scheduled")
    assert datetime.fromisoformat(moved["send_at"]) == datetime.fromisoformat(wanted)
    assert move(world, batch, wanted)[0] == 200
    world.pass_time(HOUR + 61)
    world.begin(before)
    world.sweep()
    assert world.start() == []
    world.work()  # the sweep brought its chunk, as it would have been due
    assert world.sent_to() == []
    world.pass_time(2 * HOUR)
    assert len(world.fire()) == 1
    world.work()
    assert world.batch(batch["id"])["status"] == "completed"
    assert move(world, batch, written(HOUR))[1]["code"] == "batch_over"


def test_who_may_move_a_batch_and_which(world: World) -> None:
    batch = later(world)
    assert move(world, batch, written(HOUR), token=None)[0] == 401
    assert move(world, batch, written(HOUR), token=token(tenant="t2"))[0] == 404
    assert move(world, batch, written(-HOUR))[1]["errors"][0]["code"] == "too_soon"
    assert move(world, batch, "2027-01-31T08:15:00")[1]["errors"][0]["pointer"] == "/send_at"
    assert world.call("POST", f"/api/sms/batches/{batch['id']}/pause/")[1]["code"] == "batch_status_unfit"
    assert world.call("POST", f"/api/sms/batches/{batch['id']}/resume/")[1]["code"] == "batch_status_unfit"
    _, other = world.send("0712000040")
    assert move(world, other, written(HOUR))[1]["code"] == "batch_status_unfit"


def test_whoever_opted_out_meanwhile_is_not_texted_and_not_charged(world: World) -> None:
    batch = later(world)
    lone = later(world, "0712000020", text="Kwaheri")
    opt_outs.add(TENANT, ["255712000020"], source=opt_outs.Source.ENTERED, reason="")
    world.pass_time(HOUR + 1)
    world.fire()
    world.work()
    assert sorted(world.sent_to()) == ["255712000010", "255712000030"]
    done = world.batch(batch["id"])
    assert (done["status"], done["charged"], done["counts"]) == ("completed", 2, {"submitted": 2, "cancelled": 1})
    world.receive(expected=2)
    assert world.batch(batch["id"])["counts"] == {"delivered": 2, "cancelled": 1}
    assert world.statuses(batch["id"])["+255712000020"] == "cancelled"
    _, page = world.call("GET", f"/api/sms/batches/{lone['id']}/messages/")
    assert [(one["status"], one["reason"]) for one in page["items"]] == [("cancelled", "opted_out")]
    assert world.batch(lone["id"])["status"] == "completed"
    assert world.wallet() == (4_998, 0)


def test_a_suspended_tenant_waits_on_and_a_closed_one_sends_nothing(world: World) -> None:
    first, second = later(world), later(world, text="Kwaheri")
    writes.commit(tenants.suspend(TENANT, reason="Fraud."))
    world.pass_time(HOUR + 1)
    world.fire()
    held = world.batch(first["id"])
    assert (held["status"], held["reason"]) == ("held", "tenant_suspended")
    assert world.work() == []
    writes.commit(tenants.reactivate(TENANT))
    world.call("POST", f"/api/sms/batches/{second['id']}/cancel/")
    world.pass_time(HOUR + 1)
    world.fire()
    world.work()
    assert world.batch(first["id"])["status"] == "completed"
    third = later(world)
    writes.commit(tenants.close(TENANT, reopen_until=clock.after(9 * HOUR)))
    world.pass_time(HOUR + 1)
    world.fire()
    assert world.batch(third["id"])["status"] == "cancelled"
    assert world.wallet() == (4_997, 0)


def test_what_is_parked_until_after_its_moment_goes_when_the_credits_come(world: World) -> None:
    world.spend_all_but(1)
    _, soon = world.send(*NUMBERS, send_at=written(HOUR), park=True)
    assert soon["status"] == "parked"
    world.pass_time(HOUR + 1)
    _, late = world.send(*NUMBERS, text="Kwaheri", send_at=written(HOUR), park=True)
    top_up(100)
    assert parking.resume(TENANT) == 2
    assert world.batch(soon["id"])["status"] == "accepted"
    assert world.batch(late["id"])["status"] == "scheduled"
    assert list(world.schedules()) == [late["id"]]


@pytest.mark.parametrize("after", [False, True])
def test_cut_off_at_any_call_a_start_is_made_good(world: World, *, after: bool) -> None:
    for at in range(12):
        batch = later(world, "0712000010", text=f"Habari {at}")
        world.pass_time(HOUR + 1)
        (message,) = [one for _, one in world.schedules().values()]
        world.wire.cut(at, after=after)
        try:
            world.fire()
        except Crash:
            world.wire.mend()
        world.wire.mend()
        calls = len(world.wire.calls)
        world.begin(message)  # the queue brings it again
        world.sweep(after_s=61)
        world.start()
        world.work()
        assert world.batch(batch["id"])["status"] == "completed", at
        aws.scheduler().delete_schedule(Name=batch["id"], GroupName="appointments") if world.schedules() else None
        if at >= calls:
            break
    assert at > 3
    assert len(world.sent_to()) == at + 1


def test_moved_while_it_starts_one_of_the_two_happens(world: World) -> None:
    batch = later(world)
    stale = listings.require(TENANT, batch["id"])
    world.pass_time(HOUR + 1)
    world.fire()
    with pytest.raises(courses.StatusUnfit):
        courses.reschedule(stale, clock.after(HOUR))
    started = batches.read(TENANT, BatchId(batch["id"]))
    assert started is not None
    assert started[0].status is batches.Status.ACCEPTED
