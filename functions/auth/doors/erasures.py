"""Erasures: a tenant has the number of one of its customers forgotten."""

from typing import Annotated

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from functions.auth import erasures
from mifumo import phone
from mifumo.http import Caller, needs
from mifumo.permissions import Action
from mifumo.phone import InvalidNumber, Msisdn
from mifumo.privacy import DataRequest, State
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


def _number(written: object) -> object:
    if not isinstance(written, str):
        return written
    try:
        return phone.parse(written, countries=phone.EVERYWHERE)
    except InvalidNumber as error:
        raise PydanticCustomError("phone_invalid", "{detail}", {"detail": error.detail}) from error


class ErasureRequest(Request):
    phone: Annotated[str, BeforeValidator(_number), Field(max_length=32)] = Field(
        description="The number as people write it.", examples=["0712345678"]
    )


class ErasureView(Answer):
    id: str = Field(description="Always the same for a number of yours.")
    state: State = Field(
        description="`running` while texts to the number or payments from it may still change: three days after a text "
        "and seven after a payment.",
        examples=["running"],
    )
    parts: dict[str, State] = Field(
        description="How far each part is: `sms` and `billing`.", examples=[{"sms": "running", "billing": "done"}]
    )
    asked_at: str = Field(description="What was accepted later is kept.", examples=["2026-01-31T08:15:30.000Z"])
    done_at: str | None = Field(examples=["2026-01-31T08:30:30.000Z"])

    @classmethod
    def of(cls, found: DataRequest) -> "ErasureView":
        """Shows an erasure."""
        parts = {part.value: state for part, state in found.parts.items()}
        return cls(id=found.id, state=found.state, parts=parts, asked_at=found.asked_at, done_at=found.done_at)


@router.post(
    "/api/tenant/erasures/",
    status_code=202,
    summary="Have a number forgotten",
    description="The number goes from your messages, batches and payments, with the words of batches to it alone. What "
    "was sent, charged and paid stays, without it. Texts under way are not stopped: the number goes when they have "
    "ended. Ask again at any time; what was sent since then is forgotten as well.",
    tags=["tenant"],
)
@needs(Action.DATA_EXPORT)
def erase_number(request: ErasureRequest, caller: Caller) -> ErasureView:
    return ErasureView.of(erasures.start(caller, Msisdn(request.phone)))


@router.get("/api/tenant/erasures/<erasure_id>/", summary="See how far an erasure is", tags=["tenant"])
@needs(Action.DATA_EXPORT)
def read_erasure(erasure_id: str, caller: Caller) -> ErasureView:
    return ErasureView.of(erasures.read(caller.tenant_id, erasure_id))
