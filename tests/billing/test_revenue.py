"""Revenue: what was sold is earned by what is used, once, and nothing is lost between the two."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.billing import checkup, invariants, nightly, refunds, revenue
from functions.billing.revenue import Pool, PoolMoved
from mifumo import aws, ledger, wallets
from mifumo.aws import Item
from mifumo.ledger import Kind
from tests.billing.conftest import TENANT, Till
from tests.billing.office import AMINA, BARAKA, Office, completed, spent

NET = 127_119  # of 150,000 TZS, at 18 %


def accounts() -> Counter[str]:
    """Adds up the money side of every record, by account; each record sums to nothing."""
    total = Counter[str]()
    for raw in aws.dynamodb().scan(TableName="ledger")["Items"]:
        item = aws.unmarshal(raw)
        if item["sk"] == "TXN":
            assert set(ledger.totals(item["postings"]).values()) <= {0}
            for posting in item["postings"]:
                if posting["asset"] == "TZS":
                    total[posting["account"]] += posting["amount"]
    return total


def night() -> Pool:
    """Checks the wallet as every night, and returns what it then is worth."""
    assert checkup.look(TENANT) == []
    pool = revenue.recognise(TENANT)
    wallet = wallets.read(TENANT)
    assert (pool.seq, pool.credits) == (wallet.version, wallet.available + wallet.held)
    total = accounts()
    assert (total["liability:deferred_revenue"], total[revenue.REVENUE]) == (-pool.deferred, -pool.recognised)
    return pool


def given_away(amount: int) -> None:
    grant = {"name": f"adj:{amount}", "reference": "x", "reason": "A test", "actor": "u1"}
    ledger.move(wallets.read(TENANT), lambda wallet: ledger.adjust(wallet, amount, **grant))


def test_what_is_not_used_is_owed(till: Till) -> None:
    completed()
    assert (night().deferred, night().recognised) == (NET, 0)


def test_what_is_used_is_earned_once_however_often_it_is_worked_out(till: Till) -> None:
    completed()
    spent(1_000)
    first = night()
    assert (first.deferred, first.recognised) == (NET - NET // 5, NET // 5)
    assert night() == first
    spent(4_000)
    assert (night().deferred, night().recognised) == (0, NET)
    assert accounts()["liability:vat_output"] == -(150_000 - NET)


def test_credits_of_several_prices_are_worth_their_average_and_gifts_nothing(till: Till) -> None:
    completed()
    given_away(5_000)
    spent(5_000)
    assert night().recognised == NET // 2
    completed(amount=75_000, net=63_559, vat=11_441, vat_rate=1_800)
    pool = night()
    assert pool.deferred == NET - NET // 2 + 63_559


def test_texts_that_are_given_back_take_their_revenue_back(till: Till) -> None:
    completed()
    spent(5_000)
    assert night().recognised == NET
    ledger.move(wallets.read(TENANT), lambda wallet: ledger.refund(wallet, 1_000, name="undelivered:1", reference="b"))
    assert night().deferred == NET // 5


def test_a_refund_takes_back_the_price_and_leaves_what_was_earned(till: Till) -> None:
    office = Office(till)
    dear = completed()
    cheap = completed(amount=15_000, net=12_712, vat=2_288, vat_rate=1_800)
    spent(5_000)
    assert night().recognised == (NET + 12_712) // 2
    office.approve(BARAKA, office.refund(dear, AMINA))
    refunds.completed(till.payment(dear.id), note="gone")
    pool = night()
    # Only what the cheap ones were sold for is left, and they are used up.
    assert (pool.credits, pool.deferred, pool.recognised) == (0, 0, cheap.net)
    assert invariants.check(TENANT) == []


def test_a_step_ends_anywhere_and_the_sum_is_the_same(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    completed()
    for _ in range(4):
        spent(7)
    whole = night()
    aws.dynamodb().delete_item(TableName="ledger", Key=aws.marshal(revenue._key(TENANT)._asdict()))
    for raw in aws.dynamodb().scan(TableName="ledger")["Items"]:
        if raw["pk"]["S"].startswith("TXN#revenue:"):
            aws.dynamodb().delete_item(TableName="ledger", Key={"pk": raw["pk"], "sk": raw["sk"]})
    monkeypatch.setattr(revenue, "_ENTRIES_TOGETHER", 1)
    assert night() == whole


def test_several_at_once_earn_it_once(till: Till) -> None:
    completed()
    spent(1_000)
    till.wire.take_turns()

    def try_it(_: int) -> bool:
        try:
            revenue.recognise(TENANT)
        except PoolMoved:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert any(pool.map(try_it, range(4)))
    assert night().recognised == NET // 5


def test_a_wallet_that_cannot_be_worked_out_holds_nobody_up_and_rings(
    till: Till, capsys: pytest.CaptureFixture[str]
) -> None:
    completed()
    spent(10)
    wrong = {**revenue._key(TENANT)._asdict(), "seq": 1, "credits": 0, "deferred": 0, "used": 0, "recognised": 0}
    aws.dynamodb().put_item(TableName="ledger", Item=aws.marshal(wrong))
    minutes = SimpleNamespace(get_remaining_time_in_millis=lambda: 800_000, **_LAMBDA)
    nightly.handler({}, minutes)  # type: ignore[arg-type] # all that it asks its context for
    assert '"RevenueUnrecognised":[' in capsys.readouterr().out
    assert wallets.read(TENANT).frozen_because is None


_LAMBDA = {"function_name": "f", "memory_limit_in_mb": 1, "invoked_function_arn": "a", "aws_request_id": "r"}
_DEEDS = st.lists(
    st.tuples(st.sampled_from(["buy", "give", "use", "undo", "refund"]), st.integers(1, 500)), max_size=30
)


@given(_DEEDS, st.integers(1, 60))
def test_whatever_happens_nothing_is_lost_and_nothing_is_owed_to_an_empty_wallet(
    deeds: list[tuple[str, int]], price: int
) -> None:
    pool, seq, sold, bought = Pool(TENANT), 0, 0, list[tuple[int, int]]()
    for deed, amount in deeds:
        entries: list[tuple[Kind, int, int]] = []
        if deed == "buy":
            bought.append((amount, amount * price + len(bought)))
            entries = [(Kind.CREDIT, *bought[-1])]
        elif deed == "give":
            entries = [(Kind.ADJUST, amount, 0)]
        elif deed == "use" and pool.credits >= amount:
            entries = [(Kind.HOLD, amount, 0), (Kind.CAPTURE, amount, 0)]
        elif deed == "undo" and pool.used >= amount:
            entries = [(Kind.REFUND, amount, 0)]
        elif deed == "refund" and bought and pool.credits >= bought[-1][0]:
            credits_, net = bought.pop()
            entries = [(Kind.REVERSAL, credits_, -net)]
        for kind, number, net in entries:
            seq, sold = seq + 1, sold + net
            item: Item = {"seq": seq, "kind": kind.value, "amount": number, "txn": "t"}
            pool = revenue.after(pool, [item], {"t": net})
        assert pool.deferred + pool.recognised == sold
        assert pool.deferred >= 0
        assert pool.recognised >= 0
        assert pool.credits or not pool.deferred
        assert pool.seq == seq
