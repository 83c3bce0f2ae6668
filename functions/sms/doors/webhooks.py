"""Webhooks: where a customer's system wants to be told, what it was told, and telling it again."""

from http import HTTPStatus
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.event_handler.router import APIGatewayHttpRouter
from pydantic import Field

from functions.sms.hooks import hook_deliveries, hook_secrets, hooks, redelivery
from functions.sms.hooks.addresses import URL_LENGTH_MAX
from functions.sms.hooks.events import Type
from functions.sms.hooks.hooks import Hook
from functions.sms.models.hook_models import DeliveryAnswer, WebhookAnswer
from mifumo import cursors
from mifumo.http import Caller, Cursor, IdempotencyKey, Limit, Replayed, needs
from mifumo.permissions import Action
from mifumo.wire import Answer, Request

router = APIGatewayHttpRouter()  # type: ignore[no-untyped-call]
_TAGS = ["sms"]
_PATH = "/api/sms/webhooks/"

HookId = Annotated[str, Path(description="The `id` of one of your webhooks.")]
DeliveryId = Annotated[str, Path(description="The `id` of one of its deliveries.")]
Choice = Literal[Type.SUBMITTED, Type.DELIVERED, Type.UNDELIVERED, Type.FAILED, Type.COMPLETED, Type.RECEIVED]
Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=URL_LENGTH_MAX,
        description="An https address on the public internet, on port 443 or one from 1024 on. It is looked at now, "
        "and before every call.",
        examples=["https://duka.example/hooks/mifumo"],
    ),
]
Choices = Annotated[
    frozenset[Choice],
    Field(min_length=1, description="What it is told of.", examples=[["message.delivered", "batch.completed"]]),
]
Description = Annotated[str, Field(max_length=200, description="What it is for.", examples=["The shop's orders"])]


class WebhookRequest(Request):
    url: Url
    events: Choices
    description: Description = ""


class WebhookChange(Request):
    url: Url | None = Field(None, examples=["https://duka.example/hooks/mifumo"])
    events: Choices | None = Field(None, examples=[["message.failed"]])
    description: Description | None = Field(None, examples=["The shop's orders"])
    enabled: bool | None = Field(
        None, description="False stops telling it; true begins again, as if it had never failed.", examples=[True]
    )


class WebhookMade(WebhookAnswer):
    secret: str = Field(
        description="What calls are signed with, as Standard Webhooks has it. It is shown this once.",
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )

    @classmethod
    def with_secret(cls, made: tuple[Hook, str]) -> "WebhookMade":
        """Shows a webhook with its secret."""
        hook, secret = made
        return cls(**WebhookAnswer.of(hook).model_dump(), secret=secret)


class WebhookList(Answer):
    items: list[WebhookAnswer]
    next: None = Field(None, description="There are ten at most, so they are on one page.")


class DeliveryPage(Answer):
    items: list[DeliveryAnswer]
    next: str | None


