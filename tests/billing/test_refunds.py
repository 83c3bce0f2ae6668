"""Refunds: credits are held before money goes back, and taken or given back by what became of the money, once."""

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest

from functions.billing import completion, decisions, gateway, payment_steps, payments, refunds, settlement
from functions.billing.approvals import ProposalClosed
from functions.billing.gateway import ProviderUnavailable
from functions.billing.payment import Payment
from functions.billing.states import Event
from mifumo import clock, ids, ledger, tables, wallets, writes
from mifumo.ids import UserId
from mifumo.phone import Msisdn
from mifumo.providers.pawapay import PawaPay
from mifumo.providers.payments import Push
from mifumo.tables import Key
from sandbox.testing import PAWAPAY_TOKEN, RunningPawaPay, running_pawapay
from tests.billing.conftest import TENANT, Till
from tests.billing.office import (
    AMINA,
    BARAKA,
    WHY,
    Office,
    actions,
    balanced,
    completed,
    reviewed,
    spent,
    sums,
    written,
)
from tests.wire import Crash

SENT = {"reference": "FT26031ABCDE", "evidence": "Bank statement, line 4"}


@pytest.fixture
def office(till: Till) -> Office:
    return Office(till)


@dataclass
class Pawa:
    """pawaPay's simulator in the place of the stage's provider, with deposits that payers have made."""

    simulator: RunningPawaPay
    provider: PawaPay
    office: Office

    def paid(self) -> Payment:
        """Makes a payment that was paid at pawaPay and credited."""
        payment = written(gateway="pawapay")
        self.deposited(payment)
        receipt = self.provider.fetch_status(payment.order_id).receipt
        assert receipt
        return completion.credit(payment, Event.PAID, receipt=receipt)

    def deposited(self, payment: Payment) -> None:
        push = Push(payment.order_id, payment.amount, Msisdn("+255754123456"), "Asha", "a@b.tz", "")
        assert self.provider.initiate(push).initiation == "accepted"
        self.simulator.flip(payment.order_id, "COMPLETED")

    def refunding(self) -> Payment:
        """Makes a payment whose refund was approved; the queue has the message that asks for it."""
        payment = self.paid()
        status, body = self.office.approve(BARAKA, self.office.refund(payment))
        assert status == 200, body
        return self.office.till.payment(payment.id)

    def end(self, payment: Payment, status: str = "COMPLETED") -> None:
        book, uuid = self.simulator.simulator._book, ids.as_uuid(payment.refund_id or "")
        self.simulator._call(lambda: book.flip_refund(uuid, status))

    def refunds(self) -> list[dict[str, str]]:
        """Lists what the provider was asked to send back."""
        return list(self.simulator.log()["refunds"])

    def look(self, payment: Payment) -> Payment:
        assert self.office.till.look(payment) == {"batchItemFailures": []}
        return self.office.till.payment(payment.id)


@pytest.fixture
def pawa(office: Office, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pawa]:
    monkeypatch.setattr(refunds, "ASK_GAP_S", 0)
    with running_pawapay(pay_delay_s=60) as simulator:
        others = gateway.provider
        provider = PawaPay(url=simulator.url, token=PAWAPAY_TOKEN, timeout_s=1)
        monkeypatch.setattr(gateway, "provider", lambda name: provider if name == "pawapay" else others(name))
        yield Pawa(simulator, provider, office)


def test_credits_are_held_before_money_goes_back(office: Office) -> None:
    payment = completed()
    proposal = office.refund(payment)
    assert (wallets.read(TENANT).available, wallets.read(TENANT).held) == (5000, 0)
    assert office.approve(BARAKA, proposal)[0] == 200
    now, wallet = office.till.payment(payment.id), wallets.read(TENANT)
    assert (now.status, wallet.available, wallet.held) == ("refund_pending", 0, 5000)
    assert (now.refund_manual, now.refund_amount, now.refund_credits) == (True, 150_000, 5000)
    assert ledger.read_hold(TENANT, f"refund:{now.refund_id}")
    balanced()


