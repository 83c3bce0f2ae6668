"""Results of a batch as a file: what became of each recipient and what it cost, of three or of many, whoever dies."""

import csv
import io
import zlib
from typing import Any, cast
from urllib.parse import unquote, urlsplit

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.sms import scribe
from functions.sms.batches import chunks
from functions.sms.results import transcribing
from mifumo import aws, ids, settings, tables
from tests.builders import CONTEXT, Context, sqs, token
from tests.queues import taken
from tests.sms.files import Hurried
from tests.sms.test_quoted import numbers, quote
from tests.sms.test_quoted import send as send_quoted
from tests.sms.world import TENANT, World
from tests.wire import Crash, Wire

pytestmark = pytest.mark.usefixtures("campaigns_bucket")

# Delivered, undelivered, rejected, doubled, early, and no number for the provider; and one that nothing is heard of.
OUTCOMES = [f"071200{n:04d}" for n in (7010, 7001, 7002, 7004, 7005, 7006)]
SILENT = "0712007003"


def ask(world: World, batch: Any, **options: Any) -> tuple[int, Any]:
    return world.call("GET", f"/api/sms/batches/{batch['id']}/export/", **options)


def ready(world: World, batch: Any) -> list[dict[str, str]]:
    status, answer = ask(world, batch)
    assert (status, answer["status"]) == (200, "ready"), answer
    found = rows(answer["url"])
    assert len(found) == answer["rows"]
    return found


def fetched(url: str) -> Any:
    """Gets the object that a link leads to; moto answers no links."""
    place = urlsplit(url)
    assert "X-Amz-Expires=900" in place.query
    bucket, _, key = unquote(place.path).removeprefix("/").partition("/")
    host = place.netloc.partition(".")[0]
    return aws.s3().get_object(Bucket=bucket if host == "s3" else host, Key=key if host == "s3" else f"{bucket}/{key}")


def rows(url: str) -> list[dict[str, str]]:
    stream = zlib.decompressobj(wbits=31)
    text = stream.decompress(fetched(url)["Body"].read()) + stream.flush()
    assert stream.eof, "the file breaks off"
    assert not stream.unused_data, "one stream: some programs read no further"
    return list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline="")))


def credits_of(found: list[dict[str, str]]) -> int:
    return sum(int(row["credits"]) for row in found)


def write(body: dict[str, Any], *, context: Context | None = None, fails: bool = False) -> None:
    answer = scribe.handler(sqs(body), cast("LambdaContext", context or CONTEXT))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}] if fails else []}


@pytest.fixture
def patient() -> Context:
    """A function with a minute left, whenever it asks."""

    class Patient(Context):
        def get_remaining_time_in_millis(self) -> int:
            return 60_000

    return Patient()


