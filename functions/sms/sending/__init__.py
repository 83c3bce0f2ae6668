"""Accepting: an order is checked, priced, held for and recorded once."""
