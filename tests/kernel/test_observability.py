"""Observability: every handler's lines carry its request, and its counts are written however it ends."""

import json
from typing import Any

import pytest

from mifumo import observability
from mifumo.observability import count, entrypoint, logger
from tests.builders import CONTEXT
from tests.kernel.conftest import Lines


@pytest.fixture(autouse=True)
def _no_counts_of_other_tests() -> None:
    observability._metrics.clear_metrics()


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]


def test_counts_are_written_once_when_the_handler_ends(capsys: pytest.CaptureFixture[str]) -> None:
    @entrypoint
    def handler(event: dict[str, Any], context: Any) -> str:
        count("TextsSent", 3)
        count("TextsSent")
        assert printed(capsys) == []
        return "done"

    assert handler({}, CONTEXT) == "done"
    (line,) = printed(capsys)
    assert line["TextsSent"] == [3.0, 1.0]
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    assert (metrics["Namespace"], metrics["Metrics"]) == ("Mifumo", [{"Name": "TextsSent", "Unit": "Count"}])
    handler_without_counts({}, CONTEXT)
    assert printed(capsys) == []


@entrypoint
def handler_without_counts(event: dict[str, Any], context: Any) -> None:
    logger.info("nothing to count")


def test_counts_are_written_also_when_the_handler_fails(capsys: pytest.CaptureFixture[str]) -> None:
    @entrypoint
    def handler(event: dict[str, Any], context: Any) -> None:
        count("TextsLost")
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        handler({}, CONTEXT)
    assert [line["TextsLost"] for line in printed(capsys)] == [[1.0]]


def test_every_line_names_the_request_that_it_belongs_to(log: Lines) -> None:
    handler_without_counts({}, CONTEXT)
    (line,) = log()
    assert (line["message"], line["request_id"]) == ("nothing to count", CONTEXT.aws_request_id)


def test_the_wrapper_keeps_the_name_that_the_template_refers_to() -> None:
    assert handler_without_counts.__name__ == "handler_without_counts"
