"""Stack and Tenant: the deployed local cloud as a test sees it, and a business that uses it."""

import json
import random
import re
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import boto3
import jwt
import requests

_TIMEOUT_S = 35
# The front door lets ten requests in at a time; a few more keep it busy.
_AT_ONCE = 16
_CODE = re.compile(r"\b\d{6}\b")
Answer = TypeVar("Answer")


def at_once(calls: list[Callable[[], Answer]]) -> list[Answer]:
    """Makes calls in parallel; returns their answers in the order of the calls."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda call: call(), calls))


def wait_until(what: str, look: Callable[[], Answer | None], *, within_s: float = 60, every_s: float = 0.5) -> Answer:
    """Looks until what it sees is true; fails with what it waited for."""
    deadline = time.monotonic() + within_s
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"{what}: not within {within_s:.0f} s"
        time.sleep(every_s)


class Simulator:
    """The controls of one provider's simulator."""

    def __init__(self, url: str) -> None:
        self._url = url

    def log(self) -> Any:
        """Returns what the provider accepted."""
        return requests.get(f"{self._url}/log", timeout=_TIMEOUT_S).json()

    def add_fault(self, kind: str, times: int = 1) -> None:
        """Makes the next calls go wrong."""
        body = {"kind": kind, "times": times}
        requests.post(f"{self._url}/faults", json=body, timeout=_TIMEOUT_S).raise_for_status()

    def clear_faults(self) -> None:
        """Makes everything go well again."""
        requests.delete(f"{self._url}/faults", timeout=_TIMEOUT_S).raise_for_status()

    def post(self, path: str, body: dict[str, Any]) -> None:
        """Uses another control."""
        requests.post(f"{self._url}/{path}", json=body, timeout=_TIMEOUT_S).raise_for_status()


class Stack:
    """What `make up` wrote down, and the AWS behind it."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        self.api_url = told["api_url"].replace("//localhost", "//127.0.0.1")
        self.outputs: dict[str, str] = told["outputs"]
        self.logins: dict[str, dict[str, str]] = told["logins"]
        sandbox = told["sandbox_url"].replace("//localhost", "//127.0.0.1")
        self.beem, self.zenopay = Simulator(f"{sandbox}/beem"), Simulator(f"{sandbox}/zenopay")
        self.pawapay, self.clickpesa = Simulator(f"{sandbox}/pawapay"), Simulator(f"{sandbox}/clickpesa")

    def clear_faults(self) -> None:
        """Makes every provider work well again."""
        for simulator in (self.beem, self.zenopay, self.pawapay, self.clickpesa):
            simulator.clear_faults()

    def client(self, service: str) -> Any:
        """Returns an AWS client with root credentials."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.told["endpoint_url"],
            region_name="af-south-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def secret(self, output: str) -> dict[str, str]:
        """Reads a secret."""
        value = self.client("secretsmanager").get_secret_value(SecretId=self.outputs[output])["SecretString"]
        secret: dict[str, str] = json.loads(value)
        return secret

    def sweep(self, slice_name: str = "Sms") -> dict[str, Any]:
        """Runs a sweep now, as the schedule does every minute."""
        return self.run(f"{slice_name}SweepFunction")

    def run(self, function: str) -> dict[str, Any]:
        """Runs a scheduled function now."""
        answer = self.client("lambda").invoke(FunctionName=self.outputs[function], Payload=b"{}")
        body = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, body
        done: dict[str, Any] = body
        return done

    @contextmanager
    def setting(self, function: str, **changes: str) -> Iterator[None]:
        """Gives a function other settings for a while."""
        functions, name = self.client("lambda"), self.outputs[function]
        before = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": before | changes})
        try:
            yield
        finally:
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": before})

    def sign(self, *, tenant: str, user: str, role: str, **claims: Any) -> str:
        """Signs an access token as the auth slice would for a user of that role."""
        keys, now = self.secret("SigningKeysSecret"), int(time.time())
        told = {"iss": "mifumo", "sub": user, "tid": tenant, "role": role, "iat": now, "exp": now + 900, **claims}
        return jwt.encode(told, keys[keys["current"]], "HS256", headers={"kid": keys["current"]})

    def texts_to(self, number: str) -> list[str]:
        """Lists what the provider was given for a number, in local form, oldest first."""
        wanted = "255" + number[1:]
        return [text["message"] for text in self.beem.log() if text["dest_addr"] == wanted]

    def code_for(self, number: str, *, count: int = 1) -> str:
        """Waits for the number's code, or for as many codes as that; returns the last one."""

        def codes() -> list[str] | None:
            found = [code.group() for code in map(_CODE.search, self.texts_to(number)) if code]
            return found if len(found) >= count else None

        return wait_until(f"code {count} for the number", codes, within_s=30)[-1]

    def staff(self, person: str) -> str:
        """Signs a token of somebody of the platform's staff."""
        return self.sign(tenant="platform", user=person, role="staff")

    def login(self, role: str) -> str:
        """Signs a seeded user in; returns the access token."""
        answer = requests.post(f"{self.api_url}/auth/login/", json=self.logins[role], timeout=_TIMEOUT_S)
        assert answer.status_code == 200, answer.text
        access: str = answer.json()["tokens"]["access"]
        return access


