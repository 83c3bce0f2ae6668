"""ClickPesa as its merchants see it: mobile-money pushes in Tanzania, checksummed callbacks, faults on demand."""

from sandbox.clickpesa.simulator import ClickPesa

__all__ = ["ClickPesa"]
