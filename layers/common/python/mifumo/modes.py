"""Mode: whether something is done for good, or tried."""

from enum import StrEnum


class Mode(StrEnum):
    """What is sent in test mode reaches no provider and costs nothing; a test key sends nothing else."""

    LIVE = "live"
    TEST = "test"
