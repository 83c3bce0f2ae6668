"""Clearing a tenant that is closed for good: no number and no text is left, and every figure is as it was."""

import json
from typing import Any

import pytest

from functions.sms import messaging, privacy
from functions.sms.batches import chunks
from functions.sms.data_requests import clearance, extracts
from mifumo import aws, ids, writes
from mifumo import privacy as requests
from mifumo.ids import TenantId
from mifumo.privacy import Kind, Part, State, Step
from tests.builders import token
from tests.sms.world import TENANT, World
from tests.steps import Steps, asked_to_forget
from tests.wire import Crash


@pytest.fixture
def steps(world: World) -> Steps:
    """The worker and its queue."""
    return Steps(Part.SMS, privacy.handler)


def asked() -> Step:
    """Asks for the tenant to be cleared; returns the first step of it."""
    step = requests.first(Kind.CLEARANCE, TENANT, ids.derived("clearance"), run=ids.new())
    writes.commit(requests.ask(step))
    return step


def sent(world: World, *recipients: str, **options: Any) -> str:
    """Sends a text, and lets everything come to rest."""
    body = {"sender_id": "INFO", "text": "Ndugu Asha, habari", "recipients": list(recipients), "allow_repeat": True}
    status, batch = world.call("POST", "/api/sms/send/", body, **options)
    assert status == 202, batch
    world.work()
    world.receive(expected=batch["accepted"])
    world.sweep(after_s=61)
    return str(batch["id"])


def stored(tenant: str = "t1") -> str:
    """Everything of a tenant in the table, with the numbers of chunks as they are read."""
    found = aws.dynamodb().scan(TableName=messaging.table())["Items"]
    items = [item for item in map(aws.unmarshal, found) if f"T#{tenant}" in item["pk"] or "T#" not in item["pk"]]
    for item in items:
        if "recipients" in item:
            item["recipients"] = chunks.of(item).recipients
    return json.dumps(items, default=lambda value: bytes(value).hex())


def figures(world: World, batch: str) -> dict[str, Any]:
    told = world.batch(batch)
    return {name: told[name] for name in ("status", "accepted", "price", "charged", "counts", "segments", "created_at")}


def test_every_number_and_text_goes_and_every_figure_stays(world: World, steps: Steps) -> None:
    made = [sent(world, "0712000010", "0712000010", "123"), sent(world, *(f"07120001{n:02d}" for n in range(30)))]
    before, wallet = [figures(world, batch) for batch in made], world.wallet()
    assert "712000" in stored()
    step = steps.run(asked())
    assert steps.state(step) is State.DONE
    assert "712000" not in stored()
    assert "Asha" not in stored()
    assert [figures(world, batch) for batch in made] == before
    assert world.wallet() == wallet
    assert all((world.batch(batch)["text"], world.batch(batch)["refused"]) == ("", []) for batch in made)
    _, page = world.call("GET", f"/api/sms/batches/{made[1]}/messages/")
    assert {(item["to"], item["status"]) for item in page["items"]} == {(None, "delivered")}


def test_another_tenants_texts_stay(world: World, steps: Steps) -> None:
    world.fund(10, tenant=TenantId("t2"))
    other = token(tenant="t2")
    theirs = sent(world, "0712000099", token=other)
    sent(world, "0712000010")
    steps.run(asked())
    assert "712000010" not in stored()
    assert "712000099" in stored("t2")
    assert world.call("GET", f"/api/sms/batches/{theirs}/", token=other)[1]["text"] == "Ndugu Asha, habari"


def test_what_is_under_way_ends_first(world: World, steps: Steps) -> None:
    settled = sent(world, "0712000010", "0712000011")
    _, batch = world.send("0712000012", "0712000013")
    step = asked()
    (again,) = steps.deliver(step.body())  # what is remembered of its texts goes in a step of its own
    (again,) = steps.deliver(again)
    assert (steps.delays, steps.state(step)) == ([0, 900], State.RUNNING)
    assert world.batch(settled)["text"] == ""
    world.work()
    (again,) = steps.deliver(again)
    world.receive(expected=2)
    world.sweep(after_s=61)
    assert steps.deliver(again) == []
    assert "712000" not in stored()
    assert world.batch(batch["id"])["counts"] == {"delivered": 2}


def test_a_batch_whose_only_number_was_erased_before_is_cleared_of_the_rest(world: World, steps: Steps) -> None:
    batch = sent(world, "0712000010", "12345")
    steps.run(asked_to_forget("255712000010", TENANT))
    assert [row["recipient"] for row in world.batch(batch)["refused"]] == ["12345"]
    steps.run(asked())
    assert world.batch(batch)["refused"] == []


def test_many_batches_go_step_by_step_and_twice_is_once(
    world: World, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clearance, "_RECIPIENTS_A_STEP", 2)
    for number in range(5):
        sent(world, f"071200001{number}")
    step = steps.run(asked())
    assert steps.delays == [0, 0, 0]
    assert "712000" not in stored()
    once = stored()
    steps.run(step)
    assert stored() == once


def test_a_worker_that_dies_anywhere_leaves_what_the_next_delivery_finishes(world: World, steps: Steps) -> None:
    for at in range(40):
        died = []
        for after in (False, True):
            batch = sent(world, "0712000010", "0712000011", "99")
            before, step = figures(world, batch), asked()
            world.wire.cut(at, after=after)
            try:
                steps.handle(step.body())
            except Crash:
                died.append(after)
            world.wire.mend()
            steps.queued()
            steps.run(step)
            assert "712000" not in stored(), (at, after)
            assert "Asha" not in stored()
            assert steps.state(step) is State.DONE
            assert figures(world, batch) == before
        if not died:
            return
    raise AssertionError("forty calls are too many for one batch")


def test_a_large_batch_is_cleared_and_told_some_chunks_after_the_other(
    world: World, steps: Steps, exports_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clearance, "_WHOLE_MAX", 150)
    monkeypatch.setattr(clearance, "_RECIPIENTS_A_STEP", 100)
    monkeypatch.setattr(extracts, "ROWS_A_FILE", 100)
    monkeypatch.setattr(extracts, "_MESSAGES_PAGE", 90)
    small, large = sent(world, "0712000010"), sent(world, *(f"0712001{n:03d}" for n in range(100, 350)))
    before = [figures(world, batch) for batch in (small, large)]
    export = steps.run(requests_of(Kind.EXPORT))
    listed = aws.s3().list_objects_v2(Bucket=exports_bucket, Prefix=f"{TENANT}/{export.id}/messages-")["Contents"]
    files = [aws.s3().get_object(Bucket=exports_bucket, Key=one["Key"])["Body"].read().decode() for one in listed]
    told = [json.loads(line)["to"] for file in files for line in file.splitlines()]
    assert (len(told), len(set(told))) == (251, 251)
    step = steps.run(asked())
    assert steps.state(step) is State.DONE
    assert "71200" not in stored()
    assert "Asha" not in stored()
    assert [figures(world, batch) for batch in (small, large)] == before


def requests_of(kind: Kind) -> Step:
    step = requests.first(kind, TENANT, ids.new(), run=ids.new())
    writes.commit(requests.ask(step))
    return step
