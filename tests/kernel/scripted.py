"""Scripted answers: what AWS says in moto's place to the next calls of one operation, and what it was asked."""

from typing import Any, NamedTuple

from mifumo import aws

Answer = dict[str, Any]


class _Http(NamedTuple):
    status_code: int


class Script:
    """The answers still to be given; None lets a call through. When none are left, every call goes through."""

    def __init__(self, client: Any, operation: str, answers: list[Answer | None]) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answers = answers
        service = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register(f"provide-client-params.{service}.{operation}", self._listen)
        client.meta.events.register(f"before-call.{service}.{operation}", self._answer)

    def _listen(self, params: dict[str, Any], **_: Any) -> None:
        self.asked.append(params)

    def _answer(self, **_: Any) -> tuple[_Http, Answer] | None:
        answer = self._answers.pop(0) if self._answers else None
        if answer is None:
            return None
        return _Http(400 if "Error" in answer else 200), answer


def dynamodb(operation: str, *answers: Answer | None) -> Script:
    """Scripts the next calls of one DynamoDB operation."""
    return Script(aws.dynamodb(), operation, list(answers))


def sqs(operation: str, *answers: Answer | None) -> Script:
    """Scripts the next calls of one SQS operation."""
    return Script(aws.sqs(), operation, list(answers))


def error(code: str, **more: Any) -> Answer:
    """Makes an error answer."""
    return {"Error": {"Code": code, "Message": "scripted"}, **more}


def cancelled(*codes: str) -> Answer:
    """Makes the answer of a cancelled transaction, with one code for each of its items."""
    reasons = [{"Code": code} for code in codes]
    return error("TransactionCanceledException", CancellationReasons=reasons)
