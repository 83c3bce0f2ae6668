"""pawaPay's adapter against the simulator over HTTP, and its readers on all that contract and papers let through."""

import contextlib
import io
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from mifumo.observability import logger
from mifumo.phone import Msisdn, Operator
from mifumo.providers import pawapay, pawapay_records, pawapay_terms
from mifumo.providers.pawapay import PawaPay
from mifumo.providers.payments import (
    Availability,
    CallbackProof,
    Initiation,
    MalformedCallback,
    PaymentProvider,
    ProviderUnavailableError,
    Push,
    Refund,
    RefundingProvider,
    Standing,
    Statement,
    WalletTerms,
)
from mifumo.providers.zenopay import ZenoPay
from sandbox.doorstep import open_doorstep
from sandbox.testing import PAWAPAY_TOKEN, RunningPawaPay, running_pawapay

ORDER = "8917c345-4791-4285-a416-62f24b6982db"
REFUND = Refund("f4401bd2-1568-4140-bf2d-eb77d2b2b639", ORDER, 150_000)
URL = "http://127.0.0.1:9"


@pytest.fixture
def simulator() -> Iterator[RunningPawaPay]:
    with running_pawapay() as running:
        yield running


@pytest.fixture
def client(simulator: RunningPawaPay) -> PawaPay:
    return PawaPay(url=simulator.url, token=PAWAPAY_TOKEN, timeout_s=1)


def mocked(**more: Any) -> PawaPay:
    return PawaPay(url=URL, token="t", timeout_s=1, **more)


def push(
    last_digits: str = "789", *, amount: int = 150_000, wallet: Operator | None = None, order_id: str = ORDER
) -> Push:
    return Push(order_id, amount, Msisdn(f"+255763456{last_digits}"), "Duka", "billing@api.example", "", wallet)


def until(client: PawaPay, standing: Standing) -> Statement:
    for _ in range(200):
        statement = client.fetch_status(ORDER)
        if statement.standing is standing:
            return statement
        time.sleep(0.02)
    pytest.fail(f"the deposit never was {standing}")


# --- deposits, over the wire ------------------------------------------------------------------------------------


def test_an_accepted_push_is_pending_and_then_paid_in_full(client: PawaPay, simulator: RunningPawaPay) -> None:
    simulator.simulator.pay_delay_s = 0.6
    assert client.initiate(push()).initiation is Initiation.ACCEPTED
    pending = client.fetch_status(ORDER)
    assert (pending.standing, pending.amount_tzs, pending.receipt) == (Standing.PENDING, 150_000, None)
    paid = until(client, Standing.COMPLETED)
    assert (paid.amount_tzs, paid.currency, paid.channel) == (150_000, "TZS", "VODACOM_TZA")
    assert (paid.payer, paid.code) == ("255763456789", None)
    assert paid.receipt == simulator.log()["deposits"][0]["providerTransactionId"]


@responses.activate
def test_the_push_has_exactly_the_members_of_the_contract() -> None:
    responses.post(f"{URL}/v2/deposits", json={"depositId": ORDER, "status": "ACCEPTED"})
    mocked(customer_message="Mifumo SMS").initiate(push())
    sent = responses.calls[0].request
    assert json.loads(sent.body or b"") == {
        "depositId": ORDER,
        "amount": "150000",
        "currency": "TZS",
        "payer": {"type": "MMO", "accountDetails": {"phoneNumber": "255763456789", "provider": "VODACOM_TZA"}},
        "customerMessage": "Mifumo SMS",
    }
    assert sent.headers["Authorization"] == "Bearer t"


@pytest.mark.parametrize("message", ["", "abc", "x" * 23, "no-dashes", "naïve"])
def test_a_message_that_pawapay_would_refuse_is_refused_at_the_start(message: str) -> None:
    with pytest.raises(ValueError, match="4 to 22"):
        mocked(customer_message=message)


