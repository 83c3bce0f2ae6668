"""Sending over the deployed stack: a thousand at once, every ending, in parallel and again."""

import json
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.e2e.sending import accepted_texts, completed, is_empty
from tests.e2e.stack import Tenant, wait_until

_ENDED = {"delivered", "undelivered", "rejected", "unknown", "failed"}


def test_a_thousand_recipients_are_delivered_once_each_and_the_ledger_adds_up(tenant: Tenant) -> None:
    tenant.buy_lite()
    numbers = tenant.numbers(1_000)
    answer = tenant.send(numbers)
    assert answer.status_code == 202, answer.text
    batch = answer.json()
    assert (batch["accepted"], batch["price"], batch["refused"]) == (1_000, 1_000, [])
    completed(tenant, batch["id"], within_s=120)

    def delivered() -> bool:
        return bool(tenant.batch(batch["id"])["counts"] == {"delivered": 1_000})

    wait_until("every recipient is delivered", delivered, within_s=180, every_s=2)
    assert tenant.batch(batch["id"])["charged"] == 1_000
    assert set(tenant.statuses(batch["id"]).values()) == {"delivered"}
    assert set(accepted_texts(tenant, numbers).values()) == {1}
    assert [entry["kind"] for entry in tenant.ledger()] == ["credit", "hold", "capture"]
    assert tenant.balance() == (4_000, 0)


def test_every_ending_is_told_and_what_was_not_handed_over_costs_nothing(tenant: Tenant) -> None:
    tenant.buy_lite()
    endings = ["001", "002", "003", "004", "005", "006"]
    numbers = {ending: tenant.numbers(1, ending)[0] for ending in endings}
    ordinary = tenant.numbers(4)
    batch = tenant.send([*numbers.values(), *ordinary]).json()
    completed(tenant, batch["id"])

    def ended() -> bool:
        tenant.stack.sweep()
        return set(tenant.statuses(batch["id"]).values()) <= _ENDED

    wait_until("every recipient has ended", ended, within_s=90, every_s=3)
    statuses = tenant.statuses(batch["id"])
    assert {ending: statuses[number] for ending, number in numbers.items()} == {
        "001": "undelivered",
        "002": "rejected",
        "003": "unknown",
        "004": "delivered",
        "005": "delivered",
        "006": "rejected",
    }
    assert {statuses[number] for number in ordinary} == {"delivered"}
    assert tenant.batch(batch["id"])["charged"] == 9
    # What the operator has rejected, 002, is given back when nothing can come of it any more.
    wait_until("one is given back", lambda: tenant.balance() == (4_992, 0), every_s=1)
    tenant.ledger()


def test_queues_that_deliver_again_change_nothing(tenant: Tenant) -> None:
    tenant.buy_lite()
    numbers = tenant.numbers(15)
    batch = tenant.send(numbers).json()
    completed(tenant, batch["id"])
    wait_until(
        "all are delivered", lambda: tenant.batch(batch["id"])["counts"] == {"delivered": 15}, within_s=90, every_s=1
    )
    before = (tenant.balance(), tenant.ledger())
    sqs, outputs = tenant.stack.client("sqs"), tenant.stack.outputs
    chunk = {"tenant": tenant.id, "batch": batch["id"], "chunk": 1}
    payment = tenant.get("billing/payments/")["items"][0]
    sent = next(text for text in tenant.stack.beem.log() if text["dest_addr"] == "255" + numbers[0][1:])
    report = {name: sent[name] for name in ("request_id", "recipient_id", "dest_addr")} | {"status": "UNDELIVERED"}
    for queue, body in {
        "UrgentQueueUrl": chunk,
        "BulkQueueUrl": chunk,
        "ReceiptsQueueUrl": {"provider": "beem", "report": report},
        "PaymentsQueueUrl": {"payment_id": payment["id"]},
    }.items():
        for _ in range(3):
            sqs.send_message(QueueUrl=outputs[queue], MessageBody=json.dumps(body))
    for queue in ("UrgentQueueUrl", "BulkQueueUrl", "ReceiptsQueueUrl", "PaymentsQueueUrl"):
        wait_until(f"{queue} is empty", partial(is_empty, sqs, outputs[queue]))
    assert (tenant.balance(), tenant.ledger()) == before
    assert tenant.batch(batch["id"])["counts"] == {"delivered": 15}
    assert set(accepted_texts(tenant, numbers).values()) == {1}


def test_twenty_parallel_sends_with_credit_for_seven_accept_exactly_seven(tenant: Tenant) -> None:
    tenant.buy_lite()
    numbers = tenant.numbers(4_993)
    for first in range(0, 4_993, 1_000):
        assert tenant.send(numbers[first : first + 1_000]).status_code == 202
    assert tenant.balance()[0] == 7
    singles = tenant.numbers(20)
    with ThreadPoolExecutor(20) as threads:
        outcomes = Counter(threads.map(lambda number: tenant.send([number]).status_code, singles))
    assert outcomes == {202: 7, 402: 13}
    assert tenant.balance()[0] == 0
    tenant.ledger()


def test_one_key_makes_one_batch_again_with_another_body_and_in_parallel(tenant: Tenant) -> None:
    tenant.buy_lite()
    numbers, key = tenant.numbers(2), {"Idempotency-Key": str(uuid.uuid4())}
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: tenant.send(numbers, headers=key), range(10)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    other = tenant.send(tenant.numbers(1), headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    completed(tenant, answers[0].json()["id"])
    assert tenant.balance() == (4_998, 0)
    assert set(accepted_texts(tenant, numbers).values()) == {1}


def test_a_forged_delivery_report_is_refused_and_one_of_another_number_changes_nothing(tenant: Tenant) -> None:
    tenant.buy_lite()
    batch = tenant.send(tenant.numbers(1, "003")).json()
    completed(tenant, batch["id"])
    sent = tenant.stack.beem.log()[-1]
    report = {name: sent[name] for name in ("request_id", "recipient_id", "dest_addr")} | {"status": "DELIVERED"}
    forged = tenant.post("webhooks/sms/beem/not-the-token/", report, token=None)
    assert forged.status_code in {401, 403}
    token = tenant.stack.secret("BeemSecret")["callback_token"]
    other = tenant.post(f"webhooks/sms/beem/{token}/", {**report, "dest_addr": "255712999999"}, token=None)
    assert other.status_code == 200
    sqs = tenant.stack.client("sqs")
    wait_until("the report was looked at", lambda: is_empty(sqs, tenant.stack.outputs["ReceiptsQueueUrl"]))
    # The sweep may have asked the provider meanwhile, which says that the text is on its way.
    assert set(tenant.statuses(batch["id"]).values()) in ({"submitted"}, {"buffered"})
    assert tenant.post(f"webhooks/sms/beem/{token}/", report, token=None).status_code == 200
    wait_until("the true report counts", lambda: set(tenant.statuses(batch["id"]).values()) == {"delivered"})


def test_another_tenants_things_are_not_found(tenant: Tenant) -> None:
    tenant.buy_lite()
    batch = tenant.send(tenant.numbers(1)).json()
    payment = tenant.get("billing/payments/")["items"][0]
    stranger = Tenant(tenant.stack)
    for path in (
        f"sms/batches/{batch['id']}/",
        f"sms/batches/{batch['id']}/messages/",
        f"billing/payments/{payment['id']}/",
    ):
        answer = stranger.request("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert stranger.get("sms/batches/")["items"] == []
    assert stranger.get("billing/ledger/")["items"] == []
