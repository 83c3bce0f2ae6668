"""The bulk lane in virtual time: the real turn of a chunk and the real sweep, over a model of SQS and its workers.

The queue delays for a quarter of an hour at most and is fair as SQS is with a group for each tenant, or as if it were
not; the sweep comes each minute and takes as many as it does. What stands in the tables' place compares and sets, as
the tests of the real one show that DynamoDB does.
"""

import heapq
import itertools
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.sms import messaging, recovery
from functions.sms.batches import batches
from functions.sms.batches.batches import Batch
from functions.sms.batches.chunks import Chunk, Lane, State
from functions.sms.delivery import admission, handover
from functions.sms.delivery.admission import Found
from functions.sms.pacing import lanes, pace, waited
from functions.sms.provider import circuit
from mifumo import circuits, clock, queue, writes
from mifumo.ids import BatchId, TenantId
from mifumo.segments import Encoding
from mifumo.tables import Key

# Of an AWS stage: ten workers whose calls take 0.3 s; a look at a chunk that is put off takes 20 ms.
WORKERS, CALL_S, LOOK_S = 10, 0.3, 0.02
TENANT_PER_S, PLATFORM_PER_S = 1_500, 2_400
EPOCH = datetime(2026, 1, 31, 9, tzinfo=UTC)
RECIPIENTS = ("255712000010",) * 100
_SWEEP_EVERY_S = 60
_SHARDS = 4


def chunk_of(
    tenant: str, number: int = 1, *, batch: str = "b", recipients: int = 100, segments: int = 1, due: str | None = None
) -> Chunk:
    return Chunk(
        tenant=TenantId(tenant),
        batch=BatchId(batch),
        number=number,
        lane=Lane.BULK,
        state=State.QUEUED,
        recipients=RECIPIENTS[:recipients],
        segments=segments,
        created_at=clock.stamp(),
        updated_at=clock.stamp(),
        due=due,
    )


def campaign(recipients: int, *, tenant: str = "t1", batch: str = "b", segments: int = 1) -> Batch:
    return Batch(
        id=BatchId(batch),
        tenant=TenantId(tenant),
        status=batches.Status.ACCEPTED,
        sender_id="INFO",
        text="Habari",
        encoding=Encoding.GSM_7,
        segments=segments,
        accepted=recipients,
        price=recipients * segments,
        charged=0,
        chunks=recipients // 100,
        lane=Lane.BULK,
        fingerprint="",
        created_at=clock.stamp(),
    )


Where = tuple[TenantId, BatchId, int]


