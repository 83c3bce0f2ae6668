"""SQS `notices`: send the platform's own texts through our own pipeline, and its letters by SES.

A text is an order of the platform's account under the notice's id, so the pipeline sends it once however often the
queue delivers it. SES knows no such thing: a letter is claimed before it is sent, and one whose worker dies in between
is lost rather than sent twice; whoever misses a code asks for another.
"""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from mifumo import aws, clock, packages, phone, queue, writes
from mifumo.errors import ValidationFailed
from mifumo.ledger import InsufficientCredits
from mifumo.notices import PLATFORM, Channel
from mifumo.observability import count, entrypoint, logger
from mifumo.settings import Settings
from mifumo.tables import Key
from mifumo.writes import Write

from . import messaging
from .sending import dispatch
from .sending.orders import Order

# SES forgets a letter sooner than the queue does: deliveries that come after this meet no claim, and there are none.
_CLAIMED_S = 14 * 24 * 3600


class MailSettings(Settings):
    """Who letters come from; empty: letters are not sent at all."""

    mail_from: str = ""


class _Sent(Exception):
    """Another delivery of the same notice was first."""


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Answers with the records to deliver again."""
    return queue.each(event, _notice)


def _notice(body: dict[str, Any]) -> None:
    if body.get("drop"):
        return
    if 0 < int(body["expires_at"]) <= clock.epoch():
        logger.warning("notice expired", notice_id=body["id"])
        count("NoticeExpired")
        return
    send = _text if Channel(body["channel"]) is Channel.SMS else _letter
    send(body)


def _text(body: dict[str, Any]) -> None:
    """Orders the text on the urgent lane; a number that nobody can send to is dropped, as it never will be."""
    order = Order(
        tenant=PLATFORM,
        actor="platform",
        sender_id=packages.DEFAULT_SENDER_ID,
        text=body["text"],
        recipients=(body["to"],),
        minded=False,
    )
    try:
        dispatch.accept(order, key=body["id"])
    except ValidationFailed:
        logger.warning("notice cannot be sent", notice_id=body["id"], to=_masked(body["to"]))
        count("NoticeUnsendable")
    except InsufficientCredits:
        count("NoticeBudgetExhausted")
        raise


def _masked(number: str) -> str:
    try:
        return phone.parse(number, countries=phone.EVERYWHERE).masked
    except phone.InvalidNumber:
        return "not a number"


def _letter(body: dict[str, Any]) -> None:
    """Sends the letter unless another delivery did; gives the claim back when SES says that it did not take it."""
    mail_from = MailSettings.load().mail_from
    if not mail_from:
        logger.warning("no letters are sent from here", notice_id=body["id"])
        count("NoticeUnsendable")
        return
    try:
        writes.commit(_claim(body["id"]))
    except _Sent:
        return
    try:
        aws.ses().send_email(
            FromEmailAddress=mail_from,
            Destination={"ToAddresses": [body["to"]]},
            Content={"Simple": {"Subject": {"Data": body["subject"]}, "Body": {"Text": {"Data": body["text"]}}}},
        )
    except ClientError:
        writes.commit(_release(body["id"]))
        raise


def _claim(notice: str) -> Write:
    item = {**_key(notice)._asdict(), "claimed_at": clock.stamp(), "ttl": clock.epoch() + _CLAIMED_S}
    return writes.put(messaging.table(), item, refused=lambda _: _Sent(notice))


def _release(notice: str) -> Write:
    return writes.delete(messaging.table(), _key(notice), refused=lambda _: _Sent(notice))


def _key(notice: str) -> Key:
    return Key(f"NOTICE#{notice}", "NOTICE")


aws.connect(aws.dynamodb, aws.sqs)
