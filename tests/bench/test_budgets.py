"""What a request may ask of AWS, what a million texts may cost and what a function may load: counted, never timed."""

import pytest

from bench import budgets, deployed, endpoints, imports, pipeline, stages
from bench.cloud import cloud

HANDLERS = sorted(handler.rpartition(".")[0] for handler in deployed.functions())


def test_no_request_asks_more_of_aws_than_its_budget() -> None:
    with cloud() as one:
        pipeline.fund(10_000)
        pipeline.run(one, 10, together=10)
        measured = {found.name: found.warm.calls for found in endpoints.measure(one)}
    over = {
        name: dict(measured[name]) for name, budget in budgets.ENDPOINTS.items() if not budget.holds(measured[name])
    }
    assert over == {}


def test_a_million_texts_cost_at_most_four_dollars_from_accept_to_the_last_receipt() -> None:
    with cloud() as one:
        pipeline.fund(10_000)
        pipeline.run(one, 10, together=10)
        million = pipeline.run(one, pipeline.BATCH).per_million()
    assert million.dollars <= budgets.DOLLARS_PER_MILLION, million.lines
    assert all(line.quantity > 0 for line in million.lines[:6]), million.lines


def test_a_million_texts_from_a_file_cost_no_more() -> None:
    with cloud() as one:
        pipeline.fund(10_000)
        pipeline.run(one, 10, together=10)
        found = stages.measure(one, 1_000, stages.ONE_TEXT)
    assert sum(stage.dollars for stage in found) <= budgets.DOLLARS_PER_MILLION, found


@pytest.mark.parametrize("module", HANDLERS)
def test_a_handler_loads_nothing_that_is_too_heavy_for_it(module: str) -> None:
    seen = imports.loaded(module)
    assert "mifumo.aws" in seen
    assert imports.forbidden(module, seen) == []


def test_what_is_forbidden_would_be_noticed() -> None:
    assert imports.forbidden("functions.sms.api", ["json", "argon2.low_level", "phonenumbers.geocoder"]) == [
        "argon2.low_level",
        "phonenumbers.geocoder",
    ]
    assert imports.forbidden("functions.auth.api", ["argon2", "aws_xray_sdk.core"]) == ["aws_xray_sdk.core"]


def test_a_budget_counts_kinds_and_allows_no_other_call() -> None:
    budget = budgets.Budget(reads=2, writes=1)
    assert budget.holds({"BatchGetItem": 1, "Query": 1, "TransactWriteItems": 1})
    assert not budget.holds({"BatchGetItem": 3})
    assert not budget.holds({"PutItem": 1, "UpdateItem": 1})
    assert not budget.holds({"GetSecretValue": 1})
    assert budgets.Budget().holds({})
