"""Chaos: whatever goes wrong, nothing is sent twice, no credit is lost, everything ends; and a broken rule is found."""

from dataclasses import replace
from typing import Any

import pytest

from functions.sms.batches import chunks
from functions.sms.charges import settlement
from functions.sms.content import opt_outs
from functions.sms.delivery import handover
from mifumo.ids import TenantId
from mifumo.providers.beem import Kind
from mifumo.writes import Write
from tests.chaos import phones, provider, story
from tests.chaos.ending import Ending
from tests.chaos.stage import tell

# Few: `make chaos` tells long stories, and docs/chaos.md what they came to.
_RECIPIENTS, _FEW, _STORIES_MAX = 60, 25, 10


def require_well(ending: Ending) -> None:
    """Fails with what was wrong and the seed."""
    assert not ending.faults, ending.told()


def test_whatever_goes_wrong_nothing_is_sent_twice_no_credit_is_lost_and_all_ends() -> None:
    ending = tell(2, _RECIPIENTS)
    require_well(ending)
    assert ending.happened["texts"] > 0
    assert ending.happened["told"] > 0


def test_the_same_seed_tells_the_same_story() -> None:
    first, again, other = tell(7, 12), tell(7, 12), tell(8, 12)
    assert (first.digest, first.happened) == (again.digest, again.happened)
    assert first.digest != other.digest


def claim_whatever_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks for no state before one is written, where many messages come to two workers at once."""
    move = chunks.move

    def at_once(*where: Any, **what: Any) -> Write:
        moved = move(*where, **what)
        condition = f"({moved.arguments['ConditionExpression']}) OR attribute_exists(pk)"
        return replace(moved, arguments={**moved.arguments, "ConditionExpression": condition})

    monkeypatch.setattr(chunks, "move", at_once)
    monkeypatch.setattr(story, "_TWINS", 0.5)


def let_any_start_undo_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asks not which of the two was said later, where phones say much."""

    def let_back(tenant: TenantId, digits: str, **_: str) -> None:
        opt_outs.remove(tenant, digits, deed=[])

    monkeypatch.setattr(opt_outs, "let_back", let_back)
    monkeypatch.setattr(story, "_LIKELY", (10, 3, 10, 3, 1, 3, 1))
    monkeypatch.setattr(phones, "_AGAIN", 0.9)


def send_again_what_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes a lost answer for a failed call, where many get lost."""
    monkeypatch.setattr(provider, "_FAILS", 0.8)
    monkeypatch.setitem(handover._RECORD, Kind.UNKNOWN, handover._not_sent)


def charge_what_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charges for all recipients of a batch, handed over or not."""
    reckon = settlement._of_chunks

    def of_chunks(batch: Any) -> Any:
        bill = reckon(batch)
        return bill and bill._replace(charged=batch.price)

    monkeypatch.setattr(settlement, "_of_chunks", of_chunks)


@pytest.mark.parametrize(
    ("spoil", "fault", "first"),
    [
        (claim_whatever_stands, " reached ", 1),
        (send_again_what_nobody_knows, " reached ", 1),
        (charge_what_was_held, " is charged ", 1),
        (let_any_start_undo_a_stop, " wants no texts ", 14),
    ],
)
def test_a_rule_that_is_broken_on_purpose_is_found_out_and_the_seed_is_told(spoil: Any, fault: str, first: int) -> None:
    """Not in each story is there an occasion to break it: they are told from a seed on that is near one."""
    endings = (tell(seed, _FEW, spoil=spoil) for seed in range(first, first + _STORIES_MAX))
    ending = next(ending for ending in endings if any(fault in one for one in ending.faults))
    with pytest.raises(AssertionError, match=f"(?s){fault}.*make chaos SEED={ending.seed} RECIPIENTS={_FEW}"):
        require_well(ending)
