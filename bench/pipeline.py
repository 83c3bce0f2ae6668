"""Pipeline: texts from accept to the last receipt through the real handlers, and what that costs.

A run that loses a text, leaves one without an end or a wallet out of balance is void: it raises instead of counting.
"""

import itertools
import json
import random
from collections import Counter

from bench import deployed
from bench.cloud import BEEM_TOKEN, Cloud
from bench.dollars import Bill, bill
from functions.sms.batches import batches, chunks, messages
from mifumo import ledger, tenants, wallets, writes
from mifumo.ids import BatchId, TenantId
from tests.builders import answer, request, sqs, token
from tests.sms.customer import open_customer

TENANT = TenantId("01kat5z3fq8m2n7d9x4r6w1yjc")  # as long as they are
TEXT = "Habari ndugu mteja, salio lako ni TSh 10,000/=. Asante kwa kununua kwetu, karibu tena!"
BATCH = 1_000
# Repeats are refused: whoever sends again sends another text.
_EDITIONS = itertools.count(100_000)
REPEATED_SHARE = 0.01

SEND = "functions.sms.api.handler"
WORK = "functions.sms.worker.handler"
DOOR = "functions.webhooks.api.handler"
RECEIVE = "functions.sms.receipts.handler"
TELL = "functions.sms.hooks_worker.handler"
EVENTS = ["message.submitted", "message.delivered", "message.undelivered", "message.failed", "batch.completed"]


_HOOKS = "/api/sms/webhooks/"


class VoidRunError(RuntimeError):
    """The run did not do the work that it would be paid for."""


def fund(credits_: int) -> None:
    """Makes the tenant, active and with credits."""
    writes.commit(tenants.put(TENANT, "Duka la Mfano", verified=True))
    ledger.move(
        wallets.read(TENANT),
        lambda wallet: ledger.credit(
            wallet, credits_, name="bench", reference="bench", postings=[], package="enterprise"
        ),
    )


def numbers(count: int, *, first: int = 0) -> list[str]:
    """Makes numbers, each once, whose texts the simulator delivers."""
    return [f"0712{n // 900:03d}{100 + n % 900:03d}" for n in range(first, first + count)]


def order(recipients: list[str]) -> dict[str, object]:
    """Makes the body of a send request of one segment a text, which nobody has got before."""
    return {"sender_id": "INFO", "text": f"{TEXT} {next(_EDITIONS)}", "recipients": recipients}


def run(cloud: Cloud, recipients: int, *, together: int = BATCH, seed: int = 1) -> Bill:
    """Sends to so many recipients and returns the bill.

    `together` is how many texts are under way at once: their reports come in one random order, some of them twice.
    """
    held, sent, shuffle = wallets.read(TENANT).available, list[str](), random.Random(seed)
    cloud.clear()
    for first in range(0, recipients, together):
        wave = min(together, recipients - first)
        sent += [_accept(cloud, numbers(min(BATCH, wave), first=first + at)) for at in range(0, wave, BATCH)]
        hand_over(cloud)
        tell(cloud)
        report(cloud, wave, shuffle)
    counted = bill(recipients, cloud.tally, cloud.spent, deployed.functions())
    verify(sent, recipients, before=held)
    return counted


def _accept(cloud: Cloud, recipients: list[str]) -> str:
    event = request("POST", "/api/sms/send/", order(recipients), token=token(tenant=TENANT))
    status, body = answer(cloud.invoke(SEND, event))
    if status != 202:  # noqa: PLR2004
        raise VoidRunError(body)
    return str(body["id"])


def hand_over(cloud: Cloud) -> None:
    """Lets the workers do what is queued, one chunk an invocation as the mapping is deployed."""
    for lane in ("URGENT", "BULK"):
        for body in cloud.take(lane):
            done(cloud.invoke(WORK, sqs(body)))


def report(cloud: Cloud, expected: int, shuffle: random.Random) -> None:
    """Takes the simulator's reports to the door in random order, then to the receipts function as deployed."""
    reports = cloud.reports.take(expected)
    reports += shuffle.sample(reports, int(len(reports) * REPEATED_SHARE))
    shuffle.shuffle(reports)
    size = deployed.functions()[RECEIVE].batch_size
    for first in range(0, len(reports), size):
        for report in reports[first : first + size]:
            deliver(cloud, report)
        done(cloud.invoke(RECEIVE, sqs(*cloud.take("RECEIPTS"))))
        tell(cloud)


def tell(cloud: Cloud) -> None:
    """Lets the worker of webhooks do what is queued, one message an invocation as the mapping is deployed."""
    while bodies := cloud.take("HOOKS"):
        for body in bodies:
            done(cloud.invoke(TELL, sqs(body)))


def run_listening(cloud: Cloud, recipients: int) -> Bill:
    """Sends to so many recipients while a system of the tenant's is told of everything, and returns the bill.

    The worker is as fast as the reports: it tells after every hand-over and after every batch of reports what is new,
    so nothing is told together that came apart.
    """
    with open_customer() as customer:
        body = {"url": customer.url, "events": EVENTS}
        status, made = answer(cloud.invoke(SEND, request("POST", _HOOKS, body, token=token(tenant=TENANT))))
        if status != 201:  # noqa: PLR2004
            raise VoidRunError(made)
        counted = run(cloud, recipients)
        told = Counter(
            (event["type"], message["id"]) for event in customer.told() for message in event["data"].get("messages", [])
        )
        if len(told) != 2 * recipients or set(told.values()) != {1}:
            raise VoidRunError(f"{len(told)} of {2 * recipients} were told")
        cloud.invoke(SEND, request("DELETE", f"{_HOOKS}{made['id']}/", token=token(tenant=TENANT)))
    return counted


def deliver(cloud: Cloud, report: dict[str, object]) -> None:
    """Takes one report to the door, as Beem does."""
    answered = cloud.invoke(DOOR, request("POST", f"/api/webhooks/sms/beem/{BEEM_TOKEN}/", json.dumps(report)))
    if answered["statusCode"] != 200:  # noqa: PLR2004
        raise VoidRunError(answered)


def done(answered: dict[str, object]) -> None:
    """Raises unless a worker has done all that it was given."""
    if answered != {"batchItemFailures": []}:
        raise VoidRunError(answered)


def verify(sent: list[str], recipients: int, *, before: int) -> None:
    """Raises unless every recipient has a row with an end, every batch is settled and every credit accounted for."""

    ended: Counter[str] = Counter()
    for batch_id in sent:
        found = batches.read(TENANT, BatchId(batch_id))
        if found is None or found[0].status is not batches.Status.COMPLETED:
            raise VoidRunError(f"batch {batch_id} is not settled")
        for chunk in chunks.of_batch(TENANT, BatchId(batch_id)):
            ended.update(row["status"] for row in messages.read_rows(chunk).values())
            if sum(dict(chunk.finals).values()) != len(chunk.recipients):
                raise VoidRunError(f"chunk {chunk.number} counts {chunk.finals}")
    wallet = wallets.read(TENANT)
    if ended != {"delivered": recipients} or (wallet.available, wallet.held) != (before - recipients, 0):
        raise VoidRunError(f"{ended}, {wallet}")
