"""Exporting texts: every message once, as the API tells it, of this tenant alone, in files that come out the same."""

import json
from typing import Any

import pytest

from functions.sms import privacy
from mifumo import aws, exports, ids, writes
from mifumo import privacy as requests
from mifumo.ids import TenantId
from mifumo.privacy import Kind, Part, State, Step
from tests.builders import token
from tests.sms.files import quoted
from tests.sms.told import Told
from tests.sms.world import TENANT, World
from tests.steps import Steps, asked_to_forget
from tests.wire import Crash


@pytest.fixture
def steps(world: World, exports_bucket: str) -> Steps:
    """The worker and its queue."""
    return Steps(Part.SMS, privacy.handler)


def asked(tenant: TenantId = TENANT) -> Step:
    """Asks for an export; returns the first step of it."""
    step = requests.first(Kind.EXPORT, tenant, ids.new(), run=ids.new())
    writes.commit(requests.ask(step))
    return step


def files(step: Step) -> dict[str, list[Any]]:
    """Reads the files of an export, by name."""
    client, prefix = aws.s3(), f"{step.tenant}/{step.id}/"
    listed = client.list_objects_v2(Bucket="exports", Prefix=prefix).get("Contents", [])
    texts = {one["Key"]: client.get_object(Bucket="exports", Key=one["Key"])["Body"].read().decode() for one in listed}
    return {key.removeprefix(prefix): [json.loads(line) for line in text.splitlines()] for key, text in texts.items()}


def rows(step: Step, kind: str) -> list[Any]:
    return [row for name, told in sorted(files(step).items()) if name.startswith(f"{kind}-") for row in told]


def sent(world: World, *recipients: str, **options: Any) -> str:
    """Sends a text, and hands it over."""
    body = {"sender_id": "INFO", "text": "Habari", "recipients": list(recipients), "allow_repeat": True}
    status, batch = world.call("POST", "/api/sms/send/", body, **options)
    assert status == 202, batch
    world.work()
    world.receive(expected=batch["accepted"])
    return str(batch["id"])


def numbers(first: int, count: int) -> list[str]:
    return [f"+2557120{number:05d}" for number in range(first, first + count)]


def test_everything_that_was_sent_is_told_in_the_words_of_the_api(world: World, steps: Steps) -> None:
    one, many = sent(world, "0712000010", "123"), sent(world, *numbers(20, 130))
    step = steps.run(asked())
    assert steps.state(step) is State.DONE
    told = rows(step, "batches")
    assert {batch["id"] for batch in told} == {one, many}
    for batch in told:
        assert batch == world.batch(batch["id"])
    assert [row["code"] for batch in told for row in batch["refused"]] == ["too_short"]
    shown = [
        message
        for batch in (one, many)
        for message in world.call("GET", f"/api/sms/batches/{batch}/messages/", query={"limit": "250"})[1]["items"]
    ]
    assert sorted(rows(step, "messages"), key=lambda m: m["id"]) == sorted(shown, key=lambda m: m["id"])
    assert len(shown) == 131


def test_sender_ids_are_told(world: World, steps: Steps) -> None:
    body = {"name": "Quantum", "purpose": "Taarifa za miamala kwa wateja", "sample": "Ndugu mteja, salio."}
    assert world.call("POST", "/api/sms/sender-ids/", body)[0] == 201
    step = steps.run(asked())
    assert [(one["name"], one["status"]) for one in rows(step, "sender_ids")] == [("Quantum", "pending")]


def test_nothing_of_another_tenant_is_told_and_nothing_of_how_it_is_kept(world: World, steps: Steps) -> None:
    world.fund(10, tenant=TenantId("t2"))
    theirs = sent(world, "0712000099", token=token(tenant="t2"))
    sent(world, "0712000010")
    step = steps.run(asked())
    text = json.dumps(files(step))
    assert theirs not in text
    assert "712000099" not in text
    names = {name for told in files(step).values() for row in told for name in row}
    assert names.isdisjoint({"pk", "sk", "fingerprint", "actor", "token", "listing_pk", "due_pk", "tenant"})


def test_a_tenant_without_anything_has_no_files_and_is_done(world: World, steps: Steps) -> None:
    step = steps.run(asked(TenantId("t3")))
    assert files(step) == {}
    found = requests.read(Kind.EXPORT, TenantId("t3"), step.id)
    assert found is not None
    assert (found.files, steps.state(step)) == ({}, State.DONE)


