"""Registering: user, tenant, ownership and session, or nothing."""

import contextlib
from typing import Any

import pytest

from functions.auth import signin
from functions.auth.logins import EmailTaken
from functions.auth.users import Person
from mifumo import aws
from mifumo.phone import Msisdn
from tests.auth.door import PASSWORD, Door
from tests.wire import Crash

WHOLE = ["CLAIM", "LOGIN", "MEMBER", "MEMBER", "OWNERS", "SESSION", "TENANT", "USER"]


def test_a_business_registers_and_is_signed_in_as_its_owner(door: Door) -> None:
    entered = door.register(email=" Asha@Duka.Example ", first_name="  Asha ")
    assert entered.status == 201
    assert entered.body["user"] == {
        "id": entered.body["user"]["id"],
        "email": "asha@duka.example",
        "phone": "+255712345678",
        "first_name": "Asha",
        "last_name": "Mrema",
        "role": "owner",
        "phone_verified": True,
        "email_verified": True,
        "pending_phone": None,
        "language": "en",
        "time_zone": "Africa/Dar_es_Salaam",
        "created_at": entered.body["user"]["created_at"],
    }
    assert entered.body["tenant"] == {
        "id": entered.body["tenant"]["id"],
        "name": "Duka la Asha",
        "status": "active",
        "verified": True,
    }
    assert entered.body["tokens"].keys() == {"access", "refresh", "token_type", "expires_in"}
    assert (entered.body["tokens"]["token_type"], entered.body["tokens"]["expires_in"]) == ("Bearer", 900)
    assert door.kinds() == WHOLE
    assert door.me(entered.access).body == {key: entered.body[key] for key in ("user", "tenant")}


def test_an_address_registers_once_whatever_its_case(door: Door) -> None:
    door.register()
    again = door.register(email="ASHA@duka.example", business_name="Another")
    assert (again.status, again.code) == (409, "email_taken")
    assert door.kinds() == WHOLE


def test_a_retry_of_the_same_registration_makes_no_second_tenant(door: Door) -> None:
    tenant = door.register().body["tenant"]
    assert door.register().status == 409
    assert door.kinds() == WHOLE
    assert door.login().body["tenant"] == tenant


def test_every_broken_field_is_named_at_once_and_nothing_is_written(door: Door) -> None:
    refused = door.register(
        email="not an address", password="short", first_name=" ", last_name="a\nb", phone="0712", surplus="x"
    )
    assert (refused.status, refused.code) == (422, "validation_failed")
    assert {error["pointer"]: error["code"] for error in refused.body["errors"]} == {
        "/email": "email_invalid",
        "/password": "string_too_short",
        "/first_name": "string_too_short",
        "/last_name": "text_unprintable",
        "/phone": "phone_invalid",
        "/surplus": "extra_forbidden",
    }
    assert door.wire.count() == 0


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("123456789", "string_too_short"),
        ("a1" * 65, "string_too_long"),
        ("0712345678", "password_only_digits"),
        ("Password123", "password_common"),
        ("aaaaaaaaaaaa", "password_common"),
        ("Asha@Duka.example", "password_is_email"),
        ("mbuyu\0tatu za asali", "password_unprintable"),
        ("mbuyu \ud800 tatu za asali", "password_unprintable"),
    ],
)
def test_a_password_that_would_be_guessed_is_refused_with_its_reason(door: Door, password: str, code: str) -> None:
    refused = door.register(password=password)
    assert refused.status == 422
    assert [(error["pointer"], error["code"]) for error in refused.body["errors"]] == [("/password", code)]


@pytest.mark.parametrize("email", ["a@b", "@duka.example", "a b@duka.example", "a@-duka.example", "a@duka..example"])
def test_what_no_mail_server_takes_is_no_address(door: Door, email: str) -> None:
    assert door.register(email=email).body["errors"][0]["pointer"] == "/email"


@pytest.mark.parametrize("after", [False, True])
def test_a_registration_cut_anywhere_leaves_everything_or_nothing(door: Door, after: bool) -> None:
    door.register(email="first@duka.example")
    calls, before = list(door.wire.calls), door.kinds()
    assert calls == ["UpdateItem", "UpdateItem", "GetSecretValue", "TransactWriteItems"]
    for cut in range(3):  # the key is cached by now
        email = f"cut{cut}@duka.example"
        door.wire.cut(cut, after=after)
        with pytest.raises(Crash):
            signin.register(
                Person(email, Msisdn("+255712345678"), "Asha", "Mrema"),
                password=PASSWORD,
                business_name="Duka",
                source_ip="196.41.32.10",
            )
        door.wire.mend()
        done = after and cut == 2
        assert door.kinds() == sorted(before + WHOLE * done)
        assert door.login(email).status == (200 if done else 401)
        assert door.register(email=email).status == (409 if done else 201)
        before = sorted([*before, *WHOLE, *["SESSION"] * done])


def test_two_registrations_of_one_address_at_the_same_time_make_one_tenant(door: Door) -> None:
    def register() -> None:
        person = Person("asha@duka.example", Msisdn("+255712345678"), "Asha", "Mrema")
        signin.register(person, password=PASSWORD, business_name="Duka", source_ip="196.41.32.10")

    rivals = [register]

    def overtake(**_: Any) -> None:
        if rivals:
            rivals.pop()()

    aws.dynamodb().meta.events.register_first("before-call.dynamodb.TransactWriteItems", overtake)
    with contextlib.suppress(EmailTaken):
        register()
        pytest.fail("both were let in")
    assert door.kinds() == WHOLE
