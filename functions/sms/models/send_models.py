"""What sends and quotes ask for, and what is said of recipients and characters of theirs."""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from functions.sms.batches.categories import Category
from functions.sms.content import rendering
from functions.sms.timing.moments import Moment
from mifumo import substitutes
from mifumo.modes import Mode
from mifumo.wire import Answer, Request

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

_CATEGORY = Field(
    None,
    description="What it is for, where no template says so. What is `promotional` waits for the end of the tenant's "
    "quiet hours; everything else, `transactional` unless told otherwise, goes at once.",
    examples=["transactional"],
)
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
        description="A value for each variable of the template, the same for all recipients that bring none. In a send "
        "to a group, name, phone and attributes of each contact fill what is left out here.",
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
        description="A group instead of recipients: whoever is in it now. With a template, contacts that lack a value "
        "come back in `refused` as `variable_missing`.",
        examples=["01jd8x6q5v7w9y2k4m6p8r0t1a"],
    )
    category: Category | None = _CATEGORY
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
    category: Category | None = _CATEGORY
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
