"""Telling the customer's system: through the real door, the real workers, and real HTTP to a system that is theirs."""

import base64
import hashlib
import hmac
import json
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

import pytest
import time_machine
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from functions.sms import hooks_worker
from functions.sms.batches import messages
from functions.sms.batches.messages import Status
from functions.sms.content import opt_outs
from functions.sms.hooks import (
    addresses,
    events,
    hook_calls,
    hook_deliveries,
    hook_health,
    hook_secrets,
    hooks,
    news,
    outbound,
    rounds,
    telling,
)
from functions.sms.hooks.events import Type
from mifumo import aws, clock, settings, writes
from mifumo.callers import Principal
from mifumo.errors import Busy, Conflict, NotFound
from mifumo.ids import BatchId, TenantId, UserId
from mifumo.permissions import Role
from tests.builders import CONTEXT, sqs, token
from tests.queues import taken
from tests.sms.customer import Call
from tests.sms.told import ALL, Told
from tests.sms.world import TENANT
from tests.wire import Crash

DAY_S = 24 * 3600


def verified(call: Call, secret: str) -> bool:
    """Has two verify a call that know nothing of ours, at the moment of our clock: they must agree."""
    followed = by_the_specification(call, secret)
    assert by_the_reference_library(call, secret) is followed
    return followed


def by_the_reference_library(call: Call, secret: str) -> bool:
    with time_machine.travel(clock.now(), tick=False):
        try:
            return bool(Webhook(secret).verify(call.body, call.headers) == call.event)
        except WebhookVerificationError:
            return False


def by_the_specification(call: Call, secret: str) -> bool:
    """Verifies a call in the steps that the specification gives."""
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    found = [part.split(",", 1) for part in call.headers["webhook-signature"].split(" ")]
    assert all(version == "v1" for version, _ in found)
    return any(hmac.compare_digest(right, signature) for _, signature in found)


