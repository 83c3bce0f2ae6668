"""Identity as people meet it: contacts, passwords, sessions, keys, members and suspended tenants, over HTTP."""

from collections.abc import Iterator

import pytest

from tests.e2e.stack import Stack, Tenant, wait_until

_NEW_PASSWORD = "dau la mwambao 2031"
# A door may remember a key for a minute.
_REVOKED_S = 60


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
    assert "contact.verified" in _deeds(unverified)


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


def test_a_key_sends_what_its_scope_allows_and_stops_within_a_minute_of_being_revoked(tenant: Tenant) -> None:
    tenant.buy_lite()
    made, recipients = tenant.key("sms:send"), tenant.numbers(1)
    body = {"sender_id": "Taarifa-SMS", "text": "Habari", "recipients": recipients}
    assert tenant.post("sms/send/", body, token=made["key"]).status_code == 202
    assert tenant.request("GET", "billing/balance/", token=made["key"]).status_code == 403
    listed = tenant.get("auth/keys/")["items"][0]
    assert "key" not in listed
    assert (listed["prefix"], listed["last4"]) == ("mfk_live_", made["key"][-4:])
    tested = tenant.post("sms/send/", body, token=tenant.key("sms:send", mode="test")["key"])
    assert (tested.status_code, tested.json()["mode"]) == (202, "test")
    assert tenant.request("DELETE", f"auth/keys/{made['id']}/").status_code == 204
    dry = {**body, "dry_run": True}

    def is_refused_everywhere() -> bool:
        return all(tenant.post("sms/send/", dry, token=made["key"]).status_code == 401 for _ in range(5))

    wait_until("the revoked key stops", is_refused_everywhere, within_s=_REVOKED_S + 10, every_s=3)
    assert {"key.created", "key.revoked"} <= _deeds(tenant)


def test_a_member_switches_rises_is_suspended_and_removed_and_the_log_tells_each_step(tenant: Tenant) -> None:
    guest = Tenant(tenant.stack)
    access = tenant.take_in(guest, "agent")
    listed = guest.get("auth/tenants/")["items"]
    assert {(one["tenant"]["id"], one["role"]) for one in listed} == {(guest.id, "owner"), (tenant.id, "agent")}
    assert tenant.request("GET", "billing/balance/", token=access).status_code == 403, "an agent sees no money"
    assert guest.get("auth/me/")["tenant"]["id"] == guest.id, "the token at hand goes on speaking for its own tenant"
    path = f"tenant/members/{guest.user_id}/"
    assert tenant.request("PATCH", path, json={"role": "admin"}).status_code == 200
    here = guest.switch(tenant.id)
    assert tenant.request("GET", "billing/balance/", token=here["access"]).status_code == 200
    over_owner = tenant.request("DELETE", f"tenant/members/{tenant.user_id}/", token=here["access"])
    assert over_owner.status_code == 403, "an admin touches no owner"
    assert tenant.request("PATCH", path, json={"status": "suspended"}).status_code == 200
    assert tenant.post("auth/refresh/", {"refresh": here["refresh"]}, token=None).status_code == 401
    assert guest.post("auth/switch/", {"tenant_id": tenant.id}).status_code == 404
    assert tenant.request("PATCH", path, json={"status": "active"}).status_code == 200
    guest.switch(tenant.id)
    assert tenant.request("DELETE", path).status_code == 204
    assert guest.post("auth/switch/", {"tenant_id": tenant.id}).status_code == 404
    assert guest.get("auth/me/")["tenant"]["id"] == guest.id, "their own business stays theirs"
    steps = {"member.role_changed", "member.suspended", "member.reactivated", "member.removed"}
    assert steps <= _deeds(tenant)


def test_a_handed_over_tenant_has_its_new_owner_and_the_old_one_as_an_admin(tenant: Tenant) -> None:
    heir = Tenant(tenant.stack)
    tenant.take_in(heir, "agent")
    assert tenant.post("tenant/transfer/", {"user_id": heir.user_id}).status_code == 200
    roles = {member["user_id"]: member["role"] for member in tenant.get("tenant/members/")["items"]}
    assert roles == {heir.user_id: "owner", tenant.user_id: "admin"}
    assert tenant.post("tenant/transfer/", {"user_id": heir.user_id}).status_code == 403


def test_a_suspended_tenant_reads_and_neither_sends_nor_pays_until_staff_let_it(tenant: Tenant) -> None:
    staff, reason = tenant.stack.login("staff"), {"reason": "Texts that pretend to come from a bank."}
    admin_path = f"admin/auth/tenants/{tenant.id}"
    assert tenant.post(f"{admin_path}/suspend/", reason, token=staff).status_code == 200
    payment = {"package_id": "lite", "provider": "vodacom", "phone": "0754321555"}
    for refused in (tenant.send(tenant.numbers(1)), tenant.post("billing/payments/initiate/", payment)):
        assert (refused.status_code, refused.json()["code"]) == (403, "tenant_suspended")
    assert tenant.get("sms/batches/")["items"] == []
    assert tenant.get("billing/balance/")["available"] == 0
    told = next(entry for entry in tenant.pages("tenant/audit/") if entry["action"] == "tenant.suspended")
    assert told["reason"] == reason["reason"]
    assert told["ip"] is None, "staff are not told apart"
    assert tenant.post(f"{admin_path}/reactivate/", reason, token=staff).status_code == 200
    tenant.buy_lite()
    assert tenant.send(tenant.numbers(1)).status_code == 202
    of_staff = tenant.request("GET", "admin/auth/audit/", token=staff, params={"tenant": tenant.id}).json()["items"]
    assert {"tenant.suspended", "tenant.reactivated"} <= {entry["action"] for entry in of_staff}


def test_sessions_are_listed_and_ended_one_by_one_and_all_at_once(tenant: Tenant) -> None:
    login = {"email": tenant.email, "password": tenant.password}
    other = tenant.post("auth/login/", login, token=None).json()["tokens"]
    listed = tenant.get("auth/sessions/")["items"]
    assert [session["current"] for session in listed].count(True) == 1
    (elsewhere,) = (session["id"] for session in listed if not session["current"])
    assert tenant.request("DELETE", f"auth/sessions/{elsewhere}/").status_code == 204
    assert tenant.post("auth/refresh/", {"refresh": other["refresh"]}, token=None).status_code == 401
    assert tenant.request("DELETE", "auth/sessions/").status_code == 204
    assert tenant.post("auth/refresh/", {"refresh": tenant.tokens["refresh"]}, token=None).status_code == 401
    assert {"session.revoked", "sessions.revoked"} <= _deeds(tenant)


def _deeds(tenant: Tenant) -> set[str]:
    return {entry["action"] for entry in tenant.pages("tenant/audit/")}
