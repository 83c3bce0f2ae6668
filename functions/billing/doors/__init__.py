"""The routes of the billing slice, one thing each."""
