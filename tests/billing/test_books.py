"""Books: what each step of a payment posts, that it sums to nothing, and that it costs the credit nothing."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.billing import books, completion, receipts, refunds
from functions.billing.payment import Payment
from functions.billing.states import Event
from mifumo import aws, ledger, tables, writes
from mifumo.ids import PaymentId
from mifumo.ledger import UnbalancedError
from tests.billing.conftest import TENANT, Till
from tests.billing.office import AMINA, BARAKA, Office, completed, reviewed, transfer, written

RECEIVABLE = "asset:provider:zenopay:receivable"


@pytest.fixture
def office(till: Till) -> Office:
    return Office(till)


def standing(payment_id: str) -> dict[str, int]:
    """Adds up every record that names the payment, by account; accounts that stand at nothing are left out."""
    total = Counter[str]()
    for raw in aws.dynamodb().scan(TableName="ledger")["Items"]:
        item = aws.unmarshal(raw)
        if item["sk"] == "TXN" and item["reference"] == payment_id:
            assert set(ledger.totals(item["postings"]).values()) <= {0}
            for posting in item["postings"]:
                total[posting["account"]] += posting["amount"]
    return {account: amount for account, amount in total.items() if amount and not account.startswith("tenant:")}


def test_a_sale_posts_net_and_vat_apart(till: Till) -> None:
    payment = completed()
    assert standing(payment.id) == {
        RECEIVABLE: 150_000,
        "liability:deferred_revenue": -127_119,
        "liability:vat_output": -22_881,
        "contra:issued": -5000,
    }


def test_a_sale_follows_the_rate_of_its_offer_and_no_other(till: Till) -> None:
    payment = completed(net=129_310, vat=20_690, vat_rate=1_600)
    found = standing(payment.id)
    assert (found["liability:deferred_revenue"], found["liability:vat_output"]) == (-129_310, -20_690)


def test_what_a_provider_keeps_is_an_expense(till: Till) -> None:
    payment = completion.credit(written(), Event.PAID, receipt="R1", fee=4_500)
    found = standing(payment.id)
    assert (found[RECEIVABLE], found["expense:provider_fee"]) == (145_500, 4_500)
    assert found["liability:deferred_revenue"] + found["liability:vat_output"] == -150_000


def test_a_transfer_is_in_our_bank(till: Till) -> None:
    payment = completion.credit(transfer(), Event.PAID, receipt="FT1")
    assert standing(payment.id)["asset:bank"] == 150_000


def test_money_under_review_stands_in_suspense(office: Office) -> None:
    payment = office.till.bought("456")
    office.till.paid(payment)
    office.till.simulator.flip(payment.order_id, "COMPLETED", amount=1_000)
    office.till.look(payment)
    assert office.till.payment(payment.id).suspended == 1_000
    assert standing(payment.id) == {RECEIVABLE: 1_000, "liability:suspense:unmatched": -1_000}


def test_money_that_is_credited_after_a_review_leaves_suspense(office: Office) -> None:
    payment = reviewed(paid=140_000)
    office.approve(BARAKA, office.decide(payment))
    assert office.till.payment(payment.id).suspended is None
    assert standing(payment.id) == {
        RECEIVABLE: 140_000,
        "liability:deferred_revenue": -118_644,
        "liability:vat_output": -21_356,
        "contra:issued": -5000,
    }


def test_money_that_is_dismissed_leaves_nothing(office: Office) -> None:
    payment = reviewed()
    office.approve(BARAKA, office.decide(payment, "dismiss"))
    assert standing(payment.id) == {}


def test_money_that_goes_back_by_hand_leaves_our_bank(office: Office) -> None:
    payment = reviewed(paid=140_000)
    office.approve(BARAKA, office.decide(payment, "return"))
    assert standing(payment.id)["liability:suspense:unmatched"] == -140_000
    refunds.completed(office.till.payment(payment.id), note="gone")
    assert standing(payment.id) == {RECEIVABLE: 140_000, "asset:bank": -140_000}


def test_money_that_is_in_the_books_as_anothers_is_not_counted_twice(till: Till) -> None:
    payment = till.bought("456")
    till.paid(payment)
    order = till.simulator.simulator._orders.find(payment.order_id)
    assert order
    writes.commit(receipts.guard(replace(payment, id=PaymentId("0" * 26)), order.transid or ""))
    till.look(payment)
    assert till.payment(payment.id).status == "review"
    assert standing(payment.id) == {}


def test_a_refund_takes_back_revenue_and_vat(office: Office) -> None:
    payment = completed()
    office.approve(BARAKA, office.refund(payment, AMINA))
    refunds.completed(office.till.payment(payment.id), note="gone")
    assert standing(payment.id) == {RECEIVABLE: 150_000, "asset:bank": -150_000}


def test_the_money_side_costs_the_credit_no_write_of_its_own(till: Till) -> None:
    payment = till.bought("456")
    till.paid(payment)
    till.wire.clear()
    till.look(payment)
    # The payment, the look before it, the wallet, and the credit: wallet, entry, journal, payment, history, receipt.
    assert till.wire.count("TransactWriteItems") == 1
    till.credited(payment)
    record = tables.get("ledger", tables.Key(f"TXN#pay:{payment.id}:credit", "TXN"))
    assert len(str(record)) < 1024  # one capacity unit, twice in a transaction, as before


def test_postings_that_do_not_balance_are_never_written(till: Till) -> None:
    lopsided = [{"account": "a", "asset": "TZS", "amount": 1}, {"account": "b", "asset": "USD", "amount": -1}]
    with pytest.raises(UnbalancedError):
        ledger.record("x", reference="x", postings=lopsided)


@given(
    paid=st.integers(1, 10**9),
    fee=st.integers(0, 10**6),
    rate=st.sampled_from([None, 0, 1_600, 1_800, 10_000]),
    currency=st.sampled_from(["TZS", "USD"]),
    gateway=st.sampled_from(["zenopay", "bank"]),
    suspended=st.one_of(st.none(), st.integers(1, 10**9)),
)
def test_every_posting_balances(
    paid: int, fee: int, rate: int | None, currency: str, gateway: str, suspended: int | None
) -> None:
    payment = Payment(
        id=PaymentId("p"),
        tenant=TENANT,
        user="u1",
        package=None,
        credits=1,
        amount=paid,
        currency="TZS",
        gateway=gateway,
        wallet="vodacom",
        phone="",
        fingerprint="",
        created_at="2026-01-31T09:30:00.000Z",
        expires_at="",
        watched_until="",
        vat_rate=rate,
        paid_amount=suspended,
        paid_currency=currency,
        suspended=suspended,
        refund_amount=paid,
    )
    for postings in (books.sale(payment, fee=fee), books.refund(payment), books.resolved(payment)):
        assert set(ledger.totals(postings).values()) <= {0}
