"""SQS `announcements`: tell the owners of a tenant what other slices have found out, at the numbers that they have
proven.

A notice has the name of what it is about, so an announcement that comes twice is one text to each owner.
"""

from typing import Any, assert_never

from aws_lambda_powertools.utilities.typing import LambdaContext

from mifumo import announcements, aws, ids, notices, queue, tenants
from mifumo.announcements import Announcement, Subject
from mifumo.notices import Channel, Notice
from mifumo.observability import count, entrypoint, logger

from . import memberships, wording
from .users import Language
from .wording import Words


@entrypoint
def handler(event: dict[str, Any], context: LambdaContext) -> Any:  # noqa: ARG001 - Lambda passes it
    """Announces each message; one that fails is delivered again, and ends in the dead-letter queue."""
    return queue.each(event, lambda body: _announce(announcements.of(body)))


def _announce(announcement: Announcement) -> None:
    tenant = tenants.get(announcement.tenant)
    if tenant is None:
        logger.warning("no such tenant", tenant_id=announcement.tenant)
        return
    for person in memberships.owners(announcement.tenant):
        if "recovery_phone_at" not in person:
            continue
        language = Language(person.get("language", Language.ENGLISH))
        subject, text = _words(announcement, language, tenant.name)
        name = (announcement.subject, announcement.tenant, announcement.occasion, person["id"])
        notices.send(Notice(ids.derived("announcement", *name), Channel.SMS, person["phone"], text, subject))
        count("OwnersTold")


def _words(announcement: Announcement, language: Language, business: str) -> Words:
    match announcement.subject:
        case Subject.LOW_BALANCE:
            return wording.low_balance(language, business=business, credits_left=announcement.credits)
        case Subject.WEBHOOK_DISABLED:
            return wording.webhook_disabled(language, business=business)
        case _:
            assert_never(announcement.subject)


aws.connect(aws.dynamodb, aws.sqs)