def test_a_refund_by_hand_ends_with_a_reversal_that_edits_nothing(office: Office) -> None:
    payment = completed()
    before = office.till.items(f"W#{TENANT}", "E#")
    office.approve(BARAKA, office.refund(payment))
    assert [item["id"] for item in office.get(AMINA, "/refunds/")[1]["items"]] == [payment.id]
    status, body = office.post(AMINA, f"/payments/{payment.id}/refund/complete/", SENT)
    assert (status, body["status"], body["credited"]) == (200, "refunded", True)
    entries = office.till.items(f"W#{TENANT}", "E#")
    assert entries[:1] == before
    assert [(e["kind"], e["amount"], e["reference"]) for e in entries] == [
        ("credit", 5000, payment.id),
        ("hold", 5000, payment.id),
        ("reversal", 5000, payment.id),
    ]
    assert (wallets.read(TENANT).available, wallets.read(TENANT).held) == (0, 0)
    assert sums(f"hold:refund:{body['refund']['id']}:settle") == {"TZS": 0, "CREDIT": 0}
    assert office.get(AMINA, "/refunds/")[1]["items"] == []
    assert actions()[-1] == "refund.completed"
    balanced()


def test_the_books_take_back_what_they_gave(office: Office) -> None:
    payment = completed()
    office.approve(BARAKA, office.refund(payment))
    office.post(AMINA, f"/payments/{payment.id}/refund/complete/", SENT)
    now, total = office.till.payment(payment.id), dict[str, int]()
    for name in (f"pay:{payment.id}:credit", f"hold:refund:{now.refund_id}:settle"):
        record = tables.get("ledger", Key(f"TXN#{name}", "TXN"))
        assert record
        for posting in record["postings"]:
            total[posting["account"]] = total.get(posting["account"], 0) + posting["amount"]
    assert total == {
        "asset:provider:zenopay:receivable": 150_000,
        "asset:bank": -150_000,
        "liability:deferred_revenue": 0,
        "liability:vat_output": 0,
        "contra:issued": 0,
        f"tenant:{TENANT}:wallet": 0,
    }


def test_a_refund_that_cannot_be_made_gives_the_credits_back(office: Office) -> None:
    payment = completed()
    office.approve(BARAKA, office.refund(payment))
    status, body = office.post(AMINA, f"/payments/{payment.id}/refund/fail/", {"reason": "The number is closed."})
    assert (status, body["status"]) == (200, "completed")
    assert (wallets.read(TENANT).available, wallets.read(TENANT).held) == (5000, 0)
    assert actions()[-1] == "refund.failed"
    first = office.till.payment(payment.id).refund_id
    office.approve(BARAKA, office.refund(payment))
    assert office.till.payment(payment.id).refund_id != first
    assert wallets.read(TENANT).held == 5000
    balanced()


def test_one_transfer_of_ours_is_one_refund(office: Office) -> None:
    first, second = completed(), completed()
    for payment in (first, second):
        office.approve(BARAKA, office.refund(payment))
    done = office.post(AMINA, f"/payments/{first.id}/refund/complete/", SENT)
    assert done[0] == 200
    assert office.post(AMINA, f"/payments/{first.id}/refund/complete/", SENT) == done
    status, body = office.post(AMINA, f"/payments/{second.id}/refund/complete/", SENT)
    assert (status, body["code"]) == (409, "receipt_used")
    assert office.till.payment(second.id).status == "refund_pending"
    other = {**SENT, "reference": "FT26031ZZZ"}
    status, body = office.post(AMINA, f"/payments/{first.id}/refund/complete/", other)
    assert (status, body["code"]) == (409, "not_refunding_by_hand")


