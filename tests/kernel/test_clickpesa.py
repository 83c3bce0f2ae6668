"""ClickPesa's adapter against the simulator over HTTP, and its readers on what the contract leaves open."""

import contextlib
import io
import json
import socket
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from mifumo import clock
from mifumo.observability import logger
from mifumo.phone import Msisdn
from mifumo.providers import clickpesa, clickpesa_records
from mifumo.providers.clickpesa import ClickPesa
from mifumo.providers.clickpesa_records import FeeBearer, FeeTerms
from mifumo.providers.payments import (
    CallbackProof,
    Initiation,
    MalformedCallback,
    PaymentProvider,
    ProviderUnavailableError,
    Push,
    Standing,
    Statement,
)
from sandbox.testing import (
    CLICKPESA_API_KEY,
    CLICKPESA_CHECKSUM_KEY,
    CLICKPESA_CLIENT_ID,
    RunningClickPesa,
    running_clickpesa,
)

ORDER = "0192f0c1-2222-4333-8444-555566667777"
REFERENCE = "0192f0c1222243338444555566667777"
URL = "http://127.0.0.1:9/third-parties"


@pytest.fixture
def simulator() -> Iterator[RunningClickPesa]:
    with running_clickpesa() as running:
        yield running


@pytest.fixture
def client(simulator: RunningClickPesa) -> ClickPesa:
    return account(simulator.url, timeout_s=0.4)


def account(
    url: str = URL,
    *,
    api_key: str = CLICKPESA_API_KEY,
    checksum_key: str | None = CLICKPESA_CHECKSUM_KEY,
    timeout_s: float = 1,
) -> ClickPesa:
    return ClickPesa(
        url=url, client_id=CLICKPESA_CLIENT_ID, api_key=api_key, checksum_key=checksum_key, timeout_s=timeout_s
    )


def push(last_digits: str = "456", order: str = ORDER) -> Push:
    return Push(order, 150_000, Msisdn(f"+255754123{last_digits}"), "Duka", "billing@api.example", "http://unused/")


def until(client: ClickPesa, standing: Standing) -> Statement:
    for _ in range(200):
        statement = client.fetch_status(ORDER)
        if statement.standing is standing:
            return statement
        time.sleep(0.02)
    pytest.fail(f"the order never was {standing}")


def tokens_asked(mock: responses.RequestsMock) -> int:
    return sum(str(call.request.url).endswith("/generate-token") for call in mock.calls)


def test_the_adapter_is_a_provider_that_takes_a_push_once_and_proves_no_time(client: ClickPesa) -> None:
    provider: PaymentProvider = client
    can = provider.capabilities
    assert (can.repeatable, can.refunds, can.proof) == (False, False, CallbackProof.SIGNED)
    assert {wallet.value for wallet in can.wallets} == {"vodacom", "tigo", "airtel", "halotel"}


def test_an_accepted_push_is_pending_and_then_paid_in_full(client: ClickPesa, simulator: RunningClickPesa) -> None:
    simulator.simulator.pay_delay_s = 0.2
    assert client.initiate(push()).initiation is Initiation.ACCEPTED
    assert client.fetch_status(ORDER).standing is Standing.PENDING
    paid = until(client, Standing.COMPLETED)
    (attempt,) = simulator.log()["attempts"]
    assert (paid.amount_tzs, paid.currency, paid.receipt) == (150_000, "TZS", attempt["payment_reference"])
    assert paid.payer == "255754123456"


def test_the_reference_has_letters_and_digits_alone_and_the_number_no_plus(
    client: ClickPesa, simulator: RunningClickPesa
) -> None:
    client.initiate(push())
    (attempt,) = simulator.log()["attempts"]
    assert (attempt["reference"], attempt["phone"], attempt["amount"]) == (REFERENCE, "255754123456", 150_000)


@pytest.mark.parametrize(
    ("digits", "standing", "amount"),
    [
        ("019", Standing.FAILED, 150_000),
        ("029", Standing.FAILED, 150_000),
        ("039", Standing.FAILED, 150_000),
        ("049", Standing.FAILED, 150_000),
        ("069", Standing.FAILED, 150_000),
        ("229", Standing.COMPLETED, 150_000),
        ("529", Standing.COMPLETED, 149_500),
        ("729", Standing.COMPLETED, 150_000),
        ("919", Standing.COMPLETED, 150_000),
        ("939", Standing.COMPLETED, 150_000),
        ("949", Standing.COMPLETED, 150_000),
    ],
)
def test_each_ending_of_the_simulator_is_read_as_it_is(
    client: ClickPesa, digits: str, standing: Standing, amount: int
) -> None:
    client.initiate(push(digits))
    assert until(client, standing).amount_tzs == amount


