"""Parallel attacks: however many guess, refresh, remove or join at once, they get no more than one after the other."""

import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import requests

from tests.e2e.stack import Stack, Tenant, at_once, wait_until

_TIMEOUT_S = 60
_ATTEMPTS = 5
_FAILED_LOGINS = 10
_LINK = re.compile(r"/invitations/(mfi_\S+)\Z")


def _post(stack: Stack, path: str, body: Any, token: str | None = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.post(f"{stack.api_url}/{path}", json=body, headers=headers, timeout=_TIMEOUT_S)


def _statuses(calls: list[Callable[[], requests.Response]]) -> Counter[int]:
    return Counter(answer.status_code for answer in at_once(calls))


def test_200_wrong_codes_at_once_use_up_five_attempts_and_then_not_even_the_right_one_is_good(tenant: Tenant) -> None:
    asked = {"purpose": "verify_phone", "phone": tenant.phone}
    assert tenant.post("auth/codes/", asked).status_code == 202
    right = tenant.stack.code_for(tenant.phone)
    wrong = [f"{(int(right) + 1 + guess) % 1_000_000:06d}" for guess in range(200)]
    confirm = partial(_post, tenant.stack, "auth/codes/confirm/")
    statuses = _statuses([partial(confirm, {**asked, "code": code}, tenant.access) for code in wrong])
    assert statuses == {422: _ATTEMPTS, 429: len(wrong) - _ATTEMPTS}
    locked = confirm({**asked, "code": right}, tenant.access)
    assert (locked.status_code, locked.json()["code"]) == (429, "rate_limited")
    assert int(locked.headers["Retry-After"]) > 0
    assert tenant.post("auth/codes/", asked).status_code == 429, "a new code gives no attempts back"


def test_100_refreshes_of_one_token_at_once_leave_one_living_session_or_none(tenant: Tenant) -> None:
    refresh = partial(_post, tenant.stack, "auth/refresh/")
    answers = at_once([partial(refresh, {"refresh": tenant.tokens["refresh"]}) for _ in range(100)])
    assert Counter(answer.status_code for answer in answers).keys() <= {200, 401}
    traded = [answer.json()["tokens"]["refresh"] for answer in answers if answer.status_code == 200]
    assert len(traded) <= 1, "one token is traded once"
    living = [refresh({"refresh": token}).status_code for token in [tenant.tokens["refresh"], *traded]]
    assert living.count(200) <= 1
    assert living[0] == 401, "the token that came again is dead"


def test_guesses_at_a_password_in_parallel_get_no_more_answers_than_one_by_one(tenant: Tenant) -> None:
    login = partial(_post, tenant.stack, "auth/login/")
    guesses = [{"email": tenant.email, "password": f"mbuyu wa kubahatisha {guess}"} for guess in range(60)]
    statuses = _statuses([partial(login, guess) for guess in guesses])
    assert statuses.keys() == {401, 429}
    assert statuses[401] <= _FAILED_LOGINS
    assert login({"email": tenant.email, "password": tenant.password}).status_code == 429, "the door is closed"


def test_two_owners_who_remove_each_other_at_once_leave_one(tenant: Tenant) -> None:
    other = Tenant(tenant.stack)
    access = tenant.take_in(other, "owner")
    calls: list[Callable[[], requests.Response]] = [
        partial(tenant.request, "DELETE", f"tenant/members/{other.user_id}/"),
        partial(tenant.request, "DELETE", f"tenant/members/{tenant.user_id}/", token=access),
    ]
    first, second = (answer.status_code for answer in at_once(calls))
    assert sorted([first, second]) in ([204, 403], [204, 404], [204, 409])
    survivor, token = (tenant, tenant.access) if first == 204 else (other, access)
    members = tenant.request("GET", "tenant/members/", token=token).json()["items"]
    assert [(one["user_id"], one["role"], one["status"]) for one in members] == [(survivor.user_id, "owner", "active")]
    leaving = tenant.request("DELETE", "tenant/members/me/", token=token)
    assert (leaving.status_code, leaving.json()["code"]) == (409, "last_owner")


def test_of_four_people_who_accept_one_invitation_twenty_times_at_once_one_becomes_a_member(tenant: Tenant) -> None:
    (number,) = tenant.numbers(1)
    assert tenant.post("tenant/members/", {"phone": number, "role": "agent"}).status_code == 202
    texts = wait_until("the link for the number", lambda: tenant.stack.texts_to(number), within_s=30)
    link = _LINK.search(texts[-1])
    assert link, "the text ends with the link"
    guests = [Tenant(tenant.stack) for _ in range(4)]
    accept = {"token": link[1]}
    statuses = _statuses([partial(guest.post, "auth/invitations/accept/", accept) for guest in guests * 5])
    assert statuses[200] == 1
    assert statuses.keys() <= {200, 409, 422}
    joined = {member["user_id"] for member in tenant.get("tenant/members/")["items"]} - {tenant.user_id}
    assert len(joined & {guest.user_id for guest in guests}) == len(joined) == 1
    assert [one["state"] for one in tenant.get("tenant/invitations/")["items"]] == ["accepted"]
    entered = [entry for entry in tenant.pages("tenant/audit/") if entry["action"] == "invitation.accepted"]
    assert len(entered) == 1
