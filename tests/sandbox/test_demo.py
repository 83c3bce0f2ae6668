"""The demo's customer list is what its generator makes, and its audit finds whatever does not add up."""

import io
from typing import Any

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from mifumo import trial_numbers
from sandbox.demo import audit, customers
from sandbox.demo.screen import Screen
from sandbox.demo.tenant import Tenant
from sandbox.steps import CloudError

API = "http://127.0.0.1:8080/api"
Moves = list[tuple[str, int]]
MOVES = st.lists(st.tuples(st.sampled_from(["credit", "hold", "capture", "release", "refund"]), st.integers(1, 10_000)))


def entries(moves: Moves) -> list[dict[str, Any]]:
    """A ledger as the API lists it: each entry says what was left after it."""
    made, available, held = [], 0, 0
    for seq, (kind, amount) in enumerate(moves, 1):
        available += {"credit": amount, "hold": -amount, "release": amount, "refund": amount}.get(kind, 0)
        held += {"hold": amount, "capture": -amount, "release": -amount}.get(kind, 0)
        made.append({"seq": seq, "kind": kind, "amount": amount, "available_after": available, "held_after": held})
    return made


def balance(ledger: list[dict[str, Any]]) -> dict[str, int]:
    last = ledger[-1] if ledger else {"available_after": 0, "held_after": 0}
    return {"available": last["available_after"], "held": last["held_after"]}


def batch(**fields: Any) -> dict[str, Any]:
    counts = {"delivered": 8, "undelivered": 1, "rejected": 1}
    return {"accepted": 10, "segments": 1, "price": 10, "charged": 9, "counts": counts} | fields


SPENT: Moves = [("credit", 5_000), ("hold", 10), ("capture", 9), ("release", 1)]


def test_the_committed_list_is_what_the_generator_makes() -> None:
    assert customers.FILE.read_text(encoding="utf-8") == customers.text(customers.invent())


def test_the_list_has_a_thousand_distinct_numbers_with_a_few_of_each_special_ending() -> None:
    people = customers.read()

    assert len({person.phone for person in people}) == len(people) == 1000
    for ending in customers.SPECIAL_ENDINGS:
        assert 3 <= sum(person.phone.endswith(ending) for person in people) <= 6


def test_the_list_knows_what_the_simulator_will_do() -> None:
    for person in customers.read():
        outcome = trial_numbers.outcome_of(f"255{person.phone[1:]}")
        assert person.is_delivered is (outcome.valid and outcome.reports > 0 and outcome.status == "DELIVERED")


@given(MOVES)
def test_a_ledger_that_adds_up_is_not_complained_of(moves: Moves) -> None:
    ledger = entries(moves)

    assert audit.ledger(list(reversed(ledger)), balance(ledger)) == []


@given(MOVES.filter(bool), st.data())
def test_a_ledger_with_one_wrong_figure_is_found(moves: Moves, data: st.DataObject) -> None:
    ledger = entries(moves)
    real = balance(ledger)
    entry = data.draw(st.sampled_from(ledger))
    entry[data.draw(st.sampled_from(["available_after", "held_after"]))] += data.draw(st.integers(1, 100))

    assert audit.ledger(ledger, real)


@given(MOVES.filter(bool), st.data())
def test_a_ledger_with_a_missing_entry_is_found(moves: Moves, data: st.DataObject) -> None:
    ledger = entries(moves)
    real = balance(ledger)
    ledger.remove(data.draw(st.sampled_from(ledger)))

    assert audit.ledger(ledger, real)


def test_a_balance_that_is_not_the_ledgers_end_is_found() -> None:
    ledger = entries(SPENT)

    (sentence,) = audit.ledger(ledger, {"available": 4_992, "held": 0})

    assert sentence == "The entries make 4991 available and 0 held, the balance says 4992 and 0."


