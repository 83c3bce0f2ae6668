"""Cloud: moto's AWS with the deployed tables, real simulators of the providers, and the handlers, every one metered."""

import contextlib
import importlib
import io
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

# Before any module of ours is imported: a bench must not meet a real account.
os.environ.pop("AWS_PROFILE", None)
os.environ.update(
    AWS_DEFAULT_REGION="af-south-1",
    AWS_REGION="af-south-1",
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",  # noqa: S106
    POWERTOOLS_SERVICE_NAME="sms",
    POWERTOOLS_METRICS_NAMESPACE="Mifumo",
    POWERTOOLS_LOG_LEVEL="INFO",
)

import boto3
from moto import mock_aws

from bench import deployed, prices
from bench.tally import Tally
from mifumo import aws, buckets, keys, observability, settings
from sandbox.testing import (
    BEEM_API_KEY,
    BEEM_SECRET_KEY,
    ZENOPAY_API_KEY,
    RunningBeem,
    RunningZenoPay,
    running_beem,
    running_zenopay,
)
from tests.builders import KEY, KEY_ID, Context
from tests.cloud import QUEUES
from tests.infra.tables import create_tables
from tests.sms.world import Mailbox, open_mailbox

BEEM_TOKEN = "beem-token"  # noqa: S105 # opens the emulated door and nothing else
ZENOPAY_TOKEN_KEY = "zeno-token-key"  # noqa: S105 # likewise
_SECRETS = {
    "SIGNING_KEYS_SECRET": {"current": KEY_ID, KEY_ID: KEY},
    "IDENTITY_SECRET": {"pepper": "a-pepper-that-only-this-run-knows"},
    "HOOKS_SECRET": {"pepper": "another-pepper-that-only-this-run-knows"},
    "REPEATS_SECRET": {"pepper": "a-third-pepper-that-only-this-run-knows"},
    "BEEM_SECRET": {"api_key": BEEM_API_KEY, "secret_key": BEEM_SECRET_KEY, "callback_token": BEEM_TOKEN},
    "ZENOPAY_SECRET": {"api_key": ZENOPAY_API_KEY, "token_key": ZENOPAY_TOKEN_KEY},
    "PAWAPAY_SECRET": {"token": ""},
    "CLICKPESA_SECRET": {"client_id": "", "api_key": "", "checksum_key": ""},
}
# A quarter of an hour, the most that a function gets: what goes on until time runs out is counted to its end.
_CONTEXT = Context(left_ms=900_000)
# The AWS stages' own figures.
SETTINGS = {
    "STAGE": deployed.STAGE,
    "EXPORTS_BUCKET": "exports",
    "CAMPAIGNS_BUCKET": "campaigns",
    "SCHEDULES_GROUP": "appointments",
    "SCHEDULES_ROLE": "arn:aws:iam::123456789012:role/appointments",
    "SCHEDULES_DEAD": "arn:aws:sqs:af-south-1:123456789012:appointments-dead",
    "STARTS_QUEUE_ARN": "arn:aws:sqs:af-south-1:123456789012:starts",
    "DOCUMENTS_BUCKET": "documents",
    "CONTACTS_PREVERIFIED": "True",
    "TENANT_REOPEN_WITHIN_S": "2592000",
    "QUOTE_VALIDITY_S": "1800",
    "PARKED_FOR_S": "604800",
    "PARKED_LOOK_S": "600",
    "HOOKS_TO_LOOPBACK": "True",
    "HOOK_TIMEOUT_S": "10",
    "HOOK_RETRIES_S": "5,300,1800,7200,18000,36000,50400,72000,86400",
    "HOOK_REST_S": "60",
    "HOOK_GIVE_UP_S": "432000",
    "SECOND_FACTOR_FOR_STAFF": "True",
    "CONSOLE_URL": "https://console.example",
    "MAIL_FROM": "",
    "REQUESTS_PER_IP": "100",
    "REQUESTS_PER_TENANT": "1000",
    "REQUESTS_PER_KEY": "600",
    "PROVIDER_TIMEOUT_S": "30",
    "CLAIM_LEASE_S": "300",
    "RECEIPT_WINDOW_S": "259200",
    "MISSING_PULL_EVERY_S": "21600",
    "INBOX_LOOKS_S": "60,300,1800,21600,259200",
    "OWED_ENDINGS": "rejected",
    "SWEEP_AFTER_S": "60",
    "REPORT_PULL_AFTER_S": "600",
    "SEND_RETRY_BASE_S": "15",
    "SEND_ATTEMPTS_MAX": "20",
    "CIRCUIT_OPEN_S": "60",
    "CIRCUIT_OPEN_MAX_S": "900",
    "CIRCUIT_FAILURES_MAX": "5",
    "PROVIDER_BALANCE_MIN": "100000",
    # So fast that nothing waits for its place: what taking one costs is counted all the same.
    "TENANT_SEGMENTS_PER_S": "1000000000",
    "PLATFORM_SEGMENTS_PER_S": "1000000000",
    "TENANT_URGENT_PER_S": "1000",
    "URGENT_RECIPIENTS_MAX": "10",
    "TEST_RECIPIENTS_PER_DAY": "1000",
    "TRANSFER_EXPIRY_S": "1209600",
    "BANK_NAME": "Benki ya Mfano",
    "BANK_ACCOUNT_NAME": "Mifumo Labs Ltd",
    "BANK_ACCOUNT_NUMBER": "0150000000001",
    "BANK_SWIFT": "MFANTZTZ",
    "PAYMENT_EXPIRY_S": "1800",
    "PAYMENT_CHECKS_S": "15,30,60,120,300,600,900,1800,3600",
    "PAYMENT_WATCH_S": "604800",
    "PAYMENT_LOST_AFTER_S": "600",
    "PAYMENT_PROVIDERS": "vodacom=zenopay;tigo=zenopay;airtel=zenopay;halotel=zenopay",
    "PUSHES_PER_PROVIDER": "600",
    "PROVIDER_FAILURES_MAX": "5",
    "PAWAPAY_URL": "http://127.0.0.1:9",
    "CLICKPESA_URL": "http://127.0.0.1:9/third-parties",
    "CLICKPESA_FEES": "nobody:0",
    "PUBLIC_URL": "http://127.0.0.1:9",
}