def test_messages_fill_files_whatever_the_size_of_their_batches(
    world: World, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("mifumo.exports", "functions.sms.data_requests.extracts"):
        monkeypatch.setattr(f"{module}.ROWS_A_FILE", 5)
    monkeypatch.setattr("functions.sms.data_requests.extracts._PAGE", 3)
    made = {sent(world, *numbers(10 * size, size)): size for size in (1, 4, 1, 1, 6, 2, 1)}
    step = steps.run(asked())
    told = rows(step, "messages")
    assert len({message["id"] for message in told}) == len(told) == sum(made.values())
    found = requests.read(Kind.EXPORT, TENANT, step.id)
    assert found is not None
    assert found.files["messages"] == len([name for name in files(step) if name.startswith("messages-")]) >= 3
    assert all(len(told) < 2 * 5 + 6 for name, told in files(step).items() if name.startswith("messages-"))
    assert exports.ROWS_A_FILE == 5


def test_long_rows_make_shorter_files(world: World, steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "BYTES_A_FILE", 10)
    monkeypatch.setattr("functions.sms.data_requests.extracts._BATCHES_PAGE", 1)
    made = [sent(world, "0712000010") for _ in range(3)]
    step = steps.run(asked())
    assert [len(told) for name, told in sorted(files(step).items()) if name.startswith("batches-")] == [1, 1, 1]
    assert {batch["id"] for batch in rows(step, "batches")} == set(made)


def test_erased_numbers_are_told_as_none(world: World, steps: Steps) -> None:
    sent(world, "0712000010", "0712000011")
    world.sweep(after_s=61)
    steps.run(asked_to_forget("255712000010", TENANT))
    step = steps.run(asked())
    assert sorted(str(message["to"]) for message in rows(step, "messages")) == ["+255712000011", "None"]


def test_a_worker_that_dies_anywhere_leaves_what_the_next_delivery_writes_alike(world: World, steps: Steps) -> None:
    sent(world, "0712000010", "0712000011")
    whole = files(steps.run(asked()))
    assert set(whole) == {"batches-00001.jsonl", "messages-00001.jsonl"}
    for at in range(40):
        died = []
        for after in (False, True):
            step = asked()
            world.wire.cut(at, after=after)
            bodies = [step.body()]
            while bodies:
                try:
                    steps.handle(bodies[0])
                except Crash:
                    died.append(after)
                    world.wire.mend()
                    continue
                bodies = steps.queued()[-1:]
            world.wire.mend()
            assert files(step) == whole
            assert steps.state(step) is State.DONE
        if not died:
            return
    raise AssertionError("forty calls are too many for two messages")


def test_a_second_delivery_of_each_step_writes_the_same_files(world: World, steps: Steps) -> None:
    sent(world, "0712000010", "0712000011")
    step = asked()
    bodies = [step.body()]
    while bodies:
        once, twice = steps.deliver(bodies[0]), steps.deliver(bodies[0])
        assert once == twice
        bodies = once
    whole = files(step)
    assert set(whole) == {"batches-00001.jsonl", "messages-00001.jsonl"}
    steps.run(step)
    assert files(step) == whole


def test_webhooks_are_told_without_their_secrets_and_uploads_without_the_link_to_their_files(
    told: Told, steps: Steps, campaigns_bucket: str
) -> None:
    hooks = [told.listen("message.submitted", "batch.completed") for _ in range(2)]
    told.sent("0712000010")
    upload = quoted(told.world, campaigns_bucket, "phone\n0712000010\n7.12E+08\n")
    told.work()
    told.world.pass_time(31)
    step = steps.run(asked())
    listed = told.world.call("GET", "/api/sms/webhooks/")[1]["items"]
    assert sorted(rows(step, "webhooks"), key=lambda hook: str(hook["id"])) == listed
    deliveries = [one for hook, _ in hooks for one in told.deliveries(hook)]
    assert sorted(map(str, rows(step, "deliveries"))) == sorted(map(str, deliveries))
    assert len(deliveries) == 4
    assert rows(step, "events") == told.world.call("GET", "/api/sms/events/")[1]["items"]
    (kept,) = rows(step, "uploads")
    assert upload.pop("refused_url").startswith("https://")
    assert kept == upload
    text = json.dumps(files(step))
    assert not any(secret.removeprefix("whsec_") in text for _, secret in hooks)
    assert "X-Amz-" not in text
    assert "salt" not in text


def test_deliveries_are_told_page_by_page_of_one_webhook_after_the_other(
    told: Told, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.sms.data_requests.extracts._PAGE", 2)
    for _ in range(2):
        hook, _ = told.listen("batch.completed")
        for _ in range(3):
            told.test(hook)
    told.listen("batch.completed")
    told.work()
    told_of = rows(steps.run(asked()), "deliveries")
    assert len({(one["webhook_id"], one["id"]) for one in told_of}) == len(told_of) == 6