@pytest.mark.parametrize("moves", [[], [("credit", 5_000), ("credit", 5_000)], [("credit", 4_999)]])
def test_a_package_that_is_not_credited_exactly_once_is_found(moves: Moves) -> None:
    assert audit.purchase(entries(moves), 5_000)
    assert audit.purchase(entries(SPENT), 5_000) == []


def test_a_batch_that_adds_up_is_not_complained_of() -> None:
    assert audit.batch(batch(), 10, entries(SPENT)) == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"counts": {"delivered": 9}}, "counts 9 messages for 10"),
        ({"counts": {"delivered": 9, "submitted": 1}}, "9 of 10 recipients have ended"),
        ({"segments": 2}, "price is 10, segments x recipients is 20"),
        ({"price": 11}, "10 credits were held for a price of 11"),
        ({"charged": 10}, "9 credits were captured, the batch says 10"),
    ],
)
def test_a_batch_that_does_not_add_up_is_found(fields: dict[str, Any], sentence: str) -> None:
    assert sentence in " ".join(audit.batch(batch(**fields), 10, entries(SPENT)))


def test_credits_that_stay_held_are_found() -> None:
    assert "9 credits were captured or released, 10 were held" in " ".join(audit.batch(batch(), 10, entries(SPENT[:3])))


def test_a_text_that_went_out_twice_is_found_and_other_texts_do_not_matter() -> None:
    log = [
        {"dest_addr": to, "message": text} for to, text in (("1", "a"), ("2", "a"), ("1", "b"), ("2", "b"), ("2", "b"))
    ]

    assert audit.provider(log, "a") == []
    assert audit.provider(log, "b") == ["1 numbers got the text more than once, 2 is the first."]


@responses.activate
def test_a_busy_api_is_asked_again_with_the_same_key() -> None:
    responses.post(f"{API}/sms/send/", status=503, headers={"Retry-After": "0"}, json={"detail": "Busy."})
    responses.post(f"{API}/sms/send/", status=202, json={"id": "b1"})
    tenant = Tenant("http://localhost:8080/api")

    assert tenant.post("sms/send/", text="Habari") == {"id": "b1"}

    keys = {call.request.headers["Idempotency-Key"] for call in responses.calls}
    assert len(keys) == 1
    tenant.close()


@responses.activate
def test_a_refusal_is_told_with_its_reasons() -> None:
    problem = {"detail": "The request is not valid.", "errors": [{"pointer": "/phone", "detail": "Too short."}]}
    responses.post(f"{API}/auth/register/", status=422, json=problem)

    with pytest.raises(CloudError, match=r"answered 422: The request is not valid\. /phone: Too short\."):
        Tenant(API).post("auth/register/")


@responses.activate
def test_pages_are_followed_to_the_end() -> None:
    responses.get(f"{API}/billing/ledger/", json={"items": [{"seq": 2}], "next": "c2"})
    responses.get(
        f"{API}/billing/ledger/",
        json={"items": [{"seq": 1}], "next": None},
        match=[responses.matchers.query_param_matcher({"limit": "250", "cursor": "c2"})],
    )

    assert list(Tenant(API).pages("billing/ledger/")) == [{"seq": 2}, {"seq": 1}]


def test_where_nobody_watches_progress_is_plain_lines() -> None:
    out = io.StringIO()
    screen = Screen(Console(file=out, width=100))

    with screen.progress("Texts", 2) as update:
        update(0, "2 queued")
        update(1, "1 queued, 1 delivered")
        update(2, "2 delivered")
    screen.table("Outcome", ("status", "recipients"), [("delivered", 1000)])

    assert "Texts: 2 queued (0 s)" in out.getvalue()
    assert "Texts: 2 delivered (0 s)" in out.getvalue()
    assert "1 queued, 1 delivered" not in out.getvalue()  # a line every few seconds is enough
    assert "1,000" in out.getvalue()
    assert "\x1b" not in out.getvalue()
