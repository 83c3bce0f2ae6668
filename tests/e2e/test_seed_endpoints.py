"""The ten endpoints that the product was asked for, at their exact paths, with and without the trailing slash."""

import pytest

from tests.e2e.stack import Stack, Tenant

_REQUESTS = [
    ("POST", "auth/login", {"email": "nobody@duka.example", "password": "not-the-password"}, {401}),
    ("POST", "auth/register", {}, {422}),
    ("POST", "auth/refresh", {"refresh": "unknown"}, {401}),
    ("GET", "sms/capability", None, {200}),
    ("POST", "sms/send", {}, {422}),
    ("GET", "sms/sender-ids", None, {200}),
    ("POST", "sms/sender-ids", {}, {422}),
    ("GET", "billing/sms/packages", None, {200}),
    ("GET", "billing/payments/providers", None, {200}),
    ("POST", "billing/payments/initiate", {}, {422}),
]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(("method", "path", "body", "expected"), _REQUESTS)
def test_a_seed_endpoint_answers(
    tenant: Tenant, method: str, path: str, body: dict[str, str] | None, expected: set[int], slash: str
) -> None:
    answer = tenant.request(method, path + slash, json=body)
    assert answer.status_code in expected, answer.text
    assert answer.headers["X-Request-Id"]
    assert answer.headers["Strict-Transport-Security"]
    if answer.status_code != 200:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


def test_the_seeded_users_sign_in_and_mifumo_labs_has_its_thousand_credits(stack: Stack, tenant: Tenant) -> None:
    for role in ("owner", "admin", "agent", "staff"):
        me = tenant.request("GET", "auth/me/", token=stack.login(role)).json()
        assert (me["user"]["role"], me["tenant"]["name"]) == (role, "Mifumo Labs")
    entries = tenant.request("GET", "billing/ledger/?limit=250", token=stack.login("owner")).json()["items"]
    assert sum(entry["amount"] for entry in entries if entry["kind"] in {"adjust", "credit"}) >= 1_000


def test_a_path_that_is_not_there_and_a_method_that_does_not_fit_are_problems(tenant: Tenant) -> None:
    for path in ("nothing/here/", "sms/nothing/", "billing/nothing/", "webhooks/nothing/"):
        answer = tenant.request("GET", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    wrong = tenant.request("DELETE", "sms/send/")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "POST")


def test_the_manual_and_its_document_are_served(tenant: Tenant) -> None:
    page = tenant.request("GET", "docs/", token=None)
    assert page.status_code == 200
    assert "text/html" in page.headers["Content-Type"]
    document = tenant.request("GET", "docs/openapi.json", token=None).json()
    assert "/api/sms/send/" in document["paths"]
