"""Second factor: a user sets up an authenticator, gets recovery codes, and turns it off."""

from datetime import UTC, datetime
from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field

from functions.auth import enrolment, second_factor
from functions.auth.enrolment import Begun, Standing
from functions.auth.wire import FactorCode, Given
from mifumo import clock, origins
from mifumo.http import Caller, needs
from mifumo.permissions import Action
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

_COUNTED = "A wrong password or code counts as a failed login."


class PasswordProof(Request):
    password: Given


class FirstCode(Request):
    code: FactorCode


class FullProof(Request):
    password: Given
    code: FactorCode


class FactorView(Answer):
    enabled: bool = Field(description="Whether a login asks for a code.")
    enabled_at: str | None = Field(examples=["2026-01-31T08:15:30.000Z"])
    required: bool = Field(description="Whether this tenant, or the platform of its staff, demands a second factor.")
    recovery_codes_left: int = Field(examples=[10])

    @classmethod
    def of(cls, standing: Standing) -> "FactorView":
        """Shows what a user has and must have."""
        on = standing.factor if second_factor.is_on(standing.factor) else None
        return cls(
            enabled=on is not None,
            enabled_at=on.enabled_at if on else None,
            required=standing.demanded,
            recovery_codes_left=len(on.recovery) if on else 0,
        )


class BegunView(Answer):
    secret: str = Field(
        description="For typing into the app; shown once.", examples=["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"]
    )
    otpauth_uri: str = Field(
        description="For a QR code.",
        examples=["otpauth://totp/Mifumo%20SMS:asha%40duka.example?secret=JBSWY3DPEHPK3PXP&issuer=Mifumo%20SMS"],
    )
    expires_at: str = Field(
        description="Until when the first code has to be confirmed.", examples=["2026-01-31T09:15:30.000Z"]
    )

    @classmethod
    def of(cls, begun: Begun) -> "BegunView":
        """Shows what an app is set up with."""
        return cls(
            secret=begun.secret, otpauth_uri=begun.uri, expires_at=clock.stamp(datetime.fromtimestamp(begun.until, UTC))
        )


class RecoveryCodes(Answer):
    recovery_codes: list[str] = Field(
        description="Each stands in for the authenticator once. Shown once: print them.", examples=[["7k2mq-x9d4t"]]
    )


@router.get("/api/auth/second-factor/", summary="Show your second factor", tags=["auth"])
@needs(Action.OWN_ACCOUNT)
def show_second_factor(caller: Caller) -> FactorView:
    return FactorView.of(enrolment.standing(caller))


@router.post(
    "/api/auth/second-factor/",
    status_code=201,
    summary="Begin to set up an authenticator",
    description="Nothing is asked for until you confirm the first code. Beginning again makes a new secret. "
    "A wrong password counts as a failed login.",
    tags=["auth"],
    openapi_extensions={"x-problems": [409, 429]},
)
@needs(Action.OWN_ACCOUNT)
def begin_second_factor(request: PasswordProof, caller: Caller) -> BegunView:
    password = request.password.get_secret_value()
    return BegunView.of(enrolment.begin(caller, password, source_ip=origins.current().ip))


@router.post(
    "/api/auth/second-factor/confirm/",
    summary="Turn the second factor on",
    description="Every other session of yours ends. Where a second factor was demanded, refresh your token now.",
    tags=["auth"],
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.OWN_ACCOUNT)
def confirm_second_factor(request: FirstCode, caller: Caller) -> RecoveryCodes:
    return RecoveryCodes(recovery_codes=enrolment.confirm(caller, request.code.get_secret_value()))


@router.post(
    "/api/auth/second-factor/recovery-codes/",
    summary="Get new recovery codes",
    description=f"The old ones are void from now on. {_COUNTED}",
    tags=["auth"],
    openapi_extensions={"x-problems": [409, 429]},
)
@needs(Action.OWN_ACCOUNT)
def renew_recovery_codes(request: FullProof, caller: Caller) -> RecoveryCodes:
    codes = enrolment.renew(caller, *_shown(request), source_ip=origins.current().ip)
    return RecoveryCodes(recovery_codes=codes)


@router.post(
    "/api/auth/second-factor/disable/",
    status_code=204,
    summary="Turn the second factor off",
    description="With a code of the authenticator, or a recovery code if it is lost. Every other session of yours "
    f"ends. {_COUNTED}",
    tags=["auth"],
    openapi_extensions={"x-problems": [409, 429]},
)
@needs(Action.OWN_ACCOUNT)
def disable_second_factor(request: FullProof, caller: Caller) -> Response[None]:
    enrolment.disable(caller, *_shown(request), source_ip=origins.current().ip)
    return Response(HTTPStatus.NO_CONTENT)


def _shown(request: FullProof) -> tuple[str, str]:
    return request.password.get_secret_value(), request.code.get_secret_value()
