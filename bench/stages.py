"""Stages: a campaign from its file to the last receipt, stage by stage, and what each of them asks of AWS.

`python -m bench.stages [ROWS]` lets the real handlers do it against moto and a simulated Beem, prints a row for each
stage, and raises unless every row of the file has been sent to, has its receipt and was charged as it was quoted. How
long each stage takes on a local cloud is what `python -m bench.campaign` tells.
"""

import random
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import boto3

from bench import deployed, pipeline, prices
from bench.cloud import SETTINGS, Cloud, cloud
from bench.dollars import MILLION, bill
from bench.pipeline import SEND, TENANT, VoidRunError
from mifumo import wallets
from tests.builders import answer, request, sqs, token

_ROWS = 10_000
_TEXT = "Habari {{name}}, ofa yako ya leo iko tayari. Karibu tena!"
_SPLIT, _LAY = "functions.sms.splitter.handler", "functions.sms.layer.handler"
_HEAD = "stage | functions, with memory | invocations | AWS calls a text | own µs a text (in the SDK) | USD a million"

Done = TypeVar("Done")


def main() -> int:
    """Prints a table of stages, and what they come to."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else _ROWS
    print(f"| {_HEAD} |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    with cloud() as one:
        pipeline.fund(rows)
        pipeline.run(one, 1)  # so that nothing of it is cold, which a million would not notice
        dollars = _campaign(one, rows - 1)
    print(f"| all | | | | | {dollars:.2f} |")
    return 0


def _campaign(one: Cloud, rows: int) -> float:
    before = wallets.read(TENANT).available
    upload = _stage(one, rows, "the file is read, priced and quoted", lambda: _quoted(one, rows))
    batch = _stage(one, rows, "the quote is accepted", lambda: _accepted(one, upload[0]))
    laid = _stage(one, rows, "laid out", lambda: _each(one, "LAYING", _LAY))
    sent = _stage(one, rows, "handed over and settled", lambda: pipeline.hand_over(one))
    told = _stage(one, rows, "every receipt is in", lambda: pipeline.report(one, rows, random.Random(1)))
    pipeline.verify([batch[0]], rows, before=before)
    return sum(spent for _, spent in (upload, batch, laid, sent, told))


def _stage(one: Cloud, rows: int, stage: str, work: Callable[[], Done]) -> tuple[Done, float]:
    """Does the work of a stage and prints its row; returns what came of it and what a million such rows cost."""
    one.clear()
    done = work()
    functions = deployed.functions()
    objects = one.tally.calls["PutObject"] * prices.OBJECT_PUT + one.tally.calls["GetObject"] * prices.OBJECT_GET
    dollars = (bill(rows, one.tally, one.spent, functions).dollars + objects) / rows * MILLION
    used = one.spent.values()
    own, sdk = (sum(times) / rows * 1e6 for times in ([x.own_s for x in used], [x.sdk_s for x in used]))
    names = ", ".join(f"{name.split('.', 1)[1][:-8]} ({functions[name].memory_mb} MB)" for name in one.spent)
    print(
        f"| {stage} | {names} | {sum(x.invocations for x in used):,} | {one.tally.calls.total() / rows:.4f} "
        f"| {own:,.1f} ({sdk:,.1f}) | {dollars:.4f} |",
        flush=True,
    )
    return done, dollars


def _quoted(one: Cloud, rows: int) -> str:
    """Uploads a file of numbers that the simulator delivers to, with seven names, and has it read."""
    made = _call(one, "POST", "/api/sms/uploads/", {"purpose": "campaign", "sender_id": "INFO", "text": _TEXT})
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
