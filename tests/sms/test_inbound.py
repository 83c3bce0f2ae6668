"""STOP and START by SMS: whom they mean, what they do, once, twice, malformed, and when the table is down."""

from contextlib import suppress
from typing import Any

import pytest

from functions.sms import messaging, receipts
from functions.sms.batches import messages
from functions.sms.content import opt_outs
from mifumo import clock, notices, writes
from mifumo.ids import BatchId, TenantId
from tests.builders import CONTEXT, sqs, token
from tests.sms.world import TENANT, World
from tests.wire import Crash

PHONE, DIGITS = "0712000010", "255712000010"
OTHER = TenantId("t2")


def texted(world: World, text: Any, *, at: str | None = None, **more: Any) -> dict[str, Any]:
    """Delivers a phone's text as the door queues it."""
    body = {"from": DIGITS, "to": "255699000000", "message": text, **more}
    record = {"provider": "beem", "received_at": at or clock.stamp(), "inbound": body}
    answer: dict[str, Any] = receipts.handler(sqs(record), CONTEXT)
    return answer


def out_of(*tenants: TenantId) -> list[bool]:
    return [opt_outs.get(tenant, DIGITS) is not None for tenant in tenants]


def sent_by(world: World, tenant: TenantId) -> None:
    body = {"sender_id": "INFO", "text": "Habari", "recipients": [PHONE], "allow_repeat": True}
    assert world.call("POST", "/api/sms/send/", body, token=token(tenant=tenant))[0] == 202
    world.work()


@pytest.fixture
def two(world: World) -> World:
    """Two tenants have texted the phone, the second one last."""
    world.fund(10, tenant=OTHER)
    sent_by(world, TENANT)
    sent_by(world, OTHER)
    return world


@pytest.mark.parametrize("text", ["STOP", "acha", " Ondoa. ", "«STOP»", "stop INFO", {"text": "Stop!"}])
def test_a_keyword_opts_the_phone_out_of_whoever_texted_it_last(two: World, text: Any) -> None:
    assert texted(two, text) == {"batchItemFailures": []}
    assert out_of(TENANT, OTHER) == [False, True]
    found = opt_outs.get(OTHER, DIGITS)
    assert found is not None
    assert found.source is opt_outs.Source.KEYWORD
    sent_by(two, TENANT)
    texted(two, text)
    assert out_of(TENANT, OTHER) == [True, True]


def test_a_keyword_with_a_sender_id_means_its_owner(two: World) -> None:
    made = two.call("POST", "/api/sms/sender-ids/", {"name": "Quantum", "purpose": "Taarifa kwa wateja", "sample": "x"})
    path = f"/api/admin/sms/sender-ids/{made[1]['id']}/approve/"
    assert two.call("POST", path, None, token=token(tenant="p", role="staff"))[0] == 200
    texted(two, "ACHA quantum")
    assert out_of(TENANT, OTHER) == [True, False]
    texted(two, "Anza Quantum", at=clock.after(1))
    assert out_of(TENANT, OTHER) == [False, False]


@pytest.mark.parametrize(
    "text", ["Acha utani bwana", "STOP " + "ß" * 1500, "STOP NOBODYS", "Asante", "", "!", "STOPPED"]
)
def test_a_sentence_or_a_name_that_is_nobodys_changes_nothing(two: World, text: str) -> None:
    assert texted(two, text) == {"batchItemFailures": []}
    assert out_of(TENANT, OTHER) == [False, False]


@pytest.mark.parametrize("back", ["START", "anza"])
def test_start_undoes_an_opt_out_and_the_phone_is_texted_again(two: World, back: str) -> None:
    texted(two, "STOP")
    body = {"sender_id": "INFO", "text": "Habari", "recipients": [PHONE], "allow_repeat": True}
    assert two.call("POST", "/api/sms/send/", body, token=token(tenant=OTHER))[0] == 422
    texted(two, back, at=clock.after(1))
    assert two.call("POST", "/api/sms/send/", body, token=token(tenant=OTHER))[0] == 202


def test_a_start_that_was_said_before_a_stop_does_not_undo_it(two: World) -> None:
    texted(two, "STOP")
    texted(two, "START", at=clock.after(-1))
    assert out_of(OTHER) == [True]


@pytest.mark.parametrize("order", [(1, 3, 2), (3, 1, 2), (1, 2, 3), (2, 1, 3), (3, 2, 1)])
def test_a_start_never_wins_over_a_later_stop_in_whatever_order_they_come(two: World, order: tuple[int, ...]) -> None:
    said = {1: "STOP", 2: "START", 3: "STOP"}
    for moment in order:
        texted(two, said[moment], at=clock.after(moment - 10), transaction_id=str(moment))
    assert out_of(OTHER) == [True]
    texted(two, "START", at=clock.after(-6), transaction_id="4")
    assert out_of(OTHER) == [False]


def test_a_stop_after_the_tenant_has_entered_the_number_stands_against_an_earlier_start(two: World) -> None:
    opt_outs.add(OTHER, [DIGITS], source=opt_outs.Source.ENTERED, reason="by phone", at=clock.after(-10))
    texted(two, "STOP", at=clock.after(-5))
    texted(two, "START", at=clock.after(-7))
    found = opt_outs.get(OTHER, DIGITS)
    assert found is not None
    assert found.source is opt_outs.Source.ENTERED


