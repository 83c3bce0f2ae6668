"""Customers: two tenants, one without enough credits, who send, lead what they send, and ask again when in doubt.

What they send is drawn beforehand: every batch has texts of its own, so the provider's log tells of each text whose it
is; the numbers are the same few again and again.
"""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from functions.sms import parts, plans
from functions.sms.plans import Extent
from mifumo import credited, ids, ledger, wallets, writes
from mifumo.ids import TenantId
from tests.builders import token
from tests.sms.world import World

RICH, POOR = TenantId("t1"), TenantId("t2")
_NUMBERS = 1_500
# Numbers that the provider takes for invalid, cannot reach, is refused for, or says nothing of: more than life has.
_SPECIAL, _ENDS = 0.12, ("001", "002", "003", "006")
_TRY_AGAIN = 500
_YEARS_S = 50 * 365 * 24 * 3_600


@dataclass
class Batch:
    """What a customer asked for: the texts and their recipients, under one Idempotency-Key."""

    tenant: TenantId
    key: str
    texts: dict[str, list[str]]
    parks: bool = False
    quote: str = ""
    id: str = ""

    @property
    def size(self) -> int:
        """Counts its recipients."""
        return sum(len(numbers) for numbers in self.texts.values())


@dataclass
class Customers:
    """Those who use the API, one call a deed."""

    world: World
    dice: Random
    total: int
    batches: list[Batch] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._tokens = {tenant: token(tenant=tenant, expires_in_s=_YEARS_S) for tenant in (RICH, POOR)}
        self._given = {RICH: 50 * self.total, POOR: 1}
        for tenant, amount in self._given.items():
            self.world.fund(amount, tenant=tenant)
        self._promised, self._kept = dict[str, int](), set[str]()
        numbers = [f"2557120{number:02d}" for number in range(_NUMBERS // 1_000 + 1)]
        self._numbers = [f"{first}{number:03d}" for first in numbers for number in range(1_000) if number > 9]
        left = self.total
        while left > 0:
            self.batches.append(self._drawn(len(self.batches), left))
            left -= self.batches[-1].size
        for batch in self.batches:
            batch.quote = self._quote(batch) if len(batch.texts) > 1 else ""

    def fund(self) -> None:
        """Promises the poor one credits, and brings what was promised."""
        self._promised[f"more:{len(self._promised)}"] = self.dice.randrange(1, 60)
        self.keep_promises()

    def keep_promises(self) -> None:
        """Brings all credits of which it is not known that they are there; under its name, each moves once."""
        for name, amount in list(self._promised.items()):
            if name in self._kept:
                continue
            with suppress(ledger.AlreadyRecorded):
                self._bring(name, amount)
            self._kept.add(name)
            credited.tell(POOR)

    def _bring(self, name: str, amount: int) -> None:
        ledger.move(
            wallets.read(POOR),
            lambda wallet: ledger.credit(wallet, amount, name=name, reference=name, postings=[], package=None),
        )

    @property
    def credits(self) -> dict[TenantId, int]:
        """Returns what each tenant has been given in all."""
        return {RICH: self._given[RICH], POOR: self._given[POOR] + sum(self._promised.values())}

    def deed(self) -> None:
        """Does one thing: sends what is not sent yet, asks again, leads a batch, or brings the poor one credits."""
        unsent = [batch for batch in self.batches if not batch.id]
        deeds: list[Callable[[], None]] = [self._lead, self.fund]
        if unsent:
            deeds += [partial(self.send, unsent[0])] * 6
        if sent := [batch for batch in self.batches if batch.id]:
            deeds.append(partial(self.send, self.dice.choice(sent)))
        self.dice.choice(deeds)()

    @property
    def idle(self) -> bool:
        """Tells whether everything has been sent."""
        return all(batch.id for batch in self.batches)

    def send(self, batch: Batch) -> None:
        """Sends a batch; the second time it must be met by the first."""
        if batch.quote:
            status, body = self._call(batch.tenant, "/api/sms/batches/", {"quote_id": batch.quote}, batch.key)
        else:
            ((text, numbers),) = batch.texts.items()
            wanted = {"sender_id": "INFO", "text": text, "recipients": [f"+{one}" for one in numbers]}
            status, body = self._call(batch.tenant, "/api/sms/send/", {**wanted, "park": batch.parks}, batch.key)
        self.counts[f"send {status}"] += 1
        if status >= _TRY_AGAIN:
            return
        assert status == 202, (status, body)
        assert batch.id in {"", body["id"]}, "the same key made two batches"
        batch.id = body["id"]

    def let_all_go_on(self) -> None:
        """Resumes whatever is paused."""
        for batch in self.batches:
            if batch.id and self._read(batch)["status"] == "paused":
                self._call(batch.tenant, f"/api/sms/batches/{batch.id}/resume/")

    def _read(self, batch: Batch) -> Any:
        status, body = self.world.call("GET", f"/api/sms/batches/{batch.id}/", token=self._tokens[batch.tenant])
        assert status == 200, body
        return body

    def _lead(self) -> None:
        sent = [batch for batch in self.batches if batch.id]
        if sent:
            batch, verb = self.dice.choice(sent), self.dice.choice(("pause", "resume", "resume", "resume", "cancel"))
            status, body = self._call(batch.tenant, f"/api/sms/batches/{batch.id}/{verb}/")
            assert status in {200, 409, 500, 503}, body
            self.counts[f"{verb} {status}"] += 1

    def _quote(self, batch: Batch) -> str:
        """Lays out ahead what an upload would: half of the texts in each of two parts."""
        plan = plans.new(
            ids.derived("quote", batch.key),
            batch.tenant,
            made_by="u1",
            sender_id="INFO",
            text="{{text}}",
            fingerprint="f",
        )
        writes.commit(plans.put(plan))
        extent, first, texts = Extent(), 1, list(batch.texts.items())
        for number, some in enumerate((texts[: len(texts) // 2], texts[len(texts) // 2 :]), start=1):
            ready = list(parts.chunked(dict(some), first=first))
            extent, first = extent.and_part(parts.write(plan.tenant, plan.id, number, ready), ready), first + len(ready)
        writes.commit(plans.made(plans.ready(plan, extent)))
        return plan.id

    def _call(self, tenant: TenantId, path: str, body: Any = None, key: str = "") -> tuple[int, Any]:
        headers = {"Idempotency-Key": key} if key else {}
        return self.world.call("POST", path, body, headers=headers, token=self._tokens[tenant])

    def _drawn(self, index: int, left: int) -> Batch:
        key, kind = f"batch-{index}", self.dice.random()
        if kind < 1 / 2:
            return Batch(RICH, key, self._one_text(key, min(left, self.dice.randrange(1, 11))))
        if kind < 2 / 3:
            return Batch(POOR, key, self._one_text(key, min(left, self.dice.randrange(1, 40))), parks=True)
        most = max(12, min(300, self.total // 8))
        some = self._some(min(left, self.dice.randrange(11, most)))
        if kind < 5 / 6 or len(some) == 1:
            return Batch(RICH, key, {self._text(key): some})
        apart = self.dice.randrange(1, max(2, min(12, len(some))))
        own = {f"{self._text(key)} {number}": [number] for number in some[:apart]}
        return Batch(RICH, key, {**own, self._text(key): some[apart:]})

    def _one_text(self, key: str, count: int) -> dict[str, list[str]]:
        return {self._text(key): self._some(count)}

    def _text(self, key: str) -> str:
        """Returns a text that no other batch has; one of four needs two segments."""
        return f"Habari {key}" + " na karibu tena dukani" * (8 if self.dice.random() < 1 / 4 else 0)

    def _some(self, count: int) -> list[str]:
        """Draws different numbers."""
        drawn = dict.fromkeys(self.dice.sample(self._numbers, count))
        special = (f"{number[:-3]}{self.dice.choice(_ENDS)}" for number in drawn)
        return list(
            dict.fromkeys(
                other if self.dice.random() < _SPECIAL else one for one, other in zip(drawn, special, strict=False)
            )
        )
