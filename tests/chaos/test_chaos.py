"""Chaos: whatever goes wrong, nothing is sent twice, no credit is lost, everything ends; and a broken rule is found."""

from dataclasses import replace
from typing import Any

import pytest

from functions.sms import messaging
from functions.sms.batches import chunks
from functions.sms.batches.chunks import State
from functions.sms.charges import settlement
from functions.sms.delivery import handover
from mifumo import ids, writes
from mifumo.providers.beem import Kind
from tests.chaos import provider
from tests.chaos.ending import Ending
from tests.chaos.stage import tell

# Few: `make chaos` tells long stories, and docs/chaos.md what they came to.
_RECIPIENTS, _FEW, _STORIES_MAX = 60, 25, 5


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


def ignore_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes every chunk for free, whoever has it or has handed it over."""
    read = handover._read

    def free(*where: Any) -> Any:
        batch, chunk, circuit = read(*where)
        return batch, replace(chunk, state=State.QUEUED, due=None, adopted=False), circuit

    def claim(chunk: chunks.Chunk, **_: Any) -> Any:
        return writes.update(
            messaging.table(),
            chunks.key(chunk.tenant, chunk.batch, chunk.number),
            "SET #state = :claimed, #token = :token",
            condition=writes.WHATEVER_STANDS,
            names={"#state": "state", "#token": "token"},
            values={":claimed": State.CLAIMED.value, ":token": ids.new()},
            refused=writes.never,
        )

    monkeypatch.setattr(handover, "_read", free)
    monkeypatch.setattr(chunks, "claim", claim)


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
    ("spoil", "fault"),
    [
        (ignore_claims, " reached "),
        (send_again_what_nobody_knows, " reached "),
        (charge_what_was_held, " is charged "),
    ],
)
def test_a_rule_that_is_broken_on_purpose_is_found_out_and_the_seed_is_told(spoil: Any, fault: str) -> None:
    """Not in each story is there an occasion to break it."""
    endings = (tell(seed, _FEW, spoil=spoil) for seed in range(1, _STORIES_MAX))
    ending = next(ending for ending in endings if any(fault in one for one in ending.faults))
    with pytest.raises(AssertionError, match=f"(?s){fault}.*make chaos SEED={ending.seed} RECIPIENTS={_FEW}"):
        require_well(ending)
