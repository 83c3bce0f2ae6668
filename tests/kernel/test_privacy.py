"""Data requests: steps travel whole, one chain a part is taken, and a part is done once its last step is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifumo import aws, ids, privacy, writes
from mifumo.errors import Busy
from mifumo.ids import TenantId
from mifumo.privacy import After, Kind, Part, State, Step
from tests.steps import Steps, asked_to_forget
from tests.wire import Wire

TENANT = TenantId("t1")


@pytest.fixture
def queue(aws_tables: Wire) -> Steps:
    """One slice's queue."""

    def nobody(*_: Any) -> None:
        raise AssertionError

    return Steps(Part.SMS, nobody)


@pytest.fixture
def url(queue: Steps) -> str:
    """Where the slice's steps are sent."""
    return queue.url


def parts(step: Step) -> dict[Part, State]:
    found = privacy.read(step.kind, step.tenant, step.id)
    assert found is not None
    return found.parts


@given(
    subject=st.text(),
    place=st.none() | st.dictionaries(st.text(min_size=1), st.text() | st.integers(), max_size=4),
    waits=st.booleans(),
)
def test_a_step_comes_out_of_its_message_as_it_went_in(subject: str, place: Any, waits: bool) -> None:
    step = privacy.first(Kind.ERASURE, TENANT, "e", run="r", subject=subject).at(place, waits=waits)
    assert Step.of(json.loads(json.dumps(step.body()))) == step


def test_a_part_goes_on_from_where_its_last_step_ended_and_is_done_after_that(queue: Steps, url: str) -> None:
    step, seen = asked_to_forget("255712000010", TENANT), list[Any]()

    def take(one: Step) -> After:
        seen.append(one.place)
        return After(one.at({"n": len(seen)}, waits=False), delay_s=7) if len(seen) < 3 else After()

    bodies: list[dict[str, Any]] = [step.body()]
    while bodies:
        assert parts(step)[Part.SMS] is State.RUNNING
        privacy.advance(bodies[0], Part.SMS, take, url=url)
        bodies = queue.queued()
    assert seen == [None, {"n": 1}, {"n": 2}]
    assert queue.delays == [7, 7]
    assert parts(step) == {Part.SMS: State.DONE, Part.BILLING: State.RUNNING}


def test_a_request_is_done_when_its_last_part_is(queue: Steps, url: str) -> None:
    step = asked_to_forget("255712000010", TENANT)
    for part in (Part.BILLING, Part.SMS):
        found = privacy.read(step.kind, TENANT, step.id)
        assert found is not None
        assert (found.state, found.done_at) == (State.RUNNING, None)
        privacy.advance(step.body(), part, lambda _: After(), url=url)
    found = privacy.read(step.kind, TENANT, step.id)
    assert found is not None
    assert (found.state, found.done_at) == (State.DONE, max(found.done.values()))


def test_a_step_of_an_older_run_or_of_no_request_is_not_taken(queue: Steps, url: str) -> None:
    def never(_: Step) -> After:
        raise AssertionError

    old = asked_to_forget("255712000010", TENANT)
    asked_to_forget("255712000010", TENANT)
    privacy.advance(old.body(), Part.SMS, never, url=url)
    privacy.advance(privacy.first(Kind.ERASURE, TENANT, ids.new(), run="r").body(), Part.SMS, never, url=url)


def test_a_step_that_cannot_be_queued_fails_so_that_its_message_comes_again(
    queue: Steps, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = asked_to_forget("255712000010", TENANT)
    monkeypatch.setattr(aws.sqs(), "send_message_batch", lambda **_: {"Failed": [{"Id": "0"}]})
    with pytest.raises(Busy):
        privacy.advance(step.body(), Part.SMS, lambda one: After(one.at({"n": 1}, waits=False)), url=url)
    assert parts(step)[Part.SMS] is State.RUNNING


def test_what_was_asked_later_is_not_undone_by_a_write_that_was_slow(queue: Steps) -> None:
    slow = privacy.first(Kind.ERASURE, TENANT, "e", run="slow")
    later = Step(Kind.ERASURE, TENANT, "e", "later", "9999-01-01T00:00:00.000Z")
    writes.commit(privacy.ask(later))
    with pytest.raises(Busy):
        writes.commit(privacy.ask(slow))
    found = privacy.read(Kind.ERASURE, TENANT, "e")
    assert found is not None
    assert found.run == "later"


def test_another_tenants_request_is_none_of_yours(queue: Steps) -> None:
    step = asked_to_forget("255712000010", TENANT)
    assert privacy.read(Kind.ERASURE, TenantId("t2"), step.id) is None
