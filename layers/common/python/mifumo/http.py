"""HTTP for every door: one resolver, one error shape, callers denied by default.

`api()` makes the resolver. A route says which action of the permission table it is (`@needs`), or that it is for
anybody (`@public`); one that says neither answers nobody. Every refusal, ours or the library's, leaves as problem+json.
"""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Depends, Request, Response
from aws_lambda_powertools.event_handler.api_gateway import ResponseBuilder, Route
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType, RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Query
from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import bodies, buckets, callers, cursors, ids, origins, problems
from mifumo.buckets import Bucket
from mifumo.callers import Principal
from mifumo.errors import (
    AppError,
    Forbidden,
    MethodNotAllowed,
    NotFound,
    Unauthenticated,
    UnsupportedMediaType,
    ValidationFailed,
)
from mifumo.observability import count, logger
from mifumo.origins import Origin
from mifumo.permissions import Action

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-site",
    "Permissions-Policy": "accelerometer=(), camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Function = TypeVar("Function", bound=Callable[..., Any])


def _principal(request: Request) -> Principal:
    principal: Principal = request.context["principal"]
    return principal


def _idempotency_key(request: Request) -> str:
    """Returns the caller's Idempotency-Key, or mints one; the answer carries it either way."""
    key = request.headers.get("idempotency-key") or ids.new()
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise ValidationFailed.of(
            "header:Idempotency-Key", "idempotency_key_invalid", "Use 1 to 255 visible ASCII characters."
        )
    request.context["headers"]["Idempotency-Key"] = key
    return key


def _replayed(request: Request) -> Callable[[], None]:
    """Returns what marks the answer as that of an earlier request with the same Idempotency-Key."""
    headers: dict[str, str] = request.context["headers"]
    return lambda: headers.update({"Idempotent-Replayed": "true"})


Caller = Annotated[Principal, Depends(_principal)]
IdempotencyKey = Annotated[str, Depends(_idempotency_key)]
Replayed = Annotated[Callable[[], None], Depends(_replayed)]
Limit = Annotated[int, Query(ge=1, le=250, description="How many items a page has at most.")]
Cursor = Annotated[str | None, Query(max_length=cursors.LENGTH_MAX, description="The `next` of the page before.")]


def public(route: Function) -> Function:
    """Declares that a route needs no principal. Write it below the route's decorator."""
    route.__public__ = True  # type: ignore[attr-defined]
    return route


def needs(action: Action) -> Callable[[Function], Function]:
    """Declares which action a route is: only who may take it gets in. Write it below the route's decorator."""

    def declare(route: Function) -> Function:
        route.__action__ = action  # type: ignore[attr-defined]
        return route

    return declare


def action_of(route: Callable[..., Any]) -> Action | None:
    """Returns the action that a route declares; None for a public one, or one that nobody may call."""
    return getattr(route, "__action__", None)


