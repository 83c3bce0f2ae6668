"""Reconcile: recomputes every wallet of a stage from its entries, now, and has its days compared with the providers.

It reads only. What freezes a wallet that is wrong is the stage's own checkup, every day, or its staff at once; what
asks the providers is the stage's own function, which has their keys.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping

import boto3

from functions.billing import accounts, invariants, reconciliations
from functions.billing import reconcile as comparison
from functions.billing.invariants import Breach
from functions.billing.reconciliations import Reconciliation, Stage
from mifumo import aws, settings, wallets
from mifumo.aws import Item
from mifumo.ids import TenantId
from sandbox import emulator, ports
from sandbox.places import Place
from tools import stacks
from tools.stacks import StackError

_LOCAL = "local"
_PAGE = 100
_FUNCTION = "BillingReconcilingFunction"


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


def compare(outputs: Mapping[str, str]) -> list[Reconciliation]:
    """Has the stage's function go on with the days that can be compared; returns how they stand then."""
    os.environ["LEDGER_TABLE"] = outputs["LedgerTable"]
    settings.forget()
    aws.forget()
    answer = boto3.client("lambda").invoke(FunctionName=outputs[_FUNCTION], Payload=b"{}")
    if answer.get("FunctionError"):
        raise StackError(f"The comparison failed: {answer['Payload'].read().decode()[:500]}")
    days = [(day, provider) for day in comparison.due() for provider in accounts.PROVIDERS]
    return [found for day, provider in days if (found := reconciliations.read(provider, day))]


def main(arguments: list[str] | None = None) -> int:
    """Checks the stage that is named on the command line; answers 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.reconcile", description="Recompute a stage's wallets.")
    parser.add_argument("--stage", default=_LOCAL, help="as it was deployed: local, dev, prod")
    stage = parser.parse_args(arguments).stage
    try:
        return _local() if stage == _LOCAL else _checked(stacks.outputs(stage) | stacks.outputs(stage, "service"))
    except StackError as error:
        sys.exit(str(error))


def _local() -> int:
    stack = Place("stack").stack()
    if "outputs" not in stack:
        raise StackError("The local cloud is not up: `make up` starts it.")
    with emulator.speaking_to(ports.from_environment()):
        return _checked(stack["outputs"])


def _checked(outputs: Mapping[str, str]) -> int:
    wrong = _tell(reconcile(outputs))
    return _tell_days(compare(outputs)) or wrong


def _tell(found: Mapping[TenantId, list[Breach]]) -> int:
    wrong = {tenant: breaches for tenant, breaches in found.items() if breaches}
    for tenant, breaches in wrong.items():
        for breach in breaches:
            print(f"{tenant}  {breach}")
    verdict = f"{len(wrong)} of them do not add up" if wrong else "all of them add up"
    print(f"{len(found)} wallets were recomputed: {verdict}.")
    return 1 if wrong else 0


def _tell_days(found: list[Reconciliation]) -> int:
    for one in found:
        if one.stage is Stage.OVER:
            told = ", ".join(f"{number} {bucket.replace('_', ' ')}" for bucket, number in one.counts.items())
        else:
            told = "not over yet: it goes on by itself"
        print(f"{one.day}  {one.provider}: {told}.")
    return 1 if any(one.differences for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
