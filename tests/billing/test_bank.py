"""Bank transfers from the tenant's side: a reference, an account, and a payment that the staff confirm."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from functions.billing import payments, references, transfers
from functions.billing.payment import Payment
from mifumo import ids, settings, tenants, wallets, writes
from mifumo.callers import Principal
from mifumo.errors import AppError
from mifumo.ids import PaymentId, TenantId, UserId
from mifumo.permissions import Role
from tests.billing.conftest import TENANT, Till
from tests.billing.office import AMINA, BARAKA, WHY, Office
from tests.builders import token
from tests.wire import Crash

OWNER = Principal(TENANT, UserId("u1"), Role.OWNER)
TRANSFERS = "/api/billing/transfers/"
EXPIRY_S = 1_209_600
IDS = st.integers(min_value=0, max_value=2**128 - 1).map(lambda number: PaymentId(ids.derived(str(number))))


def ask(till: Till, quote: dict[str, Any], key: str = "transfer-1", **options: Any) -> tuple[int, Any]:
    headers = {"Idempotency-Key": key}
    return till.call("POST", TRANSFERS, {"quote_id": quote["id"]}, headers=headers, **options)


def asked(till: Till, key: str = "transfer-1", **body: Any) -> Payment:
    """Begins a transfer of the Standard package, which no wallet moves at once, unless told otherwise."""
    quote = till.quoted(key=f"quote of {key}".replace(" ", "-"), **(body or {"package_id": "standard"}))
    status, made = ask(till, quote, key)
    assert status == 201, made
    return till.payment(made["id"])


def confirm(office: Office, payment: Payment, line: str = "FT26031A", amount: int | None = None) -> str:
    """Confirms a transfer by two of the staff, or by one where that is enough; returns what the payment became."""
    body = {"reference": line, "amount": amount or payment.amount, **WHY}
    status, found = office.post(AMINA, f"/transfers/{payment.id}/confirm/", body)
    assert status == 200, found
    if found["proposal"] and found["proposal"]["status"] == "open":
        assert office.approve(BARAKA, found["proposal"]["id"])[0] == 200
    return office.till.payment(payment.id).status.value


def test_a_transfer_tells_where_to_pay_and_what_to_write_and_pushes_nothing(till: Till) -> None:
    quote = till.quoted(package_id="standard")
    till.wire.clear()
    status, body = ask(till, quote)
    assert till.wire.calls == ["GetItem", "GetItem", "Query", "TransactWriteItems"]
    assert (status, body["status"], body["provider"], body["phone"], body["amount"], body["quote_id"]) == (
        201,
        "pending",
        "bank",
        None,
        1_250_000,
        quote["id"],
    )
    assert body["account"] == {
        "bank": "Benki ya Mfano",
        "name": "Mifumo Labs Ltd",
        "number": "0150000000001",
        "swift": "MFANTZTZ",
    }
    assert references.read(body["reference_to_print"]) == body["reference"]
    assert till.call("GET", f"{TRANSFERS}{body['id']}/") == (200, body)
    assert till.simulator.log()["orders"] == []
    assert till.queued() == []


def test_what_no_wallet_moves_is_paid_by_bank_and_credited_once(till: Till) -> None:
    office, payment = Office(till), asked(till)
    assert confirm(office, payment) == "completed"
    wallet = wallets.read(TENANT)
    assert (wallet.available, wallet.package) == (50_000, "standard")
    steps = till.call("GET", f"/api/billing/payments/{payment.id}/")[1]["steps"]
    assert [(step["what"], step["by"]) for step in steps] == [("initiated", "tenant"), ("paid", "staff")]
    quote = {"id": payment.quote}
    assert ask(till, quote, "again")[1]["code"] == "not_repeatable"
    assert wallets.read(TENANT).available == 50_000


def test_the_staff_find_a_transfer_by_its_reference_as_it_was_typed(till: Till) -> None:
    office, payment = Office(till), asked(till)
    body: dict[str, Any] = {}
    written = references.spaced(str(payment.reference)).lower().replace("0", "o")
    for typed, found in (
        (written, [payment.id]),
        ("RF00AAAAAAAA", []),
        ("", []),
        (references.of(PaymentId("0" * 26)), []),
    ):
        _, body = office.get(AMINA, "/transfers/", query={"reference": typed})
        assert [item["id"] for item in body["items"]] == found
    assert body["next"] is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ""),
        ("GET", ""),
        ("GET", "01m86mvt1mxhz5r76k6x5nkw8f/"),
        ("POST", "01m86mvt1mxhz5r76k6x5nkw8f/cancel/"),
    ],
)
def test_strangers_learn_nothing_and_agents_less_than_nothing(till: Till, method: str, path: str) -> None:
    for options, code in (({"token": None}, "unauthenticated"), ({"token": token(role="agent")}, "forbidden")):
        assert till.call(method, f"{TRANSFERS}{path}", {"quote_id": "x"}, **options)[1]["code"] == code


def test_another_tenant_finds_neither_quote_nor_transfer(till: Till) -> None:
    writes.commit(tenants.put(TenantId("t2"), "Another", verified=True))
    stranger, payment = token(tenant="t2"), asked(till)
    assert ask(till, {"id": payment.quote}, token=stranger)[1]["code"] == "not_found"
    for method, path in (("GET", ""), ("POST", "cancel/")):
        status, _ = till.call(method, f"{TRANSFERS}{payment.id}/{path}", token=stranger)
        assert status == 404
    assert till.call("GET", TRANSFERS, token=stranger)[1] == {"items": [], "next": None}


def test_a_push_is_no_transfer_and_the_list_has_transfers_alone(till: Till) -> None:
    push, payment = till.bought("129"), asked(till)
    assert till.call("GET", f"{TRANSFERS}{push.id}/")[0] == 404
    assert till.call("POST", f"{TRANSFERS}{push.id}/cancel/")[0] == 404
    assert [item["id"] for item in till.call("GET", TRANSFERS)[1]["items"]] == [payment.id]
    assert {item["id"] for item in till.call("GET", "/api/billing/payments/")[1]["items"]} == {push.id, payment.id}


def test_the_same_request_again_is_the_same_transfer_and_another_quote_is_refused(till: Till) -> None:
    quote, other = till.quoted(), till.quoted(key="quote-2")
    first = ask(till, quote)
    assert ask(till, quote) == first
    assert ask(till, other)[1]["code"] == "idempotency_key_reused"


@pytest.mark.parametrize("body", [{}, {"quote_id": ""}, {"quote_id": 7}, {"quote_id": "x", "amount": 1}])
def test_an_invalid_request_begins_nothing(till: Till, body: dict[str, Any]) -> None:
    till.wire.clear()
    status, problem = till.call("POST", TRANSFERS, body)
    assert (status, problem["code"], till.wire.calls) == (422, "validation_failed", [])


def test_without_an_account_of_the_stage_nobody_can_pay_by_bank(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    quote = till.quoted()
    monkeypatch.setenv("BANK_ACCOUNT_NUMBER", "")
    settings.forget()
    status, problem = ask(till, quote)
    assert (status, problem["code"], problem["retryable"]) == (503, "transfers_unavailable", False)
    assert "number" not in problem["detail"], "why is for the staff"
    quote = till.quoted(key="another", package_id="standard")
    assert quote["pay_by"] == []
    headers = {"Idempotency-Key": "push"}
    body = {"quote_id": quote["id"], "provider": "vodacom", "phone": "0754123129"}
    status, problem = till.call("POST", "/api/billing/payments/initiate/", body, headers=headers)
    assert (status, problem["code"], problem["pay_by"]) == (422, "amount_outside_limits", [])
    assert problem["detail"].endswith("Choose an amount that a wallet takes.")
    staff = token(role="support")
    _, standing = till.call("GET", "/api/admin/billing/providers/", token=staff)
    assert standing["bank"] == {"available": False, "missing": ["number"]}
    assert till.call("GET", TRANSFERS)[1]["items"] == []


def test_an_expired_quote_is_not_paid_by_bank(till: Till) -> None:
    quote = till.quoted()
    till.travel.forward(1_801)
    assert ask(till, quote)[1]["code"] == "quote_expired"


def test_a_quote_is_paid_by_bank_or_from_a_wallet_and_never_both(till: Till) -> None:
    quote = till.quoted()
    payment = till.payment(ask(till, quote)[1]["id"])
    status, problem = till.buy("129", package_id=None, quote_id=quote["id"])
    assert (status, problem["code"], problem["payment_id"]) == (409, "outcome_open", payment.id)
    assert till.call("POST", f"{TRANSFERS}{payment.id}/cancel/")[1]["status"] == "cancelled"
    assert till.buy("129", package_id=None, quote_id=quote["id"])[0] == 202
    assert ask(till, quote, "again")[1]["code"] == "outcome_open"


def test_money_that_comes_for_a_cancelled_or_expired_transfer_is_credited(till: Till) -> None:
    office = Office(till)
    cancelled, expired = asked(till), asked(till, "transfer-2")
    till.call("POST", f"{TRANSFERS}{cancelled.id}/cancel/")
    till.travel.forward(EXPIRY_S + 1)
    till.sweep()
    assert [till.payment(payment.id).status.value for payment in (cancelled, expired)] == ["cancelled", "expired"]
    assert [confirm(office, cancelled, "FT1"), confirm(office, expired, "FT2")] == ["completed", "completed"]
    assert wallets.read(TENANT).available == 100_000


def test_a_transfer_is_not_retried(till: Till) -> None:
    payment = asked(till)
    till.call("POST", f"{TRANSFERS}{payment.id}/cancel/")
    status, problem = till.call("POST", f"/api/billing/payments/{payment.id}/retry/")
    assert (status, problem["code"]) == (409, "not_repeatable")


def test_only_so_many_transfers_are_awaited_at_once(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "OPEN_MAX", 2)
    first = asked(till)
    asked(till, "transfer-2")
    quote = till.quoted(key="quote-3")
    status, problem = ask(till, quote, "transfer-3")
    assert (status, problem["code"]) == (409, "too_many_transfers")
    assert ask(till, {"id": first.quote})[1]["id"] == first.id  # a replay is no further one
    till.call("POST", f"{TRANSFERS}{first.id}/cancel/")
    assert ask(till, quote, "transfer-3")[0] == 201


def test_two_payments_never_have_the_same_reference(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    first = asked(till)
    real = references.of
    given_out = iter([str(first.reference)])
    monkeypatch.setattr(references, "of", lambda payment: next(given_out, None) or real(payment))
    second = asked(till, "transfer-2")
    assert second.reference != first.reference
    assert transfers.by_reference(str(first.reference)) == first


def test_two_transfers_of_one_quote_at_once_are_one(till: Till) -> None:
    quote = till.quoted()
    till.wire.take_turns()

    def begin(number: int) -> str:
        try:
            transfers.ask(OWNER, f"transfer-{number}", quote["id"])
        except AppError as refusal:
            return refusal.code
        return "begun"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(begin, range(8)))
    assert outcomes.count("begun") == 1
    assert set(outcomes) <= {"begun", "quote_used", "outcome_open"}
    assert len(payments.page(TENANT, limit=50, start=None).items) == 1


@pytest.mark.parametrize("after", [False, True])
def test_a_door_that_dies_while_it_begins_a_transfer_begins_one(till: Till, *, after: bool) -> None:
    for number in range(20):
        quote = till.quoted(key=f"quote-{number}")
        till.wire.cut(number, after=after)
        crashed = False
        try:
            ask(till, quote, f"{number}")
        except Crash:
            crashed = True
        till.wire.mend()
        status, body = ask(till, quote, f"{number}")
        assert status == 201
        assert transfers.by_reference(body["reference"]) == till.payment(body["id"])
        if not crashed:
            assert number >= 4
            assert len(till.call("GET", TRANSFERS)[1]["items"]) == number + 1
            return
    pytest.fail("the door makes more calls than anybody thought")


@given(IDS, st.integers(0, 11), st.sampled_from("0123456789ABCDEFGHJKMNPQRSTVWXYZ"))
def test_a_mistyped_reference_is_never_taken_for_another(payment: PaymentId, at: int, letter: str) -> None:
    reference = references.of(payment)
    assert references.read(reference) == reference
    # A letter counts as two digits: one for the other is noticed 96 times in 97, and names no payment the 97th time.
    assume(letter.isdigit() == reference[at].isdigit())
    mistyped = reference[:at] + letter + reference[at + 1 :]
    assert references.read(mistyped) == (reference if mistyped == reference else None)


@given(IDS, st.integers(0, 10))
def test_two_characters_that_changed_places_are_noticed(payment: PaymentId, at: int) -> None:
    reference = references.of(payment)
    swapped = reference[:at] + reference[at + 1] + reference[at] + reference[at + 2 :]
    # To a remainder by 97, a digit and the letter that counts eleven times as much are the same either way round.
    assume({*reference[at : at + 2]} not in ({"B", "1"}, {"M", "2"}, {"X", "3"}))
    assert references.read(swapped) == (reference if swapped == reference else None)


@given(st.text(max_size=40))
def test_reading_what_people_type_never_fails(text: str) -> None:
    found = references.read(text)
    assert found is None or references.read(found) == found
