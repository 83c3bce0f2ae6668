"""Fixtures of the billing tests: providers' simulators, our door for them to call back, and a clock that moves forward.

Most tests take `till`, whose payments all go to ZenoPay; what holds for every provider takes `counter`, which is a till
at each of them in turn.
"""

import contextlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from functions.billing import accounts, api, payments, settlement, sweep, terms, worker
from functions.billing.payment import Payment
from functions.webhooks import api as webhooks
from mifumo import clock, settings, tables, tenants, wallets, writes
from mifumo.errors import Conflict
from mifumo.ids import PaymentId, TenantId
from mifumo.providers import zenopay
from mifumo.providers.pawapay import PawaPay
from mifumo.tables import Key
from sandbox.testing import ZENOPAY_API_KEY, RunningPawaPay, running_clickpesa, running_pawapay, running_zenopay
from tests.builders import CONTEXT, answer, request, sqs, token
from tests.queues import taken
from tests.wire import Wire

TENANT = TenantId("t1")
TOKEN_KEY = "zeno-token-key"
INITIATE = "/api/billing/payments/initiate/"
QUOTES = "/api/billing/quotes/"


@dataclass
class Travel:
    """Puts our clock forward; nobody else's."""

    seconds: float = 0

    def forward(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Till:
    """The billing slice at work: its doors, its worker and its sweep, over one simulator of ZenoPay."""

    simulator: Any
    wire: Wire
    travel: Travel
    owner: str

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        """Calls the billing door as the owner of t1, unless told otherwise."""
        options.setdefault("token", self.owner)
        return answer(api.handler(request(method, path, body, **options), CONTEXT))

    def buy(self, digits: str = "456", *, key: str = "key-1", **changes: Any) -> tuple[int, Any]:
        body = {"package_id": "lite", "provider": "vodacom", "phone": f"0754123{digits}", **changes}
        return self.call("POST", INITIATE, body, headers={"Idempotency-Key": key})

    def quoted(self, *, key: str = "quote-1", **body: Any) -> dict[str, Any]:
        """Asks for a quote, of 6,000 credits unless told otherwise."""
        headers = {"Idempotency-Key": key}
        status, quote = self.call("POST", QUOTES, body or {"credits": 6_000}, headers=headers)
        assert status == 201, quote
        found: dict[str, Any] = quote
        return found

    def bought(self, digits: str = "456", **options: Any) -> Payment:
        status, body = self.buy(digits, **options)
        assert status == 202, body
        return self.payment(body["id"])

    def payment(self, payment_id: str) -> Payment:
        found = payments.read(PaymentId(payment_id))
        assert found
        return found

    def look(self, payment: Payment, **more: Any) -> dict[str, Any]:
        """Has the worker look at a payment, as one message of the queue."""
        failed: dict[str, Any] = worker.handler(sqs({"payment_id": payment.id, **more}), CONTEXT)
        return failed

    def sweep(self) -> int:
        """Runs the sweep and the worker on all that it queued; returns how many messages there were."""
        sweep.handler({}, CONTEXT)
        messages = self.queued()
        for message in messages:
            assert worker.handler(sqs(message), CONTEXT) == {"batchItemFailures": []}
        return len(messages)

    def queued(self) -> list[dict[str, Any]]:
        """Takes what is visible in the queue of payments."""
        return taken("PAYMENTS")

    def call_back(self, payment: Payment, **changes: Any) -> tuple[int, Any]:
        """Calls back as ZenoPay does."""
        body = {"order_id": payment.order_id, "payment_status": "COMPLETED", "reference": "1", "metadata": {}}
        path = f"/api/webhooks/payments/zenopay/{zenopay.callback_token(TOKEN_KEY, payment.order_id)}/"
        headers = {"x-api-key": ZENOPAY_API_KEY}
        return answer(webhooks.handler(request("POST", path, {**body, **changes}, headers=headers), CONTEXT))

    def paid(self, payment: Payment) -> None:
        """Waits until the provider has made up its mind about the order."""
        for _ in range(250):
            for order in self.simulator.log()["orders"]:
                if order["order_id"] == payment.order_id and order["payment_status"] != "PENDING":
                    return
            time.sleep(0.02)
        raise AssertionError("the provider never ended the order")

    def paid_at(self, simulator: RunningPawaPay, payment: Payment) -> None:
        """Waits until another provider than the till's own has made up its mind about the order."""
        PawaPayTill(simulator, self.wire, self.travel, self.owner).paid(payment)

    def callbacks(self, count: int) -> list[int]:
        """Waits for so many callbacks; returns how they were answered."""
        for _ in range(250):
            answered = [call["answered"] for call in self.simulator.log()["callbacks"]]
            if len(answered) >= count:
                return answered
            time.sleep(0.02)
        raise AssertionError("too few callbacks came")

    def pushes(self) -> list[str]:
        """Lists the orders that the provider has taken on."""
        return [order["order_id"] for order in self.simulator.log()["orders"]]

    def turn(self, payment: Payment, *, paid: bool, amount: int | None = None) -> None:
        """Gives an order another ending, of which nobody is told."""
        self.simulator.flip(payment.order_id, "COMPLETED" if paid else "FAILED", amount=amount)

    def tell(self, payment: Payment) -> None:
        """Has the provider call back about an order, and waits until the door has answered."""
        before = len(self.simulator.log()["callbacks"])
        self.prompt(payment)
        self.callbacks(before + 1)

    def prompt(self, payment: Payment) -> None:
        """Has the provider call back about an order as it stands, and does not wait for it."""
        self.simulator.call_back(payment.order_id)

    def items(self, pk: str, prefix: str = "") -> list[dict[str, Any]]:
        return list(tables.query_all("ledger", pk, begins_with=prefix, consistent=True))

    def credited(self, payment: Payment, times: int = 1) -> None:
        """Asserts that the payment has been credited so often, and that every record of it agrees."""
        wallet = wallets.read(payment.tenant)
        entries = [e for e in self.items(f"W#{payment.tenant}", "E#") if e["reference"] == payment.id]
        assert [(e["kind"], e["amount"]) for e in entries] == [("credit", payment.credits)] * times
        every = self.items(f"W#{payment.tenant}", "E#")
        assert [e["seq"] for e in every] == list(range(1, wallet.version + 1))
        assert wallet.available == sum(e["available_delta"] for e in every)
        journal = tables.get("ledger", Key(f"TXN#pay:{payment.id}:credit", "TXN"))
        assert (journal is not None) == bool(times)
        now = self.payment(payment.id)
        assert (now.status == "completed") == bool(times)
        guard = tables.get("ledger", Key(f"PTXN#{now.gateway}#{now.receipt}", "META"))
        assert (guard is not None and guard["payment_id"] == payment.id) == bool(times)
        if journal:
            sums: dict[str, int] = {}
            for posting in journal["postings"]:
                sums[posting["asset"]] = sums.get(posting["asset"], 0) + posting["amount"]
            assert sums == {"TZS": 0, "CREDIT": 0}
            assert now.next_check_at is None
        assert [row["sk"] for row in self.items(f"PAY#{payment.id}", "H#")] == [
            f"H#{version:06d}" for version in range(1, now.version + 1)
        ]


class PawaPayTill(Till):
    """The slice over a simulator of pawaPay."""

    def pushes(self) -> list[str]:
        return [deposit["depositId"] for deposit in self.simulator.log()["deposits"]]

    def paid(self, payment: Payment) -> None:
        self._until(lambda: payment.order_id in self._ended())

    def _ended(self) -> set[str]:
        return {one["depositId"] for one in self.simulator.log()["deposits"] if one["status"] != "ACCEPTED"}

    @staticmethod
    def _until(done: Callable[[], bool]) -> None:
        for _ in range(250):
            if done():
                return
            time.sleep(0.02)
        raise AssertionError("the provider never ended the order")


class ClickPesaTill(PawaPayTill):
    """The slice over a simulator of ClickPesa, whose references have no hyphens."""

    def pushes(self) -> list[str]:
        return [str(uuid.UUID(attempt["reference"])) for attempt in self.simulator.log()["attempts"]]

    def turn(self, payment: Payment, *, paid: bool, amount: int | None = None) -> None:
        self.simulator.flip(self._reference(payment), "SUCCESS" if paid else "FAILED", amount=amount)

    def prompt(self, payment: Payment) -> None:
        self.simulator.call_back(self._reference(payment))

    @staticmethod
    def _reference(payment: Payment) -> str:
        return payment.order_id.replace("-", "")

    def _ended(self) -> set[str]:
        attempts = self.simulator.log()["attempts"]
        under_way = {one["reference"] for one in attempts if one["status"] == "PROCESSING"}
        return {str(uuid.UUID(one["reference"])) for one in attempts if one["reference"] not in under_way}


@pytest.fixture
def travel(monkeypatch: pytest.MonkeyPatch) -> Travel:
    travel, real = Travel(), clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(seconds=travel.seconds))
    return travel


