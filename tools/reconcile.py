"""Reconcile: recomputes every wallet of a stage from its entries, now, and says which do not add up.

It reads only. What freezes a wallet that is wrong is the stage's own checkup, every day, or its staff at once.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping

from functions.billing import invariants
from functions.billing.invariants import Breach
from mifumo import aws, settings, wallets
from mifumo.aws import Item
from mifumo.ids import TenantId
from sandbox import emulator, ports
from sandbox.places import Place
from tools import stacks
from tools.stacks import StackError

_LOCAL = "local"
_PAGE = 100


def reconcile(outputs: Mapping[str, str]) -> dict[TenantId, list[Breach]]:
    """Checks every wallet of the stage that has these outputs; returns what was found of each."""
    os.environ["LEDGER_TABLE"] = outputs["LedgerTable"]
    settings.forget()
    aws.forget()
    return {tenant: invariants.check(tenant) for tenant in _tenants()}


def _tenants() -> Iterator[TenantId]:
    start: Item | None = None
    while True:
        found, start = wallets.page(limit=_PAGE, start=start)
        yield from found
        if start is None:
            return


def main(arguments: list[str] | None = None) -> int:
    """Checks the stage that is named on the command line; answers 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.reconcile", description="Recompute a stage's wallets.")
    parser.add_argument("--stage", default=_LOCAL, help="as it was deployed: local, dev, prod")
    stage = parser.parse_args(arguments).stage
    try:
        return _tell(_local() if stage == _LOCAL else reconcile(stacks.outputs(stage)))
    except StackError as error:
        sys.exit(str(error))


def _local() -> dict[TenantId, list[Breach]]:
    stack = Place("stack").stack()
    if "outputs" not in stack:
        raise StackError("The local cloud is not up: `make up` starts it.")
    with emulator.speaking_to(ports.from_environment()):
        return reconcile(stack["outputs"])


def _tell(found: Mapping[TenantId, list[Breach]]) -> int:
    wrong = {tenant: breaches for tenant, breaches in found.items() if breaches}
    for tenant, breaches in wrong.items():
        for breach in breaches:
            print(f"{tenant}  {breach}")
    verdict = f"{len(wrong)} of them do not add up" if wrong else "all of them add up"
    print(f"{len(found)} wallets were recomputed: {verdict}.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
