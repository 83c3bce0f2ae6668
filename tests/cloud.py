"""Cloud: the tables, queues, secrets and clients that a test finds, which are made over the wire once a process.

For every further test they are put where moto keeps them, empty, and the clients are as they were made: neither what
another test has stored nor what it has hooked into a client is left.
"""

import copy
import json
from collections import defaultdict
from typing import Any

import boto3
from moto.backends import get_backend

from mifumo import aws
from sandbox.testing import (
    BEEM_API_KEY,
    BEEM_SECRET_KEY,
    CLICKPESA_API_KEY,
    CLICKPESA_CHECKSUM_KEY,
    CLICKPESA_CLIENT_ID,
    PAWAPAY_TOKEN,
    ZENOPAY_API_KEY,
)
from tests.builders import KEY, KEY_ID
from tests.infra.tables import create_tables

QUEUES = (
    "URGENT",
    "BULK",
    "RECEIPTS",
    "PAYMENTS",
    "NOTICES",
    "ANNOUNCEMENTS",
    "PARKED",
    "LAYING",
    "STARTS",
    "HOOKS",
    "UPLOADS",
    "RESULTS",
    "AUTH_PRIVACY",
    "SMS_PRIVACY",
    "BILLING_PRIVACY",
)
_SECRETS = {
    "SIGNING_KEYS_SECRET": {"current": KEY_ID, KEY_ID: KEY},
    "IDENTITY_SECRET": {"pepper": "a-pepper-that-only-tests-know-0123456789"},
    "HOOKS_SECRET": {"pepper": "another-pepper-that-only-tests-know-0123456789"},
    "REPEATS_SECRET": {"pepper": "a-third-pepper-that-only-tests-know-0123456789"},
    "BEEM_SECRET": {"api_key": BEEM_API_KEY, "secret_key": BEEM_SECRET_KEY, "callback_token": "beem-token"},
    "ZENOPAY_SECRET": {"api_key": ZENOPAY_API_KEY, "token_key": "zeno-token-key"},
    "PAWAPAY_SECRET": {"token": PAWAPAY_TOKEN},
    "CLICKPESA_SECRET": {
        "client_id": CLICKPESA_CLIENT_ID,
        "api_key": CLICKPESA_API_KEY,
        "checksum_key": CLICKPESA_CHECKSUM_KEY,
    },
}


class Cloud:
    """What was made first, to be had again."""

    def __init__(self) -> None:
        self._tables: dict[str, Any] = {}
        self._clients: dict[int, tuple[Any, Any]] = {}
        self._secrets: dict[str, Any] = {}
        self._environment: dict[str, str] = {}

    def open(self) -> dict[str, str]:
        """Puts everything into a new mock; returns the environment that names it."""
        self.renew_clients()
        if not self._environment:
            self._make()
            return self._environment
        _backend("dynamodb").tables.update({name: _emptied(table) for name, table in self._tables.items()})
        for name in QUEUES:
            _backend("sqs").create_queue(name.lower())
        _backend("secretsmanager").secrets.update(copy.deepcopy(self._secrets))
        return self._environment

    def renew_clients(self) -> None:
        """Takes every hook out of the clients; makes them anew if a test has made its own."""
        aws._secrets.clear()
        for lazy in (aws.s3, aws.ses, aws.scheduler):
            lazy.cache_clear()
        now: list[Any] = [aws.dynamodb(), aws.sqs(), aws.secrets_manager()]
        if [id(client) for client in now] != list(self._clients):
            aws.forget()
            now = [aws.dynamodb(), aws.sqs(), aws.secrets_manager()]
            self._clients = {id(client): (client, copy.copy(_hooks(client))) for client in now}
        for client, as_made in self._clients.values():
            vars(client).pop("_make_api_call", None)
            vars(_hooks(client)).update(vars(copy.copy(as_made)))

    def _make(self) -> None:
        secrets, queues = boto3.client("secretsmanager"), boto3.client("sqs")
        self._environment = {
            **create_tables(boto3.client("dynamodb")),
            **{f"{name}_QUEUE_URL": queues.create_queue(QueueName=name.lower())["QueueUrl"] for name in QUEUES},
            **{
                name: secrets.create_secret(Name=name, SecretString=json.dumps(value))["ARN"]
                for name, value in _SECRETS.items()
            },
        }
        self._tables = {name: _emptied(table) for name, table in _backend("dynamodb").tables.items()}
        self._secrets = copy.deepcopy(dict(_backend("secretsmanager").secrets))


def _hooks(client: Any) -> Any:
    return client.meta.events._emitter


def _emptied(table: Any) -> Any:
    made = copy.copy(table)
    made.items = defaultdict(dict)
    return made


def _backend(service: str) -> Any:
    backends: Any = get_backend
    return backends(service)["123456789012"]["af-south-1"]
