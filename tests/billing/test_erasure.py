"""Erasing a number from payments: gone from what is settled, kept where money may still move, amounts as they were."""

import json
from typing import Any

import pytest

from functions.billing import erasure, privacy
from functions.billing.payment import Payment
from mifumo import aws, ids, provider_events, tenants, wallets, writes
from mifumo import privacy as privacy_requests
from mifumo.ids import TenantId
from mifumo.privacy import Kind, Part, State, Step
from mifumo.tables import Key
from tests.billing.conftest import INITIATE, TENANT, Till
from tests.builders import token
from tests.steps import Steps, asked_to_forget
from tests.wire import Crash

DIGITS = "255754123456"
NATIONAL = "754123456"


@pytest.fixture
def steps(till: Till) -> Steps:
    """The worker and its queue; the provider calls back from a thread of its own."""
    till.wire.take_turns()
    return Steps(Part.BILLING, privacy.handler)


def asked(till: Till) -> Step:
    """Asks for the number to be forgotten, a moment after what was done before."""
    till.travel.forward(1)
    return asked_to_forget(DIGITS, TENANT)


def settled(till: Till, digits: str = "456", *, key: str = "key-1") -> Payment:
    """Buys, pays and gets the credits."""
    payment = till.bought(digits, key=key)
    till.paid(payment)
    till.callbacks(len(till.simulator.log()["orders"]))
    till.look(payment)
    till.credited(payment)
    return payment


def stored() -> str:
    """Everything in the table."""
    items = [aws.unmarshal(item) for item in aws.dynamodb().scan(TableName="ledger")["Items"]]
    return json.dumps(sorted(items, key=lambda item: (item["pk"], item["sk"])))


def test_the_number_is_nowhere_any_more_and_the_money_is_as_it_was(till: Till, steps: Steps) -> None:
    payment = settled(till)
    wallet, before = wallets.read(TENANT), till.call("GET", f"/api/billing/payments/{payment.id}/")[1]
    assert NATIONAL in stored()
    assert steps.state(steps.run(asked(till))) is State.DONE
    assert NATIONAL not in stored()
    assert till.call("GET", f"/api/billing/payments/{payment.id}/")[1] == {**before, "phone": None}
    assert before["phone"] == f"+{DIGITS}"
    assert wallets.read(TENANT) == wallet
    till.credited(payment)


def test_what_the_provider_said_is_kept_without_the_number_however_it_is_written(till: Till, steps: Steps) -> None:
    payment = settled(till)
    for written in ("255754123456", "+255754123456", "0754123456", "754123456"):
        till.call_back(payment, msisdn=written, channel="MPESA-TZ")
    till.call_back(payment, msisdn="255754123457")
    steps.run(asked(till))
    kept = [body for _, body in provider_events.of_order("zenopay", payment.order_id)]
    assert NATIONAL not in stored()
    assert sum("MPESA-TZ" in body and '"msisdn": "[erased]"' in body for body in kept) == 4
    assert any("255754123457" in body for body in kept)


def test_a_repeated_callback_is_still_known_for_one(till: Till, steps: Steps) -> None:
    payment = settled(till)
    till.call_back(payment, msisdn=DIGITS)
    steps.run(asked(till))
    kept = len(provider_events.of_order("zenopay", payment.order_id))
    assert till.call_back(payment, msisdn=DIGITS)[0] == 200
    assert len(provider_events.of_order("zenopay", payment.order_id)) == kept
    assert NATIONAL not in stored()


def test_a_note_of_the_history_loses_the_number_and_keeps_its_other_words(till: Till, steps: Steps) -> None:
    payment = settled(till)
    line = till.items(f"PAY#{payment.id}", "H#")[1]
    writes.commit(
        writes.update(
            "ledger",
            Key(line["pk"], line["sk"]),
            "SET note = :note",
            condition="attribute_exists(pk)",
            values={":note": "push to 0754123456 made"},
            refused=lambda _: LookupError(),
        )
    )
    steps.run(asked(till))
    assert till.items(f"PAY#{payment.id}", "H#")[1] == {**line, "note": "push to [erased] made"}


def test_no_fingerprint_is_left_to_be_guessed_by_and_a_repeated_order_is_refused(till: Till, steps: Steps) -> None:
    payment = settled(till)
    guessed = ids.fingerprint("lite", "vodacom", f"+{DIGITS}")
    assert payment.fingerprint == guessed
    steps.run(asked(till))
    assert guessed not in stored()
    status, problem = till.buy()
    assert (status, problem["code"]) == (422, "idempotency_key_reused")


