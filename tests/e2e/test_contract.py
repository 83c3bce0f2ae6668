"""The running stack keeps its contract: whatever fits or does not fit a schema is sent, and every answer is documented.

The caller is a business of its own with credits of its own, as some of the bodies fit: they send texts and start
payments, at the simulators.
"""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sandbox.places import ROOT
from tests.e2e.stack import Stack, Tenant

_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# One address has thirty registrations and thirty failed logins in a quarter of an hour, and every test of this stack
# shares it: these two have tests of their own. No guess at a refresh token is right, so refresh and logout may run.
_THROTTLED = "^auth_(login|register)$"
_CONTRACT = schemathesis.openapi.from_dict(
    json.loads((ROOT / "docs" / "api" / "openapi.json").read_text(encoding="utf-8"))
).exclude(operation_id_regex=_THROTTLED)


@pytest.fixture(scope="module")
def tokens(stack: Stack) -> dict[str, str]:
    """Returns the access token for each tag: staff for the routes of staff, else an owner with 5,000 credits."""
    tenant = Tenant(stack)
    tenant.buy_lite()
    return {"admin": stack.login("staff"), "owner": tenant.access}


@_CONTRACT.parametrize()
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_contract_tells(case: Case[Any], stack: Stack, tokens: dict[str, str]) -> None:
    token = tokens.get(case.operation.tags[0], tokens["owner"])
    _keep_small(case.body)
    case.call_and_validate(
        base_url=stack.api_url.removesuffix("/api"),
        headers={"Authorization": f"Bearer {token}"},
        checks=_CHECKS,
        timeout=35,
    )


def test_what_was_made_is_told_as_the_contract_says(tenant: Tenant) -> None:
    """Nobody guesses an id, so these are called with real ones, and have to answer 200."""
    payment = tenant.buy_lite()
    batch = tenant.send([*tenant.numbers(2), "no number"]).json()
    for path, ids in [
        ("/api/billing/payments/{payment_id}/", {"payment_id": payment["id"]}),
        ("/api/billing/payments/", {}),
        ("/api/billing/ledger/", {}),
        ("/api/sms/batches/{batch_id}/", {"batch_id": batch["id"]}),
        ("/api/sms/batches/{batch_id}/messages/", {"batch_id": batch["id"]}),
        ("/api/sms/batches/", {}),
    ]:
        told = (
            _CONTRACT[path]["GET"]
            .Case(path_parameters=ids)
            .call_and_validate(
                base_url=tenant.stack.api_url.removesuffix("/api"),
                headers={"Authorization": f"Bearer {tenant.access}"},
                checks=_CHECKS,
                timeout=35,
            )
        )
        assert told.status_code == 200, path
        assert told.json().get("items", True), f"{path} tells nothing"


def _keep_small(body: Any) -> None:
    """Has at most three recipients pay: the queues are for the tests that count."""
    if isinstance(body, dict) and isinstance(body.get("recipients"), list):
        body["recipients"] = body["recipients"][:3]
