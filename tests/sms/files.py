"""Files: what tenants upload, and the splitter that reads them, as S3 and SQS have it."""

import csv
import gzip
import io
import json
from dataclasses import dataclass
from typing import Any, cast

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.sms import splitter
from mifumo import aws
from tests.builders import CONTEXT, Context, sqs
from tests.queues import taken
from tests.sms.world import World

PATH = "/api/sms/uploads/"


@dataclass
class Hurried(Context):
    """A context in which time runs out after so many looks at the clock."""

    looks: int = 1

    def get_remaining_time_in_millis(self) -> int:
        """Returns plenty at first, then nearly nothing."""
        self.looks -= 1
        return 30_000 if self.looks >= 0 else 5_000


def begun(world: World, **body: Any) -> Any:
    """Makes an upload; returns the answer."""
    status, answer = world.call("POST", PATH, {"purpose": "campaign", **body})
    assert status == 201, answer
    return answer


def campaign(world: World, text: str = "Habari", **more: Any) -> Any:
    return begun(world, sender_id="INFO", text=text, **more)


def put(bucket: str, made: Any, data: str | bytes) -> dict[str, Any]:
    """Puts the file of an upload where its form would; returns what S3 tells."""
    body = data if isinstance(data, bytes) else data.encode()
    aws.s3().put_object(Bucket=bucket, Key=made["fields"]["key"], Body=body)
    return {"Records": [{"s3": {"bucket": {"name": bucket}, "object": {"key": made["fields"]["key"]}}}]}


def split(told: dict[str, Any], *, context: Context | None = None, fails: bool = False) -> None:
    """Lets the splitter have a message."""
    answer = splitter.handler(sqs(told), cast("LambdaContext", context) if context else CONTEXT)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}] if fails else []}


def split_all(told: dict[str, Any], *, looks: int) -> int:
    """Lets splitters that have little time read a file to its end; returns how many it took."""
    runs, waiting = 0, [told]
    while waiting:
        runs += 1
        for one in waiting:
            split(one, context=Hurried(looks=looks))
        waiting = taken("UPLOADS")
    return runs


def read(world: World, made: Any) -> Any:
    """Reads an upload."""
    status, answer = world.call("GET", f"{PATH}{made['id']}/")
    assert status == 200, answer
    return answer


def quoted(world: World, bucket: str, data: str | bytes, **body: Any) -> Any:
    """Uploads a file and reads what it comes to."""
    made = campaign(world, **body)
    split(put(bucket, made, data))
    return read(world, made)


def refused_rows(bucket: str, upload: Any) -> list[dict[str, str]]:
    """Reads the CSV file of all that is left out."""
    key = next(one for one in names(bucket) if one.endswith(f"{upload['id']}/refused.csv"))
    found = aws.s3().get_object(Bucket=bucket, Key=key)
    assert found["ContentEncoding"] == "gzip"
    text = gzip.decompress(found["Body"].read()).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def names(bucket: str, *, under: str = "") -> list[str]:
    """Lists the objects whose names begin so, all of them unless told otherwise."""
    pages = aws.s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=under)
    return [one["Key"] for page in pages for one in page.get("Contents", [])]


def chunks(bucket: str, upload: Any) -> list[dict[str, Any]]:
    """Reads the chunks of all parts of a plan, in their order."""
    found = names(bucket, under=f"T/t1/{upload['id']}/parts/")
    lines = [gzip.decompress(aws.s3().get_object(Bucket=bucket, Key=key)["Body"].read()) for key in sorted(found)]
    return [json.loads(line) for part in lines for line in part.splitlines()]
