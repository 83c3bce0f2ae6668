"""`POST /api/sms/send/` and `GET /api/sms/capability/`: who may, what is refused, and the same request again."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from functions.sms.sending import dispatch, orders, standing
from mifumo import settings, tenants, wallets, writes
from mifumo.errors import AppError
from mifumo.ids import TenantId, UserId
from tests.builders import token
from tests.sms.world import TENANT, World


def test_a_stranger_learns_nothing_and_sends_nothing(world: World) -> None:
    for path, method in [("/api/sms/send/", "POST"), ("/api/sms/capability/", "GET"), ("/api/sms/batches/", "GET")]:
        status, problem = world.call(method, path, {"nonsense": True}, token=None)
        assert (status, problem["code"]) == (401, "unauthenticated")
    assert world.wire.count() == 0


def test_another_tenants_batch_is_not_found(world: World) -> None:
    _, batch = world.send("0712000010")
    other = token(tenant="t2")
    for path in (f"/api/sms/batches/{batch['id']}/", f"/api/sms/batches/{batch['id']}/messages/"):
        status, problem = world.call("GET", path, token=other)
        assert (status, problem["code"]) == (404, "not_found")
    assert world.call("GET", "/api/sms/batches/", token=other)[1]["items"] == []


def test_every_broken_rule_is_told_at_once_and_nothing_changes(world: World) -> None:
    body = {"sender_id": "", "text": "", "recipients": [], "schedule_time": "2026-01-01"}
    status, problem = world.call("POST", "/api/sms/send/", body)
    assert status == 422
    assert {error["pointer"] for error in problem["errors"]} == {
        "/sender_id",
        "/text",
        "/recipients",
        "/schedule_time",
    }
    assert world.wallet() == (5_000, 0)


@pytest.mark.parametrize(
    ("text", "code"), [("   ", "empty"), ("a" * 1531, "too_long"), ("a\x1bb", "character_not_sendable")]
)
def test_a_text_that_cannot_be_sent_is_refused_with_the_reason(world: World, text: str, code: str) -> None:
    status, problem = world.send("0712000010", text=text)
    assert (status, problem["errors"][0]["code"]) == (422, code)
    assert world.wallet() == (5_000, 0)


def test_recipients_that_cannot_be_sent_to_are_listed_with_the_reason_and_not_charged(world: World) -> None:
    status, batch = world.send("0712000010", "+255 712 000 010", "071234567", "7.12E+08", "0222123456", text="a" * 161)
    assert status == 202
    assert (batch["accepted"], batch["segments"], batch["price"]) == (1, 2, 2)
    assert {(row["recipient"], row["code"]) for row in batch["refused"]} == {
        ("+255 712 000 010", "duplicate"),
        ("071234567", "too_short"),
        ("7.12E+08", "scientific_notation"),
        ("0222123456", "not_mobile"),
    }
    assert world.batch(batch["id"])["refused"] == batch["refused"]


def test_no_recipient_that_can_be_sent_to_is_a_refusal(world: World) -> None:
    status, problem = world.send("071234567", "abc")
    assert status == 422
    assert [error["pointer"] for error in problem["errors"]] == ["/recipients/0", "/recipients/1"]
    assert world.wallet() == (5_000, 0)


@pytest.mark.parametrize("name", ["MIFUMO", "REMINDER", "QUANTUM", "taarifa"])
def test_a_sender_id_that_is_not_the_tenants_is_refused_and_never_replaced(world: World, name: str) -> None:
    status, problem = world.send("0712000010", sender_id=name)
    assert (status, problem["code"]) == (403, "sender_id_not_allowed")
    assert world.wallet() == (5_000, 0)


@pytest.mark.parametrize(
    ("package", "names"), [(None, 1), ("lite", 4), ("standard", 6), ("pro", 8), ("enterprise", 10)]
)
def test_each_package_opens_its_sender_ids(world: World, package: str | None, names: int) -> None:
    tenant = TenantId(f"t-{package}")
    world.fund(10, tenant=tenant, package=package)
    _, capability = world.call("GET", "/api/sms/capability/", token=token(tenant=tenant))
    assert len(capability["sender_ids"]) == names
    for name in ("Taarifa-SMS", "MIFUMO", "REMINDER"):
        body = {"sender_id": name.lower(), "text": "Habari", "recipients": ["0712000010"], "allow_repeat": True}
        status, _ = world.call("POST", "/api/sms/send/", body, token=token(tenant=tenant))
        assert status == (202 if name in capability["sender_ids"] else 403)


def test_a_dearer_batch_than_the_balance_is_refused_with_the_shortfall_and_moves_nothing(world: World) -> None:
    tenant = TenantId("poor")
    world.fund(3, tenant=tenant)
    body = {"sender_id": "INFO", "text": "a" * 161, "recipients": ["0712000010", "0712000011"]}
    for dry in (False, True):
        status, problem = world.call("POST", "/api/sms/send/", {**body, "dry_run": dry}, token=token(tenant=tenant))
        assert (status, problem["code"]) == (402, "insufficient_credits")
        assert (problem["required"], problem["available"], problem["shortfall"]) == (4, 3, 1)
    assert world.wallet(tenant) == (3, 0)


def test_a_suspended_tenant_neither_sends_nor_rehearses(world: World) -> None:
    tables_name = os.environ["ACCESS_TABLE"]
    suspend = writes.update(
        tables_name,
        tenants.key(TENANT),
        "SET #s = :s",
        condition="attribute_exists(pk)",
        names={"#s": "status"},
        values={":s": "suspended"},
        refused=lambda _: LookupError(),
    )
    writes.commit(suspend)
    status, problem = world.send("0712000010")
    assert (status, problem["code"]) == (403, "tenant_suspended")
    _, capability = world.call("GET", "/api/sms/capability/")
    assert (capability["can_send"], capability["reasons"]) == (False, ["tenant_suspended"])


def test_capability_tells_everything_that_stands_in_the_way(world: World) -> None:
    _, capability = world.call("GET", "/api/sms/capability/", token=token(tenant="nobody"))
    assert capability == {
        "can_send": False,
        "reasons": ["tenant_suspended", "no_credits"],
        "balance": {"available": 0, "held": 0},
        "sender_ids": ["Taarifa-SMS"],
        "default_sender_id": None,
    }
    _, mine = world.call("GET", "/api/sms/capability/")
    assert (mine["can_send"], mine["reasons"]) == (True, [])


def test_a_dry_run_answers_alike_and_changes_nothing(world: World) -> None:
    world.wire.clear()
    status, rehearsed = world.send("0712000010", "abc", dry_run=True)
    assert status == 200
    assert world.wire.count("TransactWriteItems", "PutItem", "UpdateItem", "SendMessageBatch") == 0
    _, real = world.send("0712000010", "abc")
    for name in ("encoding", "segments", "price", "accepted", "refused", "status", "counts", "sender_id", "text"):
        assert rehearsed[name] == real[name]


def test_the_same_key_twice_makes_one_batch_and_says_so(world: World) -> None:
    _, first = world.send("0712000010", "abc", key="k-1")
    headers = {"Idempotency-Key": "k-1"}
    body = {"sender_id": "INFO", "text": "Habari", "recipients": ["0712000010", "abc"], "allow_repeat": True}
    again = world.raw("POST", "/api/sms/send/", body, headers=headers)
    assert again["statusCode"] == 202
    assert again["headers"]["Idempotent-Replayed"] == "true"
    assert world.wallet() == (4_999, 1)
    world.work()
    status, later = world.call("POST", "/api/sms/send/", body, headers=headers)
    assert (status, later["id"], later["status"], later["refused"]) == (202, first["id"], "completed", first["refused"])


def test_the_same_key_with_another_body_is_refused(world: World) -> None:
    world.send("0712000010", key="k-1")
    status, problem = world.send("0712000011", key="k-1")
    assert (status, problem["code"]) == (422, "idempotency_key_reused")
    assert world.wallet() == (4_999, 1)


def test_the_same_key_of_another_tenant_is_another_batch(world: World) -> None:
    world.fund(10, tenant=TenantId("t2"))
    _, mine = world.send("0712000010", key="k-1")
    body = {"sender_id": "INFO", "text": "Habari", "recipients": ["0712000010"], "allow_repeat": True}
    status, theirs = world.call(
        "POST", "/api/sms/send/", body, headers={"Idempotency-Key": "k-1"}, token=token(tenant="t2")
    )
    assert status == 202
    assert theirs["id"] != mine["id"]


def test_a_queue_that_does_not_answer_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setenv("URGENT_QUEUE_URL", os.environ["URGENT_QUEUE_URL"].replace("urgent", "gone"))
        settings.forget()
        status, batch = world.send("0712000010")
    settings.forget()
    assert (status, batch["status"], world.wallet()) == (202, "accepted", (4_999, 1))
    world.settle_down()
    assert world.batch(batch["id"])["counts"] == {"delivered": 1}


def test_as_many_parallel_sends_are_accepted_as_there_are_credits(world: World) -> None:
    tenant = TenantId("seven")
    world.fund(7, tenant=tenant)
    bearer = token(tenant=tenant)

    def one(index: int) -> int:
        order = orders.Order(tenant, UserId("u1"), "INFO", "Habari", (f"07120000{index:02d}",))
        try:
            dispatch.accept(order, key=f"parallel-{index}")
        except AppError as refusal:
            return refusal.status
        return 202

    world.wire.take_turns()
    with ThreadPoolExecutor(20) as threads:
        outcomes = sorted(threads.map(one, range(20, 40)))
    assert outcomes == [202] * 7 + [402] * 13
    wallet = wallets.read(tenant)
    assert (wallet.available, wallet.held, wallet.version) == (0, 7, 8)
    assert world.call("GET", "/api/sms/capability/", token=bearer)[1]["reasons"] == ["no_credits"]


def test_a_send_of_a_thousand_costs_one_read_one_transaction_and_one_queue_call(world: World) -> None:
    world.send("0713000000")  # keys are cached from here on
    world.wire.clear()
    status, batch = world.send(*[f"0712{n:06d}" for n in range(1_000)])
    assert (status, batch["accepted"]) == (202, 1_000)
    assert world.wire.calls == ["BatchGetItem", "TransactWriteItems", "SendMessageBatch"]


def test_a_number_finds_its_messages_newest_first(world: World) -> None:
    other = token(tenant="t2")
    _, first = world.send("0712000010")
    world.work()
    world.pass_time(5)
    _, second = world.send("0712000010", "0712000011")
    world.work()
    status, page = world.call("GET", "/api/sms/messages/", query={"to": "0712 000 010", "limit": "1"})
    assert status == 200
    assert [item["batch_id"] for item in page["items"]] == [second["id"]]
    _, rest = world.call("GET", "/api/sms/messages/", query={"to": "+255712000010", "cursor": page["next"]})
    assert [item["batch_id"] for item in rest["items"]] == [first["id"]]
    _, foreign = world.call("GET", "/api/sms/messages/", query={"to": "0712000010"}, token=other)
    assert foreign["items"] == []
    status, problem = world.call("GET", "/api/sms/messages/", query={"to": "abc"})
    assert (status, problem["errors"][0]["pointer"]) == (422, "query:to")


def test_pages_hold_every_message_and_every_batch_once(world: World) -> None:
    numbers = [f"0712{n:06d}" for n in range(100, 330)]
    _, batch = world.send(*numbers)
    world.send("0712000010")
    for limit in (1, 7, 100, 230):
        seen, cursor = [], None
        for _ in range(300):
            query = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
            _, page = world.call("GET", f"/api/sms/batches/{batch['id']}/messages/", query=query)
            seen += [item["to"] for item in page["items"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert sorted(seen) == sorted("+255" + number[1:] for number in numbers), limit
    _, first = world.call("GET", "/api/sms/batches/", query={"limit": "1"})
    _, second = world.call("GET", "/api/sms/batches/", query={"limit": "1", "cursor": first["next"]})
    assert {first["items"][0]["id"], second["items"][0]["id"]} > {batch["id"]}
    status, problem = world.call("GET", "/api/sms/batches/", query={"cursor": "forged"})
    assert (status, problem["errors"][0]["code"]) == (422, "cursor_invalid")


def test_a_twin_that_took_the_last_credits_in_the_middle_of_the_read_is_met_as_a_replay(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = TenantId("one-credit")
    world.fund(1, tenant=tenant)
    order = orders.Order(tenant, UserId("u1"), "INFO", "Habari", ("0712000010",))
    read = standing.read

    def torn(who: TenantId, **asked: Any) -> standing.Standing:
        """The batch is not there yet, the wallet is read after its hold."""
        before = read(who, **asked)
        monkeypatch.setattr(standing, "read", read)
        first.append(dispatch.accept(order, key="k").batch.id)
        return replace(before, wallet=wallets.read(who))

    first: list[str] = []
    monkeypatch.setattr(standing, "read", torn)
    again = dispatch.accept(order, key="k")
    assert (again.replayed, again.batch.id) == (True, first[0])
    assert world.wallet(tenant) == (0, 1)
