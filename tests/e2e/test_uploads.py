"""Campaigns from a file over the deployed stack: posted by a form, read by the splitter, sent for what was quoted."""

import csv
import io
from collections.abc import Callable
from typing import Any

import requests

from tests.e2e.sending import accepted_texts, completed
from tests.e2e.stack import Stack, Tenant, wait_until

_TIMEOUT_S = 30
_TEXT = "Habari {{name}}, salio lako ni TSh {{amount}}."


def posted(made: Any, data: bytes) -> requests.Response:
    """Posts a file with a form, as a browser does."""
    file = {"file": ("customers.csv", data, "text/csv")}
    return requests.post(made["url"], data=made["fields"], files=file, timeout=_TIMEOUT_S)


def ended(tenant: Tenant, made: Any) -> Any:
    """Waits until a file has been read; returns what it came to."""

    def seen() -> Any:
        found = tenant.get(f"sms/uploads/{made['id']}/")
        return None if found["state"] in {"waiting", "reading"} else found

    return wait_until("the file is read", seen, within_s=60)


def begun(tenant: Tenant, **body: Any) -> Any:
    answer = tenant.post("sms/uploads/", body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_damaged_file_is_quoted_sent_and_charged_for_exactly_that(stack: Stack, tenant: Tenant) -> None:
    tenant.buy_lite()
    numbers = tenant.numbers(300)
    lines = ["Jina;Name;Amount;Namba ya simu"]
    # As Excel leaves them: a lost zero, a decimal, an apostrophe, spaces that do not break.
    kinds: list[Callable[[str], str]] = [
        str,
        lambda n: n[1:],
        lambda n: f"{n[1:]}.0",
        lambda n: f"'{n}",
        lambda n: f"{n[:4]}\u00a0{n[4:]}",
    ]
    for index, number in enumerate(numbers):
        lines.append(f"x;Asha {index % 7};{index % 3}000;{kinds[index % 5](number)}")
    lines += ["x;Juma;100;7.12E+08", "x;Juma;;0712000000", f"x;Juma;100;{numbers[0]}", '"x;Juma;100;0712000000']
    made = begun(tenant, purpose="campaign", sender_id="Taarifa-SMS", text=_TEXT)
    assert posted(made, ("\ufeff" + "\r\n".join(lines)).encode()).status_code == 204
    quote = ended(tenant, made)
    assert (quote["state"], quote["rows"], quote["accepted"], quote["duplicates"]) == ("ready", 304, 300, 1)
    assert [(row["line"], row["code"]) for row in quote["refusals"]] == [
        (302, "scientific_notation"),
        (303, "value_missing"),
        (305, "quotes_broken"),
    ]
    refused = requests.get(quote["refused_url"], timeout=_TIMEOUT_S).content.decode("utf-8-sig")
    assert [row["code"] for row in csv.DictReader(io.StringIO(refused))] == [
        "scientific_notation",
        "value_missing",
        "duplicate",
        "quotes_broken",
    ]
    answer = tenant.post("sms/batches/", {"quote_id": quote["id"]})
    assert (answer.status_code, answer.json()["price"], quote["price"]) == (202, 300, 300)
    batch = answer.json()["id"]
    completed(tenant, batch, within_s=120)
    assert tenant.batch(batch)["charged"] == quote["price"]
    assert set(accepted_texts(tenant, numbers).values()) == {1}
    assert tenant.balance() == (4_700, 0)
    assert stack.texts_to(numbers[8]) == ["Habari Asha 1, salio lako ni TSh 2000."]


def test_the_form_takes_one_file_of_the_size_and_kind_that_it_was_made_for(tenant: Tenant) -> None:
    made = begun(tenant, purpose="campaign", sender_id="Taarifa-SMS", text="Habari")
    for fields in ({"key": "uploads/other/file"}, {"Content-Type": "text/html"}):
        assert posted({**made, "fields": made["fields"] | fields}, b"phone\n0712345678\n").status_code == 403
    assert posted(made, b"").status_code == 400
    assert tenant.get(f"sms/uploads/{made['id']}/")["state"] == "waiting"


def test_a_list_becomes_contacts_and_a_workbook_is_refused(tenant: Tenant) -> None:
    numbers = tenant.numbers(120)
    made = begun(tenant, purpose="contacts", tags=["import"])
    assert posted(made, ("phone,name\n" + "".join(f"{n},Asha\n" for n in numbers)).encode()).status_code == 204
    found = ended(tenant, made)
    assert (found["state"], found["accepted"]) == ("used", 120)
    listed = tenant.pages("sms/contacts/")
    assert sorted(one["phone"] for one in listed) == sorted(f"+255{number[1:]}" for number in numbers)
    made = begun(tenant, purpose="opt_outs")
    assert posted(made, b"PK\x03\x04 a workbook").status_code == 204
    assert ended(tenant, made)["reason_code"] == "workbook"
