"""Sessions: see where one is signed in, and end one, all, or all but the one that asks."""

from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field

from functions.auth import sessions, tokens
from functions.auth.sessions import Session, SessionEnded
from mifumo import audit, ids, writes
from mifumo.errors import NotFound
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.permissions import Action
from mifumo.wire import Answer

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]

SessionId = Annotated[str, Path(description="The `id` of one of your sessions.")]


class SessionView(Answer):
    id: str
    tenant_id: str = Field(description="The tenant that the session is in.")
    started_at: str = Field(examples=["2026-01-31T08:15:30.000Z"])
    refreshed_at: str = Field(examples=["2026-01-31T08:15:30.000Z"])
    ip: str = Field(description="Where it was last refreshed from.", examples=["196.41.32.10"])
    user_agent: str = Field(description="What the client called itself then.", examples=["Mozilla/5.0"])
    current: bool = Field(description="Whether your access token is of this session.")

    @classmethod
    def of(cls, session: Session, *, current: str) -> "SessionView":
        """Shows a session to its owner."""
        return cls(
            id=session.id,
            tenant_id=session.tenant,
            started_at=session.started_at,
            refreshed_at=session.refreshed_at,
            ip=session.ip,
            user_agent=session.user_agent,
            current=session.id == current,
        )


class SessionsPage(Answer):
    items: list[SessionView]
    next: str | None = Field(description="The `cursor` of the page after; null at the end.")


@router.get(
    "/api/auth/sessions/",
    summary="List where you are signed in",
    description="Your open sessions, in every tenant that you belong to, in no particular order.",
    tags=["auth"],
)
@needs(Action.OWN_ACCOUNT)
def list_sessions(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> SessionsPage:
    page = sessions.page(caller.person, limit=limit, cursor=cursor)
    return SessionsPage(
        items=[SessionView.of(session, current=caller.session) for session in page.items], next=page.next
    )


@router.delete(
    "/api/auth/sessions/<session_id>/",
    status_code=204,
    summary="End one of your sessions",
    description="Its refresh token is of no use at once, its last access token for at most 15 minutes more.",
    tags=["auth"],
)
@needs(Action.OWN_ACCOUNT)
def end_session(session_id: SessionId, caller: Caller) -> Response[None]:
    if not ids.valid(session_id):
        raise NotFound("You have no open session of this id.")
    told = audit.entry(caller, "session.revoked", target=session_id)
    try:
        writes.transact(sessions.ending(caller.person, session_id, because="revoked"), told)
    except SessionEnded as error:
        raise NotFound("You have no open session of this id.") from error
    return Response(HTTPStatus.NO_CONTENT)


@router.delete("/api/auth/sessions/", status_code=204, summary="End all your sessions, this one as well", tags=["auth"])
@needs(Action.OWN_ACCOUNT)
def end_sessions(caller: Caller) -> Response[None]:
    tokens.end_all(caller.person, because="revoked")
    writes.commit(audit.entry(caller, "sessions.revoked", target=caller.person))
    return Response(HTTPStatus.NO_CONTENT)


@router.delete(
    "/api/auth/sessions/others/", status_code=204, summary="End all your sessions but this one", tags=["auth"]
)
@needs(Action.OWN_ACCOUNT)
def end_other_sessions(caller: Caller) -> Response[None]:
    tokens.end_all(caller.person, because="revoked", but=caller.session)
    writes.commit(audit.entry(caller, "sessions.revoked", target=caller.person, after={"kept": caller.session}))
    return Response(HTTPStatus.NO_CONTENT)
