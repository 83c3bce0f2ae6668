"""What the tests of sending look at: the batch, the provider's log, the queues."""

from collections import Counter

from tests.e2e.stack import Tenant, wait_until


def completed(tenant: Tenant, batch_id: str, within_s: float = 60) -> dict[str, int]:
    """Waits until a batch is settled; returns its counts."""
    wait_until("the batch is settled", lambda: tenant.batch(batch_id)["status"] == "completed", within_s=within_s)
    counts: dict[str, int] = tenant.batch(batch_id)["counts"]
    return counts


def accepted_texts(tenant: Tenant, numbers: list[str]) -> Counter[str]:
    """Counts how often the provider accepted a text for each of the numbers."""
    wanted = {"255" + number[1:] for number in numbers}
    return Counter(text["dest_addr"] for text in tenant.stack.beem.log() if text["dest_addr"] in wanted)


def is_empty(sqs: object, url: str) -> bool:
    """Tells whether a queue has nothing waiting and nothing in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]  # type: ignore[attr-defined]
    return all(int(attributes[name]) == 0 for name in names)