@pytest.mark.parametrize(
    ("digits", "standing", "code"),
    [
        ("019", Standing.FAILED, "PAYER_LIMIT_REACHED"),
        ("029", Standing.FAILED, "PAYER_NOT_FOUND"),
        ("039", Standing.FAILED, "PAYMENT_NOT_APPROVED"),
        ("049", Standing.FAILED, "INSUFFICIENT_BALANCE"),
        ("069", Standing.FAILED, "UNSPECIFIED_FAILURE"),
        ("229", Standing.COMPLETED, None),
        ("329", Standing.COMPLETED, None),
    ],
)
def test_each_ending_of_the_sandbox_is_read_as_it_is(
    client: PawaPay, digits: str, standing: Standing, code: str | None
) -> None:
    client.initiate(push(digits))
    assert until(client, standing).code == code


def test_another_amount_or_currency_than_was_asked_for_is_told_as_it_is(client: PawaPay) -> None:
    client.initiate(push("529"))
    assert until(client, Standing.COMPLETED).amount_tzs == 149_500


def test_another_currency_is_told_as_it_is(client: PawaPay) -> None:
    client.initiate(push("629"))
    assert until(client, Standing.COMPLETED).currency == "USD"


def test_a_failure_that_turns_into_a_payment_is_seen(client: PawaPay, simulator: RunningPawaPay) -> None:
    client.initiate(push("039"))
    assert until(client, Standing.FAILED).receipt is None
    simulator.flip(ORDER, "COMPLETED")
    paid = client.fetch_status(ORDER)
    assert (paid.standing, paid.amount_tzs, paid.code) == (Standing.COMPLETED, 150_000, None)


@pytest.mark.parametrize("word", ["ACCEPTED", "PROCESSING", "IN_RECONCILIATION"])
def test_what_is_not_final_is_pending(client: PawaPay, simulator: RunningPawaPay, word: str) -> None:
    client.initiate(push("129"))
    simulator.flip(ORDER, word)
    assert client.fetch_status(ORDER).standing is Standing.PENDING


@pytest.mark.parametrize(
    ("fault", "initiation", "exists"),
    [
        ("refuse_connection", Initiation.NOT_SENT, False),
        ("http_429", Initiation.NOT_SENT, False),
        ("not_successful", Initiation.NOT_SENT, False),
        ("http_500", Initiation.UNKNOWN, False),
        ("timeout_before_accept", Initiation.UNKNOWN, False),
        ("timeout_after_accept", Initiation.UNKNOWN, True),
        ("reset_after_accept", Initiation.UNKNOWN, True),
        ("garbage_200", Initiation.UNKNOWN, True),
    ],
)
def test_only_what_cannot_have_reached_a_handset_is_called_so(
    client: PawaPay, simulator: RunningPawaPay, fault: str, initiation: Initiation, *, exists: bool
) -> None:
    simulator.add_fault(fault)
    assert client.initiate(push()).initiation is initiation
    assert len(simulator.log()["deposits"]) == exists


@pytest.mark.parametrize("fault", ["timeout_before_accept", "timeout_after_accept", "reset_after_accept"])
def test_an_unknown_push_made_again_is_one_push(client: PawaPay, simulator: RunningPawaPay, fault: str) -> None:
    assert client.capabilities.repeatable
    simulator.add_fault(fault)
    client.initiate(push("129"))
    assert client.initiate(push("129")).initiation in {Initiation.ACCEPTED, Initiation.UNKNOWN}
    assert len(simulator.log()["deposits"]) == 1
    assert client.fetch_status(ORDER).standing is Standing.PENDING


def test_a_duplicate_says_that_there_is_one_and_not_what_became_of_it(client: PawaPay) -> None:
    client.initiate(push("039"))
    until(client, Standing.FAILED)
    again = client.initiate(push("039"))
    assert again.initiation is Initiation.UNKNOWN
    assert "DUPLICATE_IGNORED" in again.detail
    assert client.fetch_status(ORDER).standing is Standing.FAILED


