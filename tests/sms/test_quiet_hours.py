"""Quiet hours: what is promotional wakes nobody; everything else goes at once."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.sms import messaging
from functions.sms.batches.categories import Category
from functions.sms.plans import plans
from functions.sms.timing import quiet
from functions.sms.uploads import uploads
from mifumo import aws, clock, tables
from mifumo.ids import BatchId
from mifumo.preferences import Preferences, QuietHours
from tests.sms.files import begun, put, read, split
from tests.sms.test_parking import top_up, wake
from tests.sms.world import TENANT, World

NUMBERS = ("0712000010", "0712000020")
NIGHT = QuietHours("20:00", "08:00", "Africa/Dar_es_Salaam")


def tanzania(world: World, hour: int, minute: int = 0) -> None:
    """Moves the clock to that time of tomorrow in Tanzania, which has no summer time."""
    day = (clock.now() + timedelta(hours=3)).date() + timedelta(days=1)
    world.at(clock.stamp(datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) - timedelta(hours=3)))


@pytest.mark.parametrize(
    ("hours", "at", "end"),
    [
        (NIGHT, "2026-11-28T16:59:59Z", None),
        (NIGHT, "2026-11-28T17:00:00Z", "2026-11-29T05:00:00Z"),
        (NIGHT, "2026-11-28T22:30:00Z", "2026-11-29T05:00:00Z"),
        (NIGHT, "2026-11-29T04:59:59Z", "2026-11-29T05:00:00Z"),
        (NIGHT, "2026-11-29T05:00:00Z", None),
        (QuietHours("12:00", "14:00", "Africa/Dar_es_Salaam"), "2026-11-28T09:30:00Z", "2026-11-28T11:00:00Z"),
        (QuietHours("12:00", "14:00", "Africa/Dar_es_Salaam"), "2026-11-28T11:00:00Z", None),
        # Clocks in Berlin are put forward in that night: it ends at eight of summer time.
        (QuietHours("22:00", "08:00", "Europe/Berlin"), "2026-03-28T22:00:00Z", "2026-03-29T06:00:00Z"),
        (QuietHours("22:00", "08:00", "Asia/Kathmandu"), "2026-11-28T17:00:00Z", "2026-11-29T02:15:00Z"),
    ],
)
def test_they_begin_and_end_by_the_clock_of_their_time_zone(hours: QuietHours, at: str, end: str | None) -> None:
    found = quiet.end(hours, clock.parse(at))
    assert found == (clock.parse(end) if end else None)


def test_only_what_is_promotional_keeps_them() -> None:
    keeping = {category for category in Category if quiet.hours_of(category, Preferences())}
    assert keeping == {Category.PROMOTIONAL}


def test_batches_are_let_go_at_moments_of_their_own_within_a_quarter_of_an_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock, "now", lambda: datetime(2026, 11, 28, 20, 0, tzinfo=UTC))
    moments = {quiet.held_until(NIGHT, BatchId(f"b{n}")) or "" for n in range(100)}
    assert len(moments) > 80
    assert min(moments) >= "2026-11-29T05:00"
    assert max(moments) < "2026-11-29T05:15"
    assert quiet.held_until(NIGHT, BatchId("b1")) == quiet.held_until(NIGHT, BatchId("b1"))


def test_what_is_promotional_is_held_at_night_and_goes_in_the_morning(world: World) -> None:
    tanzania(world, 21)
    status, batch = world.send(*NUMBERS, category="promotional")
    assert (status, batch["status"], batch["reason"]) == (202, "held", "quiet_hours")
    assert timedelta(hours=11) <= clock.parse(batch["held_until"]) - clock.now() < timedelta(hours=11, minutes=15)
    assert world.wallet() == (4_998, 2)
    world.sweep(after_s=600)
    assert world.work() == []
    assert world.fire() == []
    world.at(batch["held_until"])
    world.pass_time(1)
    assert len(world.fire()) == 1
    world.work()
    done = world.batch(batch["id"])
    assert (done["status"], done["held_until"], done["reason"]) == ("completed", None, None)


@pytest.mark.parametrize("category", ["transactional", "otp", "alert", None])
def test_whatever_is_not_promotional_goes_at_night_as_well(world: World, category: str | None) -> None:
    tanzania(world, 23)
    _, batch = world.send(*NUMBERS, **({"category": category} if category else {}))
    assert (batch["status"], batch["category"]) == ("accepted", category or "transactional")
    world.work()
    assert len(world.sent_to()) == 2


def test_a_template_says_what_its_texts_are_for(world: World) -> None:
    made: Any = world.call(
        "POST", "/api/sms/templates/", {"name": "Offer", "category": "promotional", "body": "Bei nafuu {{what}}!"}
    )[1]
    tanzania(world, 22)
    ask = {"text": None, "template_id": made["id"], "variables": {"what": "leo"}}
    assert world.send(*NUMBERS, **ask)[1]["status"] == "held"
    problem = world.send(*NUMBERS, **ask, category="otp")[1]
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [("/category", "too_much")]


def of_template(world: World, bucket: str, category: str) -> Any:
    """Makes a quote for two from a file, and from a template of a category."""
    path, body = "/api/sms/templates/", {"name": category, "category": category, "body": "Bei nafuu {{what}}!"}
    template = world.call("POST", path, body)[1]["id"]
    made = begun(world, sender_id="INFO", template_id=template)
    split(put(bucket, made, "phone,what\n0712000010,leo\n0712000020,kesho\n"))
    return read(world, made)


def send_quote(world: World, quote: Any, **more: Any) -> tuple[int, Any]:
    return world.call("POST", "/api/sms/batches/", {"quote_id": quote["id"], **more})


def test_a_file_sent_with_a_template_keeps_the_quiet_hours_of_the_template(world: World, campaigns_bucket: str) -> None:
    tanzania(world, 22)
    quote = of_template(world, campaigns_bucket, "promotional")
    assert quote["category"] == "promotional"
    for category in Category:
        status, problem = send_quote(world, quote, category=category)
        assert (status, [(one["pointer"], one["code"]) for one in problem["errors"]]) == (
            422,
            [("/category", "too_much")],
        )
    _, batch = send_quote(world, quote)
    assert (batch["status"], batch["category"], batch["reason"]) == ("held", "promotional", "quiet_hours")
    world.lay()
    world.start()
    assert world.work() == []
    world.at(batch["held_until"])
    world.pass_time(1)
    world.fire()
    world.settle_down()
    assert (world.batch(batch["id"])["status"], len(world.sent_to())) == ("completed", 2)


def test_a_file_sent_with_a_template_that_may_go_at_night_goes(world: World, campaigns_bucket: str) -> None:
    tanzania(world, 22)
    _, batch = send_quote(world, of_template(world, campaigns_bucket, "alert"))
    assert (batch["status"], batch["category"]) == ("accepted", "alert")


def test_a_file_sent_with_a_text_is_for_what_its_request_says(world: World, campaigns_bucket: str) -> None:
    tanzania(world, 22)
    for text, more, told in [
        ("Habari", {}, ("accepted", "transactional")),
        ("Kwaheri", {"category": "promotional"}, ("held", "promotional")),
    ]:
        made = begun(world, sender_id="INFO", text=text)
        split(put(campaigns_bucket, made, "phone\n0712000010\n"))
        assert read(world, made)["category"] is None
        _, batch = send_quote(world, made, **more)
        assert (batch["status"], batch["category"]) == told


def test_a_parked_file_keeps_the_quiet_hours_of_its_template_when_the_credits_come(
    world: World, campaigns_bucket: str
) -> None:
    tanzania(world, 15)
    quote = of_template(world, campaigns_bucket, "promotional")
    world.spend_all_but(1)
    _, batch = send_quote(world, quote, park=True)
    assert (batch["status"], batch["category"]) == ("parked", "promotional")
    world.pass_time(7 * 3600)
    top_up(10)
    wake()
    held = world.batch(batch["id"])
    assert (held["status"], held["category"], held["reason"]) == ("held", "promotional", "quiet_hours")


def test_an_upload_and_a_quote_from_before_templates_told_their_category_are_still_read(
    world: World, campaigns_bucket: str
) -> None:
    tanzania(world, 12)
    quote = of_template(world, campaigns_bucket, "promotional")
    table = messaging.table()
    item = tables.get(table, uploads.key(TENANT, quote["id"])) or {}
    task = {name: value for name, value in json.loads(item["task"]).items() if name != "category"}
    aws.dynamodb().put_item(TableName=table, Item=aws.marshal({**item, "task": json.dumps(task)}))
    plan = tables.get(table, plans.key(TENANT, quote["id"])) or {}
    del plan["category"]
    aws.dynamodb().put_item(TableName=table, Item=aws.marshal(plan))
    assert read(world, quote)["category"] is None
    assert send_quote(world, quote, category="promotional")[1]["category"] == "promotional"


def test_a_tenants_own_hours_are_kept(world: World) -> None:
    world.prefer(quiet_hours=QuietHours("12:00", "14:00", "Africa/Dar_es_Salaam"))
    tanzania(world, 21)
    assert world.send(*NUMBERS, category="promotional")[1]["status"] == "accepted"
    tanzania(world, 13)
    assert world.send(*NUMBERS, text="Kwaheri", category="promotional")[1]["status"] == "held"


def test_what_is_scheduled_for_the_night_is_held_then_until_the_morning(world: World) -> None:
    tanzania(world, 19)
    _, batch = world.send(*NUMBERS, category="promotional", send_at=clock.after(2 * 3600))
    assert batch["status"] == "scheduled"
    world.pass_time(2 * 3600 + 2)
    world.fire()
    held = world.batch(batch["id"])
    assert (held["status"], held["reason"]) == ("held", "quiet_hours")
    assert list(world.schedules()) == [batch["id"]]
    world.at(held["held_until"])
    world.pass_time(1)
    world.fire()
    world.work()
    assert world.batch(batch["id"])["status"] == "completed"


def test_a_campaign_that_is_not_done_by_the_evening_stops_until_the_morning(world: World) -> None:
    tanzania(world, 19, 59)
    _, batch = world.send(*[f"0712{n:04d}50" for n in range(150)], category="promotional")
    first, second = world.queued()
    world.deliver(first)
    world.pass_time(120)
    world.deliver(second)
    world.start()
    held = world.batch(batch["id"])
    assert (held["status"], held["reason"]) == ("held", "quiet_hours")
    assert len(world.sent_to()) == 100
    world.sweep(after_s=61)
    world.work()
    assert len(world.sent_to()) == 100
    world.at(held["held_until"])
    world.pass_time(1)
    world.fire()
    world.work()
    assert world.batch(batch["id"])["status"] == "completed"
    assert len(world.sent_to()) == 150


@pytest.mark.parametrize("hours", [("08:05", "08:00"), ("00:01", "23:59"), ("08:01", "08:00")])
def test_however_little_of_the_day_is_left_each_batch_is_let_go_within_it(
    monkeypatch: pytest.MonkeyPatch, hours: tuple[str, str]
) -> None:
    kept, now = QuietHours(*hours, "Africa/Dar_es_Salaam"), datetime(2026, 1, 31, 9, tzinfo=UTC)
    for n in range(100):
        monkeypatch.setattr(clock, "now", lambda: now)
        until = quiet.held_until(kept, BatchId(f"b{n}")) or ""
        monkeypatch.setattr(clock, "now", lambda: clock.parse(until))  # noqa: B023 # It is asked for right here.
        assert quiet.held_until(kept, BatchId(f"b{n}")) is None


def test_hours_that_are_loosened_let_go_at_once_what_is_being_sent(world: World) -> None:
    tanzania(world, 19, 50)
    _, batch = world.send(*NUMBERS, category="promotional")
    world.prefer(quiet_hours=QuietHours("23:00", "05:00", "Africa/Dar_es_Salaam"))
    world.pass_time(1200)
    world.work()
    assert (world.batch(batch["id"])["status"], len(world.sent_to())) == ("completed", 2)


def test_hours_that_are_tightened_stop_what_is_being_sent(world: World) -> None:
    tanzania(world, 12)
    _, batch = world.send(*NUMBERS, category="promotional")
    world.prefer(quiet_hours=QuietHours("11:00", "14:00", "Africa/Dar_es_Salaam"))
    world.work()
    world.start()
    held = world.batch(batch["id"])
    assert (held["status"], held["reason"], world.sent_to()) == ("held", "quiet_hours", [])


def test_what_is_resumed_in_quiet_hours_is_held_until_they_are_over(world: World) -> None:
    tanzania(world, 12)
    _, batch = world.send(*NUMBERS, category="promotional")
    world.call("POST", f"/api/sms/batches/{batch['id']}/pause/")
    world.work()
    world.prefer(quiet_hours=QuietHours("11:00", "14:00", "Africa/Dar_es_Salaam"))
    status, held = world.call("POST", f"/api/sms/batches/{batch['id']}/resume/")
    assert (status, held["status"], held["reason"]) == (200, "held", "quiet_hours")
    assert list(world.schedules()) == [batch["id"]]
    world.settle_down()
    assert world.sent_to() == []
    world.at(held["held_until"])
    world.pass_time(1)
    world.fire()
    world.work()
    assert (world.batch(batch["id"])["status"], len(world.sent_to())) == ("completed", 2)
