"""Stuck refunds: two people end what a provider neither makes nor refuses, never against its word, and once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from functions.billing import decisions, gateway, payments, refund_orders, refunds, stuck_refunds, worker
from functions.billing.gateway import ProviderUnavailable
from functions.billing.payment import Payment
from mifumo import clock, ids, provider_events, wallets
from mifumo.errors import AppError
from mifumo.providers.pawapay import PawaPay
from tests.billing.conftest import TENANT
from tests.billing.office import AMINA, BARAKA, NEEMA, WHY, actions, balanced, completed, reviewed, sums
from tests.billing.test_refunds import Pawa, office, pawa
from tests.builders import CONTEXT, sqs

__all__ = ["office", "pawa"]  # the fixtures of refunds are those of stuck ones

SENT = {**WHY, "outcome": "refund_sent", "reference": "PP-4711"}
KEPT = {**WHY, "outcome": "refund_kept"}


def override(pawa: Pawa, payment: Payment, body: dict[str, Any], who: Any = AMINA) -> tuple[int, Any]:
    return pawa.office.post(who, f"/payments/{payment.id}/refund/override/", body)


def stuck(pawa: Pawa) -> Payment:
    """Makes a refund that pawaPay has taken on more than an hour ago, and not ended."""
    payment = pawa.refunding()
    pawa.look(payment)
    pawa.office.till.travel.forward(stuck_refunds.STUCK_AFTER_S + 60)
    return pawa.office.till.payment(payment.id)


def cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the provider's key away."""

    def unavailable(_: str) -> PawaPay:
        raise ProviderUnavailable

    monkeypatch.setattr(gateway, "provider", unavailable)


def test_money_that_has_gone_ends_the_refund_by_its_own_reversal(pawa: Pawa) -> None:
    payment = stuck(pawa)
    status, proposal = override(pawa, payment, SENT, NEEMA)
    assert (status, proposal["decision"], proposal["facts"]["reference"]) == (201, "refund_sent", "PP-4711")
    assert wallets.read(TENANT).held == 5000
    assert pawa.office.approve(BARAKA, proposal["id"])[0] == 200
    now = pawa.office.till.payment(payment.id)
    assert (now.status, wallets.read(TENANT).available, wallets.read(TENANT).held) == ("refunded", 0, 0)
    assert sums(f"hold:refund:{payment.refund_id}:settle") == {"TZS": 0, "CREDIT": 0}
    assert payments.history(payment.id)[-1]["note"].endswith("receipt PP-4711")
    assert actions()[-1] == "decision.approved"
    assert pawa.look(now).status == "refunded"
    balanced()


def test_money_that_will_not_go_gives_the_credits_back(pawa: Pawa) -> None:
    payment = stuck(pawa)
    _, proposal = override(pawa, payment, KEPT)
    assert pawa.office.approve(BARAKA, proposal["id"])[0] == 200
    now = pawa.office.till.payment(payment.id)
    assert (now.status, now.next_check_at) == ("completed", None)
    assert (wallets.read(TENANT).available, wallets.read(TENANT).held) == (5000, 0)
    balanced()


def test_nobody_ends_it_alone(pawa: Pawa) -> None:
    payment = stuck(pawa)
    _, proposal = override(pawa, payment, SENT)
    assert pawa.office.approve(AMINA, proposal["id"])[0] == 403
    assert pawa.office.till.payment(payment.id).status == "refund_pending"


def test_a_silent_provider_is_what_it_is_for(pawa: Pawa, monkeypatch: pytest.MonkeyPatch) -> None:
    payment = stuck(pawa)
    cut_off(monkeypatch)
    _, proposal = override(pawa, payment, SENT)
    assert pawa.office.approve(BARAKA, proposal["id"])[0] == 200
    assert pawa.office.till.payment(payment.id).status == "refunded"


@pytest.mark.parametrize(("body", "word"), [(SENT, "FAILED"), (KEPT, "COMPLETED")])
def test_what_the_provider_says_is_not_overridden(pawa: Pawa, body: dict[str, Any], word: str) -> None:
    payment = stuck(pawa)
    _, proposal = override(pawa, payment, body)
    pawa.end(payment, word)
    before = wallets.read(TENANT)
    for status, refusal in (pawa.office.approve(BARAKA, proposal["id"]), override(pawa, payment, body)):
        assert (status, refusal["code"]) == (409, "refund_contradicted")
    assert wallets.read(TENANT) == before
    assert pawa.look(payment).status == ("refunded" if word == "COMPLETED" else "completed")


