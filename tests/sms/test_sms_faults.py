"""Faults of bulk texting that other systems are known for: what no other file of this folder tries already."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from functions.sms.batches import chunks, messages
from functions.sms.batches.chunks import State
from mifumo import aws
from mifumo.ids import BatchId
from mifumo.providers import beem
from tests.sms.world import TENANT, World

NUMBER = "0712000010"


@contextmanager
def asked_of_tables() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Lists what is asked of DynamoDB: the operation and its parameters."""
    heard: list[tuple[str, dict[str, Any]]] = []

    def hear(params: dict[str, Any], model: Any, **_: Any) -> None:
        heard.append((model.name, params))

    cast("Any", aws.dynamodb().meta.events).register("provide-client-params.dynamodb.*", hear)
    yield heard


def test_nothing_is_counted_by_reading_it_and_no_table_is_scanned(world: World) -> None:
    numbers = [f"0712{n:06d}" for n in range(10_100, 10_350)]
    with asked_of_tables() as asked:
        _, batch = world.send(*numbers)
        world.call("POST", f"/api/sms/batches/{batch['id']}/pause/")
        world.call("POST", f"/api/sms/batches/{batch['id']}/resume/")
        world.work()
        world.receive(expected=250)
        world.sweep(after_s=61)
        world.sweep(after_s=61)
        assert world.batch(batch["id"])["counts"] == {"delivered": 250}
        for path in ("capability/", "batches/", "messages/?to=0712010100", "opt-outs/", "contacts/", "groups/"):
            status, _ = world.call(
                "GET", f"/api/sms/{path.partition('?')[0]}", query=dict([path.partition("?to=")[::2]])
            )
            assert status in {200, 422}
    assert len(asked) > 100
    for operation, params in asked:
        assert operation != "Scan", params
        assert params.get("Select", "ALL_ATTRIBUTES") != "COUNT", params
        assert operation != "Query" or params["Limit"] <= 250, params


TEXTS = [
    "a" * 1_530,
    "é" * 670,
    "😀" * 330,
    "Habari “yako”…\nTSh 10,000/= leo",
    "[brackets] {braces} ~tilde^ €uro \\ | ",
    "Zażółć gęślą jaźń",
    "ا" * 71,
    "`'’´" * 20,
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_text_goes_out_to_the_last_letter_and_as_it_was_written(world: World, text: str) -> None:
    status, batch = world.send(NUMBER, text=text)
    assert status == 202, batch
    world.work()
    (sent,) = world.beem.log()
    assert sent["message"] == text.strip()


@pytest.mark.parametrize("text", ["a" * 1_531, "é" * 1_531, "😀" * 336])
def test_a_text_that_is_too_long_is_refused_and_never_cut(world: World, text: str) -> None:
    status, problem = world.send(NUMBER, text=text)
    assert (status, [error["pointer"] for error in problem["errors"]]) == (422, ["/text"])
    assert world.queued() == []
    assert world.wallet() == (5_000, 0)


def test_a_text_of_many_parts_is_one_message_with_one_status_and_costs_each_part(world: World) -> None:
    _, batch = world.send("0712000003", text="a" * 400)
    world.work()
    assert (len(world.sent_to()), world.batch(batch["id"])["charged"]) == (1, 3)
    sent = world.beem.log()[0]
    names = {name: sent[name] for name in ("request_id", "recipient_id", "dest_addr")}
    world.report({**names, "status": "PENDING"})
    assert world.statuses(batch["id"]) == {"+255712000003": "buffered"}
    world.report({**names, "status": "UNDELIVERED"}, {**names, "status": "PENDING"})
    assert world.batch(batch["id"])["counts"] == {"undelivered": 1}
    assert world.wallet() == (4_997, 0)


def test_a_worker_that_wakes_after_its_claim_is_over_sends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, batch = world.send(NUMBER)
    (body,) = world.queued()
    rows, overtaken = messages.rows, list[bool]()

    def fall_asleep(chunk: chunks.Chunk) -> Any:
        if not overtaken:
            overtaken.append(True)
            world.sweep(after_s=61)
            assert len(world.work()) == 1  # another has it, and hands it over
        return rows(chunk)

    monkeypatch.setattr(messages, "rows", fall_asleep)
    world.deliver(body)
    assert len(world.sent_to()) == 1
    assert world.batch(batch["id"])["charged"] == 1


def test_an_answer_that_comes_after_the_hand_over_was_given_up_sends_nothing_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, batch = world.send("0712000003")
    send = beem.send

    def answer_late(*arguments: Any, **options: Any) -> Any:
        answer = send(*arguments, **options)
        world.sweep(after_s=61)
        return answer

    monkeypatch.setattr(beem, "send", answer_late)
    world.work()
    (chunk,) = chunks.of_batch(TENANT, BatchId(batch["id"]))
    assert chunk.state is State.SUBMIT_UNKNOWN
    world.settle_down()
    assert len(world.sent_to()) == 1
    assert world.batch(batch["id"])["counts"] == {"unknown": 1}


def test_a_storm_of_rate_limits_fails_no_text(world: World) -> None:
    world.beem.add_fault("http_429", times=60)
    sent = [world.send(f"07120001{n:02d}")[1]["id"] for n in range(4)]
    for _ in range(16):
        world.sweep(after_s=1_000)
        world.work()
    assert [world.batch(one)["charged"] for one in sent] == [1] * 4
    assert len(world.sent_to()) == 4


def test_a_chunk_that_nothing_moves_on_is_told_with_how_late_it_is(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.send(NUMBER)
    world.queued()
    monkeypatch.setattr("functions.sms.pacing.lanes.enqueue", lambda *_, **__: 1 / 0)
    monkeypatch.setattr(chunks, "move", lambda *_, **__: 1 / 0)
    world.sweep(after_s=60 + 1_000)
    assert '"OldestChunkLateSeconds":[1000.0]' in capsys.readouterr().out


def test_what_is_moved_on_in_time_is_not_told_as_late(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.send(NUMBER)
    world.work()
    world.sweep()
    assert "OldestChunkLateSeconds" not in capsys.readouterr().out
