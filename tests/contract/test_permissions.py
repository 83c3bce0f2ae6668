"""The permission table: what the product promises to each role, told by hand, and the page that prints the table."""

from typing import Any

import pytest

from mifumo.permissions import RULES, Action, Role, Scope
from tests.contract.conftest import Operation
from tools import permissions

_EVERYBODY = "owner admin agent support staff"
# The product's promise, written without the table: a slip of the pen in one of the two shows.
_PROMISED = {
    "send texts": _EVERYBODY,
    "see texts": _EVERYBODY,
    "see templates, contacts and opt-outs": _EVERYBODY,
    "change templates, contacts and opt-outs": "owner admin staff",
    "buy credits": "owner admin staff",
    "see billing": "owner admin support staff",
    "ask for sender IDs": "owner admin staff",
    "invite, suspend, remove and change members": "owner admin staff",
    "manage API keys": "owner admin staff",
    "change the tenant's settings": "owner admin staff",
    "see the tenant's audit log": "owner admin staff",
    "transfer ownership": "owner staff",
    "close the tenant": "owner staff",
    "export the tenant's data and erase numbers": "owner staff",
    "review sender IDs": "support staff",
    "see every tenant": "support staff",
    "suspend and reactivate tenants": "staff",
    "manage platform staff": "staff",
    "stop and resume hand-over to providers": "staff",
    "propose decisions about money": "support staff",
    "decide about money": "staff",
}
_SCOPED = {
    "sms:send": {"send texts"},
    "sms:read": {"see texts", "see templates, contacts and opt-outs"},
    "billing:read": {"see billing"},
    "billing:pay": {"buy credits"},
}
_FOR_PEOPLE = {
    "own account",
    "invite, suspend, remove and change members",
    "manage API keys",
    "transfer ownership",
    "close the tenant",
    "export the tenant's data and erase numbers",
    "see every tenant",
    "review sender IDs",
    "suspend and reactivate tenants",
    "manage platform staff",
    "stop and resume hand-over to providers",
    "propose decisions about money",
    "decide about money",
}


@pytest.mark.parametrize("action", _PROMISED)
def test_an_action_is_for_the_roles_that_it_is_promised_to_and_for_nobody_else(action: str) -> None:
    assert RULES[Action(action)].roles == {Role(role) for role in _PROMISED[action].split()}


@pytest.mark.parametrize("scope", _SCOPED)
def test_a_scope_opens_its_own_actions(scope: str) -> None:
    assert {action.value for action, rule in RULES.items() if rule.scope == Scope(scope)} == _SCOPED[scope]


def test_what_is_for_people_has_no_scope() -> None:
    assert {action.value for action, rule in RULES.items() if rule.scope is None} == _FOR_PEOPLE


def test_every_action_has_a_row_and_somebody_who_may_take_it() -> None:
    assert set(RULES) == set(Action)
    assert all(Role.STAFF in rule.roles for rule in RULES.values())


# Decided for whom they are, and not built: the routes follow.
_WITHOUT_A_ROUTE = set[Action]()


def test_every_action_is_taken_by_some_route_or_named_here(operations: list[Operation]) -> None:
    taken = {operation.content.get("x-action") for operation in operations} - {None}
    assert taken == {action.value for action in Action} - {action.value for action in _WITHOUT_A_ROUTE}


def test_the_committed_page_is_the_one_that_the_table_and_the_routes_make() -> None:
    committed = permissions.PLACE.read_text(encoding="utf-8") if permissions.PLACE.exists() else ""
    assert committed == permissions.text(), "The table or the routes have changed: run `make openapi` and commit it."


def test_the_page_has_each_role_of_each_action_and_each_route_once(operations: list[Operation]) -> None:
    page = permissions.text()
    assert "| send texts | ✓ | ✓ | ✓ | ✓ | ✓ | `sms:send` |" in page
    assert "| buy credits | ✓ | ✓ | – | – | ✓ | `billing:pay` |" in page
    assert "| transfer ownership | ✓ | – | – | – | ✓ | – |" in page
    assert [str(operation) for operation in operations if page.count(f"`{operation}`") != 1] == []


def test_a_route_without_an_action_stands_among_the_public_ones() -> None:
    document: dict[str, Any] = {"paths": {"/api/lamps/": {"get": {"x-action": "send texts"}, "post": {"security": []}}}}
    assert permissions.routes_by_action(document) == {
        "send texts": ["`GET /api/lamps/`"],
        "": ["`POST /api/lamps/`"],
    }
