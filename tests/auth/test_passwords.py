"""Passwords: judged by how soon they are guessed, and changed by who knows the current one."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.auth import passwords
from functions.auth.passwords import WeakPassword, require_strong
from mifumo import aws, settings
from tests.auth.door import PASSWORD, Answer, Door, notices

REASONS = {
    "string_too_short",
    "string_too_long",
    "password_unprintable",
    "password_is_email",
    "password_only_digits",
    "password_common",
}
NEW = "mlima kitonga kumi na moja"


def reason(password: str) -> str | None:
    """Says why a password is refused, if it is."""
    try:
        require_strong(password, about=["asha@duka.example", "Asha"])
    except WeakPassword as weak:
        return weak.reason
    return None


def change(door: Door, token: str | None, current: str = PASSWORD, password: str = NEW) -> Answer:
    body = {"current_password": current, "password": password}
    return door.call("POST", "/api/auth/password/", body, token=token)


def test_a_change_ends_every_session_and_the_old_password(door: Door) -> None:
    first, second = door.register(), door.login()
    assert change(door, first.access).status == 204
    assert [door.refresh(one.refresh).status for one in (first, second)] == [401, 401]
    assert (door.login().status, door.login(password=NEW).status) == (401, 200)
    logged = [aws.unmarshal(item) for item in aws.dynamodb().scan(TableName=os.environ["AUDIT_TABLE"])["Items"]]
    (entry,) = [item for item in logged if item["action"] == "password.changed"]
    assert entry["actor"] == first.body["user"]["id"]


def test_the_owner_of_a_number_is_told_of_a_new_password_and_nobody_else_is(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = door.register()
    assert change(door, asha.access).status == 204
    assert [(notice["to"], "password" in notice["text"]) for notice in notices()] == [("+255712345678", True)]
    monkeypatch.setenv("CONTACTS_PREVERIFIED", "False")
    settings.forget()
    juma = door.register(email="juma@duka.example", phone="0754000111")
    notices()
    assert change(door, juma.access).status == 204
    assert notices() == []


def test_a_wrong_current_password_counts_as_a_failed_login_and_changes_nothing(door: Door) -> None:
    entered = door.register()
    assert [change(door, entered.access, "not the password").status for _ in range(11)] == [401] * 10 + [429]
    assert door.login().status == 429
    assert door.refresh(entered.refresh).status == 200


def test_a_stranger_changes_no_password(door: Door) -> None:
    assert change(door, None).code == "unauthenticated"


def test_a_new_password_is_not_made_of_what_is_known_of_the_user(door: Door) -> None:
    entered = door.register()
    refused = change(door, entered.access, password="MremaAsha7")
    assert refused.body["errors"][0]["pointer"] == "/password"
    assert door.login().status == 200


@pytest.mark.parametrize("password", ["Asha Mrema", "mremaasha1", "Duka la Asha", "0712345678", "Tanzania1!"])
def test_what_is_made_of_the_business_and_its_owner_is_guessed(door: Door, password: str) -> None:
    refused = door.register(password=password)
    assert (refused.status, refused.body["errors"][0]["pointer"]) == (422, "/password")


def test_advice_comes_with_the_refusal() -> None:
    with pytest.raises(WeakPassword) as refused:
        require_strong("aaaaaaaaaaaa")
    assert "Avoid repeated words and characters." in refused.value.detail


@pytest.mark.parametrize("password", ["mbuyu tatu za asali", "8150394726158372", "hGy7z!pQ2m"])
def test_kinds_of_letters_are_nobodys_business(password: str) -> None:
    require_strong(password)


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "Zs"]), max_size=140))
def test_every_text_is_judged_and_a_long_one_in_bounded_time(password: str) -> None:
    assert (reason(password) is None) <= (passwords.LENGTH_MIN <= len(password) <= passwords.LENGTH_MAX)
    assert reason(password) in {None, *REASONS}
