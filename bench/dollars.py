"""Dollars: the bill of a run, line by line, from what was counted and the price table."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench import prices
from bench.cloud import Spent
from bench.deployed import Function
from bench.tally import Tally

MILLION = 1_000_000
_WORKER = "functions.sms.worker.handler"
_WAITED_FOR = {_WORKER: prices.PROVIDER_CALL_MS, "functions.sms.hooks_worker.handler": prices.CUSTOMER_CALL_MS}


@dataclass(frozen=True)
class Line:
    """One line of a bill: what, how many of it, and what it costs."""

    what: str
    quantity: float
    dollars: float


@dataclass(frozen=True)
class Bill:
    """What so many recipients cost."""

    recipients: int
    lines: tuple[Line, ...]

    @property
    def dollars(self) -> float:
        """The sum."""
        return sum(line.dollars for line in self.lines)

    def per_million(self) -> "Bill":
        """The same for a million recipients; `python -m bench` shows that the scale is straight."""
        times = MILLION / self.recipients
        return Bill(MILLION, tuple(Line(x.what, x.quantity * times, x.dollars * times) for x in self.lines))


def bill(recipients: int, tally: Tally, spent: Mapping[str, Spent], functions: Mapping[str, Function]) -> Bill:
    """Adds up what a run used."""
    invoked = {functions[name]: used for name, used in spent.items()}
    http = sum(used.invocations for name, used in spent.items() if name.endswith(".api.handler"))
    calls = sum(used.invocations for used in spent.values())
    seconds = {functions[name]: duration_ms(name, used, functions[name]) / 1000 for name, used in spent.items()}
    gb_s = {function: seconds[function] * function.memory_mb / 1024 for function in invoked}
    requests, fair = _queue_requests(tally, spent, functions)
    traces = sum(used.invocations for function, used in invoked.items() if function.traced) * prices.TRACED_SHARE
    logged = sum(used.log_bytes + _platform_bytes(used, function) for function, used in invoked.items())
    out = sum(used.bytes_out for used in spent.values())
    lambda_dollars = sum(gb_s[function] * prices.GB_SECOND[function.architecture] for function in invoked)
    lines = (
        Line("HTTP API requests", http, http * prices.HTTP_REQUEST),
        Line("Lambda invocations", calls, calls * prices.INVOCATION),
        Line("Lambda GB-seconds (assumed durations)", sum(gb_s.values()), lambda_dollars),
        Line("DynamoDB write units", tally.writes, tally.writes * prices.WRITE_UNIT),
        Line("DynamoDB read units", tally.reads, tally.reads * prices.READ_UNIT),
        Line("SQS requests (64 KB each, send, receive, delete)", requests, requests * prices.QUEUE_REQUEST),
        Line("SQS fair-queue surcharge", fair, fair * prices.FAIR_REQUEST),
        Line("CloudWatch Logs bytes", logged, logged * prices.LOG_BYTE),
        Line("X-Ray traces recorded", traces, traces * prices.TRACE),
        Line("Bytes out to the internet", out, out * prices.BYTE_OUT),
    )
    return Bill(recipients, lines)


def objects(calls: Mapping[str, int]) -> float:
    """What the calls to S3 cost among these."""
    return calls.get("PutObject", 0) * prices.OBJECT_PUT + calls.get("GetObject", 0) * prices.OBJECT_GET


def duration_ms(handler: str, used: Spent, function: Function) -> float:
    """All milliseconds of a function's invocations: our own work at its share of a processor, and waiting.

    Our own is what is assumed of the function, or what was measured where nothing is.
    """
    measured = used.own_s * 1_000 / used.invocations
    own = used.invocations * prices.OWN_MS.get(handler, measured) / function.processor
    others = used.invocations * _WAITED_FOR.get(handler, 0.0)
    return own + used.aws_calls * prices.AWS_CALL_MS + others


def _queue_requests(tally: Tally, spent: Mapping[str, Spent], functions: Mapping[str, Function]) -> tuple[float, float]:
    """Requests that carry messages in, counted, and those with which the event source mappings take them out.

    Every poller receives and deletes ten messages a request at most, however large the batch that it hands over.
    """
    out = bulk = 0.0
    for name, used in spent.items():
        if functions[name].batch_size:
            taken = 2 * used.taken
            out += taken
            bulk += taken if name == _WORKER else 0
    fair = tally.fair_units + bulk if tally.fair_units else 0.0
    return tally.queue_units + out, fair


def _platform_bytes(used: Spent, function: Function) -> int:
    """What the platform itself writes to the log about invocations."""
    if not function.platform_lines:
        return 0
    return used.invocations * sum(len(line) + prices.LOG_EVENT_BYTES for line in prices.PLATFORM_LINES)