@pytest.mark.parametrize(("amount", "code"), [(499, "AMOUNT_OUT_OF_BOUNDS"), (1_000_001, "AMOUNT_OUT_OF_BOUNDS")])
def test_an_amount_out_of_bounds_is_refused_though_the_refusal_names_no_deposit(
    client: PawaPay, simulator: RunningPawaPay, amount: int, code: str
) -> None:
    refused = client.initiate(push(amount=amount))
    assert (refused.initiation, refused.code) == (Initiation.REJECTED, code)
    assert simulator.log()["deposits"] == []
    assert client.fetch_status(ORDER).standing is Standing.NOT_FOUND


def test_a_closed_wallet_takes_nothing_now_and_that_is_no_refusal_of_the_payer(
    client: PawaPay, simulator: RunningPawaPay
) -> None:
    simulator.set_provider("VODACOM_TZA", "CLOSED")
    closed = client.initiate(push())
    assert (closed.initiation, closed.code) == (Initiation.NOT_SENT, "PROVIDER_TEMPORARILY_UNAVAILABLE")
    assert client.availability()[Operator.VODACOM] is Availability.CLOSED
    assert client.initiate(push(wallet=Operator.AIRTEL)).initiation is Initiation.ACCEPTED


def test_the_payers_choice_of_wallet_counts_before_the_numbers_prefix(
    client: PawaPay, simulator: RunningPawaPay
) -> None:
    client.initiate(push(wallet=Operator.HALOTEL))
    payer = simulator.log()["deposits"][0]["payer"]["accountDetails"]
    assert payer == {"phoneNumber": "255763456789", "provider": "HALOTEL_TZA"}


def test_a_wallet_that_pawapay_does_not_serve_is_refused_without_a_call(simulator: RunningPawaPay) -> None:
    client = PawaPay(url=simulator.url, token="wrong", timeout_s=0.4)
    for unserved in (
        push(wallet=Operator.TTCL),
        Push(ORDER, 1_000, Msisdn("+255734567890"), "Duka", "", ""),
        Push(ORDER, 1_000, Msisdn("+254712345678"), "Duka", "", ""),
    ):
        assert client.initiate(unserved).code == "INVALID_PROVIDER"


def test_a_renamed_provider_is_configuration() -> None:
    renamed = mocked(providers={**pawapay.PROVIDERS, Operator.TIGO: "YAS_TZA"})
    with responses.RequestsMock() as mock:
        mock.post(f"{URL}/v2/deposits", json={"depositId": ORDER, "status": "ACCEPTED"})
        renamed.initiate(push(wallet=Operator.TIGO))
        assert b"YAS_TZA" in (mock.calls[0].request.body or b"")


@pytest.mark.parametrize("fault", ["status_500", "status_timeout"])
def test_a_status_that_does_not_come_concludes_nothing(client: PawaPay, simulator: RunningPawaPay, fault: str) -> None:
    client.initiate(push("129"))
    simulator.add_fault(fault)
    assert client.fetch_status(ORDER).standing is Standing.UNAVAILABLE


def test_nobody_listening_is_unavailable_and_sends_nothing() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = PawaPay(url=f"http://127.0.0.1:{port}", token="t", timeout_s=0.4)
    assert client.fetch_status(ORDER).standing is Standing.UNAVAILABLE
    assert client.initiate(push()).initiation is Initiation.NOT_SENT
    assert client.refund(REFUND).initiation is Initiation.NOT_SENT
    with pytest.raises(ProviderUnavailableError):
        client.public_keys()


def test_a_refused_token_takes_no_push_and_concludes_nothing(simulator: RunningPawaPay) -> None:
    client = PawaPay(url=simulator.url, token="wrong", timeout_s=0.4)
    assert client.initiate(push()).initiation is Initiation.NOT_SENT
    assert client.fetch_status(ORDER).standing is Standing.UNAVAILABLE
    for ask in (client.terms, client.availability, client.public_keys, lambda: client.resend_callback(ORDER)):
        with pytest.raises(ProviderUnavailableError, match="HTTP 401"):
            ask()