@router.post(
    _PATH,
    status_code=HTTPStatus.CREATED,
    summary="Have a system of yours told what becomes of your texts",
    description="Texts that are accepted from now on are told of, and those that phones send you. The answer's "
    "`secret` is shown this once.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.TENANT_MANAGE)
def create_webhook(body: WebhookRequest, caller: Caller) -> WebhookMade:
    made = hooks.create(caller, url=body.url, events=frozenset(body.events), description=body.description)
    return WebhookMade.with_secret(made)


@router.get(_PATH, summary="List your webhooks", tags=_TAGS)
@needs(Action.TENANT_MANAGE)
def list_webhooks(caller: Caller) -> WebhookList:
    return WebhookList(items=[WebhookAnswer.of(hook) for hook in hooks.of_tenant(caller.tenant_id)])


@router.get(f"{_PATH}<webhook_id>/", summary="See a webhook", tags=_TAGS)
@needs(Action.TENANT_MANAGE)
def read_webhook(webhook_id: HookId, caller: Caller) -> WebhookAnswer:
    return WebhookAnswer.of(hooks.require(caller.tenant_id, webhook_id))


@router.patch(f"{_PATH}<webhook_id>/", summary="Change, enable or disable a webhook", tags=_TAGS)
@needs(Action.TENANT_MANAGE)
def change_webhook(webhook_id: HookId, body: WebhookChange, caller: Caller) -> WebhookAnswer:
    hook = hooks.require(caller.tenant_id, webhook_id)
    wanted = body.model_dump(exclude_none=True, exclude={"enabled"})
    if wanted:
        hook = hooks.change(caller, hook, **wanted)
    if body.enabled is not None and body.enabled is not (hook.disabled is None):
        hook = hooks.enable(caller, hook) if body.enabled else hooks.disable(caller, hook)
    return WebhookAnswer.of(hook)


@router.delete(f"{_PATH}<webhook_id>/", status_code=HTTPStatus.NO_CONTENT, summary="Delete a webhook", tags=_TAGS)
@needs(Action.TENANT_MANAGE)
def delete_webhook(webhook_id: HookId, caller: Caller) -> Response[None]:
    hooks.delete(caller, hooks.require(caller.tenant_id, webhook_id))
    return Response(HTTPStatus.NO_CONTENT)


@router.post(
    f"{_PATH}<webhook_id>/rotate/",
    summary="Give a webhook a new secret",
    description="For 24 hours calls carry two signatures, of the new secret and of the one in use before it. Rotated "
    "again in that time, the one in use stays, and the one that was new stops at once. When an answer was lost, ask "
    "again under the same Idempotency-Key: it has the same secret.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.TENANT_MANAGE)
def rotate_webhook(webhook_id: HookId, caller: Caller, key: IdempotencyKey, replayed: Replayed) -> WebhookMade:
    hook, known = hooks.rotate(caller, hooks.require(caller.tenant_id, webhook_id), key)
    if known:
        replayed()
    return WebhookMade.with_secret((hook, hook_secrets.text(hook.id, hook.salt)))


@router.post(
    f"{_PATH}<webhook_id>/test/",
    status_code=HTTPStatus.ACCEPTED,
    summary="Send a webhook a test event",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.TENANT_MANAGE)
def test_webhook(webhook_id: HookId, caller: Caller) -> DeliveryAnswer:
    return DeliveryAnswer.of(redelivery.test(hooks.require(caller.tenant_id, webhook_id)))


@router.get(f"{_PATH}<webhook_id>/deliveries/", summary="See what a webhook was told, newest first", tags=_TAGS)
@needs(Action.TENANT_MANAGE)
def list_deliveries(webhook_id: HookId, caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> DeliveryPage:
    hook, scope = hooks.require(caller.tenant_id, webhook_id), f"deliveries {caller.tenant_id} {webhook_id}"
    start = cursors.decode(cursor, scope=scope)
    page = hook_deliveries.page(hook.tenant, hook.id, limit=limit, start=start)
    items = [DeliveryAnswer.of(hook_deliveries.of(item)) for item in page.items]
    return DeliveryPage(items=items, next=cursors.encode(page.last, scope=scope))


@router.post(
    f"{_PATH}<webhook_id>/deliveries/<delivery_id>/replay/",
    status_code=HTTPStatus.ACCEPTED,
    summary="Tell a webhook of an event again",
    description="Under the same `webhook-id`, with all attempts anew; only what is not under way any more.",
    tags=_TAGS,
    openapi_extensions={"x-problems": [409]},
)
@needs(Action.TENANT_MANAGE)
def replay_delivery(webhook_id: HookId, delivery_id: DeliveryId, caller: Caller) -> DeliveryAnswer:
    hook = hooks.require(caller.tenant_id, webhook_id)
    return DeliveryAnswer.of(redelivery.replay(hook, delivery_id))
