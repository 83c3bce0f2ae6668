"""Members: a template to a group takes name and attributes of each contact, and tells whose lack."""

from typing import Any

import pytest

from functions.sms.content import contacts, groups
from tests.sms.test_parking import top_up, wake
from tests.sms.test_personal import messages
from tests.sms.world import TENANT, World

BODY = "Habari {{name}}, duka la {{City}} limefunguliwa."
ASHA, JUMA, NEEMA = "255712000110", "255712000111", "255712000112"


@pytest.fixture
def template(world: World) -> str:
    """A template with two variables."""
    made = {"name": "Duka", "category": "alert", "body": BODY}
    return str(world.call("POST", "/api/sms/templates/", made)[1]["id"])


@pytest.fixture
def group(world: World) -> str:
    """A group of three, of whom the last has no city."""
    people = {ASHA: ("Asha", {"city": "Mwanza"}), JUMA: ("Juma", {"city": "ç" * 60}), NEEMA: ("Neema", {})}
    return grouped(world, people)


def grouped(world: World, people: dict[str, tuple[str, dict[str, str]]]) -> str:
    made = str(world.call("POST", "/api/sms/groups/", {"name": "Wateja"})[1]["id"])
    kept = [
        contacts.create(TENANT, digits, name=name, attributes=attributes, tags=())
        for digits, (name, attributes) in people.items()
    ]
    groups.add(TENANT, made, [one.id for one in kept])
    return made


def send(world: World, group: str, template: str, key: str = "k", **more: Any) -> tuple[int, Any]:
    body = {"sender_id": "INFO", "template_id": template, "group_id": group, **more}
    return world.call("POST", "/api/sms/send/", body, headers={"Idempotency-Key": key})


def refused(batch: Any) -> list[tuple[str, str]]:
    return [(one["recipient"], one["code"]) for one in batch["refused"]]


def test_each_member_gets_its_own_text_at_its_own_price_and_who_lacks_a_value_gets_none(
    world: World, group: str, template: str
) -> None:
    _, tried = send(world, group, template, dry_run=True)
    status, batch = send(world, group, template)
    assert (status, batch["accepted"], batch["price"], batch["text"]) == (202, 2, 1 + 2, BODY)
    assert refused(batch) == [(f"+{NEEMA}", "variable_missing")]
    assert "City" in batch["refused"][0]["detail"]
    assert (tried["price"], tried["accepted"], tried["refused"]) == (batch["price"], 2, batch["refused"])
    world.work()
    assert {entry["dest_addr"]: entry["message"] for entry in world.beem.log()} == {
        ASHA: "Habari Asha, duka la Mwanza limefunguliwa.",
        JUMA: f"Habari Juma, duka la {'ç' * 60} limefunguliwa.",
    }
    assert {to: one["segments"] for to, one in messages(world, batch["id"]).items()} == {f"+{ASHA}": 1, f"+{JUMA}": 2}
    assert world.wallet() == (4_997, 0)
    assert refused(world.batch(batch["id"])) == refused(batch)


def test_what_the_request_says_goes_for_everybody(world: World, group: str, template: str) -> None:
    status, batch = send(world, group, template, variables={"City": "Arusha"})
    assert (status, batch["accepted"], batch["refused"]) == (202, 3, [])
    world.work()
    assert world.beem.log()[0]["message"].startswith("Habari ")
    assert sorted(entry["message"] for entry in world.beem.log()) == [
        f"Habari {name}, duka la Arusha limefunguliwa." for name in ("Asha", "Juma", "Neema")
    ]


def test_where_the_request_gives_all_of_it_nothing_is_read_of_the_members(
    world: World, group: str, template: str
) -> None:
    world.send("0713000000")  # keys are cached from here on
    world.wire.clear()
    status, batch = send(world, group, template, variables={"City": "Arusha", "name": "mteja"})
    assert (status, batch["accepted"], batch["text"]) == (202, 3, "Habari mteja, duka la Arusha limefunguliwa.")
    assert world.wire.calls == ["GetItem", "Query", "BatchGetItem", "TransactWriteItems", "SendMessageBatch"]


def test_members_are_read_a_hundred_a_call(world: World, template: str) -> None:
    people = {f"255712{n:06d}": ("Asha", {"city": "Mwanza"}) for n in range(120)}
    group = grouped(world, people)
    world.send("0713000000")  # keys are cached from here on
    world.wire.clear()
    status, batch = send(world, group, template)
    assert (status, batch["accepted"]) == (202, 120)
    reads = ["GetItem", "Query", "BatchGetItem", "BatchGetItem"]
    assert world.wire.calls == [*reads, "BatchGetItem", "TransactWriteItems", "SendMessageBatch"]


