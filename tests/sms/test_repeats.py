"""The same text to the same number within half an hour is refused, unless it is asked for."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.sms import api, messaging
from functions.sms.data_requests import belongings
from functions.sms.sending import dispatch, quoted, repeats, reruns, sent, standing
from functions.sms.sending.orders import Order
from functions.sms.sending.quoted import Wanted
from mifumo import aws, clock, tables
from mifumo.errors import ValidationFailed
from mifumo.ids import TenantId
from tests.builders import CONTEXT, request, token
from tests.queues import taken
from tests.sms.test_parking import top_up, wake
from tests.sms.test_quiet_hours import tanzania
from tests.sms.test_quoted import quote
from tests.sms.test_schedules import move, written
from tests.sms.world import OWNER, TENANT, World
from tests.wire import Crash

# Two of one shard, one of another.
ONE, OTHER, THIRD = "0712000010", "0712000026", "0712000031"
DIGITS = "255712000010"
UNDELIVERED, REJECTED, INVALID = "0712000001", "0712000002", "0712000006"
MINUTE = 60


def send(world: World, *numbers: str, **more: Any) -> tuple[int, Any]:
    return world.send(*numbers, **{"allow_repeat": False, **more})


def refused(answer: Any) -> list[tuple[str, str]]:
    return [(one["recipient"], one["code"]) for one in answer["refused"]]


def errors(problem: Any) -> list[tuple[str, str]]:
    assert problem["code"] == "validation_failed", problem
    return [(one["pointer"], one["code"]) for one in problem["errors"]]


def remembered() -> list[Any]:
    items = tables.query(messaging.table(), sent.partition(TENANT), consistent=True).items
    return sorted(items, key=lambda item: str(item["sk"]))


def test_whoever_got_it_lately_is_refused_and_the_others_get_it(world: World) -> None:
    assert send(world, ONE, OTHER)[0] == 202
    status, batch = send(world, "12", OTHER, THIRD, OTHER)
    assert (status, batch["accepted"], batch["price"]) == (202, 1, 1)
    assert refused(batch) == [("12", "too_short"), (OTHER, "repeated"), (OTHER, "duplicate")]
    assert world.wallet() == (4_997, 3)
    world.work()
    assert sorted(world.sent_to()) == [DIGITS, "255712000026", "255712000031"]


def test_where_nobody_is_left_the_problem_names_each_and_says_how_it_goes_again(world: World) -> None:
    send(world, ONE, OTHER)
    status, problem = send(world, OTHER, "12", ONE)
    assert status == 422
    assert errors(problem) == [
        ("/recipients/0", "repeated"),
        ("/recipients/1", "too_short"),
        ("/recipients/2", "repeated"),
    ]
    assert "`allow_repeat: true`" in problem["errors"][0]["detail"]
    assert send(world, ONE, dry_run=True)[1]["errors"][0]["code"] == "repeated"
    assert world.wallet() == (4_998, 2)
    assert len(world.work()) == 1


def test_another_text_another_tenant_and_what_is_asked_for_go_again(world: World) -> None:
    world.fund(10, tenant=TenantId("t2"))
    body = {"sender_id": "INFO", "text": "Habari", "recipients": [ONE]}
    send(world, ONE)
    assert send(world, ONE, text="Kwaheri")[0] == 202
    assert world.call("POST", "/api/sms/send/", body, token=token(tenant="t2"))[0] == 202
    assert send(world, ONE, allow_repeat=True)[0] == 202
    assert send(world, ONE)[0] == 422


def test_what_was_asked_for_twice_is_remembered_as_well(world: World) -> None:
    assert send(world, ONE, allow_repeat=True)[0] == 202
    assert send(world, ONE)[0] == 422


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({}, {"text": "  Habari "}),
        ({}, {"sender_id": "Taarifa-SMS"}),
        ({"text": "Ni “hivyo”", "smart_encoding": True}, {"text": 'Ni "hivyo"'}),
        ({"text": "Habari\r\nyako"}, {"text": "Habari\nyako"}),
    ],
)
def test_what_counts_is_the_text_as_it_is_sent(world: World, first: Any, again: Any) -> None:
    assert send(world, ONE, **first)[0] == 202
    assert errors(send(world, f" +255 {ONE[1:]} ", **again)[1]) == [("/recipients/0", "repeated")]


def test_to_the_second_half_an_hour_later_it_goes_again(world: World) -> None:
    send(world, ONE)
    world.pass_time(30 * MINUTE - 2)
    assert send(world, ONE)[0] == 422
    world.pass_time(3)
    assert send(world, ONE)[0] == 202
    assert send(world, ONE)[0] == 422
    (item,) = remembered()
    assert len([name for name in item if name.startswith("B#")]) == 1, "what has passed is dropped"
    assert item["ttl"] == pytest.approx(clock.epoch() + 1_800, abs=5)


def test_the_same_request_is_a_replay_and_no_repeat(world: World) -> None:
    first = send(world, ONE, OTHER, key="k")[1]
    again = send(world, ONE, OTHER, key="k")
    assert (again[0], again[1]["id"], again[1]["refused"]) == (202, first["id"], [])
    assert send(world, ONE, OTHER, key="k", allow_repeat=True)[1]["code"] == "idempotency_key_reused"


def test_a_worker_that_hands_over_again_repeats_nothing(world: World) -> None:
    world.beem.add_fault("http_429")
    _, batch = send(world, ONE)
    world.work()
    world.settle_down()
    assert world.sent_to() == [DIGITS]
    assert world.batch(batch["id"])["counts"] == {"delivered": 1}


def test_it_takes_no_call_more(world: World) -> None:
    send(world, OTHER)
    world.wire.clear()
    body = {"sender_id": "INFO", "text": "Habari", "recipients": [f"0713{n:06d}" for n in range(1_000)]}
    event = request("POST", "/api/sms/send/", body, token=OWNER, headers={"Idempotency-Key": "k"})
    assert api.handler(event, CONTEXT)["statusCode"] == 202
    assert world.wire.calls == ["BatchGetItem", "TransactWriteItems", "SendMessageBatch"]
    taken("BULK")


def test_of_parallel_requests_one_is_accepted_for_each_number(world: World) -> None:
    dispatch.accept(Order(TENANT, "u", "INFO", "Habari", (THIRD,)), key="warm")
    world.wire.take_turns()

    def accept(n: int) -> list[str]:
        order = Order(TENANT, "u", "INFO", "Habari", (ONE, f"07120001{n:02}"))
        return [f"{one.recipient} {one.code}" for one in dispatch.accept(order, key=f"k{n}").refused]

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(accept, range(12)))
    assert sorted(found) == [[]] + [[f"{ONE} repeated"]] * 11
    assert world.wallet() == (4_986, 14)
    world.work()
    assert world.sent_to().count(DIGITS) == 1


def test_a_twin_that_is_accepted_between_the_reads_is_a_replay(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The batched read is no snapshot: it may know the texts of a twin, and not yet its batch."""
    order = Order(TENANT, "u", "INFO", "Habari", (ONE,))
    first, read = dispatch.accept(order, key="k"), standing.read
    monkeypatch.setattr(standing, "read", lambda *args, **more: read(*args, **{**more, "batch": None}))
    again = dispatch.accept(order, key="k")
    assert (again.replayed, again.batch.id) == (True, first.batch.id)


