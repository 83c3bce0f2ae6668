"""Data requests over the deployed stack: a number that is forgotten, and data that is taken along."""

import json
from typing import Any

import requests

from mifumo import clock
from tests.e2e.sending import completed
from tests.e2e.stack import Tenant, wait_until

_KINDS = {"tenant", "members", "audit", "batches", "messages", "balance", "statement", "payments"}


def _done(tenant: Tenant, path: str) -> Any:
    """Waits until a data request is done; returns it."""
    wait_until(f"{path} is done", lambda: tenant.get(path)["state"] == "done", within_s=90)
    return tenant.get(path)


def _exported(tenant: Tenant) -> dict[str, list[Any]]:
    """Exports everything; returns the rows by kind."""
    export = tenant.request("POST", "tenant/exports/")
    assert export.status_code == 202, export.text
    rows: dict[str, list[Any]] = {}
    for file in _done(tenant, f"tenant/exports/{export.json()['id']}/")["files"]:
        downloaded = requests.get(file["url"], timeout=30)
        assert downloaded.status_code == 200, downloaded.text
        lines = [json.loads(line) for line in downloaded.text.splitlines()]
        rows.setdefault(file["name"].rpartition("-")[0], []).extend(lines)
    return rows


def test_a_tenant_takes_its_data_along_and_then_forgets_a_customer(tenant: Tenant) -> None:
    tenant.buy_lite()
    (gone, stays) = tenant.numbers(2)
    batch = tenant.send([gone, stays]).json()["id"]
    completed(tenant, batch)
    wait_until("both have their receipts", lambda: set(tenant.statuses(batch).values()) == {"delivered"})

    told = _exported(tenant)
    assert set(told) == _KINDS
    assert {message["to"] for message in told["messages"]} == {f"+255{number[1:]}" for number in (gone, stays)}
    assert [member["email"] for member in told["members"]] == [tenant.email]
    assert tenant.password not in json.dumps(told)

    erasure = tenant.post("tenant/erasures/", {"phone": gone})
    assert erasure.status_code == 202, erasure.text
    _done(tenant, f"tenant/erasures/{erasure.json()['id']}/")
    assert list(tenant.pages("sms/messages/", to=gone)) == []
    assert gone[1:] not in json.dumps(_exported(tenant))
    assert tenant.batch(batch)["counts"] == {"delivered": 2}


def test_a_tenant_that_was_closed_for_good_has_neither_name_nor_customers(tenant: Tenant) -> None:
    tenant.buy_lite()
    numbers = tenant.numbers(2)
    batch = tenant.send(numbers).json()["id"]
    completed(tenant, batch)
    wait_until("both have their receipts", lambda: set(tenant.statuses(batch).values()) == {"delivered"})
    closed = tenant.post("tenant/close/", {"password": tenant.password, "reason": "The shop has shut."})
    assert closed.status_code == 200, closed.text
    until = closed.json()["reopen_until"]
    wait_until("it can be reopened no more", lambda: clock.stamp() > until, within_s=90)
    tenant.stack.sweep("Auth")

    entered = tenant.post("auth/login/", {"email": tenant.email, "password": tenant.password}, token=None).json()
    assert (entered["tenant"]["name"], entered["tenant"]["status"]) == ("", "closed")
    tenant.tokens = entered["tokens"]
    wait_until("its texts are gone", lambda: tenant.batch(batch)["text"] == "")
    assert {message["to"] for message in tenant.pages(f"sms/batches/{batch}/messages/")} == {None}
    assert tenant.batch(batch)["counts"] == {"delivered": 2}
    wait_until("the payer is gone", lambda: {one["phone"] for one in tenant.pages("billing/payments/")} == {None})
    erased = tenant.post("auth/me/erase/", {"password": tenant.password})
    assert erased.status_code == 204, erased.text
