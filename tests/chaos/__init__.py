"""Chaos: stories in which everything goes wrong that can, each told from one seed, and what must hold at their end."""
