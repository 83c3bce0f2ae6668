"""Receipts: corrections, words that nobody knows, reports that match nothing yet or never came, and the bill."""

import json
from contextlib import suppress
from typing import Any, NamedTuple

import pytest

from functions.sms import receipts, recovery
from functions.sms.batches import chunks, messages
from functions.sms.batches.heard import Word
from functions.sms.delivery import inbox, routes
from mifumo import aws, clock, settings, tables, wallets, writes
from mifumo.ids import BatchId
from mifumo.providers import beem_reports
from tests.builders import CONTEXT, sqs
from tests.queues import taken
from tests.sms.world import TENANT, World
from tests.wire import Crash

SILENT = "0712000003"  # the simulator never reports it, and calls it PENDING when asked
FINE = "0712000010"
MINUTE, HOUR = 60, 3600


class Http(NamedTuple):
    """What an answer that was made up needs besides its body."""

    status_code: int


def handed_over(world: World, number: str = SILENT) -> tuple[str, dict[str, Any]]:
    """Hands a text over; returns its batch, and what a report of it has to name."""
    _, batch = world.send(number)
    world.work()
    sent = world.beem.log()[-1]
    return batch["id"], {name: sent[name] for name in ("request_id", "recipient_id", "dest_addr")}


def words(batch: str) -> list[Word]:
    row = tables.get("messaging", messages.key(TENANT, BatchId(batch), 1, 1))
    assert row
    return messages.words(row)


def shown(world: World, batch: str) -> tuple[str, str | None, str | None]:
    """Reads how the API shows the only message of a batch."""
    _, page = world.call("GET", f"/api/sms/batches/{batch}/messages/")
    (item,) = page["items"]
    return item["status"], item["reason"], item["provider_status"]


