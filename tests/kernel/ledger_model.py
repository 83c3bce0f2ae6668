"""A ledger of plain dictionaries, and the five invariants reckoned from what a table really holds."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from mifumo import aws

Item = dict[str, Any]


@dataclass
class HeldCredits:
    """What the model knows of one hold."""

    amount: int
    captured: int = 0
    released: int = 0
    status: str = "open"


@dataclass
class Account:
    """What the model knows of one tenant's wallet."""

    available: int = 0
    held: int = 0
    version: int = 0
    holds: dict[str, HeldCredits] = field(default_factory=dict)

    @property
    def open(self) -> list[str]:
        """Names the holds that are not settled."""
        return [name for name, hold in self.holds.items() if hold.status == "open"]

    def add(self, amount: int) -> None:
        """Credits or adjusts."""
        self.available += amount
        self.version += 1

    def hold(self, name: str, amount: int) -> None:
        """Moves credits from available to held."""
        self.available -= amount
        self.held += amount
        self.version += 1
        self.holds[name] = HeldCredits(amount)

    def settle(self, name: str, captured: int) -> None:
        """Ends a hold; a part of zero leaves no entry."""
        hold = self.holds[name]
        hold.captured, hold.released, hold.status = captured, hold.amount - captured, "settled"
        self.held -= hold.amount
        self.available += hold.released
        self.version += bool(captured) + bool(hold.released)


def stored(table: str) -> list[Item]:
    """Reads every item of a table: tests alone may scan."""
    pages = aws.dynamodb().get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [aws.unmarshal(item) for page in pages for item in page["Items"]]


def kept(items: list[Item], tenant: str, sk_prefix: str) -> list[Item]:
    """Returns a tenant's items of one sort, by sort key."""
    mine = [item for item in items if item["pk"] == f"W#{tenant}" and item["sk"].startswith(sk_prefix)]
    return sorted(mine, key=lambda item: str(item["sk"]))


def as_modelled(items: list[Item], tenant: str) -> Account:
    """Reads a tenant's items as the model would have them."""
    wallets = kept(items, tenant, "WALLET")
    account = Account(*(wallets[0][name] for name in ("available", "held", "version"))) if wallets else Account()
    for hold in kept(items, tenant, "HOLD#"):
        parts = (hold["amount"], hold["captured"], hold["released"], hold["status"])
        account.holds[hold["sk"].removeprefix("HOLD#")] = HeldCredits(*parts)
    return account


def check_journal(items: list[Item]) -> None:
    """I1: the postings of each record sum to zero in each asset."""
    for record in (item for item in items if item["pk"].startswith("TXN#")):
        sums: Counter[str] = Counter()
        for posting in record["postings"]:
            sums[posting["asset"]] += posting["amount"]
        assert not any(sums.values()), f"{record['pk']} does not balance: {sums}"


def check_wallet(items: list[Item], tenant: str) -> None:
    """I2 to I5 for one tenant, and that its account in the journal says the same."""
    wallets = kept(items, tenant, "WALLET")
    wallet = wallets[0] if wallets else {"available": 0, "held": 0, "version": 0}
    entries, holds = kept(items, tenant, "E#"), kept(items, tenant, "HOLD#")
    available, held = wallet["available"], wallet["held"]
    # I2
    assert sum(e["available_delta"] + e["held_delta"] for e in entries) == available + held
    assert [e["seq"] for e in entries] == list(range(1, wallet["version"] + 1))
    assert _running(entries) == [(e["available_after"], e["held_after"]) for e in entries]
    # I3
    assert min([available, held, *(min(e["available_after"], e["held_after"]) for e in entries)]) >= 0
    # I4
    assert sum(_remaining(hold) for hold in holds) == held
    # I5
    assert all(hold["amount"] == hold["captured"] + hold["released"] + _remaining(hold) for hold in holds)
    assert _posted(items, tenant) == available + held


def _remaining(hold: Item) -> int:
    return hold["amount"] if hold["status"] == "open" else 0


def _running(entries: list[Item]) -> list[tuple[int, int]]:
    available = held = 0
    sums = []
    for entry in entries:
        available, held = available + entry["available_delta"], held + entry["held_delta"]
        sums.append((available, held))
    return sums


def _posted(items: list[Item], tenant: str) -> int:
    account = f"tenant:{tenant}:wallet"
    postings = [p for item in items if item["pk"].startswith("TXN#") for p in item["postings"]]
    return sum(p["amount"] for p in postings if p["account"] == account)