def test_the_verifier_agrees_with_the_specifications_own_vector() -> None:
    """From the reference library's tests."""
    call = Call(
        "/",
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
    )
    assert by_the_specification(call, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    changed = call._replace(body=b'{"test": 2432232315}')
    assert not by_the_specification(changed, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def test_a_call_that_was_changed_or_is_brought_again_later_is_not_verified(told: Told) -> None:
    hook, secret = told.listen("batch.completed")
    told.test(hook)
    told.work()
    (call,) = told.customer.calls
    assert verified(call, secret)
    changed = [
        call._replace(body=call.body.replace(b"webhook.test", b"webhook.tost")),
        call._replace(headers={**call.headers, "webhook-id": "0" * 26}),
        call._replace(headers={**call.headers, "webhook-timestamp": str(int(call.headers["webhook-timestamp"]) + 1)}),
        call._replace(headers={**call.headers, "webhook-signature": "v1,AAAA"}),
    ]
    assert not any(verified(one, secret) for one in changed)
    told.world.pass_time(301)
    assert not by_the_reference_library(call, secret)


def test_a_customer_is_told_once_of_a_hand_over_of_receipts_and_of_the_end(told: Told) -> None:
    _, secret = told.listen()
    batch = told.sent("0712345678", "0612345679")
    told.work()
    told.world.receive(expected=2)
    told.work()
    assert [event["type"] for event in told.customer.told()] == [
        "message.submitted",
        "batch.completed",
        "message.delivered",
    ]
    submitted, completed, delivered = told.customer.told()
    assert {message["to"]: message["status"] for message in submitted["data"]["messages"]} == {
        "+255712345678": "submitted",
        "+255612345679": "submitted",
    }
    assert completed["data"] == {
        "batch_id": batch,
        "status": "completed",
        "accepted": 2,
        "price": 2,
        "charged": 2,
        "completed_at": told.world.batch(batch)["completed_at"],
    }
    assert {message["status"] for message in delivered["data"]["messages"]} == {"delivered"}
    assert delivered["data"]["batch_id"] == batch
    assert all(verified(call, secret) for call in told.customer.calls)
    assert all(call.headers["content-type"] == "application/json" for call in told.customer.calls)
    assert all(call.headers["webhook-id"] == call.event["id"] for call in told.customer.calls)
    known = {item["id"] for item in told.world.call("GET", f"/api/sms/batches/{batch}/messages/")[1]["items"]}
    assert {message["id"] for message in delivered["data"]["messages"]} == known


def test_who_was_not_sent_to_is_not_told_to_have_been_submitted(told: Told) -> None:
    told.listen("message.submitted", "message.failed")
    told.world.send("0712000010", "0712000020", send_at=clock.after(3_600))
    opt_outs.add(TENANT, ["255712000020"], source=opt_outs.Source.ENTERED, reason="")
    told.world.pass_time(3_601)
    told.world.fire()
    told.world.work()
    told.work()
    submitted, failed = told.customer.told()
    assert [message["to"] for message in submitted["data"]["messages"]] == ["+255712000010"]
    assert [(message["to"], message["reason"]) for message in failed["data"]["messages"]] == [
        ("+255712000020", "opted_out")
    ]


def test_whom_the_provider_has_refused_by_now_is_not_told_to_have_been_submitted(told: Told) -> None:
    told.listen("message.submitted", "message.failed")
    batch = told.sent("0712345678", "0612345679")
    told.queued()  # the word of the hand-over is late
    writes.commit(messages.report(messages.key(TENANT, BatchId(batch), 1, 2), digits=None, status=Status.REJECTED))
    telling.of_places([(TENANT, BatchId(batch), 1)])
    told.work()
    submitted, failed = told.customer.told()
    assert len(submitted["data"]["messages"]) == len(failed["data"]["messages"]) == 1
    assert submitted["data"]["messages"][0]["to"] != failed["data"]["messages"][0]["to"]


def test_a_batch_that_was_called_off_is_told_to_be_cancelled(told: Told) -> None:
    told.listen("batch.completed")
    _, batch = told.world.send("0712000010", send_at=clock.after(3_600))
    told.world.call("POST", f"/api/sms/batches/{batch['id']}/cancel/")
    told.work()
    (event,) = told.customer.told()
    assert (event["data"]["status"], event["data"]["charged"]) == ("cancelled", 0)


def test_a_hundred_messages_that_change_together_are_one_event(told: Told) -> None:
    told.listen("message.delivered")
    told.sent(*(f"0712{n:03d}678" for n in range(100)))
    told.world.receive(expected=100)
    told.work()
    events = told.customer.told()
    assert sum(len(event["data"]["messages"]) for event in events) == 100
    assert len(events) == 1


def test_who_does_not_listen_costs_no_call_more_and_who_does_costs_no_money(told: Told) -> None:
    def story(key: str) -> tuple[int, int, tuple[int, int]]:
        told.world.wire.clear()
        told.sent("0712345678", key=key)
        told.world.receive(expected=1)
        return told.world.wire.count(), told.world.wire.count("SendMessageBatch"), told.world.wallet()

    story("warm")
    calls, queued, before = story("nobody-listens")
    assert told.queued() == []
    told.listen()
    more, queued_more, after = story("somebody-listens")
    assert queued == 1  # the chunk itself
    assert more - calls == queued_more - queued > 0
    assert before[0] - after[0] == 1
    assert told.queued()


def test_what_was_accepted_before_anybody_listened_tells_nothing(told: Told) -> None:
    told.sent("0712345678")
    told.listen()
    told.world.receive(expected=1)
    assert told.work() == []
    assert told.customer.calls == []


def test_the_same_word_twice_tells_nothing_twice(told: Told) -> None:
    told.listen()
    told.sent("0712345678")
    reports = told.world.receive(expected=1)
    bodies = told.work()
    calls = len(told.customer.calls)
    told.world.report(*reports)
    told.world.report(*reports)
    again = told.work()
    assert again  # it was said again
    for body in [*bodies, *again]:
        told.deliver(body)
    assert told.queued() == []
    assert len(told.customer.calls) == calls == 3


def test_a_report_that_comes_late_and_says_otherwise_is_told_as_well(told: Told) -> None:
    told.listen("message.undelivered", "message.delivered")
    told.sent("0712345678")
    (report,) = told.world.reports.take(1)
    told.world.report({**report, "status": "UNDELIVERED"})
    told.work()
    told.world.report({**report, "status": "DELIVERED"})
    told.world.report({**report, "status": "UNDELIVERED"})
    told.work()
    assert [event["type"] for event in told.customer.told()] == ["message.undelivered", "message.delivered"]


def test_messages_of_which_nobody_hears_fail_when_the_window_is_over(told: Told) -> None:
    told.listen("message.failed")
    told.sent("0712345678")
    told.world.reports.take(1)
    told.world.sweep(after_s=46)
    told.work()
    (event,) = told.customer.told()
    assert event["data"]["messages"][0]["status"] == "unknown"
    assert event["data"]["messages"][0]["reason"] == "no_report"


def test_a_webhook_is_told_only_of_what_it_asked_for_and_each_is_told(told: Told) -> None:
    completed, _ = told.listen("batch.completed")
    submitted, _ = told.listen("message.submitted")
    told.sent("0712345678")
    told.work()
    assert told.delivery(completed)["type"] == "batch.completed"
    assert told.delivery(submitted)["type"] == "message.submitted"
    assert len(told.customer.calls) == 2


def test_many_looks_at_one_chunk_at_once_tell_of_it_once(told: Told) -> None:
    told.listen("message.submitted", "message.delivered")
    told.sent("0712345678", "0612345679")
    told.world.receive(expected=2)
    (body, *_) = [one for one in told.queued() if "chunk" in one]
    told.world.wire.take_turns()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: news.of_chunk(TENANT, body["batch"], body["chunk"]), range(8)))
    assert sum(made) == 2
    told.work()
    assert sorted(event["type"] for event in told.customer.told()) == ["message.delivered", "message.submitted"]


def test_many_deliveries_of_one_message_at_once_call_once(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    event = told.test(hook)["id"]
    told.world.wire.take_turns()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: hook_calls.make(TENANT, hook, event), range(8)))
    assert len(told.customer.calls) == 1
    assert told.delivery(hook)["status"] == "delivered"


# --- attempts ---