def test_a_preview_tells_wallets_and_fees_and_asks_nobody(client: ClickPesa, simulator: RunningClickPesa) -> None:
    simulator.simulator.wire.closed = frozenset({"HALOPESA"})
    methods = {method.name: method for method in client.preview(push())}
    assert set(methods) == {"M-PESA", "TIGO-PESA", "AIRTEL-MONEY", "HALOPESA"}
    assert (methods["M-PESA"].available, methods["M-PESA"].fee_tzs) == (True, 2_700)
    assert not methods["HALOPESA"].available
    assert simulator.log()["attempts"] == []


def test_a_preview_that_does_not_come_concludes_nothing(simulator: RunningClickPesa) -> None:
    with pytest.raises(ProviderUnavailableError):
        account(simulator.url, checksum_key="wrong").preview(push())
    with pytest.raises(ProviderUnavailableError):
        account(timeout_s=0.4).preview(push())


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
        ("token_500", Initiation.NOT_SENT, False),
        ("token_timeout", Initiation.NOT_SENT, False),
    ],
)
def test_only_what_cannot_have_reached_a_handset_is_called_so(
    client: ClickPesa, simulator: RunningClickPesa, fault: str, initiation: Initiation, *, exists: bool
) -> None:
    simulator.add_fault(fault)
    assert client.initiate(push()).initiation is initiation
    assert len(simulator.log()["attempts"]) == exists  # one push or none: never a second


def test_a_refused_connection_is_known_for_one_also_with_a_token_in_hand(
    client: ClickPesa, simulator: RunningClickPesa
) -> None:
    client.fetch_status(ORDER)
    simulator.add_fault("refuse_connection")
    assert client.initiate(push()).initiation is Initiation.NOT_SENT


def test_a_reference_that_is_used_leaves_the_outcome_open_and_pushes_nobody_again(
    client: ClickPesa, simulator: RunningClickPesa
) -> None:
    simulator.add_fault("timeout_after_accept")
    assert client.initiate(push()).initiation is Initiation.UNKNOWN
    again = client.initiate(push())
    assert (again.initiation, again.detail) == (Initiation.UNKNOWN, "HTTP 409  Order reference already used")
    assert len(simulator.log()["attempts"]) == 1
    until(client, Standing.COMPLETED)


@pytest.mark.parametrize("fault", ["status_500", "status_timeout"])
def test_a_status_that_does_not_come_concludes_nothing(
    client: ClickPesa, simulator: RunningClickPesa, fault: str
) -> None:
    client.initiate(push("129"))
    simulator.add_fault(fault)
    assert client.fetch_status(ORDER).standing is Standing.UNAVAILABLE


def test_nobody_listening_is_unavailable_and_sends_nothing() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client = account(f"http://127.0.0.1:{port}", timeout_s=0.4)
    assert client.fetch_status(ORDER).standing is Standing.UNAVAILABLE
    assert client.initiate(push()).initiation is Initiation.NOT_SENT


def test_an_order_that_the_provider_does_not_know_is_not_found(client: ClickPesa) -> None:
    assert client.fetch_status(ORDER).standing is Standing.NOT_FOUND


def test_refused_keys_take_no_push_and_conclude_nothing(simulator: RunningClickPesa) -> None:
    client = account(simulator.url, api_key="wrong")
    assert client.initiate(push()).initiation is Initiation.NOT_SENT
    assert client.fetch_status(ORDER).standing is Standing.UNAVAILABLE
    assert simulator.log()["attempts"] == []


def test_a_token_that_has_expired_is_replaced_once_and_the_push_is_made_once(
    client: ClickPesa, simulator: RunningClickPesa
) -> None:
    client.fetch_status(ORDER)
    simulator.expire_tokens()
    assert client.initiate(push()).initiation is Initiation.ACCEPTED
    simulator.expire_tokens()
    assert client.fetch_status(ORDER).standing is not Standing.UNAVAILABLE
    assert len(simulator.log()["attempts"]) == 1


