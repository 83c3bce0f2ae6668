"""Prepaid credits: credit, hold, settle, adjust. The only code that moves a balance.

A wallet has `available`, `held` and `version`. Every move is one transaction of the wallet's update (on condition that
nobody moved it since it was read), an immutable entry numbered by the new version, so that numbers have no gaps, and a
journal record under the move's own name (`hold:<batch>`), put where none stands: that record is what makes a replay
harmless. Holds are two-phase, as in TigerBeetle: a hold is settled once, in parts captured and released.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from mifumo import backoff, clock, freezes, tables, wallets, writes
from mifumo.aws import Item
from mifumo.errors import AppError, Busy
from mifumo.ids import TenantId
from mifumo.tables import Key
from mifumo.wallets import LedgerSettings, Wallet, WalletMoved
from mifumo.writes import Write

# Parallel sends of one tenant meet on one wallet and each round lets one through: more tries than a conflict needs.
# A lost round costs somebody else's commit and no more, so pauses stay short.
_TRIES, _PAUSE_MAX_S = 30, 0.2


class Kind(StrEnum):
    """What an entry did: credit (in), hold (available to held), capture (out of held), release (held to available).

    A reversal takes bought credits back out of held, because their money goes back. A refund brings spent ones back.
    """

    CREDIT = "credit"
    HOLD = "hold"
    CAPTURE = "capture"
    RELEASE = "release"
    REVERSAL = "reversal"
    REFUND = "refund"
    ADJUST = "adjust"


class InsufficientCredits(AppError):
    """The wallet has fewer credits available than this needs."""

    status = 402
    code = "insufficient_credits"
    title = "Not enough credits"

    def __init__(self, *, required: int, available: int) -> None:
        shortfall = required - available
        super().__init__(
            f"This needs {required:,} credits and {available:,} are available: buy {shortfall:,} more.",
            required=required,
            available=available,
            shortfall=shortfall,
        )


class AlreadyRecorded(Exception):
    """A move under this name was made before: a replay met its own record."""


class HoldSettled(Exception):
    """The hold was settled before, or there is none."""


class UnbalancedError(Exception):
    """Postings that do not sum to nothing in each asset: a mistake in the program, caught before it is written."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Credits set aside for one batch."""

    id: str
    amount: int
    captured: int
    released: int
    settled: bool


def _table() -> str:
    return LedgerSettings.load().ledger_table


def _entry_key(tenant: TenantId, seq: int) -> Key:
    return Key(f"W#{tenant}", f"E#{seq:012d}")


def _hold_key(tenant: TenantId, hold: str) -> Key:
    return Key(f"W#{tenant}", f"HOLD#{hold}")


def totals(postings: list[Item]) -> dict[str, int]:
    """Adds up postings, by asset."""
    sums: dict[str, int] = {}
    for posting in postings:
        sums[posting["asset"]] = sums.get(posting["asset"], 0) + posting["amount"]
    return sums


def read_hold(tenant: TenantId, hold: str) -> Hold | None:
    """Reads a hold, None when there is none."""
    item = tables.get(_table(), _hold_key(tenant, hold))
    if not item:
        return None
    return Hold(hold, item["amount"], item["captured"], item["released"], item["status"] == "settled")


def move(known: Wallet, build: Callable[[Wallet], list[Write]]) -> Wallet:
    """Commits what `build` makes of the wallet, again with the fresh wallet when somebody moved it meanwhile.

    Raises what the writes refuse; Busy, with nothing changed, when the wallet does not come to rest.
    """
    wallet = known
    for _ in backoff.attempts(_TRIES, pause_max_s=_PAUSE_MAX_S):
        try:
            writes.transact(*build(wallet))
        except WalletMoved as moved:
            wallet = moved.wallet or wallets.read(known.tenant)
        else:
            return wallet
    raise Busy(retry_after_s=1)


