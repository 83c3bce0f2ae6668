"""Invariants: what has to be true of a wallet and its payments after anything, recomputed from what was written.

`I1` each record sums to nothing, and moves the wallet by what its entries say. `I2` entries are numbered without gaps
and add up to the balance. `I3` no balance is negative. `I4` open holds add up to what is held. `I5` a settled hold is
captured and released in full. `I6` a payment is credited if and only if it stands as completed, its record is there
and its receipt is its own. `I7` all wallets and what was issued, consumed and adjusted cancel out: it follows from I1
and I2. `I9` an unfinished payment is looked at again. `I10` what a provider told was looked into. `I8`, our money
against the provider's own list, cannot be told from our books alone.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from typing import Final

from mifumo import clock, ledger, provider_events, tables, wallets
from mifumo.aws import Item
from mifumo.ids import TenantId
from mifumo.tables import Key
from mifumo.wallets import LedgerSettings, Wallet

from . import payments, receipts, refund_orders
from .payment import Payment
from .states import WAITING, Status

# A page of 250 entries each: a million of a wallet's moves are far beyond any tenant of today.
_PAGES_MAX: Final = 4_000
_RECORDS_TOGETHER: Final = tables.READ_KEYS_MAX
# Events are looked into within seconds; after so long, somebody has to ask why not.
EVENT_WITHIN_S: Final = 15 * 60
_EVENTS_SINCE_S: Final = 2 * 24 * 3600
# Holds change while they are read: a busy wallet is read again, and left for the next night in the end.
_READS_MAX: Final = 3
_CREDITED: Final = frozenset({Status.COMPLETED, Status.REFUND_PENDING, Status.REFUNDED, Status.REVIEW})


@dataclass(frozen=True, slots=True)
class Breach:
    """One invariant that does not hold, and of what."""

    rule: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}"


def check(tenant: TenantId) -> list[Breach]:
    """Recomputes everything of one tenant, as of the wallet's version when it begins."""
    wallet = wallets.read(tenant)
    return [*_of_entries(wallet), *_of_holds(tenant), *_of_payments(tenant)]


def _table() -> str:
    return LedgerSettings.load().ledger_table


def _of_entries(wallet: Wallet) -> Iterator[Breach]:
    """Adds the entries up to the version that the wallet had: later ones are the next check's."""
    if wallet.version == 0:
        return
    available, held, seq, batch = 0, 0, 0, list[Item]()
    entries = tables.query_all(
        _table(),
        f"W#{wallet.tenant}",
        between=("E#", f"E#{wallet.version:012d}"),
        consistent=True,
        pages_max=_PAGES_MAX,
    )
    for txn, group in groupby(entries, key=lambda entry: entry.get("txn")):
        moved = 0
        for entry in group:
            seq += 1
            available, held = available + entry["available_delta"], held + entry["held_delta"]
            moved += entry["available_delta"] + entry["held_delta"]
            yield from _of_entry(entry, seq, available, held)
        batch.append({"txn": txn, "moved": moved})
        if len(batch) == _RECORDS_TOGETHER:
            yield from _of_records(wallet.tenant, batch)
            batch = []
    yield from _of_records(wallet.tenant, batch)
    if (seq, available, held) != (wallet.version, wallet.available, wallet.held):
        found, stands = f"{seq} entries, {available} and {held}", f"{wallet.version}, {wallet.available}, {wallet.held}"
        yield Breach("I2", f"the entries make {found} held; the wallet says {stands}")


def _of_entry(entry: Item, seq: int, available: int, held: int) -> Iterator[Breach]:
    if entry["seq"] != seq:
        yield Breach("I2", f"entry {entry['seq']} stands where {seq} should")
    if (entry["available_after"], entry["held_after"]) != (available, held):
        yield Breach("I2", f"entry {entry['seq']} does not follow from those before it")
    if available < 0 or held < 0:
        yield Breach("I3", f"entry {entry['seq']} leaves {available} available and {held} held")


