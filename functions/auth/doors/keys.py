"""API keys: make one and see it once, list them, revoke one."""

import ipaddress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import AfterValidator, AwareDatetime, Field
from pydantic_core import PydanticCustomError

from functions.auth import api_keys
from functions.auth.api_keys import Wish
from functions.auth.wire import Name
from mifumo import clock
from mifumo.aws import Item
from mifumo.http import Caller, Cursor, Limit, needs
from mifumo.modes import Mode
from mifumo.permissions import Action, Scope
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["keys"]
_NETWORKS_MAX = 20

KeyId = Annotated[str, Path(description="The `id` of one of your keys.")]


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError as error:
        raise PydanticCustomError(
            "network_invalid", "Give an address or a network, such as 196.41.32.10 or 196.41.32.0/24."
        ) from error


def _ahead(moment: datetime) -> datetime:
    if moment <= clock.now():
        raise PydanticCustomError("expiry_past", "Give a moment that is still to come.")
    return moment


class KeyRequest(Request):
    name: Annotated[Name, Field(description="What the key is for.", examples=["Web shop"])]
    mode: Mode = Field(description="What a `test` key sends reaches no provider and costs nothing.", examples=["live"])
    scopes: frozenset[Scope] = Field(min_length=1, description="What the key may do.", examples=[["sms:send"]])
    expires_at: Annotated[AwareDatetime, AfterValidator(_ahead)] | None = Field(
        None, description="When it stops by itself.", examples=["2099-12-31T21:00:00Z"]
    )
    allowed_ips: list[Annotated[str, Field(max_length=64), AfterValidator(_network)]] = Field(
        [],
        max_length=_NETWORKS_MAX,
        description="The addresses or networks that it may be used from; none means from anywhere.",
        examples=[["196.41.32.0/24"]],
    )

    def wish(self) -> Wish:
        """Returns what is asked for."""
        expires_at = clock.stamp(self.expires_at.astimezone(UTC)) if self.expires_at else ""
        return Wish(self.name, self.mode, self.scopes, expires_at, tuple(self.allowed_ips))


class KeyView(Answer):
    id: str
    name: str = Field(examples=["Web shop"])
    mode: Mode
    scopes: list[Scope]
    prefix: str = Field(examples=["mfk_live_"])
    last4: str = Field(description="The last four letters, to tell keys apart.", examples=["9sQe"])
    created_at: str = Field(examples=["2026-01-31T08:15:30.000Z"])
    created_by: str = Field(description="The user who made it.")
    expires_at: str | None
    allowed_ips: list[str]
    last_used_at: str | None = Field(description="To the hour; null until its first use.")
    revoked_at: str | None

    @classmethod
    def of(cls, item: Item) -> "KeyView":
        """Shows a key without its text."""
        return cls(
            id=item["id"],
            name=item["name"],
            mode=Mode(item["mode"]),
            scopes=[Scope(scope) for scope in item["scopes"]],
            prefix=item["prefix"],
            last4=item["last4"],
            created_at=item["created_at"],
            created_by=item["created_by"],
            expires_at=item["expires_at"] or None,
            allowed_ips=item["allowed_ips"],
            last_used_at=item.get("last_used_at"),
            revoked_at=item.get("revoked_at"),
        )


class NewKeyView(KeyView):
    key: str = Field(
        description="The key. It is shown this once; whoever loses it revokes it and makes another.",
        examples=["mfk_live_4fJq0Zr8sT2vXw6yBd1cEg3hKm5nPp7R0aB1cD"],
    )


class KeyPage(Answer):
    items: list[KeyView]
    next: str | None = Field(description="The `cursor` of the page after; null at the end.")


@router.post(
    "/api/auth/keys/",
    status_code=201,
    summary="Make an API key",
    description="Several can be live at once, so that keys are rotated without a gap. A scope can be given by somebody "
    "who may do all of it. There is no Idempotency-Key, because a key is shown once: if the answer is lost, revoke it.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.KEYS_MANAGE)
def create_key(body: KeyRequest, caller: Caller) -> NewKeyView:
    shown, text = api_keys.create(caller, body.wish())
    return NewKeyView(**KeyView.of(shown).model_dump(), key=text)


@router.get("/api/auth/keys/", summary="List the API keys, newest first", tags=_TAGS)
@needs(Action.KEYS_MANAGE)
def list_keys(caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> KeyPage:
    items, following = api_keys.page(caller.tenant_id, limit=limit, cursor=cursor)
    return KeyPage(items=[KeyView.of(item) for item in items], next=following)


@router.delete(
    "/api/auth/keys/<key_id>/",
    status_code=204,
    summary="Revoke an API key",
    description="It stops within a minute, everywhere, and cannot be brought back.",
    tags=_TAGS,
)
@needs(Action.KEYS_MANAGE)
def revoke_key(key_id: KeyId, caller: Caller) -> Response[None]:
    api_keys.revoke(caller, key_id)
    return Response(HTTPStatus.NO_CONTENT)
