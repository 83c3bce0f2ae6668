"""The door of the bench: counts everything, prints the tables and keeps them in results/latest.md."""

import sys

from rich.console import Console
from rich.markdown import Markdown

from bench import budgets, endpoints, imports, pipeline, report
from bench.cloud import cloud
from bench.dollars import Bill

_CROWDED = 3_000


def main() -> int:
    """Runs the bench; the exit status says whether every budget is held."""
    _say("texts, from accept to the last receipt, and requests")
    with cloud() as one:
        pipeline.fund(20 * _CROWDED)
        pipeline.run(one, pipeline.BATCH)  # its first requests are cold, which a million would not notice
        stored = one.tally.stored_bytes()
        bill = pipeline.run(one, pipeline.BATCH)
        spent, stored = dict(one.spent), one.tally.stored_bytes() - stored
        twice = pipeline.run(one, 2 * pipeline.BATCH)
        crowded = pipeline.run(one, _CROWDED, together=_CROWDED)
        listening = pipeline.run_listening(one, pipeline.BATCH)
        measured = endpoints.measure(one)
    _say("imports, in fresh processes")
    imported = imports.measure()
    sizes = imports.zips()
    tables = [
        report.endpoints(measured),
        report.dollars(bill, twice, crowded, listening, stored_bytes=stored),
        report.invocations(spent, texts=pipeline.BATCH),
        report.imports(imported),
        report.zips(sizes),
    ]
    page = report.page(tables)
    report.LATEST.parent.mkdir(exist_ok=True)
    report.LATEST.write_text(page)
    Console().print(Markdown(page))
    return 0 if "**not held**" not in page and _straight(bill, twice) else 1


def _straight(bill: Bill, twice: Bill) -> bool:
    return abs(twice.per_million().dollars / bill.per_million().dollars - 1) <= budgets.SCALE_TOLERANCE


def _say(what: str) -> None:
    sys.stderr.write(f"counting {what} ...\n")


if __name__ == "__main__":
    sys.exit(main())
