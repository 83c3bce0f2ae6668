"""Simulators and a customer's door, each on a port of its own, for the tests of the sandbox."""

from collections.abc import Iterator

import pytest

from sandbox.doorstep import Doorstep, open_doorstep
from sandbox.testing import (
    RunningBeem,
    RunningClickPesa,
    RunningPawaPay,
    RunningZenoPay,
    running_beem,
    running_clickpesa,
    running_pawapay,
    running_zenopay,
)


@pytest.fixture
def doorstep() -> Iterator[Doorstep]:
    with open_doorstep() as open_door:
        yield open_door


@pytest.fixture
def beem(doorstep: Doorstep) -> Iterator[RunningBeem]:
    with running_beem(doorstep.url) as running:
        yield running


@pytest.fixture
def zenopay() -> Iterator[RunningZenoPay]:
    with running_zenopay() as running:
        yield running


@pytest.fixture
def pawapay(doorstep: Doorstep) -> Iterator[RunningPawaPay]:
    with running_pawapay(doorstep.url) as running:
        running.set_callback(doorstep.url, refunds=f"{doorstep.url}refunds/")
        yield running


@pytest.fixture
def clickpesa(doorstep: Doorstep) -> Iterator[RunningClickPesa]:
    with running_clickpesa(doorstep.url) as running:
        yield running