def test_a_call_in_vain_is_made_again_after_a_while_and_only_then(told: Told) -> None:
    hook, secret = told.listen("batch.completed")
    told.customer.answers += [(500, {}), (503, {})]
    told.test(hook)
    (body,) = told.queued()
    told.deliver(body)
    told.deliver(body)  # the queue is early
    assert len(told.customer.calls) == 1
    assert told.delivery(hook)["status"] == "pending"
    told.later(7)
    assert verified(told.customer.calls[-1], secret)
    told.later(420)
    assert verified(told.customer.calls[-1], secret)
    assert [call.headers["webhook-id"] for call in told.customer.calls] == [told.delivery(hook)["id"]] * 3
    assert [attempt["status"] for attempt in told.delivery(hook)["attempts"]] == [500, 503, 204]
    assert told.delivery(hook)["status"] == "delivered"
    assert told.delivery(hook)["next_attempt_at"] is None
    assert told.world.call("GET", f"/api/sms/webhooks/{hook}/")[1]["failing_since"] is None


def test_ten_attempts_are_made_in_three_days_and_then_no_more(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    told.customer.always = (500, {})
    told.test(hook)
    told.work()
    begun = clock.now()
    while told.at_next_attempt(hook):
        told.work()
    took = clock.now() - begun
    delivery = told.delivery(hook)
    assert delivery["status"] == "failed"
    assert len(delivery["attempts"]) == 10
    assert len(told.customer.calls) == 10
    assert timedelta(days=3) < took < timedelta(days=4)
    told.later(DAY_S)
    assert len(told.customer.calls) == 10


@pytest.mark.parametrize(
    "written",
    [
        lambda: "3600",
        lambda: format_datetime(clock.now() + timedelta(hours=1), usegmt=True),
    ],
    ids=["seconds", "a date"],
)
def test_retry_after_is_honoured(told: Told, written: Callable[[], str]) -> None:
    hook, _ = told.listen("batch.completed")
    told.customer.answers.append((503, {"Retry-After": written()}))
    told.test(hook)
    told.work()
    told.later(3_500)
    assert len(told.customer.calls) == 1
    told.later(160)
    assert len(told.customer.calls) == 2
    assert told.delivery(hook)["status"] == "delivered"


@pytest.mark.parametrize(
    "written",
    [
        "",
        "soon",
        "-5",
        "Wed, 99 Foo",
        "1e9",
        "²",
        "Wed, 21 Oct 99999999999999999999 07:28:00 GMT",
        "Wed, 21 Oct 2015 07:28:00 +99999999999999999999",
        "Wed, 21 Oct 2015 07:28:00",
    ],
)
def test_a_retry_after_that_says_nothing_changes_nothing(told: Told, written: str) -> None:
    hook, _ = told.listen("batch.completed")
    told.customer.answers.append((503, {"Retry-After": written.encode("utf-8").decode("latin-1")}))
    told.test(hook)
    told.work()
    assert [attempt["status"] for attempt in told.delivery(hook)["attempts"]] == [503]
    assert told.world.call("GET", f"/api/sms/webhooks/{hook}/")[1]["failing_since"]
    told.later(8)
    assert told.delivery(hook)["status"] == "delivered"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "multipart/mixed; a*=x; a*0=y"},
        {"X-Long": "a" * 70_000},
        {f"X-{n}": "a" for n in range(120)},
        {"Content-Length": "9" * 5_000},
        {"Transfer-Encoding": "chunked", "Connection": "\t"},
    ],
    ids=["a parameter in two ways", "a long line", "many lines", "a long number", "two lengths"],
)
def test_an_answer_whose_headers_nobody_reads_is_an_attempt_like_any_other(told: Told, headers: dict[str, str]) -> None:
    hook, _ = told.listen("batch.completed")
    told.customer.answers.append((500, headers))
    told.test(hook)
    told.work()
    (attempt,) = told.delivery(hook)["attempts"]
    assert (attempt["status"], attempt["error"]) in {(500, None), (None, "answer_illegible")}
    assert told.world.call("GET", f"/api/sms/webhooks/{hook}/")[1]["failing_since"]
    told.later(8)
    assert told.delivery(hook)["status"] == "delivered"


def test_a_system_that_is_gone_is_not_called_any_more(told: Told) -> None:
    hook, _ = told.listen("message.submitted", "batch.completed")
    told.customer.always = (410, {})
    told.sent("0712345678")
    told.work()
    shown = told.world.call("GET", f"/api/sms/webhooks/{hook}/")[1]
    assert (shown["enabled"], shown["disabled_because"]) == (False, "gone")
    assert clock.stamp(clock.now() - timedelta(minutes=1)) < shown["disabled_at"] <= clock.stamp()
    assert _announced() == [(TENANT, hook)]
    assert sorted(one["status"] for one in told.deliveries(hook)) == ["failed", "skipped"]
    assert len(told.customer.calls) == 1
    told.sent("0712345679")
    told.later(DAY_S)
    assert len(told.customer.calls) == 1


