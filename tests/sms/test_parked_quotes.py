"""A quote that lacks credits can be parked: it is sent once when they have come, for what it says, however late."""

from typing import Any

import pytest

from functions.sms.courses import parked
from functions.sms.sending import parking
from mifumo import ids
from tests.builders import token
from tests.sms.test_parking import top_up, wake, wake_through_cuts
from tests.sms.test_quoted import numbers, quote, two_parts
from tests.sms.world import TENANT, World

pytestmark = pytest.mark.usefixtures("campaigns_bucket")


def send(world: World, quote_id: str, *, key: str = "k", park: bool = True, **more: Any) -> tuple[int, Any]:
    body = {"quote_id": quote_id, "park": park, **{k: v for k, v in more.items() if k != "token"}}
    options = {"token": more["token"]} if "token" in more else {}
    return world.call("POST", "/api/sms/batches/", body, headers={"Idempotency-Key": key}, **options)


@pytest.fixture
def poor(world: World) -> World:
    """A tenant with fewer credits than the quote is for."""
    world.spend_all_but(100)
    return world


def test_a_parked_quote_is_sent_once_for_its_price_after_its_half_hour(poor: World) -> None:
    quote_id = two_parts()
    status, problem = send(poor, quote_id, park=False)
    assert (status, problem["code"], problem["shortfall"]) == (402, "insufficient_credits", 9)
    status, waiting = send(poor, quote_id)
    assert (status, waiting["status"], waiting["price"], waiting["counts"]) == (202, "parked", 109, {"parked": 108})
    assert (waiting["top_up"]["shortfall"], poor.wallet()) == (9, (100, 0))
    assert poor.batch(waiting["id"])["counts"] == {"parked": 108}
    assert poor.lay() == []
    wake()
    assert poor.batch(waiting["id"])["status"] == "parked"

    poor.pass_time(3 * 3_600)
    top_up(50)
    for _ in range(2):
        wake()
        assert poor.batch(waiting["id"])["status"] == "accepted"
        assert poor.wallet() == (41, 109)
    assert len(poor.lay()) == 2
    poor.work()
    wake()
    done = poor.batch(waiting["id"])
    assert (done["status"], done["charged"], done["created_at"]) == ("completed", 109, waiting["created_at"])
    assert sorted(poor.sent_to()) == sorted(numbers(100, 105) + numbers(10, 3))
    assert poor.wallet() == (41, 0)
    assert parked.of_tenant(TENANT) == []


def test_a_parked_quote_is_its_batchs_and_nobody_elses(poor: World) -> None:
    quote_id = two_parts()
    _, waiting = send(poor, quote_id)
    assert send(poor, quote_id)[1]["id"] == waiting["id"]
    assert send(poor, quote_id, park=False)[1]["status"] == "parked"
    status, problem = send(poor, quote_id, key="other")
    assert (status, problem["code"], problem["batch_id"]) == (409, "quote_sent", waiting["id"])
    top_up(500)
    status, problem = send(poor, quote_id, key="other", park=False)
    assert (status, problem["code"]) == (409, "quote_sent")
    assert len(parked.of_tenant(TENANT)) == 1


def test_what_cannot_be_sent_is_not_parked(poor: World) -> None:
    quote_id = two_parts()
    assert send(poor, quote_id, token=None)[0] == 401
    assert send(poor, quote_id, token=token(tenant="t2"))[0] == 403  # a tenant that nobody knows may send nothing
    assert send(poor, ids.new())[1]["errors"][0]["pointer"] == "/quote_id"
    assert send(poor, quote_id, max_credits=10)[1]["code"] == "credit_cap_exceeded"
    poor.pass_time(1_801)
    assert send(poor, quote_id)[1]["code"] == "quote_expired"
    assert parked.of_tenant(TENANT) == []


def test_with_credits_enough_nothing_is_parked(world: World) -> None:
    status, batch = send(world, two_parts())
    assert (status, batch["status"], batch["top_up"]) == (202, "accepted", None)


def test_a_parked_quote_can_be_called_off_and_its_time_runs_out(poor: World) -> None:
    _, first = send(poor, two_parts())
    status, cancelled = poor.call("POST", f"/api/sms/batches/{first['id']}/cancel/")
    assert (status, cancelled["status"], cancelled["counts"]) == (200, "cancelled", {"cancelled": 108})
    _, second = send(poor, two_parts(), key="second")
    poor.sweep(after_s=604_801)
    assert poor.batch(second["id"])["status"] == "cancelled"
    top_up(500)
    wake()
    assert (poor.lay(), poor.wallet()) == ([], (600, 0))


def test_a_moment_that_has_passed_meanwhile_is_now(poor: World) -> None:
    moment = "2027-11-30T08:00:00.000Z"
    poor.at("2027-11-30T07:00:00.000Z")
    quote_id = quote({"Habari wote": numbers(100, 105)})
    _, waiting = send(poor, quote_id, send_at=moment)
    assert (waiting["status"], waiting["send_at"]) == ("parked", moment)
    poor.pass_time(7_200)
    top_up(50)
    wake()
    assert poor.batch(waiting["id"])["status"] == "accepted"
    assert poor.schedules() == {}


@pytest.mark.parametrize("after", [False, True])
def test_a_wake_that_is_cut_off_at_any_call_is_made_good_by_the_next(poor: World, *, after: bool) -> None:
    _, waiting = send(poor, two_parts())
    top_up(9)
    wake_through_cuts(poor, {(109, 0), (0, 109)}, after=after)
    assert len(poor.sent_to()) == 108
    assert poor.batch(waiting["id"])["charged"] == 109
    assert parking.resume(TENANT) == 0