def test_a_slow_answer_is_no_answer(client: PawaPay, simulator: RunningPawaPay) -> None:
    simulator.set_latency(2_500)
    assert client.initiate(push()).initiation is Initiation.UNKNOWN
    assert len(simulator.log()["deposits"]) == 1


# --- answers to a push ------------------------------------------------------------------------------------------


def refusal(code: str, own_id: str | None = ORDER) -> str:
    return json.dumps({"depositId": own_id, "status": "REJECTED", "failureReason": {"failureCode": code}})


@responses.activate
@pytest.mark.parametrize(
    ("status", "body", "initiation"),
    [
        (200, f'{{"depositId": "{ORDER}", "status": "accepted", "new": [1]}}', Initiation.ACCEPTED),
        (200, f'{{"depositId": "{ORDER}", "status": "DUPLICATE_IGNORED"}}', Initiation.UNKNOWN),
        (200, f'{{"depositId": "{ORDER}", "status": "ENQUEUED"}}', Initiation.UNKNOWN),
        (200, f'{{"depositId": "{REFUND.refund_id}", "status": "ACCEPTED"}}', Initiation.UNKNOWN),
        (200, refusal("INVALID_AMOUNT", REFUND.refund_id), Initiation.UNKNOWN),
        (200, refusal("AMOUNT_OUT_OF_BOUNDS", None), Initiation.REJECTED),
        (200, refusal("INVALID_PHONE_NUMBER"), Initiation.REJECTED),
        (200, refusal("A_NEW_CODE"), Initiation.REJECTED),
        (200, refusal("PROVIDER_TEMPORARILY_UNAVAILABLE"), Initiation.NOT_SENT),
        (200, refusal("UNKNOWN_ERROR"), Initiation.UNKNOWN),
        (200, '{"status": "REJECTED", "failureReason": "text"}', Initiation.REJECTED),
        (200, "[]", Initiation.UNKNOWN),
        (200, "", Initiation.UNKNOWN),
        (200, "[" * 100_000, Initiation.UNKNOWN),
        (201, f'{{"depositId": "{ORDER}", "status": "ACCEPTED"}}', Initiation.UNKNOWN),
        (302, "", Initiation.UNKNOWN),
        (400, refusal("UNSUPPORTED_PARAMETER"), Initiation.REJECTED),
        (400, refusal("UNKNOWN_ERROR"), Initiation.UNKNOWN),
        (400, "", Initiation.REJECTED),
        (401, refusal("HTTP_SIGNATURE_ERROR"), Initiation.NOT_SENT),
        (403, refusal("DEPOSITS_NOT_ALLOWED"), Initiation.NOT_SENT),
        (408, "", Initiation.UNKNOWN),
        (409, "", Initiation.UNKNOWN),
        (429, "", Initiation.NOT_SENT),
        (500, refusal("UNKNOWN_ERROR"), Initiation.UNKNOWN),
        (503, "", Initiation.UNKNOWN),
        (504, "", Initiation.UNKNOWN),
    ],
)
def test_an_answer_to_a_push_is_yes_no_or_unknown(status: int, body: str, initiation: Initiation) -> None:
    responses.post(f"{URL}/v2/deposits", body=body, status=status, headers={"location": "http://x/"})
    assert mocked().initiate(push()).initiation is initiation
    assert len(responses.calls) == 1


# --- status -----------------------------------------------------------------------------------------------------


def status_of(body: object, status: int = 200) -> Statement:
    text = body if isinstance(body, str) else json.dumps(body)
    with responses.RequestsMock() as mock:
        mock.get(f"{URL}/v2/deposits/{ORDER}", body=text, status=status)
        return mocked().fetch_status(ORDER)


def found(**members: Any) -> dict[str, Any]:
    return {"status": "FOUND", "data": {"depositId": ORDER, "status": "COMPLETED", "amount": "1", **members}}


