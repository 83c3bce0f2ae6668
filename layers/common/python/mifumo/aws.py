"""AWS: the clients, built once on one session; items in and out of DynamoDB's wire form; secrets by reference.

The only module that imports boto3.
"""

import gc
import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config

from mifumo import clock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_sqs import SQSClient

Item = dict[str, Any]

# A revoked key or a rotated secret is out of every process five minutes later.
_SECRET_TTL_S = 300
# Whoever meets a key that the copy lacks asks again, at most this often: forgeries cannot hammer Secrets Manager.
REFRESH_S = 30
_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"mode": "standard", "max_attempts": 4}, tcp_keepalive=True)


@cache
def _session() -> boto3.Session:
    return boto3.Session()


@cache
def dynamodb() -> "DynamoDBClient":
    """Returns the one DynamoDB client of this process."""
    return _session().client("dynamodb", config=_CONFIG)


@cache
def sqs() -> "SQSClient":
    """Returns the one SQS client of this process."""
    return _session().client("sqs", config=_CONFIG)


@cache
def secrets_manager() -> "SecretsManagerClient":
    """Returns the one Secrets Manager client of this process."""
    return _session().client("secretsmanager", config=_CONFIG)


@cache
def scheduler() -> "EventBridgeSchedulerClient":
    """Returns the one client of EventBridge Scheduler of this process; few schedule, so few build it at the start."""
    return _session().client("scheduler", config=_CONFIG)


@cache
def ses() -> "SESV2Client":
    """Returns the one SES client of this process; few send letters, so nobody builds it at the start."""
    return _session().client("sesv2", config=_CONFIG)


@cache
def s3() -> "S3Client":
    """Returns the one S3 client of this process; few write files or link to them, so nobody builds it at the start."""
    return _session().client("s3", config=_CONFIG.merge(Config(signature_version="s3v4")))


def connect(*clients: Callable[[], object]) -> None:
    """Builds clients while the function initialises: INIT runs at full CPU whatever the memory, a request does not.

    That ends the start: from here on garbage is looked for, but not among what has been imported and built.
    """
    for client in clients:
        client()
    gc.freeze()
    gc.enable()


def forget() -> None:
    """Drops clients and secrets, so that a test can start over."""
    for cached in (_session, dynamodb, sqs, secrets_manager, scheduler, ses, s3):
        cached.cache_clear()
    _secrets.clear()


class _IntegerDeserializer(TypeDeserializer):
    """Numbers are whole in every table of ours: no Decimal leaves this module."""

    def _deserialize_n(self, value: str) -> int:
        return int(value)


_to_wire = TypeSerializer().serialize
_from_wire = _IntegerDeserializer().deserialize


def marshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """Writes an item in DynamoDB's wire form."""
    return {name: _to_wire(value) for name, value in item.items()}


def unmarshal(item: Mapping[str, Any]) -> Item:
    """Reads an item from DynamoDB's wire form; numbers become int."""
    return {name: _from_wire(value) for name, value in item.items()}


_secrets: dict[str, tuple[int, dict[str, str]]] = {}


def secret(arn: str, *, fresh_since: int = 0) -> dict[str, str]:
    """Returns the JSON members of a secret, cached for five minutes from the read.

    `fresh_since` (epoch seconds) asks for a copy that was read after that moment: for a key id not seen yet.
    """
    cached = _secrets.get(arn)
    if cached and cached[0] > max(clock.epoch() - _SECRET_TTL_S, fresh_since):
        return cached[1]
    value: dict[str, str] = json.loads(secrets_manager().get_secret_value(SecretId=arn)["SecretString"])
    _secrets[arn] = (clock.epoch(), value)
    return value
