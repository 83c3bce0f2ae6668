"""Logging in: one price and one answer for known and unknown, and few AWS calls."""

import io
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters

from functions.auth import logins, passwords, users
from functions.auth.accounts import AccountsSettings
from mifumo import aws, settings, tables, writes
from mifumo.audit import AuditSettings
from mifumo.observability import logger
from tests.auth.door import PASSWORD, CountingHasher, Door

READS = ("GetItem", "BatchGetItem", "Query")
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")


def test_the_right_password_lets_in_whatever_the_case_of_the_address(door: Door) -> None:
    registered = door.register()
    entered = door.login("ASHA@Duka.example")
    assert entered.status == 200
    assert entered.body["user"] == registered.body["user"]
    assert entered.body["tenant"] == registered.body["tenant"]
    assert door.me(entered.access).status == 200


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(door: Door) -> None:
    door.register()
    wrong, unknown = door.login(password="not the password"), door.login("nobody@duka.example")
    assert wrong.status == 401
    assert wrong.code == "invalid_credentials"
    for answer in (wrong, unknown):
        answer.body.pop("request_id")
        answer.headers.pop("X-Request-Id")
    assert (unknown.status, unknown.body, unknown.headers) == (wrong.status, wrong.body, wrong.headers)


def test_known_and_unknown_addresses_cost_the_same_hashes_and_calls(door: Door, hasher: CountingHasher) -> None:
    door.register()
    costs = []
    for email in ("asha@duka.example", "nobody@duka.example"):
        hasher.asked.clear()
        door.login(email, "not the password")
        costs.append((list(hasher.asked), list(door.wire.calls)))
    assert costs[0] == costs[1] == (["verify"], ["BatchGetItem", "TransactWriteItems"])


def test_the_hash_for_nobody_has_the_parameters_of_all_others() -> None:
    assert extract_parameters(passwords._NOBODY) == extract_parameters(passwords.digest(PASSWORD))
    parameters = extract_parameters(passwords._NOBODY)
    assert (parameters.type.name, parameters.memory_cost, parameters.time_cost) == ("ID", 19_456, 2)
    assert parameters.parallelism == 1


def test_a_login_costs_two_reads_and_one_write_with_everything_counted(door: Door) -> None:
    door.register()
    assert door.login().status == 200
    assert (door.wire.count(*READS), door.wire.count(*WRITES), door.wire.count()) == (2, 1, 3)


def test_a_hash_of_other_parameters_is_renewed_in_the_same_write(door: Door) -> None:
    door.register()
    old = PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    assert _stored_hash() != old
    _store_hash(old)
    assert door.login().status == 200
    assert door.wire.count() == 3
    assert not passwords.outdated(_stored_hash())
    assert passwords.matches(PASSWORD, _stored_hash())
    assert door.login().status == 200


def test_who_is_no_member_any_more_is_not_let_in(door: Door) -> None:
    registered = door.register()
    table, member = users.membership(registered.body["user"]["id"], registered.body["tenant"]["id"])
    writes.commit(writes.delete(table, member, refused=lambda _: AssertionError()))
    assert (door.login().status, door.login().code) == (401, "invalid_credentials")
    assert (door.me(registered.access).status, door.refresh(registered.refresh).status) == (401, 401)


@pytest.mark.parametrize("body", [None, "{", "[]", {}, {"email": "asha@duka.example"}, {"email": 1, "password": 2}])
def test_what_is_no_login_is_refused_before_anything_is_read(door: Door, body: Any) -> None:
    door.call("POST", "/api/auth/login/", body)  # leases the address its requests
    refused = door.call("POST", "/api/auth/login/", body)
    assert (refused.status, refused.code) == (422, "validation_failed")
    assert door.wire.count() == 0


def test_neither_passwords_nor_tokens_are_logged_or_kept(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    handler = logger.registered_handler
    monkeypatch.setattr(handler, "stream", written)
    registered = door.register()
    entered = door.login()
    refreshed = door.refresh(entered.refresh)
    door.refresh(entered.refresh)
    door.login(password="a wrong password")
    door.register(password="short one")
    kept = str(aws.dynamodb().scan(TableName=AccountsSettings.load().accounts_table)["Items"])
    monkeypatch.setenv("ACCOUNTS_TABLE", "no-such-table")
    settings.forget()
    assert door.login().status == 500
    assert "registered" in written.getvalue()
    assert "ResourceNotFoundException" in written.getvalue()
    tokens = [
        secret for answer in (registered, entered, refreshed) for secret in (answer.access, *answer.refresh.split("."))
    ]
    owner, tenant = registered.body["user"]["id"], registered.body["tenant"]["id"]
    for secret in {PASSWORD, "a wrong password", "short one", *tokens} - {f"mfr_{owner}", tenant}:
        assert secret not in written.getvalue()
        assert secret not in kept


def _login_key() -> tuple[str, tables.Key]:
    return AccountsSettings.load().accounts_table, logins.key("asha@duka.example")


def _stored_hash() -> str:
    item = tables.get(*_login_key())
    assert item
    return str(item["password_hash"])


def _store_hash(password_hash: str) -> None:
    table, key = _login_key()
    writes.commit(
        writes.update(
            table,
            key,
            "SET password_hash = :hash",
            condition="attribute_exists(pk)",
            values={":hash": password_hash},
            refused=lambda _: AssertionError(),
        )
    )


def test_a_locked_account_is_told_to_its_tenant_once_and_costs_what_nobodys_costs(door: Door) -> None:
    door.register()
    for email in ("asha@duka.example", "nobody@duka.example"):
        for _ in range(10):
            assert door.login(email, "not the password").status == 401
    calls = []
    for email in ("asha@duka.example", "nobody@duka.example"):
        for password in ("not the password", PASSWORD, PASSWORD):
            assert door.login(email, password, ip="196.41.99.1").status == 429
            calls.append(list(door.wire.calls))
    assert calls[:3] == calls[3:] == [["BatchGetItem", "TransactWriteItems"], ["BatchGetItem"], ["BatchGetItem"]]
    told = [
        aws.unmarshal(item)
        for item in aws.dynamodb().scan(TableName=AuditSettings.load().audit_table)["Items"]
        if item["action"]["S"] == "account.locked"
    ]
    assert [entry["ip"] for entry in told] == ["196.41.99.1"]