@pytest.mark.parametrize(
    ("body", "standing"),
    [
        (found(), Standing.COMPLETED),
        (found(status="completed", unheard={"of": 1}), Standing.COMPLETED),
        (found(status="A_NEW_WORD"), Standing.PENDING),
        (found(status=None), Standing.PENDING),
        (found(depositId=REFUND.refund_id), Standing.UNAVAILABLE),
        (found(depositId=None), Standing.UNAVAILABLE),
        ({"status": "NOT_FOUND"}, Standing.NOT_FOUND),
        ({"status": "FOUND"}, Standing.UNAVAILABLE),
        ({"status": "FOUND", "data": [found()["data"]]}, Standing.UNAVAILABLE),
        (found()["data"], Standing.UNAVAILABLE),
        ([found()["data"]], Standing.UNAVAILABLE),
        ("<html>", Standing.UNAVAILABLE),
    ],
)
def test_only_the_deposits_own_status_says_whether_money_moved(body: object, standing: Standing) -> None:
    assert status_of(body).standing is standing


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 429, 500, 503])
def test_another_http_status_says_nothing_of_the_money(status: int) -> None:
    assert status_of(found(), status).standing is Standing.UNAVAILABLE


@pytest.mark.parametrize(("currency", "told"), [("TZS", "TZS"), ("tzs", "tzs"), ("USD", "USD"), (None, None)])
def test_a_currency_is_told_as_it_stands_and_never_assumed(currency: str | None, told: str | None) -> None:
    assert status_of(found(currency=currency)).currency == told


@pytest.mark.parametrize("account", ["accountDetails", "accountdetails"])
@pytest.mark.parametrize("number", ["phoneNumber", "phoneNUmber", "phonenumber"])
def test_the_payers_number_is_read_however_its_name_is_written(account: str, number: str) -> None:
    payer = {"type": "MMO", account: {number: "255763456789", "provider": "VODACOM_TZA"}}
    assert status_of(found(payer=payer)).payer == "255763456789"
    assert "255763456789" not in repr(status_of(found(payer=payer)))


@pytest.mark.parametrize("payer", [None, [], "text", {"accountDetails": []}, {"accountDetails": {"phoneNumber": {}}}])
def test_a_payer_in_another_form_is_left_out(payer: object) -> None:
    assert status_of(found(payer=payer)).payer is None


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
        ('"9223372036854775808"', None),
    ],
)
def test_an_amount_is_read_exactly_or_not_at_all(written: str, amount: int | None) -> None:
    body = f'{{"status": "FOUND", "data": {{"depositId": "{ORDER}", "status": "COMPLETED", "amount": {written}}}}}'
    assert status_of(body).amount_tzs == amount


# --- refunds ----------------------------------------------------------------------------------------------------


def test_a_completed_deposit_is_sent_back_once(client: PawaPay, simulator: RunningPawaPay) -> None:
    client.initiate(push())
    until(client, Standing.COMPLETED)
    assert client.refund(REFUND).initiation is Initiation.ACCEPTED
    assert client.refund(REFUND).initiation is Initiation.UNKNOWN  # the same one again: ask
    for _ in range(100):
        if client.fetch_refund(REFUND.refund_id).standing is Standing.COMPLETED:
            break
        time.sleep(0.02)
    done = client.fetch_refund(REFUND.refund_id)
    assert (done.standing, done.amount_tzs, done.currency, done.payer) == (
        Standing.COMPLETED,
        150_000,
        "TZS",
        "255763456789",
    )
    assert len(simulator.log()["refunds"]) == 1
    another = client.refund(Refund(ORDER, ORDER, 1_000))
    assert (another.initiation, another.code) == (Initiation.REJECTED, "DEPOSIT_ALREADY_REFUNDED")


def test_money_that_was_not_paid_is_not_sent_back(client: PawaPay) -> None:
    assert client.refund(REFUND).code == "NOT_FOUND"
    client.initiate(push("129"))
    refused = client.refund(REFUND)
    assert (refused.initiation, refused.code) == (Initiation.REJECTED, "INVALID_STATE")
    assert client.fetch_refund(REFUND.refund_id).standing is Standing.NOT_FOUND


