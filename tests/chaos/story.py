"""Story: one run of the whole pipeline in which everything goes wrong that can, told from one seed.

Everything happens in one thread, one step after another, and one step within another where a process stands still. The
dice are thrown in that order alone and the clock goes on when they say so, so the same seed tells the same story.
"""

import hashlib
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from functions.sms import hooks_worker, layer, receipts, splitter, starter, sweep, unpark, worker
from mifumo import clock
from mifumo.errors import AppError
from tests.builders import CONTEXT, sqs
from tests.chaos.appointments import Appointments
from tests.chaos.customers import Customers
from tests.chaos.ending import Ending
from tests.chaos.evidence import Evidence
from tests.chaos.listener import Listener
from tests.chaos.phones import Phones
from tests.chaos.processes import Processes
from tests.chaos.provider import Provider
from tests.chaos.queues import Message, Queues
from tests.chaos.verdict import Verdict
from tests.chaos.witness import Told
from tests.sms.customer import Customer
from tests.sms.files import Hurried
from tests.sms.world import World
from tests.wire import Crash

_BEGIN = datetime(2025, 1, 6, 5, tzinfo=UTC)
_HANDLERS: dict[str, Callable[..., Any]] = {
    "urgent": worker.handler,
    "bulk": worker.handler,
    "laying": layer.handler,
    "starts": starter.handler,
    "parked": unpark.handler,
    "receipts": receipts.handler,
    "hooks": hooks_worker.handler,
    "uploads": splitter.handler,
}
_REPORTS_A_CALL = 25
# A delivery, a customer's deed, a phone's word, reports, a sweep, a rest, and a look at the schedules.
_LIKELY = (10, 3, 1, 3, 1, 3, 1)
# Of all deliveries, and of the calls of such a worker: the other one is at work meanwhile.
_TWINS, _RESTLESS = 0.04, 0.3
# The simulator's own, which never come twice, in no story.
_REQUEST_ID = re.compile(r"'request_id': \d+, ")
# Steps of the bad days for each recipient, and at least; so many times as many if not all is sent by then. Afterwards
# it may take so long until nothing is open any more: an order waits for credits for a week, a report that matches
# nothing for two windows.
_STEPS, _STEPS_MIN, _PATIENCE = 0.75, 120, 5
_AFTERWARDS = timedelta(days=16)
# Enough to post a file as often as its customer does, to wait for it each time, and to send it.
_REST_MAX = 120
# Reports are waited for so long; and who died with a chunk in its hands is missed a little later.
_WINDOW, _SLACK = timedelta(hours=72), timedelta(minutes=30)
_STEP_MAX = timedelta(hours=24)
_WRITES_IN_TROUBLE, _READS_IN_TROUBLE = 0.01, 0.005