class Api(APIGatewayHttpResolver):
    """The resolver of one slice. One that is not limited has public routes only, and no table to count them in."""

    _limited = True

    def resolve(self, event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Answers one request: path normalised, request id and security headers always there."""
        request_id = _request_id(event)
        origins.enter(_origin(event, request_id))
        logger.append_keys(correlation_id=request_id, tenant_id=None, user_id=None)
        self._answer_headers = {**_HEADERS, "X-Request-Id": request_id}
        self.context.update(headers=self._answer_headers)
        answer = super().resolve({**event, "rawPath": event["rawPath"].rstrip("/") + "/"}, context)
        for name, value in self._answer_headers.items():
            answer["headers"].setdefault(name, value)
        # An answer without content has an empty body: the local cloud's gateway breaks on null.
        return {**answer, "body": answer.get("body") or ""}

    def problem(self, error: AppError) -> Response[str]:
        """Makes the answer for a refusal."""
        event = self.current_event
        return problems.answer(error, instance=event.raw_path, request_id=self._answer_headers["X-Request-Id"])

    def fault(self, error: Exception) -> Response[str]:
        """Makes the answer for what nobody expected, which tells nothing of it."""
        logger.exception("unexpected", exc_info=error)
        count("UnexpectedError")
        return self.problem(AppError("Tell us the request id and we can find out what happened."))

    def _call_route(self, route: Route, route_arguments: dict[str, str]) -> ResponseBuilder[Any]:
        """Lets a caller in before anything of the request is looked at, so that a stranger learns nothing from it."""
        try:
            self._admit(route)
        except Exception as error:  # noqa: BLE001 # Here the library does not catch yet: keys that cannot be read, say.
            answer = self.problem(error) if isinstance(error, AppError) else self.fault(error)
            return ResponseBuilder(answer, self._serializer, route)
        return super()._call_route(route, route_arguments)

    def _admit(self, route: Route) -> None:
        bodies.require_small(self.current_event)
        if route.func.__name__ == "not_found_handler":
            return
        if getattr(route.func, "__public__", False):
            self._limit_address()
        else:
            principal = self._authenticated()
            logger.append_keys(tenant_id=principal.tenant_id, user_id=principal.actor)
            self._limit_caller(principal)
            self._permit(principal, action_of(route.func))
            self.context.update(principal=principal)
        # Powertools would read forms into models too, and break on one without a boundary.
        if route.dependant.body_params and _media_type(self.current_event.headers) not in {"", "application/json"}:
            raise UnsupportedMediaType
        if route.dependant.body_params:
            bodies.require_readable(self.current_event)

    def _authenticated(self) -> Principal:
        """Makes the caller; whoever presents nothing good counts against the address that they do it from."""
        try:
            return callers.authenticate(self.current_event.headers.get("authorization"))
        except Unauthenticated:
            self._limit_address()
            raise

    def _limit_address(self) -> None:
        if self._limited:
            self._limit(buckets.of_address(origins.current().ip))

    def _limit_caller(self, principal: Principal) -> None:
        self._limit(buckets.of_tenant(principal.tenant_id))
        if principal.key_id:
            self._limit(buckets.of_key(principal.key_id))

    def _limit(self, bucket: Bucket) -> None:
        """Takes a request from the bucket; the answer tells what is left, whatever it will be."""
        for name, value in buckets.take(bucket).items():
            told = self._answer_headers.get(name)
            self._answer_headers[name] = f"{told}, {value}" if told else value

    def _permit(self, principal: Principal, action: Action | None) -> None:
        if action is None:
            raise Forbidden("Nobody may call this route: it names no action.")
        principal.require(action)

    def methods_of(self, path: str) -> list[str]:
        """Lists the methods that a path answers to."""
        routes = [*self._static_routes, *self._dynamic_routes]
        return sorted({route.method for route in routes if route.rule.match(path)})


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _request_id(event: Mapping[str, Any]) -> str:
    """Takes the client's request id if it is well formed, else mints one."""
    given = event.get("headers", {}).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else ids.new()


def _origin(event: Mapping[str, Any], request_id: str) -> Origin:
    http = event["requestContext"]["http"]
    return Origin(http["sourceIp"], request_id, http.get("userAgent", "")[:200])


def api(*, limited: bool = True) -> Api:
    """Makes the resolver of a slice, with the one error shape."""
    app = Api(enable_validation=True, response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR)
    app._limited = limited  # noqa: SLF001 # the library's constructor takes no more arguments

    def invalid(error: RequestValidationError) -> Response[str]:
        return app.problem(problems.of_validation(error))

    def not_json(_: RequestUnsupportedContentType) -> Response[str]:
        return app.problem(UnsupportedMediaType())

    def no_route(_: NotFoundError) -> Response[str]:
        allowed = app.methods_of(app.current_event.raw_path)
        if not allowed:
            return app.problem(NotFound("There is nothing at this path; /api/docs/ lists what there is."))
        answer = app.problem(MethodNotAllowed(f"This path answers to {', '.join(allowed)}."))
        answer.headers["Allow"] = ", ".join(allowed)
        return answer

    app.exception_handler(AppError)(app.problem)
    app.exception_handler(RequestValidationError)(invalid)
    app.exception_handler(RequestUnsupportedContentType)(not_json)
    app.exception_handler(NotFoundError)(no_route)
    app.exception_handler(Exception)(app.fault)
    return app
