"""Papers: the PDF of a document says what its page and its data say, is made once for each look, and never again."""

import io
from typing import Any

import boto3
import pypdf
import pytest
import requests

from functions.billing import documents, issuing, papers
from functions.billing.documents import Document
from functions.billing.printing import paper, worker
from mifumo import aws
from mifumo.aws import Item
from tests.billing.conftest import TENANT, Till
from tests.billing.office import AMINA, Office, completed
from tests.billing.test_invoices import RECEIPT, issued, refunded
from tests.builders import CONTEXT, token
from tests.wire import Crash


@pytest.fixture
def office(till: Till, documents_bucket: str) -> Office:
    return Office(till)


def asked(till: Till, document: Document, **options: Any) -> tuple[int, Any]:
    return till.call("GET", f"/api/billing/invoices/{document.id}/pdf/", **options)


def files() -> dict[str, bytes]:
    """Reads every paper that is kept, by its name."""
    s3 = boto3.client("s3")
    names = [one["Key"] for one in s3.list_objects_v2(Bucket="documents").get("Contents", [])]
    return {name: s3.get_object(Bucket="documents", Key=name)["Body"].read() for name in names}


def read(pdf: bytes) -> str:
    (page,) = pypdf.PdfReader(io.BytesIO(pdf)).pages
    return page.extract_text()


def test_a_paper_says_what_the_page_and_the_data_say(office: Office) -> None:
    issuing.issue(completed().id)
    (document,) = issued()
    worker.handler({}, CONTEXT)
    _, shown = office.till.call("GET", f"/api/billing/invoices/{document.id}/")
    (text,) = [read(pdf) for pdf in files().values()]
    for figure in ("net", "vat", "total"):
        assert f"{shown[figure]:,}" in text
    for words in (shown["number"], shown["buyer"], shown["seller"]["name"], "100-200-300", "VAT 18 %", "5,000 SMS"):
        assert words in text
    assert "This is not a fiscal receipt." in text


def test_a_credit_notes_paper_names_the_invoice_that_it_takes_back(office: Office) -> None:
    payment = refunded(office, completed())
    issuing.issue(payment.id)
    worker.handler({}, CONTEXT)
    note, invoice = issued()
    text = read(files()[f"{TENANT}/{note.id}/plain.pdf"])
    assert f"Credit note {note.number}" in text
    assert f"It takes back invoice {invoice.number}." in text


def test_a_paper_is_there_once_it_is_made_and_until_then_the_door_says_when_to_ask(office: Office) -> None:
    issuing.issue(completed().id)
    (document,) = issued()
    status, body = asked(office.till, document)
    assert (status, body) == (202, {"name": f"{document.number}.pdf", "url": None})
    worker.handler({}, CONTEXT)
    status, body = asked(office.till, document)
    assert status == 200
    answer = requests.get(body["url"], timeout=5)
    assert answer.content == files()[f"{TENANT}/{document.id}/plain.pdf"]
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{document.number}.pdf"'
    assert documents.to_print() == []


def test_a_document_from_before_there_were_papers_gets_one_when_somebody_asks(office: Office) -> None:
    issuing.issue(completed().id)
    (document,) = issued()
    aws.dynamodb().update_item(
        TableName="ledger",
        Key=aws.marshal({"pk": f"DOC#{document.id}", "sk": "META"}),
        UpdateExpression="REMOVE due_pk, due_sk",
    )
    worker.handler({}, CONTEXT)
    assert files() == {}
    assert asked(office.till, document)[0] == 202
    worker.handler({}, CONTEXT)
    assert asked(office.till, document)[0] == 200


def test_a_fiscal_receipt_makes_a_second_paper_and_leaves_the_first_as_it_was(office: Office) -> None:
    issuing.issue(completed().id)
    (document,) = issued()
    worker.handler({}, CONTEXT)
    before = files()
    office.post(AMINA, f"/invoices/{document.id}/fiscal/", RECEIPT)
    assert asked(office.till, document)[0] == 202, "the paper without the receipt is not handed out any more"
    worker.handler({}, CONTEXT)
    after = files()
    fiscal = read(after.pop(f"{TENANT}/{document.id}/fiscal.pdf"))
    assert after == before
    assert "Fiscal receipt A1B2C3, verification code 4F6A2" in fiscal
    assert "not a fiscal receipt" not in fiscal


