"""States: every state with every event, against the table that the product has decided on."""

import pytest

from functions.billing.states import Event, Status, transition

# What may follow, written out once more by hand: the code's table has to agree in every one of the 72 cases.
EXPECTED = {
    ("created", "accepted"): "pending",
    ("created", "unknown"): "pending",
    ("created", "refused"): "failed",
    ("created", "paid"): "completed",
    ("created", "failed"): "failed",
    ("created", "cancelled"): "cancelled",
    ("created", "mismatched"): "review",
    ("pending", "accepted"): "pending",
    ("pending", "paid"): "completed",
    ("pending", "failed"): "failed",
    ("pending", "cancelled"): "cancelled",
    ("pending", "expired"): "expired",
    ("pending", "mismatched"): "review",
    ("failed", "paid"): "completed",
    ("failed", "mismatched"): "review",
    ("expired", "paid"): "completed",
    ("expired", "mismatched"): "review",
    ("cancelled", "paid"): "completed",
    ("cancelled", "mismatched"): "review",
}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("event", Event)
def test_each_event_leads_where_the_table_says_or_nowhere(status: Status, event: Event) -> None:
    assert transition(status, event) == EXPECTED.get((status.value, event.value))


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("status", [Status.COMPLETED, Status.REVIEW, Status.REFUND_PENDING, Status.REFUNDED])
def test_no_word_of_a_provider_moves_what_is_paid_or_in_the_hands_of_the_staff(status: Status, event: Event) -> None:
    assert transition(status, event) is None
