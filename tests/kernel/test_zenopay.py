"""ZenoPay's adapter against the simulator over HTTP, and its parsers on what a thin contract lets through."""

import contextlib
import io
import json
import socket
import time
from collections.abc import Iterator

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from mifumo.observability import logger
from mifumo.phone import Msisdn
from mifumo.providers import answers, zenopay
from mifumo.providers.payments import Initiation, MalformedCallback, Push, Standing, Statement
from mifumo.providers.zenopay import ZenoPay
from sandbox.doorstep import open_doorstep
from sandbox.testing import ZENOPAY_API_KEY, RunningZenoPay, running_zenopay

ORDER = "0192f0c1-2222-4333-8444-555566667777"
URL = "http://127.0.0.1:9/api/payments"


@pytest.fixture
def simulator() -> Iterator[RunningZenoPay]:
    with running_zenopay() as running:
        yield running


@pytest.fixture
def client(simulator: RunningZenoPay) -> ZenoPay:
    return ZenoPay(url=simulator.url, api_key=ZENOPAY_API_KEY, timeout_s=0.4)


def push(last_digits: str = "456", callback_url: str = "http://127.0.0.1:9/callback/") -> Push:
    return Push(ORDER, 150_000, Msisdn(f"+255754123{last_digits}"), "Duka", "billing@api.example", callback_url)


def until(client: ZenoPay, standing: Standing) -> None:
    for _ in range(200):
        if client.fetch_status(ORDER).standing is standing:
            return
        time.sleep(0.02)
    pytest.fail(f"the order never was {standing}")


def test_an_accepted_push_is_pending_and_then_paid_in_full(client: ZenoPay, simulator: RunningZenoPay) -> None:
    simulator.simulator.pay_delay_s = 0.2
    assert client.initiate(push()).initiation is Initiation.ACCEPTED
    pending = client.fetch_status(ORDER)
    assert (pending.standing, pending.amount_tzs, pending.receipt) == (Standing.PENDING, 150_000, None)
    until(client, Standing.COMPLETED)
    paid = client.fetch_status(ORDER)
    assert (paid.amount_tzs, paid.currency, paid.channel) == (150_000, "TZS", "MPESA-TZ")
    assert paid.receipt == simulator.log()["orders"][0]["transid"]


def test_the_push_carries_the_local_number_a_whole_amount_and_our_callback(simulator: RunningZenoPay) -> None:
    with open_doorstep() as door:
        client = ZenoPay(url=simulator.url, api_key=ZENOPAY_API_KEY, timeout_s=0.4)
        client.initiate(push(callback_url=door.url))
        (called,) = door.wait_for(1)
    order = simulator.log()["orders"][0]
    assert (order["buyer_phone"], order["amount"], order["order_id"]) == ("0754123456", 150_000, ORDER)
    assert zenopay.parse_callback(json.dumps(called).encode()).order_id == ORDER


@pytest.mark.parametrize(
    ("digits", "standing"),
    [
        ("039", Standing.FAILED),
        ("049", Standing.FAILED),
        ("229", Standing.COMPLETED),
        ("329", Standing.COMPLETED),
        ("529", Standing.COMPLETED),
    ],
)
def test_each_ending_of_the_simulator_is_read_as_it_is(client: ZenoPay, digits: str, standing: Standing) -> None:
    client.initiate(push(digits))
    until(client, standing)
    if digits == "529":
        assert client.fetch_status(ORDER).amount_tzs != 150_000


@pytest.mark.parametrize(
    ("word", "standing"),
    [
        ("INPROGRESS", Standing.PENDING),
        ("CANCELLED", Standing.CANCELLED),
        ("USERCANCELLED", Standing.CANCELLED),
        ("REJECTED", Standing.FAILED),
    ],
)
def test_the_gateways_other_words_are_known(
    client: ZenoPay, simulator: RunningZenoPay, word: str, standing: Standing
) -> None:
    client.initiate(push("129"))
    simulator.flip(ORDER, word)
    assert client.fetch_status(ORDER).standing is standing


