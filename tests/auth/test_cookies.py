"""Browser sessions: the refresh token in a cookie, for those who ask for it by a header and for nobody else."""

from http.cookies import Morsel, SimpleCookie
from typing import Any

import pytest

from functions.auth.api import handler
from mifumo.permissions import Role
from tests.auth.door import PASSWORD, Door
from tests.auth.inviting import JUMA, Business
from tests.builders import CONTEXT, answer, request

ASKED = {"Mifumo-Session": "cookie"}
NAME = "mifumo_refresh"


class Browser:
    """Keeps what Set-Cookie tells it and sends it back, as the gateway delivers it (payload format 2.0)."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.jar: dict[str, str] = {}
        self.set: list[str] = []

    def post(self, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **more: Any) -> Any:
        event = request("POST", path, {} if body is None else body, headers=ASKED if headers is None else headers)
        event |= {"cookies": [f"{name}={value}" for name, value in self.jar.items()], **more}
        self.door.wire.clear()
        response = handler(event, CONTEXT)
        self.set = response.get("cookies", [])
        for text in self.set:
            morsel = _parsed(text)
            self.jar[NAME] = morsel.value
            if morsel["max-age"] == "0":
                del self.jar[NAME]
        return answer(response)

    def login(self) -> Any:
        return self.post("/api/auth/login/", {"email": "asha@duka.example", "password": PASSWORD})

    def refresh(self, **more: Any) -> Any:
        return self.post("/api/auth/refresh/", **more)


def _parsed(text: str) -> "Morsel[str]":
    (morsel,) = SimpleCookie(text).values()
    assert morsel.key == NAME
    return morsel


@pytest.fixture
def browser(door: Door) -> Browser:
    return Browser(door)


def test_who_asks_gets_the_refresh_token_where_no_script_finds_it(browser: Browser) -> None:
    status, body = browser.post("/api/auth/register/", browser.door.person)
    assert (status, body["tokens"]["refresh"], body["tokens"]["expires_in"]) == (201, None, 900)
    (text,) = browser.set
    morsel = _parsed(text)
    assert morsel.value.startswith("mfr_")
    assert morsel.value not in str(body)
    assert (morsel["httponly"], morsel["secure"], morsel["samesite"]) == (True, True, "Strict")
    assert (morsel["path"], morsel["max-age"], morsel["domain"]) == ("/api/auth/", "2592000", "")
    assert browser.door.me(body["tokens"]["access"]).status == 200


def test_a_browser_goes_on_and_leaves_by_its_cookie_alone(browser: Browser) -> None:
    browser.door.register()
    browser.login()
    first = browser.jar[NAME]
    status, body = browser.refresh()
    assert (status, body.keys(), body["tokens"]["refresh"]) == (200, {"tokens"}, None)
    assert browser.jar[NAME] != first
    assert browser.door.me(body["tokens"]["access"]).status == 200
    last = browser.jar[NAME]
    assert browser.post("/api/auth/logout/") == (204, None)
    assert NAME not in browser.jar
    (text,) = browser.set
    assert (_parsed(text).value, _parsed(text)["path"], _parsed(text)["max-age"]) == ("", "/api/auth/", "0")
    assert browser.door.refresh(last).status == 401


def test_a_copied_cookie_ends_the_session_like_any_copied_token(browser: Browser) -> None:
    browser.door.register()
    browser.login()
    stolen = browser.jar[NAME]
    assert browser.refresh()[0] == 200
    assert browser.door.refresh(stolen).status == 401
    assert browser.refresh()[0] == 401


def test_without_the_header_nothing_is_set_and_tokens_are_in_the_body(browser: Browser) -> None:
    entered = browser.door.register()
    status, body = browser.post("/api/auth/refresh/", {"refresh": entered.refresh}, headers={})
    assert (status, browser.set) == (200, [])
    assert browser.post("/api/auth/logout/", {"refresh": body["tokens"]["refresh"]}, headers={})[0] == 204
    assert browser.set == []


@pytest.mark.parametrize("path", ["/api/auth/refresh/", "/api/auth/logout/"])
def test_a_cookie_that_nobody_speaks_of_does_nothing(browser: Browser, path: str) -> None:
    browser.door.register()
    browser.login()
    status, body = browser.post(path, headers={})
    assert (status, body["errors"][0]["pointer"], body["errors"][0]["code"]) == (422, "/refresh", "missing")
    assert browser.set == []
    assert browser.refresh()[0] == 200


@pytest.mark.parametrize("path", ["/api/auth/refresh/", "/api/auth/logout/"])
@pytest.mark.parametrize(
    "cookies", [[], ["theme=dark"], ["mifumo_refresh2=x"], [f"{NAME}"], [f"{NAME}=a", f"{NAME}=b"]]
)
def test_the_header_without_one_good_cookie_is_refused(browser: Browser, path: str, cookies: list[str]) -> None:
    status, body = browser.post(path, cookies=cookies)
    assert (status, body["code"]) == (401, "invalid_credentials")
    assert browser.door.wire.count("UpdateItem", "TransactWriteItems") == 0


def test_a_cookie_planted_beside_the_real_one_is_not_taken_for_it(browser: Browser) -> None:
    browser.door.register()
    browser.login()
    planted = browser.door.register(email="thief@duka.example").refresh
    real = browser.jar[NAME]
    assert browser.refresh(cookies=[f"{NAME}={planted}", f"{NAME}={real}"])[0] == 401
    assert browser.refresh()[0] == 200


def test_a_body_that_speaks_against_the_header_is_refused(browser: Browser) -> None:
    entered = browser.door.register()
    browser.login()
    status, body = browser.post("/api/auth/refresh/", {"refresh": entered.refresh})
    assert (status, body["errors"][0]["code"]) == (422, "refresh_in_cookie")
    assert browser.door.refresh(entered.refresh).status == 200
    assert browser.refresh()[0] == 200


@pytest.mark.parametrize("value", ["body", "", "Cookie", "cookie, cookie"])
@pytest.mark.parametrize("path", ["register/", "login/", "refresh/", "logout/"])
def test_another_word_in_the_header_is_refused_before_anything_happens(browser: Browser, path: str, value: str) -> None:
    status, body = browser.post(f"/api/auth/{path}", browser.door.person, headers={"Mifumo-Session": value})
    assert (status, browser.set) == (422, [])
    assert "header:mifumo-session" in {error["pointer"] for error in body["errors"]}
    assert browser.door.kinds() == []


@pytest.mark.parametrize("media", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"])
def test_what_a_foreign_form_can_send_is_no_request_of_ours(browser: Browser, media: str) -> None:
    browser.door.register()
    browser.login()
    status, _ = browser.refresh(body="{}", headers={**ASKED, "Content-Type": media})
    assert (status, browser.set) == (415, [])
    assert browser.refresh()[0] == 200


def test_a_cookie_in_its_header_is_read_too_because_the_local_gateway_leaves_it_there(browser: Browser) -> None:
    browser.door.register()
    browser.login()
    header = f"theme=dark; {NAME}={browser.jar.pop(NAME)}; lang=sw"
    assert browser.refresh(headers={**ASKED, "Cookie": header})[0] == 200
    assert browser.refresh()[0] == 200


def test_a_refused_login_sets_no_cookie(browser: Browser) -> None:
    assert browser.login()[0] == 401
    assert browser.set == []


def test_going_over_to_another_tenant_leaves_the_refresh_token_out_of_the_body(browser: Browser) -> None:
    browser.door.register()
    access = browser.login()[1]["tokens"]["access"]
    made = browser.door.call("POST", "/api/auth/tenants/", {"business_name": "Duka la Pili"}, token=access)
    headers = {**ASKED, "authorization": f"Bearer {access}"}
    before, asked = browser.jar[NAME], {"tenant_id": made.body["tenant"]["id"]}
    status, body = browser.post("/api/auth/switch/", asked, headers=headers)
    assert (status, body["tokens"]["refresh"], body["tenant"]["name"]) == (200, None, "Duka la Pili")
    assert browser.jar[NAME] != before
    status, refreshed = browser.refresh()
    assert browser.door.me(refreshed["tokens"]["access"]).body["tenant"]["name"] == "Duka la Pili"


def test_who_registers_by_an_invitation_keeps_the_refresh_token_in_the_cookie_too(browser: Browser) -> None:
    text = Business.open(browser.door, Role.OWNER).link()
    status, body = browser.post("/api/auth/invitations/register/", {**JUMA, "token": text})
    assert (status, body["tokens"]["refresh"]) == (201, None)
    assert browser.refresh()[0] == 200