@dataclass
class BulkLane:
    """Messages by when they are visible, workers by when they are free, chunks by their keys.

    Fewer workers with chunks of more segments are the same lane with fewer things in it; the sweep takes fewer, too.
    A queue may lose messages, or deliver each of them twice.
    """

    fair: bool
    workers: int = WORKERS
    paced: bool = True
    sweeps: bool = True
    twice: bool = False
    loses: Callable[[Where], bool] = field(default=lambda _: False)
    handed_over: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    now_s: float = 0.0
    looks: int = 0
    swept: int = 0
    _chunks: dict[Where, Chunk] = field(default_factory=dict)
    _batches: dict[str, Batch] = field(default_factory=dict)
    _since_s: dict[Where, float] = field(default_factory=dict)
    _schedules: dict[Key, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    _asked: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _pending: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    _ready: dict[str, deque[dict[str, Any]]] = field(default_factory=lambda: defaultdict(deque))
    _order: deque[str] = field(default_factory=deque)
    _served: dict[str, float] = field(default_factory=dict)
    _due: list[tuple[str, Where]] = field(default_factory=list)
    _ticket: Any = field(default_factory=itertools.count)
    _sweep_at_s: float = 30.0

    # --- who asks ---

    def ask(self, tenant: str, count: int, *, at_s: float, batch: str = "b", recipients: int = 100) -> None:
        """Has a tenant ask for a small batch of so many chunks at a moment."""

        def accept() -> None:
            made = campaign(count * 100, tenant=tenant, batch=batch)
            self._stand(made, range(1, count + 1), spread=False, recipients=recipients)
            lanes.enqueue(made.tenant, made.lane, [(made.id, number) for number in range(1, count + 1)])

        self._at(at_s, accept)

    def lay_out(self, tenant: str, recipients: int, *, at_s: float = 0, batch: str = "b", segments: int = 1) -> None:
        """Has a tenant send a campaign, which is laid out at once."""

        def lay() -> None:
            made = campaign(recipients, tenant=tenant, batch=batch, segments=segments)
            numbers = range(1, made.chunks + 1)
            self._stand(made, numbers, spread=True)
            lanes.fan_out(made, numbers, place=1)

        self._at(at_s, lay)

    def _at(self, at_s: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._asked, (at_s, next(self._ticket), happens))

    def _stand(self, made: Batch, numbers: Iterable[int], *, spread: bool, recipients: int = 100) -> None:
        self._batches[f"{made.tenant}/{made.id}"] = made
        for number in numbers:
            where, after_s = (made.tenant, made.id, number), pace.spread_s(made, number) if spread else 0.0
            due = messaging.swept_at(after_s)
            chunk = chunk_of(made.tenant, number, batch=made.id, recipients=recipients, segments=made.segments, due=due)
            self._chunks[where] = chunk
            self._since_s[where] = self.now_s + after_s
            heapq.heappush(self._due, (due, where))

    # --- what happens ---

    def run(self, *, until_s: float = 50_000) -> None:
        """Lets the workers work until every chunk is handed over, or the time is over."""
        free = [0.0] * self.workers
        while (self._asked or self._chunks) and self.now_s < until_s:
            self.now_s = max(self.now_s, heapq.heappop(free))  # who was free before waited until now
            self._go_on()
            while not self._order and (self._asked or self._chunks):
                self.now_s = max(self.now_s, self._next_s())
                self._go_on()
            if self._order:
                heapq.heappush(free, self.now_s + self._serve(self._next()))

    def _next_s(self) -> float:
        """Tells when something happens by itself next."""
        moments = [self._asked[0][0]] if self._asked else []
        moments += [self._pending[0][0]] if self._pending else []
        return min([*moments, self._sweep_at_s])

    def _go_on(self) -> None:
        """Lets happen what happens by itself until now, in its order."""
        while (at_s := self._next_s()) <= (now_s := self.now_s):
            self.now_s = at_s
            if self._asked and self._asked[0][0] <= at_s:
                heapq.heappop(self._asked)[2]()
            elif self._pending and self._pending[0][0] <= at_s:
                body = heapq.heappop(self._pending)[2]
                self._ready[body["tenant"]].append(body)
                self._order.append(body["tenant"])
            else:
                self._sweep()
                self._sweep_at_s += _SWEEP_EVERY_S
            self.now_s = now_s

    def _sweep(self) -> None:
        now, taken = clock.stamp(), 0
        most = recovery.CHUNKS_MAX * _SHARDS * self.workers // WORKERS if self.sweeps else 0
        while self._due and self._due[0][0] <= now and taken < most:
            due, where = heapq.heappop(self._due)
            chunk = self._chunks.get(where)
            if chunk and chunk.due == due:
                taken += 1
                recovery._STEPS[chunk.state](chunk)
        self.swept += taken

    def _next(self) -> dict[str, Any]:
        if not self.fair:
            return self._ready[self._order.popleft()].popleft()
        self._order.pop()
        tenant = min(
            (one for one, waiting in self._ready.items() if waiting), key=lambda one: self._served.get(one, -1)
        )
        self._served[tenant] = self.now_s
        return self._ready[tenant].popleft()

    def _serve(self, body: dict[str, Any]) -> float:
        where = (body["tenant"], body["batch"], body["chunk"])
        before = len(self._chunks)
        self.looks += 1
        if where in self._chunks:
            handover.hand_over(*where, waits=body.get("waits", ""))
        return CALL_S if len(self._chunks) < before else LOOK_S

    # --- what stands in the place of AWS and of the provider ---

    def send(self, _url: str, bodies: list[dict[str, Any]], *, delay_s: int = 0, **_more: Any) -> int:
        for body in bodies:
            if not self.loses((body["tenant"], body["batch"], body["chunk"])):
                visible_s = self.now_s + min(delay_s, queue.DELAY_MAX_S)
                for _ in range(2 if self.twice else 1):
                    heapq.heappush(self._pending, (visible_s, next(self._ticket), body))
        return 0

    def commit(self, write: writes.Write) -> dict[str, Any]:
        values = write.arguments["ExpressionAttributeValues"]
        if write.key.sk.startswith("PACE"):
            return self._scheduled(write, {name: int(value["N"]) for name, value in values.items()})
        _, tenant, _, batch = write.key.pk.split("#")
        where = (TenantId(tenant), BatchId(batch), int(write.key.sk.removeprefix("CHUNK#")))
        placed = values[":placed"]["BOOL"] if ":placed" in values else self._chunks[where].placed
        self._chunks[where] = replace(self._chunks[where], due=values[":due"]["S"], placed=placed)
        heapq.heappush(self._due, (values[":due"]["S"], where))
        return {}

    def _scheduled(self, write: writes.Write, values: dict[str, int]) -> dict[str, int]:
        item = self._schedules[write.key]
        if "let_in" in write.arguments["UpdateExpression"]:
            item["let_in"] = values[":until"]
            return item
        stands = item.get("free_at", 0)
        if ":until" in values:
            holds, new = stands <= values[":from"], values.get(":until", 0)
        else:
            holds, new = values[":from"] < stands <= values[":before"], stands + values[":cost"]
        if not holds:
            raise write.refused(None)
        item["free_at"] = new
        return item

    def read(self, tenant: TenantId, batch: BatchId, number: int) -> Found:
        stands = pace.standing(*(self._schedules[key] for key in pace.keys(tenant)))
        chunk = self._chunks[tenant, batch, number]
        return Found(self._batches[f"{tenant}/{batch}"], chunk, circuit.of(None), None, stands)

    def submit(self, _batch: Batch, chunk: Chunk, _entry: circuits.Pass) -> None:
        where = (chunk.tenant, chunk.batch, chunk.number)
        del self._chunks[where]
        self.handed_over[chunk.tenant].append((self._since_s[where], self.now_s))

    # --- what is seen ---

    @property
    def left(self) -> int:
        """Counts the chunks that are not handed over."""
        return len(self._chunks)

    def waits_s(self, tenant: str) -> list[float]:
        """Lists how long each of a tenant's chunks waited."""
        return [at_s - since_s for since_s, at_s in self.handed_over[tenant]]

    def ended_s(self, tenant: str) -> float:
        """Tells when the last chunk of a tenant was handed over."""
        return max(at_s for _, at_s in self.handed_over[tenant])

    def out_by(self, tenant: str, at_s: float) -> int:
        """Counts the chunks of a tenant that were handed over until a moment."""
        return sum(out_s <= at_s for _, out_s in self.handed_over[tenant])


def open_lane(monkeypatch: pytest.MonkeyPatch, **options: Any) -> BulkLane:
    """Opens a lane whose clock is the virtual one, before AWS and the provider."""
    made = BulkLane(**options)
    monkeypatch.setattr(clock, "now", lambda: EPOCH + timedelta(seconds=made.now_s))
    monkeypatch.setattr(writes, "commit", made.commit)
    monkeypatch.setattr(queue, "send", made.send)
    monkeypatch.setattr(admission, "read", made.read)
    monkeypatch.setattr(handover, "_submit", made.submit)
    for module in (pace, waited):
        monkeypatch.setattr(module, "count", lambda *_: None)  # a hundred thousand figures, which nobody reads here
    if not made.paced:
        monkeypatch.setattr(admission, "_has_turn", lambda *_, **__: True)
    return made
