"""Providers' own lists: what is read of them, what is left out, and what is not trusted."""

import pytest
import responses

from mifumo.providers import pawapay_statements
from mifumo.providers.clickpesa import ClickPesa
from mifumo.providers.pawapay import PawaPay
from mifumo.providers.pawapay_statements import StatementGone
from mifumo.providers.payments import ListingProvider, Period, ProviderUnavailableError, Standing
from mifumo.providers.zenopay import ZenoPay

PAWAPAY, CLICKPESA = "http://127.0.0.1:9", "http://127.0.0.1:9/third-parties"
DAY = Period("2026-01-30T21:00:00.000Z", "2026-01-31T21:00:00.000Z", "https://api.example/told/")
HEAD = "Creation Date,MSISDN,Transaction ID,Amount,Currency,Country,MNO,Type"
LINE = "2026-01-31 08:15:32,255763456789,8917c345-4791-4285-a416-62f24b6982db,150000.00,TZS,TZA,VODACOM_TZA,DEPOSIT"


def pawapay() -> PawaPay:
    return PawaPay(url=PAWAPAY, token="t", timeout_s=1)


def clickpesa() -> ClickPesa:
    return ClickPesa(url=CLICKPESA, client_id="c", api_key="k", timeout_s=1)


def made(address: str) -> dict[str, object]:
    return {"status": "FOUND", "data": {"statementId": "s", "status": "COMPLETED", "downloadUrl": address}}


def test_a_statement_tells_deposits_and_nothing_else_whatever_its_columns_look_like() -> None:
    fee = LINE.replace("DEPOSIT", "FEE")
    other = HEAD.upper().replace("TRANSACTION ID", "transactionId").replace(",", ";").replace(";", ",")
    for head in (HEAD, other, f"\ufeff{HEAD}"):
        (line,) = pawapay_statements.lines(f"{head}\r\n{LINE}\r\n{fee}\r\n".encode())
        assert line.order_id == "8917c345-4791-4285-a416-62f24b6982db"
        assert (line.statement.standing, line.statement.amount_tzs) == (Standing.COMPLETED, 150_000)
        assert (line.statement.currency, line.statement.receipt) == ("TZS", None)


def test_an_amount_in_another_form_is_none_and_not_a_guess() -> None:
    (line,) = pawapay_statements.lines(f"{HEAD}\n{LINE.replace('150000.00', '150 000')}\n".encode())
    assert line.statement.amount_tzs is None


def test_what_is_no_statement_is_no_empty_one() -> None:
    for file in (b"", b"<html>It works!</html>", HEAD.replace("Amount", "Sum").encode()):
        with pytest.raises(ProviderUnavailableError, match="a statement without"):
            pawapay_statements.lines(file)


@responses.activate
def test_the_token_stays_with_pawapay() -> None:
    responses.get(f"{PAWAPAY}/v2/statements/s", json=made("https://files.example/s.csv?signed=1"))
    file = responses.get("https://files.example/s.csv", body=f"{HEAD}\n{LINE}\n")
    page = pawapay().list_payments(DAY, "s:0")
    assert len(page.lines) == 1
    assert page.next is None
    assert "Authorization" not in file.calls[0].request.headers


