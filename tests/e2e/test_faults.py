"""Each fault of the provider over the deployed stack: nothing goes out twice, and the money ends where it belongs."""

import pytest

from tests.e2e.sending import accepted_texts, completed
from tests.e2e.stack import Tenant, wait_until


@pytest.mark.parametrize("fault", ["timeout_after_accept", "reset_after_accept", "garbage_200"])
def test_a_lost_answer_is_never_sent_again_and_its_receipts_settle_it(tenant: Tenant, fault: str) -> None:
    tenant.buy_lite()
    tenant.stack.beem.add_fault(fault)
    numbers = tenant.numbers(12)
    batch = tenant.send(numbers).json()

    def confirmed() -> bool:
        return set(tenant.statuses(batch["id"]).values()) == {"delivered"}

    wait_until("the receipts confirm the lost answer", confirmed, within_s=90, every_s=2)
    wait_until("the sweep settles it", lambda: tenant.stack.sweep() and tenant.balance() == (4_988, 0), within_s=90)
    assert tenant.batch(batch["id"])["charged"] == 12
    assert list(accepted_texts(tenant, numbers).values()) == [1] * 12
    tenant.ledger()


@pytest.mark.parametrize("fault", ["timeout_before_accept", "http_500"])
def test_what_nobody_knows_is_held_then_ends_unknown_and_is_given_back(tenant: Tenant, fault: str) -> None:
    tenant.buy_lite()
    tenant.stack.beem.add_fault(fault)
    numbers = tenant.numbers(3)
    batch = tenant.send(numbers).json()
    wait_until(
        "the outcome is unknown", lambda: tenant.batch(batch["id"])["counts"].get("submit_unknown") == 3, every_s=0.3
    )
    assert tenant.balance() == (4_997, 3), "held until a receipt or the policy settles it"
    wait_until("the window is over", lambda: tenant.stack.sweep() and tenant.balance() == (5_000, 0), within_s=90)
    assert tenant.batch(batch["id"])["counts"] == {"unknown": 3}
    assert not accepted_texts(tenant, numbers)
    tenant.ledger()


@pytest.mark.parametrize("fault", ["refuse_connection", "http_429"])
def test_what_was_not_sent_is_tried_again_until_it_is(tenant: Tenant, fault: str) -> None:
    tenant.buy_lite()
    tenant.stack.beem.add_fault(fault, times=2)
    numbers = tenant.numbers(3)
    batch = tenant.send(numbers).json()
    completed(tenant, batch["id"])
    assert tenant.batch(batch["id"])["charged"] == 3
    assert list(accepted_texts(tenant, numbers).values()) == [1] * 3
    tenant.ledger()


@pytest.mark.parametrize("fault", ["not_successful", "code_111"])
def test_a_refusal_costs_nothing_and_says_why(tenant: Tenant, fault: str) -> None:
    tenant.buy_lite()
    tenant.stack.beem.add_fault(fault)
    batch = tenant.send(tenant.numbers(3)).json()
    assert completed(tenant, batch["id"]) == {"rejected": 3}
    messages = tenant.get(f"sms/batches/{batch['id']}/messages/")["items"]
    assert {message["reason"] for message in messages} <= {"invalid_number", "invalid_sender_id"}
    assert tenant.balance() == (5_000, 0)
    assert [entry["kind"] for entry in tenant.ledger()] == ["credit", "hold", "release"]


@pytest.mark.parametrize("fault", ["code_102", "code_120"])
def test_trouble_with_the_platforms_account_holds_everything_back_until_it_is_over(tenant: Tenant, fault: str) -> None:
    tenant.buy_lite()
    tenant.stack.beem.add_fault(fault)
    batch = tenant.send(tenant.numbers(2)).json()
    wait_until("the circuit opens", lambda: "provider_unavailable" in tenant.get("sms/capability/")["reasons"])
    assert tenant.balance() == (4_998, 2)

    def sent() -> bool:
        tenant.stack.sweep()
        return bool(tenant.batch(batch["id"])["status"] == "completed")

    wait_until("the circuit closes and the batch goes out", sent, within_s=90, every_s=2)
    assert tenant.batch(batch["id"])["charged"] == 2
