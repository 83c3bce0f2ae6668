"""Bucket: how many requests a minute one address, tenant or API key may make, counted once for many requests.

A bucket is one moment in the access table: `tat`, the theoretical arrival time of GCRA (ITU-T I.371), in milliseconds.
Taking tokens moves it into the future, at most a minute ahead; the clock gives them back. A process takes a block of
tokens by one conditional write, and serves from memory for at most 15 seconds. Its first block is small, because a
quiet tenant's requests may meet a new process each and what a process does not use is lost; a block that is used up in
time is followed by one of twice its size, up to a twentieth of the minute, so that a busy tenant costs a few writes a
minute. A refusal is remembered until there is room again, so that a flood costs nothing.

In any stretch of time pass at most as many as the limit gives in it, a minute's worth on top (the burst), and a quarter
of that, which processes may have held when it began.

| key in `access` | what |
|---|---|
| `RATE#<name>#<subject>` / `BUCKET` | `tat`; gone by TTL when it is full again |
"""

from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from mifumo import clock, origins, writes
from mifumo.aws import Item
from mifumo.errors import Busy, RateLimited
from mifumo.observability import count, logger
from mifumo.settings import Settings
from mifumo.tables import Key
from mifumo.tenants import AccessSettings
from mifumo.writes import Write

WINDOW_S = 60
_WINDOW_MS = WINDOW_S * 1000
_BLOCKS_PER_WINDOW, _FIRST_BLOCKS_PER_WINDOW = 20, 500
_LEASE_MS = 15_000
# While the table cannot say, a block is given on trust this often.
_TRUST_MS = 5_000
# Idle, busy, and idle again if the last token came back in between.
_ATTEMPTS_MAX = 3
# Some hundred bytes each: what a process remembers is bounded, whoever comes.
_REMEMBERED_MAX = 10_000
_PASSING = {"ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"}


class RateSettings(Settings):
    """Requests a minute of one address, one tenant and one API key; 0 sets no limit."""

    requests_per_ip: int
    requests_per_tenant: int
    requests_per_key: int


