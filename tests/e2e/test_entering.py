"""Entering over HTTP: registered, proven by a code, with a second factor; with a cookie; until the tenant closes."""

import time
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
import requests

from tests.e2e.stack import Stack, Tenant, wait_until

_TIMEOUT_S = 35
_STEP_S = 30
_BROWSER = {"Mifumo-Session": "cookie"}
# A door may remember a key for a minute, and a tenant for as long.
_REMEMBERED_S = 60


@pytest.fixture
def unverified(stack: Stack) -> Iterator[Tenant]:
    """Registers a business as on a stage where texts reach people: its phone has to be proven first."""
    with stack.setting("AuthApiFunction", CONTACTS_PREVERIFIED="False"):
        yield Tenant(stack)


def _login(tenant: Tenant, **more: Any) -> requests.Response:
    credentials = {"email": tenant.email, "password": tenant.password}
    return tenant.post("auth/login/", credentials | more, token=None)


def _next_code(app: pyotp.TOTP, used_at: int) -> str:
    """Returns a code of a later step than the one used, for each is good once; one step ahead is let pass."""
    step = max(int(time.time()) // _STEP_S, used_at // _STEP_S + 1)
    return app.at(step * _STEP_S)


def _deeds(tenant: Tenant) -> set[str]:
    return {entry["action"] for entry in tenant.pages("tenant/audit/")}


def test_from_a_registration_to_the_log_by_way_of_a_code_a_second_factor_a_session_and_a_key(
    unverified: Tenant,
) -> None:
    owner = unverified
    code = owner.stack.code_for(owner.phone)
    body = {"purpose": "verify_phone", "phone": owner.phone, "code": code}
    assert owner.post("auth/codes/confirm/", body).status_code == 200
    begun = owner.post("auth/second-factor/", {"password": owner.password})
    assert begun.status_code == 201, begun.text
    app, used_at = pyotp.TOTP(begun.json()["secret"]), int(time.time())
    confirmed = owner.post("auth/second-factor/confirm/", {"code": app.at(used_at)})
    assert confirmed.status_code == 200, confirmed.text
    assert owner.get("auth/second-factor/")["enabled"] is True
    half = _login(owner)
    assert (half.status_code, half.json()["code"]) == (401, "second_factor_required")
    assert _login(owner, second_factor=app.at(used_at)).status_code == 401, "a code is good once, also the first"
    assert _login(owner, password="si nenosiri lake", second_factor=_next_code(app, used_at)).status_code == 401
    entered = _login(owner, second_factor=_next_code(app, used_at))
    assert entered.status_code == 200, entered.text
    paper = confirmed.json()["recovery_codes"][0]
    assert [_login(owner, second_factor=paper).status_code for _ in range(2)] == [200, 401], "and so is one on paper"
    owner.tokens = entered.json()["tokens"]
    sessions = owner.get("auth/sessions/")["items"]
    assert [session["current"] for session in sessions].count(True) == 1
    elsewhere = [session["id"] for session in sessions if not session["current"]]
    assert len(elsewhere) == 2, "the one that was registered in, and the one by paper"
    assert owner.request("DELETE", f"auth/sessions/{elsewhere[0]}/").status_code == 204
    assert [session["id"] for session in owner.get("auth/sessions/")["items"]].count(elsewhere[0]) == 0
    key = owner.key("sms:read")
    assert owner.request("GET", "sms/batches/", token=key["key"]).status_code == 200
    assert {
        "contact.verified",
        "second_factor.enabled",
        "session.opened",
        "recovery_code.used",
        "session.revoked",
        "key.created",
    } <= _deeds(owner)


def test_a_browser_enters_goes_on_and_leaves_by_a_cookie_that_no_script_reads(tenant: Tenant) -> None:
    credentials = {"email": tenant.email, "password": tenant.password}
    entered = requests.post(
        f"{tenant.stack.api_url}/auth/login/", json=credentials, headers=_BROWSER, timeout=_TIMEOUT_S
    )
    assert entered.status_code == 200, entered.text
    assert entered.json()["tokens"]["refresh"] is None
    told = entered.headers["Set-Cookie"]
    attributes = {word.strip().lower() for word in told.split(";")[1:]}
    assert {"httponly", "secure", "samesite=strict", "path=/api/auth/"} <= attributes
    first = told.partition(";")[0]
    without = requests.post(
        f"{tenant.stack.api_url}/auth/refresh/", json={}, headers={"Cookie": first}, timeout=_TIMEOUT_S
    )
    assert without.status_code == 422, "a cookie that nobody speaks of does nothing"
    refreshed = _by_cookie(tenant, "refresh", first)
    assert refreshed.status_code == 200, refreshed.text
    second = refreshed.headers["Set-Cookie"].partition(";")[0]
    assert second != first
    assert tenant.request("GET", "auth/me/", token=refreshed.json()["tokens"]["access"]).status_code == 200
    assert _by_cookie(tenant, "logout", second).status_code == 204
    assert _by_cookie(tenant, "refresh", second).status_code == 401


def _by_cookie(tenant: Tenant, verb: str, cookie: str) -> requests.Response:
    headers = _BROWSER | {"Cookie": cookie}
    return requests.post(f"{tenant.stack.api_url}/auth/{verb}/", json={}, headers=headers, timeout=_TIMEOUT_S)


def test_a_closed_tenant_sends_and_pays_nothing_its_keys_end_and_reopening_lets_it_send(tenant: Tenant) -> None:
    tenant.buy_lite()
    key = tenant.key("sms:send")["key"]
    batch = tenant.send(tenant.numbers(1))
    assert batch.status_code == 202
    closing = {"password": tenant.password, "reason": "The shop has shut."}
    assert tenant.post("tenant/close/", closing | {"password": "si nenosiri lake"}).status_code == 401
    assert tenant.post("tenant/close/", closing).status_code == 200
    refresh = {"refresh": tenant.tokens["refresh"]}
    assert tenant.post("auth/refresh/", refresh, token=None).status_code == 401, "everybody is signed out"
    tenant.tokens = _login(tenant).json()["tokens"]
    payment = {"package_id": "lite", "provider": "vodacom", "phone": "0754321555"}
    for refused in (tenant.send(tenant.numbers(1)), tenant.post("billing/payments/initiate/", payment)):
        assert (refused.status_code, refused.json()["code"]) == (403, "tenant_closed")
    assert tenant.batch(batch.json()["id"])["id"] == batch.json()["id"], "it goes on reading"
    text = {"sender_id": "Taarifa-SMS", "text": "Habari", "recipients": tenant.numbers(1)}

    def the_key_has_ended() -> bool:
        return tenant.post("sms/send/", text, token=key).status_code == 401

    wait_until("the key of the closed tenant ends", the_key_has_ended, within_s=_REMEMBERED_S + 10, every_s=3)
    assert tenant.post("tenant/reopen/", None).status_code == 200
    assert tenant.send(tenant.numbers(1)).status_code == 202
    assert tenant.post("sms/send/", text, token=key).status_code == 401, "its keys stay revoked"
    assert "tenant.closed" in _deeds(tenant)
