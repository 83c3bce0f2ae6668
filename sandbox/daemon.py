"""The daemon: the front door and the simulators in one process, until it is told to end."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator

from aiohttp import web

from sandbox.beem import Beem
from sandbox.clickpesa import ClickPesa
from sandbox.front import FrontDoor
from sandbox.listener import bound
from sandbox.pawapay import PawaPay
from sandbox.ports import Ports
from sandbox.simulator import Simulator
from sandbox.zenopay import ZenoPay

_BACKLOG = 1024


def serve(ports: Ports, *, api_id: str) -> None:
    """Serve until SIGTERM or SIGINT; a port in use is raised as PortTakenError."""
    asyncio.run(_serve(ports, api_id))


async def _serve(ports: Ports, api_id: str) -> None:
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    async with serving(ports, api_id=api_id):
        simulators = f"Beem on {ports.beem}, ZenoPay on {ports.zenopay}, pawaPay on {ports.pawapay}"
        print(f"front door on {ports.front_url}, {simulators}, ClickPesa on {ports.clickpesa}", flush=True)
        await ended.wait()


@contextlib.asynccontextmanager
async def serving(ports: Ports, *, api_id: str) -> AsyncIterator[None]:
    """Front door and simulators for the time of the block."""
    simulators: dict[str, Simulator] = {
        "beem": Beem(),
        "zenopay": ZenoPay(),
        "pawapay": PawaPay(),
        "clickpesa": ClickPesa(),
    }
    async with contextlib.AsyncExitStack() as stack:
        for name, simulator in simulators.items():
            await stack.enter_async_context(simulator.serving(getattr(ports, name)))
        front = FrontDoor(api_id=api_id, ports=ports, simulators=simulators)
        runner = web.AppRunner(front.app(), access_log=None, shutdown_timeout=1.0)
        stack.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.SockSite(runner, bound(ports.front, "front door"), backlog=_BACKLOG).start()
        yield
