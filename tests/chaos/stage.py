"""Stage: an AWS, a provider and a customer's system of its own, on which the story of a seed is told."""

import itertools
import os
import random
from collections.abc import Callable

import pytest

from mifumo import clock, ids
from sandbox.testing import running_beem
from tests import conftest
from tests.chaos.ending import Ending
from tests.chaos.story import Story
from tests.sms.customer import open_customer
from tests.sms.world import Mailbox, World

# As on AWS, but for what makes no difference to what may happen.
_SETTINGS = {
    "QUOTE_VALIDITY_S": "8640000",
    "TEST_RECIPIENTS_PER_DAY": "100000",
    "RECEIPT_WINDOW_S": "259200",
    "CLAIM_LEASE_S": "300",
    "MISSING_PULL_EVERY_S": "43200",
    "SEND_RETRY_BASE_S": "15",
    "SEND_ATTEMPTS_MAX": "20",
    "HOOK_TIMEOUT_S": "20",
}


def tell(seed: int, total: int, *, spoil: Callable[[pytest.MonkeyPatch], None] | None = None) -> Ending:
    """Tells the story of a seed, with so many recipients; `spoil` breaks a rule of ours beforehand."""
    with (
        pytest.MonkeyPatch.context() as monkeypatch,
        conftest.open_aws(monkeypatch) as wire,
        running_beem(None, report_delay_s=0, refusal_window_s=60) as beem,
        open_customer() as customer,
    ):
        conftest.bucket("CAMPAIGNS_BUCKET")
        for variable, value in _SETTINGS.items():
            monkeypatch.setenv(variable, value)
        story = Story(seed, World(beem, wire, monkeypatch, Mailbox()), beem, customer, total)
        monkeypatch.setattr(clock, "now", lambda: story.now)
        others = random.Random(seed)
        for throw in ("random", "choice", "uniform"):
            monkeypatch.setattr(random, throw, getattr(others, throw))
        minted = itertools.count()
        monkeypatch.setattr(ids, "new", lambda: ids.derived("minted", str(seed), str(next(minted))))
        story.provider.attach(monkeypatch, os.environ["BEEM_SECRET"])
        story.listener.attach(monkeypatch)
        if spoil:
            spoil(monkeypatch)
        try:
            return story.tell()
        except AssertionError as error:
            return Ending(seed, total, [f"it broke off: {error}"], {}, "")
