"""The announcer: owners with a proven number hear of a low balance once, in their language."""

from typing import Any

import pytest

from functions.auth import announcer
from mifumo import aws, tables
from mifumo.tables import Key
from tests.auth.door import Door, notices
from tests.builders import CONTEXT, sqs
from tests.wire import Crash

LOW = {"subject": "balance.low", "occasion": "7", "credits": 1_234}


def announce(*bodies: dict[str, Any]) -> dict[str, Any]:
    failed: dict[str, Any] = announcer.handler(sqs(*bodies), CONTEXT)
    return failed


@pytest.fixture
def shop(door: Door) -> dict[str, Any]:
    """Asha's tenant, with nothing on the queue of notices."""
    body: dict[str, Any] = door.register().body
    notices()
    return body


def amend(user: str, **changes: Any) -> None:
    item = tables.get("accounts", Key(f"U#{user}", "USER"))
    assert item
    kept = {name: value for name, value in {**item, **changes}.items() if value is not None}
    aws.dynamodb().put_item(TableName="accounts", Item=aws.marshal(kept))


def suspend(tenant: str, user: str) -> None:
    item = tables.get("accounts", Key(f"T#{tenant}", f"MEMBER#{user}"))
    assert item
    aws.dynamodb().put_item(TableName="accounts", Item=aws.marshal({**item, "status": "suspended"}))


def test_an_owner_is_told_how_many_credits_are_left(shop: dict[str, Any]) -> None:
    assert announce({"tenant": shop["tenant"]["id"], **LOW}) == {"batchItemFailures": []}
    (notice,) = notices()
    assert (notice["channel"], notice["to"]) == ("sms", "+255712345678")
    assert "Duka la Asha has 1,234 SMS credits left" in notice["text"]


def test_what_is_announced_twice_is_one_notice(shop: dict[str, Any]) -> None:
    body = {"tenant": shop["tenant"]["id"], **LOW}
    announce(body, body, {**body, "occasion": "8"})
    first, again, other = notices()
    assert first["id"] == again["id"]
    assert first["id"] != other["id"]


def test_who_reads_swahili_is_told_in_it(shop: dict[str, Any]) -> None:
    amend(shop["user"]["id"], language="sw")
    announce({"tenant": shop["tenant"]["id"], **LOW})
    assert "imebakiwa na SMS 1,234" in notices()[0]["text"]


@pytest.mark.parametrize(
    ("language", "said"), [("en", "a webhook of Duka la Asha"), ("sw", "webhook ya Duka la Asha haipokei")]
)
def test_owners_hear_once_that_a_webhook_was_turned_off(shop: dict[str, Any], language: str, said: str) -> None:
    amend(shop["user"]["id"], language=language)
    body = {"tenant": shop["tenant"]["id"], "subject": "webhook.disabled", "occasion": "w1 2026-01-31", "credits": 0}
    assert announce(body, body, {**body, "occasion": "w1 2026-02-28"}) == {"batchItemFailures": []}
    first, again, later = notices()
    assert said in first["text"]
    assert len(first["text"]) <= 160
    assert first["id"] == again["id"] != later["id"]


def test_a_number_that_nobody_has_proven_is_sent_nothing(shop: dict[str, Any]) -> None:
    amend(shop["user"]["id"], recovery_phone_at=None)
    announce({"tenant": shop["tenant"]["id"], **LOW})
    assert notices() == []


def test_suspended_owners_and_other_tenants_are_not_told(shop: dict[str, Any], door: Door) -> None:
    door.register(email="juma@duka.example", phone="0713345678", business_name="Duka la Juma")
    notices()
    suspend(shop["tenant"]["id"], shop["user"]["id"])
    announce({"tenant": shop["tenant"]["id"], **LOW})
    assert notices() == []


@pytest.mark.usefixtures("shop")
def test_an_unknown_tenant_is_nobodys_news() -> None:
    assert announce({"tenant": "nobody", **LOW}) == {"batchItemFailures": []}
    assert notices() == []


@pytest.mark.usefixtures("shop")
def test_a_message_that_is_none_ends_in_the_dead_letter_queue() -> None:
    failed = announce({"tenant": "t", **LOW, "subject": "weather"}, {"something": "else"})
    assert failed == {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]}


def test_an_announcer_that_dies_is_made_up_by_the_next_delivery(shop: dict[str, Any], door: Door) -> None:
    body = {"tenant": shop["tenant"]["id"], **LOW}
    for number in range(4):
        door.wire.cut(number, after=True)
        with pytest.raises(Crash):
            announce(body)
        door.wire.mend()
    announce(body)
    assert len({notice["id"] for notice in notices()}) == 1