@pytest.mark.parametrize("number", [UNDELIVERED, REJECTED, INVALID])
def test_what_has_not_reached_its_number_may_be_tried_again_at_once(world: World, number: str) -> None:
    assert send(world, number, ONE)[0] == 202
    assert send(world, number, THIRD)[1]["refused"] != []
    world.settle_down()
    world.pass_time(-13 * MINUTE)
    status, again = send(world, number, ONE)
    assert (status, refused(again)) == (202, [(ONE, "repeated")])


def test_what_the_provider_refused_as_a_whole_may_be_tried_again(world: World) -> None:
    world.beem.add_fault("code_111")
    _, batch = send(world, ONE)
    world.work()
    assert world.batch(batch["id"])["counts"] == {"rejected": 1}
    assert send(world, ONE)[0] == 202
    assert send(world, ONE)[0] == 422


def test_what_may_have_come_is_not_sent_again_unasked(world: World) -> None:
    world.beem.add_fault("reset_after_accept")
    _, batch = send(world, ONE)
    world.work()
    assert world.batch(batch["id"])["counts"] == {"submit_unknown": 1}
    assert send(world, ONE)[0] == 422


def test_what_was_cancelled_before_it_went_may_be_sent_again(world: World) -> None:
    _, batch = send(world, ONE, OTHER, send_at=written(10 * MINUTE))
    assert send(world, ONE)[0] == 422
    assert world.call("POST", f"/api/sms/batches/{batch['id']}/cancel/")[0] == 200
    assert send(world, ONE)[0] == 202
    world.start()
    assert send(world, OTHER)[0] == 202