class Story:
    """One story; `tell` tells it."""

    def __init__(self, seed: int, world: World, beem: Any, customer: Customer, total: int) -> None:
        self._seed, self._dice = seed, random.Random(seed)
        self.world = world
        self.queues = Queues(self._dice)
        self.processes = Processes(self._dice, self._meanwhile)
        self._twin = list[Message]()
        self.provider = Provider(beem, self._dice, self.processes)
        self.appointments = Appointments(self._dice, self.queues)
        self.listener = Listener(customer, self._dice, self.processes)
        self._told: list[Told] = []
        self.counts = Counter[str]()
        self._course = hashlib.sha256()
        self._total = total
        self._at_the_door = False

    def tell(self) -> Ending:
        """Tells it: bad days, in which all is sent, and good ones, until nothing can change any more."""
        hook = self.listener.customer.url
        self.customers = Customers(self.world, self._dice, self._total, self.queues, self.processes, hook)
        self.phones = Phones(self.customers, self.provider, self.processes, self._dice)
        self.queues.attach()
        self.appointments.attach()
        self.processes.attach()
        steps = max(_STEPS_MIN, int(self._total * _STEPS))
        self.world.wire.trouble(writes=_WRITES_IN_TROUBLE, reads=_READS_IN_TROUBLE)
        for step in range(_PATIENCE * steps):
            if step >= steps and self.customers.idle:
                break
            self._step()
        self.world.wire.calm()
        for part in self._parts():
            part.calm = True
        self.customers.keep_promises()
        self.phones.bring_the_rest()
        for _ in range(_REST_MAX):
            if not self.customers.send_the_rest():
                break
            self._pass(timedelta(hours=1))
            self._all_that_waits()
        self.customers.let_all_go_on()
        calm = clock.now()
        self._good_days(calm + _WINDOW + _SLACK)
        verdict = Verdict(self.customers, self.phones, self.provider, self.listener, self._told)
        faults = verdict.late(calm, Evidence())
        self._good_days(calm + _AFTERWARDS)
        evidence = Evidence()
        self.counts += evidence.told()
        faults += verdict.faults(evidence)
        return Ending(self._seed, self._total, faults, self._happened(), self._course.hexdigest()[:16])

    def _good_days(self, until: datetime) -> None:
        pause = timedelta(seconds=61)
        while clock.now() < until:
            self._pass(min(pause, until - clock.now()))
            self._all_that_waits()
            pause = min(_STEP_MAX, pause * 1.5)

    # --- steps ---

    def _step(self) -> None:
        """Does one thing."""
        steps = (self._deliver, self._deed, self._word, self._reports, self._sweep, self._rest, self.appointments.ring)
        self._dice.choices(steps, _LIKELY)[0]()

    def _meanwhile(self) -> None:
        """Lets something else happen while a process stands still: its twin, if it has one, does the same work."""
        if not self._twin:
            self._step()
            return
        twin, self._twin, self.processes.restless = self._twin, [], 0.0
        self.counts["twins"] += 1
        self._work(twin)

    def _deliver(self) -> None:
        """Delivers a message of any queue, or some of those of the receipts, which come many at a time.

        Now and then it comes to two workers at once.
        """
        messages = self.queues.draw(together={"receipts": _REPORTS_A_CALL})
        if not messages:
            return
        if not self.queues.calm and self._dice.random() < _TWINS:
            self._twin, self.processes.restless = [replace(message) for message in messages], _RESTLESS
        self._work(messages)
        self._twin, self.processes.restless = [], 0.0

    def _work(self, messages: list[Message]) -> None:
        """Lets a worker do what messages of one queue say."""
        queue, bodies = messages[0].queue, [message.body for message in messages]
        self._note(f"deliver {queue} {[_REQUEST_ID.sub('', str(body)) for body in bodies]}")
        event = sqs(*bodies)
        for record, message in zip(event["Records"], messages, strict=True):
            record["attributes"]["ApproximateReceiveCount"] = str(message.receives)
        try:
            answer = self.processes.run(lambda: _HANDLERS[queue](event, self._context(queue)))
        except Crash:
            self.queues.back(messages)
            return
        failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        self.counts["failed"] += bool(failed)
        named = [(record["messageId"], message) for record, message in zip(event["Records"], messages, strict=True)]
        self.queues.back([message for name, message in named if name in failed])
        done = [message for name, message in named if name not in failed]
        if queue == "receipts":
            self._heard([message.body for message in done])
        self.queues.done(done)

    def _heard(self, bodies: list[dict[str, Any]]) -> None:
        self._told += [Told(clock.now(), body["report"]) for body in bodies if "report" in body]
        for body in bodies:
            if "inbound" in body:
                self.phones.done(body["inbound"])

    def _context(self, queue: str) -> LambdaContext:
        """Gives whoever reads files little time on bad days."""
        hurried = queue == "uploads" and not self.queues.calm
        return cast("LambdaContext", Hurried(looks=self._dice.randrange(3, 40))) if hurried else CONTEXT

    def _deed(self) -> None:
        """Lets a customer do something."""
        self._ask("deed", self.customers.deed)

    def _word(self) -> None:
        """Lets a phone say something."""
        self._ask("word", self.phones.deed)

    def _ask(self, what: str, deed: Callable[[], None]) -> None:
        """Lets somebody come to a door; those that are here once in this process take one request at a time."""
        if self._at_the_door:
            return
        self._note(what)
        self._at_the_door = True
        try:
            self.processes.run(deed)
        except (Crash, AppError, ClientError) as error:
            self.counts[f"{what}s ended by {type(error).__name__}"] += 1
        finally:
            self._at_the_door = False

    def _reports(self) -> None:
        """Brings the reports that have come to the queue, as the door does."""
        for report in self.provider.due():
            self.queues.put("receipts", {"provider": "beem", "report": report})

    def _sweep(self) -> None:
        self._note("sweep")
        try:
            self.processes.run(lambda: sweep.handler({}, CONTEXT))
        except (Crash, ClientError) as error:
            self.counts[f"sweeps ended by {type(error).__name__}"] += 1

    def _rest(self) -> None:
        self._pass(timedelta(seconds=self._dice.choice((1, 5, 30, 61, 61, 400, 3_000))))

    def _pass(self, time: timedelta) -> None:
        self.now += time

    def _all_that_waits(self) -> None:
        """Does all that there is to do now, as on a good day."""
        self.appointments.ring()
        self._sweep()
        self._reports()
        for _ in range(len(self.queues.waiting) * 3):
            self._deliver()

    # --- what it came to ---

    def _note(self, step: str) -> None:
        self.counts["steps"] += 1
        self._course.update(f"{self.now} {step}\n".encode())

    def _parts(self) -> tuple[Queues, Processes, Provider, Appointments, Listener]:
        return self.queues, self.processes, self.provider, self.appointments, self.listener

    def _happened(self) -> dict[str, int]:
        counts = Counter[str]()
        for part in (self, *self._parts(), self.customers, self.phones):
            counts.update(part.counts)
        counts["troubles"] = self.world.wire.troubles.total()
        counts["texts"] = len(self.provider.log)
        orders = self.customers.orders
        counts["batches"] = len(orders)
        counts.update(f"batches by {order.kind}" for order in orders)
        counts["batches in test mode"] = sum(order.test for order in orders)
        counts["batches promotional"] = sum(order.promotional for order in orders)
        return dict(sorted(counts.items()))

    now = _BEGIN