def credit(
    wallet: Wallet, amount: int, *, name: str, reference: str, postings: list[Item], package: str | None = None
) -> list[Write]:
    """Adds bought credits. `postings` are the money side (TZS); the credit side is added here."""
    issued = _posting("contra:issued", "CREDIT", -amount)
    return [
        _journal(name, reference, [*postings, issued, _posting(_account(wallet), "CREDIT", amount)]),
        *_moved(wallet, [(Kind.CREDIT, amount, amount, 0)], name, reference, package=package),
    ]


def adjust(wallet: Wallet, amount: int, *, name: str, reference: str, reason: str, actor: str) -> list[Write]:
    """Adds (or with a negative amount takes) credits by hand, for a stated reason."""
    if wallet.available + amount < 0:
        raise InsufficientCredits(required=-amount, available=wallet.available)
    posting = [_posting("contra:adjustment", "CREDIT", -amount), _posting(_account(wallet), "CREDIT", amount)]
    return [
        _journal(name, reference, posting, reason=reason, actor=actor),
        *_moved(wallet, [(Kind.ADJUST, amount, amount, 0)], name, reference),
    ]


def hold(wallet: Wallet, amount: int, *, batch: str, reference: str = "") -> list[Write]:
    """Sets credits aside for a batch; raises WalletFrozen, and InsufficientCredits when the wallet has fewer.

    The statement names the batch, or the `reference` where credits are set aside for something else.
    """
    freezes.require_open(wallet)
    if wallet.available < amount:
        raise InsufficientCredits(required=amount, available=wallet.available)
    item = {
        **_hold_key(wallet.tenant, batch)._asdict(),
        "amount": amount,
        "captured": 0,
        "released": 0,
        "status": "open",
        "created_at": clock.stamp(),
    }
    return [
        _journal(f"hold:{batch}", reference or batch, []),
        writes.put(_table(), item, refused=lambda _: AlreadyRecorded(batch)),
        *_moved(wallet, [(Kind.HOLD, amount, -amount, amount)], f"hold:{batch}", reference or batch, spends=True),
    ]


def settle(wallet: Wallet, held: Hold, *, captured: int, reference: str = "") -> list[Write]:
    """Ends a hold: what was handed over is captured, the rest is released."""
    released = held.amount - captured
    if not 0 <= captured <= held.amount:
        raise ValueError(f"cannot capture {captured} of a hold of {held.amount}")
    moves = [(Kind.CAPTURE, captured, 0, -captured), (Kind.RELEASE, released, released, -released)]
    spent = [_posting(_account(wallet), "CREDIT", -captured), _posting("contra:consumed", "CREDIT", captured)]
    return [
        _journal(f"hold:{held.id}:settle", reference or held.id, spent if captured else []),
        _closed(wallet, held, captured=captured),
        *_moved(wallet, [move for move in moves if move[1]], f"hold:{held.id}:settle", reference or held.id),
    ]


def reverse(wallet: Wallet, held: Hold, *, reference: str, postings: list[Item]) -> list[Write]:
    """Ends a hold by taking back the credits that were bought; `postings` are the money side (TZS)."""
    back = [_posting(_account(wallet), "CREDIT", -held.amount), _posting("contra:issued", "CREDIT", held.amount)]
    return [
        _journal(f"hold:{held.id}:settle", reference, [*postings, *back]),
        _closed(wallet, held, captured=held.amount),
        *_moved(wallet, [(Kind.REVERSAL, held.amount, 0, -held.amount)], f"hold:{held.id}:settle", reference),
    ]


def _closed(wallet: Wallet, held: Hold, *, captured: int) -> Write:
    return writes.update(
        _table(),
        _hold_key(wallet.tenant, held.id),
        "SET #status = :settled, captured = :captured, released = :released, settled_at = :now",
        condition="#status = :open AND amount = :amount",
        names={"#status": "status"},
        values={
            ":settled": "settled",
            ":open": "open",
            ":amount": held.amount,
            ":captured": captured,
            ":released": held.amount - captured,
            ":now": clock.stamp(),
        },
        refused=lambda _: HoldSettled(held.id),
    )


