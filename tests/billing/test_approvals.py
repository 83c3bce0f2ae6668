"""Approvals: one proposes, another approves, and whatever comes twice or at once has one effect."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions.billing import decisions, proposals, reviews
from functions.billing.proposals import Decision, Status
from functions.billing.states import Status as Standing
from mifumo import tables, wallets
from mifumo.callers import Principal
from mifumo.errors import AppError
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from tests.billing.conftest import TENANT, Till
from tests.billing.office import ADMIN, AMINA, BARAKA, NEEMA, Office, actions, balanced, reviewed, token_of
from tests.builders import token
from tests.wire import Crash

ROUTES = [
    ("GET", "/proposals/"),
    ("GET", "/proposals/01jd8x6q5v7w9y2k4m6p8r0t1a-1/"),
    ("POST", "/proposals/01jd8x6q5v7w9y2k4m6p8r0t1a-1/approve/"),
    ("POST", "/proposals/01jd8x6q5v7w9y2k4m6p8r0t1a-1/reject/"),
    ("POST", "/proposals/01jd8x6q5v7w9y2k4m6p8r0t1a-1/withdraw/"),
    ("GET", "/reviews/"),
    ("GET", "/reviews/01jd8x6q5v7w9y2k4m6p8r0t1a/"),
    ("POST", "/reviews/01jd8x6q5v7w9y2k4m6p8r0t1a/decide/"),
    ("GET", "/payments/01jd8x6q5v7w9y2k4m6p8r0t1a/"),
    ("POST", "/payments/01jd8x6q5v7w9y2k4m6p8r0t1a/refund/"),
    ("POST", "/payments/01jd8x6q5v7w9y2k4m6p8r0t1a/refund/complete/"),
    ("POST", "/payments/01jd8x6q5v7w9y2k4m6p8r0t1a/refund/fail/"),
    ("GET", "/refunds/"),
    ("GET", "/transfers/"),
    ("POST", "/transfers/01jd8x6q5v7w9y2k4m6p8r0t1a/confirm/"),
    ("POST", "/adjustments/"),
]
FOR_STAFF_ALONE = ("approve/", "reject/", "complete/", "fail/")


@pytest.fixture
def office(till: Till) -> Office:
    return Office(till)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_these_doors_are_closed_to_strangers_and_to_tenants(till: Till, method: str, path: str) -> None:
    status, body = till.call(method, f"{ADMIN}{path}", {} if method == "POST" else None, token=None)
    assert (status, body["code"]) == (401, "unauthenticated")
    for role in ("owner", "admin", "agent"):
        status, body = till.call(method, f"{ADMIN}{path}", {} if method == "POST" else None, token=token(role=role))
        assert (status, body["code"]) == (403, "forbidden")


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_support_sees_and_proposes_and_decides_nothing(till: Till, method: str, path: str) -> None:
    status, _ = till.call(method, f"{ADMIN}{path}", {} if method == "POST" else None, token=token_of(NEEMA))
    assert (status == 403) == path.endswith(FOR_STAFF_ALONE)


def test_what_one_proposes_another_approves(office: Office) -> None:
    payment = reviewed()
    proposal = office.decide(payment)
    status, listed = office.get(BARAKA, "/proposals/")
    assert (status, [item["id"] for item in listed["items"]]) == (200, [proposal])
    status, approved = office.approve(BARAKA, proposal)
    assert (status, approved["status"], approved["decided_by"]) == (200, "approved", "baraka")
    assert office.get(AMINA, f"/proposals/{proposal}/") == (200, approved)
    assert office.get(AMINA, "/proposals/")[1]["items"] == []
    assert office.till.payment(payment.id).status == "completed"
    assert wallets.read(TENANT).available == 5000


def test_nobody_approves_or_rejects_their_own(office: Office) -> None:
    proposal = office.decide(reviewed())
    for deed in ("approve", "reject"):
        status, body = office.post(AMINA, f"/proposals/{proposal}/{deed}/", {"reason": "It is right."})
        assert (status, body["code"]) == (403, "own_proposal")
    assert wallets.read(TENANT).available == 0


def test_the_same_person_in_another_tenant_is_the_same_person(office: Office) -> None:
    proposal = office.decide(reviewed())
    elsewhere = Principal(TenantId("t2"), UserId("amina"), Role.STAFF)
    assert office.approve(elsewhere, proposal)[1]["code"] == "own_proposal"


def test_what_support_proposes_the_staff_approve(office: Office) -> None:
    proposal = office.decide(reviewed(), who=NEEMA)
    assert office.approve(AMINA, proposal)[0] == 200
    assert wallets.read(TENANT).available == 5000


def test_an_approval_that_comes_again_is_answered_as_it_stands(office: Office) -> None:
    proposal = office.decide(reviewed())
    first = office.approve(BARAKA, proposal)
    assert office.approve(BARAKA, proposal) == first
    chausiku = Principal(TenantId("platform"), UserId("chausiku"), Role.STAFF)
    assert office.approve(chausiku, proposal)[1]["code"] == "proposal_closed"
    assert wallets.read(TENANT).available == 5000


def test_one_proposal_at_a_time(office: Office) -> None:
    payment = reviewed()
    proposal = office.decide(payment)
    again = {"decision": "dismiss", "reason": "It is nothing.", "evidence": "none"}
    status, body = office.post(BARAKA, f"/reviews/{payment.id}/decide/", again)
    assert (status, body["code"], body["proposal_id"]) == (409, "already_proposed", proposal)


def test_what_was_rejected_may_be_proposed_anew_under_another_number(office: Office) -> None:
    payment = reviewed()
    first = office.decide(payment)
    status, rejected = office.post(BARAKA, f"/proposals/{first}/reject/", {"reason": "Not convincing."})
    assert (status, rejected["status"], rejected["note"]) == (200, "rejected", "Not convincing.")
    second = office.decide(payment)
    assert (first, second) == (f"{payment.id}-1", f"{payment.id}-2")
    assert office.approve(BARAKA, first)[1]["code"] == "proposal_closed"
    assert office.approve(BARAKA, second)[0] == 200


def test_only_who_proposed_withdraws(office: Office) -> None:
    proposal = office.decide(reviewed())
    body = {"reason": "I was wrong."}
    assert office.post(BARAKA, f"/proposals/{proposal}/withdraw/", body)[0] == 403
    status, withdrawn = office.post(AMINA, f"/proposals/{proposal}/withdraw/", body)
    assert (status, withdrawn["status"]) == (200, "withdrawn")
    assert office.post(AMINA, f"/proposals/{proposal}/withdraw/", body)[1]["code"] == "proposal_closed"
    assert office.approve(BARAKA, proposal)[1]["code"] == "proposal_closed"


def test_a_proposal_expires_and_another_takes_its_place(office: Office) -> None:
    payment = reviewed()
    first = office.decide(payment)
    office.till.travel.forward(601)
    assert office.get(BARAKA, f"/proposals/{first}/")[1]["expired"] is True
    assert office.approve(BARAKA, first)[1]["code"] == "proposal_lapsed"
    second = office.decide(payment)
    assert office.get(BARAKA, f"/proposals/{first}/")[1]["status"] == "lapsed"
    assert [item["id"] for item in office.get(BARAKA, "/proposals/")[1]["items"]] == [second]
    assert office.approve(BARAKA, second)[0] == 200


@pytest.mark.parametrize("name", ["nothing", "01jd8x6q5v7w9y2k4m6p8r0t1a", "01jd8x6q5v7w9y2k4m6p8r0t1a-1", "-1"])
def test_a_proposal_that_is_not_there_is_not_found(office: Office, name: str) -> None:
    assert office.get(AMINA, f"/proposals/{name}/")[0] == 404
    assert office.approve(AMINA, name)[0] == 404


@pytest.mark.parametrize("number", ["01", "-1", "1.0", "²", "0000001", "1x"])
def test_a_proposal_has_one_name(office: Office, number: str) -> None:
    payment = reviewed()
    office.decide(payment)
    assert office.get(AMINA, f"/proposals/{payment.id}-{number}/")[0] in {400, 404}


def test_parallel_approvals_have_one_effect(office: Office) -> None:
    proposal = office.decide(reviewed())
    people = [Principal(TenantId("platform"), UserId(f"s{number}"), Role.STAFF) for number in range(8)]
    office.till.wire.take_turns()

    def approve(who: Principal) -> str:
        try:
            return decisions.approve(who, proposal, note="yes").status.value
        except AppError as refusal:
            return refusal.code

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(approve, people))
    assert sorted(outcomes) == ["approved"] + ["proposal_closed"] * 7
    assert wallets.read(TENANT).available == 5000
    assert actions().count("decision.approved") == 1
    balanced()


def test_parallel_proposals_leave_one_open(office: Office) -> None:
    payment = reviewed()
    office.till.wire.take_turns()

    def propose(number: int) -> str:
        who = Principal(TenantId("platform"), UserId(f"s{number}"), Role.STAFF)
        try:
            return str(reviews.propose(who, payment.id, Decision.CREDIT, reason="r", evidence="e", receipt=None).id)
        except AppError as refusal:
            return refusal.code

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(propose, range(6)))
    assert sorted(outcomes) == sorted([f"{payment.id}-1"] + ["already_proposed"] * 5)
    assert [proposal.status for proposal in proposals.of_subject(payment.id)] == [Status.OPEN]


def test_an_approval_and_a_withdrawal_at_once_do_not_both_happen(office: Office) -> None:
    for _ in range(6):
        before = wallets.read(TENANT).available
        payment = reviewed()
        proposal = office.decide(payment)
        office.till.wire.take_turns()

        def act(deed: str, proposal: str = proposal) -> bool:
            try:
                if deed == "approve":
                    decisions.approve(BARAKA, proposal, note="yes")
                else:
                    decisions.withdraw(AMINA, proposal, note="no")
            except AppError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            approved, withdrawn = pool.map(act, ["approve", "withdraw"])
        assert approved != withdrawn
        assert wallets.read(TENANT).available - before == (5000 if approved else 0)
        assert (office.till.payment(payment.id).status is Standing.COMPLETED) == approved


def test_the_tenant_reads_what_was_decided_and_not_by_whom(office: Office) -> None:
    proposal = office.decide(reviewed())
    office.approve(BARAKA, proposal)
    assert actions() == ["decision.proposed", "decision.approved"]
    staffs = list(tables.query_all("audit", "STAFF", index="listing"))
    assert [(entry["action"], entry["actor"], entry["role"]) for entry in staffs] == [
        ("decision.proposed", "amina", "staff"),
        ("decision.approved", "baraka", "staff"),
    ]
    assert {entry["tenant_id"] for entry in staffs} == {TENANT}
    assert staffs[0]["after"]["credits"] == 5000


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"reason": ""}, "/reason"),
        ({"reason": "  a  "}, "/reason"),
        ({"evidence": ""}, "/evidence"),
        ({"decision": "refund"}, "/decision"),
        ({"decision": None}, "/decision"),
        ({"amount": 1}, "/amount"),
    ],
)
def test_a_decision_needs_what_it_needs(office: Office, changes: dict[str, str], pointer: str) -> None:
    payment = reviewed()
    body = {"decision": "credit", "reason": "It is right.", "evidence": "Ticket 1"} | changes
    status, refusal = office.post(AMINA, f"/reviews/{payment.id}/decide/", body)
    assert (status, refusal["errors"][0]["pointer"]) == (422, pointer)
    assert proposals.latest(payment.id) is None


def test_a_page_of_proposals_goes_on(office: Office) -> None:
    made = [office.decide(reviewed()) for _ in range(3)]
    status, first = office.get(BARAKA, "/proposals/", query={"limit": "2"})
    assert status == 200
    _, second = office.get(BARAKA, "/proposals/", query={"limit": "2", "cursor": first["next"]})
    assert [item["id"] for page in (first, second) for item in page["items"]] == made


def test_a_crash_at_any_call_leaves_all_of_an_approval_or_nothing(office: Office) -> None:

    for after in (False, True):
        for at in range(8):
            before = wallets.read(TENANT).available
            payment = reviewed()
            proposal = office.decide(payment)
            office.till.wire.cut(at, after=after)
            with contextlib.suppress(Crash):
                decisions.approve(BARAKA, proposal, note="yes")
            office.till.wire.mend()
            done = proposals.find(proposal).status is Status.APPROVED
            assert wallets.read(TENANT).available - before == (5000 if done else 0)
            assert (office.till.payment(payment.id).status is Standing.COMPLETED) == done
            decisions.approve(BARAKA, proposal, note="yes")
            assert wallets.read(TENANT).available - before == 5000
            balanced()


def test_a_number_that_somebody_wrote_into_a_reason_is_kept_nowhere(office: Office) -> None:
    payment = reviewed()
    body = {"decision": "credit", "reason": "0754 123 456 called.", "evidence": "Call from +255754123456"}
    _, made = office.post(AMINA, f"/reviews/{payment.id}/decide/", body)
    office.post(BARAKA, f"/proposals/{made['id']}/approve/", {"reason": "I called 0754123456 too."})
    kept = proposals.find(made["id"])
    assert (kept.reason, kept.evidence) == ("[number …56] called.", "Call from [number …56]")
    assert kept.note == "I called [number …56] too."