@pytest.mark.parametrize("fault", ["timeout_after_accept", "reset_after_accept", "garbage_200"])
def test_a_refund_whose_answer_is_lost_is_unknown_and_made_once(
    client: PawaPay, simulator: RunningPawaPay, fault: str
) -> None:
    client.initiate(push())
    until(client, Standing.COMPLETED)
    simulator.add_fault(fault)
    assert client.refund(REFUND).initiation is Initiation.UNKNOWN
    client.refund(REFUND)
    assert len(simulator.log()["refunds"]) == 1


# --- toolkit ----------------------------------------------------------------------------------------------------

SERVED = {
    Operator.VODACOM: WalletTerms(Availability.OPERATIONAL, 500, 1_000_000),
    Operator.TIGO: WalletTerms(Availability.OPERATIONAL, 500, 1_000_000),
    Operator.AIRTEL: WalletTerms(Availability.DELAYED, 500, 1_000_000),
    Operator.HALOTEL: WalletTerms(Availability.OPERATIONAL, 500, 500_000),
}


@pytest.mark.parametrize("as_list", [False, True])
def test_terms_are_read_from_both_forms_of_the_configuration(
    client: PawaPay, simulator: RunningPawaPay, *, as_list: bool
) -> None:
    simulator.set_provider("AIRTEL_TZA", "DELAYED")
    simulator.simulator.wire.lists_operations = as_list
    assert client.terms() == pawapay_terms.Account(signed_callbacks=True, wallets=SERVED)
    assert client.availability() == {wallet: terms.availability for wallet, terms in SERVED.items()}


def configuration(deposit: object, *, country: str = "TZA", currency: str = "TZS") -> dict[str, Any]:
    priced = {"currency": currency, "operationTypes": {"DEPOSIT": deposit}}
    providers = [{"provider": "VODACOM_TZA", "currencies": [priced]}]
    return {"countries": [{"country": country, "providers": providers}]}


@pytest.mark.parametrize(("said", "read"), [(True, True), (False, False), ("false", False), (None, False)])
def test_callbacks_are_signed_where_the_account_says_so(said: object, *, read: bool) -> None:
    assert terms_of({"signatureConfiguration": {"signedCallbacks": said}}).signed_callbacks is read


def terms_of(conf: object) -> pawapay_terms.Account:
    return pawapay_terms.account(conf, country="TZA", currency="TZS", providers=pawapay.PROVIDERS)


@pytest.mark.parametrize(
    ("deposit", "terms"),
    [
        ({"status": "OPERATIONAL"}, WalletTerms(Availability.OPERATIONAL)),
        ({"status": "A_NEW_WORD"}, WalletTerms(Availability.DELAYED)),
        (
            {"status": "CLOSED", "minTransactionLimit": "1", "maxTransactionLimit": 5000},
            WalletTerms(Availability.CLOSED, 1, 5_000),
        ),
        (
            {"status": "OPERATIONAL", "minAmount": "99.01", "maxAmount": "999.99"},
            WalletTerms(Availability.OPERATIONAL, 100, 999),
        ),
        (
            {"status": "OPERATIONAL", "minAmount": "NaN", "maxAmount": "Infinity"},
            WalletTerms(Availability.OPERATIONAL),
        ),
        ({"status": "OPERATIONAL", "minAmount": "-1", "maxAmount": "9E99999"}, WalletTerms(Availability.OPERATIONAL)),
        (
            {"status": "OPERATIONAL", "minAmount": "1" + "0" * 30, "maxAmount": "0." + "1" * 30},
            WalletTerms(Availability.OPERATIONAL),
        ),
        ({"status": "OPERATIONAL", "minAmount": "", "maxAmount": []}, WalletTerms(Availability.OPERATIONAL)),
        ("CLOSED", WalletTerms(Availability.CLOSED)),
    ],
)
def test_limits_are_whole_shillings_or_none(deposit: object, terms: WalletTerms) -> None:
    assert terms_of(configuration(deposit)).wallets == {Operator.VODACOM: terms}