def counted(capsys: pytest.CaptureFixture[str], metric: str) -> float:
    """Sums a metric over all that was printed since the last look."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]
    return sum(sum(line.get(metric, [])) for line in lines)


def returned() -> list[int]:
    entries = wallets.entries(TENANT, limit=50, start=None).items
    return [entry["amount"] for entry in entries if entry["kind"] == "refund"]


def test_reports_that_cannot_be_looked_up_come_again_all_of_them(world: World) -> None:
    (first, one), (second, other) = handed_over(world), handed_over(world, "0712010003")
    bodies = [{"provider": "beem", "report": {**named, "status": "DELIVERED"}} for named in (one, other)]
    world.wire.trouble(writes=0, reads=1)
    failed = receipts.handler(sqs(*bodies), CONTEXT)["batchItemFailures"]
    world.wire.calm()
    assert [one["itemIdentifier"] for one in failed] == ["m0", "m1"]
    assert receipts.handler(sqs(*bodies), CONTEXT) == {"batchItemFailures": []}
    assert {world.statuses(batch)[to] for batch, to in ((first, "+255712000003"), (second, "+255712010003"))} == {
        "delivered"
    }


# --- corrections -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["UNDELIVERED", "EXPIRED"])
def test_a_later_delivery_corrects_an_ending_and_the_correction_is_on_record(
    world: World, capsys: pytest.CaptureFixture[str], first: str
) -> None:
    batch, names = handed_over(world)
    world.report({**names, "status": first})
    world.pass_time(5)
    world.report({**names, "status": "DELIVERED"}, {**names, "status": "DELIVERED"})
    assert shown(world, batch) == ("delivered", None, "DELIVERED")
    assert [(word.said, word.raised, word.corrected) for word in words(batch)] == [
        (first, True, False),
        ("DELIVERED", True, True),
    ]
    assert world.batch(batch)["counts"] == {"delivered": 1}
    assert counted(capsys, "ReportCorrected") == 1


def test_what_ended_unknown_is_corrected_by_a_report_days_later(world: World) -> None:
    batch, names = handed_over(world)
    world.sweep(after_s=46)
    assert shown(world, batch) == ("unknown", "no_report", None)
    world.pass_time(72 * HOUR)
    world.report({**names, "status": "DELIVERED"})
    assert world.batch(batch)["counts"] == {"delivered": 1}
    assert [(word.said, word.reason, word.corrected) for word in words(batch)] == [
        (None, "no_report", False),
        ("DELIVERED", None, True),
    ]
    assert returned() == []


def test_a_delivery_is_never_taken_back_but_that_somebody_tried_is_kept_and_counted(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    batch, names = handed_over(world)
    world.report({**names, "status": "DELIVERED"})
    for _ in range(3):
        world.report({**names, "status": "UNDELIVERED"}, {**names, "status": "PENDING"})
    assert shown(world, batch) == ("delivered", None, "DELIVERED")
    assert {(word.said, word.raised) for word in words(batch)} == {
        ("DELIVERED", True),
        ("UNDELIVERED", False),
        ("PENDING", False),
    }
    assert counted(capsys, "ReportContradicted") == 1


# --- words that nobody knows -----------------------------------------------------------------------------------------


def test_an_unknown_word_is_recorded_ends_nothing_and_rings(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    batch, names = handed_over(world)
    world.report({**names, "status": "Teleported"})
    assert shown(world, batch) == ("submitted", "unmapped", "Teleported")
    assert counted(capsys, "ReportUnmapped") == 1
    assert world.batch(batch)["counts"] == {"submitted": 1}
    world.report({**names, "status": "DELIVERED"})
    assert shown(world, batch) == ("delivered", None, "DELIVERED")
    assert words(batch)[-1].corrected is False


def test_nonsense_without_end_fills_no_row_and_hides_no_ending(world: World) -> None:
    batch, names = handed_over(world)
    world.report(*({**names, "status": f"word {n}"} for n in range(30)))
    world.report({**names, "status": "DELIVERED"})
    assert shown(world, batch)[0] == "delivered"
    assert len(words(batch)) == 9


# --- reports that match nothing yet ----------------------------------------------------------------------------------


def test_a_report_that_matches_nothing_is_looked_at_five_times_and_then_people_are_told(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    stray = {"request_id": 987, "recipient_id": 1, "dest_addr": "255712000010", "status": "DELIVERED"}
    world.report(stray)
    world.report(stray)
    age_s, looks = 0.0, []
    for look_s in (MINUTE, 5 * MINUTE, 30 * MINUTE, 6 * HOUR, 72 * HOUR):
        assert world.sweep(after_s=look_s - age_s - 2)["reports"] == 0
        looks.append(world.sweep(after_s=4)["reports"])
        age_s = look_s + 2
        assert counted(capsys, "ReportOrphaned") == (look_s == 72 * HOUR)
    assert looks == [1, 1, 1, 1, 1]
    assert world.sweep(after_s=24 * HOUR)["reports"] == 0


def test_a_kept_report_is_applied_at_the_look_by_which_its_hand_over_is_known(world: World) -> None:
    batch, names = handed_over(world)
    other = {**names, "request_id": "from-nowhere", "status": "DELIVERED"}
    world.report(other)
    world.sweep(after_s=62)
    assert shown(world, batch)[0] == "unknown"
    chunk = chunks.get(TENANT, BatchId(batch), 1)
    assert chunk
    writes.commit(routes.new("from-nowhere", chunk))  # as if that had been written late
    world.sweep(after_s=2 * MINUTE)
    assert shown(world, batch)[0] == "unknown", "the second look is at five minutes"
    world.sweep(after_s=3 * MINUTE)
    assert shown(world, batch)[0] == "delivered"


# --- reports that never came -----------------------------------------------------------------------------------------


def test_the_provider_is_asked_about_who_has_no_report_on_the_bulk_lane_whatever_lane_the_text_took(
    world: World,
) -> None:
    batch, _ = handed_over(world, FINE)
    world.reports.take(1)
    world.sweep(after_s=15)
    assert world.queued() == []
    world.sweep(after_s=10)
    assert taken("URGENT") == []
    (question,) = taken("BULK")
    assert question["ask"] == 1
    world.deliver(question)
    assert shown(world, batch)[0] == "delivered"
    world.sweep(after_s=15)
    assert world.queued() == []


def test_it_is_asked_again_until_the_window_is_over_and_what_is_pending_then_is_unknown(world: World) -> None:
    batch, _ = handed_over(world)
    for _ in range(2):
        world.pass_time(24)
        world.sweep()
        if world.work():
            assert shown(world, batch)[0] == "buffered"
    world.sweep(after_s=1)
    assert shown(world, batch) == ("unknown", "no_report", None)
    assert world.queued() == []


def test_a_provider_that_does_not_answer_is_asked_once_a_look(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, batch = world.send(*(f"07121{n:05d}" for n in range(100, 120)))
    world.work()
    world.reports.take(20)
    monkeypatch.setenv("BEEM_REPORTS_URL", "http://127.0.0.1:1")
    settings.forget()
    world.sweep(after_s=24)
    assert len(world.work()) == 1
    assert world.queued() == []
    assert world.batch(batch["id"])["counts"] == {"submitted": 20}


def test_a_worker_whose_time_is_over_leaves_the_rest_of_the_questions_to_the_next_message(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, batch = world.send(*(f"07121{n:05d}" for n in range(100, 112)))
    world.work()
    world.reports.take(12)
    monkeypatch.setenv("PROVIDER_TIMEOUT_S", "0")
    settings.forget()
    monkeypatch.setattr("functions.sms.delivery.inquiry.beem.ask", lambda request_id, digits: [])
    world.sweep(after_s=24)
    firsts = []
    while found := world.work():
        firsts += [body["ask"] for body in found]
    assert firsts == list(range(1, 13))
    assert world.batch(batch["id"])["counts"] == {"submitted": 12}


# --- the bill --------------------------------------------------------------------------------------------------------


def test_what_an_operator_refused_comes_back_to_everybody_when_the_window_is_over(world: World) -> None:
    batch, names = handed_over(world)
    world.report({**names, "status": "UNDELIVERED"})
    world.report({**names, "status": "REJECTED"})
    assert world.wallet() == (4_999, 0)
    for _ in range(3):
        world.sweep(after_s=61)
    assert (world.wallet(), returned()) == ((5_000, 0), [1])
    assert world.batch(batch)["charged"] == 1


@pytest.mark.parametrize(("setting", "back"), [("rejected", []), ("rejected,unknown", [2])])
def test_texts_without_a_report_are_paid_or_not_as_the_platform_has_set(
    world: World, monkeypatch: pytest.MonkeyPatch, setting: str, back: list[int]
) -> None:
    monkeypatch.setenv("OWED_ENDINGS", setting)
    world.send(SILENT, "0712100003", FINE, "0712000006")  # the last one is invalid, and was never charged
    world.work()
    world.receive(expected=1)
    for _ in range(3):
        world.sweep(after_s=61)
    assert returned() == back
    assert world.wallet() == (4_997 + sum(back), 0)


# --- many at once ----------------------------------------------------------------------------------------------------


def test_reports_of_a_batch_are_counted_once_for_each_chunk_they_touch(world: World) -> None:
    world.send(*(f"07121{n:05d}" for n in range(100, 250)))
    world.work()
    reports = world.reports.take(150)
    world.wire.clear()
    bodies = [{"provider": "beem", "report": report} for report in reversed(reports)]
    assert receipts.handler(sqs(*bodies), CONTEXT) == {"batchItemFailures": []}
    assert world.wire.count("UpdateItem") == 150 + 2 * 2, "a row each; each chunk its counters, and its end"
    assert world.wire.count("BatchGetItem") == 1


def three_sent(world: World, *numbers: str) -> tuple[str, list[dict[str, Any]]]:
    """Hands a text to some numbers over; returns its batch, and the names that reports of them have, in that order."""
    _, batch = world.send(*(numbers or ("0712000003", "0712100003", "0712200003")))
    world.work()
    sent = world.beem.log()[-len(numbers or "abc") :]
    return batch["id"], [{name: one[name] for name in ("request_id", "recipient_id", "dest_addr")} for one in sent]


def brought(*reports: dict[str, Any], before: int = 0) -> list[str]:
    """Delivers reports in one event, by a queue that has delivered them so often before; returns which failed."""
    event = sqs(*({"provider": "beem", "report": report} for report in reports))
    for record in event["Records"]:
        record["attributes"]["ApproximateReceiveCount"] = str(before + 1)
    return [one["itemIdentifier"] for one in receipts.handler(event, CONTEXT)["batchItemFailures"]]


@pytest.mark.parametrize("after", [False, True])
def test_whoever_dies_before_reports_are_counted_leaves_no_count_behind(world: World, *, after: bool) -> None:
    for at in range(6):
        batch, names = three_sent(world)
        reports = [{**one, "status": "DELIVERED"} for one in names[:2]]
        world.wire.cut(at, after=after)
        with suppress(Crash):
            brought(*reports)
        world.wire.mend()
        assert brought(*reports, before=1) == []
        assert world.batch(batch)["counts"] == {"delivered": 2, "submitted": 1}, at


def look_at_kept(now: str) -> None:
    """Looks at the kept reports that are due at a moment, as the sweep does."""
    for page in inbox.due(now, pages_max=recovery.REPORT_PAGES_MAX):
        recovery.reports(page)


def test_who_dies_over_reports_that_waited_counts_them_at_the_next_look(world: World) -> None:
    for at in range(9):
        batch, names = three_sent(world)
        other = [{**one, "request_id": f"elsewhere-{at}", "status": "DELIVERED"} for one in names[:2]]
        world.report(*other)
        chunk = chunks.get(TENANT, BatchId(batch), 1)
        assert chunk
        writes.commit(routes.new(f"elsewhere-{at}", chunk))
        world.pass_time(2)  # short of the look for reports that are missing
        world.wire.cut(at, after=True)
        with suppress(Crash):
            look_at_kept(clock.after(MINUTE))
        world.wire.mend()
        look_at_kept(clock.after(MINUTE))
        assert world.batch(batch)["counts"] == {"delivered": 2, "submitted": 1}, at


def test_reports_that_come_again_cost_no_recount_where_nobody_died(world: World) -> None:
    _, names = three_sent(world)
    reports = [{**one, "status": "DELIVERED"} for one in names[:2]]
    assert brought(*reports, before=1) == []
    world.wire.clear()
    assert brought(*reports) == []
    assert world.wire.count("Query") == 0


def test_a_hand_over_whose_reports_fail_keeps_those_of_no_other_from_being_applied(world: World) -> None:
    first, names_of_first = three_sent(world)
    second, names_of_second = three_sent(world)
    third, names_of_third = three_sent(world)

    def broken(params: dict[str, Any], **_: Any) -> Any:
        if f"M#{second}".encode() not in params["body"]:
            return None
        return Http(400), {"Error": {"Code": "ValidationException", "Message": "made up"}}

    events: Any = aws.dynamodb().meta.events
    events.register("before-call.dynamodb.UpdateItem", broken, unique_id="broken")
    mixed = zip(names_of_first, names_of_second, names_of_third, strict=True)
    reports = [{**one, "status": "DELIVERED"} for together in mixed for one in together]
    assert brought(*reports) == ["m1", "m4", "m7"]
    events.unregister("before-call.dynamodb.UpdateItem", unique_id="broken")
    counts = [world.batch(batch)["counts"] for batch in (first, second, third)]
    assert counts == [{"delivered": 3}, {"submitted": 3}, {"delivered": 3}]
    assert brought(*(reports[place] for place in (1, 4, 7)), before=1) == []
    assert world.batch(second)["counts"] == {"delivered": 3}


def test_who_ended_otherwise_before_is_not_counted_twice_while_others_are_silent(world: World) -> None:
    batch, names = three_sent(world)
    world.report({**names[0], "status": "UNDELIVERED"})
    world.report({**names[0], "status": "DELIVERED"})
    assert world.batch(batch)["counts"] == {"delivered": 1, "submitted": 2}


# --- the inbox after an outage ---------------------------------------------------------------------------------------


def keep_many(total: int) -> None:
    """Keeps reports of hand-overs that nobody knows."""
    for number in range(total):
        report = {
            "request_id": 700_000 + number,
            "recipient_id": number,
            "dest_addr": "255712000010",
            "status": "DELIVERED",
        }
        inbox.keep(beem_reports.parse(report))


def test_a_sweep_looks_at_every_kept_report_that_is_due_and_not_at_a_hundred(world: World) -> None:
    keep_many(230)
    assert world.sweep(after_s=61)["reports"] == 230
    assert world.sweep()["reports"] == 0, "and none before its next look"
    assert world.sweep(after_s=5 * MINUTE)["reports"] == 230


def test_kept_reports_leave_the_sweep_time_for_what_else_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_many(130)
    world.send(FINE)
    world.queued()
    monkeypatch.setattr(CONTEXT, "left_ms", 20_000)
    done = world.sweep(after_s=61)
    assert (done["reports"], done["chunks"]) == (100, 1)
    assert world.sweep()["reports"] == 30, "the next one goes on"


def test_reports_that_a_sweep_stumbles_over_do_not_keep_it_from_chunks(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_many(1)
    world.send(FINE)
    world.queued()
    monkeypatch.setattr("functions.sms.delivery.delivery.apply", lambda *_, **__: 1 / 0)
    assert world.sweep(after_s=61)["chunks"] == 1
    assert counted(capsys, "SweepStepFailed") == 1
