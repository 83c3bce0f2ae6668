"""ClickPesa's answers, field by field as its merchants get them."""

from http import HTTPStatus

from aiohttp import web

from sandbox.clickpesa.attempts import CLIENT_ID, Attempt, channel_of, channels

_FEE_PERMILLE = 18


def token(bearer: str) -> web.Response:
    """The prefix is part of it."""
    return web.json_response({"success": True, "token": bearer})


def started(attempt: Attempt) -> web.Response:
    """Accepted, which is not paid."""
    return web.json_response(
        {
            "id": attempt.id,
            "status": attempt.status,
            "channel": attempt.channel,
            "orderReference": attempt.reference,
            "collectedAmount": str(attempt.amount),
            "collectedCurrency": "TZS",
            "createdAt": attempt.created_at,
            "clientId": CLIENT_ID,
        }
    )


def preview(amount: int, phone: str | None, closed: frozenset[str], *, sender: bool) -> web.Response:
    """Which wallets could be asked: all of them, or the number's own."""
    own = channel_of(phone) if phone else None
    methods = [
        {
            "name": name,
            "status": "UNAVAILABLE" if name in closed else "AVAILABLE",
            "fee": amount * _FEE_PERMILLE // 1000,
            "message": "Not available now" if name in closed else "",
        }
        for name in channels()
        if own in {None, name}
    ]
    body: dict[str, object] = {"activeMethods": methods}
    if sender and phone:
        body["sender"] = {"accountName": "ASHA JUMA", "accountNumber": phone, "accountProvider": own}
    return web.json_response(body)


def status(attempts: list[Attempt], *, as_text: bool) -> web.Response:
    """An array, whatever is in it."""
    return web.json_response([attempt.listed(as_text=as_text) for attempt in attempts])


def page(attempts: list[Attempt], total: int) -> web.Response:
    return web.json_response({"data": [attempt.listed() for attempt in attempts], "totalCount": total})


def refusal(status: HTTPStatus, *messages: str) -> web.Response:
    """An error; its message is a list where fields are at fault."""
    message = list(messages) if status is HTTPStatus.BAD_REQUEST else messages[0]
    return web.json_response({"statusCode": status.value, "message": message, "error": status.phrase}, status=status)


def broken() -> web.Response:
    return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error")


def too_many() -> web.Response:
    body = {"statusCode": 429, "message": "ThrottlerException: Too Many Requests"}
    return web.json_response(body, status=429, headers={"Retry-After": "1"})


def not_successful() -> web.Response:
    return refusal(HTTPStatus.BAD_REQUEST, "Payment could not be started")


def garbage() -> web.Response:
    return web.Response(text="<html><body>It works!</body></html>", content_type="text/html")
