"""pawaPay's answers, member by member as its merchants get them."""

from typing import Any

from aiohttp import web

from sandbox.pawapay.checks import RefusedError


def accepted(id_name: str, own_id: str, created: str) -> web.Response:
    """Accepted, which is not paid; in Tanzania the payer's PIN is all that is missing."""
    step = {"nextStep": "FINAL_STATUS"} if id_name == "depositId" else {}
    return web.json_response({id_name: own_id, "status": "ACCEPTED", **step, "created": created})


def duplicate(id_name: str, own_id: str, created: str) -> web.Response:
    return web.json_response({id_name: own_id, "status": "DUPLICATE_IGNORED", "created": created})


def rejected(id_name: str, own_id: str | None, refusal: RefusedError) -> web.Response:
    """HTTP 200 for what pawaPay will not do, 400 for what it cannot read."""
    body = {
        id_name: own_id if refusal.knows_id else None,
        "status": "REJECTED",
        "failureReason": {"failureCode": refusal.code, "failureMessage": str(refusal)},
    }
    return web.json_response(body, status=refusal.http_status)


def found(record: dict[str, Any]) -> web.Response:
    return web.json_response({"status": "FOUND", "data": record})


def not_found() -> web.Response:
    """HTTP 200: the question was answered."""
    return web.json_response({"status": "NOT_FOUND"})


def failure(http_status: int, code: str, message: str) -> web.Response:
    body = {"failureReason": {"failureCode": code, "failureMessage": message}}
    return web.json_response(body, status=http_status)


def broken() -> web.Response:
    """Nobody knows what became of it, pawaPay included."""
    return failure(500, "UNKNOWN_ERROR", "Unable to process request due to an unknown problem")


def too_many() -> web.Response:
    return web.json_response({"message": "Too Many Requests"}, status=429, headers={"Retry-After": "1"})


def garbage() -> web.Response:
    return web.Response(text="<html><body>It works!</body></html>", content_type="text/html")
