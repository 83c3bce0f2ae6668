"""Cookie: where a browser keeps the refresh token of its session, out of reach of every script.

A client asks for it with `Mifumo-Session: cookie`, a header that no form and no foreign page can send: only the
configured origins may (CORS), and the cookie itself never travels from another site. Without the header there is no
cookie: it is neither set nor read, so nothing that a browser adds by itself does anything.
"""

from http import HTTPStatus
from typing import Annotated, Literal, Protocol, TypeVar

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header
from aws_lambda_powertools.shared.cookies import Cookie, SameSite
from aws_lambda_powertools.utilities.data_classes.common import BaseProxyEvent
from pydantic import SecretStr

from mifumo.errors import ValidationFailed

from . import sessions
from .sessions import SessionEnded
from .wire import TokensView

NAME = "mifumo_refresh"
# The routes that trade and end sessions; no other request carries the token.
_PATH = "/api/auth/"

Kept = Annotated[
    Literal["cookie"] | None,
    Header(
        alias="mifumo-session",
        description="For browsers: `cookie` keeps the refresh token in an HttpOnly cookie, and out of every body.",
    ),
]


class _HasTokens(Protocol):
    tokens: TokensView


View = TypeVar("View", bound=_HasTokens)


def hand_over(view: View, kept: Kept, *, status: HTTPStatus = HTTPStatus.OK) -> Response[View]:
    """Answers with tokens; for a browser that asked for it, the refresh token goes into the cookie instead."""
    answer = Response(status, "application/json", view)
    if kept and view.tokens.refresh:
        answer.cookies.append(_cookie(view.tokens.refresh, max_age_s=sessions.LIFE_S))
        view.tokens = view.tokens.model_copy(update={"refresh": None})
    return answer


def presented(given: SecretStr | None, kept: Kept, event: BaseProxyEvent) -> str:
    """Returns the refresh token that a client presents: in the body, or in the cookie if it says so.

    Raises ValidationFailed for a body without one, or with one beside the cookie; SessionEnded without a cookie.
    """
    if not kept:
        if given is None:
            raise ValidationFailed.of("/refresh", "missing", "Field required")
        return given.get_secret_value()
    if given is not None:
        raise ValidationFailed.of("/refresh", "refresh_in_cookie", "Leave it out: `Mifumo-Session` names the cookie.")
    return _sent(event)


def farewell(kept: Kept) -> Response[None]:
    """Answers the end of a session; a browser is told to forget the cookie."""
    return Response(HTTPStatus.NO_CONTENT, cookies=[_cookie("", max_age_s=0)] if kept else None)


def _sent(event: BaseProxyEvent) -> str:
    """Reads the cookie; two of its name mean that a neighbouring host has planted one, and neither is believed."""
    # The gateway lists cookies; the local cloud's leaves them in their header.
    pairs = event.get("cookies") or event.headers.get("cookie", "").split(";")
    found = {value for name, _, value in (pair.strip().partition("=") for pair in pairs) if name == NAME and value}
    if len(found) != 1:
        raise SessionEnded
    return found.pop()


def _cookie(value: str, *, max_age_s: int) -> Cookie:
    return Cookie(
        NAME, value, path=_PATH, secure=True, http_only=True, same_site=SameSite.STRICT_MODE, max_age=max_age_s
    )
