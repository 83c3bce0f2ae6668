"""Report: the tables of a bench, as a page for the terminal and the docs."""

import importlib.metadata
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import budgets, prices
from bench.cloud import Spent
from bench.dollars import Bill
from bench.endpoints import Measured
from bench.imports import BASELINE, ROUNDS, Imported

LATEST = Path(__file__).parent / "results" / "latest.md"
_VERSIONS = ("aws-lambda-powertools", "boto3", "botocore", "moto", "pydantic")


@dataclass(frozen=True)
class Table:
    """A titled table; `below` explains it."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    below: str

    def markdown(self) -> str:
        """Writes the table in Markdown; all columns but the first two kinds of words read well to the left."""
        lines = [_line(self.head), _line(["---"] * len(self.head)), *map(_line, self.rows)]
        return "\n".join([f"## {self.title}", "", *lines, "", self.below, ""])


def page(tables: Sequence[Table]) -> str:
    """Writes the whole page: when, by which command, with which versions."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _VERSIONS)
    head = f"""# What it costs, counted

Made on {datetime.now(UTC):%Y-%m-%d} by `make bench` (`python -m bench`) with Python {platform.python_version()},
{versions}. Counts come from the real handlers, against moto and simulators of the providers that speak real HTTP.

"""
    return head + "\n".join(table.markdown() for table in tables)


def endpoints(measured: Sequence[Measured]) -> Table:
    """AWS calls and capacity units of each endpoint."""
    head = ["endpoint", "AWS calls, warm", "read units", "write units", "more when cold", "budget", "held"]
    rows = []
    for one in measured:
        budget = budgets.ENDPOINTS.get(one.name)
        units = [f"{one.warm.reads:g}", f"{one.warm.writes:g}"]
        held = (budget.words, _held(holds=budget.holds(one.warm.calls))) if budget else ("", "")
        rows.append([one.name, _calls(one.warm.calls), *units, _calls(one.cold.calls - one.warm.calls), *held])
    below = (
        "Every request on the wire counts, retries and further pages included. Capacity units follow DynamoDB's "
        "published rules and the images of the items before and after (`bench/meter.py`): transactions twice, each "
        "global index that changes, refused conditions. Cold means without clients, secrets and settings."
    )
    return Table("AWS calls and capacity units per request", head, rows, below)


def dollars(bill: Bill, twice: Bill, crowded: Bill, listening: Bill, *, stored_bytes: int) -> Table:
    """A million texts, line by line, and how straight the scale is."""
    million, double, *others = (one.per_million() for one in (bill, twice, crowded, listening))
    columns = (million, double, *others)
    rows = [
        [same[0].what, f"{same[0].quantity:,.0f}", *(f"{line.dollars:.3f}" for line in same)]
        for same in zip(*(one.lines for one in columns), strict=True)
    ]
    rows.append(["**all**", "", *(f"**{one.dollars:.2f}**" for one in columns)])
    off = abs(double.dollars / million.dollars - 1)
    head = [
        "what",
        "quantity",
        f"USD, from {bill.recipients:,}",
        f"from {twice.recipients:,}",
        "crowded",
        "one webhook",
    ]
    below = (
        f"List prices of {prices.REGION}, {prices.AS_OF} (`bench/prices.py`), no free tier. Budget: USD "
        f"{budgets.DOLLARS_PER_MILLION:g}; {_held(holds=million.dollars <= budgets.DOLLARS_PER_MILLION)}. From "
        f"{bill.recipients:,} to {twice.recipients:,} the price of a text moves by {off:.1%} (at most "
        f"{budgets.SCALE_TOLERANCE:.0%}). The reports of each batch come in random order, one in a hundred twice; "
        f"every text has a row, an end and its credit accounted for, or the run is void. *Crowded*: the reports of "
        f"{crowded.recipients // 100} chunks are shuffled with each other, so that an invocation meets more chunks "
        "than its own batch has. *One webhook*: a system of the tenant's is told of everything, right after each "
        "hand-over and each batch of reports, so that nothing is told together; the budget is for texts alone. Not in "
        "it: what does not grow with texts (sweeps, idle pollers, alarms, metrics), "
        f"and storage: a text keeps {stored_bytes / bill.recipients:,.0f} bytes, so a million cost USD "
        f"{stored_bytes / bill.recipients * 1e6 / 1e9 * prices.STORED_GB_MONTH:.2f} a month, backups included."
    )
    return Table(f"Dollars for {million.recipients:,} texts of one segment, accept to last receipt", head, rows, below)


