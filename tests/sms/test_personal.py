"""Texts of their own: each recipient's values in one template, counted, charged, sent and told for each."""

from typing import Any

import pytest

from functions.sms import privacy, unpark
from functions.sms.batches import chunks
from mifumo import ledger, wallets
from mifumo.ids import BatchId, TenantId
from mifumo.privacy import Part, State
from tests.builders import CONTEXT, sqs, token
from tests.queues import taken
from tests.sms.world import TENANT, World
from tests.steps import Steps, asked_to_forget

BODY = "Habari {{name}}, deni lako ni TSh {{amount}}."


@pytest.fixture
def template(world: World) -> str:
    """A template with two variables."""
    made = {"name": "Deni", "category": "transactional", "body": BODY}
    status, answer = world.call("POST", "/api/sms/templates/", made)
    assert status == 201, answer
    return str(answer["id"])


def person(to: str, name: str, **more: str) -> dict[str, Any]:
    return {"to": to, "variables": {"name": name, **more}}


def send(world: World, template: str, *recipients: Any, key: str = "k", **more: Any) -> tuple[int, Any]:
    body = {
        "sender_id": "INFO",
        "template_id": template,
        "variables": {"amount": "500"},
        "recipients": list(recipients),
        **more,
    }
    return world.call("POST", "/api/sms/send/", body, headers={"Idempotency-Key": key})


def messages(world: World, batch_id: str) -> dict[str, Any]:
    _, page = world.call("GET", f"/api/sms/batches/{batch_id}/messages/", query={"limit": "250"})
    return {item["to"]: item for item in page["items"]}


def test_each_recipient_gets_its_own_text_and_the_same_texts_go_together(world: World, template: str) -> None:
    status, batch = send(
        world,
        template,
        person("0712000110", "Asha"),
        person("0712000111", "Juma", amount="7,000"),
        person("0712000112", "Asha"),
        person("0712000110", "Asha again"),
        person("071", "nobody"),
    )
    assert (status, batch["text"], batch["accepted"], batch["price"]) == (202, BODY, 3, 3)
    assert [refused["code"] for refused in batch["refused"]] == ["duplicate", "too_short"]
    assert len(world.work()) == 2
    assert {entry["dest_addr"]: entry["message"] for entry in world.beem.log()} == {
        "255712000110": "Habari Asha, deni lako ni TSh 500.",
        "255712000111": "Habari Juma, deni lako ni TSh 7,000.",
        "255712000112": "Habari Asha, deni lako ni TSh 500.",
    }
    told = messages(world, batch["id"])
    assert told["+255712000111"]["text"] == "Habari Juma, deni lako ni TSh 7,000."
    assert world.batch(batch["id"])["charged"] == 3


def test_segments_are_counted_for_each_text(world: World, template: str) -> None:
    short, long, other = person("0712000110", "A"), person("0712000111", "B" * 160), person("0712000112", "ç" * 140)
    status, batch = send(world, template, short, long, other)
    assert (status, batch["price"], batch["segments"], batch["encoding"]) == (202, 1 + 2 + 3, 3, "UCS-2")
    world.work()
    assert {to: one["segments"] for to, one in messages(world, batch["id"]).items()} == {
        "+255712000110": 1,
        "+255712000111": 2,
        "+255712000112": 3,
    }
    assert world.wallet() == (4_994, 0)


def test_a_value_that_lacks_or_is_too_much_is_named_and_nothing_is_sent(world: World, template: str) -> None:
    status, problem = send(
        world,
        template,
        person("0712000110", "Asha", nick="A"),
        "0712000111",
        {"to": "0712000112", "variables": {"amount": "5"}},
        variables={"amount": "500", "greeting": "Habari"},
    )
    assert status == 422
    assert sorted((e["pointer"], e["code"]) for e in problem["errors"]) == [
        ("/recipients/0/variables/nick", "unknown_variable"),
        ("/recipients/1/variables/name", "missing"),
        ("/recipients/2/variables/name", "missing"),
        ("/variables/greeting", "unknown_variable"),
    ]
    nobody = person("0712000110", "\x00"), person("0712000111", "ç" * 500, amount="y" * 500)
    status, problem = send(world, template, *nobody)
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [
        ("/recipients/0/variables", "character_not_sendable"),
        ("/recipients/1/variables", "too_long"),
    ]
    body = {"sender_id": "INFO", "text": "Habari", "recipients": [person("0712000110", "Asha")]}
    status, problem = world.call("POST", "/api/sms/send/", body)
    assert [(e["pointer"], e["code"]) for e in problem["errors"]] == [("/recipients/0/variables", "too_much")]
    strange: list[Any] = [5, None, [], {"number": "0712000110"}, {"to": "x" * 33}, {"to": "071", "variables": {"a": 1}}]
    for wrong in strange:
        status, problem = send(world, template, "0712000110", wrong)
        assert status == 422
        assert all(e["pointer"].startswith("/recipients/1") for e in problem["errors"]), problem
    assert (world.wallet(), world.queued()) == ((5_000, 0), [])


