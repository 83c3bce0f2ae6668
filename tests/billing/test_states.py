"""States: every state with every event, against the table that the product has decided on."""

import pytest

from functions.billing.states import ENDED, WAITING, Event, Status, transition

# What may follow, written out once more by hand: the code's table has to agree in every one of the 162 cases.
EXPECTED = {
    # the push is answered
    ("created", "accepted"): "pending",
    ("created", "unknown"): "pending",
    ("created", "refused"): "failed",
    ("pending", "accepted"): "pending",
    ("pending", "never_received"): "failed",
    # the provider's account, while we wait
    ("created", "paid"): "completed",
    ("pending", "paid"): "completed",
    ("created", "failed"): "failed",
    ("pending", "failed"): "failed",
    ("created", "cancelled"): "cancelled",
    ("pending", "cancelled"): "cancelled",
    # time, and the tenant's will
    ("pending", "expired"): "expired",
    ("created", "withdrawn"): "cancelled",
    ("pending", "withdrawn"): "cancelled",
    # money that comes late, and what stays open when the watch ends
    ("expired", "paid"): "completed",
    ("failed", "paid"): "completed",
    ("cancelled", "paid"): "completed",
    ("expired", "unresolved"): "review",
    ("cancelled", "unresolved"): "review",
    # money that is not as agreed
    ("created", "mismatched"): "review",
    ("pending", "mismatched"): "review",
    ("failed", "mismatched"): "review",
    ("expired", "mismatched"): "review",
    ("cancelled", "mismatched"): "review",
    ("review", "mismatched"): "review",
    ("refunded", "mismatched"): "review",
    # two people have decided
    ("review", "credit_approved"): "completed",
    ("review", "return_approved"): "refund_pending",
    ("review", "dismissed"): "failed",
    # money goes back
    ("completed", "refund_started"): "refund_pending",
    ("refund_pending", "refund_completed"): "refunded",
    ("refund_pending", "refund_failed"): "completed",
    ("refund_pending", "return_failed"): "review",
}
OF_A_PROVIDER = [Event.PAID, Event.FAILED, Event.CANCELLED, Event.NEVER_RECEIVED, Event.MISMATCHED]


def after(status: Status) -> set[Status]:
    """Returns every state that some event leads to from a state."""
    return {target for event in Event if (target := transition(status, event))}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("event", Event)
def test_each_event_leads_where_the_table_says_or_nowhere(status: Status, event: Event) -> None:
    assert transition(status, event) == EXPECTED.get((status.value, event.value))


def test_the_table_names_no_state_and_no_event_that_does_not_exist() -> None:
    assert {status for status, _ in EXPECTED} | set(EXPECTED.values()) == {status.value for status in Status}
    assert {event for _, event in EXPECTED} == {event.value for event in Event}


@pytest.mark.parametrize("event", OF_A_PROVIDER)
@pytest.mark.parametrize("status", [Status.COMPLETED, Status.REFUND_PENDING])
def test_no_word_of_a_provider_moves_what_is_paid_or_being_refunded(status: Status, event: Event) -> None:
    assert transition(status, event) is None


def test_what_is_completed_can_only_be_refunded() -> None:
    assert after(Status.COMPLETED) == {Status.REFUND_PENDING}


def test_what_is_refunded_can_only_come_before_the_staff_again() -> None:
    assert after(Status.REFUNDED) == {Status.REVIEW}


def test_paid_means_credited_or_nothing_new() -> None:
    assert {transition(status, Event.PAID) for status in Status} == {Status.COMPLETED, None}


@pytest.mark.parametrize("status", sorted(WAITING | ENDED))
def test_money_finds_every_payment_that_waits_or_has_ended(status: Status) -> None:
    assert transition(status, Event.PAID) is Status.COMPLETED
    assert transition(status, Event.MISMATCHED) is Status.REVIEW


def test_a_payment_never_waits_again_once_it_stopped_waiting() -> None:
    for status in set(Status) - WAITING:
        assert not after(status) & WAITING


def test_every_state_is_reached_from_the_first_one() -> None:
    reached = {Status.CREATED}
    while more := {target for status in reached for target in after(status)} - reached:
        reached |= more
    assert reached == set(Status)
