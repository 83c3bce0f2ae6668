"""What was accepted goes only if it may go when its turn comes: what staff decide meanwhile stops it."""

from typing import Any

import pytest

from mifumo import clock, tenants, writes
from tests.builders import token
from tests.sms.test_schedules import HOUR, NUMBERS, later
from tests.sms.world import TENANT, World

STAFF = token(tenant="p", role="staff")
MANY = [f"07120{n:05d}" for n in range(10_100, 10_350)]


@pytest.fixture
def name(world: World) -> str:
    """Asks for a name of the tenant's own, which staff approve; returns its id."""
    return ask(world)


def ask(world: World) -> str:
    wanted = {"name": "Quantum", "purpose": "Taarifa kwa wateja", "sample": "Habari"}
    status, made = world.call("POST", "/api/sms/sender-ids/", wanted)
    assert status == 201, made
    assert decide(world, made["id"], "approve") == 200
    return str(made["id"])


def decide(world: World, sender_id: str, verb: str, body: Any = None) -> int:
    return world.call("POST", f"/api/admin/sms/sender-ids/{sender_id}/{verb}/", body, token=STAFF)[0]


def revoke(world: World, sender_id: str) -> None:
    assert decide(world, sender_id, "reject", {"reason": "Not yours."}) == 200


def told(world: World, batch: Any) -> tuple[str, str | None]:
    now = world.batch(batch["id"])
    return now["status"], now["reason"]


def test_what_was_scheduled_under_a_name_that_is_revoked_waits_until_it_is_approved_again(
    world: World, name: str
) -> None:
    batch = later(world, sender_id="quantum")
    revoke(world, name)
    world.pass_time(HOUR + 1)
    world.fire()
    world.work()
    assert (told(world, batch), world.sent_to()) == (("held", "sender_id_not_allowed"), [])
    world.pass_time(HOUR + 1)
    assert len(world.fire()) == 1
    assert told(world, batch) == ("held", "sender_id_not_allowed")
    ask(world)
    world.pass_time(HOUR + 1)
    world.fire()
    world.work()
    assert (told(world, batch), len(world.sent_to())) == (("completed", None), 3)


def test_what_waits_for_a_name_can_be_cancelled_and_comes_back(world: World, name: str) -> None:
    batch = later(world, sender_id="Quantum")
    revoke(world, name)
    world.pass_time(HOUR + 1)
    world.fire()
    assert world.call("POST", f"/api/sms/batches/{batch['id']}/cancel/")[0] == 200
    assert told(world, batch) == ("cancelled", None)
    assert (world.wallet(), world.schedules()) == ((5_000, 0), {})


def test_what_was_paused_does_not_go_on_under_a_name_that_was_revoked(world: World, name: str) -> None:
    _, batch = world.send(*NUMBERS, sender_id="Quantum")
    world.call("POST", f"/api/sms/batches/{batch['id']}/pause/")
    revoke(world, name)
    status, held = world.call("POST", f"/api/sms/batches/{batch['id']}/resume/")
    assert (status, held["status"], held["reason"]) == (200, "held", "sender_id_not_allowed")
    world.settle_down()
    assert world.sent_to() == []


def test_what_is_being_sent_stops_when_its_name_is_revoked(world: World, name: str) -> None:
    _, batch = world.send(*MANY, sender_id="Quantum")
    first, *rest = world.queued()
    world.deliver(first)
    revoke(world, name)
    for body in rest:
        world.deliver(body)
    world.start()
    assert (told(world, batch), len(world.sent_to())) == (("held", "sender_id_not_allowed"), 100)


def test_what_is_being_sent_stops_when_its_tenant_is_suspended_and_goes_on_when_that_is_over(world: World) -> None:
    _, batch = world.send(*MANY)
    first, *rest = world.queued()
    world.deliver(first)
    writes.commit(tenants.suspend(TENANT, reason="Fraud."))
    for body in [*rest, *rest]:
        world.deliver(body)
    world.start()
    assert (told(world, batch), len(world.sent_to())) == (("held", "tenant_suspended"), 100)
    world.settle_down()
    assert len(world.sent_to()) == 100
    writes.commit(tenants.reactivate(TENANT))
    world.pass_time(HOUR)
    world.fire()
    world.work()
    assert (told(world, batch), len(world.sent_to())) == (("completed", None), 250)
    assert world.wallet() == (4_750, 0)


def test_a_tenant_that_is_active_again_before_its_batch_is_held_loses_no_time(world: World) -> None:
    _, batch = world.send(*NUMBERS)
    writes.commit(tenants.suspend(TENANT, reason="Fraud."))
    world.work()
    writes.commit(tenants.reactivate(TENANT))
    world.start()
    assert told(world, batch) == ("accepted", None)
    world.sweep(after_s=61)
    world.work()
    assert (told(world, batch), len(world.sent_to())) == (("completed", None), 3)


def test_what_is_being_sent_is_cancelled_when_its_tenant_is_closed(world: World) -> None:
    _, batch = world.send(*MANY)
    first, *rest = world.queued()
    world.deliver(first)
    writes.commit(tenants.close(TENANT, reopen_until=clock.after(9 * HOUR)))
    for body in rest:
        world.deliver(body)
    world.start()
    assert (told(world, batch), len(world.sent_to())) == (("cancelled", "tenant_closed"), 100)
    assert world.wallet() == (4_900, 0)


def test_a_test_of_a_suspended_tenant_waits_as_well(world: World) -> None:
    _, batch = world.send(*NUMBERS, mode="test")
    writes.commit(tenants.suspend(TENANT, reason="Fraud."))
    world.work()
    world.start()
    assert told(world, batch) == ("held", "tenant_suspended")


def test_looking_at_what_stands_in_the_way_costs_a_hand_over_no_call_more(world: World) -> None:
    world.send("0712000010")
    (body,) = world.queued()
    world.wire.clear()
    world.deliver(body)
    assert world.wire.calls[:2] == ["BatchGetItem", "UpdateItem"]
