"""File reader: a process that lets the splitter read one upload to its end and prints, as JSON, what that used.

It imports what the function imports and little else, so that its memory is the function's.
"""

import json
import sys
import time
from typing import Any

from bench import memory
from functions.sms import splitter
from mifumo import aws
from tests.builders import CONTEXT, sqs

_WRITES = {"PutItem": 1, "UpdateItem": 1, "TransactWriteItems": 2}


def main(tenant: str, upload: str) -> int:
    """Reads an upload in one go, as a function with time enough does."""
    calls: list[str] = []
    written = 0

    def called(model: Any, params: dict[str, Any], **_: Any) -> None:
        nonlocal written
        calls.append(model.name)
        if model.name in _WRITES:
            # What is sent is a little more than what is stored, so this is the most that can be charged.
            written += _WRITES[model.name] * -(-len(params["body"]) // 1024)

    for client in (aws.dynamodb(), aws.sqs(), aws.s3()):
        client.meta.events.register_first("before-call.*.*", called)
    idle_mb = memory.peak_mb()
    started, own = time.monotonic(), time.process_time()
    answered = splitter.handler(sqs({"tenant": tenant, "upload": upload}), CONTEXT)
    if answered["batchItemFailures"]:
        return 1
    told = {
        "seconds": time.monotonic() - started,
        "own_s": time.process_time() - own,
        "idle_mb": idle_mb,
        "peak_mb": memory.peak_mb(),
        "calls": calls,
        "write_units": written,
    }
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
