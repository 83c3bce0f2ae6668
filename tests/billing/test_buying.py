"""Quotes at the door: asked for, read, paid once at the price of then; and what becomes of one whose payment failed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.billing import orders, purchase, ways
from functions.billing.catalogue import WALLETS
from functions.billing.ways import Way
from mifumo import prices, quotes, wallets
from mifumo.callers import Principal
from mifumo.errors import AppError
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.phone import Msisdn, Operator
from mifumo.prices import Tier
from mifumo.vat import Buyer
from tests.billing.conftest import QUOTES, TENANT, Till
from tests.builders import token
from tests.wire import Crash

OWNER = Principal(TENANT, UserId("u1"), Role.OWNER)
VALIDITY_S = 1_800


def pay(till: Till, quote: dict[str, Any], digits: str = "229", **options: Any) -> tuple[int, Any]:
    return till.buy(digits, package_id=None, quote_id=quote["id"], **options)


def test_a_quote_says_what_credits_cost_with_their_vat_and_who_can_pay_it(till: Till) -> None:
    till.wire.clear()
    quote = till.quoted(credits=12_000)
    assert till.wire.calls == ["PutItem"]
    (quote_id, created, expires) = (quote.pop(name) for name in ("id", "created_at", "expires_at"))
    assert created < expires
    assert quote == {
        "package_id": None,
        "credits": 12_000,
        "unit_price": 25,
        "net": 254_237,
        "vat_rate": 1_800,
        "vat": 45_763,
        "total": 300_000,
        "currency": "TZS",
        "pay_by": ["vodacom", "tigo", "airtel", "halotel", "bank"],
        "payment_id": None,
    }
    till.wire.clear()
    status, again = till.call("GET", f"{QUOTES}{quote_id}/")
    assert (status, again["total"], again["expires_at"]) == (200, 300_000, expires)
    assert till.wire.calls == ["GetItem"]


def test_a_package_is_quoted_at_its_own_price(till: Till) -> None:
    quote = till.quoted(package_id="standard", vat_registered=True)
    assert (quote["package_id"], quote["credits"], quote["total"], quote["pay_by"]) == (
        "standard",
        50_000,
        1_250_000,
        ["bank"],
    )


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "body"),
        ({"credits": 100, "package_id": "lite"}, "body"),
        ({"credits": 99}, "/credits"),
        ({"credits": 10_000_000}, "/credits"),
        ({"credits": "600"}, "/credits"),
        ({"credits": 600.0}, "/credits"),
        ({"credits": True}, "/credits"),
        ({"package_id": "huge"}, "/package_id"),
        ({"credits": 600, "total": 1}, "/total"),
    ],
)
def test_what_cannot_be_quoted_is_refused_and_kept_nowhere(till: Till, body: dict[str, Any], pointer: str) -> None:
    till.wire.clear()
    status, problem = till.call("POST", QUOTES, body)
    assert (status, problem["code"], [error["pointer"] for error in problem["errors"]]) == (
        422,
        "validation_failed",
        [pointer],
    )
    assert till.wire.calls == []


def test_the_same_key_brings_the_same_quote_and_another_body_is_refused(till: Till) -> None:
    first = till.quoted(credits=600)
    assert till.quoted(credits=600) == first
    headers = {"Idempotency-Key": "quote-1"}
    status, problem = till.call("POST", QUOTES, {"credits": 601}, headers=headers)
    assert (status, problem["code"]) == (422, "idempotency_key_reused")


def test_an_agent_asks_for_no_quote_and_a_stranger_finds_none(till: Till) -> None:
    assert till.call("POST", QUOTES, {"credits": 600}, token=token(role="agent"))[0] == 403
    quote = till.quoted()
    for path in (f"{QUOTES}{quote['id']}/", f"{QUOTES}nonsense/"):
        status, problem = till.call("GET", path, token=token(tenant="t2"))
        assert (status, problem["code"]) == (404, "not_found")


def test_what_was_quoted_is_paid_and_credited_and_its_sender_ids_come_with_it(till: Till) -> None:
    quote = till.quoted(credits=7_000)
    status, body = pay(till, quote)
    assert (status, body["credits"], body["amount"], body["quote_id"], body["package_id"]) == (
        202,
        7_000,
        quote["total"],
        quote["id"],
        "lite",
    )
    assert (body["net"], body["vat"], body["vat_rate"]) == (quote["net"], quote["vat"], quote["vat_rate"])
    (order,) = till.simulator.log()["orders"]
    assert order["amount"] == quote["total"]
    payment = till.payment(body["id"])
    till.paid(payment)
    till.look(payment)
    till.credited(payment)
    assert (wallets.read(TENANT).available, wallets.read(TENANT).package) == (7_000, "lite")
    status, problem = pay(till, quote, key="again")
    assert (status, problem["code"], problem["payment_id"]) == (409, "not_repeatable", payment.id)


def test_few_credits_bring_no_package(till: Till) -> None:
    status, body = pay(till, till.quoted(credits=100))
    assert (status, body["package_id"], body["amount"]) == (202, None, 3_000)
    payment = till.payment(body["id"])
    till.paid(payment)
    till.look(payment)
    till.credited(payment)
    assert wallets.read(TENANT).package is None


def test_a_quote_above_every_wallet_names_the_bank(till: Till) -> None:
    status, problem = pay(till, till.quoted(credits=60_000))
    assert (status, problem["code"], problem["pay_by"]) == (422, "amount_outside_limits", ["bank"])
    assert till.simulator.log()["orders"] == []


def test_an_expired_quote_is_refused_and_what_was_begun_with_it_is_still_found(till: Till) -> None:
    quote, other = till.quoted(), till.quoted(key="quote-2")
    first = pay(till, quote, "129")[1]
    till.travel.forward(VALIDITY_S + 1)
    status, problem = pay(till, other, key="late")
    assert (status, problem["code"]) == (422, "quote_expired")
    assert pay(till, quote, "129")[1]["id"] == first["id"]
    assert len(till.simulator.log()["orders"]) == 1


def test_what_was_agreed_is_credited_though_prices_have_risen_and_the_quote_has_expired(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = till.payment(pay(till, till.quoted(credits=4_000), "229")[1]["id"])
    monkeypatch.setattr(prices, "TIERS", (Tier("Dear", 100, 50),))
    till.travel.forward(VALIDITY_S + 1)
    assert till.quoted(credits=4_000, key="now")["total"] == 200_000
    till.paid(payment)
    till.look(payment)
    now = till.payment(payment.id)
    assert (now.status, now.amount, now.credits) == ("completed", 120_000, 4_000)
    assert wallets.read(TENANT).available == 4_000


@pytest.mark.parametrize("quote_id", ["01m86mvt1mxhz5r76k6x5nkw8f", "nonsense", "../WALLET"])
def test_a_quote_that_never_was_is_not_found(till: Till, quote_id: str) -> None:
    status, problem = pay(till, {"id": quote_id})
    assert (status, problem["code"]) == (404, "not_found")


def test_another_tenants_quote_is_not_found(till: Till) -> None:
    quote = quotes.keep(quotes.for_credits(TenantId("t2"), "k", 600, buyer=Buyer.UNREGISTERED))[0]
    status, problem = pay(till, {"id": quote.id})
    assert (status, problem["code"]) == (404, "not_found")
    assert till.simulator.log()["orders"] == []


def test_a_quote_whose_payment_is_under_way_is_paid_by_no_other(till: Till) -> None:
    quote = till.quoted()
    first = pay(till, quote, "129")[1]
    status, problem = pay(till, quote, "129", key="another")
    assert (status, problem["code"], problem["payment_id"]) == (409, "outcome_open", first["id"])
    assert len(till.simulator.log()["orders"]) == 1


def test_a_refused_push_frees_the_quote_for_another(till: Till) -> None:
    quote = till.quoted()
    till.simulator.add_fault("not_successful")
    assert pay(till, quote)[1]["status"] == "failed"
    till.simulator.clear()
    status, second = pay(till, quote, key="another")
    assert (status, second["status"]) == (202, "pending")
    payment = till.payment(second["id"])
    till.paid(payment)
    till.look(payment)
    till.credited(payment)
    assert till.call("GET", f"{QUOTES}{quote['id']}/")[1]["payment_id"] == payment.id


def test_a_push_that_was_never_sent_may_come_again_under_the_same_key(till: Till) -> None:
    quote = till.quoted()
    till.simulator.add_fault("refuse_connection")
    assert pay(till, quote)[0] == 503
    till.simulator.clear()
    status, second = pay(till, quote)
    assert (status, second["status"]) == (202, "pending")
    assert len(till.simulator.log()["orders"]) == 1


@pytest.fixture
def twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets a wallet have two ways, which here are the same provider."""
    real = ways.to

    def to(wallet: Operator, amount_tzs: int) -> Iterator[Way]:
        for way in real(wallet, amount_tzs):
            yield from (way, way)

    monkeypatch.setattr(ways, "to", to)


