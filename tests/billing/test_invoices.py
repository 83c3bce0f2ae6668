"""Invoices: one for each credited payment, a credit note for each refund, and no gap whatever dies or races."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from functions.billing import api, documents, invoicing, issuing, refunds
from functions.billing.documents import Kind
from functions.billing.payment import Payment
from mifumo import aws, clock
from mifumo.ids import TenantId
from tests.billing.conftest import TENANT, Till
from tests.billing.office import AMINA, BARAKA, NEEMA, Office, actions, completed, reviewed, transfer, written
from tests.builders import CONTEXT, request, token
from tests.wire import Crash

RECEIPT = {"receipt_number": "A1B2C3", "verification_code": "4F6A2"}


@pytest.fixture
def office(till: Till) -> Office:
    return Office(till)


def issued(tenant: TenantId = TENANT) -> list[documents.Document]:
    """Lists the tenant's documents in the order of their numbers."""
    found = [documents.of(item) for item in documents.page(tenant, limit=250, start=None).items]
    return sorted(found, key=lambda document: document.number)


def refunded(office: Office, payment: Payment) -> Payment:
    office.approve(BARAKA, office.refund(payment, AMINA))
    return refunds.completed(office.till.payment(payment.id), note="gone")


def numbers(count: int, prefix: str = "INV") -> list[str]:
    year = (clock.now() + timedelta(hours=3)).year
    return [f"{prefix}-{year}-{number:06d}" for number in range(1, count + 1)]


def test_a_credited_payment_gets_its_invoice(till: Till) -> None:
    payment = completed()
    invoicing.handler({}, CONTEXT)
    status, page = till.call("GET", "/api/billing/invoices/")
    assert status == 200
    assert len(page["items"]) == 1
    shown = page["items"][0]
    assert shown["number"] == numbers(1)[0]
    assert (shown["kind"], shown["payment_id"], shown["buyer"]) == ("invoice", payment.id, "Duka la Asha")
    assert (shown["net"], shown["vat"], shown["vat_rate"], shown["total"]) == (127_119, 22_881, 1_800, 150_000)
    assert shown["seller"] == {"name": "Mifumo Labs", "tin": "100-200-300", "vrn": ""}
    assert shown["fiscal"] is None
    assert till.call("GET", f"/api/billing/invoices/{shown['id']}/") == (200, shown)
    assert till.payment(payment.id).invoice == shown["number"]
    assert issuing.due() == []


def test_only_what_was_credited_is_invoiced(till: Till) -> None:
    written()
    reviewed()
    transfer()
    invoicing.handler({}, CONTEXT)
    assert issued() == []


def test_running_again_issues_nothing_more(till: Till) -> None:
    payment = completed()
    for _ in range(3):
        issuing.issue(payment.id)
    assert [document.number for document in issued()] == numbers(1)


def test_a_refund_gets_a_credit_note_that_names_the_invoice(office: Office) -> None:
    payment = completed()
    invoicing.handler({}, CONTEXT)
    refunded(office, payment)
    invoicing.handler({}, CONTEXT)
    note, invoice = issued()
    assert (note.kind, note.number) == (Kind.CREDIT_NOTE, numbers(1, "CN")[0])
    assert note.takes_back == invoice.number
    assert (note.net, note.vat, note.total) == (invoice.net, invoice.vat, invoice.total)
    assert issuing.due() == []


def test_a_refund_before_the_invoice_gets_both(office: Office) -> None:
    payment = refunded(office, completed())
    issuing.issue(payment.id)
    note, invoice = issued()
    assert (invoice.number, note.takes_back) == (numbers(1)[0], numbers(1)[0])


def test_money_that_was_never_credited_gets_no_document(office: Office) -> None:
    payment = reviewed()
    office.approve(BARAKA, office.decide(payment, "return"))
    refunds.completed(office.till.payment(payment.id), note="gone")
    invoicing.handler({}, CONTEXT)
    assert issued() == []


def test_an_invoice_of_a_reviewed_payment_is_for_what_was_paid(office: Office) -> None:
    payment = reviewed(paid=140_000)
    office.approve(BARAKA, office.decide(payment))
    issuing.issue(payment.id)
    assert (issued()[0].total, issued()[0].vat) == (140_000, 21_356)


def test_an_invoice_keeps_what_it_said(till: Till) -> None:
    payment = completed()
    issuing.issue(payment.id)
    before = issued()
    aws.dynamodb().update_item(
        TableName="access",
        Key=aws.marshal({"pk": f"T#{TENANT}", "sk": "TENANT"}),
        UpdateExpression="SET #name = :name",
        ExpressionAttributeNames={"#name": "name"},
        ExpressionAttributeValues=aws.marshal({":name": "Another name"}),
    )
    issuing.issue(payment.id)
    assert issued() == before


def test_twenty_at_once_leave_no_gap(till: Till) -> None:
    made = [completed() for _ in range(20)]
    till.wire.take_turns()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda payment: issuing.issue(payment.id), made))
    assert [document.number for document in issued()] == numbers(20)
    assert {document.payment for document in issued()} == {payment.id for payment in made}