def test_what_is_planned_counts_at_its_moment(world: World) -> None:
    today, tomorrow = written(60 * MINUTE), written(25 * 60 * MINUTE)
    assert send(world, ONE)[0] == 202
    _, batch = send(world, ONE, send_at=today)
    assert send(world, ONE, send_at=tomorrow)[0] == 202
    assert refused(send(world, ONE, OTHER, send_at=written(80 * MINUTE))[1]) == [(ONE, "repeated")]
    assert move(world, batch, tomorrow)[0] == 200
    assert send(world, ONE, send_at=written(80 * MINUTE))[0] == 202


def test_two_that_wait_for_the_end_of_quiet_hours_would_arrive_together(world: World) -> None:
    tanzania(world, 21)
    assert send(world, ONE, category="promotional")[1]["status"] == "held"
    tanzania(world, 2)
    assert send(world, ONE, category="promotional")[0] == 422
    assert send(world, ONE)[0] == 202


def test_what_is_parked_is_remembered_and_repeats_itself_not(world: World) -> None:
    world.spend_all_but(0)
    assert send(world, ONE, park=True)[1]["status"] == "parked"
    assert send(world, ONE, park=True)[0] == 422
    top_up(10)
    wake()
    assert len(world.work()) == 1
    assert send(world, ONE)[0] == 422
    assert world.sent_to() == [DIGITS]


@pytest.mark.usefixtures("campaigns_bucket")
@pytest.mark.parametrize("each_max", [1, 1_000])
def test_a_parked_quote_is_remembered_and_repeats_itself_not(
    world: World, monkeypatch: pytest.MonkeyPatch, each_max: int
) -> None:
    monkeypatch.setattr(reruns, "_EACH_MAX", each_max)
    world.spend_all_but(0)

    def park() -> tuple[int, Any]:
        body = {"quote_id": quote({"Habari": [DIGITS, "255712000026"]}), "park": True}
        return world.call("POST", "/api/sms/batches/", body)

    _, first = park()
    assert errors(park()[1]) == [("/quote_id", "repeated")]
    world.call("POST", f"/api/sms/batches/{first['id']}/cancel/")
    _, second = park()
    assert second["status"] == "parked", "what was cancelled may be asked for again"
    top_up(10)
    wake()
    assert world.batch(second["id"])["status"] == "accepted"
    assert park()[0] == 422
    assert world.wallet() == (8, 2)


def test_tests_are_neither_looked_for_nor_remembered(world: World) -> None:
    for _ in range(2):
        assert send(world, ONE, mode="test")[0] == 202
    assert send(world, ONE)[0] == 202
    assert send(world, ONE, mode="test")[0] == 202


def test_of_texts_of_their_own_each_recipients_counts(world: World) -> None:
    made = {"name": "Deni", "category": "transactional", "body": "Habari {{name}}"}
    template = world.call("POST", "/api/sms/templates/", made)[1]["id"]

    def own(*people: tuple[str, str]) -> tuple[int, Any]:
        recipients = [{"to": to, "variables": {"name": name}} for to, name in people]
        body = {"sender_id": "INFO", "template_id": template, "recipients": recipients}
        return world.call("POST", "/api/sms/send/", body)

    assert own((ONE, "Asha"), (OTHER, "Juma"))[0] == 202
    status, again = own((ONE, "Asha"), (OTHER, "Neema"))
    assert (status, again["accepted"], refused(again)) == (202, 1, [(ONE, "repeated")])
    shared = {"sender_id": "INFO", "template_id": template, "variables": {"name": "wote"}, "recipients": [ONE]}
    assert world.call("POST", "/api/sms/send/", shared)[0] == 202
    assert send(world, ONE, text="Habari wote")[0] == 422


def test_past_what_an_item_takes_no_more_are_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "_BYTES_MAX", 40)
    assert send(world, ONE)[0] == 202
    assert send(world, OTHER, THIRD)[0] == 202
    assert send(world, ONE)[0] == 422
    assert send(world, OTHER)[0] == 202
    assert send(world, THIRD)[0] == 422