@responses.activate
@pytest.mark.parametrize("address", ["http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "", "ftp://x/"])
def test_a_file_is_fetched_from_pawapay_or_over_an_encrypted_connection(address: str) -> None:
    responses.get(f"{PAWAPAY}/v2/statements/s", json=made(address))
    with pytest.raises(ProviderUnavailableError, match="trust"):
        pawapay().list_payments(DAY, "s:0")
    assert len(responses.calls) == 1


@responses.activate
def test_a_statement_goes_on_where_a_page_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pawapay_statements, "LINES_TOGETHER", 2)
    responses.get(f"{PAWAPAY}/v2/statements/s", json=made(f"{PAWAPAY}/s.csv"))
    responses.get(f"{PAWAPAY}/s.csv", body="\n".join([HEAD, *[LINE] * 3]))
    first = pawapay().list_payments(DAY, "s:0")
    assert (len(first.lines), first.next) == (2, "s:2")
    second = pawapay().list_payments(DAY, first.next)
    assert (len(second.lines), second.next) == (1, None)


@responses.activate
@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_file_that_is_not_kept_any_more_is_ordered_anew_for_the_same_place(status: int) -> None:
    responses.get(f"{PAWAPAY}/v2/statements/s", json=made(f"{PAWAPAY}/s.csv"))
    responses.get(f"{PAWAPAY}/s.csv", status=status)
    order = responses.post(f"{PAWAPAY}/v2/statements", json={"statementId": "s2", "status": "ACCEPTED"})
    page = pawapay().list_payments(DAY, "s:500")
    assert (page.lines, page.next, page.ready) == ((), "s2:500", False)
    assert order.calls[0].request.body == (
        b'{"wallet": {"country": "TZA", "currency": "TZS"}, "callbackUrl": "https://api.example/told/", '
        b'"startDate": "2026-01-30T21:00:00", "endDate": "2026-01-31T21:00:00"}'
    )


@responses.activate
def test_a_statement_that_is_refused_or_too_long_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = {"status": "REJECTED", "failureReason": {"failureCode": "WALLET_NOT_FOUND"}}
    responses.post(f"{PAWAPAY}/v2/statements", json=refused)
    with pytest.raises(ProviderUnavailableError, match="WALLET_NOT_FOUND"):
        pawapay().list_payments(DAY, None)
    monkeypatch.setattr(pawapay_statements, "_BYTES_MAX", 10)
    responses.get(f"{PAWAPAY}/s.csv", body="x" * 11)
    with pytest.raises(ProviderUnavailableError, match="too long"):
        pawapay_statements.download(f"{PAWAPAY}/s.csv", timeout=(1, 1))


def test_an_answer_that_is_no_status_tells_nothing_of_the_statement() -> None:
    with pytest.raises(ProviderUnavailableError):
        pawapay_statements.link({}, api_url=PAWAPAY)
    with pytest.raises(StatementGone):
        pawapay_statements.link({"status": "NOT_FOUND"}, api_url=PAWAPAY)


def attempt(**changes: object) -> dict[str, object]:
    return {
        "id": "LC1",
        "status": "SETTLED",
        "paymentReference": "CP1",
        "orderReference": "0192f0c1222243338444555566667777",
        "collectedAmount": 150_000,
        "collectedCurrency": "TZS",
        "createdAt": "2026-01-31T08:15:32.000Z",
        **changes,
    }


@responses.activate
def test_clickpesas_list_is_cut_to_the_period_and_to_what_was_collected() -> None:
    responses.post(f"{CLICKPESA}/generate-token", json={"success": True, "token": "Bearer x"})
    every = [
        attempt(),
        attempt(id="LC2", status="FAILED"),
        attempt(id="LC3", createdAt="2026-01-30T20:59:59.999Z"),
        attempt(id="LC4", createdAt="2026-02-01T00:00:00.000+03:00"),
        attempt(id="LC5", createdAt="yesterday", orderReference="BILL-7", paymentReference=None),
    ]
    listed = responses.get(f"{CLICKPESA}/payments/all", json={"data": every, "totalCount": len(every)})
    page = clickpesa().list_payments(DAY, None)
    assert [(line.order_id, line.statement.receipt) for line in page.lines] == [
        ("0192f0c1-2222-4333-8444-555566667777", "CP1"),
        ("BILL-7", "LC5"),
    ]
    assert page.next is None
    asked = listed.calls[0].request.params
    assert (asked["startDate"], asked["endDate"], asked["orderBy"]) == ("2026-01-29", "2026-02-01", "ASC")


@responses.activate
def test_a_list_that_cannot_be_read_is_not_an_empty_one() -> None:
    responses.post(f"{CLICKPESA}/generate-token", json={"success": True, "token": "Bearer x"})
    for answer in ({"json": {"data": None}}, {"status": 500}, {"body": "[]"}):
        responses.upsert("GET", f"{CLICKPESA}/payments/all", **answer)
        with pytest.raises(ProviderUnavailableError):
            clickpesa().list_payments(DAY, None)


def test_capabilities_tell_who_has_a_list() -> None:
    listing: list[ListingProvider] = [pawapay(), clickpesa()]
    assert all(one.capabilities.lists for one in listing)
    assert not ZenoPay(url="u", api_key="k", timeout_s=1).capabilities.lists
