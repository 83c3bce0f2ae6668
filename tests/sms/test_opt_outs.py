"""Opt-outs: who may keep the list, what a send does with it, and what that costs."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from functions.sms.content import opt_outs
from functions.sms.content.opt_outs import Source, TooManyOptOuts
from functions.sms.sending import parking
from mifumo import ledger, tables, wallets
from mifumo.ids import TenantId
from tests.builders import token
from tests.sms import files
from tests.sms.world import TENANT, World
from tests.wire import Crash

PATH = "/api/sms/opt-outs/"
ONE, OTHER = "0712000010", "0712000011"


def entered(world: World, number: str = ONE, **more: str) -> None:
    status, body = world.call("POST", PATH, {"phone": number, **more})
    assert status == 201, body


def listed(world: World, **query: str) -> list[str]:
    status, page = world.call("GET", PATH, query=query)
    assert status == 200, page
    return [item["phone"] for item in page["items"]]


def test_a_stranger_reads_no_opt_outs_and_changes_none(world: World) -> None:
    for method, path, body in [
        ("GET", PATH, None),
        ("POST", PATH, {"phone": ONE}),
        ("POST", PATH + "import/", {"phones": [ONE]}),
        ("DELETE", f"{PATH}{ONE}/", None),
    ]:
        status, problem = world.call(method, path, body, token=None)
        assert (status, problem["code"]) == (401, "unauthenticated"), path


@pytest.mark.parametrize("role", ["agent", "support"])
def test_who_may_only_send_reads_the_list_and_does_not_change_it(world: World, role: str) -> None:
    entered(world)
    bearer = token(role=role)
    assert world.call("GET", PATH, token=bearer)[0] == 200
    assert world.call("POST", PATH, {"phone": OTHER}, token=bearer)[0] == 403
    assert world.call("POST", PATH + "import/", {"phones": [OTHER]}, token=bearer)[0] == 403
    assert world.call("DELETE", f"{PATH}{ONE}/", token=bearer)[0] == 403
    assert listed(world) == ["+255712000010"]


def test_another_tenants_opt_outs_are_neither_shown_nor_removed_nor_obeyed(world: World) -> None:
    world.fund(10, tenant=TenantId("t2"))
    entered(world)
    other = token(tenant="t2")
    assert world.call("GET", PATH, token=other)[1]["items"] == []
    assert world.call("DELETE", f"{PATH}{ONE}/", token=other)[0] == 404
    body = {"sender_id": "INFO", "text": "Habari", "recipients": [ONE], "allow_repeat": True}
    assert world.call("POST", "/api/sms/send/", body, token=other)[0] == 202
    assert listed(world) == ["+255712000010"]


def test_an_opted_out_recipient_is_refused_with_its_code_and_not_charged(world: World) -> None:
    entered(world, "+255 712 000 010", reason="Asked at the counter")
    status, batch = world.send(ONE, OTHER, ONE, text="a" * 161)
    assert (status, batch["accepted"], batch["price"]) == (202, 1, 2)
    assert [(row["recipient"], row["code"]) for row in batch["refused"]] == [(ONE, "opted_out")] * 2
    world.settle_down()
    assert world.sent_to() == ["255712000011"]
    assert world.wallet() == (4_998, 0)


def test_a_send_to_nobody_but_opted_out_numbers_is_refused_and_moves_nothing(world: World) -> None:
    entered(world)
    for dry_run in (True, False):
        status, problem = world.send(ONE, dry_run=dry_run)
        assert (status, problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == (
            422,
            "/recipients/0",
            "opted_out",
        )
    assert world.wallet() == (5_000, 0)


def test_a_number_that_is_let_back_is_sent_to_and_the_log_says_who_did_it(world: World) -> None:
    entered(world)
    assert world.call("DELETE", f"{PATH}0712 000 010/")[0] == 204
    assert world.call("DELETE", f"{PATH}{ONE}/")[0] == 404
    assert listed(world) == []
    assert world.send(ONE)[0] == 202
    actions = [item["action"] for item in tables.query_all(os.environ["AUDIT_TABLE"], f"T#{TENANT}")]
    assert actions == ["opt_outs.added", "opt_out.removed"]


@pytest.mark.parametrize("number", ["abc", "12", "0222123456"])
def test_what_is_no_mobile_number_is_not_opted_out(world: World, number: str) -> None:
    status, problem = world.call("POST", PATH, {"phone": number})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/phone")
    assert world.call("DELETE", f"{PATH}{number}/")[0] == 404


def test_a_number_keeps_the_entry_that_it_had(world: World) -> None:
    entered(world, reason="First")
    status, again = world.call("POST", PATH, {"phone": "+255712000010", "reason": "Second"})
    assert (status, again["reason"], again["source"]) == (201, "First", "entered")


def test_a_thousand_numbers_come_in_by_one_request_and_again_without_a_change(world: World) -> None:
    numbers = [f"0712{n:06d}" for n in range(998)]
    body = {"phones": [*numbers, "abc", numbers[0]], "reason": "Old system"}
    status, first = world.call("POST", PATH + "import/", body)
    assert (status, first["added"], first["already"]) == (200, 998, 1)
    assert [(row["recipient"], row["code"]) for row in first["refused"]] == [("abc", "not_a_number")]
    assert world.call("POST", PATH + "import/", body)[1]["added"] == 0
    seen, cursor = [], None
    while True:
        _, page = world.call("GET", PATH, query={"limit": "250"} | ({"cursor": cursor} if cursor else {}))
        seen += [item["phone"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == sorted("+255" + number[1:] for number in numbers)
    assert len(listed(world, number="25571200001")) == 10


def test_a_send_of_a_thousand_looks_all_of_them_up_in_its_one_read(world: World) -> None:
    numbers = [f"0712{n:06d}" for n in range(1_000)]
    world.call("POST", PATH + "import/", {"phones": numbers[:900]})
    world.send("0713000000")  # keys are cached from here on
    world.wire.clear()
    status, batch = world.send(*numbers)
    assert (status, batch["accepted"], batch["price"]) == (202, 100, 100)
    assert world.wire.calls == ["BatchGetItem", "TransactWriteItems", "SendMessageBatch"]


def test_an_import_that_was_cut_off_is_finished_by_the_same_request_and_no_number_stands_half(world: World) -> None:
    numbers = [f"255712{n:06d}" for n in range(150)]
    for at, after in [(0, True), (1, False), (1, True), (2, False), (2, True)]:
        tenant = TenantId(f"cut-{at}-{after}".lower())
        world.wire.cut(at, after=after)
        with pytest.raises(Crash):
            opt_outs.add(tenant, numbers, source=Source.IMPORTED, reason="")
        world.wire.mend()
        done = in_the_list(tenant)
        assert in_the_sets(tenant) == done
        assert opt_outs.add(tenant, numbers, source=Source.IMPORTED, reason="") == 150 - len(done)
        assert in_the_sets(tenant) == in_the_list(tenant) == set(numbers)


def in_the_sets(tenant: TenantId = TENANT) -> set[str]:
    places = opt_outs.places(tenant, map(str, range(255712000000, 255712000064)))
    return set(opt_outs.among(tables.read(*places), places))


def in_the_list(tenant: TenantId = TENANT) -> set[str]:
    table = opt_outs.places(tenant, ["1"])[0][0]
    return {item["sk"] for item in tables.query_all(table, f"T#{tenant}#OPTOUTS", consistent=True)}


def test_parallel_entries_and_removals_leave_list_and_sets_alike(world: World) -> None:
    numbers = [f"255712{n:06d}" for n in range(12)]
    opt_outs.add(TENANT, numbers[:6], source=Source.ENTERED, reason="")
    world.wire.take_turns()
    with ThreadPoolExecutor(12) as threads:
        adding = [threads.submit(opt_outs.add, TENANT, numbers, source=Source.ENTERED, reason="") for _ in range(4)]
        removing = [threads.submit(opt_outs.remove, TENANT, digits, deed=[]) for digits in numbers[:3]]
        deeds: list[Future[Any]] = [*adding, *removing]
        assert all(deed.exception() is None for deed in deeds)
    assert in_the_sets() == in_the_list() >= set(numbers[3:])


def test_a_set_takes_no_more_than_its_share(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opt_outs, "_SHARD_MAX", 2)
    for number in (0, 64):
        opt_outs.add(TENANT, [str(255712000000 + number)], source=Source.ENTERED, reason="")
    with pytest.raises(TooManyOptOuts):
        opt_outs.add(TENANT, [str(255712000000 + 128)], source=Source.ENTERED, reason="")
    assert len(in_the_list()) == 2
    assert world.wire.count("TransactWriteItems") == 3


def test_who_opts_out_while_an_order_waits_for_credits_gets_nothing(world: World) -> None:
    world.spend_all_but(1)
    status, batch = world.send(ONE, OTHER, park=True)
    assert (status, batch["status"]) == (202, "parked")
    entered(world)
    ledger.move(
        wallets.read(TENANT),
        lambda wallet: ledger.credit(wallet, 10, name="test:more", reference="test", postings=[], package=None),
    )
    assert parking.resume(TENANT) == 1
    told = world.batch(batch["id"])
    assert (told["accepted"], told["price"]) == (1, 1)
    assert [(row["recipient"], row["code"]) for row in told["refused"]] == [(ONE, "opted_out")]


def test_who_opts_out_between_a_quote_and_its_hand_over_gets_nothing_and_costs_nothing(
    world: World, campaigns_bucket: str
) -> None:
    quote = files.quoted(world, campaigns_bucket, f"phone\n{ONE}\n{OTHER}\n")
    entered(world)
    status, batch = world.call("POST", "/api/sms/batches/", {"quote_id": quote["id"]})
    assert (status, batch["price"]) == (202, 2)
    world.lay()
    world.work()
    assert world.sent_to() == ["255712000011"]
    assert world.batch(batch["id"])["charged"] == 1
    assert world.statuses(batch["id"])["+255712000010"] == "cancelled"


def test_who_opts_out_while_a_failed_hand_over_waits_for_its_next_try_gets_nothing(world: World) -> None:
    world.beem.add_fault("http_429")
    _, batch = world.send(ONE, OTHER)
    world.work()
    entered(world)
    world.sweep(after_s=121)
    world.work()
    assert world.sent_to() == ["255712000011"]
    assert world.batch(batch["id"])["charged"] == 1


def test_who_was_looked_up_a_moment_ago_is_not_looked_up_again(world: World) -> None:
    world.send(ONE)
    world.wire.clear()
    world.work()
    assert world.wire.count("BatchGetItem") <= 3


def test_a_hand_over_looks_nobody_up_where_nobody_was_opted_out_since_the_file_was_read(
    world: World, campaigns_bucket: str
) -> None:
    entered(world)
    world.pass_time(16 * 60)
    quote = files.quoted(world, campaigns_bucket, f"phone\n{ONE}\n{OTHER}\n")
    world.call("POST", "/api/sms/batches/", {"quote_id": quote["id"]})
    world.lay()
    world.wire.clear()
    world.work()
    assert world.wire.count("BatchGetItem") <= 3
    assert world.sent_to() == ["255712000011"]


def test_whoever_opts_out_while_a_file_is_read_gets_nothing_though_it_was_begun_before(
    world: World, campaigns_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell, slow = opt_outs.everybody, []

    def read_first(tenant: TenantId) -> frozenset[str]:
        """The moment is written, the file is read, the number is written."""
        found = tell(tenant)
        entered(world)
        slow.append(tenant)
        return found

    monkeypatch.setattr(opt_outs, "everybody", read_first)
    quote = files.quoted(world, campaigns_bucket, f"phone\n{ONE}\n{OTHER}\n")
    assert (slow, quote["accepted"]) == ([TENANT], 2)
    _, batch = world.call("POST", "/api/sms/batches/", {"quote_id": quote["id"]})
    world.pass_time(20 * 60)
    world.lay()
    world.work()
    assert world.sent_to() == ["255712000011"]
    assert world.batch(batch["id"])["charged"] == 1


def test_whoever_dies_before_a_number_is_out_has_only_said_when(world: World) -> None:
    world.wire.cut(1, after=True)
    with pytest.raises(Crash):
        opt_outs.add(TENANT, ["255712000010"], source=Source.ENTERED, reason="")
    world.wire.mend()
    assert opt_outs.out_since(TENANT, ["255712000010"], "2000-01-01T00:00:00Z") == frozenset()
    assert opt_outs.add(TENANT, ["255712000010"], source=Source.ENTERED, reason="") == 1
    assert opt_outs.out_since(TENANT, ["255712000010"], "2000-01-01T00:00:00Z") == {"255712000010"}


def test_the_sets_of_any_thousand_numbers_leave_room_in_the_one_read(world: World) -> None:
    numbers = [str(255712000000 + n) for n in range(1_000)]
    world.wire.clear()
    assert len(opt_outs.places(TENANT, numbers)) == opt_outs.SHARDS
    assert opt_outs.SHARDS + 10 <= tables.READ_KEYS_MAX