@pytest.mark.parametrize(
    "conf",
    [
        None,
        [],
        {},
        {"countries": "all"},
        configuration({"status": "OPERATIONAL"}, country="KEN"),
        configuration({"status": "OPERATIONAL"}, currency="USD"),
        configuration(None),
        configuration([1]),
    ],
)
def test_a_wallet_that_is_not_configured_for_us_is_not_there(conf: object) -> None:
    assert terms_of(conf) == pawapay_terms.Account(signed_callbacks=False, wallets={})


@pytest.mark.parametrize(
    "kinds",
    [[{"operationType": "DEPOSIT", "status": "CLOSED"}], {"DEPOSIT": "CLOSED"}, {"DEPOSIT": {"status": "CLOSED"}}],
)
def test_availability_is_read_from_each_of_its_forms(kinds: object) -> None:
    countries = [{"country": "TZA", "providers": [{"provider": "TIGO_TZA", "operationTypes": kinds}]}]
    read = pawapay_terms.availability(countries, country="TZA", providers=pawapay.PROVIDERS)
    assert read == {Operator.TIGO: Availability.CLOSED}


def test_the_wallet_of_a_number_is_predicted_or_not_known(client: PawaPay) -> None:
    assert client.predict_wallet(Msisdn("+255683456789")) is Operator.AIRTEL
    with responses.RequestsMock() as mock:
        mock.post(f"{URL}/v2/predict-provider", json={"country": "KEN", "provider": "MPESA_KEN"})
        assert mocked().predict_wallet(Msisdn("+254712345678")) is None


def test_a_callback_is_sent_again_once_its_deposit_has_ended(client: PawaPay, simulator: RunningPawaPay) -> None:
    with open_doorstep() as door:
        simulator.set_callback(door.url)
        assert client.resend_callback(ORDER) is False
        client.initiate(push("129"))
        assert client.resend_callback(ORDER) is False
        simulator.flip(ORDER, "COMPLETED")
        assert client.resend_callback(ORDER) is True
        door.wait_for(1)
        claim = pawapay_records.parse_callback(door.calls[0].raw)
    assert (claim.order_id, claim.claimed) == (ORDER, "COMPLETED")
    assert claim.statement == client.fetch_status(ORDER)


def test_keys_are_read_by_their_ids_at_a_path_that_is_configuration(simulator: RunningPawaPay) -> None:
    client = PawaPay(url=simulator.url, token=PAWAPAY_TOKEN, timeout_s=0.4)
    (key,) = client.public_keys().items()
    assert key[0] == "HTTP_EC_P256_KEY:1"
    assert key[1].startswith("-----BEGIN PUBLIC KEY-----")
    simulator.rotate_key()
    assert set(client.public_keys()) == {"HTTP_EC_P256_KEY:1", "HTTP_EC_P256_KEY:2"}
    elsewhere = PawaPay(url=simulator.url, token=PAWAPAY_TOKEN, timeout_s=0.4, keys_path="/v2/public-keys")
    with pytest.raises(ProviderUnavailableError, match="404"):
        elsewhere.public_keys()


@pytest.mark.parametrize("fault", ["keys_500", "keys_timeout"])
def test_keys_that_cannot_be_read_are_not_no_keys(client: PawaPay, simulator: RunningPawaPay, fault: str) -> None:
    simulator.add_fault(fault)
    with pytest.raises(ProviderUnavailableError):
        client.public_keys()
    assert client.public_keys()


@responses.activate
@pytest.mark.parametrize("body", ["{}", '{"key": "x"}', "<html>", "", "7"])
def test_what_is_no_list_of_keys_is_no_answer(body: str) -> None:
    responses.get(f"{URL}/v2/public-key/http", body=body)
    with pytest.raises(ProviderUnavailableError):
        mocked().public_keys()


@responses.activate
def test_keys_without_id_or_text_are_passed_over() -> None:
    responses.get(f"{URL}/v2/public-key/http", json=[{"id": "a"}, {"key": "b"}, 7, {"id": "c", "key": "pem"}])
    assert mocked().public_keys() == {"c": "pem"}


