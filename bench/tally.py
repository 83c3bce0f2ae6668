"""Tally: every call on the wire to AWS, and what DynamoDB and SQS would charge for it.

It hooks into the clients of `mifumo.aws`. A request is counted as it leaves, so retries and further pages count; its
units come from the images before and after, read from the emulator's own memory and never through the clients counted.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from bench import meter, prices
from bench.meter import Image, Index
from mifumo import aws

SQS_UNIT_BYTES = 64 * 1024
_WRITES = {"Put": "Item", "Update": "Key", "Delete": "Key", "ConditionCheck": "Key"}
_SINGLE = {"PutItem": "Item", "UpdateItem": "Key", "DeleteItem": "Key"}

Place = tuple[str, str, str]


class Tally:
    """Calls by operation, capacity units, SQS request units, and the processor time that was not ours.

    `away_s` passed outside of the function's process, as it would be on AWS; `sdk_s` within it, in the SDK.
    """

    def __init__(self, indexes: Mapping[str, list[Index]], *, region: str) -> None:
        self._indexes = indexes
        self._dynamodb: Any = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][region]
        self._before: list[tuple[Place, Image]] = []
        self._left_at = self._called_at = 0.0
        self.clear()

    def clear(self) -> None:
        """Starts from nothing."""
        self.calls: Counter[str] = Counter()
        self.writes = 0.0
        self.reads = 0.0
        self.queue_units = 0
        self.fair_units = 0
        self.away_s = 0.0
        self.sdk_s = 0.0

    def attach(self) -> None:
        """Listens to the clients as they are now; call it again after `aws.forget()`."""
        for client in (aws.dynamodb(), aws.sqs(), aws.secrets_manager(), aws.s3()):
            events = client.meta.events
            events.register_first("provide-client-params.*.*", self._called)
            events.register_first("before-send.*.*", self._leaves)
            events.register_first("response-received.*.*", self._returns)
            events.register_last("after-call.*.*", self._done)
            events.register_last("after-call.*.*", self._answered)

    def stored_bytes(self) -> int:
        """What all tables and indexes hold, billed overhead included."""
        images = [
            (dict(item.to_json()["Attributes"]), indexes)
            for table, indexes in self._indexes.items()
            for items in self._dynamodb.get_table(table).items.values()
            for item in items.values()
        ]
        entries = [entry for image, indexes in images for entry in (image, *(i.entry(image) for i in indexes)) if entry]
        return sum(meter.item_bytes(entry) + prices.STORED_OVERHEAD_BYTES for entry in entries)

    def _called(self, **_: Any) -> None:
        """Notes when the SDK takes a call on."""
        self._called_at = time.thread_time() - self.away_s

    def _answered(self, **_: Any) -> None:
        self.sdk_s += time.thread_time() - self.away_s - self._called_at

    def _leaves(self, event_name: str, request: Any, **_: Any) -> None:
        """Counts a request, and remembers the images that it may change."""
        started = time.thread_time()
        service, operation = event_name.split(".")[1:]
        self.calls[operation] += 1
        if service == "dynamodb":
            body = json.loads(request.body)
            self._request = body
            self._before = [(place, self._image(place)) for place in _places(operation, body)]
        if service == "sqs":
            self._queued(json.loads(request.body))
        self.away_s += time.thread_time() - started
        self._left_at = time.thread_time()

    def _returns(self, **_: Any) -> None:
        self.away_s += time.thread_time() - self._left_at

    def _done(self, event_name: str, parsed: dict[str, Any], http_response: Any, **_: Any) -> None:
        """Charges a request that was answered."""
        started = time.thread_time()
        service, operation = event_name.split(".")[1:]
        if service == "dynamodb":
            self._charge(operation, parsed, ok=http_response.status_code == 200)  # noqa: PLR2004
        self.away_s += time.thread_time() - started

    def _charge(self, operation: str, parsed: dict[str, Any], *, ok: bool) -> None:
        if operation in {"GetItem", "BatchGetItem", "Query"}:
            self.reads += self._read(operation, parsed)
            return
        transactional = operation == "TransactWriteItems"
        for place, before in self._before:
            if not ok:
                self.writes += meter.refused_units(before, transactional=transactional)
                continue
            indexes = self._indexes[place[0]]
            self.writes += meter.write_units(before, self._image(place), indexes, transactional=transactional)

    def _read(self, operation: str, parsed: dict[str, Any]) -> float:
        if operation == "GetItem":
            found = [parsed["Item"]] if "Item" in parsed else []
            consistent = self._request.get("ConsistentRead", False)
            return meter.read_units(found, absent=1 - len(found), consistent=consistent)
        if operation == "Query":
            entries = [self._entry(item) for item in parsed["Items"]]
            return meter.query_units(entries, consistent=self._request.get("ConsistentRead", False))
        units = 0.0
        for table, wanted in self._request["RequestItems"].items():
            found = parsed["Responses"].get(table, [])
            absent = len(wanted["Keys"]) - len(found)
            units += meter.read_units(found, absent=absent, consistent=wanted.get("ConsistentRead", False))
        return units

    def _entry(self, item: Image) -> Image:
        """What the queried index holds of an item, which is what its reading costs."""
        for index in self._indexes[self._request["TableName"]]:
            if index.name == self._request.get("IndexName"):
                return index.entry(item)
        return item

    def _image(self, place: Place) -> Image:
        table, pk, sk = place
        found = self._dynamodb.get_table(table).items.get(_moto_value(pk), {}).get(_moto_value(sk))
        return dict(found.to_json()["Attributes"]) if found else {}

    def _queued(self, body: dict[str, Any]) -> None:
        """A request carries one unit for each 64 KB; a group on a standard queue makes it a fair one."""
        entries = body.get("Entries", [body])
        size = sum(len(entry.get("MessageBody", "").encode()) for entry in entries)
        units = max(1, -(-size // SQS_UNIT_BYTES))
        self.queue_units += units
        if any("MessageGroupId" in entry for entry in entries):
            self.fair_units += units


def _moto_value(text: str) -> Any:
    from moto.dynamodb.models.dynamo_type import DynamoType  # noqa: PLC0415 # moto's type, beside its one use

    return DynamoType({"S": text})


def _places(operation: str, body: dict[str, Any]) -> Iterator[Place]:
    """Yields (table, pk, sk) of every item that a request may write."""
    if operation in _SINGLE:
        yield _place(body["TableName"], body[_SINGLE[operation]])
    if operation == "TransactWriteItems":
        for action in body["TransactItems"]:
            ((name, write),) = action.items()
            yield _place(write["TableName"], write[_WRITES[name]])
    if operation == "BatchWriteItem":
        yield from _batched(body["RequestItems"])


def _batched(tables: Mapping[str, Iterable[dict[str, Any]]]) -> Iterator[Place]:
    for table, requests in tables.items():
        for request in requests:
            put = request.get("PutRequest")
            yield _place(table, put["Item"] if put else request["DeleteRequest"]["Key"])


def _place(table: str, attributes: Image) -> Place:
    return table, attributes["pk"]["S"], attributes["sk"]["S"]