def test_a_recipient_without_values_of_its_own_gets_those_for_all(world: World, template: str) -> None:
    shared = {"name": "mteja", "amount": "500"}
    status, batch = send(world, template, "0712000110", {"to": "0712000111"}, variables=shared)
    assert (status, batch["text"], batch["accepted"]) == (202, "Habari mteja, deni lako ni TSh 500.", 2)
    status, mixed = send(world, template, "0712000110", person("0712000111", "Asha"), variables=shared, key="other")
    assert (status, mixed["text"]) == (202, BODY)
    world.work()
    assert {one["text"] for one in messages(world, mixed["id"]).values()} == {
        "Habari mteja, deni lako ni TSh 500.",
        "Habari Asha, deni lako ni TSh 500.",
    }


@pytest.mark.usefixtures("campaigns_bucket")
def test_a_thousand_texts_are_one_transaction_and_one_part(world: World, template: str) -> None:
    people = [person(f"0713{n:06d}", f"mteja {n}") for n in range(100, 1_100)]
    world.send("0713000000")  # keys are cached from here on
    world.wire.clear()
    status, batch = send(world, template, *people)
    assert (status, batch["accepted"], batch["price"], batch["counts"]) == (202, 1_000, 1_000, {"queued": 1_000})
    assert world.wire.calls == ["GetItem", "BatchGetItem", "TransactWriteItems", "SendMessageBatch"]
    assert world.wallet() == (3_999, 1_001)
    again, replayed = send(world, template, *people)
    assert (again, replayed["id"]) == (202, batch["id"])
    assert len(taken("LAYING")) == 1


@pytest.mark.usefixtures("campaigns_bucket")
def test_a_dry_run_a_shortage_and_a_parked_order_are_as_for_one_text(world: World, template: str) -> None:
    people = [person(f"07130001{n:02d}", f"mteja {n}") for n in range(60)]
    status, rehearsed = send(world, template, *people, dry_run=True)
    assert (status, rehearsed["price"], rehearsed["id"]) == (200, 60, None)
    world.spend_all_but(59)
    status, problem = send(world, template, *people)
    assert (status, problem["code"], problem["shortfall"]) == (402, "insufficient_credits", 1)
    status, parked = send(world, template, *people, park=True)
    assert (status, parked["status"], parked["top_up"]["shortfall"]) == (202, "parked", 1)
    assert world.batch(parked["id"])["counts"] == {"parked": 60}
    top_up(1)
    assert unpark.handler(sqs({"tenant": TENANT}), CONTEXT) == {"batchItemFailures": []}
    assert len(world.lay()) == 1
    _, page = world.call("GET", f"/api/sms/batches/{parked['id']}/messages/", query={"limit": "50"})
    assert (page["items"][7]["text"], len(page["items"])) == ("Habari mteja 7, deni lako ni TSh 500.", 50)
    world.work()
    done = world.batch(parked["id"])
    assert (done["status"], done["charged"]) == ("completed", 60)
    assert {entry["message"] for entry in world.beem.log()} == {
        f"Habari mteja {n}, deni lako ni TSh 500." for n in range(60)
    }


def top_up(amount: int) -> None:
    ledger.move(
        wallets.read(TENANT),
        lambda wallet: ledger.credit(wallet, amount, name="top-up", reference="top-up", postings=[]),
    )


