"""What the sms routes take and answer: the field names of docs/api."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from mifumo import substitutes
from mifumo.modes import Mode
from mifumo.segments import Encoding
from mifumo.wire import Answer, Request

from . import batches, messages, rendering, sender_ids, timeline
from .batches import Batch, Refused
from .categories import Category
from .messages import Message
from .moments import Moment
from .sender_ids import SenderId
from .standing import Obstacle
from .top_ups import TopUp

Recipient = Annotated[str, Field(min_length=1, max_length=32)]
SMART_ENCODING = Field(
    default=False,
    description="Send typographic quotes, dashes, dots and spaces as plain ones, unless that would cost more; no "
    "letter is changed. Placeholders are filled before.",
    examples=[True],
)
Variables = Annotated[
    dict[Annotated[str, StringConstraints(max_length=40)], Annotated[str, StringConstraints(max_length=500)]],
    Field(max_length=rendering.VARIABLES_MAX),
]


class PersonalRecipient(Request):
    """A number, and what is put into the template for it."""

    to: Recipient
    variables: Variables = Field(default_factory=dict)


def _written(recipient: object) -> object:
    """Reads a recipient that is a plain number as one without variables."""
    if isinstance(recipient, str):
        return {"to": recipient}
    if isinstance(recipient, dict | PersonalRecipient):
        return recipient
    raise ValueError("Write a number, or an object with a number `to` and its `variables`.")


_NUMBER_SCHEMA: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 32}
_RECIPIENT_SCHEMA: dict[str, Any] = {
    "anyOf": [
        _NUMBER_SCHEMA,
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["to"],
            "properties": {
                "to": _NUMBER_SCHEMA,
                "variables": {
                    "type": "object",
                    "maxProperties": rendering.VARIABLES_MAX,
                    "additionalProperties": {"type": "string", "maxLength": 500},
                },
            },
        },
    ]
}
AnyRecipient = Annotated[PersonalRecipient, BeforeValidator(_written), WithJsonSchema(_RECIPIENT_SCHEMA)]


_PARK = Field(
    default=False,
    description="When credits are lacking, keep it and send it by itself once there are enough, within a week.",
)
_MODE = Field(
    None,
    description="`test`: all goes its way but to a provider, and nothing is charged; what becomes of each text follows "
    "from the last three digits of its number. Left out, it is the mode of the API key.",
    examples=["live"],
)
_MAX_CREDITS = "The most that it may cost: what would cost more is refused with 409, before anything is held."
_SEND_AT = (
    "When to send it, as RFC 3339 with any offset: at least ten seconds and at most 365 days ahead. Its price is held "
    "from now on; until then it can be moved or cancelled."
)


class SendRequest(Request):
    """One text, or a template with its values, for up to 1,000 numbers."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "sender_id": "INFO",
                    "text": "Habari ndugu mteja, salio lako ni TSh 10,000/=. Asante!",
                    "recipients": ["0712345678", "+255 612 345 678"],
                    "dry_run": False,
                    "park": False,
                }
            ]
        }
    )

    sender_id: str | None = Field(
        None,
        min_length=1,
        max_length=11,
        description="A name of `GET /api/sms/capability/`. Left out, it is the tenant's `default_sender_id`.",
        examples=["INFO"],
    )
    text: str | None = Field(
        None,
        min_length=1,
        max_length=2000,
        description="At most ten segments. White space around it is not sent.",
        examples=["Habari ndugu mteja, salio lako ni TSh 10,000/=. Asante!"],
    )
    template_id: str | None = Field(
        None, description="A template instead of a text.", examples=["01jd8x6q5v7w9y2k4m6p8r0t1a"]
    )
    variables: Variables = Field(
        default_factory=dict,
        description="A value for each variable of the template, the same for all recipients that bring none.",
        examples=[{"name": "Asha", "amount": "10,000"}],
    )
    recipients: list[AnyRecipient] | None = Field(
        None,
        min_length=1,
        max_length=1000,
        description="Mobile numbers as people write them, of Tanzania or (with their +) of the tenant's "
        "`foreign_countries`; each number is sent to once. A segment costs one credit everywhere. With a template, a "
        "recipient may bring `variables` of its own, which go before those for all.",
        examples=[["0712345678", {"to": "+255 612 345 678", "variables": {"name": "Asha"}}]],
    )
    group_id: str | None = Field(
        None,
        description="A group instead of recipients: whoever is in it now.",
        examples=["01jd8x6q5v7w9y2k4m6p8r0t1a"],
    )
    category: Category | None = Field(
        None,
        description="What it is for, where no template says so. What is `promotional` waits for the end of the "
        "tenant's quiet hours; everything else, `transactional` unless told otherwise, goes at once.",
        examples=["transactional"],
    )
    send_at: Moment | None = Field(None, description=_SEND_AT, examples=["2027-01-31T08:15:00+03:00"])
    max_credits: int | None = Field(None, ge=1, description=_MAX_CREDITS, examples=[5_000])
    smart_encoding: bool = SMART_ENCODING
    dry_run: bool = Field(default=False, description="Answer as if it were sent, and change nothing.")
    allow_repeat: bool = Field(
        default=False,
        description="Send it to those as well that get this very text within half an hour of it. Left out, they come "
        "back in `refused` as `repeated`.",
    )
    park: bool = _PARK
    mode: Mode | None = _MODE


