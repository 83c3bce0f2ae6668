"""What the routes of messages answer."""

from dataclasses import asdict

from pydantic import Field

from functions.sms.batches import messages
from functions.sms.batches.messages import Message
from functions.sms.delivery import timeline
from mifumo.modes import Mode
from mifumo.wire import Answer


class MessageAnswer(Answer):
    """One recipient's text as it stands."""

    id: str
    batch_id: str
    mode: Mode = Field(description="`test`: it went to no provider.", examples=["live"])
    to: str | None = Field(description="None once the number was erased.", examples=["+255712345678"])
    status: messages.Status = Field(examples=["delivered"])
    reason: str | None
    provider_status: str | None
    segments: int
    submitted_at: str | None
    updated_at: str
    text: str | None = Field(description="What was sent, where the recipients of the batch got different texts.")
    asked_text: str | None = Field(description="What was asked for, where `smart_encoding` sent that text otherwise.")

    @classmethod
    def of(cls, message: Message) -> "MessageAnswer":
        """Writes a message for the wire."""
        return cls(
            id=message.id,
            batch_id=message.batch,
            mode=Mode.TEST if message.test else Mode.LIVE,
            to=message.to,
            status=message.status,
            reason=message.reason,
            provider_status=message.provider_status,
            segments=message.segments,
            submitted_at=message.submitted_at,
            updated_at=message.updated_at,
            text=message.text,
            asked_text=message.asked,
        )


class StepAnswer(Answer):
    """What happened to a message at a moment."""

    at: str = Field(examples=["2026-01-31T08:15:30.000Z"])
    what: timeline.Happened = Field(examples=["reported"])
    source: timeline.Source = Field(description="Who says so.", examples=["provider"])
    status: str | None = Field(examples=["delivered"])
    reason: str | None
    provider_status: str | None = Field(description="The provider's own word.", examples=["DELIVERED"])
    until: str | None = Field(description="Until when it waits, as it was known then.")
    credits: int | None = Field(description="What was charged, or given back.")
    webhook: str | None = Field(description="Which webhook was told.")
    reference: str | None = Field(description="The event that it was told of.")

    @classmethod
    def of(cls, step: timeline.Step) -> "StepAnswer":
        """Writes a step for the wire."""
        return cls(**asdict(step))


class MessageStory(MessageAnswer):
    """One recipient's text with all that happened to it."""

    timeline: list[StepAnswer] = Field(
        description="Oldest first. The same report again is not in it; one that changed nothing is `ignored`. "
        "`put_off`: it was not taken, and is tried again (the last five times are told); `lost`: no answer came, so "
        "nobody knows, and it is not sent again; `ended`: as `status` says, with no report."
    )


class MessagePage(Answer):
    """A page of messages."""

    items: list[MessageAnswer]
    next: str | None