def test_another_amount_that_went_back_is_ended_as_sent(pawa: Pawa) -> None:
    payment = stuck(pawa)
    book, uuid = pawa.simulator.simulator._book, ids.as_uuid(payment.refund_id or "")
    book.refunds[uuid] = replace(book.refunds[uuid], amount=book.refunds[uuid].amount - 1)
    pawa.end(payment)
    assert pawa.look(payment).status == "refund_pending"
    _, proposal = override(pawa, payment, SENT)
    assert pawa.office.approve(BARAKA, proposal["id"])[0] == 200
    assert pawa.office.till.payment(payment.id).status == "refunded"


def test_only_what_is_stuck_is_overridden(pawa: Pawa) -> None:
    office, fresh, by_hand = pawa.office, pawa.refunding(), completed()
    office.approve(BARAKA, office.refund(by_hand))
    for payment in (fresh, by_hand, completed(), reviewed()):
        status, refusal = override(pawa, payment, KEPT)
        assert (status, refusal["code"]) == (409, "refund_not_stuck")
    assert override(pawa, replace(fresh, id="01jd8x6q5v7w9y2k4m6p8r0t1a"), KEPT)[0] == 404  # type: ignore[arg-type]


def test_what_is_wrong_is_named_and_changes_nothing(pawa: Pawa) -> None:
    payment = stuck(pawa)
    for change, pointer in (
        ({"reference": None}, "/reference"),
        ({"reference": "a b"}, "/reference"),
        ({"outcome": "lost"}, "/outcome"),
        ({"evidence": ""}, "/evidence"),
    ):
        status, problem = override(pawa, payment, SENT | change)
        assert status == 422, problem
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
    path = f"/api/admin/billing/payments/{payment.id}/refund/override/"
    assert pawa.office.till.call("POST", path, SENT)[0] == 403
    assert pawa.office.till.call("POST", path, SENT, token=None)[0] == 401
    assert pawa.office.get(AMINA, "/proposals/")[1]["items"] == []


def test_one_transaction_of_the_provider_ends_one_refund(pawa: Pawa) -> None:
    first = stuck(pawa)
    _, proposal = override(pawa, first, SENT)
    assert pawa.office.approve(BARAKA, proposal["id"])[0] == 200
    second = stuck(pawa)
    _, proposal = override(pawa, second, SENT)
    status, refusal = pawa.office.approve(BARAKA, proposal["id"])
    assert (status, refusal["code"]) == (409, "receipt_used")
    assert pawa.office.till.payment(second.id).status == "refund_pending"


def test_people_and_provider_at_once_end_it_once(pawa: Pawa) -> None:
    payment = stuck(pawa)
    _, proposal = override(pawa, payment, SENT)
    pawa.end(payment)

    def approve(_: int) -> object:
        try:
            return decisions.approve(BARAKA, proposal["id"], note="I agree.")
        except AppError as refusal:
            return refusal

    pawa.office.till.wire.take_turns()
    with ThreadPoolExecutor(6) as pool:
        looks = [pool.submit(pawa.look, payment) for _ in range(3)]
        list(pool.map(approve, range(3)))
        assert {look.result().status for look in looks} <= {"refunded", "refund_pending"}
    entries = [e for e in pawa.office.till.items(f"W#{TENANT}", "E#") if e["kind"] == "reversal"]
    assert len(entries) == 1
    assert pawa.office.till.payment(payment.id).status == "refunded"
    balanced()


def told(pawa: Pawa, refund: str, **more: str) -> str:
    """Has the worker look into a callback of a refund; returns what came of it."""
    event = provider_events.ref("pawapay", ids.as_uuid(refund), b"{}" + str(more).encode())
    provider_events.keep(event, "{}", received_at="2026-01-31T08:15:32.000Z", proof="signed_fresh")
    body = {"refund_id": refund, "received_at": "2026-01-31T08:15:32.000Z", "event": event.as_item()}
    assert worker.handler(sqs(body), CONTEXT) == {"batchItemFailures": []}
    return str(provider_events.told("pawapay", ids.as_uuid(refund))[-1]["outcome"])


