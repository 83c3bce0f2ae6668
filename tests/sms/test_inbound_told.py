"""What phones send us: each text is told to whom it is meant for, once, in the feed and to the customer's system."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from functions.sms import privacy, receipts
from functions.sms.content import opt_outs
from functions.sms.hooks.events import Type
from functions.sms.inbound import inbound
from mifumo import clock
from mifumo.ids import TenantId
from mifumo.privacy import Part, State
from mifumo.providers import beem_inbound
from tests.builders import CONTEXT, sqs, token
from tests.sms.test_erasure import stored
from tests.sms.told import Told
from tests.sms.world import TENANT
from tests.steps import Steps, asked_to_forget
from tests.wire import Crash

PHONE, DIGITS = "0712000010", "255712000010"
OTHER = TenantId("t2")


def texted(text: str, *, name: str = "tx-1", **more: Any) -> dict[str, Any]:
    """Makes the message of a phone's text as the door queues it."""
    body = {"from": DIGITS, "to": "255699000000", "message": {"text": text}, "transaction_id": name, **more}
    return {"provider": "beem", "received_at": clock.stamp(), "inbound": body}


def take(*bodies: dict[str, Any]) -> None:
    """Delivers messages to the receipts function; none must fail."""
    assert receipts.handler(sqs(*bodies), CONTEXT) == {"batchItemFailures": []}


@pytest.fixture
def texting(told: Told) -> Told:
    """The tenant has texted the phone."""
    told.sent(PHONE)
    told.queued()
    return told


@pytest.fixture
def theirs() -> str:
    """The token of another tenant's owner."""
    return token(tenant=OTHER)


def other_texts(told: Told, theirs: str) -> None:
    """Another tenant texts the phone, later."""
    told.world.fund(10, tenant=OTHER)
    body = {"sender_id": "INFO", "text": "Habari", "recipients": [PHONE]}
    assert told.world.call("POST", "/api/sms/send/", body, token=theirs)[0] == 202
    told.world.work()


def test_a_text_from_a_phone_is_told_whole_and_stands_in_the_feed_alike(texting: Told) -> None:
    texting.listen("inbound.received")
    body = texted("Nataka mbili, tafadhali «kesho»")
    take(body)
    texting.work()
    (call,) = texting.customer.calls
    assert call.event["type"] == "inbound.received"
    assert call.event["data"] == {
        "from": "+255712000010",
        "to": "255699000000",
        "text": "Nataka mbili, tafadhali «kesho»",
        "keyword": None,
        "received_at": body["received_at"],
    }
    assert texting.feed() == [call.event]


def test_it_is_in_the_feed_of_who_has_no_webhook_and_calls_nobody_who_did_not_ask(texting: Told) -> None:
    take(texted("Habari"))
    texting.listen("message.delivered", "batch.completed")
    take(texted("Habari tena", name="tx-2"))
    texting.work()
    assert texting.customer.calls == []
    assert [event["data"]["text"] for event in texting.feed()] == ["Habari", "Habari tena"]


def test_each_webhook_that_asked_is_told_once_of_a_text_that_the_provider_posts_twice(texting: Told) -> None:
    hooks = [texting.listen("inbound.received")[0] for _ in range(2)]
    take(texted("Ndiyo"))
    texting.world.pass_time(60)
    again = texted("Ndiyo")
    take(again, again)
    texting.work()
    assert len(texting.feed()) == 1
    assert [len(texting.deliveries(hook)) for hook in hooks] == [1, 1]
    assert len(texting.customer.calls) == 2


def test_it_stays_with_whom_it_came_to_first_whoever_texts_the_phone_meanwhile(texting: Told, theirs: str) -> None:
    take(texted("STOP"))
    other_texts(texting, theirs)
    take(texted("STOP"))
    assert [event["data"]["text"] for event in texting.feed()] == ["STOP"]
    assert texting.feed(token=theirs) == []
    assert opt_outs.get(OTHER, DIGITS) is None
    assert opt_outs.get(TENANT, DIGITS) is not None


def test_it_is_for_whoever_texted_the_phone_last_and_nobody_else(texting: Told, theirs: str) -> None:
    texting.listen("inbound.received")
    other_texts(texting, theirs)
    take(texted("Habari"))
    texting.work()
    assert texting.customer.calls == []
    assert texting.feed() == []
    assert len(texting.feed(token=theirs)) == 1


def test_a_strangers_text_is_nobodys(told: Told) -> None:
    told.listen("inbound.received")
    take(texted("Habari"))
    assert told.queued() == []
    assert told.feed() == []
    assert DIGITS not in stored()


@pytest.mark.parametrize(
    ("text", "keyword"), [(" Stop! ", "STOP"), ("ANZA", "ANZA"), ("Acha utani bwana", None), ("STOP NOBODYS", None)]
)
def test_the_keyword_that_was_applied_is_told_with_the_text(texting: Told, text: str, keyword: str | None) -> None:
    take(texted(text))
    (event,) = texting.feed()
    assert (event["data"]["text"], event["data"]["keyword"]) == (text, keyword)


