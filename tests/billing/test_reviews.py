"""Reviews: what the staff see of money that moved not as agreed, and what each of their decisions does."""

import pytest

from functions.billing import payment_steps, payments, receipts
from functions.billing.states import Event, Status
from mifumo import tables, wallets, writes
from mifumo.tables import Key
from tests.billing.conftest import TENANT, Till
from tests.billing.office import AMINA, BARAKA, WHY, Office, balanced, completed, reviewed, sums, transfer, written


@pytest.fixture
def office(till: Till) -> Office:
    return Office(till)


def test_the_queue_has_what_is_under_review_oldest_first(office: Office) -> None:
    first, second = reviewed(created_at="2026-01-01T00:00:00.000Z"), reviewed()
    written()
    completed()
    transfer()
    status, page = office.get(AMINA, "/reviews/")
    assert (status, [item["id"] for item in page["items"]]) == (200, [first.id, second.id])
    shown = page["items"][0]
    assert (shown["status"], shown["paid_amount"], shown["amount"]) == ("review", 140_000, 150_000)
    assert shown["credited"] is False


def test_the_queue_has_pages(office: Office) -> None:
    made = [reviewed(created_at=f"2026-01-0{day}T00:00:00.000Z").id for day in (1, 2, 3)]
    _, first = office.get(AMINA, "/reviews/", query={"limit": "2"})
    _, second = office.get(AMINA, "/reviews/", query={"limit": "2", "cursor": first["next"]})
    assert [item["id"] for page in (first, second) for item in page["items"]] == made
    assert second["next"] is None


def test_a_file_has_everything_that_is_known(office: Office) -> None:
    payment = office.till.bought("456")
    office.till.paid(payment)
    office.till.simulator.flip(payment.order_id, "COMPLETED", amount=1)
    assert office.till.call_back(payment) == (200, {"status": "received"})
    for message in office.till.queued():
        office.till.look(payment, **{k: v for k, v in message.items() if k != "payment_id"})
    proposal = office.decide(office.till.payment(payment.id))
    status, file = office.get(BARAKA, f"/reviews/{payment.id}/")
    assert status == 200
    assert file["payment"]["status"] == "review"
    assert file["payment"]["paid_amount"] == 1
    assert [(line["before"], line["after"]) for line in file["history"]][-1] == ("pending", "review")
    assert file["history"][-1]["facts"]["note"] == "the provider names another amount or currency"
    told = file["provider_events"]  # one by our hand, and one by the provider's, if it was quick
    assert all('"COMPLETED"' in word["body"] for word in told)
    assert "review" in {word["outcome"] for word in told}
    assert [one["id"] for one in file["proposals"]] == [proposal]
    assert file["receipt_paid_for"] is None
    assert office.get(BARAKA, f"/payments/{payment.id}/") == (status, file)


@pytest.mark.parametrize("name", ["nothing", "01jd8x6q5v7w9y2k4m6p8r0t1a"])
def test_a_payment_that_is_not_there_is_not_found(office: Office, name: str) -> None:
    assert office.get(AMINA, f"/reviews/{name}/")[0] == 404
    assert office.post(AMINA, f"/reviews/{name}/decide/", {"decision": "credit", **WHY})[0] == 404


def test_only_what_is_under_review_is_decided(office: Office) -> None:
    for payment in (written(), completed()):
        status, body = office.post(AMINA, f"/reviews/{payment.id}/decide/", {"decision": "credit", **WHY})
        assert (status, body["code"]) == (409, "not_under_review")


def test_a_credit_is_the_one_that_settlement_makes(office: Office) -> None:
    payment = reviewed(receipt="R140")
    proposal = office.decide(payment)
    assert wallets.read(TENANT).available == 0
    assert office.approve(BARAKA, proposal)[0] == 200
    now = office.till.payment(payment.id)
    assert (now.status, now.credit_txn, now.receipt) == ("completed", f"pay:{payment.id}:credit", "R140")
    assert wallets.read(TENANT).available == 5000
    assert wallets.read(TENANT).package == "lite"
    assert sums(f"pay:{payment.id}:credit") == {"TZS": 0, "CREDIT": 0}
    assert receipts.owner("zenopay", "R140") == payment.id
    assert payments.history(payment.id)[-1]["note"] == f"decision {proposal}"
    assert office.get(AMINA, "/reviews/")[1]["items"] == []
    balanced()


def test_the_books_of_a_credit_have_what_was_paid(office: Office) -> None:
    payment = reviewed(paid=140_000)
    office.approve(BARAKA, office.decide(payment))
    record = tables.get("ledger", Key(f"TXN#pay:{payment.id}:credit", "TXN"))
    assert record
    moved = [posting["amount"] for posting in record["postings"] if posting["asset"] == "TZS"]
    assert moved == [140_000, -140_000, 140_000, -118_644, -21_356]  # out of suspense, and in as a sale with its VAT