def test_a_second_401_is_the_end_of_it() -> None:
    with responses.RequestsMock() as mock:
        mock.post(f"{URL}/generate-token", json={"success": True, "token": "Bearer t"})
        mock.post(f"{URL}/payments/initiate-ussd-push-request", status=401)
        assert account().initiate(push()).initiation is Initiation.NOT_SENT
        assert [len(mock.calls), tokens_asked(mock)] == [4, 2]


def test_a_token_serves_many_calls_and_is_replaced_before_its_hour_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    with responses.RequestsMock() as mock:
        mock.post(f"{URL}/generate-token", json={"success": True, "token": "Bearer t"})
        mock.get(f"{URL}/payments/{REFERENCE}", json=[])
        client = account()
        for _ in range(3):
            client.fetch_status(ORDER)
        assert tokens_asked(mock) == 1
        assert mock.calls[-1].request.headers["Authorization"] == "Bearer t"
        monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=54))
        client.fetch_status(ORDER)
        assert tokens_asked(mock) == 1
        monkeypatch.setattr(clock, "now", lambda: now + timedelta(minutes=56))
        client.fetch_status(ORDER)
        assert tokens_asked(mock) == 2


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"token": ""}', '{"token": 7}', '{"token": null}'])
def test_an_answer_without_a_token_sends_nothing(body: str) -> None:
    with responses.RequestsMock() as mock:
        mock.post(f"{URL}/generate-token", body=body)
        assert account().initiate(push()).initiation is Initiation.NOT_SENT
        assert len(mock.calls) == 1


def test_requests_carry_a_checksum_only_where_one_is_configured(simulator: RunningClickPesa) -> None:
    unsigned = account(simulator.url, checksum_key=None)
    assert unsigned.initiate(push()).initiation is Initiation.REJECTED
    assert account(simulator.url, checksum_key="wrong").initiate(push()).initiation is Initiation.REJECTED
    simulator.simulator.wire.requires_checksum = False
    assert unsigned.initiate(push()).initiation is Initiation.ACCEPTED


TAKEN = f'"id": "LC1", "orderReference": "{REFERENCE}"'


@pytest.mark.parametrize(
    ("status", "body", "initiation"),
    [
        (200, f'{{{TAKEN}, "status": "PROCESSING"}}', Initiation.ACCEPTED),
        (201, f'{{{TAKEN}, "status": "processing"}}', Initiation.ACCEPTED),
        (200, f'{{{TAKEN}, "status": "PENDING"}}', Initiation.ACCEPTED),
        (200, f'{{{TAKEN}, "status": "SUCCESS"}}', Initiation.ACCEPTED),
        (200, f'{{{TAKEN}, "status": "SETTLED"}}', Initiation.ACCEPTED),
        (200, f'{{{TAKEN}, "status": "FAILED"}}', Initiation.UNKNOWN),
        (200, f'{{{TAKEN}, "status": "QUEUED"}}', Initiation.UNKNOWN),
        (200, '{"orderReference": "another", "status": "PROCESSING"}', Initiation.UNKNOWN),
        (200, "[]", Initiation.UNKNOWN),
        (200, "", Initiation.UNKNOWN),
        (200, "[" * 100_000, Initiation.UNKNOWN),
        (302, "", Initiation.UNKNOWN),
        (400, '{"message": ["Invalid checksum"]}', Initiation.REJECTED),
        (403, "", Initiation.NOT_SENT),
        (404, "", Initiation.REJECTED),
        (408, "", Initiation.UNKNOWN),
        (409, "", Initiation.UNKNOWN),
        (429, "", Initiation.NOT_SENT),
        (504, "", Initiation.UNKNOWN),
    ],
)
def test_an_answer_to_a_push_is_yes_no_or_unknown(status: int, body: str, initiation: Initiation) -> None:
    with responses.RequestsMock() as mock:
        mock.post(f"{URL}/generate-token", json={"success": True, "token": "Bearer t"})
        path = f"{URL}/payments/initiate-ussd-push-request"
        mock.post(path, body=body, status=status, headers={"location": "http://x/"})
        assert account().initiate(push()).initiation is initiation
        assert len(mock.calls) == 2