def test_a_stop_that_is_posted_again_after_a_start_opts_nobody_out_anew(texting: Told) -> None:
    take(texted("STOP"))
    texting.world.pass_time(1)
    take(texted("START", name="tx-2"))
    texting.world.pass_time(1)
    take(texted("STOP"))
    assert opt_outs.get(TENANT, DIGITS) is None
    assert len(texting.feed()) == 2


@pytest.mark.parametrize("named", [{"transaction_id": "tx-9"}, {"transaction_id": None, "timestamp": "2026-01-31"}])
def test_what_beem_names_alike_is_one_text_and_what_it_names_otherwise_is_another(
    texting: Told, named: dict[str, Any]
) -> None:
    take(texted("Ndiyo", **named))
    texting.world.pass_time(5)
    take(texted("Ndiyo", **named))
    take(texted("Ndiyo", **{**named, "timestamp": "2026-02-01"}))
    take(texted("Hapana", **named))
    assert [event["data"]["text"] for event in texting.feed()] == ["Ndiyo", "Ndiyo", "Hapana"]


def test_texts_without_a_name_are_told_apart_by_when_they_came(texting: Told) -> None:
    first = texted("Ndiyo", name="")
    take(first, first)
    texting.world.pass_time(5)
    take(texted("Ndiyo", name=""))
    assert len(texting.feed()) == 2


def test_many_deliveries_of_one_text_at_once_tell_of_it_once(texting: Told) -> None:
    texting.listen("inbound.received")
    came = beem_inbound.parse(texted("Habari")["inbound"])
    texting.world.wire.take_turns()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: inbound.take(came, received_at=clock.stamp()), range(8)))
    texting.work()
    assert len(texting.customer.calls) == 1
    assert len(texting.feed()) == 1


def test_wherever_the_receipts_function_dies_a_text_is_told_once_and_its_keyword_applied(texting: Told) -> None:
    texting.listen("inbound.received")
    for after in (False, True):
        for at in range(11):
            texting.customer.clear()
            body = texted("STOP", name=f"{at}{after}")
            texting.world.wire.cut(at, after=after)
            with suppress(Crash):
                receipts.handler(sqs(body), CONTEXT)
            texting.world.wire.mend()
            take(body)
            texting.work()
            texting.later(61)
            assert len(texting.customer.told("inbound.received")) == 1, (at, after)
            assert opt_outs.get(TENANT, DIGITS) is not None
            opt_outs.remove(TENANT, DIGITS, deed=[])


def test_no_number_of_a_phone_goes_into_a_log(texting: Told, caplog: pytest.LogCaptureFixture) -> None:
    texting.listen("inbound.received")
    texting.customer.answers += [(500, {})]
    take(texted("STOP"), texted("Habari", name="tx-2"), texted("x", name="tx-3", **{"from": "nobody 0712000010"}))
    texting.work()
    texting.later(61)
    logged = [str(vars(record)) for record in caplog.records]
    assert {record.msg for record in caplog.records} >= {"keyword applied", "malformed answer", "hook failed"}
    assert not any("712000010" in line for line in logged)


def test_a_number_that_is_forgotten_leaves_events_that_tell_of_its_texts(texting: Told) -> None:
    steps = Steps(Part.SMS, privacy.handler)
    take(texted("Mimi ni Asha"))
    take(texted("Mimi ni Juma", **{"from": "255712000011"}))
    texting.world.receive(expected=1)
    texting.world.sweep(after_s=61)
    texting.world.pass_time(1)
    step = steps.run(asked_to_forget(DIGITS, TENANT))
    assert steps.state(step) is State.DONE
    assert "712000010" not in stored()
    assert "Asha" not in stored()
    (event,) = texting.feed()
    assert (event["data"]["from"], event["data"]["text"]) == (None, "")


def test_a_worker_that_dies_while_it_forgets_leaves_what_the_next_delivery_finishes(texting: Told) -> None:
    steps = Steps(Part.SMS, privacy.handler)
    for at in range(5):
        for after in (False, True):
            take(texted("Mimi ni Asha", name=f"{at}{after}"))
            texting.world.pass_time(1)
            step = asked_to_forget(DIGITS, TENANT)
            texting.world.wire.cut(at, after=after)
            with suppress(Crash):
                steps.handle(step.body())
            texting.world.wire.mend()
            steps.deliver(step.body())
            assert "Asha" not in stored(), (at, after)
            assert "CAME#" not in stored()
    assert [event["data"]["from"] for event in texting.feed()] == [None] * 10


def test_every_type_of_event_reaches_a_webhook_and_the_feed_alike(told: Told) -> None:
    told.listen(*(type_.value for type_ in Type if type_ is not Type.TEST))
    told.sent("0712000010", "0712000011", "0712000012")
    reports = told.world.reports.take(3)
    for report, status in zip(reports, ("DELIVERED", "UNDELIVERED", "REJECTED"), strict=True):
        told.world.report({**report, "status": status})
    take(texted("Asante"))
    told.work()
    assert {event["type"] for event in told.customer.told()} == set(Type) - {Type.TEST}
    assert sorted(told.feed(), key=lambda event: event["id"]) == sorted(
        told.customer.told(), key=lambda event: event["id"]
    )
