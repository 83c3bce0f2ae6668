"""Logs and metrics: one JSON line per fact, one metric per count, and the wrapper that every handler wears.

Tracing is switched on at the function (active tracing); the X-Ray SDK is not imported, because it costs a quarter of a
second of every cold start even when it is off.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.metrics import Metrics, MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import scrub


class _Scrubbed(LambdaPowertoolsFormatter):
    """Writes lines without what no log may hold, tracebacks and other people's exceptions included."""

    def serialize(self, log: Any) -> str:
        return super().serialize(scrub.fields(log))


logger = Logger(logger_formatter=_Scrubbed())
_metrics = Metrics()

Handler = Callable[[dict[str, Any], LambdaContext], Any]


def count(name: str, value: int = 1) -> None:
    """Adds to a metric of this invocation; it is written to the log once, when the handler ends."""
    _metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def entrypoint(handler: Handler) -> Handler:
    """Gives a handler its log context and writes its metrics, also when it fails."""

    @wraps(handler)
    def wrapped(event: dict[str, Any], context: LambdaContext) -> Any:
        logger.append_keys(request_id=context.aws_request_id)
        try:
            return handler(event, context)
        finally:
            if _metrics.provider.metric_set:
                _metrics.flush_metrics()

    return wrapped
