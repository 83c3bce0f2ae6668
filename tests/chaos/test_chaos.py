"""Chaos: whatever goes wrong, nothing is sent twice, no credit is lost, everything ends; and a broken rule is found."""

import secrets
from dataclasses import replace
from typing import Any

import pytest

from functions.sms import chunks, handover, settlement
from functions.sms.chunks import State
from mifumo import ids, writes
from mifumo.providers.beem import Kind
from tests.chaos.story import Ending, tell

_RECIPIENTS, _FEW = 200, 60


def require_well(ending: Ending) -> None:
    """Fails with what was wrong and the seed."""
    assert not ending.faults, ending.told()


@pytest.mark.parametrize("seed", [1, 2, 3, None])
def test_whatever_goes_wrong_nothing_is_sent_twice_no_credit_is_lost_and_all_ends(seed: int | None) -> None:
    ending = tell(secrets.randbelow(1_000_000) if seed is None else seed, _RECIPIENTS)
    require_well(ending)
    assert ending.happened["texts"] > 0


def test_the_same_seed_tells_the_same_story() -> None:
    first, again, other = tell(7, 20), tell(7, 20), tell(8, 20)
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
            chunks._table(),
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
    """Takes a lost answer for a failed call."""
    monkeypatch.setitem(handover._RECORD, Kind.UNKNOWN, handover._not_sent)


def charge_what_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charges for all recipients of a batch, handed over or not."""
    reckon = settlement._of_chunks

    def of_chunks(batch: Any) -> Any:
        bill = reckon(batch)
        return bill and bill._replace(charged=batch.price)

    monkeypatch.setattr(settlement, "_of_chunks", of_chunks)


@pytest.mark.parametrize(
    ("spoil", "seed", "fault"),
    [
        (ignore_claims, 5, " reached "),
        (send_again_what_nobody_knows, 6, " reached "),
        (charge_what_was_held, 5, " is charged "),
    ],
)
def test_a_rule_that_is_broken_on_purpose_is_found_out_and_the_seed_is_told(spoil: Any, seed: int, fault: str) -> None:
    ending = tell(seed, _FEW, spoil=spoil)
    with pytest.raises(AssertionError, match=rf"(?s){fault}.*make chaos SEED={seed} RECIPIENTS={_FEW}"):
        require_well(ending)
