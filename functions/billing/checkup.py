"""Checkup: once a day every wallet is recomputed from its entries; one that does not add up is frozen, and people told.

What adds up has its revenue worked out, too: what it has used since the last time is earned.

A run goes on where the last one stopped, wallet by wallet, for as long as its time lasts; the day's round is over when
no wallet is left. A wallet that cannot be checked is passed over for the day, and told of: it holds nobody else up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mifumo import clock, freezes, tables, wallets, writes
from mifumo.aws import Item
from mifumo.freezes import WalletFrozen
from mifumo.ids import TenantId
from mifumo.observability import count, logger
from mifumo.tables import Key
from mifumo.wallets import LedgerSettings

from . import invariants, revenue
from .invariants import Breach
from .revenue import PoolMoved

# Between two saves of the round's place: what a run that dies has to do again.
_WALLETS_PER_STEP: Final = 25
# Wrong money freezes; what nobody has looked at in time is told, and is not the tenant's doing.
_FREEZES: Final = frozenset({"I1", "I2", "I3", "I4", "I5", "I6"})
_BREACHES_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Round:
    """How far a day's round has come; `last` is where its list of wallets goes on."""

    day: str
    wallets: int = 0
    breaches: int = 0
    last: Item | None = None
    over: bool = False


class RoundMoved(Exception):
    """Another run has gone on with the round meanwhile."""


def go_on(*, time_left: Callable[[], bool]) -> Round:
    """Goes on with today's round until it is over or time is up; a run beside another one leaves it the round."""
    now = _today()
    while not now.over and time_left():
        tenants, last = wallets.page(limit=_WALLETS_PER_STEP, start=now.last)
        found = sum(len(look(tenant)) for tenant in tenants)
        after = Round(now.day, now.wallets + len(tenants), now.breaches + found, last, over=last is None)
        try:
            _save(now, after)
        except RoundMoved:
            return now
        now = after
    if now.over:
        logger.info("wallets checked", day=now.day, wallets=now.wallets, breaches=now.breaches)
    return now


def look(tenant: TenantId) -> list[Breach]:
    """Checks one wallet, freezes it if its money is wrong, and tells of every breach."""
    try:
        breaches = invariants.check(tenant)
    except Exception:  # noqa: BLE001 - one wallet that cannot be read must not hide all those behind it
        logger.exception("wallet could not be checked", tenant_id=tenant)
        count("WalletUnchecked")
        return []
    count("WalletChecked")
    if breaches:
        count("InvariantBreach", len(breaches))
        told = [str(breach) for breach in breaches[:_BREACHES_SHOWN]]
        logger.error("books do not add up", tenant_id=tenant, breaches=told)
    else:
        _recognise(tenant)
    if wrong := [breach for breach in breaches if breach.rule in _FREEZES]:
        _freeze(tenant, str(wrong[0]))
    return breaches


def _recognise(tenant: TenantId) -> None:
    """Turns what was used into revenue; a wallet that cannot be worked out today is tomorrow's."""
    try:
        revenue.recognise(tenant)
    except PoolMoved:
        return
    except Exception:  # noqa: BLE001 - as above: it holds nobody else up
        logger.exception("revenue could not be worked out", tenant_id=tenant)
        count("RevenueUnrecognised")


def _freeze(tenant: TenantId, because: str) -> None:
    try:
        writes.commit(freezes.freeze(tenant, because=because))
    except WalletFrozen:
        return
    count("WalletFrozen")


def _key(day: str) -> Key:
    return Key("CHECKUP", day)


def _today() -> Round:
    day = clock.stamp()[:10]
    item = tables.get(LedgerSettings.load().ledger_table, _key(day))
    if item is None:
        return Round(day)
    return Round(day, item["wallets"], item["breaches"], item.get("last"), item["over"])


def _save(before: Round, after: Round) -> None:
    """Writes the round's place on condition that it is where this run found it."""
    item = {
        **_key(after.day)._asdict(),
        "wallets": after.wallets,
        "breaches": after.breaches,
        "over": after.over,
        **({"last": after.last} if after.last else {}),
    }
    writes.commit(
        writes.put(
            LedgerSettings.load().ledger_table,
            item,
            condition="attribute_not_exists(pk) OR (wallets = :wallets AND #over = :false)",
            names={"#over": "over"},
            values={":wallets": before.wallets, ":false": False},
            refused=lambda _: RoundMoved(),
        )
    )
