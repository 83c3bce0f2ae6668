"""Queues: what was not taken is counted, what failed comes again, and what succeeded does not."""

from typing import Any

from mifumo import aws, queue
from tests.builders import sqs
from tests.wire import Wire


def test_only_the_records_that_failed_come_again(aws_tables: Wire) -> None:
    done = []

    def work(body: dict[str, Any]) -> None:
        if body["n"] == 1:
            raise RuntimeError
        done.append(body["n"])

    answer = queue.each(sqs({"n": 0}, {"n": 1}, "not json", "[1]", {"n": 4}), work)
    assert [one["itemIdentifier"] for one in answer["batchItemFailures"]] == ["m1", "m2", "m3"]
    assert done == [0, 4]


def test_a_queue_that_is_not_there_is_counted_and_not_raised(aws_tables: Wire) -> None:
    url = aws.sqs().get_queue_url(QueueName="bulk")["QueueUrl"]
    aws_tables.clear()
    assert queue.send(url, [{"n": n} for n in range(21)]) == 0
    assert aws_tables.count("SendMessageBatch") == 3
    assert queue.send(f"{url}-absent", [{"n": n} for n in range(21)]) == 21
