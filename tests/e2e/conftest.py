"""A local cloud of the tests' own, one for each process of the run: free ports, and taken down in the end.

Set `MIFUMO_E2E_STACK=NAME` to use one that is up already (`python -m sandbox up --name NAME`) and leave it up.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sandbox.places import Place
from sandbox.ports import free_port
from tests.e2e.stack import Stack, Tenant

_NAME = f"e2e-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
_START_MAX_S = 420


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks everything here, and gives it the time that a real pipeline takes."""
    for item in items:
        if "tests/e2e" in item.path.as_posix():
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Starts the local cloud."""
    given = os.environ.get("MIFUMO_E2E_STACK")
    if given:
        yield Stack(json.loads(Place(given).stack_file.read_text()))
        return
    names = ("CLOUD", "FRONT", "BEEM", "ZENOPAY", "PAWAPAY", "CLICKPESA")
    ports = {f"{name}_PORT": str(free_port()) for name in names}
    environment = os.environ | ports
    command = [sys.executable, "-m", "sandbox", "{}", "--name", _NAME]
    up, down = ([word.format(verb) for word in command] for verb in ("up", "down"))
    subprocess.run(down, env=environment, check=True, timeout=_START_MAX_S, stdin=subprocess.DEVNULL)
    subprocess.run(up, env=environment, check=True, timeout=_START_MAX_S, stdin=subprocess.DEVNULL)
    try:
        yield Stack(json.loads(Place(_NAME).stack_file.read_text()))
    finally:
        subprocess.run(down, env=environment, check=True, timeout=_START_MAX_S, stdin=subprocess.DEVNULL)


@pytest.fixture
def tenant(stack: Stack) -> Iterator[Tenant]:
    """Registers a business of its own for one test; the providers begin without faults."""
    stack.clear_faults()
    yield Tenant(stack)
    stack.clear_faults()
