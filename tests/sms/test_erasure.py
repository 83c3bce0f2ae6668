"""Erasing a number from texts: gone everywhere at rest, texts under way left alone, and figures as they were."""

import json
from typing import Any

import pytest

from functions.sms import messaging, privacy, unpark
from functions.sms.batches import chunks, messages
from functions.sms.data_requests import erasure
from functions.sms.delivery import inbox
from mifumo import aws, clock, ids, ledger, tenants, wallets, writes
from mifumo.ids import BatchId, TenantId
from mifumo.privacy import Part, State, Step
from mifumo.providers import beem_reports
from tests.builders import CONTEXT, sqs, token
from tests.sms.world import TENANT, World
from tests.steps import Steps, asked_to_forget
from tests.wire import Crash

GONE, STAYS = "0712000010", "0712000011"
DIGITS = "255712000010"


@pytest.fixture
def steps(world: World) -> Steps:
    """The worker and its queue."""
    return Steps(Part.SMS, privacy.handler)


def asked(world: World, digits: str = DIGITS) -> Step:
    """Asks for a number to be forgotten, a moment after what was done before."""
    world.pass_time(1)
    return asked_to_forget(digits, TENANT)


def erase(world: World, steps: Steps) -> None:
    """Has the number forgotten at once."""
    assert steps.state(steps.run(asked(world))) is State.DONE


def stored() -> str:
    """Everything in the table, with the numbers of chunks as they are read."""
    items = [aws.unmarshal(item) for item in aws.dynamodb().scan(TableName=messaging.table())["Items"]]
    for item in items:
        if "recipients" in item:
            item["recipients"] = chunks.of(item).recipients
    return json.dumps(items, default=lambda value: bytes(value).hex())


def sent(world: World, *recipients: str, text: str = "Habari", key: str = "", **options: Any) -> str:
    """Sends a text, and lets everything come to rest."""
    body = {"sender_id": "INFO", "text": text, "recipients": list(recipients), "allow_repeat": True}
    headers = {"Idempotency-Key": key} if key else {}
    status, batch = world.call("POST", "/api/sms/send/", body, headers=headers, **options)
    assert status == 202, batch
    world.work()
    world.receive(expected=batch["accepted"])
    world.sweep(after_s=61)
    return str(batch["id"])


def test_the_number_is_nowhere_any_more_and_every_figure_is_as_it_was(world: World, steps: Steps) -> None:
    batch = sent(world, GONE, STAYS)
    before, wallet = world.batch(batch), world.wallet()
    assert DIGITS in stored()
    erase(world, steps)
    assert DIGITS not in stored()
    assert "712000010" not in stored()
    assert "255712000011" in stored()
    assert world.batch(batch) == before
    assert world.wallet() == wallet
    _, page = world.call("GET", f"/api/sms/batches/{batch}/messages/")
    assert [(item["to"], item["status"]) for item in page["items"]] == [
        (None, "delivered"),
        ("+255712000011", "delivered"),
    ]
    assert world.call("GET", "/api/sms/messages/", query={"to": GONE})[1]["items"] == []


def test_the_words_of_a_text_to_that_number_alone_go_and_those_of_others_stay(world: World, steps: Steps) -> None:
    alone, together = sent(world, GONE, text="Ndugu Asha, deni lako"), sent(world, GONE, STAYS, text="Tumefungua")
    erase(world, steps)
    assert (world.batch(alone)["text"], world.batch(together)["text"]) == ("", "Tumefungua")
    assert "Asha" not in stored()


def test_a_number_that_was_written_twice_is_not_left_among_the_refused(world: World, steps: Steps) -> None:
    _, batch = world.send(GONE, "+255 712 000 010", "123")
    world.work()
    world.receive(expected=1)
    world.sweep(after_s=61)
    erase(world, steps)
    assert [row["recipient"] for row in world.batch(batch["id"])["refused"]] in (["", "123"], [])
    assert "712 000 010" not in stored()


def test_a_replay_of_the_request_sends_nothing_and_is_refused(world: World, steps: Steps) -> None:
    sent(world, GONE, key="k-1")
    erase(world, steps)
    status, problem = world.send(GONE, key="k-1")
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    assert world.sent_to() == [DIGITS]


