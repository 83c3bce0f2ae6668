"""Identity, as people meet it: verify a phone, lose a password and set a new one, over HTTP and the provider's texts."""

from collections.abc import Iterator

import pytest

from tests.e2e.stack import Stack, Tenant

_NEW_PASSWORD = "dau la mwambao 2031"


@pytest.fixture
def unverified(stack: Stack) -> Iterator[Tenant]:
    """Registers a business as on a stage where texts reach people: its phone has to be proven first."""
    with stack.setting("AuthApiFunction", CONTACTS_PREVERIFIED="False"):
        yield Tenant(stack)


def _confirm(tenant: Tenant, code: str) -> int:
    body = {"purpose": "verify_phone", "phone": tenant.phone, "code": code}
    return tenant.post("auth/codes/confirm/", body).status_code


def test_nobody_sends_or_pays_before_a_contact_is_verified_by_the_code_in_a_text(unverified: Tenant) -> None:
    recipients = unverified.numbers(1)
    assert unverified.get("sms/capability/")["can_send"] is False
    assert "contact_unverified" in unverified.get("sms/capability/")["reasons"]
    for refused in (
        unverified.send(recipients),
        unverified.post(
            "billing/payments/initiate/", {"package_id": "lite", "provider": "vodacom", "phone": "0754321555"}
        ),
    ):
        assert (refused.status_code, refused.json()["code"]) == (403, "contact_unverified")
    code = unverified.stack.code_for(unverified.phone)
    assert _confirm(unverified, f"{(int(code) + 1) % 1_000_000:06d}") == 422
    assert _confirm(unverified, code) == 200
    assert _confirm(unverified, code) == 422, "a code is good once"
    assert unverified.get("auth/me/")["user"]["phone_verified"] is True
    unverified.buy_lite()
    assert unverified.send(recipients).status_code == 202
    assert "contact.verified" in {entry["action"] for entry in unverified.pages("tenant/audit/")}


def test_a_password_is_reset_by_a_text_and_everything_old_is_dead(unverified: Tenant) -> None:
    stack = unverified.stack
    assert _confirm(unverified, stack.code_for(unverified.phone)) == 200
    asked = {"purpose": "reset_password", "phone": unverified.phone}
    nobody = {"purpose": "reset_password", "phone": "0765999999"}
    told = [unverified.post("auth/codes/", body, token=None) for body in (asked, nobody)]
    assert [answer.status_code for answer in told] == [202, 202]
    assert told[0].json() == told[1].json(), "the answer does not tell whether there is an account"
    code = stack.code_for(unverified.phone, count=2)
    assert code not in told[0].text
    reset = {**asked, "code": code, "password": _NEW_PASSWORD}
    assert unverified.post("auth/codes/confirm/", reset, token=None).status_code == 200
    login = {"email": unverified.email, "password": unverified.password}
    assert unverified.post("auth/login/", login, token=None).status_code == 401
    refresh = {"refresh": unverified.tokens["refresh"]}
    assert unverified.post("auth/refresh/", refresh, token=None).status_code == 401
    entered = unverified.post("auth/login/", {**login, "password": _NEW_PASSWORD}, token=None)
    assert entered.status_code == 200
    assert stack.texts_to("0765999999") == []


def test_a_code_of_one_purpose_is_of_no_use_for_another(unverified: Tenant) -> None:
    """The token that verified an address once opened the account (the original's worst hole)."""
    code = unverified.stack.code_for(unverified.phone)
    reset = {"purpose": "reset_password", "phone": unverified.phone, "code": code, "password": _NEW_PASSWORD}
    assert unverified.post("auth/codes/confirm/", reset, token=None).status_code == 422
    login = {"email": unverified.email, "password": unverified.password}
    assert unverified.post("auth/login/", login, token=None).status_code == 200