@pytest.mark.usefixtures("campaigns_bucket")
def test_a_quote_of_few_is_compared_recipient_by_recipient_and_refused_as_a_whole(world: World) -> None:
    def sent_off(quote_id: str, **more: Any) -> tuple[int, Any]:
        return world.call("POST", "/api/sms/batches/", {"quote_id": quote_id, **more})

    send(world, ONE)
    mixed = quote({"Habari": [DIGITS, "255712000026"]})
    status, problem = sent_off(mixed)
    assert (status, errors(problem)) == (422, [("/quote_id", "repeated")])
    assert problem["errors"][0]["detail"].startswith("1 of its 2 recipients")
    assert world.wallet() == (4_999, 1)
    assert sent_off(mixed, allow_repeat=True)[0] == 202
    assert send(world, OTHER)[0] == 422
    assert sent_off(quote({"Habari": [DIGITS]}), mode="test")[0] == 202


@pytest.mark.usefixtures("campaigns_bucket")
def test_a_quote_of_many_is_compared_part_by_part(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reruns, "_EACH_MAX", 1)
    first, second, third = ({f"Habari {n}": [f"25571200{n}{m}00" for m in range(10, 13)]} for n in range(3))

    def sent_off(*texts: Any, **more: Any) -> tuple[int, Any]:
        return world.call("POST", "/api/sms/batches/", {"quote_id": quote(*texts), **more})

    sent_off(first, second)
    status, problem = sent_off(third, second)
    assert (status, errors(problem)) == (422, [("/quote_id", "repeated")])
    assert sent_off(third)[0] == 202
    assert sent_off(first, second, allow_repeat=True)[0] == 202
    world.pass_time(31 * MINUTE)
    _, batch = sent_off(first, second, send_at=written(5 * MINUTE))
    assert sent_off(first)[0] == 422
    world.call("POST", f"/api/sms/batches/{batch['id']}/cancel/")
    world.start()
    assert sent_off(first)[0] == 202


@pytest.mark.usefixtures("campaigns_bucket")
@pytest.mark.parametrize("each_max", [1, 1_000])
def test_of_equal_quotes_sent_at_once_one_goes(world: World, monkeypatch: pytest.MonkeyPatch, each_max: int) -> None:
    monkeypatch.setattr(reruns, "_EACH_MAX", each_max)
    quotes = [quote({"Habari": [DIGITS, "255712000026"]}) for _ in range(4)]
    world.wire.take_turns()

    def accept(quote_id: str) -> str:
        try:
            return quoted.accept(Wanted(TENANT, "user:u1", quote_id), key=quote_id).batch.status
        except ValidationFailed as refusal:
            return refusal.errors[0].code

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(accept, quotes))
    assert sorted(found) == ["accepted", "repeated", "repeated", "repeated"]
    assert world.wallet() == (4_998, 2)


def test_neither_a_number_nor_a_text_stands_there_and_clearing_a_tenant_takes_all_of_it(world: World) -> None:
    send(world, ONE, OTHER)
    stored = json.dumps(remembered(), default=lambda value: bytes(value).hex())
    assert len(remembered()) == 1
    assert "712000010" not in stored
    assert "Habari" not in stored
    guess = repeats.look(TENANT, "Habari", [DIGITS]).home
    assert guess in stored
    arn = sent.SentSettings.load().repeats_secret
    aws.secrets_manager().put_secret_value(SecretId=arn, SecretString=json.dumps({"pepper": "guessed"}))
    aws.forget()
    assert repeats.look(TENANT, "Habari", [DIGITS]).home not in stored, "who has the tables alone cannot make it"
    assert send(world, ONE)[0] == 202, "another key forgets"
    while belongings.clear(TENANT):
        pass
    assert remembered() == []


@pytest.mark.parametrize("after", [False, True])
def test_cut_off_at_any_call_nobody_is_remembered_who_was_not_accepted(world: World, *, after: bool) -> None:
    dispatch.accept(Order(TENANT, "u", "INFO", "Kwaheri", (OTHER,)), key="warm")
    died = 0
    for at in range(6):
        order, key = Order(TENANT, "u", "INFO", f"Habari {at}", (ONE,)), f"k{at}"
        before = len(remembered())
        world.wire.cut(at, after=after)
        try:
            dispatch.accept(order, key=key)
        except Crash:
            died += 1
        world.wire.mend()
        accepted = standing.read(TENANT, batch=dispatch.batch_of(TENANT, key)).earlier is not None
        assert len(remembered()) == before + accepted
        assert dispatch.accept(order, key=key).replayed is accepted
        assert send(world, ONE, text=order.text)[0] == 422
    assert died == 3
