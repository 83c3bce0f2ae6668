"""Bank transfers: found in the bank's statement by one person, or two above a limit; one line pays once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from functions.billing import confirmations, payment_steps, payments, receipts
from functions.billing.confirmations import Line
from functions.billing.payment import Payment
from mifumo import wallets, writes
from mifumo.callers import Principal
from mifumo.errors import AppError
from mifumo.ids import PaymentId
from tests.billing.conftest import TENANT, Till
from tests.billing.office import AMINA, BARAKA, NEEMA, WHY, Office, actions, balanced, completed, transfer, written

LIMIT = 200_000  # the tests' TWO_PERSON_ABOVE_TZS


@pytest.fixture
def office(till: Till) -> Office:
    return Office(till)


def confirm(office: Office, payment: Payment, who: Principal = AMINA, **changes: Any) -> tuple[int, dict[str, Any]]:
    body = {"reference": "FT26031ABCDE", "amount": payment.amount, **WHY, **changes}
    return office.post(who, f"/transfers/{payment.id}/confirm/", body)


def test_the_list_has_what_nobody_has_confirmed_that_which_expires_first_at_the_top(office: Office) -> None:
    later, sooner = transfer(), transfer()
    sooner_expires = replace(sooner, id=PaymentId("0" * 26), expires_at="2026-01-01T00:00:00.000Z")
    writes.transact(*payment_steps.create(sooner_expires))
    written()
    completed()
    status, page = office.get(AMINA, "/transfers/")
    assert status == 200
    assert [item["id"] for item in page["items"]] == [sooner_expires.id, *sorted([later.id, sooner.id], key=_due)]
    assert {item["gateway"] for item in page["items"]} == {"bank"}


def _due(payment_id: str) -> str:
    found = payments.read(PaymentId(payment_id))
    assert found
    return f"{found.expires_at}#{found.id}"


def test_one_of_the_staff_confirms_what_is_small(office: Office) -> None:
    payment = transfer(LIMIT)
    status, body = confirm(office, payment)
    assert (status, body["payment"]["status"], body["payment"]["receipt"]) == (200, "completed", "FT26031ABCDE")
    assert (body["proposal"]["status"], body["proposal"]["decided_by"]) == ("approved", "amina")
    assert wallets.read(TENANT).available == 5000
    assert receipts.owner("bank", "FT26031ABCDE") == payment.id
    assert actions() == ["decision.taken"]
    assert office.get(AMINA, "/transfers/")[1]["items"] == []
    assert office.get(AMINA, "/proposals/")[1]["items"] == []
    balanced()


def test_above_the_limit_a_second_person_looks_too(office: Office) -> None:
    payment = transfer(LIMIT + 1)
    status, body = confirm(office, payment)
    assert (status, body["payment"]["status"], body["proposal"]["status"]) == (200, "pending", "open")
    assert wallets.read(TENANT).available == 0
    proposal = body["proposal"]["id"]
    assert office.approve(AMINA, proposal)[1]["code"] == "own_proposal"
    assert office.approve(NEEMA, proposal)[0] == 403
    assert office.approve(BARAKA, proposal)[0] == 200
    assert office.till.payment(payment.id).status == "completed"
    assert wallets.read(TENANT).available == 5000
    balanced()


def test_what_support_finds_the_staff_approve_be_it_ever_so_small(office: Office) -> None:
    payment = transfer(1000)
    status, body = confirm(office, payment, NEEMA)
    assert (status, body["proposal"]["status"]) == (200, "open")
    assert office.approve(AMINA, body["proposal"]["id"])[0] == 200
    assert wallets.read(TENANT).available == 5000


def test_a_confirmation_that_comes_again_credits_nothing_more(office: Office) -> None:
    payment = transfer()
    confirm(office, payment)
    status, body = confirm(office, payment)
    assert (status, body["payment"]["status"], body["proposal"]) == (200, "completed", None)
    status, body = confirm(office, payment, reference="FT26031OTHER")
    assert (status, body["code"]) == (409, "not_confirmable")
    assert wallets.read(TENANT).available == 5000


@pytest.mark.parametrize("reference", ["FT26031ABCDE", "ft26031abcde", "  FT26031ABCDE "])
def test_one_line_of_the_statement_pays_once(office: Office, reference: str) -> None:
    confirm(office, transfer())
    other = transfer()
    status, body = confirm(office, other, reference=reference)
    assert (status, body["code"]) == (409, "receipt_used")
    assert office.till.payment(other.id).status == "pending"
    assert office.get(AMINA, f"/payments/{other.id}/")[1]["proposals"] == []
    assert wallets.read(TENANT).available == 5000


def test_a_line_that_has_paid_meanwhile_cannot_be_approved_again(office: Office) -> None:
    first, second = transfer(LIMIT + 1), transfer(LIMIT + 1)
    opened = [confirm(office, payment)[1]["proposal"]["id"] for payment in (first, second)]
    assert office.approve(BARAKA, opened[0])[0] == 200
    status, body = office.approve(BARAKA, opened[1])
    assert (status, body["code"]) == (409, "receipt_used")
    assert wallets.read(TENANT).available == 5000


@pytest.mark.parametrize("amount", [149_999, 150_001, 1])
def test_another_amount_goes_to_review_and_its_line_pays_for_nothing_else(office: Office, amount: int) -> None:
    payment = transfer()
    status, body = confirm(office, payment, amount=amount)
    assert (status, body["payment"]["status"], body["payment"]["paid_amount"]) == (200, "review", amount)
    assert body["proposal"] is None
    assert wallets.read(TENANT).available == 0
    assert actions() == ["transfer.mismatched"]
    assert confirm(office, transfer())[1]["code"] == "receipt_used"
    assert [item["id"] for item in office.get(AMINA, "/reviews/")[1]["items"]] == [payment.id]
    assert office.approve(BARAKA, office.decide(office.till.payment(payment.id)))[0] == 200
    assert wallets.read(TENANT).available == 5000


def test_a_transfer_that_nobody_finds_in_time_expires_and_may_be_found_later(office: Office) -> None:
    payment = transfer()
    assert office.till.sweep() == 0
    office.till.travel.forward(1001)
    assert office.till.sweep() == 1
    now = office.till.payment(payment.id)
    assert (now.status, now.failure_code) == ("expired", "expired")
    assert office.till.sweep() == 0
    assert office.get(AMINA, "/transfers/")[1]["items"] == []
    status, body = confirm(office, now)
    assert (status, body["payment"]["status"], body["payment"]["failure_code"]) == (200, "completed", None)
    assert office.till.payment(payment.id).late is True


def test_nobody_asks_a_provider_about_a_bank_transfer(office: Office) -> None:
    payment = transfer()
    before = office.till.simulator.log()
    assert office.till.look(payment) == {"batchItemFailures": []}
    assert office.till.simulator.log() == before
    assert office.till.payment(payment.id) == payment


def test_what_is_no_bank_transfer_is_not_found(office: Office) -> None:
    for payment_id in (written().id, "nothing", "01jd8x6q5v7w9y2k4m6p8r0t1a"):
        body = {"reference": "FT26031ABCDE", "amount": 150_000, **WHY}
        assert office.post(AMINA, f"/transfers/{payment_id}/confirm/", body)[0] == 404


@pytest.mark.parametrize(
    "changes", [{"reference": "a b"}, {"reference": ""}, {"amount": 0}, {"amount": 1.5}, {"reason": ""}, {"x": 1}]
)
def test_a_line_has_a_reference_and_an_amount(office: Office, changes: dict[str, Any]) -> None:
    payment = transfer()
    assert confirm(office, payment, **changes)[0] == 422
    assert office.till.payment(payment.id) == payment


def test_parallel_confirmations_of_many_transfers_with_one_line_credit_one(office: Office) -> None:
    made = [transfer() for _ in range(6)]
    office.till.wire.take_turns()

    def take(payment: Payment) -> str:
        try:
            after, _ = confirmations.confirm(AMINA, payment.id, Line("FT1", payment.amount, "It is this one.", "p. 4"))
        except AppError as refusal:
            return refusal.code
        return after.status.value

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(take, made))
    assert sorted(outcomes) == ["completed"] + ["receipt_used"] * 5
    assert wallets.read(TENANT).available == 5000
    balanced()


def test_parallel_confirmations_of_one_transfer_credit_once(office: Office) -> None:
    payment = transfer()
    office.till.wire.take_turns()

    def take(number: int) -> str:
        try:
            after, _ = confirmations.confirm(AMINA, payment.id, Line(f"FT{number}", payment.amount, "This one.", "p."))
        except AppError as refusal:
            return refusal.code
        return after.status.value

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(take, range(6)))
    assert outcomes.count("completed") == 1
    assert set(outcomes) <= {"completed", "already_proposed", "not_confirmable"}
    assert wallets.read(TENANT).available == 5000
    balanced()