def refund(wallet: Wallet, amount: int, *, name: str, reference: str) -> list[Write]:
    """Gives credits back that were spent on what was not delivered."""
    postings = [_posting("contra:consumed", "CREDIT", -amount), _posting(_account(wallet), "CREDIT", amount)]
    return [
        _journal(name, reference, postings),
        *_moved(wallet, [(Kind.REFUND, amount, amount, 0)], name, reference),
    ]


def record(name: str, *, reference: str, postings: list[Item]) -> Write:
    """Writes what moves between accounts and no wallet: money that stands with us and is not credited."""
    return _journal(name, reference, postings)


def _account(wallet: Wallet) -> str:
    return f"tenant:{wallet.tenant}:wallet"


def _posting(account: str, asset: str, amount: int) -> Item:
    return {"account": account, "asset": asset, "amount": amount}


def _journal(name: str, reference: str, postings: list[Item], **more: Any) -> Write:
    """Writes the record that makes a move happen once; its postings sum to zero in each asset.

    Raises UnbalancedError: no such record is ever written.
    """
    if lopsided := {asset: total for asset, total in totals(postings).items() if total}:
        raise UnbalancedError(name, lopsided)
    item = {
        "pk": f"TXN#{name}",
        "sk": "TXN",
        "reference": reference,
        "postings": postings,
        "created_at": clock.stamp(),
        **more,
    }
    return writes.put(_table(), item, refused=lambda _: AlreadyRecorded(name))


def _moved(
    wallet: Wallet,
    moves: list[tuple[Kind, int, int, int]],
    name: str,
    reference: str,
    *,
    package: str | None = None,
    spends: bool = False,
) -> list[Write]:
    """Writes the wallet after the moves (kind, amount, change of available, change of held) and an entry for each.

    An entry names the journal record that it belongs to. What `spends` is refused by a frozen wallet.
    """
    now, after, entry_writes = clock.stamp(), wallet, []
    for kind, amount, available_delta, held_delta in moves:
        after = replace(
            after,
            available=after.available + available_delta,
            held=after.held + held_delta,
            version=after.version + 1,
        )
        entry = {
            **_entry_key(wallet.tenant, after.version)._asdict(),
            "seq": after.version,
            "kind": kind.value,
            "amount": amount,
            "available_delta": available_delta,
            "held_delta": held_delta,
            "available_after": after.available,
            "held_after": after.held,
            "reference": reference,
            "txn": name,
            "created_at": now,
        }
        entry_writes.append(writes.put(_table(), entry, refused=lambda _: WalletMoved(None)))
    listed = [wallets.listed(wallet)] if wallet.version == 0 else []
    return [_wallet_write(wallet, after, now, package, spends=spends), *entry_writes, *listed]


def _wallet_write(before: Wallet, after: Wallet, now: str, package: str | None, *, spends: bool) -> Write:
    values: Item = {
        ":available": after.available,
        ":held": after.held,
        ":version": after.version,
        ":now": now,
        ":before": before.version,
    }
    expression = "SET available = :available, held = :held, version = :version, updated_at = :now"
    if package:
        expression, values[":package"] = f"{expression}, package = :package", package
    fell, rose = wallets.crossing(before, after, now)
    for name, value in fell.items():
        expression, values[f":{name}"] = f"{expression}, {name} = :{name}", value
    if rose:
        expression = f"{expression} REMOVE {', '.join(rose)}"
    condition = "version = :before"
    if before.version == 0:
        condition = "attribute_not_exists(pk) OR version = :before"
    if spends:
        condition = f"({condition}) AND attribute_not_exists(frozen_because)"
    return writes.update(
        _table(),
        wallets.key(before.tenant),
        expression,
        condition=condition,
        values=values,
        refused=lambda item: WalletMoved(wallets.of(before.tenant, item) if item else None),
    )
