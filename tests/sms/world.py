"""World: the whole pipeline in one process, with real handlers, moto's AWS and a Beem that speaks real HTTP.

Queues deliver when the test says so, once or as often as it likes; time goes on when the test says so.
"""

import json
import os
import queue as queues
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from functions.sms import api, layer, receipts, starter, sweep, worker
from mifumo import aws, clock, ledger, tenants, wallets, writes
from mifumo.ids import TenantId
from mifumo.preferences import Preferences
from sandbox.testing import RunningBeem
from tests.builders import CONTEXT, answer, request, sqs, token
from tests.queues import taken
from tests.wire import Wire

OWNER = token()
TENANT = TenantId("t1")
LANES = ("URGENT", "BULK")


class World:
    """A tenant with credits, a provider, and the functions between them."""

    def __init__(self, beem: RunningBeem, wire: Wire, monkeypatch: pytest.MonkeyPatch, reports: "Mailbox") -> None:
        self.beem, self.wire, self.reports = beem, wire, reports
        self._monkeypatch = monkeypatch
        self._ahead = timedelta()
        monkeypatch.setenv("BEEM_URL", beem.url)
        monkeypatch.setenv("BEEM_REPORTS_URL", beem.url)
        monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + self._ahead)
        monkeypatch.setattr(clock, "pause", lambda seconds: None)

    # --- the tenant ---

    def fund(self, credits_: int, *, tenant: TenantId = TENANT, package: str | None = "lite") -> None:
        """Makes the tenant active and gives it credits."""
        writes.commit(tenants.put(tenant, "Duka la Mfano", verified=True))
        ledger.move(
            wallets.read(tenant),
            lambda wallet: ledger.credit(
                wallet, credits_, name=f"test:{tenant}", reference="test", postings=[], package=package
            ),
        )

    def spend_all_but(self, left: int) -> None:
        """Takes the tenant's credits away."""
        ledger.move(
            wallets.read(TENANT),
            lambda wallet: ledger.adjust(
                wallet, left - wallet.available, name="test:spent", reference="test", reason="spent", actor="test"
            ),
        )

    def prefer(self, tenant: TenantId = TENANT, **wanted: Any) -> None:
        """Gives the tenant the preferences, in place of those that it had."""
        before = tenants.get(tenant, consistent=True)
        assert before is not None
        writes.commit(tenants.configure(before, name=before.name, wanted=Preferences(**wanted)))

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """Calls the door as the owner unless another token is given; returns status and body."""
        return answer(self.raw(method, path, body, **options))

    def raw(self, method: str, path: str, body: Any = None, **options: Any) -> dict[str, Any]:
        """Calls the door; returns the whole response."""
        response: dict[str, Any] = api.handler(request(method, path, body, **{"token": OWNER, **options}), CONTEXT)
        return response

    def send(self, *recipients: str, text: str = "Habari", key: str | None = None, **more: Any) -> tuple[int, Any]:
        """Sends a text under a platform name, also to whom it went lately unless told otherwise."""
        body = {"sender_id": "INFO", "text": text, "recipients": list(recipients), "allow_repeat": True, **more}
        return self.call("POST", "/api/sms/send/", body, headers={"Idempotency-Key": key} if key else {})

    def batch(self, batch_id: str) -> Any:
        """Reads a batch."""
        status, body = self.call("GET", f"/api/sms/batches/{batch_id}/")
        assert status == 200, body
        return body

    def statuses(self, batch_id: str) -> dict[str, str]:
        """Reads the status of every recipient, page by page."""
        found, cursor = {}, None
        while True:
            query = {"limit": "250"} | ({"cursor": cursor} if cursor else {})
            status, page = self.call("GET", f"/api/sms/batches/{batch_id}/messages/", query=query)
            assert status == 200, page
            found.update({item["to"]: item["status"] for item in page["items"]})
            cursor = page["next"]
            if cursor is None:
                return found

    def wallet(self, tenant: TenantId = TENANT) -> tuple[int, int]:
        """Reads (available, held)."""
        wallet = wallets.read(tenant)
        return wallet.available, wallet.held

    # --- the machinery ---

    def queued(self) -> list[dict[str, Any]]:
        """Takes everything off both lanes."""
        return [body for lane in LANES for body in taken(lane)]

    def parked_queue(self) -> list[dict[str, Any]]:
        """Takes what tells that parked orders should be looked at."""
        return taken("PARKED")

    def lay(self) -> list[dict[str, Any]]:
        """Lays out the parts of plans that are queued; returns the bodies, for a second delivery."""
        bodies = taken("LAYING")
        for body in bodies:
            assert layer.handler(sqs(body), CONTEXT) == {"batchItemFailures": []}
        return bodies

    def start(self) -> list[dict[str, Any]]:
        """Leads batches on as the queue says, until it says nothing more; returns the bodies, for a second delivery."""
        bodies = list[dict[str, Any]]()
        while said := taken("STARTS"):
            for body in said:
                self.begin(body)
            bodies += said
        return bodies

    def schedules(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Lists what is scheduled, by batch: when, and the message that will be put on the queue of starts."""
        client, group = aws.scheduler(), os.environ["SCHEDULES_GROUP"]
        found = {}
        for one in client.list_schedules(GroupName=group)["Schedules"]:
            schedule = client.get_schedule(Name=one["Name"], GroupName=group)
            assert schedule["ActionAfterCompletion"] == "DELETE"
            assert schedule["Target"]["Arn"] == os.environ["STARTS_QUEUE_ARN"]
            found[one["Name"]] = schedule["ScheduleExpression"], json.loads(schedule["Target"]["Input"])
        return found

    def fire(self) -> list[dict[str, Any]]:
        """Lets every schedule fire whose moment has come, and forgets it; returns the messages, for a second time."""
        now, fired = clock.stamp(), []
        for name, (expression, message) in self.schedules().items():
            if expression.removeprefix("at(")[:19] <= now:
                aws.scheduler().delete_schedule(Name=name, GroupName=os.environ["SCHEDULES_GROUP"])
                self.begin(message)
                fired.append(message)
        return fired

    def begin(self, message: dict[str, Any]) -> None:
        """Delivers one message to the starter; it must not fail."""
        assert starter.handler(sqs(message), CONTEXT) == {"batchItemFailures": []}

    def at(self, moment: str) -> None:
        """Moves our clock to a moment."""
        self.pass_time((clock.parse(moment) - clock.now()).total_seconds())

    def work(self) -> list[dict[str, Any]]:
        """Lets the workers do what is queued; returns the bodies, for a second delivery."""
        bodies = self.queued()
        for body in bodies:
            self.deliver(body)
        return bodies

    def deliver(self, body: dict[str, Any]) -> None:
        """Delivers one message to the worker; it must not fail."""
        assert worker.handler(sqs(body), CONTEXT) == {"batchItemFailures": []}

    def receive(self, *, expected: int | None = None) -> list[dict[str, Any]]:
        """Takes the reports that came (waiting for as many as expected) through the receipts function."""
        if expected:
            self.beem.rest()  # a report of another story may be among them
        reports = self.reports.take(expected)
        self.report(*reports)
        return reports

    def report(self, *reports: dict[str, Any]) -> None:
        """Delivers reports to the receipts function, ten a time as the queue does."""
        for first in range(0, len(reports), 10):
            bodies = [{"provider": "beem", "report": report} for report in reports[first : first + 10]]
            assert receipts.handler(sqs(*bodies), CONTEXT) == {"batchItemFailures": []}

    def pass_time(self, seconds: float) -> None:
        """Moves our clock ahead."""
        self._ahead += timedelta(seconds=seconds)

    def sweep(self, after_s: float = 0) -> dict[str, int]:
        """Lets the sweep run, that much later."""
        self.pass_time(after_s)
        done: dict[str, int] = sweep.handler({}, CONTEXT)
        return done

    def await_reports(self, total: int) -> None:
        """Waits until all reports are in, of which there must be so many since the beginning; they stay there."""
        self.beem.rest()
        assert self.reports.came >= total, "the provider sent fewer reports"

    def settle_down(self) -> None:
        """Lets time pass until nothing is open: a bounded number of sweeps, workers and reports."""
        for _ in range(12):
            self.sweep(after_s=61)
            self.lay()
            self.start()
            self.work()
            self.beem.rest()
            self.receive()

    def sent_to(self) -> list[str]:
        """Lists the numbers that the provider accepted a text for, as often as it did."""
        return [entry["dest_addr"] for entry in self.beem.log()]


class Mailbox:
    """The door that the provider pushes its reports to."""

    def __init__(self) -> None:
        self._reports: queues.Queue[dict[str, Any]] = queues.Queue()
        self.url, self._gone = "", 0

    def put(self, report: dict[str, Any]) -> None:
        """Takes a report in."""
        self._reports.put(report)

    @property
    def came(self) -> int:
        """Counts all that ever came."""
        return self._gone + self._reports.qsize()

    def take(self, expected: int | None = None) -> list[dict[str, Any]]:
        """Returns what came, waiting a few seconds for each of those expected."""
        reports = [self._reports.get(timeout=5) for _ in range(expected or 0)]
        while not self._reports.empty():
            reports.append(self._reports.get_nowait())
        self._gone += len(reports)
        return reports


@contextmanager
def open_mailbox() -> Iterator[Mailbox]:
    """Serves a mailbox on a free loopback port."""
    mailbox = Mailbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            mailbox.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    mailbox.url = f"http://127.0.0.1:{server.server_port}/reports/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield mailbox
    finally:
        server.shutdown()
        server.server_close()
