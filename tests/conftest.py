"""Fixtures that every room's tests share: an AWS of moto, with the tables of the synthesized template."""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager

# Before any module of ours is imported: botocore wants a region, and no test may meet a real account.
os.environ.update(
    AWS_DEFAULT_REGION="af-south-1",
    AWS_REGION="af-south-1",
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
    POWERTOOLS_SERVICE_NAME="test",
    POWERTOOLS_METRICS_NAMESPACE="Mifumo",
    POWERTOOLS_DEV="false",
)
os.environ.pop("AWS_PROFILE", None)

import boto3
import botocore.session
import pytest
from moto import mock_aws

from mifumo import buckets, keys, settings
from tests.builders import CALLER_IP
from tests.cloud import Cloud
from tests.threads import keep_apart
from tests.wire import Wire

keep_apart()

# Some tests make clients of their own; reading the services' descriptions anew would take longer than most of them.
botocore.session.create_loader = functools.cache(botocore.session.create_loader)
_CLOUD = Cloud()


@pytest.fixture
def aws_tables(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Starts an AWS for one test, and yields the `Wire` that leads there."""
    with open_aws(monkeypatch) as wire:
        yield wire


@contextmanager
def open_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Starts an AWS with our tables, queues and signing key, in the environment as a function gets them.

    Yields the `Wire`, which counts, records and breaks calls to AWS.
    """
    with mock_aws():
        _forget()
        for variable, text in {**_CLOUD.open(), **_SETTINGS}.items():
            monkeypatch.setenv(variable, text)
        wire = Wire()
        wire.attach()
        _lease()
        wire.clear()
        yield wire
        _CLOUD.renew_clients()
    _forget()


@pytest.fixture
def exports_bucket(aws_tables: Wire) -> str:
    """Makes the bucket of exports, which few tests need, and returns its name."""
    return bucket("EXPORTS_BUCKET")


@pytest.fixture
def campaigns_bucket(aws_tables: Wire) -> str:
    """Makes the bucket of plans' parts and returns its name."""
    return bucket("CAMPAIGNS_BUCKET")


@pytest.fixture
def documents_bucket(aws_tables: Wire) -> str:
    """Makes the bucket of papers and returns its name."""
    return bucket("DOCUMENTS_BUCKET")


def bucket(variable: str) -> str:
    """Makes the bucket that a variable names."""
    region = {"LocationConstraint": os.environ["AWS_REGION"]}
    boto3.client("s3").create_bucket(Bucket=_SETTINGS[variable], CreateBucketConfiguration=region)  # type: ignore[arg-type]
    return _SETTINGS[variable]


def _lease() -> None:
    """Takes a block of requests for those who call in most tests, as a process has it that is warm."""
    for bucket in (buckets.of_address(CALLER_IP), buckets.of_tenant("t1"), buckets.of_tenant("t2")):
        buckets.take(bucket)


def _forget() -> None:
    for remembered in (settings, buckets, keys):
        remembered.forget()


_SETTINGS = {
    "STAGE": "local",
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
    "HOOK_TIMEOUT_S": "1",
    "HOOK_RETRIES_S": "5,300,1800,7200,18000,36000,50400,72000,86400",
    "HOOK_REST_S": "60",
    "HOOK_GIVE_UP_S": "432000",
    "SECOND_FACTOR_FOR_STAFF": "False",
    "CONSOLE_URL": "http://127.0.0.1:8080/console",
    "MAIL_FROM": "",
    # Not limited: the calls of a story are its own. The tests of limits set theirs.
    "REQUESTS_PER_IP": "0",
    "REQUESTS_PER_TENANT": "0",
    "REQUESTS_PER_KEY": "0",
    "PROVIDER_TIMEOUT_S": "1",
    "CLAIM_LEASE_S": "20",
    "SWEEP_AFTER_S": "60",
    "RECEIPT_WINDOW_S": "45",
    "MISSING_PULL_EVERY_S": "20",
    "INBOX_LOOKS_S": "60,300,1800,21600,259200",
    "OWED_ENDINGS": "rejected",
    "REPORT_PULL_AFTER_S": "5",
    "SEND_RETRY_BASE_S": "1",
    "SEND_ATTEMPTS_MAX": "8",
    "CIRCUIT_OPEN_S": "6",
    "CIRCUIT_OPEN_MAX_S": "24",
    "CIRCUIT_FAILURES_MAX": "5",
    "PROVIDER_BALANCE_MIN": "100000",
    "TENANT_SEGMENTS_PER_S": "0",
    "PLATFORM_SEGMENTS_PER_S": "0",
    "TENANT_URGENT_PER_S": "0",
    "URGENT_RECIPIENTS_MAX": "10",
    "TEST_RECIPIENTS_PER_DAY": "1000",
    "TRANSFER_EXPIRY_S": "1209600",
    "BANK_NAME": "Benki ya Mfano",
    "BANK_ACCOUNT_NAME": "Mifumo Labs Ltd",
    "BANK_ACCOUNT_NUMBER": "0150000000001",
    "BANK_SWIFT": "MFANTZTZ",
    "PAYMENT_EXPIRY_S": "25",
    "PAYMENT_CHECKS_S": "2,3,5,10,20",
    "PAYMENT_WATCH_S": "300",
    "TWO_PERSON_ABOVE_TZS": "200000",
    "SELLER_NAME": "Mifumo Labs",
    "SELLER_TIN": "100-200-300",
    "SELLER_VRN": "",
    "TWO_PERSON_ABOVE_CREDITS": "5000",
    "PROPOSAL_EXPIRY_S": "600",
    "BEEM_URL": "http://127.0.0.1:9",
    "BEEM_REPORTS_URL": "http://127.0.0.1:9",
    "PAYMENT_LOST_AFTER_S": "10",
    "PAYMENT_PROVIDERS": "vodacom=zenopay;tigo=zenopay;airtel=zenopay;halotel=zenopay",
    "PUSHES_PER_PROVIDER": "0",
    "PROVIDER_FAILURES_MAX": "5",
    "ZENOPAY_URL": "http://127.0.0.1:9/api/payments",
    "PAWAPAY_URL": "http://127.0.0.1:9",
    "CLICKPESA_URL": "http://127.0.0.1:9/third-parties",
    "CLICKPESA_FEES": "nobody:0",
    "PUBLIC_URL": "http://127.0.0.1:8080",
}
