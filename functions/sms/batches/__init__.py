"""Batches, their chunks and messages: what they are, how far they are, and how each is stored."""
