"""What the routes of batches answer."""

from pydantic import Field

from functions.sms.batches import batches
from functions.sms.batches.batches import Batch, Refused
from functions.sms.batches.categories import Category
from functions.sms.charges.top_ups import TopUp
from mifumo.modes import Mode
from mifumo.segments import Encoding
from mifumo.wire import Answer

from .send_models import RefusedRecipient, ReplacedAnswer


class TopUpAnswer(Answer):
    """What a parked batch lacks, in credits, and how to buy it."""

    required: int
    available: int
    shortfall: int
    quote_id: str | None = Field(description="An offer of what is lacking; pay it at /api/billing/payments/initiate/.")
    top_up_url: str = Field(examples=["https://console.example/billing/top-up"])

    @classmethod
    def of(cls, top_up: TopUp) -> "TopUpAnswer":
        """Writes an offer for the wire."""
        return cls(**top_up.extensions)


class BatchAnswer(Answer):
    """What one request accepted. `price` and `charged` are credits."""

    id: str | None = Field(description="None for a dry run.")
    status: batches.Status = Field(
        description="`completed`: nothing is left to hand over and the price is settled; receipts may still come. "
        "`parked`: it waits for credits. `scheduled`, `held`: it waits for a moment. `paused`: nothing is handed over "
        "until it is resumed. `cancelling`: what was not handed over ends, bit by bit; `cancelled`: that is done, and "
        "`charged` is what had gone before.",
        examples=["accepted"],
    )
    mode: Mode = Field(description="`test`: no provider hears of it, and it costs nothing.", examples=["live"])
    sender_id: str
    text: str = Field(
        description="The template where recipients got different texts; empty once its only recipient was erased.",
        examples=["Habari ndugu mteja."],
    )
    asked_text: str | None = Field(description="What was asked for, where `smart_encoding` sent it otherwise.")
    replaced: list[ReplacedAnswer] = Field(description="What `smart_encoding` replaced in `asked_text`.")
    encoding: Encoding = Field(
        description="UCS-2 where any of its texts needs it, when they are different.", examples=["GSM-7"]
    )
    segments: int = Field(description="The most that one of its texts needs, when they are different.")
    accepted: int
    refused: list[RefusedRecipient] = Field(description="Told for 30 days.")
    price: int = Field(description="Credits held at accept: the segments of each accepted recipient's text.")
    charged: int = Field(description="Credits captured in the end; 0 until the batch is completed.")
    counts: dict[str, int] = Field(description="How many of its messages are in each status.")
    category: Category = Field(examples=["transactional"])
    send_at: str | None = Field(description="The moment that it was scheduled for.")
    held_until: str | None = Field(description="When what is `held` goes on.")
    reason: str | None = Field(
        description="Why it is `held`: `quiet_hours`, `tenant_suspended`, `sender_id_not_allowed`. Why it was "
        "`cancelled` though nobody asked for it: `tenant_closed`, `waited_too_long`.",
        examples=["quiet_hours"],
    )
    created_at: str
    completed_at: str | None
    top_up: TopUpAnswer | None = Field(None, description="In the answer that parks a batch: what it waits for.")

    @classmethod
    def of(
        cls, batch: Batch, refused: list[Refused], *, status: batches.Status, counts: dict[str, int]
    ) -> "BatchAnswer":
        """Writes a batch for the wire."""
        return cls(
            id=batch.id or None,
            status=status,
            mode=batch.mode,
            sender_id=batch.sender_id,
            text=batch.text,
            asked_text=batch.asked or None,
            replaced=ReplacedAnswer.of(batch.asked or batch.text, batch.text),
            encoding=batch.encoding,
            segments=batch.segments,
            accepted=batch.accepted,
            refused=[RefusedRecipient(recipient=r.recipient, code=r.code, detail=r.detail) for r in refused],
            price=batch.price,
            charged=batch.charged,
            counts=counts,
            category=batch.category,
            send_at=batch.send_at,
            held_until=batch.starts_at if status is batches.Status.HELD else None,
            reason=batch.reason,
            created_at=batch.created_at,
            completed_at=batch.completed_at,
        )


class BatchPage(Answer):
    """A page of batches, newest first."""

    items: list[BatchAnswer]
    next: str | None