def test_a_system_that_fails_for_days_is_disabled_on_record_and_may_begin_anew(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    told.customer.always = (500, {})
    for days in (4, 2):
        told.test(hook)
        told.work()
        for _ in range(days):
            told.later(DAY_S)
    shown = told.world.call("GET", f"/api/sms/webhooks/{hook}/")[1]
    assert (shown["enabled"], shown["disabled_because"]) == (False, "failing")
    assert _audited("webhook.disabled") == [("platform", hook)]
    assert _announced() == [(TENANT, hook)]
    calls = len(told.customer.calls)
    told.customer.always = (204, {})
    status, shown = told.world.call("PATCH", f"/api/sms/webhooks/{hook}/", {"enabled": True})
    assert (status, shown["enabled"], shown["failing_since"]) == (200, True, None)
    assert (shown["disabled_because"], shown["disabled_at"]) == (None, None)
    told.test(hook)
    told.work()
    assert len(told.customer.calls) == calls + 1


def test_each_time_that_a_webhook_is_disabled_by_us_its_tenant_is_told_and_of_its_own_doing_it_is_not(
    told: Told,
) -> None:
    hook, _ = told.listen("batch.completed")
    told.customer.always = (410, {})
    occasions = set()
    for _ in range(2):
        told.test(hook)
        told.work()
        occasions |= {body["occasion"] for body in taken("ANNOUNCEMENTS")}
        told.world.pass_time(1)
        told.world.call("PATCH", f"/api/sms/webhooks/{hook}/", {"enabled": True})
    assert len(occasions) == 2
    told.world.call("PATCH", f"/api/sms/webhooks/{hook}/", {"enabled": False})
    told.later(120)
    assert _announced() == []


def test_wherever_a_worker_dies_that_disables_a_webhook_its_tenant_is_told_under_one_name(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    told.customer.always = (410, {})
    for after in (False, True):
        for at in range(8):
            told.test(hook)
            (body,) = told.queued()
            told.world.wire.cut(at, after=after)
            _dying(partial(hooks_worker.handler, sqs(body), CONTEXT))
            told.world.wire.mend()
            told.later(120)
            told.later(61)
            told.later(61)
            if not told.world.call("GET", f"/api/sms/webhooks/{hook}/")[1]["disabled_at"]:
                told.test(hook)  # it died before it had written down what the system said: the next call says it again
                told.work()
            assert len({body["occasion"] for body in taken("ANNOUNCEMENTS")}) == 1, (at, after)
            told.world.call("PATCH", f"/api/sms/webhooks/{hook}/", {"enabled": True})


def test_a_queue_that_takes_no_announcement_is_asked_again_by_the_sweep(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook, _ = told.listen("batch.completed")
    told.customer.always = (410, {})
    event = told.test(hook)["id"]
    told.queued()
    there = os.environ["ANNOUNCEMENTS_QUEUE_URL"]
    monkeypatch.setenv("ANNOUNCEMENTS_QUEUE_URL", f"{there}-that-is-not-there")
    settings.forget()
    with pytest.raises(Busy):
        hook_calls.make(TENANT, hook, event)
    monkeypatch.setenv("ANNOUNCEMENTS_QUEUE_URL", there)
    settings.forget()
    for _ in range(3):
        told.later(61)
    assert _announced() == [(TENANT, hook)]


def test_a_system_that_fails_again_and_again_is_left_in_peace_for_a_while(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    told.customer.always = (500, {})
    for _ in range(8):
        told.test(hook)
        told.work()
    assert len(told.customer.calls) == 5
    rests_until = told.world.call("GET", f"/api/sms/webhooks/{hook}/")[1]["rests_until"]
    waiting = [one for one in told.deliveries(hook) if one["attempts"] == []]
    assert len(waiting) == 3
    assert all(one["next_attempt_at"] >= rests_until for one in waiting)
    told.customer.always = (204, {})
    told.later(420)
    told.later(420)
    assert {one["status"] for one in told.deliveries(hook)} == {"delivered"}
    assert told.world.call("GET", f"/api/sms/webhooks/{hook}/")[1]["rests_until"] is None
    assert sorted(len(one["attempts"]) for one in told.deliveries(hook)) == [1, 1, 1, 2, 2, 2, 2, 2]


def test_what_waits_for_a_webhook_that_rests_has_all_its_attempts_before_it(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    told.customer.always = (500, {})
    event = told.test(hook)["id"]
    for _ in range(12):
        for _ in range(5):
            hook_health.failed(hooks.require(TENANT, hook), rest_s=60, rest_after=5)
        told.work()
        told.world.sweep(after_s=61)
    assert (told.delivery(hook)["status"], told.delivery(hook)["attempts"]) == ("pending", [])
    assert told.customer.calls == []
    while told.at_next_attempt(hook):
        told.work()
    assert (told.delivery(hook)["status"], len(told.delivery(hook)["attempts"])) == ("failed", 10)
    assert {call.headers["webhook-id"] for call in told.customer.calls} == {event}


def test_a_webhook_rests_for_a_tenth_of_the_time_that_it_has_been_failing_and_half_an_hour_at_most(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    rests = []
    for failing_s in (0, 0, 0, 0, 0, 3_600, 7_200, DAY_S):
        told.world.pass_time(failing_s)
        worse = hook_health.failed(hooks.require(TENANT, hook), rest_s=60, rest_after=5)
        assert worse
        left_s = (clock.parse(worse.rests_until) - clock.now()).total_seconds() if worse.rests_until else 0
        rests.append(round(left_s / 60))
    assert rests == [0, 0, 0, 0, 1, 6, 18, 30]


def test_a_webhook_that_always_fails_is_disabled_though_it_rests_and_what_waits_for_it_ends(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    told.customer.always = (500, {})
    for _ in range(7):
        told.test(hook)
        told.work()
    for _ in range(12):
        told.later(12 * 3_600)
    assert told.world.call("GET", f"/api/sms/webhooks/{hook}/")[1]["disabled_because"] == "failing"
    told.later(DAY_S)
    assert {one["status"] for one in told.deliveries(hook)} <= {"failed", "skipped"}


@pytest.mark.parametrize("rests", [True, False])
def test_deliveries_to_a_dead_webhook_keep_nobody_else_waiting_past_one_sweep(told: Told, rests: bool) -> None:
    dead, due, theirs = told.listen("batch.completed")[0], 500, token(tenant="t2")
    for _ in range(due // 25):
        made = [events.new(TENANT, Type.TEST) for _ in range(25)]
        writes.transact(*(write for one in made for write in (events.put(one), hook_deliveries.new(one, dead))))
    for _ in range(5 if rests else 0):
        hook_health.failed(hooks.require(TENANT, dead), rest_s=600, rest_after=5)
    told.world.pass_time(1)
    told.world.fund(10, tenant=TenantId("t2"))
    other = {"url": told.customer.url, "events": ["batch.completed"]}
    hook = told.world.call("POST", "/api/sms/webhooks/", other, token=theirs)[1]["id"]
    told.world.call("POST", f"/api/sms/webhooks/{hook}/test/", token=theirs)
    told.queued()
    told.world.sweep(after_s=61)
    assert Counter(body["hook"] for body in told.queued()) == {hook: 1} | ({} if rests else {dead: due})
    told.world.sweep(after_s=1)
    assert told.queued() == []


def test_a_sweep_that_sees_more_than_it_can_do_lets_webhooks_take_turns(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "STEPS_MAX", 6)
    many, some, one = (told.listen("batch.completed")[0] for _ in range(3))
    for hook in [many] * 12 + [some] * 3 + [one]:
        told.test(hook)
    told.queued()
    done = told.world.sweep(after_s=61)
    assert done["hooks"] == 6
    assert Counter(body["hook"] for body in told.queued()) == {many: 3, some: 2, one: 1}


def test_a_slow_system_is_cut_off_and_a_redirect_is_not_followed(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    told.customer.silent_s = 2
    told.test(hook)
    told.work()
    assert told.delivery(hook)["attempts"][0]["error"] == "timeout"
    told.customer.silent_s = 0
    told.customer.answers.append((307, {"Location": told.customer.url}))
    told.world.pass_time(8)
    told.later(60)
    assert told.delivery(hook)["attempts"][1]["status"] == 307
    assert len(told.customer.calls) == 2


# --- crashes ---


def test_wherever_the_worker_dies_everything_is_told_and_little_twice(told: Told) -> None:
    told.listen("message.delivered")
    for after in (False, True):
        for at in range(12):
            told.customer.clear()
            told.sent("0712345678", key=f"{at}{after}")
            told.world.receive(expected=1)
            bodies = told.queued()
            told.world.wire.cut(at, after=after)
            for body in bodies:
                _dying(partial(hooks_worker.handler, sqs(body), CONTEXT))
            told.world.wire.mend()
            for body in bodies:
                told.deliver(body)
            told.work()
            told.later(120)
            told.later(120)
            ids = {call.headers["webhook-id"] for call in told.customer.calls}
            assert len(ids) == 1, (at, after)
            assert len(told.customer.calls) <= 2


def test_wherever_the_receipts_function_dies_the_customer_is_told(told: Told) -> None:
    from functions.sms import receipts

    told.listen("message.delivered")
    for after in (False, True):
        for at in range(6):
            told.customer.clear()
            told.sent("0712345678", key=f"{at}{after}")
            told.queued()
            reports = [{"provider": "beem", "report": report} for report in told.world.reports.take(1)]
            told.world.wire.cut(at, after=after)
            _dying(partial(receipts.handler, sqs(*reports), CONTEXT))
            told.world.wire.mend()
            assert receipts.handler(sqs(*reports), CONTEXT) == {"batchItemFailures": []}
            told.work()
            assert len(told.customer.told("message.delivered")) == 1, (at, after)


def test_wherever_the_hand_over_dies_after_its_call_the_customer_is_told(told: Told) -> None:
    from functions.sms import worker

    told.listen("message.submitted", "batch.completed")
    for at in range(4, 14):
        told.customer.clear()
        told.world.send("0712345678", key=f"hand-over-{at}")
        (body,) = told.world.queued()
        told.world.wire.cut(at, after=True)
        _dying(partial(worker.handler, sqs(body), CONTEXT))
        told.world.wire.mend()
        told.world.deliver(body)
        told.world.settle_down()
        told.work()
        assert len(told.customer.told("batch.completed")) == 1, at


def test_what_the_queue_lost_of_a_batch_that_is_over_is_told_when_it_is_counted(told: Told) -> None:
    told.listen()
    later = clock.after(3_600)
    _, batch = told.world.send("0712000010", send_at=later)
    told.world.call("POST", f"/api/sms/batches/{batch['id']}/cancel/")
    assert told.queued()
    told.later(181)
    assert sorted(event["type"] for event in told.customer.told()) == ["batch.completed", "message.failed"]
    told.later(7_200)
    assert len(told.customer.told()) == 2


def test_a_call_whose_worker_died_is_made_again_under_the_same_id(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    told.test(hook)
    (body,) = told.queued()
    told.world.wire.cut(2, after=False)  # after the claim and the call, before the record
    _dying(partial(hooks_worker.handler, sqs(body), CONTEXT))
    told.world.wire.mend()
    assert len(told.customer.calls) == 1
    told.later(120)
    assert len(told.customer.calls) == 2
    assert len({call.headers["webhook-id"] for call in told.customer.calls}) == 1
    assert told.delivery(hook)["status"] == "delivered"


def test_a_worker_that_dies_at_every_attempt_makes_ten_of_them_and_no_sooner_than_after_failures(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = outbound.post

    def dies(url: str, body: bytes, headers: dict[str, str]) -> None:
        post(url, body, headers)
        raise Crash

    monkeypatch.setattr(outbound, "post", dies)
    hook, _ = told.listen("batch.completed")
    told.test(hook)
    begun = clock.now()
    while told.at_next_attempt(hook):
        for body in told.queued():
            _dying(partial(hooks_worker.handler, sqs(body), CONTEXT))
    assert told.delivery(hook)["status"] == "failed"
    assert [attempt["error"] for attempt in told.delivery(hook)["attempts"]] == ["not_recorded"]
    assert len(told.customer.calls) == 10
    assert clock.now() - begun > timedelta(days=3)


def test_poison_goes_back_to_the_queue_and_takes_nobody_with_it(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    told.test(hook)
    (body,) = told.queued()
    unknown = {**body, "event": "0" * 26}
    answer = hooks_worker.handler(sqs("not json", {"nothing": 1}, unknown, body), CONTEXT)
    assert answer == {"batchItemFailures": [{"itemIdentifier": f"m{n}"} for n in range(3)]}
    assert told.delivery(hook)["status"] == "delivered"


def test_what_the_queue_has_lost_is_found_by_the_sweep(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    told.test(hook)
    told.queued()
    told.later(61)
    assert told.delivery(hook)["status"] == "delivered"


# --- secrets ---


def test_after_a_rotation_both_secrets_verify_for_a_day_and_then_the_new_one_alone(told: Told) -> None:
    hook, old = told.listen("batch.completed")
    new = _rotated(told, hook)
    assert new != old
    told.test(hook)
    told.work()
    (call,) = told.customer.calls
    assert len(call.headers["webhook-signature"].split(" ")) == 2
    assert verified(call, old)
    assert verified(call, new)
    told.world.pass_time(DAY_S + 1)
    told.test(hook)
    told.work()
    call = told.customer.calls[-1]
    assert verified(call, new)
    assert not verified(call, old)


def test_of_two_rotations_in_a_day_the_secret_in_use_and_the_newest_are_live(told: Told) -> None:
    hook, first = told.listen("batch.completed")
    second = _rotated(told, hook)  # the answer is lost
    told.world.pass_time(DAY_S / 2)
    third = _rotated(told, hook)
    told.world.pass_time(DAY_S - 60)
    assert _verifying(told, hook, first, second, third) == [True, False, True]
    told.world.pass_time(120)
    assert _verifying(told, hook, first, second, third) == [False, False, True]
    fourth = _rotated(told, hook)
    assert _verifying(told, hook, first, third, fourth) == [False, True, True]


def test_a_rotation_whose_answer_was_lost_is_asked_for_again_and_is_one(told: Told) -> None:
    hook, first = told.listen("batch.completed")
    second = _rotated(told, hook, key="september")
    assert _rotated(told, hook, key="september") == second
    assert _audited("webhook.rotated") == [("u1", hook)]
    assert _verifying(told, hook, first, second) == [True, True]
    third = _rotated(told, hook, key="october")
    assert _verifying(told, hook, first, second, third) == [True, False, True]
    told.world.pass_time(DAY_S + 1)
    assert _rotated(told, hook, key="october") not in {first, second, third}


def test_of_rotations_at_once_one_is_made_and_the_others_are_told(told: Told) -> None:
    hook, first = told.listen("batch.completed")
    read = hooks.require(TENANT, hook)
    caller = Principal(tenant_id=TENANT, user_id=UserId("u1"), role=Role.OWNER)
    made, known = hooks.rotate(caller, read, "one")
    assert not known
    with pytest.raises(Conflict, match="Somebody else"):
        hooks.rotate(caller, read, "another")
    assert hooks.rotate(caller, read, "one") == (made, True)
    newest = hook_secrets.text(hook, made.salt)
    assert _verifying(told, hook, first, newest) == [True, True]
    hooks.delete(caller, read)
    with pytest.raises(NotFound):
        hooks.rotate(caller, read, "another")


def _rotated(told: Told, hook: str, key: str | None = None) -> str:
    headers = {"Idempotency-Key": key} if key else {}
    status, rotated = told.world.call("POST", f"/api/sms/webhooks/{hook}/rotate/", headers=headers)
    assert status == 200, rotated
    secret: str = rotated["secret"]
    return secret


def _verifying(told: Told, hook: str, *secrets: str) -> list[bool]:
    """Has a webhook called, and tells for each secret whether it verifies the call."""
    told.test(hook)
    told.work()
    return [verified(told.customer.calls[-1], secret) for secret in secrets]


def test_a_secret_is_shown_once_and_stands_in_no_table(told: Told) -> None:
    hook, secret = told.listen()
    shown = [told.world.call("GET", "/api/sms/webhooks/"), told.world.call("GET", f"/api/sms/webhooks/{hook}/")]
    assert all("secret" not in json.dumps(answer) for _, answer in shown)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    assert len(key) == 32
    for name in ("MESSAGING_TABLE", "AUDIT_TABLE", "ACCESS_TABLE"):
        held = str(aws.dynamodb().scan(TableName=os.environ[name])["Items"])
        assert secret not in held
        assert secret.removeprefix("whsec_") not in held
        assert key.hex() not in held


def test_two_webhooks_have_two_secrets(told: Told) -> None:
    assert told.listen()[1] != told.listen()[1]


# --- the door ---


def test_only_who_may_change_the_tenant_reaches_its_webhooks_and_nobody_reaches_anothers(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    told.test(hook)
    told.work()
    event = told.delivery(hook)["id"]
    told.world.fund(10, tenant=TenantId("t2"))
    one = f"/api/sms/webhooks/{hook}/"
    routes = [
        ("GET", one, None),
        ("PATCH", one, {"enabled": False}),
        ("DELETE", one, None),
        ("POST", f"{one}rotate/", None),
        ("POST", f"{one}test/", None),
        ("GET", f"{one}deliveries/", None),
        ("POST", f"{one}deliveries/{event}/replay/", None),
    ]
    for method, path, body in [*routes, ("GET", "/api/sms/webhooks/", None), ("GET", "/api/sms/events/", None)]:
        assert told.world.call(method, path, body, token=None)[0] == 401, path
    for method, path, body in routes:
        assert told.world.call(method, path, body, token=token(role="agent"))[0] == 403, path
        assert told.world.call(method, path, body, token=token(tenant="t2"))[0] == 404, path
        assert told.world.call(method, path.replace(hook, "x"), body)[0] == 404, path
    assert told.world.call("GET", "/api/sms/webhooks/", token=token(tenant="t2"))[1]["items"] == []
    assert told.world.call("GET", "/api/sms/events/", token=token(tenant="t2"))[1]["items"] == []
    assert told.queued() == []


def test_a_webhook_is_changed_disabled_enabled_and_deleted_on_record(told: Told) -> None:
    hook, _ = told.listen("message.submitted", description="The shop")
    one = f"/api/sms/webhooks/{hook}/"
    status, shown = told.world.call("PATCH", one, {"events": ["batch.completed"], "enabled": False})
    assert (status, shown["events"], shown["enabled"], shown["description"]) == (
        200,
        ["batch.completed"],
        False,
        "The shop",
    )
    assert shown["disabled_because"] == "asked"
    assert told.world.call("POST", f"{one}test/")[0] == 409
    told.sent("0712345678")
    told.work()
    assert told.deliveries(hook) == []
    assert told.world.call("PATCH", one, {"enabled": True})[1]["enabled"] is True
    assert told.world.call("DELETE", one)[0] == 204
    assert told.world.call("GET", one)[0] == 404
    assert told.world.call("DELETE", one)[0] == 404
    told.sent("0712345679")
    assert told.queued() == []
    for deed in ("webhook.created", "webhook.changed", "webhook.disabled", "webhook.enabled", "webhook.deleted"):
        assert _audited(deed) == [("u1", hook)], deed


def test_a_tenant_has_ten_webhooks_at_most(told: Told) -> None:
    made = [told.listen()[0] for _ in range(10)]
    status, problem = told.world.call("POST", "/api/sms/webhooks/", {"url": told.customer.url, "events": ALL})
    assert (status, problem["code"]) == (409, "too_many_webhooks")
    assert told.world.call("DELETE", f"/api/sms/webhooks/{made[0]}/")[0] == 204
    told.listen()
    assert len(told.world.call("GET", "/api/sms/webhooks/")[1]["items"]) == 10


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "https://169.254.169.254/latest", "https://[::1]/", "nonsense"])
def test_an_address_that_is_not_called_is_refused_when_made_and_when_changed(told: Told, url: str) -> None:
    status, problem = told.world.call("POST", "/api/sms/webhooks/", {"url": url, "events": ALL})
    assert (status, problem["code"], problem["errors"][0]["pointer"]) == (422, "webhook_url_refused", "/url")
    hook, _ = told.listen()
    assert told.world.call("PATCH", f"/api/sms/webhooks/{hook}/", {"url": url})[0] == 422
    assert told.world.call("GET", f"/api/sms/webhooks/{hook}/")[1]["url"] == told.customer.url
    assert _audited("webhook.created") == [("u1", hook)]


def test_an_address_whose_name_server_does_not_answer_is_refused_in_time(
    told: Told, tarpit: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "LOOK_UP_S", 0.05)
    body = {"url": "https://duka.example/", "events": ALL}
    status, problem = told.world.call("POST", "/api/sms/webhooks/", body)
    assert (status, problem["code"], problem["errors"][0]["pointer"]) == (422, "webhook_url_refused", "/url")
    assert "name server" in problem["errors"][0]["detail"]
    assert tarpit == ["duka.example"]
    assert told.world.call("GET", "/api/sms/webhooks/")[1]["items"] == []


def test_nonsense_is_refused_all_of_it_at_once(told: Told) -> None:
    body = {"url": "", "events": ["message.sent"], "secret": "mine"}
    status, problem = told.world.call("POST", "/api/sms/webhooks/", body)
    assert status == 422
    assert {error["pointer"].split("/")[1] for error in problem["errors"]} == {"url", "events", "secret"}
    assert (
        told.world.call("POST", "/api/sms/webhooks/", {"url": told.customer.url, "events": ["webhook.test"]})[0] == 422
    )


def test_the_path_of_an_address_does_not_go_into_the_audit_log(told: Told) -> None:
    told.listen()
    assert "of=duka" not in str(aws.dynamodb().scan(TableName=os.environ["AUDIT_TABLE"])["Items"])


# --- replay and gap recovery ---


def test_an_event_is_told_again_under_its_id_when_it_is_asked_for(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    told.customer.answers.append((500, {}))
    event = told.test(hook)["id"]
    again = f"/api/sms/webhooks/{hook}/deliveries/{event}/replay/"
    told.work()
    assert told.world.call("POST", again)[0] == 409  # its next attempt comes by itself
    told.later(60)
    assert told.delivery(hook)["status"] == "delivered"
    status, begun = told.world.call("POST", again)
    assert (status, begun["status"]) == (202, "pending")
    assert [attempt["status"] for attempt in begun["attempts"]] == [500, 204]
    told.work()
    assert [attempt["status"] for attempt in told.delivery(hook)["attempts"]] == [500, 204, 204]
    assert [call.headers["webhook-id"] for call in told.customer.calls] == [event] * 3
    assert told.world.call("POST", again.replace(event, "0" * 26))[0] == 404
    told.world.call("PATCH", f"/api/sms/webhooks/{hook}/", {"enabled": False})
    assert told.world.call("POST", again)[0] == 409


def test_what_is_told_again_and_again_keeps_its_last_thirty_attempts(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    event = told.test(hook)["id"]
    told.work()
    for status in range(201, 232):
        told.customer.answers.append((status, {}))
        assert told.world.call("POST", f"/api/sms/webhooks/{hook}/deliveries/{event}/replay/")[0] == 202
        told.work()
    assert [attempt["status"] for attempt in told.delivery(hook)["attempts"]] == [*range(202, 232)]


def test_what_is_told_again_has_all_its_attempts_anew(told: Told) -> None:
    hook, _ = told.listen("batch.completed")
    told.customer.always = (500, {})
    event = told.test(hook)["id"]
    told.work()
    while told.at_next_attempt(hook):
        told.work()
    one = f"/api/sms/webhooks/{hook}/"
    assert told.world.call("POST", f"{one}deliveries/{event}/replay/")[0] == 202
    told.work()
    told.customer.always = (503, {})
    for _ in range(3):  # it rests, and fails twice
        assert told.at_next_attempt(hook)
        told.work()
    assert told.delivery(hook)["status"] == "pending"
    assert [attempt["status"] for attempt in told.delivery(hook)["attempts"]] == [500] * 10 + [503] * 2


def test_who_was_down_reads_what_it_missed_page_by_page_in_order(told: Told) -> None:
    told.listen()
    batches = [told.sent(f"071234567{n}") for n in range(3)]
    told.work()
    told.world.receive(expected=3)
    told.work()
    assert told.world.call("GET", "/api/sms/events/")[1] == {"items": [], "next": None}  # not settled yet
    told.world.pass_time(31)
    read: list[Any] = []
    after = None
    for _ in range(20):
        status, page = told.world.call(
            "GET", "/api/sms/events/", query={"limit": "2", **({"after": after} if after else {})}
        )
        assert status == 200, page
        read += page["items"]
        after = page["next"]
        if after is None:
            break
    assert [event["id"] for event in read] == sorted(event["id"] for event in read)
    assert len(read) == 9
    assert {event["id"]: event for event in read} == {event["id"]: event for event in told.customer.told()}
    assert {event["data"]["batch_id"] for event in read} == set(batches)
    last = {"after": read[-1]["id"]}
    assert told.world.call("GET", "/api/sms/events/", query=last)[1] == {"items": [], "next": None}
    assert len(told.world.call("GET", "/api/sms/events/", query={"after": read[4]["id"]})[1]["items"]) == 4


def test_an_after_that_is_no_event_is_refused(told: Told) -> None:
    status, problem = told.world.call("GET", "/api/sms/events/", query={"after": "yesterday"})
    assert (status, problem["errors"][0]["pointer"]) == (422, "query:after")


def _dying(work: Callable[[], object]) -> None:
    try:
        work()
    except Crash:
        return


def _announced() -> list[tuple[str, str]]:
    told = [(body["subject"], body["tenant"], body["occasion"].split()[0]) for body in taken("ANNOUNCEMENTS")]
    assert all(subject == "webhook.disabled" for subject, _, _ in told)
    return [(tenant, hook) for _, tenant, hook in told]


def _audited(action: str) -> list[tuple[str, str]]:
    items = aws.dynamodb().scan(TableName=os.environ["AUDIT_TABLE"])["Items"]
    return [(item["actor"]["S"], item["target"]["S"]) for item in items if item["action"]["S"] == action]
