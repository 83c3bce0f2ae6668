"""Beem's answers: one body for every outcome of a call, and what each code means."""

from aiohttp import web

from sandbox.beem.account import Submission

_REFUSALS = {
    101: (400, "Invalid phone number"),
    102: (400, "Insufficient balance"),
    104: (400, "Missing required parameters"),
    107: (401, "No authorization headers"),
    111: (400, "Invalid Sender Id"),
    120: (401, "Invalid api_key and/or secret_id"),
}
"""Code -> HTTP status and message. Beem publishes no statuses: these are what its customers report or infer."""


def submitted(submission: Submission) -> web.Response:
    return web.json_response(
        {
            "successful": True,
            "request_id": submission.request_id,
            "code": 100,
            "message": "Message Submitted Successfully",
            "valid": len(submission.texts),
            "invalid": submission.invalid,
            "duplicates": submission.duplicates,
        }
    )


def refusal(code: int, *, detail: str = "", http_status: int | None = None) -> web.Response:
    status, message = _REFUSALS[code]
    body = {"successful": False, "code": code, "message": f"{message}: {detail}" if detail else message}
    return web.json_response(body, status=http_status or status)


def garbage() -> web.Response:
    """What a proxy in between says while nobody looks: 200, and not JSON."""
    return web.Response(text="<html><body>It works!</body></html>", content_type="text/html")


def broken() -> web.Response:
    return web.Response(status=500, text="Internal Server Error")


def too_many() -> web.Response:
    return web.json_response({"message": "Too Many Requests"}, status=429, headers={"Retry-After": "1"})
