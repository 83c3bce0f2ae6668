"""Queues: what was not taken is counted, what failed comes again, and what succeeded does not."""

import json
from typing import Any

import pytest

from mifumo import aws, queue
from tests.builders import sqs
from tests.kernel import scripted
from tests.kernel.conftest import Lines
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


def test_what_the_queue_refuses_is_counted_once_and_the_rest_is_sent(aws_tables: Wire, log: Lines) -> None:
    url = aws.sqs().get_queue_url(QueueName="bulk")["QueueUrl"]
    some = {"Successful": [], "Failed": [{"Id": "1", "SenderFault": False, "Code": "InternalError"}] * 3}
    scripted.sqs("SendMessageBatch", some)
    assert queue.send(url, [{"n": n} for n in range(15)]) == 3
    (line,) = log()
    assert (line["level"], line["left_out"]) == ("WARNING", 3)
    assert len(received("bulk")) == 5


def test_a_queue_that_does_not_answer_costs_its_ten_and_no_more(aws_tables: Wire) -> None:
    url = aws.sqs().get_queue_url(QueueName="bulk")["QueueUrl"]
    scripted.sqs("SendMessageBatch", scripted.error("InternalError"))
    assert queue.send(url, [{"n": n} for n in range(12)]) == 10
    assert received("bulk") == [{"n": 10}, {"n": 11}]


def test_sending_nothing_asks_nobody(aws_tables: Wire) -> None:
    aws_tables.clear()
    assert queue.send("anywhere", []) == 0
    assert aws_tables.count() == 0


@pytest.mark.parametrize(("asked", "given"), [(0, None), (60, 60), (900, 900), (5000, 900)])
def test_a_message_waits_no_longer_than_a_queue_can_hold_it(aws_tables: Wire, asked: int, given: int | None) -> None:
    script = scripted.sqs("SendMessageBatch")
    url = aws.sqs().get_queue_url(QueueName="bulk")["QueueUrl"]
    queue.send(url, [{"n": 1}], delay_s=asked)
    (entry,) = script.asked[0]["Entries"]
    assert (entry.get("DelaySeconds"), "MessageGroupId" in entry) == (given, False)


def test_a_tenants_messages_go_out_as_one_group(aws_tables: Wire) -> None:
    script = scripted.sqs("SendMessageBatch", {"Successful": []})
    queue.send("http://127.0.0.1:9/q", [{"n": 1}, {"n": 2}], group="t1")
    assert [entry["MessageGroupId"] for entry in script.asked[0]["Entries"]] == ["t1", "t1"]


def test_a_failed_record_is_logged_by_its_id_and_not_with_its_body(log: Lines) -> None:
    assert queue.each(sqs("0712345678"), print) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    (line,) = log()
    assert (line["message"], line["message_id"]) == ("record failed", "m0")
    assert "0712345678" not in str(line)


def received(name: str) -> list[dict[str, Any]]:
    url = aws.sqs().get_queue_url(QueueName=name)["QueueUrl"]
    messages = aws.sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return sorted((json.loads(message["Body"]) for message in messages), key=lambda body: int(body["n"]))
