"""Signing in over the deployed stack: sessions that rotate, and what a copied token is worth."""

from concurrent.futures import ThreadPoolExecutor

from tests.e2e.stack import Tenant


def test_a_session_goes_on_by_refreshing_and_ends_by_logging_out(tenant: Tenant) -> None:
    signed_in = tenant.post("auth/login/", {"email": tenant.email, "password": tenant.password}, token=None)
    tokens = signed_in.json()["tokens"]
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 900)
    fresh = tenant.post("auth/refresh/", {"refresh": tokens["refresh"]}, token=None).json()["tokens"]
    assert tenant.request("GET", "auth/me/", token=fresh["access"]).json()["user"]["email"] == tenant.email
    assert tenant.post("auth/logout/", {"refresh": fresh["refresh"]}, token=fresh["access"]).status_code == 204
    assert tenant.post("auth/refresh/", {"refresh": fresh["refresh"]}, token=None).status_code == 401


def test_a_refresh_token_used_twice_ends_the_whole_family(tenant: Tenant) -> None:
    first = tenant.tokens["refresh"]
    second = tenant.post("auth/refresh/", {"refresh": first}, token=None).json()["tokens"]["refresh"]
    assert tenant.post("auth/refresh/", {"refresh": first}, token=None).status_code == 401
    assert tenant.post("auth/refresh/", {"refresh": second}, token=None).status_code == 401


def test_twenty_parallel_refreshes_leave_one_live_session_or_none(tenant: Tenant) -> None:
    refresh = tenant.tokens["refresh"]
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: tenant.post("auth/refresh/", {"refresh": refresh}, token=None), range(20)))
    good = [answer for answer in answers if answer.status_code == 200]
    assert len(good) <= 1
    assert {answer.status_code for answer in answers} <= {200, 401}


def test_wrong_password_and_unknown_account_are_told_alike(tenant: Tenant) -> None:
    known = tenant.post("auth/login/", {"email": tenant.email, "password": "not the password"}, token=None)
    unknown = tenant.post("auth/login/", {"email": "nobody@duka.example", "password": "not the password"}, token=None)
    assert known.status_code == unknown.status_code == 401
    assert {**known.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}


def test_a_token_that_somebody_changed_opens_nothing(tenant: Tenant) -> None:
    header, payload, signature = tenant.access.split(".")
    for forged in (f"{header}.{payload}.", f"{header}.{payload[::-1]}.{signature}", "garbage", f"{header}.{payload}"):
        assert tenant.request("GET", "sms/capability/", token=forged).status_code == 401
