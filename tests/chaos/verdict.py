"""Verdict: what must hold when a story is over, whatever has happened in it.

What each text costs is told by docs/decisions/0005: this reckons it anew, from the provider's log, from what the
workers learned, and from what the receipts function was told.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from functions.sms import chunks, messages
from functions.sms.batches import OVER
from functions.sms.chunks import RECIPIENTS_MAX, Chunk, State
from functions.sms.messages import FINAL, RANK, Status
from mifumo import clock
from mifumo.providers import beem_reports
from tests.chaos.customers import POOR, RICH, Customers
from tests.chaos.provider import Call, Provider
from tests.kernel import ledger_model

_OVER = {status.value for status in OVER}
# Figures are counted anew for longer than a story lasts: that holds nothing up.
_FIGURES = "RECKONINGS"
_LEASE_S = 300
_WINDOW = timedelta(hours=72)

# A recipient of one hand-over, as the provider names it: the number that we gave, and the phone's.
Named = tuple[int, str]
Word = tuple[datetime, Status]


@dataclass(frozen=True)
class Told:
    """A report as the receipts function was told it, and when it had done with it."""

    at: datetime
    body: dict[str, Any]


@dataclass
class Verdict:
    """Reads all that a story left behind, and lists what is wrong with it."""

    customers: Customers
    provider: Provider
    told: list[Told]

    def faults(self) -> list[str]:
        """Lists all that must not be; empty when all is well."""
        self._items = ledger_model.stored(os.environ["MESSAGING_TABLE"])
        self._ledger = ledger_model.stored(os.environ["LEDGER_TABLE"])
        self._given_back = Counter(
            {
                item["pk"]: posting["amount"]
                for item in self._ledger
                if item["pk"].startswith("TXN#returned:")
                for posting in item["postings"]
                if posting["account"].startswith("tenant:")
            }
        )
        self._batches = [item for item in self._items if item["sk"].startswith("BATCH#")]
        self._chunks = [chunks.of(item) for item in self._items if item["sk"].startswith("CHUNK#")]
        self._rows = {(item["pk"], item["sk"]): item for item in self._items if "#M#" in item["pk"]}
        self._calls, self._words = defaultdict[int, list[Call]](list), defaultdict[Named, list[Word]](list)
        for call in self.provider.calls:
            first = next(iter(call.recipients.values()))
            self._calls[first // RECIPIENTS_MAX].append(call)
        for report in self.told:
            status, _ = beem_reports.STATUSES[report.body["status"]]
            named = report.body["recipient_id"], report.body["dest_addr"]
            self._words[named].append((report.at, Status(status)))
        checks = (self._sent_twice, self._sent_unasked, self._open, self._misread, self._mischarged, self._books)
        return [fault for check in checks for fault in check()]

    def _sent_twice(self) -> Iterator[str]:
        key = {text: batch.key for batch in self.customers.batches for text in batch.texts}
        times = Counter((key[text["message"]], text["dest_addr"]) for text in self.provider.log)
        for (batch, number), count in times.items():
            if count > 1:
                yield f"{batch} reached {number} {count} times"

    def _sent_unasked(self) -> Iterator[str]:
        asked = {text: set(numbers) for batch in self.customers.batches for text, numbers in batch.texts.items()}
        for text in self.provider.log:
            if text["dest_addr"] not in asked[text["message"]]:
                yield f"{text['dest_addr']} got a text that nobody sent it"

    def _open(self) -> Iterator[str]:
        for item in self._items:
            if item.get("due_pk", _FIGURES) != _FIGURES:
                yield f"{item['due_pk']} still has {item['pk']} {item['sk']} {item.get('state', item.get('status'))}"
        for batch in self._batches:
            if batch["status"] not in _OVER:
                yield f"batch {batch['id']} is {batch['status']}"
        for chunk in self._chunks:
            if not chunk.at_rest:
                yield f"chunk {chunk.batch} {chunk.number} is {chunk.state}"
            for position in range(1, len(chunk.recipients) + 1):
                if self._status(chunk, position) not in FINAL:
                    yield f"message {chunk.batch} {chunk.number} {position} is {self._status(chunk, position)}"

    def _misread(self) -> Iterator[str]:
        """Of a chunk that was handed over, each message stands no lower than the highest word that came for it."""
        for chunk in self._chunks:
            if chunk.state is not State.SUBMITTED:
                continue
            for position, named in enumerate(chunk.recipient_ids, start=1):
                highest = max((RANK[status] for _, status in self._words[named]), default=0)
                if RANK[self._status(chunk, position)] < highest:
                    yield f"{chunk.batch} {named} is {self._status(chunk, position)} in spite of {self._words[named]}"

    def _mischarged(self) -> Iterator[str]:
        owed, spent = Counter[str](), Counter[str]()
        for chunk in self._chunks:
            owed[chunk.batch] += chunk.handed_over * chunk.segments
            if chunk.handed_over not in (allowed := self._allowed(chunk)):
                yield f"chunk {chunk.batch} {chunk.number} ({chunk.state}) costs {chunk.handed_over} and not {allowed}"
            back = self._given_back[f"TXN#returned:{chunk.batch}:{chunk.number}"]
            spent[chunk.tenant] -= back
            ended = self._refused_by_networks(chunk)
            if back not in {texts * chunk.segments for texts in ended}:
                yield f"chunk {chunk.batch} {chunk.number} had {back} given back for {ended} texts"
        for batch in self._batches:
            spent[batch["tenant"]] += batch["charged"]
            if batch["charged"] != owed[batch["id"]]:
                yield f"batch {batch['id']} is charged {batch['charged']} and its chunks come to {owed[batch['id']]}"
        for tenant in (RICH, POOR):
            wallet = ledger_model.as_modelled(self._ledger, tenant)
            if (wallet.available, wallet.held) != (self.customers.credits[tenant] - spent[tenant], 0):
                yield f"{tenant} has {wallet.available} and {wallet.held} held, with {spent[tenant]} spent"

    def _allowed(self, chunk: Chunk) -> set[int]:
        """Returns for how many recipients a chunk may be charged."""
        calls = self._calls[chunk.recipient_ids[0][0] // RECIPIENTS_MAX]
        taken = sum(len(call.taken) for call in calls)
        believed = any(call.believed(_LEASE_S) for call in calls)
        if chunk.state is State.SUBMITTED and not chunk.adopted:
            return {taken}
        if chunk.state is State.SUBMITTED:
            return set() if believed else self._confirmed(chunk)
        if chunk.state is State.UNKNOWN:
            return set() if believed or self._heard_in_time(chunk) else {0}
        return set() if taken else {0}

    def _heard_in_time(self, chunk: Chunk) -> bool:
        """Tells whether the receipts function had been told of a chunk before that ended without a word."""
        ended = clock.parse(chunk.updated_at)
        return any(at < ended for named in chunk.recipient_ids for at, _ in self._words.get(named, []))

    def _confirmed(self, chunk: Chunk) -> set[int]:
        """Returns how many messages of a chunk whose answer was lost may have been ended by a report in time.

        Its window begins with the first word that confirms it. What was told later, or pulled, may have come in time.
        """
        began = min((at for named in chunk.recipient_ids for at, _ in self._words.get(named, [])), default=None)
        if began is None:
            return set()
        surely = sum(self._ended(named, by=began + _WINDOW) for named in chunk.recipient_ids)
        perhaps = sum(digits[-3:] != "003" for digits in self._taken(chunk))
        return set(range(surely, perhaps + 1))

    def _refused_by_networks(self, chunk: Chunk) -> set[int]:
        """Returns for how many of a chunk's texts, charged and then refused by their networks, credits came back."""
        refused = [digits for digits in self._taken(chunk) if digits.endswith("002")]
        if chunk.state is not State.SUBMITTED or not refused:
            return {0}
        by = clock.parse(chunk.submitted_at or chunk.created_at) + _WINDOW
        surely = sum(self._ended(named, by=by) for named in chunk.recipient_ids if named[1] in refused)
        return set(range(surely, len(refused) + 1))

    def _ended(self, named: Named, *, by: datetime) -> bool:
        return any(at <= by and status in FINAL for at, status in self._words.get(named, []))

    def _taken(self, chunk: Chunk) -> list[str]:
        calls = self._calls[chunk.recipient_ids[0][0] // RECIPIENTS_MAX]
        return [digits for call in calls for digits in call.taken]

    def _status(self, chunk: Chunk, position: int) -> Status:
        where = messages.key(chunk.tenant, chunk.batch, chunk.number, position)
        return messages.at(chunk, position, self._rows.get((where.pk, where.sk))).status

    def _books(self) -> Iterator[str]:
        try:
            ledger_model.check_journal(self._ledger)
            for tenant in (RICH, POOR):
                ledger_model.check_wallet(self._ledger, tenant)
        except AssertionError as error:
            yield f"the books do not add up: {error}"