def test_an_erased_number_has_no_fingerprint_left_to_be_guessed_by(world: World, steps: Steps) -> None:
    sent(world, GONE)
    guessed = ids.fingerprint("INFO", "Habari", GONE, "repeat")
    assert guessed in stored()
    erase(world, steps)
    assert guessed not in stored()


def test_texts_under_way_end_first_and_then_the_number_goes(world: World, steps: Steps) -> None:
    _, batch = world.send(GONE)
    step = asked(world)
    (again,) = steps.deliver(step.body())
    assert (again["place"], again["waits"], steps.state(step)) == (None, False, State.RUNNING)
    world.work()
    assert world.sent_to() == [DIGITS], "what was paid for goes out"
    (again,) = steps.deliver(again)
    assert DIGITS in stored(), "a receipt that is waited for has to find its message"
    world.receive(expected=1)
    world.sweep(after_s=61)
    assert steps.deliver(again) == []
    assert DIGITS not in stored()
    assert steps.state(step) is State.DONE
    assert world.batch(batch["id"])["counts"] == {"delivered": 1}


def test_the_next_look_at_what_is_under_way_is_a_quarter_of_an_hour_later(world: World, steps: Steps) -> None:
    world.send(GONE)
    steps.deliver(asked(world).body())
    assert steps.delays == [900]


def test_what_was_accepted_after_the_request_is_another_matter(world: World, steps: Steps) -> None:
    sent(world, GONE)
    step = asked(world)
    world.pass_time(5)
    later = sent(world, GONE)
    assert steps.deliver(step.body()) == []
    _, page = world.call("GET", "/api/sms/messages/", query={"to": GONE})
    assert [item["batch_id"] for item in page["items"]] == [later]
    world.send(GONE)  # and what is under way then keeps nobody waiting
    assert steps.deliver(step.body()) == []
    assert steps.state(step) is State.DONE


def adjust(credits_: int) -> None:
    ledger.move(
        wallets.read(TENANT),
        lambda wallet: ledger.adjust(wallet, credits_, name=ids.new(), reference="test", reason="test", actor="test"),
    )


def test_an_order_that_waited_for_credits_when_it_was_asked_for_is_part_of_it(world: World, steps: Steps) -> None:
    adjust(-5_000)
    status, batch = world.send(GONE, park=True)
    assert (status, batch["status"]) == (202, "parked")
    (again,) = steps.deliver(asked(world).body())
    adjust(10)
    assert unpark.handler(sqs({"tenant": TENANT}), CONTEXT) == {"batchItemFailures": []}
    (again,) = steps.deliver(again)
    world.work()
    world.receive(expected=1)
    world.sweep(after_s=61)
    assert steps.deliver(again) == []
    assert DIGITS not in stored()


def test_another_tenants_texts_to_the_number_stay(world: World, steps: Steps) -> None:
    world.fund(10, tenant=TenantId("t2"))
    other = token(tenant="t2")
    theirs, ours = sent(world, GONE, token=other), sent(world, GONE)
    assert theirs != ours
    erase(world, steps)
    _, page = world.call("GET", "/api/sms/messages/", query={"to": GONE}, token=other)
    assert [item["batch_id"] for item in page["items"]] == [theirs]


def test_done_twice_is_done_once(world: World, steps: Steps) -> None:
    sent(world, GONE, STAYS)
    step = steps.run(asked(world))
    once = stored()
    assert steps.deliver(step.body()) == []
    assert stored() == once


def test_more_messages_than_a_step_takes_go_page_by_page(
    world: World, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "_ROWS_A_STEP", 2)
    for _ in range(5):
        sent(world, GONE)
    step = asked(world)
    assert steps.state(steps.run(step)) is State.DONE
    assert steps.delays == [0, 0]
    assert DIGITS not in stored()
    assert steps.state(step) is State.DONE


def test_a_step_of_an_older_run_is_not_taken(world: World, steps: Steps) -> None:
    sent(world, GONE)
    old, new = asked(world), asked(world)
    assert steps.deliver(old.body()) == []
    assert DIGITS in stored()
    steps.deliver(new.body())
    assert DIGITS not in stored()


@pytest.mark.parametrize("poison", ["no json", {"kind": "erasure"}, {"kind": "loan", "tenant": "t1"}])
def test_a_message_that_is_no_step_goes_back_to_the_queue_and_changes_nothing(
    world: World, steps: Steps, poison: Any
) -> None:
    sent(world, GONE)
    before = stored()
    assert steps.handle(poison) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert stored() == before