@pytest.mark.usefixtures("twice")
def test_the_quote_passes_on_to_the_next_provider_when_nothing_was_sent_to_the_first(till: Till) -> None:
    quote = till.quoted()
    till.simulator.add_fault("http_429")
    status, body = pay(till, quote)
    assert (status, body["status"]) == (202, "pending")
    assert till.call("GET", f"{QUOTES}{quote['id']}/")[1]["payment_id"] == body["id"]
    statuses = [item["status"] for item in till.call("GET", "/api/billing/payments/")[1]["items"]]
    assert sorted(statuses) == ["failed", "pending"]
    assert len(till.simulator.log()["orders"]) == 1


@pytest.mark.usefixtures("twice")
def test_a_provider_that_declines_beforehand_and_is_willing_later_pushes_nothing_again(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False])
    monkeypatch.setattr(ways, "willing", lambda *_, **__: next(answers, True))
    first = till.bought("129")
    assert till.bought("129").id == first.id
    assert len(till.simulator.log()["orders"]) == 1


def test_two_payments_for_one_quote_at_once_ask_one_handset(till: Till) -> None:
    quote = till.quoted()
    till.wire.take_turns()

    def start(number: int) -> str:
        key, wallet = f"key-{number}", WALLETS[Operator.VODACOM]
        try:
            order = orders.of_quote(OWNER, key, quote["id"], wallet=wallet, phone=Msisdn("+255754123129"))
            purchase.start(OWNER, key, order)
        except AppError as refusal:
            return refusal.code
        return "started"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(start, range(8)))
    assert outcomes.count("started") == 1
    assert set(outcomes) <= {"started", "quote_used", "outcome_open"}
    assert len(till.simulator.log()["orders"]) == 1


@pytest.mark.parametrize("after", [False, True])
def test_a_door_that_dies_while_it_takes_a_quote_pushes_once(till: Till, *, after: bool) -> None:
    for number in range(20):
        quote = till.quoted(key=f"quote-{number}")
        till.wire.cut(number, after=after)
        crashed = False
        try:
            pay(till, quote, key=f"{number}")
        except Crash:
            crashed = True
        till.wire.mend()
        status, body = pay(till, quote, key=f"{number}")
        assert status == 202
        payment = till.payment(body["id"])
        pushed = [order for order in till.simulator.log()["orders"] if order["order_id"] == payment.order_id]
        assert len(pushed) <= 1
        assert till.call("GET", f"{QUOTES}{quote['id']}/")[1]["payment_id"] == payment.id
        if not crashed:
            assert number >= 5
            return
    pytest.fail("the door makes more calls than anybody thought")
