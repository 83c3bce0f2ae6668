"""Desk: what waits for the staff, each kind in a partition of its own of the `due` index, where no sweep looks."""

from enum import StrEnum
from typing import Final

from mifumo import tables
from mifumo.aws import Item
from mifumo.tables import Key, Page
from mifumo.wallets import LedgerSettings

from .states import WAITING, Status

BANK: Final = "bank"
"""The gateway of what is paid by bank transfer: nobody can be asked about it but the bank's statement."""


class Desk(StrEnum):
    """What people have to do."""

    REVIEWS = "PAYREVIEW"
    """To decide on money that moved, and not as agreed."""
    TRANSFERS = "PAYTRANSFER"
    """To find bank transfers in the bank's statement."""
    REFUNDS = "PAYREFUND"
    """To send money back by hand."""


def of(status: Status, *, gateway: str, manual: bool | None) -> Desk | None:
    """Tells whose work a payment is now, if it is people's."""
    if status is Status.REVIEW:
        return Desk.REVIEWS
    if status is Status.REFUND_PENDING and manual:
        return Desk.REFUNDS
    return Desk.TRANSFERS if gateway == BANK and status in WAITING else None


def page(desk: Desk, *, limit: int, start: Item | None) -> Page:
    """Reads a page of the payments on a desk, what has waited longest first.

    The index is a moment behind, so each is read as it stands: a page may be shorter than `limit`.
    """
    table = LedgerSettings.load().ledger_table
    found = tables.query(table, desk.value, index="due", limit=limit, start=start)
    places = [(table, Key(item["pk"], item["sk"])) for item in found.items]
    standing = tables.read(*places)
    items = [standing[place] for place in places if standing.get(place, {}).get("due_pk") == desk.value]
    return Page(items, found.last)