class QuotedRequest(Request):
    """What was counted and priced before, to be sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"quote_id": "01jd8x6q5v7w9y2k4m6p8r0t1a"}]})

    quote_id: str = Field(description="The `id` of a quote that is ready.", examples=["01jd8x6q5v7w9y2k4m6p8r0t1a"])
    category: Category = Field(
        Category.TRANSACTIONAL,
        description="What it is for. What is `promotional` waits for the end of the tenant's quiet hours.",
        examples=["transactional"],
    )
    send_at: Moment | None = Field(None, description=_SEND_AT, examples=["2027-01-31T08:15:00+03:00"])
    max_credits: int | None = Field(None, ge=1, description=_MAX_CREDITS, examples=[5_000])
    allow_repeat: bool = Field(
        default=False,
        description="Send it also when its recipients, or some of them, get these very texts within half an hour of "
        "it. Left out, the quote is refused as `repeated`: it is sent as a whole or not at all.",
    )
    park: bool = _PARK
    mode: Mode | None = _MODE


class RescheduleRequest(Request):
    """Another moment for a batch that waits."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"send_at": "2027-01-31T08:15:00+03:00"}]})

    send_at: Moment = Field(description=_SEND_AT, examples=["2027-01-31T08:15:00+03:00"])


class ReplacedAnswer(Answer):
    """A character that was replaced."""

    char: str = Field(examples=["\u2019"])
    by: str = Field(description="Empty for a character that nobody sees.", examples=["'"])
    times: int

    @classmethod
    def of(cls, asked: str, sent: str) -> "list[ReplacedAnswer]":
        """Lists what is different in a text that was sent."""
        return [cls(char=one.char, by=one.by, times=one.times) for one in substitutes.replaced(asked, sent)]


class RefusedRecipient(Answer):
    """A recipient that was not accepted."""

    recipient: str = Field(description="As it was written; empty once the number was erased.", examples=["07123"])
    code: str = Field(examples=["too_short"])
    detail: str


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
        description="Why it is `held`: `quiet_hours`, or `tenant_suspended`.", examples=["quiet_hours"]
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
            mode=Mode.TEST if batch.test else Mode.LIVE,
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
        description="Oldest first. The same report again is not in it; one that changed nothing is `ignored`."
    )


class MessagePage(Answer):
    """A page of messages."""

    items: list[MessageAnswer]
    next: str | None


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
