"""The auth door as tests use it: events in, answers, tables and queues out."""

from dataclasses import dataclass, field
from typing import Any

from argon2 import PasswordHasher

from functions.auth.accounts import AccountsSettings
from functions.auth.api import handler
from mifumo import aws
from mifumo.tenants import AccessSettings
from tests.builders import CONTEXT, answer, request
from tests.queues import taken
from tests.wire import Wire

_CONTEXT: Any = CONTEXT
PASSWORD = "mbuyu tatu za asali"


@dataclass
class Answer:
    """What the door said."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        """The problem's code."""
        return str(self.body["code"])

    @property
    def refresh(self) -> str:
        """The refresh token that was issued."""
        return str(self.body["tokens"]["refresh"])

    @property
    def access(self) -> str:
        """The access token that was issued."""
        return str(self.body["tokens"]["access"])


@dataclass
class Door:
    """Calls the handler as the gateway does."""

    wire: Wire
    person: dict[str, str] = field(
        default_factory=lambda: {
            "email": "asha@duka.example",
            "password": PASSWORD,
            "first_name": "Asha",
            "last_name": "Mrema",
            "phone": "0712345678",
            "business_name": "Duka la Asha",
        }
    )

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        """Sends one request; counting of calls to AWS starts anew."""
        self.wire.clear()
        response = handler(request(method, path, body, **more), _CONTEXT)
        json_like = "json" in response["headers"].get("Content-Type", "")
        return Answer(
            response["statusCode"], answer(response)[1] if json_like else response["body"], response["headers"]
        )

    def register(self, *, ip: str = "196.41.32.10", **changes: str) -> Answer:
        """Registers Asha, or whoever the changes make of her."""
        return self.call("POST", "/api/auth/register/", {**self.person, **changes}, ip=ip)

    def login(self, email: str = "asha@duka.example", password: str = PASSWORD, **more: Any) -> Answer:
        """Signs in."""
        return self.call("POST", "/api/auth/login/", {"email": email, "password": password}, **more)

    def refresh(self, token: str) -> Answer:
        """Trades a refresh token."""
        return self.call("POST", "/api/auth/refresh/", {"refresh": token})

    def logout(self, token: str) -> Answer:
        """Ends a session."""
        return self.call("POST", "/api/auth/logout/", {"refresh": token})

    def me(self, token: str | None) -> Answer:
        """Asks who is calling."""
        return self.call("GET", "/api/auth/me/", token=token)

    def kinds(self) -> list[str]:
        """Lists what stands in the tables, as the first words of the items' sort keys, counters left out."""
        items = [
            aws.unmarshal(item)
            for table in (AccountsSettings.load().accounts_table, AccessSettings.load().access_table)
            for item in aws.dynamodb().scan(TableName=table)["Items"]
        ]
        return sorted(item["sk"].split("#")[0] for item in items if not item["pk"].startswith(("THROTTLE#", "RATE#")))


def notices() -> list[dict[str, Any]]:
    """Takes what is on the notices queue."""
    return taken("NOTICES")


class CountingHasher:
    """Counts what the real one is asked."""

    def __init__(self, real: PasswordHasher) -> None:
        self._real = real
        self.asked: list[str] = []

    def verify(self, stored: str, password: str) -> bool:
        self.asked.append("verify")
        return bool(self._real.verify(stored, password))

    def hash(self, password: str) -> str:
        self.asked.append("hash")
        return self._real.hash(password)

    def check_needs_rehash(self, stored: str) -> bool:
        return self._real.check_needs_rehash(stored)