@dataclass
class Spent:
    """What the invocations of one function used, besides the calls that the tally counts."""

    invocations: int = 0
    taken: int = 0
    """Requests with which its messages were received, ten at most a request."""
    aws_calls: int = 0
    own_s: float = 0.0
    sdk_s: float = 0.0
    """The SDK's part of `own_s`."""
    log_bytes: int = 0
    bytes_out: int = 0


@dataclass
class Cloud:
    """Invokes handlers as Lambda does, and keeps the bill."""

    tally: Tally
    beem: RunningBeem
    zenopay: RunningZenoPay
    reports: Mailbox
    spent: dict[str, Spent] = field(default_factory=lambda: defaultdict(Spent))

    def invoke(self, handler: str, event: dict[str, Any]) -> Any:
        """Runs one invocation and adds what it used to the handler's account."""
        module, _, name = handler.rpartition(".")
        run, printed = getattr(importlib.import_module(module), name), io.StringIO()
        calls, away, sdk = self.tally.calls.total(), self.tally.away_s, self.tally.sdk_s
        started = time.thread_time()
        with _logging_to(printed):
            answer = run(event, _CONTEXT)
        spent = self.spent[handler]
        spent.own_s += time.thread_time() - started - (self.tally.away_s - away)
        spent.sdk_s += self.tally.sdk_s - sdk
        spent.invocations += 1
        spent.taken += -(-len(event.get("Records", ())) // prices.RECEIVED_MAX)
        spent.aws_calls += self.tally.calls.total() - calls
        lines = printed.getvalue().splitlines()
        spent.log_bytes += sum(len(line.encode()) + prices.LOG_EVENT_BYTES for line in lines)
        spent.bytes_out += _bytes_out(answer)
        return answer

    def forget(self) -> None:
        """Makes every process cold: no client, no secret, no setting, no key and no request in hand is left."""
        _forget()
        self.tally.attach()

    def clear(self) -> None:
        """Starts a new bill."""
        self.tally.clear()
        self.spent.clear()

    def take(self, lane: str) -> list[str]:
        """Takes every message off a queue, as the event source mapping does, outside what is counted here."""
        client, url, bodies = boto3.client("sqs"), os.environ[f"{lane}_QUEUE_URL"], []
        while found := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            entries: Any = [{"Id": str(i), "ReceiptHandle": one["ReceiptHandle"]} for i, one in enumerate(found)]
            client.delete_message_batch(QueueUrl=url, Entries=entries)
            bodies += [one["Body"] for one in found]
        return bodies


@contextlib.contextmanager
def cloud() -> Iterator[Cloud]:
    """Opens a cloud with empty tables and providers at work."""
    with (
        open_mailbox() as mailbox,
        running_beem(mailbox.url, report_delay_s=0.01) as beem,
        running_zenopay() as zenopay,
        mock.patch.dict(
            os.environ, {**SETTINGS, "BEEM_URL": beem.url, "BEEM_REPORTS_URL": beem.url, "ZENOPAY_URL": zenopay.url}
        ),
        mock_aws(),
    ):
        furnish()
        made = Cloud(Tally(deployed.indexes(), region=os.environ["AWS_REGION"]), beem, zenopay, mailbox)
        made.forget()
        try:
            yield made
        finally:
            _forget()


def _forget() -> None:
    for remembered in (aws, settings, buckets, keys):
        remembered.forget()


def furnish() -> None:
    """Makes secrets, queues and tables, and names them in the environment as a function gets them."""
    secrets, queues = boto3.client("secretsmanager"), boto3.client("sqs")
    for name, value in _SECRETS.items():
        os.environ[name] = secrets.create_secret(Name=name, SecretString=json.dumps(value))["ARN"]
    for name in QUEUES:
        os.environ[f"{name}_QUEUE_URL"] = queues.create_queue(QueueName=name.lower())["QueueUrl"]
    region: Any = {"LocationConstraint": os.environ["AWS_REGION"]}
    boto3.client("s3").create_bucket(Bucket=SETTINGS["CAMPAIGNS_BUCKET"], CreateBucketConfiguration=region)
    os.environ.update(create_tables(boto3.client("dynamodb")))


@contextlib.contextmanager
def _logging_to(printed: io.StringIO) -> Iterator[None]:
    """Catches the lines of the logger, which holds its stream, and of the metrics, which print."""
    handler: Any = observability.logger.registered_handler
    before = handler.setStream(printed)
    try:
        with contextlib.redirect_stdout(printed):
            yield
    finally:
        handler.setStream(before)


def _bytes_out(answer: Any) -> int:
    """The bytes of an HTTP answer; what a worker answers stays inside."""
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return 0
    headers = sum(len(f"{name}: {value}\r\n".encode()) for name, value in answer["headers"].items())
    return headers + len((answer.get("body") or "").encode())