def attempt(status: str = "SUCCESS", **changes: object) -> dict[str, object]:
    return {
        "id": "LC1",
        "status": status,
        "paymentReference": "CP1",
        "orderReference": REFERENCE,
        "collectedAmount": 150_000,
        "collectedCurrency": "TZS",
        "createdAt": "2026-01-31T09:30:00.000Z",
        **changes,
    }


def status_of(body: object, status: int = 200) -> Statement:
    with responses.RequestsMock() as mock:
        mock.post(f"{URL}/generate-token", json={"success": True, "token": "Bearer t"})
        mock.get(f"{URL}/payments/{REFERENCE}", body=body if isinstance(body, str) else json.dumps(body), status=status)
        return account().fetch_status(ORDER)


@pytest.mark.parametrize(
    ("body", "standing"),
    [
        ([attempt("SUCCESS")], Standing.COMPLETED),
        ([attempt("settled")], Standing.COMPLETED),
        ([attempt("PROCESSING")], Standing.PENDING),
        ([attempt("PENDING")], Standing.PENDING),
        ([attempt("FAILED")], Standing.FAILED),
        ([attempt("REVERSED")], Standing.PENDING),
        ([{"orderReference": REFERENCE}], Standing.PENDING),
        ([attempt("FAILED"), attempt("SUCCESS")], Standing.COMPLETED),
        ([attempt("SUCCESS"), attempt("FAILED")], Standing.COMPLETED),
        ([attempt("PROCESSING"), attempt("SETTLED"), attempt("FAILED")], Standing.COMPLETED),
        ([attempt("FAILED"), attempt("PROCESSING")], Standing.PENDING),
        ([attempt("FAILED"), attempt("WORD")], Standing.PENDING),
        ([attempt("FAILED"), attempt("FAILED")], Standing.FAILED),
        ([attempt("SUCCESS", orderReference="another"), attempt("PENDING")], Standing.PENDING),
        ([attempt("SUCCESS", orderReference="another")], Standing.UNAVAILABLE),
        ([attempt("SUCCESS", orderReference=ORDER)], Standing.UNAVAILABLE),
        ([], Standing.NOT_FOUND),
        (["SUCCESS"], Standing.UNAVAILABLE),
        ({"status": "SUCCESS"}, Standing.UNAVAILABLE),
        ("<html>", Standing.UNAVAILABLE),
    ],
)
def test_money_collected_by_any_attempt_of_ours_counts_and_only_failures_alone_are_one(
    body: object, standing: Standing
) -> None:
    assert status_of(body).standing is standing


@pytest.mark.parametrize(
    ("status", "standing"), [(404, Standing.NOT_FOUND), (400, Standing.UNAVAILABLE), (403, Standing.UNAVAILABLE)]
)
def test_an_error_instead_of_a_status_concludes_nothing_but_that_there_is_none(status: int, standing: Standing) -> None:
    assert status_of("", status).standing is standing


def test_two_collections_are_not_summed_and_the_first_one_pays_in_whatever_order_they_come() -> None:
    early = attempt("SETTLED", paymentReference="CP1", createdAt="2026-01-31T09:30:00.000Z")
    late = attempt("SUCCESS", paymentReference="CP2", createdAt="2026-01-31T09:31:00.000Z", collectedAmount=1)
    for both in ([early, late], [late, early]):
        statement = status_of(both)
        assert (statement.standing, statement.amount_tzs, statement.receipt) == (Standing.COMPLETED, 150_000, "CP1")


def test_the_amount_is_that_of_the_attempt_that_collected() -> None:
    failed = attempt("FAILED", collectedAmount=999, createdAt="2026-01-31T09:00:00.000Z")
    assert status_of([failed, attempt("SUCCESS")]).amount_tzs == 150_000


def test_a_missing_currency_is_none_and_another_is_taken_at_its_word() -> None:
    assert status_of([attempt(collectedCurrency=None)]).currency is None
    assert status_of([attempt(collectedCurrency="USD")]).currency == "USD"


