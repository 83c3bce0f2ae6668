"""Doors of the auth slice: one file of routes for each thing that a person or a tenant has here."""
