"""The tool that writes the contract: what it refuses to write, and what it says then."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifumo.http import Caller, api, needs, public
from mifumo.permissions import Action
from tools import openapi, openapi_operations, openapi_problems, openapi_schemas
from tools.openapi_schemas import ContractError


def _slice(**schemas: dict[str, Any]) -> dict[str, Any]:
    return {"paths": {}, "components": {"schemas": schemas}}


def test_two_models_of_one_name_that_differ_are_refused_by_their_owners_and_name() -> None:
    slices = {"sms": _slice(Entry={"type": "string"}), "billing": _slice(Entry={"type": "integer"})}
    with pytest.raises(ContractError, match="sms and billing both have a model called Entry"):
        openapi_schemas.require_one_meaning(slices)


def test_two_models_of_one_name_that_are_the_same_pass() -> None:
    same = {"type": "object", "properties": {"id": {"type": "string"}}}
    openapi_schemas.require_one_meaning({"sms": _slice(Page=same), "billing": _slice(Page={**same})})


def test_closed_sets_are_written_out_where_they_are_used() -> None:
    schemas: dict[str, dict[str, Any]] = {
        "Status": {"type": "string", "enum": ["on", "off"], "title": "Status", "description": "For programmers."},
        "Lamp": {"properties": {"status": {"$ref": "#/components/schemas/Status", "description": "How it is."}}},
    }
    assert openapi_schemas.tidy(_slice(**schemas))["components"]["schemas"] == {
        "Lamp": {"properties": {"status": {"type": "string", "enum": ["on", "off"], "description": "How it is."}}}
    }


def test_a_field_that_is_called_title_survives_the_removal_of_titles() -> None:
    book = {"title": "Book", "properties": {"title": {"title": "Title", "type": "string"}}}
    assert openapi_schemas.tidy(_slice(Book=book))["components"]["schemas"] == {
        "Book": {"properties": {"title": {"type": "string"}}}
    }


def test_limits_are_whole_numbers_again() -> None:
    limited = {"type": "integer", "maximum": 250.0, "multipleOf": 0.5}
    tidied = openapi_schemas.tidy(_slice(Limit=limited))["components"]["schemas"]["Limit"]
    assert repr(tidied) == "{'type': 'integer', 'maximum': 250, 'multipleOf': 0.5}"


def test_a_body_without_an_example_is_refused_by_field() -> None:
    schemas = {"Send": {"required": ["to", "text"], "properties": {"to": {"examples": ["a"]}, "text": {}}}}
    with pytest.raises(ContractError, match="The body Send needs an example for text"):
        openapi_schemas.example({"$ref": "#/components/schemas/Send"}, schemas)


def test_a_model_with_an_example_of_its_own_is_shown_by_it() -> None:
    either = {"properties": {"phone": {"examples": ["a"]}, "email": {"examples": ["b"]}}, "examples": [{"phone": "a"}]}
    assert openapi_schemas.example(either, {}) == {"phone": "a"}


def test_a_status_that_has_no_name_is_refused() -> None:
    with pytest.raises(ContractError, match="status 418"):
        openapi_problems.reference(418)


def test_a_route_without_summary_is_refused() -> None:
    app = api()

    @app.get("/api/lamps/", tags=["sms"])
    @public
    def lamps() -> str:
        return ""

    with pytest.raises(ContractError, match="GET /api/lamps/ needs a tag and a summary"):
        openapi._described(app)


def test_a_route_that_says_not_who_may_call_it_is_refused() -> None:
    app = api()

    @app.get("/api/lamps/", tags=["sms"], summary="Lamps")
    def lamps(_caller: Caller) -> str:
        return ""

    with pytest.raises(ContractError, match="GET /api/lamps/ is for nobody"):
        openapi._described(app)


def test_a_route_that_is_public_and_needs_an_action_is_refused() -> None:
    app = api()

    @app.get("/api/lamps/", tags=["sms"], summary="Lamps")
    @public
    @needs(Action.SMS_READ)
    def lamps(_caller: Caller) -> str:
        return ""

    with pytest.raises(ContractError, match="GET /api/lamps/ is public and needs an action"):
        openapi._described(app)


def test_an_operation_tells_its_action_its_roles_and_the_scope_of_a_key() -> None:
    app = api()

    @app.get("/api/lamps/", tags=["billing"], summary="Lamps")
    @needs(Action.BILLING_PAY)
    def lamps(_caller: Caller) -> str:
        return ""

    operation = openapi._described(app)["paths"]["/api/lamps/"]["get"]
    assert operation["security"] == [{"bearer": []}, {"key": ["billing:pay"]}]
    assert operation["x-action"] == "buy credits"
    assert operation["x-roles"] == ["owner", "admin", "staff"]
    assert {"401", "403"} <= set(operation["responses"])


def test_what_a_route_declares_decides_what_its_operation_tells() -> None:
    app = api()

    @app.get("/api/lamps/", tags=["sms"], summary="Lamps", openapi_extensions={"x-problems": [409]})
    @public
    def lamps() -> list[str]:
        """Lists the lamps."""
        return []

    operation = openapi._described(app)["paths"]["/api/lamps/"]["get"]
    assert set(operation["responses"]) == {"200", "409", "429", "500", "503"}
    assert operation["operationId"] == "sms_lamps"
    assert operation["description"] == "Lists the lamps."
    assert operation["security"] == []
    assert "x-problems" not in operation


def test_the_answer_to_a_repeat_is_marked_only_where_keys_are_taken(contract: dict[str, Any]) -> None:
    marked = [
        path
        for path, item in contract["paths"].items()
        for operation in item.values()
        for status, answer in operation["responses"].items()
        if status < "400" and "Idempotent-Replayed" in answer["headers"]
    ]
    assert sorted(set(marked)) == [
        "/api/admin/billing/adjustments/",
        "/api/billing/payments/initiate/",
        "/api/billing/payments/{payment_id}/retry/",
        "/api/billing/quotes/",
        "/api/billing/transfers/",
        "/api/sms/batches/",
        "/api/sms/send/",
        "/api/sms/webhooks/{webhook_id}/rotate/",
    ]
    assert set(openapi_operations.HEADERS) == set(contract["components"]["headers"])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(_JSON)
def test_sorting_changes_no_content(node: Any) -> None:
    assert openapi_schemas.sorted_names(node) == node


def test_fields_stay_in_the_order_of_the_model() -> None:
    model = {"type": "object", "properties": {"name": {}, "id": {}}}
    assert list(openapi_schemas.sorted_names(model)) == ["properties", "type"]
    assert list(openapi_schemas.sorted_names(model)["properties"]) == ["name", "id"]
