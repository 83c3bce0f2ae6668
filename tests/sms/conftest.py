"""The world that the sms slice's tests live in."""

import os
import socket
import threading
from collections.abc import Iterator

import pytest

from mifumo import aws
from sandbox.testing import RunningBeem, running_beem
from tests.sms.customer import Customer, open_customer
from tests.sms.told import Told
from tests.sms.world import Mailbox, World, open_mailbox
from tests.wire import Wire


@pytest.fixture(scope="session")
def reports() -> Iterator[Mailbox]:
    """Opens the mailbox that the simulator pushes to."""
    with open_mailbox() as mailbox:
        yield mailbox


@pytest.fixture(scope="session")
def beem(reports: Mailbox) -> Iterator[RunningBeem]:
    """Starts one Beem for all tests; each begins with a clean one."""
    with running_beem(reports.url, report_delay_s=0.01, refusal_window_s=0.4) as running:
        yield running


@pytest.fixture
def world(aws_tables: Wire, beem: RunningBeem, reports: Mailbox, monkeypatch: pytest.MonkeyPatch) -> World:
    """Makes a world with a funded tenant."""
    beem.clear()
    beem.rest()
    aws.scheduler().create_schedule_group(Name=os.environ["SCHEDULES_GROUP"])
    reports.take()
    made = World(beem, aws_tables, monkeypatch, reports)
    made.fund(5_000)
    aws_tables.clear()
    return made


@pytest.fixture
def customer() -> Iterator[Customer]:
    """Opens a customer's system."""
    with open_customer() as opened:
        yield opened


@pytest.fixture
def tarpit(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Makes every name server one that answers when the test is over; lists the names that it was asked for."""
    over, asking, asked = threading.Event(), list[threading.Thread](), list[str]()

    def hangs(host: str, *_: object, **__: object) -> None:
        asking.append(threading.current_thread())
        asked.append(host)
        over.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    yield asked
    over.set()
    for thread in asking:
        thread.join()


@pytest.fixture
def told(world: World, customer: Customer) -> Told:
    """Makes a world whose tenant has a system to be told."""
    return Told(world, customer)
