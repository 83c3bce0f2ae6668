"""Profile: what people say of themselves, and a new phone that waits until it is verified."""

import zoneinfo
from typing import Any

import pytest

from functions.auth import time_zones
from tests.auth.door import Answer, Door, notices
from tests.auth.test_codes import ASHA, ask, code_sent, confirm

NEW_PHONE = "+255755000002"


def amend(door: Door, token: str | None, **changes: Any) -> Answer:
    return door.call("PATCH", "/api/auth/me/", changes, token=token)


def test_names_language_and_time_zone_change_and_nothing_else(door: Door) -> None:
    entered = door.register()
    changes = {"first_name": "Asha Rose", "language": "sw", "time_zone": "Africa/Nairobi"}
    changed = amend(door, entered.access, **changes)
    assert changed.status == 200
    assert changed.body["user"] == {**entered.body["user"], **changes}
    assert door.me(entered.access).body == changed.body


def test_codes_speak_the_users_language(door: Door) -> None:
    entered = door.register()
    amend(door, entered.access, language="sw")
    ask(door, phone=ASHA)
    assert "nenosiri" in notices()[-1]["text"]


def test_a_new_phone_takes_the_old_ones_place_once_it_is_verified_and_the_old_one_is_told(door: Door) -> None:
    entered = door.register()
    waiting = amend(door, entered.access, phone="0755000002").body["user"]
    assert (waiting["phone"], waiting["pending_phone"]) == (ASHA, NEW_PHONE)
    assert confirm(door, code_sent(), "verify_phone", token=entered.access, phone=NEW_PHONE).status == 200
    user = door.me(entered.access).body["user"]
    assert (user["phone"], user["pending_phone"], user["phone_verified"]) == (NEW_PHONE, None, True)
    (warning,) = notices()
    assert (warning["to"], warning["expires_at"]) == (ASHA, 0)
    ask(door, phone=ASHA)
    assert notices() == [{"drop": True}], "the old number opens nothing any more"
    ask(door, phone=NEW_PHONE)
    assert confirm(door, code_sent(), phone=NEW_PHONE).status == 200


def test_who_holds_the_new_phone_without_the_session_changes_nothing(door: Door) -> None:
    entered = door.register()
    amend(door, entered.access, phone=NEW_PHONE)
    assert confirm(door, code_sent(), "verify_phone", phone=NEW_PHONE).code == "code_invalid"
    assert door.me(entered.access).body["user"]["phone"] == ASHA


def test_the_old_number_again_takes_the_change_back(door: Door) -> None:
    entered = door.register()
    amend(door, entered.access, phone=NEW_PHONE)
    code = code_sent()
    assert amend(door, entered.access, phone=ASHA).body["user"]["pending_phone"] is None
    assert confirm(door, code, "verify_phone", token=entered.access, phone=NEW_PHONE).code == "code_invalid"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({}, "body"),
        ({"language": None}, "body"),
        ({"language": "fr"}, "/language"),
        ({"time_zone": "Africa/Nowhere"}, "/time_zone"),
        ({"first_name": " "}, "/first_name"),
        ({"phone": "0712"}, "/phone"),
        ({"email": "other@duka.example"}, "/email"),
        ({"role": "staff"}, "/role"),
    ],
)
def test_what_cannot_be_changed_is_refused(door: Door, changes: dict[str, Any], pointer: str) -> None:
    refused = amend(door, door.register().access, **changes)
    assert (refused.status, refused.body["errors"][0]["pointer"]) == (422, pointer)


def test_a_stranger_sees_and_changes_nothing(door: Door) -> None:
    assert (door.me(None).status, amend(door, None, language="sw").status) == (401, 401)


def test_every_zone_that_can_be_chosen_is_known() -> None:
    assert "Africa/Dar_es_Salaam" in time_zones.NAMES
    assert zoneinfo.available_timezones() >= time_zones.NAMES
