"""The permission walk: every operation of the contract, as every kind of caller, against the deployed stack.

What is expected is computed from the permission table by each operation's `x-action`. Who may not is told so before
anything of the request is looked at; who may meets an empty body and ids of nothing, so that the walk changes little,
and what it does change belongs to a business made for that caller alone.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jwt
import pytest
import requests

from mifumo import ids
from mifumo.permissions import RULES, Action, Role, Scope
from sandbox.places import ROOT
from tests.e2e.stack import Stack, Tenant, at_once, wait_until

_CONTRACT = json.loads((ROOT / "docs" / "api" / "openapi.json").read_text(encoding="utf-8"))
_TIMEOUT_S = 60
_ANONYMOUS, _ENROLLING = "anonymous", "enrolling"
_CALLERS = [*Role, *Scope, _ANONYMOUS, _ENROLLING]
# A refusal by the table. Whatever else a route answers is its own business: it has let the caller in.
_REFUSALS = {"unauthenticated", "forbidden", "second_factor_missing"}


class Operation(NamedTuple):
    """One operation of the contract; `action` is None for a public one."""

    method: str
    path: str
    action: Action | None
    example: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def _operations() -> Iterator[Operation]:
    for path, methods in _CONTRACT["paths"].items():
        for method, content in methods.items():
            body = content.get("requestBody", {}).get("content", {}).get("application/json", {})
            action = None if content["security"] == [] else Action(content["x-action"])
            yield Operation(method.upper(), path, action, body.get("example"))


_OPERATIONS = list(_operations())


def _expected(caller: str, action: Action | None) -> str:
    """Returns the code that the table refuses the caller with; empty for one who may."""
    if action is None:
        return ""
    if caller == _ANONYMOUS:
        return "unauthenticated"
    if caller == _ENROLLING:
        return "" if action is Action.OWN_ACCOUNT else "second_factor_missing"
    rule = RULES[action]
    return "" if caller in {*rule.roles, rule.scope} else "forbidden"


def _token(caller: str, tenant: Tenant) -> str | None:
    if caller == _ANONYMOUS:
        return None
    if caller in set(Scope):
        key: str = tenant.key(caller)["key"]
        return key
    return tenant.token("owner", enr=True) if caller == _ENROLLING else tenant.token(caller)


def _call(
    stack: Stack, operation: Operation, token: str | None, body: Any, parameters: dict[str, str]
) -> requests.Response:
    path = operation.path.format(**parameters)
    return requests.request(
        operation.method,
        stack.api_url.removesuffix("/api") + path,
        json=body,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=_TIMEOUT_S,
        allow_redirects=False,
    )


def _parameters(operation: Operation) -> list[str]:
    return [part.partition("}")[0] for part in operation.path.split("{")[1:]]


def _walk(stack: Stack, token: str | None) -> list[requests.Response]:
    """Calls every operation with a body that no route takes, and ids that nothing has."""
    calls: list[Callable[[], requests.Response]] = []
    for operation in _OPERATIONS:
        unknown = {name: ids.new() for name in _parameters(operation)}
        body: Any = None if operation.example is None else {}
        calls.append(partial(_call, stack, operation, token, body, unknown))
    return at_once(calls)


def _code(answer: requests.Response) -> str:
    is_problem = answer.headers.get("Content-Type", "").startswith("application/problem+json")
    return str(answer.json()["code"]) if is_problem else ""


@pytest.mark.parametrize("caller", _CALLERS)
def test_every_route_lets_in_whom_the_table_lets_in_and_nobody_else(stack: Stack, caller: str) -> None:
    token = _token(caller, Tenant(stack))
    wrong, refused = [], 0
    for operation, answer in zip(_OPERATIONS, _walk(stack, token), strict=True):
        code, expected = _code(answer), _expected(caller, operation.action)
        refused += bool(expected)
        told = (answer.status_code, code)
        right = told == (401 if caller == _ANONYMOUS else 403, expected) if expected else _is_in(answer, code)
        if not right:
            wrong.append(f"{operation} ({operation.action or 'public'}): {told}, expected {expected or 'to be let in'}")
    assert wrong == []
    assert (refused > 0) == (caller != Role.STAFF), "each caller but staff is refused somewhere"


def _is_in(answer: requests.Response, code: str) -> bool:
    return answer.status_code < 500 and code not in _REFUSALS


@pytest.fixture(scope="module")
def things(stack: Stack) -> dict[str, str]:
    """Makes one thing of each kind that a path names in a tenant; returns their ids by the path's parameter."""
    tenant = Tenant(stack)
    tenant.buy_lite()
    return {parameter: make(tenant) for parameter, make in _MAKERS.items()}


