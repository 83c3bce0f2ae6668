"""pawaPay as its merchants see it: deposits and refunds in Tanzania, signed callbacks, and faults on demand."""

from sandbox.pawapay.simulator import PawaPay

__all__ = ["PawaPay"]
