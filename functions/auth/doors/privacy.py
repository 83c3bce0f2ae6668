"""Privacy: what people may ask of their own data."""

from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter

from functions.auth import erasure
from functions.auth.wire import Given
from mifumo import origins
from mifumo.http import Caller, needs
from mifumo.permissions import Action
from mifumo.wire import Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]


class EraseRequest(Request):
    password: Given


@router.post(
    "/api/auth/me/erase/",
    status_code=204,
    summary="Erase your account",
    description="Your names, address, numbers, memberships and sessions go, at once and for good; what you did keeps "
    "your user id. Refused with 409 `last_owner` while a tenant would be left without an owner. A wrong password "
    "counts as a failed login.",
    tags=["auth"],
    openapi_extensions={"x-problems": [409, 429]},
)
@needs(Action.OWN_ACCOUNT)
def erase_account(request: EraseRequest, caller: Caller) -> Response[None]:
    erasure.erase(caller, request.password.get_secret_value(), source_ip=origins.current().ip)
    return Response(HTTPStatus.NO_CONTENT)