def test_a_receipt_that_comes_while_it_is_printed_has_it_printed_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    issuing.issue(completed().id)
    (document,) = issued()
    whole = paper.pdf

    def meanwhile(printing: Document) -> bytes:
        if printing.fiscal_receipt is None:
            office.post(AMINA, f"/invoices/{document.id}/fiscal/", RECEIPT)
        return whole(printing)

    monkeypatch.setattr(paper, "pdf", meanwhile)
    worker.handler({}, CONTEXT)
    assert documents.to_print() == [document.id]
    worker.handler({}, CONTEXT)
    assert documents.read(document.id).printed == "fiscal"
    assert documents.to_print() == []


def test_a_paper_is_never_written_over(office: Office) -> None:
    issuing.issue(completed().id)
    (document,) = issued()
    papers.keep(document, b"the first")
    worker.handler({}, CONTEXT)
    assert files() == {f"{TENANT}/{document.id}/plain.pdf": b"the first"}
    assert documents.read(document.id).printed == "plain"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_worker_that_dies_at_any_call_leaves_its_work_to_the_next_one(office: Office, after: bool) -> None:
    issuing.issue(completed().id)
    (document,) = issued()
    for at in range(4):
        office.till.wire.cut(at, after=after)
        try:
            worker.handler({}, CONTEXT)
        except Crash:
            continue
        finally:
            office.till.wire.mend()
    worker.handler({}, CONTEXT)
    assert documents.to_print() == []
    assert list(files().values()) == [paper.pdf(document)]


def test_a_document_that_cannot_be_printed_holds_nobody_up(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        issuing.issue(completed().id)
    bad, good = issued()
    whole = paper.pdf

    def pdf(document: Document) -> bytes:
        if document.id == bad.id:
            raise ValueError("poison")
        return whole(document)

    monkeypatch.setattr(paper, "pdf", pdf)
    worker.handler({}, CONTEXT)
    assert documents.to_print() == [bad.id]
    assert asked(office.till, good)[0] == 200
    assert asked(office.till, bad)[0] == 202


def test_while_the_bucket_is_down_documents_wait(office: Office) -> None:
    issuing.issue(completed().id)
    (document,) = issued()
    boto3.client("s3").delete_bucket(Bucket="documents")
    worker.handler({}, CONTEXT)
    assert documents.to_print() == [document.id]


@pytest.mark.parametrize(
    "name", ["Đặng Ελλάς Ћира", "دكان عائشة", "店 🎉", "**bold** <b>--x--", "a" * 100, "\u202eadnad", "()\\ %PDF"]
)
def test_whatever_people_have_named_themselves_can_be_printed(office: Office, name: str) -> None:
    issuing.issue(completed().id)
    (document,) = issued()
    item: Item = {"pk": f"DOC#{document.id}", "sk": "META"}
    aws.dynamodb().update_item(
        TableName="ledger",
        Key=aws.marshal(item),
        UpdateExpression="SET buyer = :name",
        ExpressionAttributeValues=aws.marshal({":name": name}),
    )
    worker.handler({}, CONTEXT)
    (text,) = [read(pdf) for pdf in files().values()]
    assert "Total 150,000" in text
    if name.isascii():
        assert name in text.replace("\n", "")


def test_a_paper_printed_again_is_the_same_to_the_byte(office: Office) -> None:
    issuing.issue(completed().id)
    (document,) = issued()
    office.till.travel.forward(86_400)
    assert paper.pdf(document) == paper.pdf(document)
    assert b"CreationDate (D:" + document.issued_at[:10].replace("-", "").encode() in paper.pdf(document)


def test_another_tenant_and_a_stranger_get_no_paper(office: Office) -> None:
    issuing.issue(completed().id)
    (document,) = issued()
    worker.handler({}, CONTEXT)
    assert asked(office.till, document, token=token(tenant="t2", expires_in_s=86_400))[0] == 404
    assert asked(office.till, document, token=None)[0] == 401
    assert office.till.call("GET", "/api/billing/invoices/nothing/pdf/")[0] == 404
