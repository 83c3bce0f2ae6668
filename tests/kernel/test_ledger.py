"""The ledger's moves one by one: what each writes, and what each refuses without writing anything."""

from collections.abc import Callable
from typing import Any

import pytest

from mifumo import ledger, tables, wallets, writes
from mifumo.aws import Item
from mifumo.ids import TenantId
from mifumo.ledger import AlreadyRecorded, Hold, HoldSettled, InsufficientCredits
from mifumo.tables import Key
from mifumo.wallets import Wallet
from mifumo.writes import Write
from tests.kernel.ledger_model import check_journal, check_wallet, stored
from tests.wire import Wire

DUKA = TenantId("t1")
MONEY = [
    {"account": "contra:cash", "asset": "TZS", "amount": 150_000},
    {"account": "contra:sales", "asset": "TZS", "amount": -150_000},
]


def credited(amount: int, **more: Any) -> Wallet:
    ledger.move(
        wallets.read(DUKA),
        lambda wallet: ledger.credit(wallet, amount, name="pay:p1", reference="p1", postings=MONEY, **more),
    )
    return wallets.read(DUKA)


def held(amount: int, batch: str = "b1") -> Hold:
    ledger.move(wallets.read(DUKA), lambda wallet: ledger.hold(wallet, amount, batch=batch))
    hold = ledger.read_hold(DUKA, batch)
    assert hold
    return hold


def settled(hold: Hold, captured: int) -> None:
    ledger.move(wallets.read(DUKA), lambda wallet: ledger.settle(wallet, hold, captured=captured))


def statement() -> list[tuple[int, str, int, int, int]]:
    page = wallets.entries(DUKA, limit=50)
    return [(e["seq"], e["kind"], e["amount"], e["available_after"], e["held_after"]) for e in page.items]


def journal(name: str) -> Item:
    record = tables.get("ledger", Key(f"TXN#{name}", "TXN"))
    assert record
    return record


def test_a_wallet_that_never_moved_is_empty(aws_tables: Wire) -> None:
    assert wallets.read(DUKA) == Wallet(DUKA, available=0, held=0, version=0)
    assert ledger.read_hold(DUKA, "b1") is None
    assert statement() == []


def test_the_statement_tells_the_way_of_credits_from_payment_to_capture(aws_tables: Wire) -> None:
    credited(5_000)
    settled(held(40), 30)
    assert statement() == [
        (4, "release", 10, 4_970, 0),
        (3, "capture", 30, 4_960, 10),
        (2, "hold", 40, 4_960, 40),
        (1, "credit", 5_000, 5_000, 0),
    ]
    assert ledger.read_hold(DUKA, "b1") == Hold("b1", 40, captured=30, released=10, settled=True)
    check_journal(stored("ledger"))
    check_wallet(stored("ledger"), DUKA)


@pytest.mark.parametrize(("captured", "kinds"), [(40, ["capture"]), (0, ["release"]), (1, ["release", "capture"])])
def test_a_part_of_zero_leaves_no_entry(aws_tables: Wire, captured: int, kinds: list[str]) -> None:
    credited(5_000)
    settled(held(40), captured)
    assert [entry[1] for entry in statement()[:-2]] == kinds
    assert bool(journal("hold:b1:settle")["postings"]) is bool(captured)


def test_a_credit_keeps_its_money_and_its_package_and_a_later_move_loses_neither(aws_tables: Wire) -> None:
    assert credited(5_000, package="lite").package == "lite"
    held(1)
    assert wallets.read(DUKA).package == "lite"
    accounts = {(p["account"], p["asset"]): p["amount"] for p in journal("pay:p1")["postings"]}
    assert accounts == {
        ("contra:cash", "TZS"): 150_000,
        ("contra:sales", "TZS"): -150_000,
        ("contra:issued", "CREDIT"): -5_000,
        ("tenant:t1:wallet", "CREDIT"): 5_000,
    }