def test_credits_that_are_spent_cannot_be_refunded(office: Office) -> None:
    payment = completed()
    proposal = office.refund(payment)
    spent(1)
    status, body = office.approve(BARAKA, proposal)
    assert (status, body["code"], body["required"], body["available"]) == (409, "credits_spent", 5000, 4999)
    assert office.till.payment(payment.id).status == "completed"
    status, body = office.post(AMINA, f"/payments/{payment.id}/refund/", WHY)
    assert (status, body["code"]) == (409, "credits_spent")
    assert office.get(AMINA, f"/proposals/{proposal}/")[1]["status"] == "open"
    balanced()


def test_only_what_was_completed_is_refunded(office: Office) -> None:
    for payment in (written(), reviewed()):
        status, body = office.post(AMINA, f"/payments/{payment.id}/refund/", WHY)
        assert (status, body["code"]) == (409, "not_refundable")
    assert office.post(AMINA, "/payments/01jd8x6q5v7w9y2k4m6p8r0t1a/refund/", WHY)[0] == 404


def test_nothing_ends_by_hand_that_was_not_begun(office: Office, pawa: Pawa) -> None:
    for payment in (completed(), written(), pawa.refunding()):
        for path, body in (("complete", SENT), ("fail", {"reason": "No such refund."})):
            status, refusal = office.post(AMINA, f"/payments/{payment.id}/refund/{path}/", body)
            assert (status, refusal["code"]) == (409, "not_refunding_by_hand")


@pytest.mark.parametrize("reference", ["", "ab", "FT 26031", "FT#1", "x" * 65])
def test_a_transfer_has_a_reference(office: Office, reference: str) -> None:
    payment = completed()
    office.approve(BARAKA, office.refund(payment))
    body = {**SENT, "reference": reference}
    assert office.post(AMINA, f"/payments/{payment.id}/refund/complete/", body)[0] == 422


def test_a_provider_sends_money_back_once_and_the_credits_are_taken(pawa: Pawa) -> None:
    payment = pawa.refunding()
    assert payment.refund_manual is False
    assert pawa.refunds() == []
    assert pawa.look(payment).status == "refund_pending"
    assert [(one["refundId"], one["amount"]) for one in pawa.refunds()] == [
        (ids.as_uuid(payment.refund_id or ""), "150000.00")
    ]
    assert pawa.look(payment).status == "refund_pending"
    pawa.end(payment)
    assert pawa.look(payment).status == "refunded"
    assert pawa.look(payment).status == "refunded"
    assert len(pawa.refunds()) == 1
    assert (wallets.read(TENANT).available, wallets.read(TENANT).held) == (0, 0)
    balanced()


def test_a_refund_is_on_its_way_at_once_and_the_sweep_finds_what_the_queue_has_lost(pawa: Pawa) -> None:
    payment = pawa.refunding()
    assert [body["payment_id"] for body in pawa.office.till.queued()] == [payment.id]  # and lost
    assert pawa.office.till.sweep() == 1
    assert len(pawa.refunds()) == 1
    pawa.end(payment)
    pawa.office.till.travel.forward(21)
    pawa.office.till.sweep()
    now = pawa.office.till.payment(payment.id)
    assert (now.status, now.next_check_at) == ("refunded", None)


def test_a_refund_that_the_provider_fails_gives_the_credits_back(pawa: Pawa) -> None:
    payment = pawa.refunding()
    pawa.look(payment)
    pawa.end(payment, "FAILED")
    now = pawa.look(payment)
    assert (now.status, now.next_check_at) == ("completed", None)
    assert (wallets.read(TENANT).available, wallets.read(TENANT).held) == (5000, 0)
    balanced()


def test_a_refund_that_is_refused_gives_the_credits_back(pawa: Pawa) -> None:
    payment = pawa.refunding()
    pawa.simulator.flip(payment.order_id, "FAILED")
    assert pawa.look(payment).status == "completed"
    assert wallets.read(TENANT).available == 5000
    assert payments.history(payment.id)[-1]["note"].startswith("HTTP 200 REJECTED INVALID_STATE")


