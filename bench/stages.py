"""Stages: a campaign from its file to the last receipt, stage by stage, and what each of them asks of AWS.

`python -m bench.stages [ROWS]` lets the real handlers do it against moto and a simulated Beem, whose reports of all
rows come in one random order, some of them twice. It prints a row for each stage, and raises unless every row of the
file has been sent to, has its receipt and was charged as it was quoted. How long each stage takes on a local cloud is
what `python -m bench.campaign` tells.
"""

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3

from bench import budgets, deployed, pipeline
from bench.cloud import SETTINGS, Cloud, cloud
from bench.dollars import MILLION, bill, objects
from bench.pipeline import SEND, TENANT, VoidRunError
from mifumo import wallets
from tests.builders import answer, request, sqs, token

_ROWS = 10_000
ONE_TEXT = "Habari ndugu mteja, ofa yako ya leo iko tayari. Karibu tena!"
SEVEN_TEXTS = "Habari {{name}}, ofa yako ya leo iko tayari. Karibu tena!"
_SPLIT, _LAY = "functions.sms.splitter.handler", "functions.sms.layer.handler"
_HEAD = "stage | functions, with memory | invocations | AWS calls a text | own µs a text (in the SDK) | USD a million"

Done = TypeVar("Done")


@dataclass(frozen=True)
class Stage:
    """What one stage used for so many rows: invocations, calls to AWS, our processor time, the SDK's part, dollars."""

    name: str
    functions: str
    invocations: int
    calls: float
    own_us: float
    sdk_us: float
    dollars: float
    """What a million such rows cost; all but `invocations` are for one row."""

    def row(self) -> str:
        """Writes it as a row of a table."""
        return (
            f"| {self.name} | {self.functions} | {self.invocations:,} | {self.calls:.4f} "
            f"| {self.own_us:,.1f} ({self.sdk_us:,.1f}) | {self.dollars:.4f} |"
        )


def main() -> int:
    """Prints a table of stages; the exit status says whether a million rows stay within the budget."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else _ROWS
    with cloud() as one:
        pipeline.fund(rows + 1)
        pipeline.run(one, 1)  # so that nothing of it is cold, which a million would not notice
        found = measure(one, rows, SEVEN_TEXTS)
    dollars = sum(stage.dollars for stage in found)
    print(f"| {_HEAD} |", "| --- | --- | ---: | ---: | ---: | ---: |", *(stage.row() for stage in found), sep="\n")
    print(f"| all | | | | | {dollars:.2f} |")
    return 0 if dollars <= budgets.DOLLARS_PER_MILLION else 1


def measure(one: Cloud, rows: int, text: str) -> list[Stage]:
    """Takes a file of so many rows from its upload to the last receipt."""
    before, found = wallets.read(TENANT).available, list[Stage]()

    def stage(name: str, work: Callable[[], Done]) -> Done:
        one.clear()
        done = work()
        found.append(_used(one, rows, name))
        return done

    upload = stage("the file is read, priced and quoted", lambda: _quoted(one, rows, text))
    batch = stage("the quote is accepted", lambda: _accepted(one, upload))
    stage("laid out", lambda: _each(one, "LAYING", _LAY))
    stage("handed over and settled", lambda: pipeline.hand_over(one))
    stage("every receipt is in", lambda: pipeline.report(one, rows, random.Random(1)))
    pipeline.verify([batch], rows, before=before)
    return found


def _used(one: Cloud, rows: int, stage: str) -> Stage:
    functions, used = deployed.functions(), one.spent.values()
    return Stage(
        stage,
        ", ".join(f"{name.split('.', 1)[1][:-8]} ({functions[name].memory_mb} MB)" for name in one.spent),
        sum(each.invocations for each in used),
        one.tally.calls.total() / rows,
        sum(each.own_s for each in used) / rows * 1e6,
        sum(each.sdk_s for each in used) / rows * 1e6,
        (bill(rows, one.tally, one.spent, functions).dollars + objects(one.tally.calls)) / rows * MILLION,
    )


def _quoted(one: Cloud, rows: int, text: str) -> str:
    """Uploads a file of numbers that the simulator delivers to, with seven names, and has it read."""
    made = _call(one, "POST", "/api/sms/uploads/", {"purpose": "campaign", "sender_id": "INFO", "text": text})
    lines = (f"{number},Asha {at % 7}\n" for at, number in enumerate(pipeline.numbers(rows)))
    bucket, key = SETTINGS["CAMPAIGNS_BUCKET"], made["fields"]["key"]
    # The customer's own deed, which costs us nothing but the object.
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=("phone,name\n" + "".join(lines)).encode())
    told = {"Records": [{"s3": {"bucket": {"name": bucket}, "object": {"key": key}}}]}
    pipeline.done(one.invoke(_SPLIT, sqs(told)))
    _each(one, "UPLOADS", _SPLIT)
    upload = _call(one, "GET", f"/api/sms/uploads/{made['id']}/")
    if (upload["state"], upload["accepted"], upload["price"]) != ("ready", rows, rows):
        raise VoidRunError(upload)
    return str(made["id"])


def _accepted(one: Cloud, upload: str) -> str:
    return str(_call(one, "POST", "/api/sms/batches/", {"quote_id": upload})["id"])


def _each(one: Cloud, queue: str, handler: str) -> None:
    """Lets a worker do what is queued, one message an invocation."""
    while bodies := one.take(queue):
        for body in bodies:
            pipeline.done(one.invoke(handler, sqs(body)))


def _call(one: Cloud, method: str, path: str, body: Any = None) -> Any:
    status, answered = answer(one.invoke(SEND, request(method, path, body, token=token(tenant=TENANT))))
    if status >= 400:  # noqa: PLR2004
        raise VoidRunError(answered)
    return answered


if __name__ == "__main__":
    sys.exit(main())
