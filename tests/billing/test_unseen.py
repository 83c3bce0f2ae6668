"""Unseen money: what a provider never told of goes back on its own evidence, and stands in the books meanwhile."""

from dataclasses import replace

import pytest

from functions.billing import days, gateway, invariants, reconciliation_rows, reconciliations, verdicts
from functions.billing.gateway import ProviderUnavailable
from functions.billing.payment import Payment
from mifumo import wallets
from mifumo.providers.payments import PaymentProvider, Standing, Statement
from tests.billing.conftest import TENANT, Till
from tests.billing.office import AMINA, BARAKA, WHY, Office, completed
from tests.billing.test_books import standing
from tests.billing.test_unresolved import WATCHED_S, expired

RETURN = {**WHY, "decision": "return"}
SENT = {"reference": "FT26031ABCDE", "evidence": "Bank statement, line 4"}


@pytest.fixture
def office(till: Till) -> Office:
    return Office(till)


def unseen(office: Office) -> Payment:
    """Makes a payment whose provider has said nothing to the end of the watch."""
    payment = expired(office.till)
    office.till.travel.forward(WATCHED_S)
    office.till.sweep()
    now = office.till.payment(payment.id)
    assert (now.status, now.receipt, now.paid_amount) == ("review", None, None)
    return now


def listed(payment: Payment, *, amount: int, receipt: str | None) -> None:
    """Has the provider's list of the day tell of the order."""
    day = reconciliations.begin(payment.gateway, days.of(payment.created_at), lists=True)
    told = Statement(Standing.COMPLETED, amount, "TZS", receipt)
    reconciliation_rows.judge(day, payment.order_id, verdicts.NOT_PAID_HERE, payment=payment, statement=told, at="noon")


def test_without_the_providers_transaction_nothing_goes_back(office: Office) -> None:
    payment = unseen(office)
    status, problem = office.post(AMINA, f"/reviews/{payment.id}/decide/", RETURN)
    assert (status, [(e["pointer"], e["code"]) for e in problem["errors"]]) == (422, [("/receipt", "receipt_missing")])
    assert office.get(AMINA, "/proposals/")[1]["items"] == []
    assert office.till.payment(payment.id) == payment


def test_on_the_providers_evidence_it_goes_back_and_never_stands_twice_in_the_books(office: Office) -> None:
    payment = unseen(office)
    proposal = office.decide(payment, "return", receipt="CEJ3I3SETSN")
    assert office.approve(BARAKA, proposal)[0] == 200
    now = office.till.payment(payment.id)
    assert (now.status, now.receipt, now.refund_amount, now.refund_credits) == (
        "refund_pending",
        "CEJ3I3SETSN",
        150_000,
        0,
    )
    assert standing(payment.id) == {
        "asset:provider:zenopay:receivable": 150_000,
        "liability:suspense:unmatched": -150_000,
    }
    assert office.post(AMINA, f"/payments/{payment.id}/refund/complete/", SENT)[0] == 200
    assert standing(payment.id) == {"asset:provider:zenopay:receivable": 150_000, "asset:bank": -150_000}
    assert wallets.read(TENANT).version == 0
    assert invariants.check(TENANT) == []


def test_money_that_cannot_go_back_is_the_staffs_again_and_seen_by_then(office: Office) -> None:
    payment = unseen(office)
    office.approve(BARAKA, office.decide(payment, "return", receipt="CEJ3I3SETSN"))
    office.post(AMINA, f"/payments/{payment.id}/refund/fail/", {"reason": "The number is closed."})
    assert office.till.payment(payment.id).status == "review"
    office.approve(BARAKA, office.decide(payment, "return"))
    assert office.till.payment(payment.id).status == "refund_pending"
    assert standing(payment.id)["liability:suspense:unmatched"] == -150_000


def test_what_the_provider_says_never_came_does_not_go_back(office: Office) -> None:
    payment = unseen(office)
    office.till.turn(payment, paid=False)
    status, problem = office.post(AMINA, f"/reviews/{payment.id}/decide/", RETURN | {"receipt": "CEJ3I3SETSN"})
    assert (status, problem["code"]) == (409, "money_unseen")
    assert office.till.payment(payment.id) == payment


def test_what_the_provider_says_has_come_is_seen_and_needs_no_other_evidence(office: Office) -> None:
    payment = unseen(office)
    office.till.turn(payment, paid=True)
    status, proposal = office.post(AMINA, f"/reviews/{payment.id}/decide/", RETURN)
    assert (status, proposal["facts"]) == (201, {"amount": 150_000})
    now = office.till.payment(payment.id)
    assert (now.status, now.paid_amount, now.receipt is None) == ("review", 150_000, False)


def test_a_silent_provider_leaves_the_evidence(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    payment = unseen(office)

    def unavailable(_: str) -> PaymentProvider:
        raise ProviderUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(gateway, "provider", unavailable)
        office.decide(payment, "return", receipt="CEJ3I3SETSN")


def test_a_transaction_that_has_paid_for_another_payment_is_no_evidence(office: Office) -> None:
    other = completed()
    payment = unseen(office)
    status, problem = office.post(AMINA, f"/reviews/{payment.id}/decide/", RETURN | {"receipt": other.receipt})
    assert (status, problem["code"]) == (409, "receipt_used")


def test_what_the_providers_list_tells_is_what_goes_back(office: Office) -> None:
    payment = unseen(office)
    listed(payment, amount=90_000, receipt="PP1")
    status, problem = office.post(AMINA, f"/reviews/{payment.id}/decide/", RETURN | {"receipt": "PP2"})
    assert (status, problem["errors"][0]["code"]) == (422, "receipt_unlisted")
    status, proposal = office.post(AMINA, f"/reviews/{payment.id}/decide/", RETURN)
    assert (status, proposal["facts"]) == (201, {"receipt": "PP1", "amount": 90_000, "listed_at": "noon"})
    office.approve(BARAKA, proposal["id"])
    now = office.till.payment(payment.id)
    assert (now.refund_amount, now.paid_amount, now.receipt) == (90_000, 90_000, "PP1")


def test_a_list_without_receipts_still_needs_the_transaction(office: Office) -> None:
    payment = unseen(office)
    listed(payment, amount=150_000, receipt=None)
    assert office.post(AMINA, f"/reviews/{payment.id}/decide/", RETURN)[0] == 422
    office.decide(payment, "return", receipt="PP1")


def test_a_receipt_that_is_named_only_after_the_refund_comes_before_the_staff(office: Office) -> None:
    """Credited without a receipt, by the order's own id: nobody can tell the receipt from a second transaction's."""
    payment = office.till.bought("456")
    office.till.paid(payment)
    orders = office.till.simulator.simulator._orders._orders
    named = orders[payment.order_id]
    orders[payment.order_id] = replace(named, transid=None, reference="")
    office.till.look(payment)
    credited = office.till.payment(payment.id)
    assert (credited.status, credited.receipt) == ("completed", payment.order_id)
    office.approve(BARAKA, office.refund(credited))
    office.post(AMINA, f"/payments/{payment.id}/refund/complete/", SENT)
    orders[payment.order_id] = named
    office.till.look(payment)
    assert office.till.payment(payment.id).status == "review"
