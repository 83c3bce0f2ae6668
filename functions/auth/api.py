"""HTTP routes of the auth slice; also the API's manual, and the answer to every path that no slice has."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import aws, origins
from mifumo.http import api, public
from mifumo.observability import entrypoint, logger

from . import cookies, delivery, manual, signin, tokens
from .cookies import Kept
from .doors import (
    acceptance,
    audit,
    businesses,
    closing,
    codes,
    directory,
    erasures,
    exports,
    invitations,
    keys,
    members,
    platform_staff,
    privacy,
    profile,
    second_factor,
    sessions,
    staff,
    tenant,
)
from .wire import (
    Entrance,
    LoginRequest,
    Refreshed,
    RefreshRequest,
    RegisterRequest,
    TokensView,
)

app = api()
app.include_router(manual.router)
app.include_router(codes.router)
app.include_router(businesses.router)
app.include_router(members.router)
app.include_router(invitations.router)
app.include_router(acceptance.router)
app.include_router(keys.router)
app.include_router(staff.router)
app.include_router(platform_staff.router)
app.include_router(directory.router)
app.include_router(privacy.router)
app.include_router(erasures.router)
app.include_router(exports.router)
app.include_router(closing.router)
app.include_router(tenant.router)
app.include_router(profile.router)
app.include_router(sessions.router)
app.include_router(second_factor.router)
app.include_router(audit.router)


@app.post(
    "/api/auth/register/",
    status_code=201,
    summary="Register a business and its owner",
    description="Makes the user, the tenant and the ownership, or nothing of them. The answer signs you in.",
    tags=["auth"],
    openapi_extensions={"x-problems": [409]},
)
@public
def register(request: RegisterRequest, kept: Kept = None) -> Response[Entrance]:
    entered = signin.register(
        request.person(),
        password=request.password.get_secret_value(),
        business_name=request.business_name,
        source_ip=origins.current().ip,
    )
    logger.info("registered", user_id=entered.user.id, tenant_id=entered.tenant.id)
    delivery.welcome(entered.user, source_ip=origins.current().ip)
    return cookies.hand_over(Entrance.of(entered), kept, status=HTTPStatus.CREATED)


@app.post(
    "/api/auth/login/",
    summary="Sign in",
    description="An unknown address, a wrong password and a wrong second factor get the same answer. Ten failures "
    "close an account's door for at most a quarter of an hour. Where a second factor is on, a right password alone is "
    "answered with `second_factor_required`: send both.",
    tags=["auth"],
    openapi_extensions={"x-problems": [401]},
)
@public
def login(request: LoginRequest, kept: Kept = None) -> Response[Entrance]:
    entered = signin.login(
        request.email,
        request.password.get_secret_value(),
        second_factor=request.factor_code,
        source_ip=origins.current().ip,
    )
    return cookies.hand_over(Entrance.of(entered), kept)


@app.post(
    "/api/auth/refresh/",
    summary="Trade a refresh token for new tokens",
    description="A refresh token is good once. One that comes again ends its session, because somebody has a copy.",
    tags=["auth"],
    openapi_extensions={"x-problems": [401]},
)
@public
def refresh(request: RefreshRequest, kept: Kept = None) -> Response[Refreshed]:
    issued = tokens.refresh(cookies.presented(request.refresh, kept, app.current_event))
    return cookies.hand_over(Refreshed(tokens=TokensView.of(issued)), kept)


@app.post(
    "/api/auth/logout/",
    status_code=204,
    summary="End the session of a refresh token",
    description="Needs no access token, because that may have expired. A token without a session gets the same answer.",
    tags=["auth"],
    openapi_extensions={"x-problems": [401]},
)
@public
def logout(request: RefreshRequest, kept: Kept = None) -> Response[None]:
    tokens.end(cookies.presented(request.refresh, kept, app.current_event))
    return cookies.farewell(kept)


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> Any:
    """Answers one HTTP request."""
    return app.resolve(event, context)


aws.connect(aws.dynamodb, aws.secrets_manager)