@pytest.mark.parametrize(
    ("written", "amount"),
    [
        ("150000", 150_000),
        ('"150000"', 150_000),
        ('"150000.00"', 150_000),
        ("150000.0", 150_000),
        ("0", 0),
        ('"150000.50"', None),
        ("150000.5", None),
        ("1.5e5", None),
        ('" 150000"', None),
        ("-150000", None),
        ("NaN", None),
        ("true", None),
        ("null", None),
        ("[150000]", None),
    ],
)
def test_an_amount_is_read_exactly_or_not_at_all(written: str, amount: int | None) -> None:
    body = json.dumps([attempt(collectedAmount="X")]).replace('"X"', written)
    assert status_of(body).amount_tzs == amount


def test_an_amount_may_change_its_form_from_one_question_to_the_next(
    client: ClickPesa, simulator: RunningClickPesa
) -> None:
    client.initiate(push())
    number = until(client, Standing.COMPLETED)
    simulator.add_fault("amount_as_text")
    assert client.fetch_status(ORDER) == number


def test_a_payment_collected_twice_at_the_provider_is_paid_once(client: ClickPesa, simulator: RunningClickPesa) -> None:
    client.initiate(push())
    first = until(client, Standing.COMPLETED)
    simulator.attempt_again(REFERENCE, "SUCCESS")
    assert client.fetch_status(ORDER) == first


@pytest.mark.parametrize(
    ("terms", "least", "most"),
    [
        (FeeTerms(), 100_000, 100_000),
        (FeeTerms(FeeBearer.NOBODY, 50), 100_000, 100_000),
        (FeeTerms(FeeBearer.MERCHANT, 30), 97_000, 100_000),
        (FeeTerms(FeeBearer.PAYER, 30), 100_000, 103_000),
        (FeeTerms(FeeBearer.MERCHANT), 100_000, 100_000),
    ],
)
def test_an_amount_may_differ_by_the_fee_of_who_bears_it_and_no_further(terms: FeeTerms, least: int, most: int) -> None:
    for collected in (least, most):
        assert terms.settles(asked_tzs=100_000, collected_tzs=collected)
    for beyond in (least - 1, most + 1, 0, None):
        assert not terms.settles(asked_tzs=100_000, collected_tzs=beyond)


def test_a_callback_names_our_order_and_what_it_claims() -> None:
    body = {"event": "PAYMENT RECEIVED", "data": {"orderReference": REFERENCE, "status": "SUCCESS"}}
    claim = clickpesa.parse_callback(json.dumps(body).encode())
    assert (claim.order_id, claim.claimed, claim.statement) == (ORDER, "SUCCESS", None)
    del body["data"]["status"]  # type: ignore[attr-defined]
    assert clickpesa.parse_callback(json.dumps(body).encode()).claimed == "PAYMENT RECEIVED"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"data": []}',
        b'{"data": {"orderReference": 7}}',
        b'{"data": {"orderReference": "INV1"}}',
        json.dumps({"data": {"orderReference": ORDER}}).encode(),
        json.dumps({"data": {"orderReference": REFERENCE.upper()[:31] + "G"}}).encode(),
        f'{{"data": {{"orderReference": "{REFERENCE}", "orderReference": "{REFERENCE}"}}}}'.encode(),
        b"\xff{}",
        b"[" * 100_000,
    ],
)
def test_a_callback_without_one_reference_of_ours_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedCallback):
        clickpesa.parse_callback(body)


@given(st.binary(max_size=200))
def test_any_body_is_a_claim_or_malformed(body: bytes) -> None:
    with contextlib.suppress(MalformedCallback):
        assert clickpesa.parse_callback(body).order_id


@given(st.uuids())
def test_a_reference_leads_back_to_its_order(order: uuid.UUID) -> None:
    reference = clickpesa_records.reference(str(order))
    assert reference.isalnum()
    body = json.dumps({"data": {"orderReference": reference}}).encode()
    assert clickpesa.parse_callback(body).order_id == str(order)


def test_the_log_of_a_push_holds_neither_keys_nor_tokens_nor_numbers(
    client: ClickPesa, simulator: RunningClickPesa, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    client.initiate(push())
    client.initiate(push())
    account(simulator.url, api_key="wrong-key").initiate(push())
    assert ORDER in log.getvalue()
    tokens = simulator.simulator.wire._tokens
    assert tokens
    secrets = {CLICKPESA_API_KEY, CLICKPESA_CHECKSUM_KEY, "wrong-key", "754123456"}
    for secret in secrets | {token.removeprefix("Bearer ") for token in tokens}:
        assert secret not in log.getvalue()
