"""The running stack keeps its contract for every kind of caller: what fits a schema and what does not is sent, one by
one and along the links from answer to answer, and every answer is documented.

The callers are of businesses of their own with credits of their own, as some of the bodies fit: they send texts and
start payments, at the simulators.
"""

import json
import random
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.filters import HasAPIOperation
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mifumo.permissions import RULES, Action, Role, Scope
from sandbox.places import ROOT
from tests.e2e.stack import Stack, Tenant

_CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
_KEY = "key"
# A letter of a query is twelve bytes of a request's first line at most, of which gateways read some eight thousand.
_QUERY_MAX = 100
_CALLERS = (*map(str, Role), _KEY)
# A closed or a suspended tenant answers everything else with one refusal, and the tenant of the seed may be met: these
# are sent by those who are refused here, and by those who are let in where a business of its own is ended.
_ENDING = {Action.TENANT_CLOSE, Action.TENANTS_SUSPEND, Action.STAFF_MANAGE}
# One address has only so many registrations and failed logins in a quarter of an hour, and every test of this stack
# shares it: they are called once below. No guess at a refresh token is right, so refresh and logout may run.
_THROTTLED = "^auth_(login|register)$"

_WHOLE = schemathesis.openapi.from_dict(
    json.loads((ROOT / "docs" / "api" / "openapi.json").read_text(encoding="utf-8")),
    # One method that a path does not have stands for all: which they are is the gateway's to say, not a route's.
    config=SchemathesisConfig.from_dict({"phases": {"coverage": {"unexpected-methods": ["put"]}}}),
)
_CONTRACT = _WHOLE.exclude(operation_id_regex=_THROTTLED)


def _is_ending(context: HasAPIOperation) -> bool:
    return context.operation.definition.raw.get("x-action") in _ENDING


_SETTINGS: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


@pytest.fixture(scope="module")
def tokens(stack: Stack) -> dict[str, str]:
    """Returns a token for each caller: people of businesses of their own, and a key of every scope."""
    tenants = {caller: Tenant(stack) for caller in _CALLERS}
    for caller in ("owner", _KEY):
        tenants[caller].buy_lite()
    roles = {role: tenants[role].token(role) for role in map(str, Role)}
    return {**roles, _KEY: tenants[_KEY].key(*Scope)["key"]}


@_CONTRACT.parametrize()
@settings(max_examples=2, phases=[Phase.explicit, Phase.generate], **_SETTINGS)
def test_every_answer_is_one_that_the_contract_tells(case: Case[Any], stack: Stack, tokens: dict[str, str]) -> None:
    _keep_small(case)
    for caller in _callers_of(case):
        case.call_and_validate(checks=_CHECKS, **_call(stack, tokens[caller]))


def _callers_of(case: Case[Any]) -> Sequence[str]:
    """Names who sends a case: everybody the contract's example, who is let in what is made up, and one of them the many
    that go through a schema's corners. Who is refused is so before anything of a body is looked at."""
    action, phase = case.operation.definition.raw.get("x-action"), case.meta and case.meta.phase.name
    senders = [caller for caller in _CALLERS if action is None or _may(caller, Action(action))]
    if action in _ENDING:
        senders = [caller for caller in _CALLERS if caller not in senders]
    elif phase is TestPhase.EXAMPLES:
        return _CALLERS
    if phase is TestPhase.COVERAGE:
        return [next(caller for caller in ("owner", "staff", "agent") if caller in senders)]
    return senders


def _may(caller: str, action: Action) -> bool:
    rule = RULES[action]
    return rule.scope is not None if caller == _KEY else caller in rule.roles


