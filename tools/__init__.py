"""Verbs for the person at the terminal: the API document, seed data."""
