"""What a caller may be told: the tree of refusals, each with its HTTP status and stable code.

AppError
├── ValidationFailed        422 validation_failed
├── IdempotencyKeyReused    422 idempotency_key_reused
├── Unauthenticated         401 unauthenticated
│   ├── InvalidCredentials  401 invalid_credentials
│   └── TokenExpired        401 token_expired
├── Forbidden               403 forbidden
├── NotFound                404 not_found
├── MethodNotAllowed        405 method_not_allowed
├── Conflict                409 conflict
├── PayloadTooLarge         413 payload_too_large
├── UnsupportedMediaType    415 unsupported_media_type
├── RateLimited             429 rate_limited
└── Busy                    503 busy

Refusals of one noun (InsufficientCredits, SenderIdNotAllowed) stand beside that noun. Faults, which are nobody's
answer, end in `Error` and reach the caller as a plain 500.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field: a JSON pointer, a stable code and what to do about it."""

    pointer: str
    code: str
    detail: str


class AppError(Exception):
    """An expected refusal. `extensions` become members of the problem document beside the standard ones."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something went wrong on our side"
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        detail: str = "",
        *,
        errors: tuple[FieldError, ...] = (),
        retry_after_s: int | None = None,
        **extensions: Any,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = errors
        self.retry_after_s = retry_after_s
        self.headers: dict[str, str] = {}
        self.extensions = extensions


class ValidationFailed(AppError):
    """The request's content breaks a rule; `errors` lists every broken one."""

    status = 422
    code = "validation_failed"
    title = "The request is not valid"

    @classmethod
    def of(cls, pointer: str, code: str, detail: str) -> "ValidationFailed":
        """Refuses one field."""
        return cls(detail, errors=(FieldError(pointer, code, detail),))


class IdempotencyKeyReused(AppError):
    """An Idempotency-Key came again with another body."""

    status = 422
    code = "idempotency_key_reused"
    title = "This Idempotency-Key was used for a different request"


class Unauthenticated(AppError):
    """No principal could be made of what the caller presented."""

    status = 401
    code = "unauthenticated"
    title = "Sign in first"


class InvalidCredentials(Unauthenticated):
    """The e-mail, password, token or key is wrong; which of them is not told."""

    code = "invalid_credentials"
    title = "The credentials are not valid"


class TokenExpired(Unauthenticated):
    """The access token was good once: refresh it."""

    code = "token_expired"
    title = "The access token has expired"


class Forbidden(AppError):
    """The caller is known and may not do this."""

    status = 403
    code = "forbidden"
    title = "You may not do this"


class NotFound(AppError):
    """There is no such thing, or it is another tenant's: the answer is the same."""

    status = 404
    code = "not_found"
    title = "Not found"


class MethodNotAllowed(AppError):
    """The path exists with other methods."""

    status = 405
    code = "method_not_allowed"
    title = "This path does not answer to that method"


class Conflict(AppError):
    """The thing is in a state that does not allow the move."""

    status = 409
    code = "conflict"
    title = "The current state does not allow this"


class PayloadTooLarge(AppError):
    """The body is larger than the route takes."""

    status = 413
    code = "payload_too_large"
    title = "The request body is too large"


class UnsupportedMediaType(AppError):
    """The body is not JSON."""

    status = 415
    code = "unsupported_media_type"
    title = "Send the body as application/json"


class RateLimited(AppError):
    """Too many requests; nothing was changed, so it is safe to try again after Retry-After.

    `headers` tell the limit and what is left of it.
    """

    status = 429
    code = "rate_limited"
    title = "Too many requests"
    retryable = True

    def __init__(
        self, detail: str = "", *, retry_after_s: int | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.headers = headers or {}


class Busy(AppError):
    """Too many others change the same thing right now; nothing was changed."""

    status = 503
    code = "busy"
    title = "Try again in a moment"
    retryable = True


@contextmanager
def named_by(pointer: str, code: str) -> Iterator[None]:
    """Says of what is not found that a field of the request names it; raises ValidationFailed instead of NotFound."""
    try:
        yield
    except NotFound as error:
        raise ValidationFailed.of(pointer, code, error.detail) from error
