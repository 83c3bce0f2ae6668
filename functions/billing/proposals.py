"""Proposal: a decision about money that one of the staff wants taken, with a reason, and what became of it.

The only code that reads or writes proposals. Those of one subject (a payment, or an adjustment) are numbered, and at
most one of them is open. A proposal speaks of its payment as it then stood: whatever happens to the payment makes it
void, because the decision is carried out on condition of that version.

| key | what |
|---|---|
| `PROPOSAL#<subject>` / `P#<number>` | one proposal and what became of it |
| `listing`: `PROPOSALS` / `<proposed at>#<id>` | the same, as long as it is open |
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from mifumo import clock, ids, tables, writes
from mifumo.aws import Item
from mifumo.errors import Conflict, NotFound
from mifumo.ids import TenantId
from mifumo.tables import Key, Page
from mifumo.wallets import LedgerSettings
from mifumo.writes import Write

_OPEN = "PROPOSALS"
_NUMBER_DIGITS = 6


class Decision(StrEnum):
    """What is proposed: the first three for a payment under review."""

    CREDIT = "credit"
    RETURN = "return"
    DISMISS = "dismiss"
    REFUND = "refund"
    REFUND_SENT = "refund_sent"
    """For a refund that is stuck at its provider: the money has gone."""
    REFUND_KEPT = "refund_kept"
    """The money has not gone, and will not: the credits are the tenant's again."""
    TRANSFER = "transfer"
    ADJUSTMENT = "adjustment"


class Status(StrEnum):
    """Where a proposal stands; only an open one can be approved."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"
    """It expired, or its payment moved, and another one has taken its place."""


class AlreadyProposed(Conflict):
    """There is an open proposal: approve or reject it, or have it withdrawn, before another one is made."""

    code = "already_proposed"
    title = "A decision has been proposed already"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One decision: what about, who proposed it and why, and what became of it. People are user ids."""

    subject: str
    decision: Decision
    tenant: TenantId
    reason: str
    evidence: str
    proposed_by: str
    proposed_at: str
    expires_at: str
    version: int = 0
    """The version of the payment that it speaks of; 0 for an adjustment."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What is to be carried out: a receipt, an amount, credits."""
    number: int = 1
    status: Status = Status.OPEN
    decided_by: str | None = None
    decided_at: str | None = None
    note: str = ""
    """What the second person wrote."""

    @property
    def id(self) -> str:
        """Names it on the wire: its subject's id, and which of that subject's proposals it is."""
        return f"{self.subject}-{self.number}"

    @property
    def expired(self) -> bool:
        """Tells whether it has waited for too long."""
        return self.status is Status.OPEN and self.expires_at <= clock.stamp()


def _table() -> str:
    return LedgerSettings.load().ledger_table


def _key(subject: str, number: int) -> Key:
    return Key(f"PROPOSAL#{subject}", f"P#{number:0{_NUMBER_DIGITS}d}")


def _item(proposal: Proposal) -> Item:
    values = {**asdict(proposal), "decision": proposal.decision.value, "status": proposal.status.value}
    listed = {"listing_pk": _OPEN, "listing_sk": f"{proposal.proposed_at}#{proposal.id}"}
    return {
        **_key(proposal.subject, proposal.number)._asdict(),
        **{name: value for name, value in values.items() if value is not None},
        **(listed if proposal.status is Status.OPEN else {}),
    }


def of(item: Item) -> Proposal:
    """Reads a proposal from its item."""
    values = {name: item[name] for name in Proposal.__dataclass_fields__ if name in item}
    return Proposal(**{**values, "decision": Decision(item["decision"]), "status": Status(item["status"])})


def latest(subject: str) -> Proposal | None:
    """Reads the newest proposal about a subject, consistently."""
    pk = _key(subject, 0).pk
    newest = tables.query(_table(), pk, begins_with="P#", limit=1, newest_first=True, consistent=True)
    return of(newest.items[0]) if newest.items else None


def of_subject(subject: str) -> list[Proposal]:
    """Reads all proposals about a subject, oldest first."""
    found = tables.query_all(_table(), _key(subject, 0).pk, begins_with="P#", consistent=True)
    return [of(item) for item in found]


def find(proposal_id: str) -> Proposal:
    """Reads a proposal by its id; raises NotFound."""
    subject, _, number = proposal_id.partition("-")
    well_formed = ids.valid(subject) and number.isascii() and number.isdigit() and len(number) <= _NUMBER_DIGITS
    item = tables.get(_table(), _key(subject, int(number))) if well_formed else None
    found = of(item) if item else None
    if found is None or found.id != proposal_id:
        raise NotFound("There is no such proposal.")
    return found


def page(*, limit: int, start: Item | None) -> Page:
    """Reads a page of what is open, oldest first; some of it may have expired."""
    return tables.query(_table(), _OPEN, index="listing", limit=limit, start=start)


def put(proposal: Proposal) -> Write:
    """Writes a new proposal; refuses with AlreadyProposed when its number is taken."""
    return writes.put(
        _table(),
        _item(proposal),
        refused=lambda _: AlreadyProposed("Somebody was quicker.", proposal_id=proposal.id),
    )


def close(
    proposal: Proposal,
    status: Status,
    *,
    refused: writes.Refusal,
    by: str | None = None,
    note: str = "",
    condition: str = "",
) -> Write:
    """Closes a proposal that is open; it leaves the list of open ones."""
    person = ", decided_by = :by" if by else ""
    spoken = {":now": clock.stamp(), ":status": status.value, ":open": Status.OPEN.value, ":note": note}
    return writes.update(
        _table(),
        _key(proposal.subject, proposal.number),
        f"SET #status = :status, decided_at = :now, note = :note{person} REMOVE listing_pk, listing_sk",
        condition=f"#status = :open{condition}",
        names={"#status": "status"},
        values={**spoken, **({":by": by} if by else {})},
        refused=refused,
    )