# --- callbacks --------------------------------------------------------------------------------------------------

V1 = {
    "depositId": ORDER,
    "status": "COMPLETED",
    "requestedAmount": "15",
    "depositedAmount": "15",
    "currency": "TZS",
    "correspondent": "VODACOM_TZA",
    "payer": {"type": "MSISDN", "address": {"value": "255763456789"}},
}


def test_a_callback_is_read_as_the_deposit_that_it_is() -> None:
    claim = pawapay_records.parse_callback(
        json.dumps(found(currency="TZS", providerTransactionId="X1")["data"]).encode()
    )
    assert (claim.order_id, claim.claimed) == (ORDER, "COMPLETED")
    assert claim.statement == Statement(
        Standing.COMPLETED, amount_tzs=1, currency="TZS", receipt="X1", detail="COMPLETED"
    )


def test_a_refunds_callback_is_the_refunds_and_no_deposits() -> None:
    body = json.dumps({"refundId": REFUND.refund_id, "depositId": ORDER, "status": "FAILED", "amount": "5"}).encode()
    claim = pawapay_records.parse_refund_callback(body)
    assert (claim.order_id, claim.claimed) == (REFUND.refund_id, "FAILED")
    with pytest.raises(MalformedCallback):
        pawapay_records.parse_refund_callback(json.dumps(found()["data"]).encode())


def test_a_callback_of_version_1_is_refused_with_what_is_to_be_done() -> None:
    with pytest.raises(MalformedCallback, match="dashboard"):
        pawapay_records.parse_callback(json.dumps(V1).encode())


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"depositId": 7}', f'{{"depositId": "{ORDER}"}}', "[" * 60_000])
def test_what_is_no_deposit_is_malformed(body: str) -> None:
    with pytest.raises(MalformedCallback):
        pawapay_records.parse_callback(body.encode())


@given(st.binary(max_size=200))
def test_any_body_is_a_claim_or_malformed(body: bytes) -> None:
    with contextlib.suppress(MalformedCallback):
        assert pawapay_records.parse_callback(body).order_id


leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
names = st.sampled_from(["accountDetails", "phoneNumber", "provider", "failureCode", ""])
members: st.SearchStrategy[Any] = st.recursive(
    leaves, lambda one: st.lists(one, max_size=2) | st.dictionaries(names, one, max_size=2), max_leaves=4
)
READ = ["status", "amount", "currency", "payer", "recipient", "failureReason", "metadata"]


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(READ), members, max_size=4))
def test_no_record_can_break_its_reader(record: dict[str, Any]) -> None:
    read = pawapay_records.statement({**record, "depositId": ORDER}, ORDER, id_name="depositId")
    assert read.standing in {Standing.PENDING, Standing.COMPLETED, Standing.FAILED}
    assert pawapay_records.initiated(200, {**record, "depositId": ORDER}, own_id=ORDER, id_name="depositId").initiation


# --- what it is, and what it does not tell ----------------------------------------------------------------------


def test_both_providers_say_what_they_can_do() -> None:
    zenopay: PaymentProvider = ZenoPay(url=URL, api_key="k", timeout_s=1)
    provider: RefundingProvider = mocked()
    assert (provider.capabilities.proof, zenopay.capabilities.proof) == (
        CallbackProof.SIGNED_FRESH,
        CallbackProof.SHARED_SECRET,
    )
    assert (provider.capabilities.repeatable, zenopay.capabilities.repeatable) == (True, False)
    assert provider.capabilities.wallets == zenopay.capabilities.wallets


def test_the_log_of_a_push_holds_neither_token_nor_number(
    client: PawaPay, simulator: RunningPawaPay, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    simulator.add_fault("not_successful")
    client.initiate(push())
    client.initiate(push())
    client.refund(REFUND)
    PawaPay(url=simulator.url, token="another-token", timeout_s=0.4).fetch_status(ORDER)
    assert ORDER in log.getvalue()
    for secret in (PAWAPAY_TOKEN, "another-token", "763456789"):
        assert secret not in log.getvalue()
