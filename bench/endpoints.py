"""Endpoints: what each route asks of AWS, cold and warm, through the real handlers."""

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from bench import books, pipeline
from bench.cloud import BEEM_TOKEN, ZENOPAY_TOKEN_KEY, Cloud
from mifumo import aws, buckets, clock, ids
from mifumo.providers import zenopay
from sandbox.testing import ZENOPAY_API_KEY
from tests.builders import answer, request, sqs, token

AUTH, SMS = "functions.auth.api.handler", "functions.sms.api.handler"
BILLING, HOOKS = "functions.billing.api.handler", "functions.webhooks.api.handler"
_PASSWORD = "mbuyu tatu za asali"  # noqa: S105 # of people who live as long as a run

# Looks at the simulator until it has ended an order, a fiftieth of a second apart.
_LOOKS = 250

Event = dict[str, Any]


@dataclass(frozen=True)
class Used:
    """What one request asked of AWS."""

    calls: Counter[str]
    reads: float
    writes: float

    @property
    def words(self) -> str:
        """The calls as a sentence part, the most frequent first."""
        return ", ".join(f"{times} {name}" if times > 1 else name for name, times in self.calls.most_common()) or "none"


@dataclass(frozen=True)
class Measured:
    """One endpoint, with cold caches and with warm ones."""

    name: str
    cold: Used
    warm: Used


@dataclass(frozen=True)
class Endpoint:
    """A route or a worker: whose it is, a fresh event for each time, and a door's status of a success.

    A worker has no status: it succeeds when it leaves no message for another time.
    """

    name: str
    handler: str
    event: Callable[[], Event]
    status: int | None = 200


def measure(cloud: Cloud) -> list[Measured]:
    """Calls every endpoint, first cold and then warm, for a funded tenant that has sent a batch."""
    return [_measured(cloud, endpoint) for endpoint in _endpoints(cloud)]


def _measured(cloud: Cloud, endpoint: Endpoint) -> Measured:
    event = endpoint.event()
    cloud.forget()
    cold = _used(cloud, endpoint, event)
    # A process takes requests in blocks that grow; by the fifth one it has some of every bucket in hand.
    for _ in range(3):
        _used(cloud, endpoint, endpoint.event())
    return Measured(endpoint.name, cold, _used(cloud, endpoint, endpoint.event()))


def _used(cloud: Cloud, endpoint: Endpoint, event: Event) -> Used:
    cloud.clear()
    told = cloud.invoke(endpoint.handler, event)
    if endpoint.status is None:
        if told and told["batchItemFailures"]:
            raise pipeline.VoidRunError(f"{endpoint.name} failed")
    elif (status := answer(told)[0]) != endpoint.status:
        raise pipeline.VoidRunError(f"{endpoint.name} answered {status}: {answer(told)[1]}")
    return Used(Counter(cloud.tally.calls), cloud.tally.reads, cloud.tally.writes)


def _endpoints(cloud: Cloud) -> list[Endpoint]:
    return [*_auth(cloud), *_sms(cloud), *_billing(cloud), *_callers(cloud), _report()]


def _auth(cloud: Cloud) -> list[Endpoint]:
    people, asha = count(), "asha@duka.example"

    def register(email: str) -> Event:
        body = {
            "email": email,
            "password": _PASSWORD,
            "first_name": "Asha",
            "last_name": "Mrema",
            "phone": "0712345678",
            "business_name": "Duka la Asha",
        }
        return request("POST", "/api/auth/register/", body)

    entered = answer(cloud.invoke(AUTH, register(asha)))[1]

    def login() -> Event:
        return request("POST", "/api/auth/login/", {"email": asha, "password": _PASSWORD})

    def refresh() -> Event:
        tokens = answer(cloud.invoke(AUTH, login()))[1]["tokens"]
        return request("POST", "/api/auth/refresh/", {"refresh": tokens["refresh"]})

    def me() -> Event:
        return request("GET", "/api/auth/me/", token=entered["tokens"]["access"])

    return [
        Endpoint("auth register", AUTH, lambda: register(f"mtu{next(people)}@duka.example"), 201),
        Endpoint("auth login", AUTH, login),
        Endpoint("auth refresh", AUTH, refresh),
        Endpoint("auth me", AUTH, me),
    ]


def _sms(cloud: Cloud) -> list[Endpoint]:
    fresh = count(100)

    def send(recipients: int) -> Event:
        numbers = pipeline.numbers(recipients, first=next(fresh) * pipeline.BATCH)
        return request("POST", "/api/sms/send/", pipeline.order(numbers), token=token(tenant=pipeline.TENANT))

    batch = answer(cloud.invoke(SMS, _get("/api/sms/batches/")))[1]["items"][0]["id"]
    to = {"to": pipeline.numbers(1)[0]}
    return [
        Endpoint("sms capability", SMS, lambda: _get("/api/sms/capability/")),
        Endpoint("sms send, 1 recipient", SMS, lambda: send(1), 202),
        Endpoint("sms send, 1,000 recipients", SMS, lambda: send(pipeline.BATCH), 202),
        Endpoint("sms batches", SMS, lambda: _get("/api/sms/batches/")),
        Endpoint("sms batch", SMS, lambda: _get(f"/api/sms/batches/{batch}/")),
        Endpoint("sms messages, page of 50", SMS, lambda: _get(f"/api/sms/batches/{batch}/messages/")),
        Endpoint("sms find a number", SMS, lambda: _get("/api/sms/messages/", to)),
    ]