def _asked(tenant: Tenant, path: str, body: Any) -> str:
    """Asks for what is done later; returns its id."""
    accepted = tenant.post(path, body)
    assert accepted.status_code == 202, accepted.text
    return str(accepted.json()["id"])


def _first(tenant: Tenant, path: str) -> str:
    found: str = tenant.get(path)["items"][0]["id"]
    return found


def _invoice(tenant: Tenant) -> str:
    """Waits for the document of what the tenant has bought."""

    def issued() -> str | None:
        tenant.stack.run("BillingInvoicingFunction")
        items = tenant.get("billing/invoices/")["items"]
        return str(items[0]["id"]) if items else None

    return wait_until("the purchase has its invoice", issued)


def _made(tenant: Tenant, path: str, body: Any, member: str = "id") -> str:
    made = tenant.post(path, body)
    assert made.status_code == 201, made.text
    return str(made.json()[member])


def _quote(tenant: Tenant) -> str:
    return _made(tenant, "billing/quotes/", {"credits": 500})


def _transfer(tenant: Tenant) -> str:
    return _made(tenant, "billing/transfers/", {"quote_id": _quote(tenant)})


def _webhook(tenant: Tenant) -> str:
    made = tenant.post("sms/webhooks/", {"url": "http://127.0.0.1:9009/", "events": ["batch.completed"]})
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


_MAKERS: dict[str, Callable[[Tenant], str]] = {
    "batch_id": lambda tenant: str(tenant.send(tenant.numbers(1)).json()["id"]),
    "message_id": lambda tenant: _first(tenant, f"sms/batches/{tenant.send(tenant.numbers(1)).json()['id']}/messages/"),
    "payment_id": lambda tenant: _first(tenant, "billing/payments/"),
    "key_id": lambda tenant: str(tenant.key("sms:read")["id"]),
    "session_id": lambda tenant: _first(tenant, "auth/sessions/"),
    "invitation_id": lambda tenant: _asked(tenant, "tenant/members/", {"phone": tenant.numbers(1)[0], "role": "agent"}),
    "export_id": lambda tenant: _asked(tenant, "tenant/exports/", None),
    "erasure_id": lambda tenant: _asked(tenant, "tenant/erasures/", {"phone": tenant.numbers(1)[0]}),
    "quote_id": _quote,
    "transfer_id": _transfer,
    "invoice_id": _invoice,
    "webhook_id": _webhook,
    "upload_id": lambda tenant: _made(
        tenant, "sms/uploads/", {"purpose": "campaign", "sender_id": "Taarifa-SMS", "text": "Habari"}
    ),
    "template_id": lambda tenant: _made(
        tenant, "sms/templates/", {"name": "Balance", "category": "alert", "body": "Habari {{name}}."}
    ),
    "contact_id": lambda tenant: _made(tenant, "sms/contacts/", {"phone": tenant.numbers(1)[0], "name": "Asha"}),
    "group_id": lambda tenant: _made(tenant, "sms/groups/", {"name": "Wholesale"}),
    "number": lambda tenant: _made(tenant, "sms/opt-outs/", {"phone": tenant.numbers(1)[0]}, "phone"),
    "delivery_id": lambda tenant: _asked(tenant, f"sms/webhooks/{_webhook(tenant)}/test/", None),
    "member_id": lambda tenant: _first(tenant, "tenant/members/"),
}


# Who may look into every tenant finds things there; an owner does not.
_OF_A_TENANT = [o for o in _OPERATIONS if "{" in o.path and o.action and Role.OWNER in RULES[o.action].roles]


@pytest.mark.parametrize("operation", _OF_A_TENANT, ids=str)
def test_another_tenants_thing_is_not_there(stack: Stack, things: dict[str, str], operation: Operation) -> None:
    """The owner of another business knows the id, and sends what the route takes."""
    foreign = {name: things[name] for name in _parameters(operation)}
    answer = _call(stack, operation, Tenant(stack).access, operation.example, foreign)
    assert (answer.status_code, _code(answer)) == (404, "not_found"), answer.text


def test_the_walk_knows_every_route_that_is_deployed(stack: Stack) -> None:
    served = requests.get(f"{stack.api_url}/docs/openapi.json/", timeout=_TIMEOUT_S).json()
    assert served["paths"] == _CONTRACT["paths"]
    assert len(_OPERATIONS) == sum(map(len, served["paths"].values()))


@pytest.mark.parametrize("role", ["owner", "admin", "agent", "staff"])
def test_who_signs_in_gets_a_token_of_the_role_that_the_walk_signs(stack: Stack, role: str) -> None:
    claims = jwt.decode(stack.login(role), options={"verify_signature": False})
    signed = jwt.decode(stack.sign(tenant="t", user="u", role=role), options={"verify_signature": False})
    assert (claims["role"], claims["iss"]) == (signed["role"], signed["iss"])
    assert claims.keys() >= signed.keys()
