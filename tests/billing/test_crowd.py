"""A crowd: fifty threads of callbacks, sweeps and polls on payments of three providers, over a DynamoDB under load.

`CROWD_PAYMENTS` says how many payments there are.
"""

import itertools
import os
import random
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.billing import accounts, gateway, invariants, payment_items, payments, worker
from functions.billing.payment import Payment
from functions.billing.states import Status
from mifumo import clock, settings, wallets
from mifumo.errors import Busy
from mifumo.providers.payments import Standing, Statement
from tests.billing.conftest import TENANT, Till, Travel, opened
from tests.wire import Wire

PAYMENTS = int(os.environ.get("CROWD_PAYMENTS", "30"))
THREADS = 50
# Each payment is looked at so often, and asked after by its buyer so often; and so many sweeps pass by.
LOOKS, POLLS, SWEEPS = 4, 2, 20
WRITES_LET_DOWN, READS_LET_DOWN = 0.15, 0.02
PASSING = {"TransactionConflictException", "ProvisionedThroughputExceededException"}
WALLETS = {"zenopay": ("vodacom", "0754"), "pawapay": ("airtel", "0684"), "clickpesa": ("tigo", "0654")}
# Paid, with one callback, none or three; declined; never answered; told of falsely; paid with another amount.
ENDINGS = ("456", "229", "329", "039", "129", "429", "529")

Job = Callable[[], object]


@dataclass
class Crowd:
    """The tills of three providers, one tenant, and what was bought."""

    tills: dict[str, Till]
    wire: Wire
    bought: list[Payment]

    def statement(self, payment: Payment) -> Statement:
        """Asks the provider what became of a payment."""
        return accounts.client(payment.gateway).fetch_status(payment.order_id)

    def jobs(self) -> deque[Job]:
        """Shuffles everything that happens at once."""
        jobs: deque[Job] = deque()

        def look(body: dict[str, Any]) -> Job:
            return lambda: worker._look(body)

        def sweep() -> None:
            for partition in payment_items.DUE:
                jobs.extend(
                    look({"payment_id": one, "due": due}) for one, due in payments.due(partition, items_max=250)
                )

        def deliver() -> None:
            jobs.extend(map(look, next(iter(self.tills.values())).queued()))

        looks = [look({"payment_id": one.id, "received_at": clock.stamp()}) for one in self.bought * LOOKS]
        polls = [partial(self.poll, one) for one in self.bought * POLLS]
        prompts = [partial(self.tills[one.gateway].prompt, one) for one in self.bought]
        everything: list[Job] = [*looks, *polls, *prompts, *[sweep] * SWEEPS, *[deliver] * SWEEPS]
        random.shuffle(everything)
        jobs.extend(everything)
        return jobs

    def poll(self, payment: Payment) -> None:
        """Looks as the buyer does, who may never see a payment take a step back."""
        seen = payments.find(TENANT, payment.id)
        wallet = wallets.read(TENANT)
        assert wallet.available >= 0
        if seen.status is Status.COMPLETED:
            assert wallet.available >= payment.credits


@pytest.fixture
def crowd(aws_tables: Wire, travel: Travel, door: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crowd]:
    monkeypatch.setenv("PROVIDER_TIMEOUT_S", "20")  # fifty threads share two processors with the providers
    aws_tables.take_turns()  # providers call back while others are still buying
    with ExitStack() as stack:
        tills = {name: stack.enter_context(opened(name, aws_tables, travel, door, monkeypatch)) for name in WALLETS}
        behind = ";".join(f"{wallet}={name}" for name, (wallet, _) in WALLETS.items())
        monkeypatch.setenv("PAYMENT_PROVIDERS", f"{behind};halotel=zenopay")
        settings.forget()
        orders = zip(range(PAYMENTS), itertools.cycle(WALLETS), itertools.cycle(ENDINGS), strict=False)
        bought = [buy(tills[name], name, digits, number) for number, name, digits in orders]
        yield Crowd(tills, aws_tables, bought)


def buy(till: Till, name: str, digits: str, number: int) -> Payment:
    wallet, prefix = WALLETS[name]
    payment = till.bought(digits, key=str(number), provider=wallet, phone=f"{prefix}123{digits}")
    assert payment.gateway == name
    return payment


def work(jobs: deque[Job], let_down: list[str]) -> None:
    """Does jobs until there are none; one that DynamoDB lets down comes again, as a message of the queue does."""
    while jobs:
        try:
            job = jobs.popleft()
        except IndexError:
            return
        try:
            job()
        except Busy:
            let_down.append("Busy")
            jobs.append(job)
        except ClientError as error:
            let_down.append(error.response["Error"]["Code"])
            assert let_down[-1] in PASSING
            jobs.append(job)


def test_a_crowd_credits_each_payment_once_or_not_at_all_as_its_provider_says(crowd: Crowd) -> None:
    jobs, let_down = crowd.jobs(), list[str]()
    crowd.wire.trouble(writes=WRITES_LET_DOWN, reads=READS_LET_DOWN)
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda _: work(jobs, let_down), range(THREADS)))
    crowd.wire.calm()
    assert {trouble.split()[0] for trouble in crowd.wire.troubles} >= {"TransactWriteItems", "UpdateItem", "GetItem"}
    assert let_down
    in_the_crowd = wallets.read(TENANT).available

    a_till = next(iter(crowd.tills.values()))
    for _ in range(3):  # what came in at the very end
        a_till.travel.forward(10)
        a_till.sweep()
    paid = [payment for payment in crowd.bought if says_paid(crowd, payment)]
    assert len(paid) >= PAYMENTS // 3
    assert in_the_crowd == wallets.read(TENANT).available == sum(payment.credits for payment in paid)
    for payment in crowd.bought:
        till = crowd.tills[payment.gateway]
        till.credited(payment, times=1 if payment in paid else 0)
        assert till.pushes().count(payment.order_id) == 1
    assert invariants.check(TENANT) == []


def says_paid(crowd: Crowd, payment: Payment) -> bool:
    statement = crowd.statement(payment)
    return statement.standing is Standing.COMPLETED and gateway.settles(payment, statement)