@pytest.mark.parametrize("fault", ["timeout_after_accept", "reset_after_accept", "garbage_200"])
def test_an_unknown_outcome_is_asked_about_and_never_asked_for_under_another_id(pawa: Pawa, fault: str) -> None:
    payment = pawa.refunding()
    pawa.simulator.add_fault(fault)
    assert pawa.look(payment).status == "refund_pending"
    for _ in range(3):
        assert pawa.look(payment).status == "refund_pending"
    assert [one["refundId"] for one in pawa.refunds()] == [ids.as_uuid(payment.refund_id or "")]
    assert wallets.read(TENANT).held == 5000
    pawa.end(payment)
    assert pawa.look(payment).status == "refunded"


@pytest.mark.parametrize("fault", ["timeout_before_accept", "status_500", "status_timeout"])
def test_a_refund_that_nobody_received_is_asked_for_again_with_the_same_id(pawa: Pawa, fault: str) -> None:
    payment = pawa.refunding()
    pawa.simulator.add_fault(fault)
    assert pawa.look(payment).status == "refund_pending"
    assert pawa.refunds() == []
    assert pawa.look(payment).status == "refund_pending"
    assert [one["refundId"] for one in pawa.refunds()] == [ids.as_uuid(payment.refund_id or "")]


def test_a_refusal_after_an_unknown_outcome_waits_before_it_is_believed(pawa: Pawa) -> None:
    payment = pawa.refunding()
    pawa.simulator.add_fault("timeout_before_accept")
    pawa.look(payment)
    pawa.simulator.flip(payment.order_id, "FAILED")
    assert pawa.look(payment).status == "refund_pending"
    assert wallets.read(TENANT).held == 5000
    pawa.office.till.travel.forward(refunds.NEVER_CAME_AFTER_S + 1)
    assert pawa.look(payment).status == "completed"
    assert wallets.read(TENANT).available == 5000


def test_another_amount_that_went_back_leaves_the_refund_open_for_people(pawa: Pawa) -> None:
    payment = pawa.refunding()
    pawa.look(payment)
    book, uuid = pawa.simulator.simulator._book, ids.as_uuid(payment.refund_id or "")
    book.refunds[uuid] = replace(book.refunds[uuid], amount=book.refunds[uuid].amount - 1)
    pawa.end(payment)
    assert pawa.look(payment).status == "refund_pending"
    assert wallets.read(TENANT).held == 5000


def test_a_refund_whose_provider_has_lost_its_key_stays_open(pawa: Pawa, monkeypatch: pytest.MonkeyPatch) -> None:
    payment = pawa.refunding()

    def unavailable(_: str) -> PawaPay:
        raise ProviderUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(gateway, "provider", unavailable)
        assert pawa.look(payment).status == "refund_pending"
    assert pawa.office.till.payment(payment.id).next_check_at is not None
    assert pawa.look(payment).status == "refund_pending"
    assert len(pawa.refunds()) == 1


def test_money_under_review_goes_back_by_the_provider_and_no_credits_move(pawa: Pawa) -> None:
    payment = reviewed(gateway="pawapay")
    pawa.deposited(payment)
    office = pawa.office
    assert office.approve(BARAKA, office.decide(payment, "return"))[0] == 200
    pawa.look(payment)
    assert [one["amount"] for one in pawa.refunds()] == ["140000.00"]
    pawa.end(office.till.payment(payment.id), "FAILED")
    assert pawa.look(payment).status == "review"
    office.approve(BARAKA, office.decide(office.till.payment(payment.id), "return"))
    pawa.look(payment)
    pawa.end(office.till.payment(payment.id))
    assert pawa.look(payment).status == "refunded"
    assert wallets.read(TENANT).version == 0