def test_an_adjustment_keeps_its_reason_and_its_author(aws_tables: Wire) -> None:
    credited(10)
    ledger.move(
        wallets.read(DUKA),
        lambda wallet: ledger.adjust(wallet, -4, name="adj:1", reference="a1", reason="Test credits", actor="u9"),
    )
    record = journal("adj:1")
    assert (record["reason"], record["actor"], wallets.read(DUKA).available) == ("Test credits", "u9", 6)
    check_journal(stored("ledger"))


TAKING_EIGHT: dict[str, Callable[[Wallet], list[Write]]] = {
    "hold": lambda wallet: ledger.hold(wallet, 8, batch="b1"),
    "adjust": lambda wallet: ledger.adjust(wallet, -8, name="a", reference="a", reason="r", actor="u"),
}


@pytest.mark.parametrize("taking", TAKING_EIGHT)
def test_more_than_there_is_is_refused_with_what_is_missing_and_moves_nothing(aws_tables: Wire, taking: str) -> None:
    before = credited(5)
    aws_tables.clear()
    with pytest.raises(InsufficientCredits) as refused:
        ledger.move(before, TAKING_EIGHT[taking])
    assert refused.value.extensions == {"required": 8, "available": 5, "shortfall": 3}
    assert (refused.value.status, refused.value.code) == (402, "insufficient_credits")
    assert aws_tables.count() == 0
    assert wallets.read(DUKA) == before


def test_the_very_last_credit_can_be_held(aws_tables: Wire) -> None:
    credited(5)
    held(5)
    assert (wallets.read(DUKA).available, wallets.read(DUKA).held) == (0, 5)


@pytest.mark.parametrize("captured", [-1, 41])
def test_a_hold_gives_neither_more_than_it_is_nor_less_than_nothing(aws_tables: Wire, captured: int) -> None:
    credited(5_000)
    hold = held(40)
    with pytest.raises(ValueError, match="cannot capture"):
        settled(hold, captured)
    assert (wallets.read(DUKA).available, wallets.read(DUKA).held) == (4_960, 40)


def test_a_hold_is_settled_once_whoever_remembers_it_as_open(aws_tables: Wire) -> None:
    credited(5_000)
    hold = held(40)
    settled(hold, 30)
    with pytest.raises(AlreadyRecorded):
        settled(hold, 0)
    assert (wallets.read(DUKA).available, wallets.read(DUKA).held) == (4_970, 0)


def test_a_hold_of_another_amount_is_not_the_hold(aws_tables: Wire) -> None:
    credited(5_000)
    hold = held(40)
    with pytest.raises(HoldSettled):
        settled(Hold(hold.id, 50, 0, 0, settled=False), 50)
    assert (wallets.read(DUKA).available, wallets.read(DUKA).held) == (4_960, 40)


def test_the_same_name_moves_once_even_for_another_amount(aws_tables: Wire) -> None:
    credited(5_000)
    with pytest.raises(AlreadyRecorded):
        credited(9)
    assert wallets.read(DUKA).available == 5_000


def test_a_move_that_fails_together_with_anothers_write_moves_nothing(aws_tables: Wire) -> None:
    before = credited(5_000)
    beside = writes.put("ledger", {"pk": "TXN#pay:p1", "sk": "TXN"}, refused=lambda _: LookupError("beside"))
    with pytest.raises(LookupError, match="beside"):
        ledger.move(before, lambda wallet: [*ledger.hold(wallet, 1, batch="b1"), beside])
    assert wallets.read(DUKA) == before
    assert ledger.read_hold(DUKA, "b1") is None


def test_a_move_is_one_call_when_nobody_is_in_the_way(aws_tables: Wire) -> None:
    before = credited(5_000)
    aws_tables.clear()
    ledger.move(before, lambda wallet: ledger.hold(wallet, 1, batch="b1"))
    assert aws_tables.calls == ["TransactWriteItems"]


def test_a_stale_wallet_costs_one_transaction_more_and_no_read(aws_tables: Wire, pauses: list[float]) -> None:
    stale = credited(5_000)
    held(1, "b1")
    aws_tables.clear()
    ledger.move(stale, lambda wallet: ledger.hold(wallet, 1, batch="b2"))
    assert aws_tables.calls == ["TransactWriteItems"] * 2
    assert (wallets.read(DUKA).available, len(pauses)) == (4_998, 1)