@pytest.fixture
def door() -> Iterator[str]:
    """Our public origin: the webhooks' door behind a real socket."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            response = webhooks.handler(request("POST", self.path, text, headers=dict(self.headers)), CONTEXT)
            self.send_response(response["statusCode"])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Tests speak for themselves."""

    # One call at a time, as one instance of a function takes them.
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def till(aws_tables: Wire, travel: Travel, door: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Till]:
    """The slice with an active tenant, and a provider whose payers take 0.02 s."""
    with opened("zenopay", aws_tables, travel, door, monkeypatch) as till:
        yield till


@pytest.fixture(params=["zenopay", "pawapay", "clickpesa"])
def counter(
    request: pytest.FixtureRequest, aws_tables: Wire, travel: Travel, door: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Till]:
    """A till at each of the providers."""
    with opened(request.param, aws_tables, travel, door, monkeypatch) as till:
        yield till


@contextlib.contextmanager
def opened(provider: str, wire: Wire, travel: Travel, door: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Till]:
    """Opens a till whose wallets all stand before one provider."""
    running: dict[str, tuple[Any, type[Till]]] = {
        "zenopay": (running_zenopay, Till),
        "pawapay": (running_pawapay, PawaPayTill),
        "clickpesa": (running_clickpesa, ClickPesaTill),
    }
    simulated, made = running[provider]
    with simulated() as simulator:
        if provider != "zenopay":
            simulator.set_callback(f"{door}/api/webhooks/payments/{provider}/")
        monkeypatch.setenv(f"{provider.upper()}_URL", simulator.url)
        monkeypatch.setenv("PUBLIC_URL", door)
        behind(monkeypatch, provider)
        monkeypatch.setattr(settlement, "ASK_GAP_S", 0)
        with contextlib.suppress(Conflict):  # a second till is of the same tenant
            writes.commit(tenants.put(TENANT, "Duka la Asha", verified=True))
        till = made(simulator, wire, travel, token())
        # The secrets are read once, and pawaPay's terms, as in a warm function of a stage at work.
        till.call("GET", "/api/billing/payments/providers/")
        if isinstance(client := accounts.client(provider), PawaPay):
            terms.refresh(client)
        yield till


def behind(monkeypatch: pytest.MonkeyPatch, providers: str) -> None:
    """Puts providers, in this order, behind every wallet."""
    wallets_ = ("vodacom", "tigo", "airtel", "halotel")
    monkeypatch.setenv("PAYMENT_PROVIDERS", ";".join(f"{wallet}={providers}" for wallet in wallets_))
    settings.forget()
