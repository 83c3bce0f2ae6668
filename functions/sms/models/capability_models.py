"""What is answered to whoever asks whether a send would go out."""

from pydantic import Field

from functions.sms.sending.standing import Obstacle
from mifumo.wire import Answer


class BalanceAnswer(Answer):
    """Credits: `available` can be spent, `held` is set aside for batches under way."""

    available: int
    held: int


class CapabilityAnswer(Answer):
    """Whether a text could be sent now, and everything that stands in its way."""

    can_send: bool
    reasons: list[Obstacle] = Field(description="Empty when a text can be sent.", examples=[["no_credits"]])
    balance: BalanceAnswer
    sender_ids: list[str]
    default_sender_id: str | None = Field(
        description="What a text is sent under that names none; null where none is set that you can use.",
        examples=["INFO"],
    )