def _billing(cloud: Cloud) -> list[Endpoint]:
    def initiate() -> Event:
        body = {"package_id": "lite", "provider": "vodacom", "phone": "0754123129"}
        return request("POST", "/api/billing/payments/initiate/", body, token=token(tenant=pipeline.TENANT))

    return [
        Endpoint("billing packages", BILLING, lambda: _get("/api/billing/sms/packages/")),
        Endpoint("billing providers", BILLING, lambda: _get("/api/billing/payments/providers/")),
        Endpoint("billing balance", BILLING, lambda: _get("/api/billing/balance/")),
        Endpoint("billing initiate", BILLING, initiate, 202),
        Endpoint("billing ledger", BILLING, lambda: _get("/api/billing/ledger/")),
        Endpoint("billing payments", BILLING, lambda: _get("/api/billing/payments/")),
        Endpoint("webhooks payment callback", HOOKS, lambda: _callback(cloud, initiate)),
        Endpoint("billing credit", "functions.billing.worker.handler", lambda: _paid(cloud), None),
        Endpoint("billing sweep", "functions.billing.sweep.handler", lambda: _due(cloud), None),
        Endpoint("billing reconcile, 100 payments", "functions.billing.reconciling.handler", _compared(cloud), None),
    ]


def _started(cloud: Cloud, phone: str) -> str:
    """Starts a payment and returns its id."""
    body = {"package_id": "lite", "provider": "vodacom", "phone": phone}
    begun = request("POST", "/api/billing/payments/initiate/", body, token=token(tenant=pipeline.TENANT))
    payment: str = answer(cloud.invoke(BILLING, begun))[1]["id"]
    return payment


def _paid(cloud: Cloud) -> Event:
    """Has somebody pay, and returns the message that lets the worker look."""
    payment = _started(cloud, "0754123229")
    order_id = ids.as_uuid(payment)
    for _ in range(_LOOKS):
        orders = cloud.zenopay.log()["orders"]
        if any(one["order_id"] == order_id and one["payment_status"] == "COMPLETED" for one in orders):
            return sqs({"payment_id": payment})
        time.sleep(0.02)
    raise pipeline.VoidRunError("the provider never ended the order")


def _due(cloud: Cloud) -> Event:
    """Has the next look at a payment fall due; the sweep takes no event."""
    payment = _started(cloud, "0754123129")
    aws.dynamodb().update_item(
        TableName=os.environ["LEDGER_TABLE"],
        Key=aws.marshal({"pk": f"PAY#{payment}", "sk": "META"}),
        UpdateExpression="SET due_sk = :now",
        ExpressionAttributeValues=aws.marshal({":now": f"{clock.stamp()}#{payment}"}),
    )
    return {}


def _compared(cloud: Cloud) -> Callable[[], Event]:
    """Keeps a day of payments, and has it compared each time as if nobody had; the comparison takes no event."""
    books.keep(cloud, pipeline.TENANT, payments=100)

    def reopened() -> Event:
        books.reopen()
        return {}

    return reopened


def _callers(cloud: Cloud) -> list[Endpoint]:
    """Who calls costs something too: an API key, and a tenant that has used its minute up."""
    wish = {"name": "Bench", "mode": "live", "scopes": ["billing:read"]}
    owner = token(tenant=pipeline.TENANT)
    key = answer(cloud.invoke(AUTH, request("POST", "/api/auth/keys/", wish, token=owner)))[1]["key"]
    full = buckets.of_tenant("full")
    spent = {**full.key._asdict(), "tat": clock.epoch_ms() + 10 * buckets.WINDOW_S * 1000}
    aws.dynamodb().put_item(TableName=os.environ["ACCESS_TABLE"], Item=aws.marshal(spent))
    packages = "/api/billing/sms/packages/"
    return [
        Endpoint("billing packages, API key", BILLING, lambda: request("GET", packages, token=key)),
        Endpoint("refused by a limit", BILLING, lambda: request("GET", packages, token=token(tenant="full")), 429),
    ]


def _callback(cloud: Cloud, initiate: Callable[[], Event]) -> Event:
    """Starts a payment and returns the callback that ZenoPay would make for it."""
    order_id = ids.as_uuid(answer(cloud.invoke(BILLING, initiate()))[1]["id"])
    body = {"order_id": order_id, "payment_status": "COMPLETED", "reference": "1", "metadata": {}}
    path = f"/api/webhooks/payments/zenopay/{zenopay.callback_token(ZENOPAY_TOKEN_KEY, order_id)}/"
    return request("POST", path, body, headers={"x-api-key": ZENOPAY_API_KEY})


def _report() -> Endpoint:
    body = {"dest_addr": "255712000100", "request_id": 1, "recipient_id": 1, "status": "DELIVERED"}
    path = f"/api/webhooks/sms/beem/{BEEM_TOKEN}/"
    return Endpoint("webhooks delivery report", HOOKS, lambda: request("POST", path, body))


def _get(path: str, query: dict[str, str] | None = None) -> Event:
    return request("GET", path, token=token(tenant=pipeline.TENANT), query=query)