@pytest.fixture
def large(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A batch of three chunks, handed over, which is taken for a large one and written a chunk a piece."""
    monkeypatch.setattr(chunks, "PAGE", 1)
    monkeypatch.setattr(transcribing, "AT_ONCE_MAX", 249)
    monkeypatch.setattr(transcribing, "_PIECE_ROWS", 100)
    _, batch = send_quoted(world, quote({"Habari": numbers(100, 250)}))
    world.lay()
    world.work()
    return batch


def test_who_may_not_read_messages_gets_no_results(world: World) -> None:
    _, batch = world.send("0712000100")
    assert ask(world, batch, token=None)[0] == 401
    assert ask(world, batch, token=token(tenant="t2"))[0] == 404
    assert ask(world, {"id": ids.new()})[0] == 404
    assert ask(world, {"id": "no-id"})[0] == 404
    assert ask(world, batch)[0] == 200


def test_a_small_batch_is_told_at_once_as_it_stands_and_adds_up_to_what_it_cost(
    world: World,
) -> None:
    _, batch = world.send(*OUTCOMES, text="x" * 161)
    before = ready(world, batch)
    assert {row["status"] for row in before} == {"queued"}
    assert credits_of(before) == 0
    world.work()
    assert credits_of(ready(world, batch)) == world.batch(batch["id"])["charged"] == 10
    world.receive(expected=6)
    world.settle_down()

    found = ready(world, batch)
    assert {row["to"].removeprefix("'"): row["status"] for row in found} == world.statuses(batch["id"])
    assert [row["to"] for row in found] == [f"'+255{number[1:]}" for number in OUTCOMES]
    by = {row["to"][-3:]: row for row in found}
    assert (by["010"]["status"], by["010"]["provider_status"], by["010"]["credits"]) == ("delivered", "DELIVERED", "2")
    assert (by["006"]["status"], by["006"]["reason"], by["006"]["credits"]) == ("rejected", "invalid_number", "0")
    assert (by["002"]["status"], by["002"]["credits_returned"]) == ("rejected", "2")
    assert credits_of(found) == world.batch(batch["id"])["charged"] == 10
    returned = sum(int(row["credits_returned"]) for row in found)
    assert world.wallet() == (5_000 - 10 + returned, 0)
    assert returned == 2
    for row in found:
        assert row["segments"] == "2"
        assert row["submitted_at"] < row["ended_at"] < row["as_of"]


def test_who_was_not_taken_without_a_word_of_who_that_is_still_adds_up(world: World) -> None:
    _, batch = world.send(*OUTCOMES, SILENT)
    world.settle_down()
    found = ready(world, batch)
    ends = sorted((row["status"], row["credits"]) for row in found if row["status"] == "unknown")
    assert ends == [("unknown", "0"), ("unknown", "1")]
    assert credits_of(found) == world.batch(batch["id"])["charged"] == 6


def test_the_file_is_named_for_its_moment_and_whoever_gets_it_is_on_record(world: World, campaigns_bucket: str) -> None:
    _, batch = world.send("0712000100")
    _, answer = ask(world, batch)
    assert answer["recipients"] == answer["rows"] == 1
    assert answer["begun_at"] <= answer["written_at"] < answer["expires_at"]
    head = fetched(answer["url"])
    moment = answer["written_at"][:19].replace("-", "").replace(":", "")
    assert head["ContentDisposition"] == f'attachment; filename="results-{batch["id"]}-{moment}Z.csv"'
    assert (head["ContentType"], head["ContentEncoding"]) == ("text/csv; charset=utf-8", "gzip")
    (deed,) = (one for one in tables.query("audit", f"T#{TENANT}").items if one["action"] == "results.exported")
    assert (deed["target"], deed["actor"], deed["after"]) == (batch["id"], "u1", {"count": 1})


def test_texts_of_their_own_are_told_and_no_cell_is_a_formula(world: World) -> None:
    _, template = world.call("POST", "/api/sms/templates/", {"name": "salio", "body": "{{name}}", "category": "alert"})
    recipients = [
        {"to": "0712000100", "variables": {"name": '=HYPERLINK("http://x")'}},
        {"to": "0712000101", "variables": {"name": "Asha, Juma"}},
    ]
    body = {"sender_id": "INFO", "template_id": template["id"], "recipients": recipients}
    _, batch = world.call("POST", "/api/sms/send/", body)
    world.work()
    assert [row["text"] for row in ready(world, batch)] == ['\'=HYPERLINK("http://x")', "Asha, Juma"]


def test_what_is_parked_or_only_a_test_costs_nothing_there(world: World) -> None:
    _, trial = world.send("0712000100", "0712000101", mode="test")
    world.work()
    assert [(row["status"], row["credits"]) for row in ready(world, trial)] == [("delivered", "0")] * 2
    world.spend_all_but(0)
    _, parked = world.send("0712000100", park=True)
    assert ready(world, parked) == []


def test_a_thousand_rows_cost_a_call_for_each_hundred(world: World, aws_tables: Wire) -> None:
    aws_tables.listen(aws.s3())
    _, batch = send_quoted(world, quote({"Habari": numbers(100, 1_000)}))
    world.lay()
    aws_tables.clear()
    assert len(ready(world, batch)) == 1_000
    # The batch, its chunks, a query for each; the deed, the file, and the test's own look at it.
    assert (aws_tables.count("GetItem", "BatchGetItem"), aws_tables.count("Query")) == (1, 11)
    assert aws_tables.count() == 15, aws_tables.calls


def test_small_chunks_are_read_a_hundred_rows_a_call(world: World, aws_tables: Wire) -> None:
    _, batch = send_quoted(world, quote({f"Habari {digits}": [digits] for digits in numbers(100, 120)}))
    world.lay()
    aws_tables.clear()
    assert len({row["text"] for row in ready(world, batch)}) == 120
    assert (aws_tables.count("BatchGetItem"), aws_tables.count("Query")) == (3, 2)


def test_a_large_batch_is_written_behind_a_queue_and_handed_out_for_a_while(
    world: World, large: Any, campaigns_bucket: str, patient: Context
) -> None:
    response = world.raw("GET", f"/api/sms/batches/{large['id']}/export/")
    assert (response["statusCode"], response["headers"]["Retry-After"]) == (202, "5")
    _, answer = ask(world, large)
    assert (answer["status"], answer["rows"], answer["url"], answer["written_at"]) == ("writing", 0, None, None)
    (body,) = taken("RESULTS")  # asked twice, begun once
    write(body, context=patient)
    found = ready(world, large)
    assert [row["to"].removeprefix("'+") for row in found] == numbers(100, 250)
    assert credits_of(found) == world.batch(large["id"])["charged"] == 250

    first = ask(world, large)[1]
    world.receive(expected=250)
    assert ask(world, large)[1]["written_at"] == first["written_at"]
    assert taken("RESULTS") == []
    world.pass_time(901)
    assert ask(world, large)[0] == 202
    (body,) = taken("RESULTS")
    write(body, context=patient)
    assert {row["status"] for row in ready(world, large)} == {"delivered"}


def test_who_runs_out_of_time_lets_another_go_on_and_twice_is_once(
    world: World, large: Any, campaigns_bucket: str
) -> None:
    ask(world, large)
    seen = list[int]()
    bodies = list[Any]()
    while waiting := taken("RESULTS"):
        for body in waiting:
            write(body, context=Hurried(looks=0))
            seen.append(ask(world, large)[1]["rows"])
        bodies += waiting
    assert seen == [100, 200, 250, 250]
    first = ask(world, large)[1]
    assert len(rows(first["url"])) == 250
    for body in bodies:
        write(body)
    assert ask(world, large)[1]["written_at"] == first["written_at"]
    assert taken("RESULTS") == []


@pytest.mark.parametrize("after", [False, True])
def test_a_writer_that_dies_anywhere_leaves_a_file_that_is_whole(
    world: World, large: Any, aws_tables: Wire, campaigns_bucket: str, patient: Context, *, after: bool
) -> None:
    """Between two tries the batch has changed, so a piece that is written again is another one."""
    ask(world, large)
    (body,) = taken("RESULTS")
    reports, deaths = world.reports.take(250), 0
    aws_tables.listen(aws.s3())
    # One try is one more: a writer is let die where it has got to, and then once more a step further.
    for at in (3, 6, 9, 12, 15):
        aws_tables.cut(at, after=after)
        try:
            write(body, context=patient)
        except Crash:
            deaths += 1
        aws_tables.mend()
        world.report(*reports[:100])
        del reports[:100]
    write(body, context=patient)
    found = ready(world, large)
    assert deaths > 0
    assert [row["to"].removeprefix("'+") for row in found] == numbers(100, 250)


def test_what_cannot_be_written_fails_is_told_and_is_tried_again_later(
    world: World, large: Any, campaigns_bucket: str, patient: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(world, large)
    (body,) = taken("RESULTS")
    monkeypatch.setenv("CAMPAIGNS_BUCKET", "gone")
    settings.forget()
    for _ in range(5):
        write(body, context=patient, fails=True)
    status, answer = ask(world, large)
    assert (status, answer["status"], answer["url"]) == (200, "failed", None)
    write(body, context=patient)  # a sixth time there is nothing left to do
    assert taken("RESULTS") == []
    monkeypatch.setenv("CAMPAIGNS_BUCKET", campaigns_bucket)
    settings.forget()
    world.pass_time(901)
    assert ask(world, large)[0] == 202
    (body,) = taken("RESULTS")
    write(body, context=patient)
    assert len(ready(world, large)) == 250


def test_one_that_nobody_writes_on_is_woken_by_who_asks(
    world: World, large: Any, campaigns_bucket: str, patient: Context
) -> None:
    ask(world, large)
    assert len(taken("RESULTS")) == 1  # and lost
    world.pass_time(61)
    for _ in range(2):
        assert ask(world, large)[1]["status"] == "writing"
    (body,) = taken("RESULTS")
    write(body, context=patient)
    assert len(ready(world, large)) == 250


def test_a_message_that_names_nothing_is_delivered_again_and_one_of_an_older_file_is_done(
    world: World, large: Any
) -> None:
    ask(world, large)
    (body,) = taken("RESULTS")
    write({**body, "name": ids.new()})
    write({**body, "batch": ids.new()}, fails=True)
    write({"tenant": "t1"}, fails=True)
    assert ask(world, large)[1]["rows"] == 0