class Tenant:
    """A business just registered."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.phone = f"0765{random.randrange(1_000_000):06d}"
        self.password = f"{uuid.uuid4()}"
        self.email = f"asha.{uuid.uuid4().hex[:10]}@duka.example"
        made = self.post(
            "auth/register/",
            {
                "email": self.email,
                "password": self.password,
                "first_name": "Asha",
                "last_name": "Mushi",
                "phone": self.phone,
                "business_name": "Duka la Asha",
            },
            token=None,
        )
        assert made.status_code == 201, made.text
        self.tokens: dict[str, Any] = made.json()["tokens"]
        self.id: str = made.json()["tenant"]["id"]
        self.user_id: str = made.json()["user"]["id"]
        self._numbers = _numbers()

    @property
    def access(self) -> str:
        """The access token."""
        access: str = self.tokens["access"]
        return access

    def token(self, role: str, **claims: Any) -> str:
        """Signs a token of the registered user in another role."""
        return self.stack.sign(tenant=self.id, user=self.user_id, role=role, **claims)

    def take_in(self, guest: "Tenant", role: str) -> str:
        """Makes the owner of another business a member here, as seed data would; returns their token for here."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        ids = {"user_id": {"S": guest.user_id}, "tenant_id": {"S": self.id}, "joined_at": {"S": stamp}}
        member = {"pk": {"S": f"T#{self.id}"}, "sk": {"S": f"MEMBER#{guest.user_id}"}}
        mirror = {"pk": {"S": f"U#{guest.user_id}"}, "sk": {"S": f"MEMBER#{self.id}"}}
        dynamodb, table = self.stack.client("dynamodb"), self.stack.outputs["AccountsTable"]
        dynamodb.put_item(TableName=table, Item={**member, **ids, "role": {"S": role}, "status": {"S": "active"}})
        dynamodb.put_item(TableName=table, Item={**mirror, **ids})
        if role == "owner":
            dynamodb.update_item(
                TableName=table,
                Key={"pk": {"S": f"T#{self.id}"}, "sk": {"S": "OWNERS"}},
                UpdateExpression="ADD owners :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
        return str(guest.switch(self.id)["access"])

    def switch(self, tenant_id: str) -> dict[str, Any]:
        """Goes over to another tenant of the owner; returns the tokens for there."""
        switched = self.post("auth/switch/", {"tenant_id": tenant_id})
        assert switched.status_code == 200, switched.text
        tokens: dict[str, Any] = switched.json()["tokens"]
        return tokens

    def key(self, *scopes: str, mode: str = "live") -> dict[str, Any]:
        """Makes an API key."""
        made = self.post("auth/keys/", {"name": "shop", "mode": mode, "scopes": list(scopes)})
        assert made.status_code == 201, made.text
        key: dict[str, Any] = made.json()
        return key

    def request(self, method: str, path: str, *, token: str | None = "", **options: Any) -> requests.Response:
        """Calls the API; an empty token means the tenant's own, None means none."""
        bearer = token if token is None or token else self.access
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        headers |= options.pop("headers", {})
        url = f"{self.stack.api_url}/{path}"
        return requests.request(method, url, headers=headers, timeout=_TIMEOUT_S, **options)

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        """Posts JSON."""
        return self.request("POST", path, json=body, **options)

    def get(self, path: str, **query: Any) -> Any:
        """Gets what must be there."""
        answer = self.request("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pages(self, path: str, **query: Any) -> Iterator[dict[str, Any]]:
        """Yields every item of a listing."""
        cursor = None
        for _ in range(100):
            page = self.get(path, limit=250, **query, **({"cursor": cursor} if cursor else {}))
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def numbers(self, count: int, ending: str | None = None) -> list[str]:
        """Makes numbers that no other test uses; with an ending, those that choose a simulator's outcome."""
        if ending is None:
            return [f"07{next(self._numbers):05d}{random.randrange(100, 999)}" for _ in range(count)]
        return [f"07{next(self._numbers):05d}{ending}" for _ in range(count)]

    def buy_lite(self, phone: str = "0754321555", *, wallet: str = "vodacom") -> Any:
        """Buys the smallest package and waits for its 5,000 credits."""
        return self.paid(self.start_lite(phone, wallet=wallet))

    def start_lite(self, phone: str, *, wallet: str) -> str:
        """Begins to buy the smallest package; returns the payment's id."""
        started = self.post("billing/payments/initiate/", {"package_id": "lite", "provider": wallet, "phone": phone})
        assert started.status_code == 202, started.text
        return str(started.json()["id"])

    def paid(self, payment_id: str, status: str = "completed") -> Any:
        """Waits until a payment has come to this; returns it."""
        wait_until(f"the payment is {status}", lambda: self.payment(payment_id)["status"] == status)
        return self.payment(payment_id)

    def payment(self, payment_id: str) -> Any:
        """Reads a payment."""
        return self.get(f"billing/payments/{payment_id}/")

    def send(self, recipients: list[str], **more: Any) -> requests.Response:
        """Sends a text under the name that every tenant has."""
        headers = more.pop("headers", {})
        body = {"sender_id": "Taarifa-SMS", "text": "Habari ndugu mteja", "recipients": recipients, **more}
        return self.post("sms/send/", body, headers=headers)

    def batch(self, batch_id: str) -> Any:
        """Reads a batch."""
        return self.get(f"sms/batches/{batch_id}/")

    def statuses(self, batch_id: str) -> dict[str, str]:
        """Reads every recipient's status, by local number."""
        return {
            "0" + item["to"].removeprefix("+255"): item["status"]
            for item in self.pages(f"sms/batches/{batch_id}/messages/")
        }

    def balance(self) -> tuple[int, int]:
        """Reads (available, held)."""
        balance = self.get("billing/balance/")
        return balance["available"], balance["held"]

    def ledger(self) -> list[dict[str, Any]]:
        """Reads the statement, oldest entry first, and checks that it adds up to the balance once nothing moves."""
        return wait_until("the statement and the balance agree", self._agreed_ledger)

    def _agreed_ledger(self) -> list[dict[str, Any]] | None:
        entries = list(self.pages("billing/ledger/"))[::-1]
        available = held = 0
        for seq, entry in enumerate(entries, start=1):
            available += entry["available_delta"]
            held += entry["held_delta"]
            assert entry["seq"] == seq, "numbered without gaps"
            assert (entry["available_after"], entry["held_after"]) == (available, held)
            assert min(available, held) >= 0
        return entries if self.balance() == (available, held) else None


def _numbers() -> Iterator[int]:
    """Yields five-digit middles for mobile numbers, in an order of its own."""
    middles = random.sample(range(10_000, 80_000), 60_000)
    yield from (middle for middle in middles if str(middle)[0] in "123456")
