"""Fuzzing: who sends a case of the contract, its checks, and what is taken out that is not the API's."""

import json
from typing import Any
from urllib.parse import quote, unquote

import schemathesis
from hypothesis import HealthCheck
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.filters import HasAPIOperation
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from mifumo.permissions import RULES, Action, Role
from sandbox.places import ROOT

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
KEY = "key"
CALLERS = (*map(str, Role), KEY)
# A closed or a suspended tenant answers everything else with one refusal, and the tenant of the seed may be met: these
# are sent by those who are refused here, and by those who are let in where a business of its own is ended.
ENDING = {Action.TENANT_CLOSE, Action.TENANTS_SUSPEND, Action.STAFF_MANAGE}
HYPOTHESIS: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}
# A letter of a query is twelve bytes of a request's first line at most, of which gateways read some eight thousand.
_QUERY_MAX = 100
# One address has only so many registrations and failed logins in a quarter of an hour, and every test of a stack shares
# it: they are called once, by name. No guess at a refresh token is right, so refresh and logout may run.
_THROTTLED = "^auth_(login|register)$"


def whole(**phases: Any) -> BaseSchema:
    """Reads the contract as it is committed. `phases` says which kinds of cases are made of it."""
    return schemathesis.openapi.from_dict(
        json.loads((ROOT / "docs" / "api" / "openapi.json").read_text(encoding="utf-8")),
        config=SchemathesisConfig.from_dict({"phases": phases}),
    )


def contract(**phases: Any) -> BaseSchema:
    """Reads the contract without what one address may only call so often."""
    return whole(**phases).exclude(operation_id_regex=_THROTTLED)


def is_ending(context: HasAPIOperation) -> bool:
    """Tells whether an operation ends a business."""
    return context.operation.definition.raw.get("x-action") in ENDING


def senders(case: Case[Any]) -> list[str]:
    """Names who sends a case that is made up: everybody who is let in. Others are refused before a body is read."""
    action = case.operation.definition.raw.get("x-action")
    let_in = [caller for caller in CALLERS if action is None or _may(caller, Action(action))]
    return let_in if action not in ENDING else [caller for caller in CALLERS if caller not in let_in]


def _may(caller: str, action: Action) -> bool:
    rule = RULES[action]
    return rule.scope is not None if caller == KEY else caller in rule.roles


def keep_small(case: Case[Any]) -> None:
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