@pytest.mark.parametrize("caller", _CALLERS)
def test_every_answer_along_the_links_is_one_that_the_contract_tells(
    stack: Stack, tokens: dict[str, str], caller: str
) -> None:
    answered: list[int] = []

    class Walk(_CONTRACT.exclude(_is_ending).as_state_machine()):  # type: ignore[misc] # made at run time
        """One walk: things are listed and made, and what they lead to is called."""

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            _keep_small(case)
            return _call(stack, tokens[caller])

        def validate_response(self, response: Any, case: Case[Any], *_: Any, **options: Any) -> None:
            answered.append(response.status_code)
            case.validate_response(response, checks=_CHECKS, transport_kwargs=options)

    Walk.run(settings=settings(max_examples=4, stateful_step_count=12, phases=[Phase.generate], **_SETTINGS))
    assert any(status < 300 for status in answered), "the walk got somewhere"


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
        ("/api/tenant/members/", {}),
        ("/api/tenant/audit/", {}),
        ("/api/auth/sessions/", {}),
    ]:
        case = _CONTRACT[path]["GET"].Case(path_parameters=ids)
        told = case.call_and_validate(checks=_CHECKS, **_call(tenant.stack, tenant.access))
        assert told.status_code == 200, path
        assert told.json().get("items", True), f"{path} tells nothing"


def test_entering_is_told_as_the_contract_says(stack: Stack) -> None:
    """Registered once, entered once rightly and once wrongly, and once with half of what is needed."""
    names = {"first_name": "Asha", "last_name": "Mushi", "business_name": "Duka la Asha"}
    person = {"email": f"asha.{uuid.uuid4().hex[:10]}@duka.example", "password": "samaki wa kupaka 88"}
    phone = f"0766{random.randrange(1_000_000):06d}"
    sent: list[tuple[str, Any, int]] = [
        ("/api/auth/register/", {**person, **names, "phone": phone}, 201),
        ("/api/auth/register/", {**person, **names, "phone": phone}, 409),
        ("/api/auth/register/", person, 422),
        ("/api/auth/login/", person, 200),
        ("/api/auth/login/", {**person, "password": "samaki wa kukaanga"}, 401),
        ("/api/auth/login/", {"email": person["email"]}, 422),
    ]
    for path, body, status in sent:
        case = _WHOLE[path]["POST"].Case(body=body, media_type="application/json")
        assert case.call_and_validate(checks=_CHECKS, **_call(stack)).status_code == status, path


def test_ending_a_business_is_told_as_the_contract_says(tenant: Tenant) -> None:
    """Staff suspend it and let it on; its owner closes it and reopens it: each a change that is made."""
    staff, reason = tenant.stack.login("staff"), {"reason": "The shop has shut."}
    of_staff = "/api/admin/auth/tenants/{tenant_id}/"
    for path, token, body in [
        (f"{of_staff}suspend/", staff, reason),
        (f"{of_staff}reactivate/", staff, reason),
        ("/api/tenant/close/", tenant.access, {**reason, "password": tenant.password}),
        ("/api/tenant/reopen/", tenant.access, None),
    ]:
        parameters = {"tenant_id": tenant.id} if "{" in path else {}
        sent: dict[str, Any] = {"body": body, "media_type": "application/json"} if body else {}
        case = _WHOLE[path]["POST"].Case(path_parameters=parameters, **sent)
        assert case.call_and_validate(checks=_CHECKS, **_call(tenant.stack, token)).status_code == 200, path


def _call(stack: Stack, token: str = "") -> dict[str, Any]:
    base_url = stack.api_url.removesuffix("/api")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return {"base_url": base_url, "headers": headers, "timeout": 35}


def _keep_small(case: Case[Any]) -> None:
    """Takes out of a case what is not the API's: the queues are for the tests that count, and no gateway forwards
    kilobytes of query. The emulator's ends a path at a line break besides."""
    recipients = case.body.get("recipients") if isinstance(case.body, dict) else None
    if isinstance(case.body, dict) and isinstance(recipients, list):
        case.body["recipients"] = recipients[:3]
    for name, value in (case.query or {}).items():
        values = [one[:_QUERY_MAX] if isinstance(one, str) else one for one in _listed(value)[:3]]
        case.query[name] = values if isinstance(value, list) else values[0]
    for name, value in (case.path_parameters or {}).items():
        case.path_parameters[name] = quote("".join(filter(str.isprintable, unquote(str(value)))), safe="") or "nothing"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
