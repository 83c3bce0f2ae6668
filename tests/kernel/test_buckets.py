"""Buckets: never more than the limit and its burst get through, whoever counts, and counting costs a write a block."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mifumo import buckets, clock, writes
from mifumo.buckets import Bucket, Leases, TooManyRequests
from tests.wire import Wire


class Time:
    """A clock that is moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ms = 0
        start = datetime(2026, 1, 31, tzinfo=UTC)
        monkeypatch.setattr(clock, "now", lambda: start + timedelta(milliseconds=self.ms))


def passes(process: Leases, bucket: Bucket) -> bool:
    try:
        process.take(bucket)
    except TooManyRequests:
        return False
    return True


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.sampled_from([1, 7, 20, 60]),
    steps=st.lists(st.tuples(st.integers(0, 2), st.sampled_from([0, 0, 0, 50, 900, 7000, 20_000])), max_size=120),
    name=st.uuids(),
)
def test_no_interleaving_of_processes_lets_more_through_than_limit_and_burst(
    aws_tables: Wire, limit: int, steps: list[tuple[int, int]], name: object
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        time, processes = Time(patch), [Leases() for _ in range(3)]
        bucket, passed = Bucket("tenant", str(name), limit), []
        for process, pause in steps:
            time.ms += pause
            passed += [time.ms] if passes(processes[process], bucket) else []
    for first, start in enumerate(passed):
        for last, end in enumerate(passed[first:], first):
            assert last - first + 1 <= limit * (end - start + 75_000) / 60_000 + 1


def test_the_whole_limit_is_there_at_once_and_then_nothing_at_no_cost(
    aws_tables: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    time, process, bucket = Time(monkeypatch), Leases(), Bucket("tenant", "t1", 100)
    aws_tables.clear()
    assert sum(passes(process, bucket) for _ in range(100)) == 100
    assert aws_tables.calls == ["UpdateItem"] * 22, "one, two, four, then a twentieth of the hundred"
    aws_tables.clear()
    with pytest.raises(TooManyRequests) as refused:
        process.take(bucket)
    assert not any(passes(process, bucket) for _ in range(500))
    assert aws_tables.count() == 0
    assert refused.value.retry_after_s == 1
    assert refused.value.headers == {"RateLimit": '"tenant";r=0;t=1', "RateLimit-Policy": '"tenant";q=100;w=60'}
    time.ms += 1000
    assert passes(process, bucket)


def test_another_process_meets_what_the_first_one_took(aws_tables: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    Time(monkeypatch)
    first, second, bucket = Leases(), Leases(), Bucket("key", "k1", 40)
    assert sum(passes(first, bucket) for _ in range(40)) == 40
    aws_tables.clear()
    assert not any(passes(second, bucket) for _ in range(50))
    assert aws_tables.count() == 1


def test_a_lease_is_good_for_a_quarter_of_a_minute(aws_tables: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    time, process, bucket = Time(monkeypatch), Leases(), Bucket("tenant", "t1", 1000)
    headers = process.take(bucket)
    assert headers["RateLimit"] == '"tenant";r=999;t=1'
    aws_tables.clear()
    time.ms += 14_999
    process.take(bucket)
    assert aws_tables.count() == 0
    time.ms += 1
    process.take(bucket)
    assert aws_tables.calls == ["UpdateItem"]


def failing(error: Exception) -> object:
    def commit(_: object) -> None:
        raise error

    return commit


@pytest.mark.parametrize(
    "error",
    [
        ConnectTimeoutError(endpoint_url="https://dynamodb"),
        ClientError({"Error": {"Code": "ThrottlingException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "U"),  # type: ignore[typeddict-item]
        ClientError({"Error": {"Code": "InternalServerError"}, "ResponseMetadata": {"HTTPStatusCode": 500}}, "U"),  # type: ignore[typeddict-item]
    ],
    ids=["timeout", "throttled", "down"],
)
def test_a_table_in_trouble_lets_requests_pass(
    aws_tables: Wire, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(writes, "commit", failing(error))
    assert passes(Leases(), Bucket("tenant", "t1", 1))


def test_a_missing_grant_is_a_fault_and_no_pass(aws_tables: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException"}, "ResponseMetadata": {"HTTPStatusCode": 400}}, "U")  # type: ignore[typeddict-item]
    monkeypatch.setattr(writes, "commit", failing(denied))
    with pytest.raises(ClientError):
        Leases().take(Bucket("tenant", "t1", 1))


def test_a_network_of_ipv6_is_one_address(aws_tables: Wire) -> None:
    same = {buckets.of_address(ip).subject for ip in ("2001:db8::1", "2001:db8::ffff:1")}
    assert (len(same), buckets.of_address("196.41.32.10").subject) == (1, "196.41.32.10")


def test_no_limit_counts_nothing(aws_tables: Wire) -> None:
    aws_tables.clear()
    assert Leases().take(Bucket("tenant", "t1", 0)) == {}
    assert aws_tables.count() == 0
