"""The running stack keeps its contract for every kind of caller: what fits a schema and what does not is sent, one by
one and along the links from answer to answer, and every answer is documented.

The callers are of businesses of their own with credits of their own, as some of the bodies fit: they send texts and
start payments, at the simulators. The corners of the schemas go to the doors alone (`tests/contract/test_corners.py`).
"""

import random
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import Phase, settings
from schemathesis import Case
from schemathesis.generation.meta import TestPhase

from mifumo.permissions import Role, Scope
from tests.contract.fuzzing import (
    CALLERS,
    CHECKS,
    ENDING,
    HYPOTHESIS,
    KEY,
    contract,
    is_ending,
    keep_small,
    senders,
    whole,
)
from tests.e2e.stack import Stack, Tenant

_WHOLE, _CONTRACT = whole(), contract(coverage={"enabled": False})


@pytest.fixture(scope="module")
def tokens(stack: Stack) -> dict[str, str]:
    """Returns a token for each caller: people of businesses of their own, and a key of every scope."""
    tenants = {caller: Tenant(stack) for caller in CALLERS}
    for caller in ("owner", KEY):
        tenants[caller].buy_lite()
    roles = {role: tenants[role].token(role) for role in map(str, Role)}
    return {**roles, KEY: tenants[KEY].key(*Scope)["key"]}


@_CONTRACT.parametrize()
@settings(max_examples=2, phases=[Phase.explicit, Phase.generate], **HYPOTHESIS)
def test_every_answer_is_one_that_the_contract_tells(case: Case[Any], stack: Stack, tokens: dict[str, str]) -> None:
    keep_small(case)
    for caller in _callers_of(case):
        case.call_and_validate(checks=CHECKS, **_call(stack, tokens[caller]))


def _callers_of(case: Case[Any]) -> Sequence[str]:
    """Names who sends a case: everybody the contract's example, who is let in what is made up."""
    of_example = case.meta and case.meta.phase.name is TestPhase.EXAMPLES
    ending = case.operation.definition.raw.get("x-action") in ENDING
    return CALLERS if of_example and not ending else senders(case)


@pytest.mark.parametrize("caller", CALLERS)
def test_every_answer_along_the_links_is_one_that_the_contract_tells(
    stack: Stack, tokens: dict[str, str], caller: str
) -> None:
    answered: list[int] = []

    class Walk(_CONTRACT.exclude(is_ending).as_state_machine()):  # type: ignore[misc] # made at run time
        """One walk: things are listed and made, and what they lead to is called."""

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            keep_small(case)
            return _call(stack, tokens[caller])

        def validate_response(self, response: Any, case: Case[Any], *_: Any, **options: Any) -> None:
            answered.append(response.status_code)
            case.validate_response(response, checks=CHECKS, transport_kwargs=options)

    Walk.run(settings=settings(max_examples=4, stateful_step_count=12, phases=[Phase.generate], **HYPOTHESIS))
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
        told = case.call_and_validate(checks=CHECKS, **_call(tenant.stack, tenant.access))
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
        assert case.call_and_validate(checks=CHECKS, **_call(stack)).status_code == status, path


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
        assert case.call_and_validate(checks=CHECKS, **_call(tenant.stack, token)).status_code == 200, path


def _call(stack: Stack, token: str = "") -> dict[str, Any]:
    base_url = stack.api_url.removesuffix("/api")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return {"base_url": base_url, "headers": headers, "timeout": 35}
