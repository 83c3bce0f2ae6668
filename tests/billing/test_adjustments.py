"""Adjustments: credits given or taken by hand, once, seen by the tenant, above a limit by two people."""

import contextlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.billing import adjustments
from functions.billing.adjustments import Wish
from mifumo import aws, tables, wallets
from mifumo.callers import Principal
from tests.billing.conftest import TENANT, Till
from tests.billing.office import AMINA, BARAKA, NEEMA, WHY, Office, actions, balanced, completed, sums
from tests.wire import Crash

LIMIT = 5000  # the tests' TWO_PERSON_ABOVE_CREDITS


@pytest.fixture
def office(till: Till) -> Office:
    return Office(till)


def adjust(office: Office, who: Principal = AMINA, *, key: str = "k1", **changes: Any) -> tuple[int, dict[str, Any]]:
    body = {"tenant_id": TENANT, "direction": "credit", "credits": 500, **WHY, **changes}
    return office.post(who, "/adjustments/", body, headers={"Idempotency-Key": key})


def test_a_few_credits_are_given_at_once_and_the_tenant_sees_them(office: Office) -> None:
    status, body = adjust(office)
    assert (status, body["status"], body["decision"], body["facts"]) == (
        201,
        "approved",
        "adjustment",
        {"credits": 500},
    )
    assert wallets.read(TENANT).available == 500
    status, statement = office.till.call("GET", "/api/billing/ledger/")
    assert [(e["kind"], e["amount"], e["available_delta"], e["reference"]) for e in statement["items"]] == [
        ("adjust", 500, 500, body["subject"])
    ]
    assert sorted(actions()) == ["credits.adjusted", "decision.taken"]
    told = next(one for one in tables.query_all("audit", f"T#{TENANT}") if one["action"] == "credits.adjusted")
    assert (told["target"], told["after"], told["reason"]) == (body["subject"], {"credits": 500}, WHY["reason"])
    assert sums(f"adj:{body['subject']}") == {"CREDIT": 0}
    balanced()


def test_credits_are_taken_as_far_as_there_are_any(office: Office) -> None:
    completed()
    assert adjust(office, direction="debit", credits=5000)[0] == 201
    assert wallets.read(TENANT).available == 0
    status, body = adjust(office, key="k2", direction="debit", credits=1)
    assert (status, body["code"], body["required"], body["available"]) == (409, "credits_spent", 1, 0)
    assert len(list(tables.query_all("ledger", f"W#{TENANT}", begins_with="E#"))) == 2
    balanced()


@pytest.mark.parametrize("direction", ["credit", "debit"])
def test_above_the_limit_a_second_person_approves(office: Office, direction: str) -> None:
    for _ in range(2):
        completed()
    status, body = adjust(office, direction=direction, credits=LIMIT + 1)
    assert (status, body["status"]) == (201, "open")
    assert wallets.read(TENANT).available == 10_000
    assert office.approve(AMINA, body["id"])[1]["code"] == "own_proposal"
    assert office.approve(BARAKA, body["id"])[0] == 200
    assert office.approve(BARAKA, body["id"])[0] == 200
    assert wallets.read(TENANT).available == (15_001 if direction == "credit" else 4_999)
    assert sorted(actions()) == ["credits.adjusted", "decision.approved", "decision.proposed"]
    balanced()


def test_a_debit_that_was_spent_meanwhile_is_not_carried_out(office: Office) -> None:
    for _ in range(2):
        completed()
    _, body = adjust(office, direction="debit", credits=LIMIT + 1)
    adjust(office, key="k2", direction="debit", credits=LIMIT)
    status, refusal = office.approve(BARAKA, body["id"])
    assert (status, refusal["code"]) == (409, "credits_spent")
    assert wallets.read(TENANT).available == 5000
    assert office.get(AMINA, f"/proposals/{body['id']}/")[1]["status"] == "open"


def test_a_debit_of_more_than_there_is_is_not_even_proposed(office: Office) -> None:
    status, body = adjust(office, direction="debit", credits=LIMIT + 1)
    assert (status, body["code"]) == (409, "credits_spent")
    assert office.get(AMINA, "/proposals/")[1]["items"] == []


def test_what_support_asks_for_the_staff_approve(office: Office) -> None:
    status, body = adjust(office, NEEMA, credits=1)
    assert (status, body["status"]) == (201, "open")
    assert office.approve(AMINA, body["id"])[0] == 200
    assert wallets.read(TENANT).available == 1


def test_the_same_request_adjusts_once(office: Office) -> None:
    first = adjust(office)
    assert adjust(office) == first
    status, body = adjust(office, credits=501)
    assert (status, body["code"]) == (422, "idempotency_key_reused")
    assert adjust(office, BARAKA)[1]["id"] != first[1]["id"]  # another person's key is another key
    assert wallets.read(TENANT).available == 1000


def test_orders_that_wait_for_credits_hear_of_those_that_were_given(office: Office) -> None:
    adjust(office)
    adjust(office, key="k2", direction="debit", credits=100)
    heard = aws.sqs().receive_message(QueueUrl=os.environ["PARKED_QUEUE_URL"], MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(message["Body"]) for message in heard] == [{"tenant": TENANT}]


def test_a_tenant_that_is_not_there_gets_nothing(office: Office) -> None:
    assert adjust(office, tenant_id="nobody")[0] == 404
    assert wallets.read(TENANT).version == 0


@pytest.mark.parametrize(
    "changes",
    [{"credits": 0}, {"credits": -5}, {"credits": 1.5}, {"direction": "both"}, {"reason": ""}, {"evidence": ""}],
)
def test_an_adjustment_says_what_and_why(office: Office, changes: dict[str, Any]) -> None:
    assert adjust(office, **changes)[0] == 422
    assert wallets.read(TENANT).version == 0


def test_one_request_many_times_at_once_adjusts_once(office: Office) -> None:
    office.till.wire.take_turns()
    wish = Wish(TENANT, 500, "It was our fault.", "Ticket 1")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: adjustments.ask(AMINA, "k1", wish), range(8)))
    assert len({proposal.id for proposal, _ in made}) == 1
    assert [known for _, known in made].count(False) == 1
    assert wallets.read(TENANT).available == 500
    balanced()


def test_a_crash_at_any_call_adjusts_once_when_the_request_comes_again(office: Office) -> None:
    given = 0
    for after in (False, True):
        for at in range(7):
            wish, key = Wish(TENANT, 10, "It was our fault.", "Ticket 1"), f"{after}{at}"
            office.till.wire.cut(at, after=after)
            with contextlib.suppress(Crash):
                adjustments.ask(AMINA, key, wish)
            office.till.wire.mend()
            adjustments.ask(AMINA, key, wish)
            given += 10
            assert wallets.read(TENANT).available == given
            balanced()