def test_a_stop_cut_off_anywhere_stands_once_it_is_delivered_again(two: World) -> None:
    texted(two, "STOP", at=clock.after(-200), transaction_id="1")
    for cut in range(12):
        stop, start = (clock.after(-100 + 2 * cut + later) for later in (1, 0))
        two.wire.cut(cut // 2, after=bool(cut % 2))
        with suppress(Crash):
            texted(two, "STOP", at=stop, transaction_id=stop)
        two.wire.mend()
        texted(two, "STOP", at=stop, transaction_id=stop)
        texted(two, "START", at=start, transaction_id=start)
        assert out_of(OTHER) == [True], cut


def test_of_many_who_texted_a_phone_the_last_is_meant_whatever_its_name(world: World) -> None:
    rows = [
        {
            **messages.key(TenantId(f"t{number}"), BatchId("b"), 1, at)._asdict(),
            "number_pk": f"N#{DIGITS}",
            "number_sk": f"T#t{number}#{clock.after(number % 37 - 100 - at)}#b#0000001#{at:03d}",
        }
        for number in range(60)
        for at in range(1, 4)
    ]
    writes.put_all(messaging.table(), rows)
    world.wire.clear()
    assert messages.last_to(DIGITS, but=notices.PLATFORM) == "t36"
    assert world.wire.count("Query") == 2


def test_a_keyword_that_is_delivered_twice_is_applied_once(two: World) -> None:
    at = clock.after(-1)
    for _ in range(2):
        texted(two, "STOP", at=at)
    for _ in range(2):
        assert texted(two, "START") == {"batchItemFailures": []}
    assert out_of(TENANT, OTHER) == [False, False]


def test_nobody_is_opted_out_of_the_platforms_own_codes(world: World) -> None:
    world.fund(10, tenant=notices.PLATFORM)
    sent_by(world, notices.PLATFORM)
    texted(world, "STOP")
    assert out_of(notices.PLATFORM, TENANT) == [False, False]
    sent_by(world, TENANT)
    sent_by(world, notices.PLATFORM)
    texted(world, "STOP")
    assert out_of(notices.PLATFORM, TENANT) == [False, True]


@pytest.mark.parametrize("more", [{"from": "nobody"}, {"message": 7}, {"message": {"media": "x"}}])
def test_what_is_no_text_is_dropped(world: World, more: dict[str, Any]) -> None:
    assert texted(world, "STOP", **more) == {"batchItemFailures": []}
    assert out_of(TENANT) == [False]


def test_what_cannot_be_applied_comes_again_and_the_reports_beside_it_do_not(
    two: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> int:
        raise ConnectionError

    monkeypatch.setattr(opt_outs, "add", down)
    report = {"provider": "beem", "report": {"nonsense": True}}
    stop = {"provider": "beem", "inbound": {"from": DIGITS, "message": "STOP"}}
    nothing = {"provider": "beem", "inbound": None}
    assert receipts.handler(sqs(report, stop, nothing), CONTEXT) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def test_a_start_that_comes_late_does_not_undo_a_stop_that_was_said_again_after_it(two: World) -> None:
    first, back, again = (clock.after(seconds) for seconds in (-3, -2, -1))
    texted(two, "STOP", at=first)
    texted(two, "STOP", at=again)
    texted(two, "START", at=back)
    assert out_of(OTHER) == [True]
    texted(two, "STOP", at=first)
    texted(two, "START", at=back, transaction_id="said twice")
    assert out_of(OTHER) == [True]
    texted(two, "START")
    assert out_of(OTHER) == [False]


def test_a_stop_whose_entry_a_start_takes_away_meanwhile_is_written_down_anew(
    two: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, back, again = (clock.after(seconds) for seconds in (-3, -2, -1))
    texted(two, "STOP", at=first)
    uphold = opt_outs.uphold

    def overtaken(*about: Any, at: str) -> None:
        monkeypatch.setattr(opt_outs, "uphold", uphold)
        texted(two, "START", at=back)
        uphold(*about, at=at)

    monkeypatch.setattr(opt_outs, "uphold", overtaken)
    texted(two, "STOP", at=again)
    assert out_of(TENANT, OTHER) == [False, True]


def test_an_older_stop_that_is_done_at_the_same_time_does_not_take_the_place_of_a_later_one(
    two: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, back, again = (clock.after(seconds) for seconds in (-3, -2, -1))
    among = opt_outs.among

    def overtaken(*read: Any) -> frozenset[str]:
        monkeypatch.setattr(opt_outs, "among", among)
        texted(two, "STOP", at=again)
        return among(*read) - {DIGITS}

    monkeypatch.setattr(opt_outs, "among", overtaken)
    stop = {"provider": "beem", "received_at": first, "inbound": {"from": DIGITS, "message": "STOP"}}
    assert receipts.handler(sqs(stop), CONTEXT) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert receipts.handler(sqs(stop), CONTEXT) == {"batchItemFailures": []}
    texted(two, "START", at=back)
    assert out_of(OTHER) == [True]
