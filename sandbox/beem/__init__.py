"""Beem Africa as its customers see it: the SMS API, its delivery reports, and faults on demand."""

from sandbox.beem.simulator import Beem

__all__ = ["Beem"]