def _of_records(tenant: TenantId, moves: list[Item]) -> Iterator[Breach]:
    """Reads the journal records that entries name, and compares what they move."""
    places = {move["txn"]: (_table(), Key(f"TXN#{move['txn']}", "TXN")) for move in moves if move["txn"]}
    found = tables.read(*places.values())
    for move in moves:
        if move["txn"] is None:
            continue  # written before entries named their record
        record = found.get(places[move["txn"]])
        if record is None:
            yield Breach("I1", f"there is no record {move['txn']}")
            continue
        if any(ledger.totals(record["postings"]).values()):
            yield Breach("I1", f"record {move['txn']} does not sum to nothing")
        if _moved_by(record, tenant) != move["moved"]:
            yield Breach("I1", f"record {move['txn']} and its entries tell different amounts")


def _moved_by(record: Item, tenant: TenantId) -> int:
    return sum(posting["amount"] for posting in record["postings"] if posting["account"] == f"tenant:{tenant}:wallet")


def _of_holds(tenant: TenantId) -> Iterator[Breach]:
    for _ in range(_READS_MAX):
        before = wallets.read(tenant)
        holds = list(
            tables.query_all(_table(), f"W#{tenant}", begins_with="HOLD#", consistent=True, pages_max=_PAGES_MAX)
        )
        if wallets.read(tenant).version == before.version:
            yield from _of_settled(holds)
            open_now = sum(hold["amount"] for hold in holds if hold["status"] == "open")
            if open_now != before.held:
                yield Breach("I4", f"open holds make {open_now}; the wallet says {before.held} held")
            return


def _of_settled(holds: Iterable[Item]) -> Iterator[Breach]:
    for hold in holds:
        if hold["status"] == "settled" and hold["captured"] + hold["released"] != hold["amount"]:
            yield Breach("I5", f"hold {hold['sk'].removeprefix('HOLD#')} was not settled in full")


def _of_payments(tenant: TenantId) -> Iterator[Breach]:
    start: Item | None = None
    for _ in range(_PAGES_MAX):
        page = payments.page(tenant, limit=250, start=start)
        for item in page.items:
            # The index is a moment behind: what looks wrong there is read as it stands.
            if any(_of_payment(payments.of(item), item)):
                standing = tables.get(_table(), Key(item["pk"], item["sk"])) or item
                yield from _of_payment(payments.of(standing), standing)
        start = page.last
        if start is None:
            return


def _of_payment(payment: Payment, item: Item) -> Iterator[Breach]:
    if payment.status in WAITING and "due_pk" not in item:
        yield Breach("I9", f"payment {payment.id} is {payment.status}, and nobody looks at it again")
    if payment.status is Status.COMPLETED and payment.credit_txn is None:
        yield Breach("I6", f"payment {payment.id} is completed and was not credited")
    if payment.credit_txn:
        yield from _of_credit(payment)
    if payment.created_at >= clock.after(-_EVENTS_SINCE_S):
        yield from _of_events(payment)


def _of_credit(payment: Payment) -> Iterator[Breach]:
    # What came of money after a refund says nothing of the credit, nor does the receipt of that money.
    if payment.status not in _CREDITED and payment.refund_id is None:
        yield Breach("I6", f"payment {payment.id} was credited and is {payment.status}")
    record = tables.get(_table(), Key(f"TXN#{payment.credit_txn}", "TXN"))
    if record is None or record["reference"] != payment.id:
        yield Breach("I6", f"payment {payment.id} was credited, and no record tells of it")
    elif _moved_by(record, payment.tenant) != payment.credits:
        yield Breach("I6", f"payment {payment.id} is of {payment.credits} credits, and its record of others")
    completed = payment.status is Status.COMPLETED
    if completed and receipts.owner(payment.gateway, payment.receipt or "") != payment.id:
        yield Breach("I6", f"the receipt of payment {payment.id} is not its own")


def _of_events(payment: Payment) -> Iterator[Breach]:
    late = clock.after(-EVENT_WITHIN_S)
    told = (provider_events.told(payment.gateway, order) for order in refund_orders.every(payment))
    for event in chain.from_iterable(told):
        if event["received_at"] < late and "outcome" not in event:
            yield Breach("I10", f"nobody has looked into what {payment.gateway} told of payment {payment.id}")
