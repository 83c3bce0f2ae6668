"""The choice of provider: an order for each wallet, another one only where the first cannot have heard of it, a circuit
for each, and what each takes now.
"""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.billing import accounts, circuits, refresh, terms
from functions.billing.doors import admin_providers
from functions.billing.ways import WaySettings
from mifumo import aws, buckets, settings, tables
from mifumo.circuits import State
from mifumo.phone import Operator
from mifumo.providers.payments import Availability
from sandbox.testing import RunningPawaPay, running_pawapay
from tests.billing.conftest import Till, behind, opened
from tests.builders import CONTEXT, token
from tests.wire import Wire

PROVIDERS = "/api/billing/payments/providers/"
ADMIN = "/api/admin/billing/providers/"


@pytest.fixture
def pawa(aws_tables: Wire, travel: Any, door: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Till]:
    with opened("pawapay", aws_tables, travel, door, monkeypatch) as till:
        yield till


@pytest.fixture
def click(aws_tables: Wire, travel: Any, door: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Till]:
    with opened("clickpesa", aws_tables, travel, door, monkeypatch) as till:
        yield till


@pytest.fixture
def second(till: Till, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningPawaPay]:
    """Puts pawaPay behind ZenoPay, whose till is open."""
    with running_pawapay() as simulator:
        monkeypatch.setenv("PAWAPAY_URL", simulator.url)
        behind(monkeypatch, "zenopay,pawapay")
        yield simulator


def pushed(simulator: RunningPawaPay) -> list[str]:
    return [deposit["depositId"] for deposit in simulator.log()["deposits"]]


@pytest.mark.parametrize("fault", ["refuse_connection", "http_429"])
def test_where_the_first_was_not_reached_the_second_is_asked_and_settles_the_payment(
    till: Till, second: RunningPawaPay, fault: str
) -> None:
    till.simulator.add_fault(fault)
    payment = till.bought("229")
    assert (payment.gateway, payment.status, till.pushes()) == ("pawapay", "pending", [])
    assert pushed(second) == [payment.order_id]
    till.simulator.clear()
    till.paid_at(second, payment)
    till.look(payment)
    till.credited(payment)
    _, listed = till.call("GET", "/api/billing/payments/")
    assert [one["status"] for one in listed["items"]] == ["completed", "failed"]
    assert till.bought("229").id == payment.id  # the same key finds what it came to


@pytest.mark.parametrize("fault", ["timeout_after_accept", "timeout_before_accept", "http_500", "reset_after_accept"])
def test_where_the_first_may_have_heard_of_it_nobody_else_is_asked(
    till: Till, second: RunningPawaPay, fault: str
) -> None:
    till.simulator.add_fault(fault)
    payment = till.bought("129")
    assert (payment.gateway, payment.initiated) == ("zenopay", "unknown")
    assert till.bought("129").id == payment.id
    assert pushed(second) == []


def test_a_refusal_of_the_first_is_an_answer_and_nobody_else_is_asked(till: Till, second: RunningPawaPay) -> None:
    till.simulator.add_fault("not_successful")
    _, body = till.buy()
    assert (body["status"], body["failure_code"], pushed(second)) == ("failed", "provider_rejected", [])


def test_a_provider_without_its_secret_is_passed_over(till: Till, second: RunningPawaPay) -> None:
    _empty(till, "ZENOPAY_SECRET", {"api_key": "", "token_key": "k"})
    payment = till.bought("129")
    assert (payment.gateway, pushed(second), till.pushes()) == ("pawapay", [payment.order_id], [])


