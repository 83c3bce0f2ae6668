"""Campaign: one file, from its upload to the last receipt, on a local cloud that is up, and how long each stage took.

`python -m bench.campaign [ROWS] [STACK]` (`make up` is the stack `local`). It raises unless every row was sent to once
and the bill is the quote. Times are the machine's: all of the cloud, its functions and the providers share it. Memory
is the most that any process of a function has had by then, where the system tells (`/proc`). What each stage
asks of AWS is what `python -m bench.stages` counts.
"""

import json
import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from bench import memory
from mifumo import ledger, wallets
from mifumo.ids import TenantId
from sandbox.emulator import speaking_to
from sandbox.places import Place
from sandbox.ports import Ports
from tests.e2e.stack import Stack, Tenant

_ROWS = 100_000
_TEXT = "Habari {{name}}, ofa yako ya leo iko tayari. Karibu tena!"
_STAGE_MAX_S = 3_600
_POSTED, _ACCEPTED = 204, 202
# The name that a function's process is told of itself, as CloudFormation makes it.
_FUNCTION = re.compile(rb"AWS_LAMBDA_FUNCTION_NAME=[\w-]+-((?:Sms|Webhooks)\w+?)[0-9A-F]{8}-")


class VoidRunError(RuntimeError):
    """The run did not do the work that it would be timed for."""


def main() -> int:
    """Prints a table of stages."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else _ROWS
    stack = Stack(json.loads(Place(sys.argv[2] if len(sys.argv) > 2 else "local").stack_file.read_text()))  # noqa: PLR2004
    tenant = Tenant(stack)
    _fund(stack, tenant, rows)
    # A token of fifteen minutes would not see the end.
    tenant.tokens["access"] = tenant.token("owner", exp=int(time.time()) + 4 * 3_600)
    print("| stage | seconds | rows a second | most memory of the functions, MB |")
    print("| --- | ---: | ---: | --- |")
    made = tenant.post("sms/uploads/", {"purpose": "campaign", "sender_id": "Taarifa-SMS", "text": _TEXT}).json()
    _timed("the file is posted by its form", rows, lambda: _post(made, rows))
    quote = _timed("it is read, priced and quoted", rows, lambda: _quoted(tenant, made["id"]))
    batch = _timed("the quote is accepted", rows, lambda: _sent(tenant, quote))
    _timed("laid out, handed over and settled", rows, lambda: _until(tenant, batch, _settled))
    _timed(
        "every receipt is in", rows, lambda: _until(tenant, batch, lambda found: found["counts"] == {"delivered": rows})
    )
    found = tenant.batch(batch)
    if (found["charged"], quote["price"], tenant.balance()) != (rows, rows, (0, 0)):
        raise VoidRunError(f"quoted {quote['price']}, charged {found['charged']}, left {tenant.balance()}")
    return 0


def _fund(stack: Stack, tenant: Tenant, rows: int) -> None:
    with speaking_to(Ports(cloud=int(stack.told["endpoint_url"].rpartition(":")[2]))):
        os.environ["LEDGER_TABLE"] = stack.outputs["LedgerTable"]
        ledger.move(
            wallets.read(TenantId(tenant.id)),
            lambda wallet: ledger.credit(
                wallet, rows, name=f"bench:{tenant.id}", reference="bench", postings=[], package="enterprise"
            ),
        )


def _post(made: Any, rows: int) -> None:
    """Posts a file of numbers that the simulator delivers to, with seven names among them."""
    lines = (f"07{10_000 + n // 900:05d}{100 + n % 900},Asha {n % 7}\n" for n in range(rows))
    file = {"file": ("customers.csv", "phone,name\n" + "".join(lines), "text/csv")}
    posted = requests.post(made["url"], data=made["fields"], files=file, timeout=120)
    if posted.status_code != _POSTED:
        raise VoidRunError(posted.text)


def _quoted(tenant: Tenant, upload: str) -> Any:
    deadline = time.monotonic() + _STAGE_MAX_S
    while (found := tenant.get(f"sms/uploads/{upload}/"))["state"] in {"waiting", "reading"}:
        if time.monotonic() > deadline:
            raise VoidRunError(found)
        time.sleep(0.2)
    if found["state"] != "ready":
        raise VoidRunError(found)
    return found


def _sent(tenant: Tenant, quote: Any) -> str:
    answer = tenant.post("sms/batches/", {"quote_id": quote["id"]})
    if answer.status_code != _ACCEPTED:
        raise VoidRunError(answer.text)
    return str(answer.json()["id"])


def _settled(found: Any) -> bool:
    return bool(found["status"] == "completed")


def _until(tenant: Tenant, batch: str, true: Callable[[Any], bool]) -> None:
    deadline = time.monotonic() + _STAGE_MAX_S
    while not true(found := tenant.batch(batch)):
        if time.monotonic() > deadline:
            raise VoidRunError(found)
        time.sleep(1)


def _timed(stage: str, rows: int, work: Callable[[], Any]) -> Any:
    started = time.monotonic()
    done = work()
    seconds = time.monotonic() - started
    print(f"| {stage} | {seconds:.1f} | {rows / seconds:,.0f} | {_memory()} |", flush=True)
    return done


def _memory() -> str:
    """Tells how much memory each function has had at most, in any of its processes that are alive."""
    most = dict[str, int]()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is somebody else's
            if function := _FUNCTION.search((process / "environ").read_bytes()):
                name = function[1].decode()
                most[name] = max(most.get(name, 0), int(memory.peak_mb(process)))
    return ", ".join(f"{name} {megabytes}" for name, megabytes in sorted(most.items())) or "not told"


if __name__ == "__main__":
    sys.exit(main())