@pytest.mark.parametrize(
    ("fault", "initiation", "exists"),
    [
        ("refuse_connection", Initiation.NOT_SENT, False),
        ("http_429", Initiation.NOT_SENT, False),
        ("not_successful", Initiation.REJECTED, False),
        ("http_500", Initiation.UNKNOWN, False),
        ("timeout_before_accept", Initiation.UNKNOWN, False),
        ("timeout_after_accept", Initiation.UNKNOWN, True),
        ("reset_after_accept", Initiation.UNKNOWN, True),
        ("garbage_200", Initiation.UNKNOWN, True),
    ],
)
def test_only_what_cannot_have_reached_a_handset_is_called_so(
    client: ZenoPay, simulator: RunningZenoPay, fault: str, initiation: Initiation, *, exists: bool
) -> None:
    simulator.add_fault(fault)
    assert client.initiate(push()).initiation is initiation
    assert len(simulator.log()["orders"]) == exists  # one push or none: never a second


@pytest.mark.parametrize("fault", ["status_500", "status_timeout"])
def test_a_status_that_does_not_come_concludes_nothing(client: ZenoPay, simulator: RunningZenoPay, fault: str) -> None:
    client.initiate(push("129"))
    simulator.add_fault(fault)
    assert client.fetch_status(ORDER).standing is Standing.UNAVAILABLE


def test_nobody_listening_is_unavailable_and_sends_nothing() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = ZenoPay(url=f"http://127.0.0.1:{port}", api_key="k", timeout_s=0.4)
    assert client.fetch_status(ORDER).standing is Standing.UNAVAILABLE
    assert client.initiate(push()).initiation is Initiation.NOT_SENT


def test_an_order_that_the_provider_does_not_know_is_not_found(client: ZenoPay) -> None:
    assert client.fetch_status(ORDER).standing is Standing.NOT_FOUND


def test_a_refused_key_takes_no_push_and_concludes_nothing(simulator: RunningZenoPay) -> None:
    client = ZenoPay(url=simulator.url, api_key="wrong", timeout_s=0.4)
    assert client.initiate(push()).initiation is Initiation.NOT_SENT
    assert client.fetch_status(ORDER).standing is Standing.UNAVAILABLE


@responses.activate
@pytest.mark.parametrize(
    ("status", "body", "initiation"),
    [
        (200, '{"status": "SUCCESS"}', Initiation.ACCEPTED),
        (200, '{"resultcode": "000", "result": "Success"}', Initiation.ACCEPTED),
        (200, '{"status": "queued"}', Initiation.UNKNOWN),
        (200, "[]", Initiation.UNKNOWN),
        (200, "", Initiation.UNKNOWN),
        (200, "[" * 100_000, Initiation.UNKNOWN),
        (200, '{"status": "fail"}', Initiation.REJECTED),
        (302, "", Initiation.UNKNOWN),
        (400, '{"status": "FAILED", "resultcode": "400"}', Initiation.REJECTED),
        (401, "", Initiation.NOT_SENT),
        (403, "", Initiation.NOT_SENT),
        (408, "", Initiation.UNKNOWN),
        (409, "", Initiation.UNKNOWN),
        (504, "", Initiation.UNKNOWN),
    ],
)
def test_an_answer_to_a_push_is_yes_no_or_unknown(status: int, body: str, initiation: Initiation) -> None:
    responses.post(f"{URL}/mobile_money_tanzania", body=body, status=status, headers={"location": "http://x/"})
    assert ZenoPay(url=URL, api_key="k", timeout_s=1).initiate(push()).initiation is initiation
    assert len(responses.calls) == 1


def status_of(body: object, status: int = 200) -> Statement:
    text = body if isinstance(body, str) else json.dumps(body)
    with responses.RequestsMock() as mock:
        mock.get(f"{URL}/order-status", body=text, status=status)
        return ZenoPay(url=URL, api_key="k", timeout_s=1).fetch_status(ORDER)