def test_smart_encoding_sends_plain_characters_and_keeps_what_was_asked_for(world: World, template: str) -> None:
    asked = "Habari \u2018Asha\u2019 \u2026"
    body = {"sender_id": "INFO", "text": asked, "recipients": ["0712000110"]}
    status, plain = world.call("POST", "/api/sms/send/", body)
    assert (status, plain["text"], plain["encoding"], plain["asked_text"]) == (202, asked, "UCS-2", None)
    status, smart = world.call("POST", "/api/sms/send/", {**body, "smart_encoding": True})
    assert (smart["text"], smart["encoding"], smart["asked_text"]) == ("Habari 'Asha' ...", "GSM-7", asked)
    assert smart["replaced"] == [
        {"char": "\u2018", "by": "'", "times": 1},
        {"char": "\u2019", "by": "'", "times": 1},
        {"char": "\u2026", "by": "...", "times": 1},
    ]
    assert world.batch(smart["id"])["asked_text"] == asked
    world.work()
    assert sorted(entry["message"] for entry in world.beem.log()) == sorted([asked, "Habari 'Asha' ..."])
    _, own = send(world, template, person("0712000111", "Asha\u2019s"), smart_encoding=True)
    world.work()
    (told,) = messages(world, own["id"]).values()
    assert (told["text"], told["asked_text"]) == (
        "Habari Asha's, deni lako ni TSh 500.",
        "Habari Asha\u2019s, deni lako ni TSh 500.",
    )
    values = {"name": "Asha\u2019s", "amount": "1"}
    where = f"/api/sms/templates/{template}/preview/"
    _, preview = world.call("POST", where, {"variables": values, "smart_encoding": True})
    assert (preview["text"], preview["encoding"]) == ("Habari Asha's, deni lako ni TSh 1.", "GSM-7")
    assert preview["asked_text"] == "Habari Asha\u2019s, deni lako ni TSh 1."
    _, preview = world.call("POST", where, {"variables": values})
    assert (preview["encoding"], preview["asked_text"], preview["replaced"]) == ("UCS-2", None, [])


def test_smart_encoding_is_part_of_what_a_key_stands_for(world: World) -> None:
    body = {"sender_id": "INFO", "text": "It\u2019s", "recipients": ["0712000110"]}
    headers = {"Idempotency-Key": "k"}
    assert world.call("POST", "/api/sms/send/", body, headers=headers)[0] == 202
    status, problem = world.call("POST", "/api/sms/send/", {**body, "smart_encoding": True}, headers=headers)
    assert (status, problem["code"]) == (422, "idempotency_key_reused")


def test_another_tenants_template_is_nobodys(world: World, template: str) -> None:
    world.fund(10, tenant=TenantId("t2"))
    body = {"sender_id": "INFO", "template_id": template, "recipients": [person("0712000110", "Asha", amount="1")]}
    status, problem = world.call("POST", "/api/sms/send/", body, token=token(tenant="t2"))
    assert (status, problem["errors"][0]["pointer"]) == (422, "/template_id")
    assert world.call("POST", "/api/sms/send/", body, token=None)[0] == 401


def test_a_text_of_ones_own_goes_with_the_number_and_one_that_others_got_stays(world: World, template: str) -> None:
    _, batch = send(
        world,
        template,
        person("0712000110", "Asha Mrema"),
        person("0712000111", "Juma"),
        person("0712000112", "Juma"),
    )
    world.work()
    world.receive(expected=3)
    world.sweep(after_s=61)
    steps = Steps(Part.SMS, privacy.handler)
    for digits in ("255712000110", "255712000111"):
        assert steps.state(steps.run(asked_to_forget(digits, TENANT))) is State.DONE
    told = [(item["to"], item["text"]) for item in listed(world, batch["id"])]
    assert told == [(None, None), (None, None), ("+255712000112", "Habari Juma, deni lako ni TSh 500.")]
    kept = [chunks.get(TENANT, BatchId(batch["id"]), number) for number in (1, 2)]
    assert [one.text if one else "" for one in kept] == ["", "Habari Juma, deni lako ni TSh 500."]
    assert world.batch(batch["id"])["text"] == BODY


def listed(world: World, batch_id: str) -> list[Any]:
    _, page = world.call("GET", f"/api/sms/batches/{batch_id}/messages/", query={"limit": "250"})
    return list(page["items"])
