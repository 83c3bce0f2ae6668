"""ZenoPay as its merchants see it: mobile-money pushes in Tanzania, their status, callbacks, and faults on demand."""

from sandbox.zenopay.simulator import ZenoPay

__all__ = ["ZenoPay"]