@pytest.mark.parametrize(
    ("body", "standing"),
    [
        ({"data": [{"order_id": ORDER, "payment_status": "completed", "amount": "1"}]}, Standing.COMPLETED),
        ({"result": "SUCCESS", "data": [{"order_id": ORDER, "payment_status": "SETTLING"}]}, Standing.PENDING),
        ({"result": "SUCCESS", "data": [{"order_id": ORDER}]}, Standing.PENDING),
        ({"result": "FAIL", "data": [{"order_id": ORDER, "payment_status": "COMPLETED"}]}, Standing.COMPLETED),
        ({"data": [{"order_id": "another", "payment_status": "COMPLETED"}]}, Standing.UNAVAILABLE),
        ({"result": "SUCCESS", "data": []}, Standing.NOT_FOUND),
        ({"result": "SUCCESS"}, Standing.UNAVAILABLE),
        ("<html>", Standing.UNAVAILABLE),
    ],
)
def test_only_the_orders_own_status_says_whether_money_moved(body: object, standing: Standing) -> None:
    assert status_of(body).standing is standing


def test_an_unknown_order_may_also_answer_404() -> None:
    assert status_of({"data": []}, 404).standing is Standing.NOT_FOUND
    assert status_of("no route", 404).standing is Standing.UNAVAILABLE


def test_a_currency_is_ours_only_where_the_contract_leaves_it_out() -> None:
    order = {"order_id": ORDER, "payment_status": "COMPLETED", "amount": "1"}
    assert status_of({"data": [order]}).currency == "TZS"
    assert status_of({"data": [{**order, "currency": "USD"}]}).currency == "USD"
    assert status_of({"data": [{**order, "currency": "tzs"}]}).currency == "tzs"


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ('"150000"', 150_000),
        ('"150000.00"', 150_000),
        ("150000", 150_000),
        ("150000.0", 150_000),
        ('"150000.50"', None),
        ('"1e3"', None),
        ("1e3", None),
        ('" 1000"', None),
        ('"-1000"', None),
        ("-1000", None),
        ('"NaN"', None),
        ("NaN", None),
        ("true", None),
        ("null", None),
        ('"١٠٠٠"', None),
        ('"9223372036854775808"', None),
        ('"1,000"', None),
    ],
)
def test_an_amount_is_read_exactly_or_not_at_all(written: str, amount: int | None) -> None:
    body = f'{{"data": [{{"order_id": "{ORDER}", "payment_status": "COMPLETED", "amount": {written}}}]}}'
    assert status_of(body).amount_tzs == amount


@given(st.integers(0, 10**12 - 1), st.sampled_from(["", ".0", ".00"]))
def test_every_whole_amount_survives_being_written(amount: int, decimals: str) -> None:
    assert answers.whole_tzs(f"{amount}{decimals}") == amount


@given(st.binary(max_size=200))
def test_any_body_is_a_claim_or_malformed(body: bytes) -> None:
    with contextlib.suppress(MalformedCallback):
        assert zenopay.parse_callback(body).order_id


def test_a_callbacks_token_fits_one_order_and_one_key() -> None:
    token = zenopay.callback_token("key", ORDER)
    assert token == zenopay.callback_token("key", ORDER)
    assert len({token, zenopay.callback_token("key", "other"), zenopay.callback_token("other", ORDER)}) == 3
    assert not set("+/= ") & set(token)


def test_the_log_of_a_push_holds_neither_key_nor_number(
    client: ZenoPay, simulator: RunningZenoPay, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    simulator.add_fault("not_successful")
    client.initiate(push())
    client.initiate(push())
    assert ORDER in log.getvalue()
    assert ZENOPAY_API_KEY not in log.getvalue()
    assert "754123456" not in log.getvalue()