def test_twenty_at_one_payment_issue_one_invoice(till: Till) -> None:
    payment = completed()
    till.wire.take_turns()
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: issuing.issue(payment.id), range(20)))
    assert [document.number for document in issued()] == numbers(1)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_worker_that_dies_at_any_call_leaves_no_gap(till: Till, after: bool) -> None:
    for at in range(8):
        completed()
        till.wire.cut(at, after=after)
        with contextlib.suppress(Crash):
            invoicing.handler({}, CONTEXT)
        till.wire.mend()
    invoicing.handler({}, CONTEXT)
    assert [document.number for document in issued()] == numbers(8)
    assert issuing.due() == []


def test_a_payment_that_cannot_be_documented_holds_nobody_up(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = completed(), completed()
    whole = issuing._document

    def document(payment: Payment, *rest: Any) -> documents.Document:
        if payment.id == bad.id:
            raise ValueError("poison")
        return whole(payment, *rest)

    monkeypatch.setattr(issuing, "_document", document)
    invoicing.handler({}, CONTEXT)
    assert [one.payment for one in issued()] == [good.id]
    assert issuing.due() == [bad.id]


def test_the_year_is_that_of_dar_es_salaam(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: clock.parse("2026-12-31T20:59:59.000Z"))
    issuing.issue(completed().id)
    monkeypatch.setattr(clock, "now", lambda: clock.parse("2026-12-31T21:00:00.000Z"))
    issuing.issue(completed().id)
    issuing.issue(completed().id)
    assert [document.number for document in issued()] == ["INV-2026-000001", "INV-2027-000001", "INV-2027-000002"]


def test_a_fiscal_receipt_is_recorded_once(office: Office) -> None:
    issuing.issue(completed().id)
    document = issued()[0]
    path = f"/invoices/{document.id}/"
    assert office.get(NEEMA, path)[1]["number"] == document.number
    assert office.post(NEEMA, f"{path}fiscal/", RECEIPT)[0] == 403
    assert office.post(AMINA, f"{path}fiscal/", {"receipt_number": "no spaces"})[0] == 422
    status, shown = office.post(AMINA, f"{path}fiscal/", RECEIPT)
    assert status == 200
    assert (shown["fiscal"]["receipt_number"], shown["fiscal"]["verification_code"]) == ("A1B2C3", "4F6A2")
    assert actions()[-1] == "invoice.fiscalised"
    status, body = office.post(AMINA, f"{path}fiscal/", {"receipt_number": "OTHER"})
    assert (status, body["code"]) == (409, "fiscal_receipt_recorded")
    assert documents.read(document.id).fiscal_receipt == "A1B2C3"
    assert office.post(AMINA, "/invoices/nothing/fiscal/", RECEIPT)[0] == 404


def test_a_page_to_print_says_that_it_is_not_fiscal_until_it_is(office: Office) -> None:
    issuing.issue(completed().id)
    document = issued()[0]
    assert "This is not a fiscal receipt." in printed(document.id)
    office.post(AMINA, f"/invoices/{document.id}/fiscal/", RECEIPT)
    page = printed(document.id)
    assert "not a fiscal receipt" not in page
    for text in (document.number, "A1B2C3", "127,119", "22,881", "150,000", "VAT 18 %", "Duka la Asha"):
        assert text in page


def test_a_page_to_print_runs_nothing_that_a_tenant_named_itself(till: Till) -> None:
    aws.dynamodb().update_item(
        TableName="access",
        Key=aws.marshal({"pk": f"T#{TENANT}", "sk": "TENANT"}),
        UpdateExpression="SET #name = :name",
        ExpressionAttributeNames={"#name": "name"},
        ExpressionAttributeValues=aws.marshal({":name": "<script>alert(1)</script>{total}"}),
    )
    issuing.issue(completed().id)
    page = printed(issued()[0].id)
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{total}" in page


def printed(document: str, **options: Any) -> str:
    path = f"/api/billing/invoices/{document}/html/"
    response = api.handler(request("GET", path, token=token(expires_in_s=86_400), **options), CONTEXT)
    assert response["statusCode"] == 200
    assert response["headers"]["Content-Type"].startswith("text/html")
    assert response["headers"]["Content-Security-Policy"].startswith("default-src 'none'; style-src")
    return str(response["body"])


def test_another_tenants_invoice_is_not_found(till: Till) -> None:
    issuing.issue(completed().id)
    stranger = token(tenant="t2", expires_in_s=86_400)
    for path in ("", "html/"):
        status, _ = till.call("GET", f"/api/billing/invoices/{issued()[0].id}/{path}", token=stranger)
        assert status == 404
    assert till.call("GET", "/api/billing/invoices/", token=stranger)[1]["items"] == []


@pytest.mark.parametrize("path", ["", "01jd8x6q5v7w9y2k4m6p8r0t1a/", "01jd8x6q5v7w9y2k4m6p8r0t1a/html/"])
def test_a_stranger_sees_no_invoices(till: Till, path: str) -> None:
    assert till.call("GET", f"/api/billing/invoices/{path}", token=None)[0] == 401
    assert till.call("GET", f"/api/admin/billing/invoices/{path or 'x/'}")[0] in {403, 404}


def test_invoices_have_pages(till: Till) -> None:
    for _ in range(3):
        issuing.issue(completed().id)
    _, first = till.call("GET", "/api/billing/invoices/", query={"limit": "2"})
    _, second = till.call("GET", "/api/billing/invoices/", query={"limit": "2", "cursor": first["next"]})
    listed = [item["number"] for page in (first, second) for item in page["items"]]
    assert sorted(listed) == numbers(3)
    assert second["next"] is None
