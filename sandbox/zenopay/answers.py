"""ZenoPay's answers, field by field as its merchants get them."""

from aiohttp import web

from sandbox.zenopay.orders import COMPLETED, Order


def started(order: Order) -> web.Response:
    """Accepted, which is not paid."""
    return web.json_response(
        {
            "status": "success",
            "resultcode": "000",
            "message": "Request in progress. You will receive a callback shortly",
            "order_id": order.order_id,
        }
    )


def refusal(http_status: int, message: str) -> web.Response:
    return web.json_response(
        {"status": "FAILED", "resultcode": str(http_status), "message": message}, status=http_status
    )


def not_successful() -> web.Response:
    """HTTP 200, and nevertheless no."""
    return web.json_response({"status": "FAILED", "resultcode": "001", "message": "Push could not be started."})


def status(order: Order) -> web.Response:
    """`result` speaks of the question, `payment_status` of the money; nulls until somebody has paid."""
    paid = order.payment_status == COMPLETED
    amount = order.paid_amount if paid and order.paid_amount is not None else order.amount
    return web.json_response(
        {
            "reference": order.reference,
            "resultcode": "000",
            "result": "SUCCESS",
            "message": "Order fetch successful",
            "data": [
                {
                    "order_id": order.order_id,
                    "creation_date": order.creation_date,
                    "amount": str(amount),
                    "payment_status": order.payment_status,
                    "transid": order.transid if paid else None,
                    "channel": order.channel if paid else None,
                    "reference": order.reference if paid else None,
                    "msisdn": order.msisdn if paid else None,
                }
            ],
        }
    )


def no_such_order() -> web.Response:
    """The real answer is not documented; this is the shape of its status with nothing in it."""
    return web.json_response(
        {"reference": "", "resultcode": "404", "result": "FAIL", "message": "No order found", "data": []}
    )


def broken() -> web.Response:
    return web.Response(status=500, text="Internal Server Error")


def too_many() -> web.Response:
    return web.json_response({"message": "Too Many Requests"}, status=429, headers={"Retry-After": "1"})


def garbage() -> web.Response:
    return web.Response(text="<html><body>It works!</body></html>", content_type="text/html")