def test_a_worker_that_dies_anywhere_leaves_what_the_next_delivery_finishes(world: World, steps: Steps) -> None:
    batch = sent(world, GONE, STAYS)
    before = world.batch(batch)
    for at in range(60):
        died = []
        for after in (False, True):
            step = asked(world)
            world.wire.cut(at, after=after)
            try:
                steps.handle(step.body())
            except Crash:
                died.append(after)
            world.wire.mend()
            steps.run(step)
            assert DIGITS not in stored(), (at, after)
            assert steps.state(step) is State.DONE
            assert world.batch(batch) == before
            restore(world, batch)
        if not died:
            return
    raise AssertionError("sixty calls are too many for one message")


def restore(world: World, batch: str) -> None:
    """Puts the number back, so that it can be erased at another call."""
    found = chunks.get(TENANT, BatchId(batch), 1)
    assert found is not None
    table = messaging.table()
    held = [DIGITS if one == chunks.ERASED else one for one in found.recipients]
    writes.commit(
        writes.update(
            table,
            chunks.key(TENANT, BatchId(batch), 1),
            "SET recipients = :held",
            condition="attribute_exists(pk)",
            values={":held": chunks._packed(held)},
            refused=lambda _: LookupError(),
        )
    )
    fresh = chunks.get(TENANT, BatchId(batch), 1)
    assert fresh is not None
    kept = messages.read_rows(found)
    writes.put_all(
        table, [{**kept[int(row["sk"])], **row, "rank": kept[int(row["sk"])]["rank"]} for row in messages.rows(fresh)]
    )
    assert DIGITS in stored()


def test_two_numbers_that_leave_one_batch_at_once_both_go(
    world: World, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(world, GONE, STAYS)
    first, second = asked(world), asked(world, digits="255712000011")
    real, nested = chunks.erase, list[bool]()

    def meanwhile(chunk: Any, digits: str) -> Any:
        write = real(chunk, digits)
        if not nested:
            nested.append(True)
            steps.deliver(second.body())
        return write

    monkeypatch.setattr(chunks, "erase", meanwhile)
    (again,) = steps.deliver(first.body())
    assert DIGITS in stored()
    assert steps.deliver(again) == []
    assert "25571200001" not in stored()


def test_pointers_and_reports_of_a_hand_over_that_was_lost_go_too(world: World, steps: Steps) -> None:
    world.beem.add_fault("http_500")
    _, batch = world.send(GONE, STAYS)
    world.work()
    chunk = chunks.get(TENANT, BatchId(batch["id"]), 1)
    assert chunk is not None
    world.sweep(after_s=46)
    body = {"request_id": "999", "recipient_id": chunk.recipient_ids[0][0], "dest_addr": DIGITS, "Status": "DELIVERED"}
    inbox.keep(beem_reports.parse(body))
    assert "LOST#beem#255712000010" in stored()
    assert "INBOX#" in stored()
    erase(world, steps)
    assert DIGITS not in stored()
    assert "LOST#beem#255712000011" in stored()


def test_a_report_that_comes_after_the_erasure_brings_the_number_back_nowhere(world: World, steps: Steps) -> None:
    _, batch = world.send(GONE)
    world.work()
    reports = world.receive(expected=1)
    world.sweep(after_s=61)
    erase(world, steps)
    world.report(*reports)
    assert DIGITS not in stored()
    assert world.batch(batch["id"])["counts"] == {"delivered": 1}


def test_chunks_expire_with_their_rows_and_what_was_refused_before_them(world: World) -> None:
    sent(world, GONE, "123")
    items = [aws.unmarshal(item) for item in aws.dynamodb().scan(TableName=messaging.table())["Items"]]
    days = {
        item["sk"].partition("#")[0]: round((item["ttl"] - clock.epoch()) / 86_400) for item in items if "ttl" in item
    }
    assert days == {"CHUNK": 400, "001": 400, "REFUSED": 30, "ROUTE": 30, "RECKONED": 400, "TEXT": 0}


def test_a_suspended_tenants_numbers_are_erased_all_the_same(world: World, steps: Steps) -> None:
    sent(world, GONE)
    writes.commit(tenants.suspend(TENANT, reason="unpaid"))
    erase(world, steps)
    assert DIGITS not in stored()
