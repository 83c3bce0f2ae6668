"""The harness: threads stand for processes, and none sees another's request."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from tests.builders import CONTEXT, answer, request


def test_two_requests_at_the_same_time_are_each_answered_by_their_own_body() -> None:
    app, both_in = APIGatewayHttpResolver(), threading.Barrier(2)

    @app.post("/things/")
    def things() -> Any:
        both_in.wait(timeout=5)
        return app.current_event.json_body

    def ask(number: int) -> Any:
        return answer(app.resolve(request("POST", "/things/", {"number": number}), CONTEXT))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, range(2))) == [(200, {"number": 0}), (200, {"number": 1})]
