"""What the routes of webhooks and events answer."""

from typing import Any

from pydantic import Field

from functions.sms.hooks import hook_deliveries
from functions.sms.hooks.events import Type
from functions.sms.hooks.hook_deliveries import Delivery
from functions.sms.hooks.hooks import DisabledBecause, Hook
from functions.sms.hooks.outcomes import CallError
from mifumo import clock
from mifumo.wire import Answer


class WebhookAnswer(Answer):
    id: str
    url: str = Field(examples=["https://duka.example/hooks/mifumo"])
    events: list[Type]
    description: str
    enabled: bool
    disabled_because: DisabledBecause | None = Field(
        description="`gone`: it answered 410. `failing`: every call had failed for days.", examples=["failing"]
    )
    disabled_at: str | None = Field(description="Since when it is told nothing; null while it is enabled.")
    failing_since: str | None = Field(description="The first failure since it took a call; null when it is well.")
    rests_until: str | None = Field(
        description="Until when it is not called, after failing again and again; null while it does not rest."
    )
    created_at: str = Field(examples=["2026-01-31T08:15:30.000Z"])
    updated_at: str

    @classmethod
    def of(cls, hook: Hook) -> "WebhookAnswer":
        """Shows a webhook without its secret."""
        return cls(
            id=hook.id,
            url=hook.url,
            events=sorted(hook.events),
            description=hook.description,
            enabled=hook.disabled is None,
            disabled_because=hook.disabled,
            disabled_at=hook.disabled_at or None,
            failing_since=hook.failing_since or None,
            rests_until=hook.rests_until if hook.rests_until > clock.stamp() else None,
            created_at=hook.created_at,
            updated_at=hook.updated_at,
        )


class AttemptAnswer(Answer):
    at: str
    status: int | None = Field(description="The HTTP status of the answer.", examples=[503])
    error: CallError | None = Field(
        description="Why there was no answer: the name is not known, or leads to an address that is not public; "
        "nothing answers, or not in time; TLS fails; what came was not HTTP; or what came of it was lost with our "
        "worker.",
        examples=["timeout"],
    )
    took_ms: int


class DeliveryAnswer(Answer):
    id: str = Field(description="The event's id, which is the `webhook-id` of every attempt.")
    webhook_id: str
    type: Type
    status: hook_deliveries.State = Field(examples=["delivered"])
    attempts: list[AttemptAnswer] = Field(description="The last 30, oldest first; being told again adds to them.")
    next_attempt_at: str | None
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryAnswer":
        """Shows a delivery."""
        pending = delivery.state is hook_deliveries.State.PENDING
        return cls(
            id=delivery.event,
            webhook_id=delivery.hook,
            type=delivery.type,
            status=delivery.state,
            attempts=[AttemptAnswer(at=a.at, status=a.status, error=a.error, took_ms=a.took_ms) for a in delivery.log],
            next_attempt_at=delivery.next_at if pending else None,
            created_at=delivery.created_at,
            updated_at=delivery.updated_at,
        )


class EventAnswer(Answer):
    id: str
    type: Type = Field(examples=["message.delivered"])
    timestamp: str = Field(examples=["2026-01-31T08:15:30.000Z"])
    data: dict[str, Any] = Field(
        description="Of messages: `batch_id`, and `messages` with `id`, `to`, `status` and `reason` each. "
        "Of a batch: `batch_id`, `status`, `accepted`, `price`, `charged` and `completed_at`. Of a text that came from "
        "a phone: `from`, `to`, `text`, `received_at`, and the `keyword` that was applied (such as STOP) or null. Of a "
        "test of a webhook: `webhook_id`. What became of a test of a text also has `mode`.",
        examples=[
            {
                "batch_id": "01jd8x6m2c4e6g8j0k2m4n6p8q",
                "messages": [
                    {
                        "id": "01jd8x6m2c4e6g8j0k2m4n6p8q-1-1",
                        "to": "+255712345678",
                        "status": "delivered",
                        "reason": None,
                    }
                ],
            }
        ],
    )
