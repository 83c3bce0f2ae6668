"""Category: what a text is for, which decides when it may go."""

from enum import StrEnum


class Category(StrEnum):
    """What a text is for. What is promotional keeps quiet hours; everything else goes at once."""

    TRANSACTIONAL = "transactional"
    PROMOTIONAL = "promotional"
    OTP = "otp"
    ALERT = "alert"