def test_a_payment_that_may_still_be_paid_keeps_its_number_until_it_is_settled(till: Till, steps: Steps) -> None:
    payment = till.bought()
    step = asked(till)
    (again,) = steps.deliver(step.body())
    assert (till.payment(payment.id).phone, steps.state(step)) == (f"+{DIGITS}", State.RUNNING)
    assert steps.delays == [900]
    till.paid(payment)
    till.look(payment)
    assert steps.deliver(again) == []
    assert (till.payment(payment.id).phone, steps.state(step)) == ("", State.DONE)


def test_a_payment_that_ended_is_watched_for_late_money_first(till: Till, steps: Steps) -> None:
    payment = till.bought("129")  # the payer never answers
    step = asked_to_forget("255754123129", TENANT)
    till.travel.forward(26)
    till.sweep()
    assert till.payment(payment.id).status == "expired"
    (again,) = steps.deliver(step.body())
    assert till.payment(payment.id).phone == "+255754123129"
    till.simulator.flip(payment.order_id, "FAILED")
    till.travel.forward(300)
    till.sweep()
    assert steps.deliver(again) == []
    assert "754123129" not in stored()


def test_a_payment_that_staff_have_to_decide_on_keeps_its_number(till: Till, steps: Steps) -> None:
    payment = till.bought("529")  # another amount than agreed
    till.paid(payment)
    till.look(payment)
    assert till.payment(payment.id).status == "review"
    step = asked_to_forget("255754123529", TENANT)
    assert len(steps.deliver(step.body())) == 1
    assert till.payment(payment.id).phone == "+255754123529"


def test_other_numbers_other_tenants_and_later_payments_are_left_alone(till: Till, steps: Steps) -> None:
    writes.commit(tenants.put(TenantId("t2"), "Duka", verified=True))
    other = settled(till, "457", key="other")
    body = {"package_id": "lite", "provider": "vodacom", "phone": f"0{NATIONAL}"}
    status, theirs = till.call("POST", INITIATE, body, token=token(tenant="t2"))
    assert status == 202
    step = asked(till)
    till.travel.forward(1)
    later = till.bought(key="later")
    assert steps.deliver(step.body()) == []
    assert till.payment(other.id).phone == "+255754123457"
    assert till.payment(theirs["id"]).phone == f"+{DIGITS}"
    assert till.payment(later.id).phone == f"+{DIGITS}"


def test_many_payments_go_page_by_page_and_twice_is_once(
    till: Till, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "_PAYMENTS_A_STEP", 2)
    for number in range(5):
        settled(till, key=f"key-{number}")
    step = steps.run(asked(till))
    assert NATIONAL not in stored()
    assert steps.delays == [0, 0]
    once = stored()
    assert steps.state(steps.run(step)) is State.DONE
    assert stored() == once


def test_a_clearance_erases_every_number_and_waits_for_what_is_open(till: Till, steps: Steps) -> None:
    paid = [settled(till, "456", key="a"), settled(till, "457", key="b")]
    still_open = till.bought("129", key="c")
    wallet = wallets.read(TENANT)
    till.travel.forward(1)
    step = privacy_requests.first(Kind.CLEARANCE, TENANT, ids.derived("clearance"), run=ids.new())
    writes.commit(privacy_requests.ask(step))
    (again,) = steps.deliver(step.body())
    assert [till.payment(payment.id).phone for payment in (*paid, still_open)] == ["", "", "+255754123129"]
    till.travel.forward(26)
    till.sweep()
    till.simulator.flip(still_open.order_id, "FAILED")
    till.travel.forward(300)
    till.sweep()
    assert steps.deliver(again) == []
    assert "754123" not in stored()
    assert wallets.read(TENANT) == wallet
    assert steps.state(step) is State.DONE


@pytest.mark.parametrize("poison", ["no json", {"kind": "erasure"}, {"kind": "loan", "tenant": "t1"}])
def test_a_message_that_is_no_step_goes_back_to_the_queue_and_changes_nothing(
    till: Till, steps: Steps, poison: Any
) -> None:
    settled(till)
    before = stored()
    assert steps.handle(poison) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert stored() == before


def test_a_worker_that_dies_anywhere_leaves_what_the_next_delivery_finishes(till: Till, steps: Steps) -> None:
    for at in range(30):
        died = []
        for after in (False, True):
            payment = settled(till, key=f"{at}-{after}")
            till.call_back(payment, msisdn=DIGITS)
            step = asked(till)
            till.wire.cut(at, after=after)
            try:
                steps.handle(step.body())
            except Crash:
                died.append(after)
            till.wire.mend()
            steps.run(step)
            assert NATIONAL not in stored(), (at, after)
            till.credited(payment)
        if not died:
            return
    raise AssertionError("thirty calls are too many for one payment")
