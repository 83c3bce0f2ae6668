"""Failure: why a payment has ended without money, as its tenant is told and as others decide by it."""

from typing import Final

EXPIRED: Final = "expired"
FAILED: Final = "payment_failed"
NEVER_RECEIVED: Final = "never_received"
CANCELLED_BY_PAYER: Final = "cancelled_by_payer"
"""The payer has refused the push: it is over, as far as the provider knows."""
DISMISSED: Final = "dismissed"
"""The staff have looked at it, and left it."""
