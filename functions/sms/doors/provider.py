"""Routes for platform staff: whether texts are handed to the provider, and switching that off and on."""

from typing import Self

from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import ConfigDict, Field

from functions.sms.provider import account, switch
from mifumo.circuits import Circuit, State
from mifumo.http import Caller, needs
from mifumo.permissions import Action
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["admin"]


class ProviderSwitch(Request):
    """Why the provider is switched off or on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "Beem announced maintenance until 14:00."}]})

    reason: str = Field(min_length=10, max_length=500, examples=["Beem announced maintenance until 14:00."])


class ProviderCircuit(Answer):
    """Whether chunks are handed over."""

    state: State = Field(description="`open`: none is handed over; `half_open`: the next one tries.")
    held: bool = Field(description="Whether staff have opened it: then it stays open until staff close it.")
    failures: int = Field(description="Calls without an answer, in a row.", examples=[0])
    openings: int = Field(description="How often in a row; each time it is for longer.", examples=[1])
    open_until: str | None = Field(examples=["2026-01-31T09:31:00.000Z"])
    reason: str = Field(description="Why it was opened, or what the last failure was.", examples=["provider_balance"])

    @classmethod
    def of(cls, circuit: Circuit) -> Self:
        """Shows a circuit."""
        return cls(
            state=circuit.state,
            held=circuit.held,
            failures=circuit.failures,
            openings=circuit.openings,
            open_until=None if circuit.held else circuit.open_until,
            reason=circuit.reason,
        )


class ProviderSenderName(Answer):
    """A sender name of our account at the provider."""

    name: str = Field(examples=["INFO"])
    status: str = Field(description="In the provider's words.", examples=["active"])


class ProviderAnswer(Answer):
    """The provider of texts and our account there, which is read once an hour."""

    name: str = Field(examples=["beem"])
    circuit: ProviderCircuit
    balance: int | None = Field(description="Credits left there; null before the first reading.", examples=[250000])
    balance_read_at: str | None = Field(examples=["2026-01-31T09:31:00.000Z"])
    sender_names: list[ProviderSenderName]
    sender_names_read_at: str | None = Field(examples=["2026-01-31T09:31:00.000Z"])


@router.get("/api/admin/sms/provider/", summary="See whether texts are handed to the provider", tags=_TAGS)
@needs(Action.PLATFORM_READ)
def provider(_caller: Caller) -> ProviderAnswer:
    return _answer(switch.read())


@router.post(
    "/api/admin/sms/provider/stop/",
    summary="Hand nothing to the provider until further notice",
    description="Chunks wait, credits stay held, and nothing that waits is lost.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.PROVIDERS_SWITCH)
def stop(body: ProviderSwitch, caller: Caller) -> ProviderAnswer:
    return _answer(switch.stop(caller, body.reason))


@router.post(
    "/api/admin/sms/provider/resume/",
    summary="Hand texts to the provider again",
    description="Whoever opened the circuit: staff, trouble with our account, or failures in a row.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.PROVIDERS_SWITCH)
def resume(body: ProviderSwitch, caller: Caller) -> ProviderAnswer:
    return _answer(switch.go_on(caller, body.reason))


def _answer(circuit: Circuit) -> ProviderAnswer:
    own = account.read()
    return ProviderAnswer(
        name=circuit.place.provider,
        circuit=ProviderCircuit.of(circuit),
        balance=own.balance,
        balance_read_at=own.balance_read_at,
        sender_names=[ProviderSenderName(name=name, status=status) for name, status in sorted(own.names.items())],
        sender_names_read_at=own.names_read_at,
    )