def test_a_payment_is_asked_of_the_provider_that_it_was_pushed_through_whatever_the_setting_says_now(
    till: Till, second: RunningPawaPay, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = till.bought("229")
    till.paid(payment)
    behind(monkeypatch, "pawapay")
    till.look(payment)
    till.credited(payment)
    assert pushed(second) == []


def test_when_none_can_be_reached_nobody_was_asked_for_money(till: Till, second: RunningPawaPay) -> None:
    till.simulator.add_fault("refuse_connection")
    second.add_fault("http_429")
    status, problem = till.buy("229")
    assert (status, problem["code"], problem["retryable"]) == (503, "provider_unavailable", True)
    _, listed = till.call("GET", "/api/billing/payments/")
    assert [one["failure_code"] for one in listed["items"]] == ["provider_unavailable"] * 2
    till.simulator.clear()
    assert till.bought("229").gateway == "zenopay"


def test_a_wallet_has_its_own_order(till: Till, second: RunningPawaPay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYMENT_PROVIDERS", "vodacom=zenopay;tigo=pawapay")
    settings.forget()
    assert till.bought("129", key="a").gateway == "zenopay"
    assert till.bought(key="b", provider="tigo", phone="0713456129").gateway == "pawapay"
    _, body = till.call("GET", PROVIDERS)
    assert {one["code"] for one in body["items"] if one["available"]} == {"vodacom", "tigo"}
    assert till.buy(key="c", provider="halotel", phone="0623456129")[0] == 503
    assert pushed(second) != []


@pytest.mark.parametrize("text", ["vodacom=paypal", "mpesa=zenopay", "vodacom"])
@pytest.mark.usefixtures("till")
def test_a_setting_that_names_what_is_not_there_stops_the_function(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PAYMENT_PROVIDERS", text)
    settings.forget()
    with pytest.raises(ValueError, match="PAYMENT_PROVIDERS"):
        WaySettings.load()


# The circuit.


def test_silence_in_a_row_opens_the_circuit_and_pushes_are_refused_without_a_call(till: Till) -> None:
    for number in range(5):
        till.simulator.add_fault("http_429")
        assert till.buy("129", key=str(number))[0] == 503
    assert circuits.read("zenopay").state is State.OPEN
    till.wire.clear()
    status, problem = till.buy("129", key="refused")
    assert (status, problem["code"], till.pushes()) == (503, "provider_unavailable", [])
    assert "payment_id" not in problem
    assert till.wire.calls == ["BatchGetItem", "GetItem", "BatchGetItem"]
    _, body = till.call("GET", PROVIDERS)
    assert {one["available"] for one in body["items"]} == {False}


def test_an_answer_in_between_forgets_the_failures(till: Till) -> None:
    for number in range(4):
        till.simulator.add_fault("http_429")
        till.buy("129", key=str(number))
    assert till.bought("129", key="answered").status == "pending"
    assert circuits.read("zenopay").failures == 0
    till.wire.clear()
    till.bought("129", key="healthy")
    assert till.wire.count("UpdateItem") == 0


def test_of_many_at_a_half_open_circuit_one_tries_and_its_answer_lets_all_through(till: Till) -> None:
    _open(till)
    till.travel.forward(7)
    circuit = circuits.read("zenopay")
    assert circuit.state is State.HALF_OPEN
    till.wire.take_turns()
    with ThreadPoolExecutor(16) as pool:
        entered = list(pool.map(circuits.enter, [circuit] * 16))
    assert entered.count(True) == 1
    assert circuits.read("zenopay").state is State.OPEN  # to the others, until the one is back
    till.travel.forward(7)
    assert till.bought("129", key="probe").status == "pending"
    assert circuits.read("zenopay").state is State.CLOSED


def test_a_try_that_fails_leaves_the_circuit_open(till: Till) -> None:
    _open(till)
    till.travel.forward(7)
    till.simulator.add_fault("http_429")
    assert till.buy("129", key="probe")[0] == 503
    assert circuits.read("zenopay").state is State.OPEN


def test_an_open_circuit_lets_the_next_provider_take_over(till: Till, second: RunningPawaPay) -> None:
    _open(till)
    payment = till.bought("129", key="over")
    assert (payment.gateway, pushed(second)[-1]) == ("pawapay", payment.order_id)
    assert payment.order_id not in till.pushes()


def test_questions_go_out_past_an_open_circuit_less_often_and_close_it(till: Till) -> None:
    payment = till.bought("229")
    till.paid(payment)
    _open(till)
    opened_until = circuits.read("zenopay").open_until
    till.simulator.add_fault("status_500")
    till.look(payment)
    assert till.payment(payment.id).next_check_at == opened_until
    till.look(payment)
    till.credited(payment)
    assert circuits.read("zenopay").state is State.CLOSED


def test_silence_about_payments_opens_the_circuit_of_their_provider_alone(till: Till) -> None:
    payment = till.bought("129")
    for _ in range(5):
        till.simulator.add_fault("status_500")
        till.look(payment)
    assert circuits.read("zenopay").state is State.OPEN
    assert circuits.read("pawapay").state is State.CLOSED


def test_a_provider_is_sent_so_many_pushes_a_minute(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSHES_PER_PROVIDER", "3")
    settings.forget()
    buckets.forget()
    statuses = [till.buy("129", key=str(number))[0] for number in range(5)]
    assert statuses == [202, 202, 202, 503, 503]
    assert len(till.pushes()) == 3
    till.travel.forward(61)
    assert till.buy("129", key="later")[0] == 202


# What pawaPay takes now.


def test_a_number_of_another_wallet_is_refused_at_the_phone_before_anything_is_written(pawa: Till) -> None:
    pawa.wire.clear()
    status, problem = pawa.buy(provider="airtel")
    assert (status, problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == (422, "/phone", "wallet_mismatch")
    assert (pawa.wire.count("TransactWriteItems"), pawa.pushes()) == (0, [])
    assert pawa.bought("129", provider="vodacom").status == "pending"


def test_a_wallet_that_is_down_is_refused_without_a_call_and_asked_for_again_after_a_minute(pawa: Till) -> None:
    pawa.simulator.set_provider("VODACOM_TZA", "CLOSED")
    status, problem = pawa.buy("129")  # nobody knows yet: pawaPay says so itself
    assert (status, problem["code"]) == (503, "provider_unavailable")
    assert circuits.read("pawapay").failures == 0  # one wallet is not the provider
    _, body = pawa.call("GET", PROVIDERS)
    assert {one["code"]: one["available"] for one in body["items"]} == {
        "vodacom": False,
        "tigo": True,
        "airtel": True,
        "halotel": True,
    }
    pawa.simulator.set_provider("VODACOM_TZA", "OPERATIONAL")
    assert pawa.buy("129", key="soon")[0] == 503
    pawa.travel.forward(61)
    assert pawa.buy("129", key="later")[0] == 202


def test_an_amount_that_pawapay_does_not_take_is_passed_to_the_next(pawa: Till) -> None:
    known = terms.of(tables.get("ledger", terms.key("pawapay")))
    assert known
    assert known.takes(Operator.VODACOM, 500)
    assert not known.takes(Operator.VODACOM, 499)
    assert not known.takes(Operator.HALOTEL, 500_001)
    assert not known.takes(Operator.TTCL, 1_000)


def test_where_nobody_has_asked_for_the_terms_the_first_payment_does(pawa: Till) -> None:
    aws.dynamodb().delete_item(TableName="ledger", Key=aws.marshal(terms.key("pawapay")._asdict()))
    assert pawa.bought("129").status == "pending"
    known = terms.of(tables.get("ledger", terms.key("pawapay")))
    assert known
    assert (known.signed_callbacks, len(known.wallets)) == (True, 4)
    assert known.wallets[Operator.VODACOM].availability is Availability.OPERATIONAL


def test_terms_that_were_read_earlier_do_not_take_the_place_of_later_ones(pawa: Till) -> None:
    early = terms.of(tables.get("ledger", terms.key("pawapay")))
    assert early
    pawa.travel.forward(5)
    terms.close("pawapay", early, Operator.TIGO)
    terms._keep("pawapay", early)
    late = terms.of(tables.get("ledger", terms.key("pawapay")))
    assert late
    assert late.closed(Operator.TIGO)


# What ClickPesa takes now.


def test_a_wallet_that_the_preview_calls_unavailable_is_refused_before_anything_is_written(click: Till) -> None:
    click.simulator.simulator.wire.closed = frozenset({"M-PESA"})
    click.wire.clear()
    assert click.buy("129")[0] == 503
    assert (click.wire.count("TransactWriteItems"), click.pushes()) == (0, [])
    click.simulator.simulator.wire.closed = frozenset()
    assert click.bought("129").status == "pending"


def test_a_provider_that_is_not_willing_leaves_no_gap_through_which_a_second_push_could_slip(
    click: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_pawapay() as next_one:
        monkeypatch.setenv("PAWAPAY_URL", next_one.url)
        behind(monkeypatch, "clickpesa,pawapay")
        click.simulator.simulator.wire.closed = frozenset({"M-PESA"})
        payment = click.bought("129")
        assert payment.gateway == "pawapay"
        click.simulator.simulator.wire.closed = frozenset()
        assert click.bought("129").id == payment.id
        assert (click.pushes(), pushed(next_one)) == ([], [payment.order_id])


def test_a_token_that_was_voided_is_replaced_and_nothing_is_lost(click: Till) -> None:
    first = click.bought("229", key="a")
    click.simulator.expire_tokens()
    second = click.bought("229", key="b")
    assert (first.initiated, second.initiated) == ("accepted", "accepted")
    click.simulator.expire_tokens()
    click.paid(second)
    click.look(second)
    click.credited(second)


def test_without_a_token_nothing_was_sent(click: Till) -> None:
    click.simulator.expire_tokens()
    click.simulator.add_fault("token_500", times=4)
    status, problem = click.buy("129")
    assert (status, problem["code"], click.pushes()) == (503, "provider_unavailable", [])


@pytest.mark.parametrize("digits", ["919", "939", "949"])
def test_clickpesas_own_shapes_of_a_paid_order_are_credited_once(click: Till, digits: str) -> None:
    payment = click.bought(digits)
    click.paid(payment)
    click.look(payment)
    click.credited(payment)


@pytest.mark.parametrize(
    ("fees", "collected", "status"),
    [
        ("nobody:0", 149_999, "review"),
        ("merchant:30", 145_500, "completed"),
        ("merchant:30", 145_499, "review"),
        ("merchant:30", 150_001, "review"),
        ("payer:30", 154_500, "completed"),
        ("payer:30", 154_501, "review"),
    ],
)
def test_what_was_collected_settles_within_the_fee_of_who_bears_it_and_credits_what_was_agreed(
    click: Till, monkeypatch: pytest.MonkeyPatch, fees: str, collected: int, status: str
) -> None:
    monkeypatch.setenv("CLICKPESA_FEES", fees)
    settings.forget()
    payment = click.bought("129")
    click.simulator.flip(payment.order_id.replace("-", ""), "SUCCESS", amount=collected)
    click.look(payment)
    assert click.payment(payment.id).status == status
    click.credited(payment, times=int(status == "completed"))


def test_fees_are_clickpesas_alone(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICKPESA_FEES", "merchant:30")
    settings.forget()
    payment = till.bought("129")
    till.simulator.flip(payment.order_id, "COMPLETED", amount=149_000)
    till.look(payment)
    assert till.payment(payment.id).status == "review"


def _open(till: Till) -> None:
    for number in range(5):
        till.simulator.add_fault("http_429")
        till.buy("129", key=f"open-{number}")
    assert circuits.read("zenopay").state is State.OPEN


def _empty(till: Till, name: str, secret: dict[str, str]) -> None:
    aws.secrets_manager().put_secret_value(SecretId=os.environ[name], SecretString=json.dumps(secret))
    till.travel.forward(301)


# The daily reading, and what staff see of all this.


def test_once_a_day_the_terms_are_read_and_a_silent_provider_keeps_yesterdays(pawa: Till) -> None:
    pawa.simulator.set_provider("TIGO_TZA", "CLOSED")
    pawa.travel.forward(86_400)
    refresh.handler({}, CONTEXT)
    known = terms.of(tables.get("ledger", terms.key("pawapay")))
    assert known
    assert known.closed(Operator.TIGO)
    pawa.travel.forward(86_400)
    pawa.simulator.add_fault("refuse_connection")
    refresh.handler({}, CONTEXT)
    assert terms.of(tables.get("ledger", terms.key("pawapay"))) == known


def test_the_daily_reading_passes_over_a_provider_without_its_secret(pawa: Till) -> None:
    _empty(pawa, "PAWAPAY_SECRET", {"token": ""})
    before = tables.get("ledger", terms.key("pawapay"))
    refresh.handler({}, CONTEXT)
    assert tables.get("ledger", terms.key("pawapay")) == before


def test_staff_see_why_a_provider_takes_nothing(till: Till) -> None:
    _open(till)
    _empty(till, "PAWAPAY_SECRET", {"token": ""})
    till.travel.forward(-301)
    till.wire.clear()
    status, body = till.call("GET", ADMIN, token=token(role="support"))
    assert status == 200
    assert till.wire.count("BatchGetItem") == 1
    zenopay, pawapay, clickpesa = body["items"]
    assert (zenopay["name"], zenopay["configured"], zenopay["available"]) == ("zenopay", True, False)
    assert (zenopay["circuit"]["state"], zenopay["circuit"]["failures"]) == ("open", 5)
    assert zenopay["circuit"]["reason"].startswith("HTTP 429")
    assert (pawapay["configured"], pawapay["missing"], pawapay["wallets"]) == (False, ["token"], [])
    assert (clickpesa["configured"], clickpesa["available"], clickpesa["terms"]) == (True, False, None)
    assert body["routes"]["vodacom"] == ["zenopay"]


def test_staff_see_what_pawapay_takes(pawa: Till) -> None:
    _, body = pawa.call("GET", ADMIN, token=token(role="staff"))
    (pawapay,) = [one for one in body["items"] if one["name"] == "pawapay"]
    assert (pawapay["available"], pawapay["terms"]["signed_callbacks"]) == (True, True)
    assert {"wallet": "halotel", "availability": "operational", "min_amount": 500, "max_amount": 500_000} in (
        pawapay["terms"]["wallets"]
    )


@pytest.mark.parametrize("role", ["owner", "admin", "agent"])
def test_no_tenant_sees_the_providers_themselves(till: Till, role: str) -> None:
    status, problem = till.call("GET", ADMIN, token=token(role=role))
    assert (status, problem["code"]) == (403, "forbidden")
    assert till.call("GET", ADMIN, token=None)[0] == 401
    _, body = till.call("GET", PROVIDERS)
    shown = {"code", "name", "description", "popular", "min_amount", "max_amount", "available"}
    assert set(body["items"][0]) == shown


def test_the_providers_on_the_wire_are_those_that_there_are() -> None:
    names = admin_providers.PaymentProviderView.model_fields["name"].annotation
    assert set(names.__args__) == set(accounts.PROVIDERS)  # type: ignore[union-attr]