def test_a_receipt_that_paid_once_pays_for_nothing_more_whoever_decides_so(office: Office) -> None:
    paid = completed()
    payment = reviewed(receipt=paid.receipt)
    proposal = office.decide(payment)
    status, body = office.approve(BARAKA, proposal)
    assert (status, body["code"]) == (409, "receipt_used")
    assert office.till.payment(payment.id).status == "review"
    assert office.get(AMINA, f"/proposals/{proposal}/")[1]["status"] == "open"
    assert wallets.read(TENANT).available == 5000
    assert office.get(AMINA, f"/reviews/{payment.id}/")[1]["receipt_paid_for"] == paid.id


def test_a_credit_names_the_receipt_of_the_money(office: Office) -> None:
    payment = written(status=Status.REVIEW)
    status, body = office.post(AMINA, f"/reviews/{payment.id}/decide/", {"decision": "credit", **WHY})
    assert (status, body["errors"][0]["code"]) == (422, "receipt_missing")
    proposal = office.decide(payment, receipt="CEJ3I3SETSN")
    assert office.approve(BARAKA, proposal)[0] == 200
    assert office.till.payment(payment.id).receipt == "CEJ3I3SETSN"


def test_new_evidence_makes_an_open_proposal_void(office: Office) -> None:
    payment = reviewed()
    proposal = office.decide(payment)
    after, steps = payment_steps.take(payment, Event.MISMATCHED, receipt="R2", paid_amount=1, paid_currency="TZS")
    writes.transact(*steps)
    status, body = office.approve(BARAKA, proposal)
    assert (status, body["code"]) == (409, "proposal_lapsed")
    assert wallets.read(TENANT).available == 0
    assert office.till.payment(payment.id) == after
    again = office.decide(after)
    assert again == f"{payment.id}-2"
    assert office.get(AMINA, f"/proposals/{proposal}/")[1]["status"] == "lapsed"
    assert office.approve(BARAKA, again)[0] == 200


def test_what_was_dismissed_stays_so_on_the_same_evidence(office: Office) -> None:
    payment = office.till.bought("456")
    office.till.paid(payment)
    office.till.simulator.flip(payment.order_id, "COMPLETED", amount=1)
    office.till.look(payment)
    proposal = office.decide(office.till.payment(payment.id), "dismiss")
    assert office.approve(BARAKA, proposal)[0] == 200
    dismissed = office.till.payment(payment.id)
    assert (dismissed.status, dismissed.failure_code) == ("failed", "dismissed")
    office.till.look(payment)
    assert office.till.payment(payment.id).status == "failed"
    office.till.simulator.flip(payment.order_id, "COMPLETED", amount=2)
    office.till.look(payment)
    assert office.till.payment(payment.id).status == "review"


def test_what_was_dismissed_is_credited_if_the_right_money_comes_after_all(office: Office) -> None:
    payment = office.till.bought("456")
    office.till.paid(payment)
    office.till.simulator.flip(payment.order_id, "COMPLETED", amount=1)
    office.till.look(payment)
    office.approve(BARAKA, office.decide(office.till.payment(payment.id), "dismiss"))
    office.till.simulator.flip(payment.order_id, "COMPLETED", amount=payment.amount)
    office.till.look(payment)
    office.till.credited(payment)
    assert office.till.payment(payment.id).paid_amount is None


def test_money_that_goes_back_from_a_review_touches_no_credits(office: Office) -> None:
    payment = reviewed(paid=140_000)
    assert office.approve(BARAKA, office.decide(payment, "return"))[0] == 200
    status, page = office.get(AMINA, "/refunds/")
    assert (status, [item["id"] for item in page["items"]]) == (200, [payment.id])
    assert page["items"][0]["refund"]["amount"] == 140_000
    assert page["items"][0]["refund"]["credits"] == 0
    sent = {"reference": "ft26031abcde", "evidence": "Bank statement, line 4"}
    status, body = office.post(AMINA, f"/payments/{payment.id}/refund/complete/", sent)
    assert (status, body["status"], body["credited"]) == (200, "refunded", False)
    assert wallets.read(TENANT).version == 0


def test_money_that_could_not_go_back_is_under_review_again(office: Office) -> None:
    payment = reviewed()
    office.approve(BARAKA, office.decide(payment, "return"))
    status, body = office.post(AMINA, f"/payments/{payment.id}/refund/fail/", {"reason": "The number is closed."})
    assert (status, body["status"]) == (200, "review")
    assert office.approve(BARAKA, office.decide(office.till.payment(payment.id)))[0] == 200
    assert wallets.read(TENANT).available == 5000
