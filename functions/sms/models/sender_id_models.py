"""What the routes of sender IDs take and answer, those for platform staff too."""

from typing import Literal

from pydantic import Field

from functions.sms.content import sender_ids
from functions.sms.content.sender_ids import SenderId
from mifumo.wire import Answer, Request


class SenderIdRequest(Request):
    """A name to send under."""

    name: str = Field(max_length=11, description="3 to 11 letters, digits, spaces or dashes.", examples=["Quantum"])
    purpose: str = Field(min_length=10, max_length=500, examples=["Taarifa za miamala kwa wateja wetu"])
    sample: str = Field(min_length=1, max_length=170, examples=["Ndugu mteja, muamala wako umekamilika."])


class SenderIdAnswer(Answer):
    """A tenant's own sender ID or one of the platform's."""

    id: str
    name: str
    kind: Literal["own", "platform"] = Field(examples=["own"])
    status: sender_ids.Status = Field(examples=["pending"])
    reason: str | None
    purpose: str | None
    sample: str | None
    created_at: str | None

    @classmethod
    def of(cls, sender_id: SenderId) -> "SenderIdAnswer":
        """Writes a sender ID for the wire."""
        return cls(
            id=sender_id.id,
            name=sender_id.name,
            kind=sender_id.kind,
            status=sender_id.status,
            reason=sender_id.reason,
            purpose=sender_id.purpose,
            sample=sender_id.sample,
            created_at=sender_id.created_at,
        )


class SenderIdPage(Answer):
    """A page of sender IDs."""

    items: list[SenderIdAnswer]
    next: str | None


class AvailabilityAnswer(Answer):
    """Whether a name can be asked for, and if not why."""

    name: str
    available: bool
    reason: str | None = Field(examples=["reserved"])


class WaitingSenderIdAnswer(SenderIdAnswer):
    """A sender ID as staff see it."""

    tenant_id: str
    at_provider: str | None = Field(
        description="How far the name is at the provider, in its words; null: not asked for there.", examples=["active"]
    )


class WaitingPage(Answer):
    """A page of sender IDs of all tenants."""

    items: list[WaitingSenderIdAnswer]
    next: str | None


class Reason(Request):
    """Why staff decided so; the tenant reads it."""

    reason: str = Field(min_length=3, max_length=500, examples=["Attach a business registration."])


class OptionalReason(Request):
    """A word to go with an approval."""

    reason: str | None = Field(
        default=None, min_length=3, max_length=500, examples=["Registered with the operators on 31 January."]
    )