def test_a_callback_has_the_refund_looked_at_and_is_not_believed(pawa: Pawa) -> None:
    payment = pawa.refunding()
    pawa.look(payment)
    assert told(pawa, payment.refund_id or "") == "refunding"
    assert pawa.office.till.payment(payment.id).status == "refund_pending"
    pawa.end(payment)
    assert told(pawa, payment.refund_id or "") == "refunding"
    assert pawa.office.till.payment(payment.id).status == "refunded"
    assert told(pawa, payment.refund_id or "") == "settled"
    file = pawa.office.get(AMINA, f"/payments/{payment.id}/")[1]
    assert [event["outcome"] for event in file["provider_events"]] == ["settled"]
    balanced()


def test_a_callback_right_after_a_look_has_the_refund_looked_at_again(
    pawa: Pawa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refunds, "ASK_GAP_S", 2)
    payment = pawa.refunding()
    pawa.look(payment)
    pawa.end(payment)
    event = provider_events.ref("pawapay", ids.as_uuid(payment.refund_id or ""), b"{}")
    provider_events.keep(event, "{}", received_at=clock.stamp(), proof="signed_fresh")
    body = {"refund_id": payment.refund_id, "received_at": clock.stamp(), "event": event.as_item()}
    pawa.office.till.queued()
    worker.handler(sqs(body), CONTEXT)
    assert pawa.office.till.payment(payment.id).status == "refund_pending"
    assert pawa.office.till.queued() == [body]
    pawa.office.till.travel.forward(3)
    worker.handler(sqs(body), CONTEXT)
    assert pawa.office.till.payment(payment.id).status == "refunded"
    assert pawa.office.till.queued() == []
    balanced()


def test_a_callback_of_nobodys_refund_is_an_orphan(pawa: Pawa, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(pawa, ids.derived_uuid("no", "refund")) == "orphan"
    assert '"PaymentOrphan":[' in capsys.readouterr().out


def test_money_that_goes_after_people_have_kept_it_rings(pawa: Pawa, capsys: pytest.CaptureFixture[str]) -> None:
    payment = stuck(pawa)
    _, proposal = override(pawa, payment, KEPT)
    pawa.office.approve(BARAKA, proposal["id"])
    capsys.readouterr()
    assert told(pawa, payment.refund_id or "") == "settled"
    assert "RefundMismatch" not in capsys.readouterr().out
    pawa.end(payment)
    assert told(pawa, payment.refund_id or "", again="yes") == "settled"
    assert '"RefundMismatch":[' in capsys.readouterr().out
    assert wallets.read(TENANT).available == 5000


def test_a_silent_provider_fails_the_callback_of_an_ended_refund(pawa: Pawa, monkeypatch: pytest.MonkeyPatch) -> None:
    payment = stuck(pawa)
    _, proposal = override(pawa, payment, KEPT)
    pawa.office.approve(BARAKA, proposal["id"])
    cut_off(monkeypatch)
    event = provider_events.ref("pawapay", ids.as_uuid(payment.refund_id or ""), b"{}")
    body = {"refund_id": payment.refund_id, "received_at": "x", "event": event.as_item()}
    assert worker.handler(sqs(body), CONTEXT)["batchItemFailures"]


def test_every_refund_of_a_payment_is_known_by_its_own_id(pawa: Pawa) -> None:
    payment = pawa.refunding()
    pawa.look(payment)
    pawa.end(payment, "FAILED")
    pawa.look(payment)
    pawa.office.approve(BARAKA, pawa.office.refund(payment))
    now = pawa.office.till.payment(payment.id)
    assert now.refund_id != payment.refund_id
    assert refund_orders.every(now) == [
        payment.order_id,
        ids.as_uuid(payment.refund_id or ""),
        ids.as_uuid(now.refund_id or ""),
    ]
    for refund in (payment.refund_id, now.refund_id):
        assert refund_orders.payment_of(refund or "") == payment.id