def test_what_nobody_has_is_named_and_nothing_is_sent(world: World, template: str) -> None:
    group = grouped(world, {NEEMA: ("Neema", {}), ASHA: ("", {"city": ""})})
    status, problem = send(world, group, template)
    assert (status, [(one["pointer"], one["code"]) for one in problem["errors"]]) == (
        422,
        [("/variables/City", "missing")],
    )
    status, problem = send(world, group, template, variables={"City": "x", "nick": "y"})
    assert [(one["pointer"], one["code"]) for one in problem["errors"]] == [("/variables/nick", "unknown_variable")]
    assert (world.wallet(), world.queued()) == ((5_000, 0), [])


def test_of_members_who_each_lack_something_else_nobody_is_sent_to(world: World, template: str) -> None:
    group = grouped(world, {NEEMA: ("Neema", {}), ASHA: ("", {"city": "Mwanza"})})
    status, problem = send(world, group, template)
    assert (status, [(one["pointer"], one["code"]) for one in problem["errors"]]) == (
        422,
        [("/variables", "variable_missing")],
    )


def test_a_member_whose_values_make_no_text_is_refused_alone(world: World, template: str) -> None:
    group = grouped(world, {ASHA: ("Asha", {"city": "Mwanza"}), JUMA: ("\x00", {"city": "Mwanza"})})
    status, batch = send(world, group, template)
    assert (status, batch["accepted"], refused(batch)) == (202, 1, [(f"+{JUMA}", "character_not_sendable")])


def test_opted_out_members_are_told_beside_those_that_lack_a_value(world: World, group: str, template: str) -> None:
    world.call("POST", "/api/sms/opt-outs/", {"phone": f"+{ASHA}"})
    _, batch = send(world, group, template)
    assert sorted(refused(batch)) == [(f"+{ASHA}", "opted_out"), (f"+{NEEMA}", "variable_missing")]


def test_a_repeat_meets_its_batch_though_the_members_are_others_by_now(world: World, group: str, template: str) -> None:
    _, first = send(world, group, template)
    (neema,) = [contacts.of_number(TENANT, NEEMA)]
    contacts.change(TENANT, neema, version=1, name=None, attributes={"city": "Moshi"}, tags=None)
    status, again = send(world, group, template)
    assert (status, again["id"], again["accepted"]) == (202, first["id"], 2)
    assert send(world, group, template, variables={"City": "x"})[1]["code"] == "idempotency_key_reused"


def test_a_parked_send_keeps_each_text_and_who_gets_none(world: World, group: str, template: str) -> None:
    world.spend_all_but(1)
    _, waiting = send(world, group, template, park=True)
    assert (waiting["status"], waiting["price"]) == ("parked", 3)
    (asha,) = [contacts.of_number(TENANT, ASHA)]
    contacts.change(TENANT, asha, version=1, name="Other", attributes=None, tags=None)
    top_up(10)
    wake()
    world.settle_down()
    assert "Habari Asha, duka la Mwanza limefunguliwa." in [entry["message"] for entry in world.beem.log()]
    done = world.batch(waiting["id"])
    assert (done["status"], done["charged"], refused(done)) == ("completed", 3, [(f"+{NEEMA}", "variable_missing")])


def test_a_preview_takes_what_it_is_not_given_from_a_contact(world: World, group: str, template: str) -> None:
    path, asha = f"/api/sms/templates/{template}/preview/", contacts.of_number(TENANT, ASHA)
    status, seen = world.call("POST", path, {"contact_id": asha})
    assert (status, seen["text"]) == (200, "Habari Asha, duka la Mwanza limefunguliwa.")
    _, seen = world.call("POST", path, {"contact_id": asha, "variables": {"City": "Moshi"}})
    assert seen["text"] == "Habari Asha, duka la Moshi limefunguliwa."
    _, problem = world.call("POST", path, {"contact_id": contacts.of_number(TENANT, NEEMA)})
    assert [(one["pointer"], one["code"]) for one in problem["errors"]] == [("/variables/City", "missing")]
    _, problem = world.call("POST", path, {"contact_id": "nobody"})
    assert [(one["pointer"], one["code"]) for one in problem["errors"]] == [("/contact_id", "unknown_contact")]