class TooManyRequests(RateLimited):
    """The minute's requests of the address, the tenant or the API key are used up."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """The requests of one subject."""

    name: str
    subject: str
    limit: int

    @property
    def key(self) -> Key:
        return Key(f"RATE#{self.name}#{self.subject}", "BUCKET")

    @property
    def block(self) -> int:
        """How many tokens are taken at once at most."""
        return max(1, self.limit // _BLOCKS_PER_WINDOW)

    @property
    def first_block(self) -> int:
        """How many tokens a process takes that has not seen the subject lately."""
        return max(1, self.limit // _FIRST_BLOCKS_PER_WINDOW)

    def cost_ms(self, tokens: int) -> int:
        """How far so many tokens move the bucket; rounded up, so that no rounding lets more through."""
        return -(-tokens * _WINDOW_MS // self.limit)

    def fitting(self, tat: int, now: int) -> int:
        """How many tokens there are to be had."""
        return (_WINDOW_MS - max(0, tat - now)) * self.limit // _WINDOW_MS

    @property
    def policy(self) -> str:
        return f'"{self.name}";q={self.limit};w={WINDOW_S}'


@dataclass(slots=True)
class _Lease:
    """What a process knows of a bucket: the tokens in hand, until when they are good, and where the bucket stood."""

    left: int
    until_ms: int
    tat: int
    size: int = 0


def of_address(ip: str) -> Bucket:
    """Returns the bucket of an address."""
    return Bucket("address", origins.network(ip), RateSettings.load().requests_per_ip)


def of_tenant(tenant: str) -> Bucket:
    """Returns the bucket of a tenant: people and keys together."""
    return Bucket("tenant", tenant, RateSettings.load().requests_per_tenant)


def of_key(key_id: str) -> Bucket:
    """Returns the bucket of an API key."""
    return Bucket("key", key_id, RateSettings.load().requests_per_key)


class Leases:
    """The leases of one process."""

    def __init__(self) -> None:
        self._held: dict[Key, _Lease] = {}

    def take(self, bucket: Bucket) -> dict[str, str]:
        """Takes one token; returns what the answer's headers say of it.

        Raises TooManyRequests when there is none. When the table is throttled or down, requests pass: a limit protects
        the service from its callers, and one that shuts them all out on its own fault would be the greater harm. That
        is logged and counted, and still bounded by a block every five seconds and process.
        """
        if bucket.limit == 0:
            return {}
        now = clock.epoch_ms()
        lease = self._held.get(bucket.key)
        if lease is None or not (_serves(lease, now) or now < _room_at(bucket, lease)):
            lease = self._renewed(bucket, lease, now)
        if not _serves(lease, now):
            raise _refusal(bucket, lease, now)
        lease.left -= 1
        return _headers(bucket, lease, now)

    def _renewed(self, bucket: Bucket, last: _Lease | None, now: int) -> _Lease:
        self._held.pop(bucket.key, None)
        if len(self._held) >= _REMEMBERED_MAX:
            del self._held[next(iter(self._held))]
        lease = self._held[bucket.key] = _leased(bucket, last, now)
        return lease

    def forget(self) -> None:
        """Drops what is held, so that a test can start over."""
        self._held.clear()


_leases = Leases()
take = _leases.take
forget = _leases.forget


class _Refused(Exception):
    """The bucket is not in the state that the write assumed; `tat` is where it stands."""

    def __init__(self, item: Item | None) -> None:
        super().__init__()
        self.tat: int = item["tat"] if item else 0


def _leased(bucket: Bucket, last: _Lease | None, now: int) -> _Lease:
    """Takes a block: by the write that fits what this process saw last, or by the other one."""
    tat, wanted = last.tat if last else 0, _wanted(bucket, last, now)
    try:
        for _ in range(_ATTEMPTS_MAX):
            size = min(wanted, bucket.fitting(tat, now))
            if size < 1:
                return _Lease(0, now, tat)
            taking = _busy if tat > now else _idle
            try:
                tat = writes.commit(taking(bucket, bucket.cost_ms(size), now))["tat"]
            except _Refused as refused:
                tat = refused.tat
            else:
                return _Lease(size, now + _LEASE_MS, tat, size)
    except (BotoCoreError, ClientError, Busy) as error:
        return _trusted(bucket, error, now)
    return _Lease(0, now, tat)


def _wanted(bucket: Bucket, last: _Lease | None, now: int) -> int:
    """Twice as many as the last time if they were used up in time, else half."""
    if last is None:
        return bucket.first_block
    used_up = last.left == 0 and now < last.until_ms
    return min(bucket.block, last.size * 2) if used_up else max(bucket.first_block, last.size // 2)


def _idle(bucket: Bucket, cost_ms: int, now: int) -> Write:
    """Takes a block of a bucket that is full, or not there."""
    return _taking(
        bucket,
        "SET tat = :tat, #ttl = :ttl",
        condition="attribute_not_exists(tat) OR tat <= :now",
        values={":tat": now + cost_ms, ":now": now, ":ttl": _expiry(now)},
    )


def _busy(bucket: Bucket, cost_ms: int, now: int) -> Write:
    """Takes a block of a bucket of which tokens are out."""
    return _taking(
        bucket,
        "SET tat = tat + :cost, #ttl = :ttl",
        condition="tat > :now AND tat <= :latest",
        values={
            ":cost": cost_ms,
            ":now": now,
            ":latest": now + _WINDOW_MS - cost_ms,
            ":ttl": _expiry(now),
        },
    )


def _taking(bucket: Bucket, expression: str, *, condition: str, values: Item) -> Write:
    refused: Callable[[Item | None], Exception] = _Refused
    table = AccessSettings.load().access_table
    names = {"#ttl": "ttl"}
    return writes.update(
        table, bucket.key, expression, condition=condition, names=names, values=values, refused=refused
    )


def _trusted(bucket: Bucket, error: Exception, now: int) -> _Lease:
    """Gives a block on trust; raises what is a fault of ours, such as a missing grant, and will not pass by itself."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        if status < 500 and error.response["Error"]["Code"] not in _PASSING:  # noqa: PLR2004 # HTTP's own line
            raise error
    logger.warning("rate limit unknown, request passed", bucket=bucket.name, error=str(error))
    count("RateLimitUnknown")
    return _Lease(bucket.block, now + _TRUST_MS, now, bucket.first_block)


def _serves(lease: _Lease, now: int) -> bool:
    return lease.left > 0 and now < lease.until_ms


def _room_at(bucket: Bucket, lease: _Lease) -> int:
    """Returns when the next token can be had at the earliest: what others take meanwhile only makes it later."""
    return lease.tat + bucket.cost_ms(1) - _WINDOW_MS


def _refusal(bucket: Bucket, lease: _Lease, now: int) -> TooManyRequests:
    wait_s = max(1, -(-(_room_at(bucket, lease) - now) // 1000))
    count("RateLimited")
    return TooManyRequests(
        f"{bucket.limit:,} requests a minute are let through for this {_SUBJECTS[bucket.name]}.",
        retry_after_s=wait_s,
        headers={"RateLimit": f'"{bucket.name}";r=0;t={wait_s}', "RateLimit-Policy": bucket.policy},
    )


_SUBJECTS = {"address": "address", "tenant": "account", "key": "API key", "pushes": "payment provider"}


def _headers(bucket: Bucket, lease: _Lease, now: int) -> dict[str, str]:
    """Writes what is left as this process knows it (draft-ietf-httpapi-ratelimit-headers)."""
    out_ms = max(0, lease.tat - now)
    room = max(0, _WINDOW_MS - out_ms) * bucket.limit // _WINDOW_MS
    left = min(bucket.limit, room + lease.left)
    return {
        "RateLimit": f'"{bucket.name}";r={left};t={-(-out_ms // 1000)}',
        "RateLimit-Policy": bucket.policy,
    }


def _expiry(now: int) -> int:
    """TTL: an hour after the last block, when the bucket has long been full; never early for a clock that is slow."""
    return now // 1000 + 3600
