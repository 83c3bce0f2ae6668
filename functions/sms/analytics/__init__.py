"""What was sent on each day and what became of it, counted as it happens."""
