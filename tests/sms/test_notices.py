"""The notices worker: the platform's own texts once, its letters once at most, and nothing that is of no use."""

import contextlib
import io
from typing import Any

import boto3
import pytest

from functions.sms import notices as worker
from mifumo import aws, clock, ids, ledger, notices, settings, wallets
from mifumo.observability import logger
from tests.builders import CONTEXT, sqs
from tests.sms.world import World
from tests.wire import Crash

TEXT = "Mifumo: 123456 is your code to verify this phone number."
FROM = "hello@mifumo.example"


def notice(**changes: Any) -> dict[str, Any]:
    """A body as the auth slice queues it."""
    return {
        "id": ids.new(),
        "channel": "sms",
        "to": "+255712345678",
        "text": TEXT,
        "subject": "Verify your phone",
        "expires_at": clock.epoch() + 600,
        **changes,
    }


def deliver(*bodies: Any) -> int:
    """Delivers; returns how many come again."""
    return len(worker.handler(sqs(*bodies), CONTEXT)["batchItemFailures"])


@pytest.fixture
def funded(world: World) -> World:
    """The platform's account, with credits."""
    world.fund(100, tenant=notices.PLATFORM, package=None)
    return world


def sent(world: World) -> list[tuple[str, str, str]]:
    """Lets the workers send; returns (from, to, text) of everything that the provider took on."""
    world.work()
    return [(entry["source_addr"], entry["dest_addr"], entry["message"]) for entry in world.beem.log()]


def test_a_text_goes_out_in_the_platforms_name_and_from_its_budget(funded: World) -> None:
    assert deliver(notice()) == 0
    assert sent(funded) == [("Taarifa-SMS", "255712345678", TEXT)]
    assert wallets.read(notices.PLATFORM).available == 99
    assert funded.wallet() == (5_000, 0), "nobody else pays"


def test_a_notice_that_is_delivered_twice_is_sent_once(funded: World) -> None:
    body = notice()
    assert [deliver(body), deliver(body, body)] == [0, 0]
    assert len(sent(funded)) == 1


def test_a_poisoned_record_takes_no_other_with_it(funded: World) -> None:
    assert deliver("{", {"id": "no channel"}, notice(channel="pigeon"), notice()) == 3
    assert len(sent(funded)) == 1


def test_what_is_of_no_use_is_dropped(funded: World) -> None:
    assert deliver({"drop": True}, notice(expires_at=clock.epoch())) == 0
    assert sent(funded) == []
    assert deliver(notice(expires_at=0)) == 0
    assert len(sent(funded)) == 1


def test_a_number_that_cannot_be_sent_to_is_dropped_and_never_logged_whole(
    funded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", written)
    assert deliver(notice(to="+14155550100"), notice(to="12")) == 0
    assert sent(funded) == []
    assert "notice cannot be sent" in written.getvalue()
    assert "4155550100" not in written.getvalue()
    assert "123456" not in written.getvalue()


def test_without_credits_a_notice_waits_and_somebody_is_told(funded: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.move(
        wallets.read(notices.PLATFORM),
        lambda wallet: ledger.adjust(wallet, -100, name="test:spent", reference="test", reason="spent", actor="test"),
    )
    counted: list[str] = []
    monkeypatch.setattr(worker, "count", counted.append)
    body = notice()
    assert deliver(body) == 1
    assert counted == ["NoticeBudgetExhausted"]
    ledger.move(
        wallets.read(notices.PLATFORM),
        lambda wallet: ledger.adjust(wallet, 5, name="test:budget", reference="test", reason="budget", actor="test"),
    )
    assert deliver(body) == 0
    assert len(sent(funded)) == 1


def test_a_provider_that_is_away_is_asked_again(funded: World) -> None:
    funded.beem.add_fault("refuse_connection")
    assert deliver(notice()) == 0
    funded.work()
    funded.beem.clear()
    funded.sweep(after_s=65)
    assert len(sent(funded)) == 1


@pytest.mark.parametrize("after", [False, True])
def test_a_worker_that_dies_anywhere_sends_a_text_once(funded: World, after: bool) -> None:
    body = notice()
    for cut in range(3):
        funded.wire.cut(cut, after=after)
        with contextlib.suppress(Crash):  # a cut behind the last call meets nobody
            deliver(body)
        funded.wire.mend()
    assert deliver(body) == 0
    funded.settle_down()
    assert len(funded.beem.log()) == 1


@pytest.fixture
def post(funded: World, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Letters are sent from here; returns what SES was asked to send."""
    monkeypatch.setenv("MAIL_FROM", FROM)
    settings.forget()
    boto3.client("sesv2").create_email_identity(EmailIdentity=FROM)
    asked: list[dict[str, Any]] = []
    aws.ses().meta.events.register("provide-client-params.sesv2.SendEmail", lambda params, **_: asked.append(params))
    return asked


def test_a_letter_goes_out_once_however_often_it_is_delivered(post: list[dict[str, Any]]) -> None:
    body = notice(channel="email", to="asha@duka.example")
    assert [deliver(body), deliver(body)] == [0, 0]
    (letter,) = post
    assert (letter["FromEmailAddress"], letter["Destination"]) == (FROM, {"ToAddresses": ["asha@duka.example"]})
    assert letter["Content"]["Simple"]["Body"]["Text"]["Data"] == TEXT


def test_a_letter_whose_worker_died_after_the_claim_is_lost_and_not_sent_twice(
    post: list[dict[str, Any]], funded: World
) -> None:
    body = notice(channel="email", to="asha@duka.example")
    funded.wire.cut(0, after=True)
    with pytest.raises(Crash):
        deliver(body)
    funded.wire.mend()
    assert (deliver(body), post) == (0, [])


def test_a_letter_that_ses_refuses_is_tried_again(post: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    body = notice(channel="email", to="asha@duka.example")
    with monkeypatch.context() as away:
        away.setenv("MAIL_FROM", "nobody@mifumo.example")
        settings.forget()
        assert deliver(body) == 1
    settings.forget()
    assert deliver(body) == 0
    assert [letter["FromEmailAddress"] for letter in post] == ["nobody@mifumo.example", FROM]


def test_where_no_letters_are_sent_one_is_dropped(funded: World) -> None:
    assert deliver(notice(channel="email", to="asha@duka.example")) == 0
    assert sent(funded) == []