def invocations(spent: Mapping[str, Spent], *, texts: int) -> Table:
    """What one invocation of each function took in the run of so many texts, and each text its processor."""
    head = ["function", "invocations", "AWS calls", "own ms, measured", "own ms, assumed"]
    head += ["own µs a text", "in the SDK", "own log bytes"]
    rows = [
        [
            handler,
            f"{used.invocations:,}",
            f"{used.aws_calls / used.invocations:.1f}",
            f"{1000 * used.own_s / used.invocations:.1f}",
            f"{prices.OWN_MS[handler]:g}",
            f"{1e6 * used.own_s / texts:,.0f}",
            f"{1e6 * used.sdk_s / texts:,.0f}",
            f"{used.log_bytes / used.invocations:,.0f}",
        ]
        for handler, used in spent.items()
    ]
    below = (
        f"Own milliseconds are processor time on this machine without AWS and the provider. GB-seconds are billed with "
        f"the assumed ones, at the share of a processor that the memory brings, plus {prices.AWS_CALL_MS:g} ms a call "
        f"to AWS and {prices.PROVIDER_CALL_MS:g} ms for Beem. Of what a text costs, the SDK's part is what its calls "
        "take from their arguments to their answers, signing and serialising; the rest is our code with Powertools, "
        "pydantic and the HTTP client to Beem."
    )
    return Table(f"Functions on the way of {texts:,} texts", head, rows, below)


def imports(measured: Sequence[Imported]) -> Table:
    """Import times as ratios."""
    head = ["module", "ratio", "ms here", "modules", "budget", "held"]
    rows = []
    for one in sorted(measured, key=lambda one: one.ratio):
        door = one.module.endswith(".api")
        budget = [f"≤ {budgets.IMPORT_RATIO:g}", _held(holds=one.ratio <= budgets.IMPORT_RATIO)] if door else ["", ""]
        figures = [f"{one.ratio:.2f}", f"{one.ms:.0f}", str(one.modules)]
        rows.append([one.module, *figures, *budget])
    below = (
        f"Medians of {ROUNDS} fresh processes each, interleaved, as a ratio to `import {BASELINE}` in the same rounds: "
        "built bundle, layer and the runtime's SDK, with the bytecode that is shipped. A handler's import builds its "
        "clients too. Milliseconds are this machine's, under whatever load it had."
    )
    return Table("Import of each handler", head, rows, below)


def zips(sizes: Mapping[str, tuple[int, int]]) -> Table:
    """What is uploaded."""
    rows = [
        [name, f"{layer / 1e6:.2f}", f"{own / 1e6:.2f}", f"{(layer + own) / 1e6:.2f}", _held(holds=_fits(layer + own))]
        for name, (layer, own) in sizes.items()
    ]
    below = "Megabytes as uploaded, deflated, with bytecode; the layer is the same for all. boto3 is the runtime's."
    head = ["slice", "layer", "function", "both", f"≤ {budgets.ZIP_BYTES / 1e6:g}"]
    return Table("Zip sizes", head, rows, below)


def _fits(size: int) -> bool:
    return size <= budgets.ZIP_BYTES


def _held(*, holds: bool) -> str:
    return "held" if holds else "**not held**"


def _calls(calls: Counter[str]) -> str:
    return ", ".join(f"{times} {name}" if times > 1 else name for name, times in calls.most_common())


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