def test_late_news_of_a_payment_disturb_no_refund(pawa: Pawa) -> None:
    payment = pawa.refunding()
    assert settlement.check(payment.id, received_at=clock.stamp()) == "refunding"
    assert wallets.read(TENANT).held == 5000
    pawa.look(payment)
    pawa.end(payment)
    pawa.look(payment)
    assert settlement.check(payment.id) == "settled"
    assert (wallets.read(TENANT).available, wallets.read(TENANT).version) == (0, 3)


def test_a_refunded_payment_is_never_credited_again(office: Office) -> None:
    payment = completed()
    office.approve(BARAKA, office.refund(payment))
    office.post(AMINA, f"/payments/{payment.id}/refund/complete/", SENT)
    now = office.till.payment(payment.id)
    _, steps = payment_steps.take(now, Event.MISMATCHED, receipt="R2", paid_amount=150_000, paid_currency="TZS")
    writes.transact(*steps)
    status, body = office.post(AMINA, f"/reviews/{payment.id}/decide/", {"decision": "credit", **WHY})
    assert (status, body["code"]) == (409, "already_credited")
    assert office.approve(BARAKA, office.decide(office.till.payment(payment.id), "return"))[0] == 200
    other = {**SENT, "reference": "FT26031SECOND"}
    assert office.post(AMINA, f"/payments/{payment.id}/refund/complete/", other)[1]["status"] == "refunded"
    assert wallets.read(TENANT).available == 0
    balanced()


def test_parallel_approvals_of_a_refund_hold_once(office: Office) -> None:
    payment = completed()
    completed()  # credits enough for a second hold
    proposal = office.refund(payment)
    office.till.wire.take_turns()

    def approve(number: int) -> str:
        who = replace(BARAKA, user_id=UserId(f"s{number}"))
        try:
            return decisions.approve(who, proposal, note="yes").status.value
        except ProposalClosed as refusal:
            return refusal.code

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(approve, range(8)))
    assert sorted(outcomes) == ["approved"] + ["proposal_closed"] * 7
    assert (wallets.read(TENANT).available, wallets.read(TENANT).held) == (5000, 5000)
    balanced()


def test_parallel_looks_ask_for_one_refund_and_take_the_credits_once(pawa: Pawa) -> None:
    payment = pawa.refunding()
    pawa.office.till.wire.take_turns()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: refunds.check(payment.id), range(8)))
    assert len(pawa.refunds()) == 1
    pawa.end(payment)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: refunds.check(payment.id), range(8)))
    assert pawa.office.till.payment(payment.id).status == "refunded"
    assert (wallets.read(TENANT).available, wallets.read(TENANT).held) == (0, 0)
    balanced()


@pytest.mark.parametrize("outcome", ["COMPLETED", "FAILED"])
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_call_neither_sends_twice_nor_loses_the_hold(pawa: Pawa, outcome: str, *, after: bool) -> None:
    till = pawa.office.till
    for at in range(7):
        before = wallets.read(TENANT).available
        payment = pawa.paid()
        proposal = pawa.office.refund(payment)
        till.wire.cut(at, after=after)
        with contextlib.suppress(Crash):
            decisions.approve(BARAKA, proposal, note="yes")
        till.wire.mend()
        decisions.approve(BARAKA, proposal, note="yes")
        for _ in range(2):
            till.wire.cut(at, after=after)
            with contextlib.suppress(Crash):
                till.look(payment)
            till.wire.mend()
            pawa.look(payment)
            with contextlib.suppress(KeyError):
                pawa.end(till.payment(payment.id), outcome)
        now = pawa.look(payment)
        assert now.status == ("refunded" if outcome == "COMPLETED" else "completed")
        mine = [one for one in pawa.refunds() if one["depositId"] == payment.order_id]
        assert len(mine) == 1
        assert wallets.read(TENANT).available - before == (0 if outcome == "COMPLETED" else 5000)
        assert wallets.read(TENANT).held == 0
        balanced()
