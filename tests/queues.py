"""What waits in a queue, as tests take it."""

import json
import os
from typing import Any

from mifumo import aws


def taken(queue: str) -> list[dict[str, Any]]:
    """Takes every visible message off a queue, named as in the variable `<queue>_QUEUE_URL`; returns their bodies."""
    client, url, bodies = aws.sqs(), os.environ[f"{queue}_QUEUE_URL"], list[dict[str, Any]]()
    while found := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in found:
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            bodies.append(json.loads(message["Body"]))
    return bodies
