"""Exporting a tenant's data: who may, one at a time, what the auth slice writes, and links that lead to it."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from functions.auth import exports, privacy
from mifumo import aws, clock, tables, writes
from mifumo import exports as files
from mifumo import privacy as wanted
from mifumo.audit import AuditSettings
from mifumo.callers import Principal
from mifumo.errors import Busy
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.privacy import After, Kind, Part, Step
from tests.auth.door import PASSWORD, Answer, Door
from tests.builders import token
from tests.steps import Steps
from tests.wire import Crash

EXPORTS = "/api/tenant/exports/"
KEY = {"name": "Till", "mode": "live", "scopes": ["sms:send"]}


@pytest.fixture
def queues(door: Door, exports_bucket: str) -> dict[Part, Steps]:
    """What each slice is told; the auth slice's own worker takes it."""

    def nobody(*_: Any) -> None:
        raise AssertionError

    handlers = {Part.AUTH: privacy.handler, Part.SMS: nobody, Part.BILLING: nobody}
    return {part: Steps(part, handler) for part, handler in handlers.items()}


def ask(door: Door, access: str | None) -> Answer:
    return door.call("POST", EXPORTS, token=access)


def see(door: Door, access: str | None, export: str) -> Answer:
    return door.call("GET", f"{EXPORTS}{export}/", token=access)


def finish(queues: dict[Part, Steps], *, wrote: dict[str, int] | None = None) -> None:
    """Lets every slice do its part; the texts and the money of these tests are empty."""
    for body in queues[Part.AUTH].queued():
        queues[Part.AUTH].run(Step.of(body))
    for part in (Part.SMS, Part.BILLING):
        for body in queues[part].queued():
            wanted.advance(body, part, lambda _: After(files=wrote or {}), url="")


def written(tenant: str) -> dict[str, list[Any]]:
    """Reads every file of a tenant, by kind."""
    client, found = aws.s3(), dict[str, list[Any]]()
    for listed in client.list_objects_v2(Bucket="exports", Prefix=f"{tenant}/").get("Contents", []):
        text = client.get_object(Bucket="exports", Key=listed["Key"])["Body"].read().decode()
        kind = listed["Key"].rpartition("/")[2].rpartition("-")[0]
        found.setdefault(kind, []).extend(json.loads(line) for line in text.splitlines())
    return found


def tenant_of(entered: Answer) -> str:
    return str(entered.body["tenant"]["id"])


def test_what_the_tenant_has_here_is_in_its_files_and_nothing_of_another_tenant(
    door: Door, queues: dict[Part, Steps]
) -> None:
    asha = door.register()
    juma = door.register(email="juma@duka.example", phone="0754000111", first_name="Juma", business_name="Duka la Juma")
    made = door.call("POST", "/api/auth/keys/", KEY, token=asha.access)
    door.call("POST", "/api/auth/keys/", {**KEY, "name": "Another's"}, token=juma.access)
    assert ask(door, asha.access).status == 202
    finish(queues)
    told = written(tenant_of(asha))
    assert set(told) == {"tenant", "members", "api_keys", "audit"}
    (tenant,) = told["tenant"]
    assert (tenant["id"], tenant["name"], tenant["status"]) == (tenant_of(asha), "Duka la Asha", "active")
    (member,) = told["members"]
    assert (member["email"], member["phone"], member["role"]) == ("asha@duka.example", "+255712345678", "owner")
    (key,) = told["api_keys"]
    assert (key["id"], key["name"], key["scopes"]) == (made.body["id"], "Till", ["sms:send"])
    assert {"key.created", "export.requested"} <= {entry["action"] for entry in told["audit"]}
    text = json.dumps(told)
    assert [theirs for theirs in ("Juma", "juma@", "754000111", tenant_of(juma), "Another's") if theirs in text] == []
    assert written(tenant_of(juma)) == {}


def test_no_secret_is_in_any_file(door: Door, queues: dict[Part, Steps]) -> None:
    asha = door.register()
    made = door.call("POST", "/api/auth/keys/", KEY, token=asha.access)
    ask(door, asha.access)
    finish(queues)
    told = written(tenant_of(asha))
    (shown,) = tables.query("access", f"T#{tenant_of(asha)}", begins_with="APIKEY#", consistent=True).items
    text = json.dumps(told)
    hidden = [made.body["key"], shown["digest"], PASSWORD, "argon2", asha.refresh, asha.access]
    assert [secret for secret in hidden if secret in text] == []
    names = {name for rows in told.values() for row in rows for name in row}
    assert [
        name for name in names if "digest" in name or "hash" in name or "secret" in name or name in {"pk", "sk"}
    ] == []


def test_who_of_the_platform_acted_and_from_where_is_not_told(door: Door, queues: dict[Part, Steps]) -> None:
    asha = door.register()
    tenant = tenant_of(asha)
    staff = token(role="staff", user="a-staff-member", tenant="platform")
    suspended = door.call(
        "POST", f"/api/admin/auth/tenants/{tenant}/suspend/", {"reason": "unpaid"}, token=staff, ip="196.41.99.99"
    )
    assert suspended.status == 200
    ask(door, asha.access)
    finish(queues)
    (entry,) = [entry for entry in written(tenant)["audit"] if entry["action"] == "tenant.suspended"]
    assert (entry["actor"], entry["ip"]) == ({"id": None, "kind": "platform"}, None)
    assert "a-staff-member" not in json.dumps(written(tenant))
    assert "196.41.99.99" not in json.dumps(written(tenant))


def test_files_have_links_once_every_part_is_done_and_a_link_leads_to_the_file(
    door: Door, queues: dict[Part, Steps]
) -> None:
    asha = door.register()
    export = ask(door, asha.access).body["id"]
    queues[Part.AUTH].run(Step.of(queues[Part.AUTH].queued()[0]))
    half = see(door, asha.access, export).body
    assert (half["state"], half["parts"], half["files"]) == (
        "running",
        {"auth": "done", "sms": "running", "billing": "running"},
        [],
    )
    finish(queues, wrote={"messages": 2})
    done = see(door, asha.access, export).body
    assert (done["state"], done["done_at"] >= done["asked_at"]) == ("done", True)
    assert [file["name"] for file in done["files"]] == [
        "audit-00001.jsonl",
        "members-00001.jsonl",
        "messages-00001.jsonl",
        "messages-00002.jsonl",
        "tenant-00001.jsonl",
    ]
    link = urlsplit(next(file["url"] for file in done["files"] if file["name"].startswith("members")))
    query = parse_qs(link.query)
    assert (query["X-Amz-Expires"], query["X-Amz-Algorithm"]) == (["900"], ["AWS4-HMAC-SHA256"])
    assert link.path.endswith(f"{tenant_of(asha)}/{export}/members-00001.jsonl")
    downloaded = requests.get(link.geturl(), timeout=5)
    assert json.loads(downloaded.text)["email"] == "asha@duka.example"


def test_files_are_linked_to_for_a_week(door: Door, queues: dict[Part, Steps], monkeypatch: pytest.MonkeyPatch) -> None:
    asha = door.register()
    export = ask(door, asha.access).body["id"]
    finish(queues)
    found = exports.read(TenantId(tenant_of(asha)), export)
    assert exports.files(found)
    real = clock.now
    monkeypatch.setattr(clock, "now", lambda: real() + timedelta(days=7))
    assert exports.files(found) == []


def test_one_export_runs_at_a_time_and_asking_again_begins_anew_what_is_not_written(
    door: Door, queues: dict[Part, Steps]
) -> None:
    asha = door.register()
    first = ask(door, asha.access)
    (own,) = queues[Part.AUTH].queued()
    queues[Part.AUTH].run(Step.of(own))
    (old,) = queues[Part.SMS].queued()
    queues[Part.BILLING].queued()  # and this one is lost
    again = ask(door, asha.access)
    assert again.body["id"] == first.body["id"]
    assert again.body["parts"] == {"auth": "done", "sms": "running", "billing": "running"}
    assert queues[Part.AUTH].queued() == []
    wanted.advance(old, Part.SMS, lambda _: After(files={"old": 1}), url="")
    assert see(door, asha.access, first.body["id"]).body["parts"]["sms"] == "running", "an older run's step"
    finish(queues)
    assert see(door, asha.access, first.body["id"]).body["state"] == "done"
    assert ask(door, asha.access).body["id"] != first.body["id"]


def test_of_many_who_ask_at_once_one_begins_and_the_others_get_the_same_or_ask_again(
    door: Door, queues: dict[Part, Steps]
) -> None:
    asha = door.register()
    caller = Principal(TenantId(tenant_of(asha)), UserId(asha.body["user"]["id"]), Role.OWNER)
    door.wire.take_turns()

    def begin(_: int) -> str:
        try:
            return exports.start(caller).id
        except Busy:
            return "busy"

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(begin, range(12)))
    (export,) = set(answers) - {"busy"}
    found = wanted.read(Kind.EXPORT, caller.tenant_id, export)
    assert found is not None
    for part, queue in queues.items():
        last = [body for body in queue.queued() if body["run"] == found.run]
        assert len(last) == 1, part
    entries = tables.query(AuditSettings.load().audit_table, f"T#{caller.tenant_id}", consistent=True).items
    assert [entry["action"] for entry in entries].count("export.requested") == 1


def test_an_export_that_never_ended_does_not_stand_in_the_way_for_ever(
    door: Door, queues: dict[Part, Steps], monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = door.register()
    stuck = ask(door, asha.access).body["id"]
    monkeypatch.setattr(exports, "KEPT_S", 0)
    assert ask(door, asha.access).body["id"] != stuck


def test_exports_are_listed_newest_first_page_by_page(door: Door, queues: dict[Part, Steps]) -> None:
    asha = door.register()
    made = []
    for _ in range(3):
        made.append(ask(door, asha.access).body["id"])
        finish(queues)
    page = door.call("GET", EXPORTS, token=asha.access, query={"limit": "2"})
    rest = door.call("GET", EXPORTS, token=asha.access, query={"limit": "2", "cursor": page.body["next"]})
    assert [one["id"] for one in page.body["items"] + rest.body["items"]] == made[::-1]
    assert rest.body["next"] is None
    assert all("files" not in one for one in page.body["items"])


def test_an_erasure_is_not_among_the_exports(door: Door, queues: dict[Part, Steps]) -> None:
    asha = door.register()
    erasure = door.call("POST", "/api/tenant/erasures/", {"phone": "0765000111"}, token=asha.access).body["id"]
    assert door.call("GET", EXPORTS, token=asha.access).body["items"] == []
    assert see(door, asha.access, erasure).status == 404


def test_another_tenants_export_is_not_found(door: Door, queues: dict[Part, Steps]) -> None:
    asha, juma = door.register(), door.register(email="juma@duka.example", phone="0754000111")
    export = ask(door, asha.access).body["id"]
    finish(queues)
    for unknown in (export, "7zzzzzzzzzzzzzzzzzzzzzzzzz", "nonsense", "LATEST"):
        seen = see(door, juma.access, unknown)
        assert (seen.status, seen.code) == (404, "not_found")
    assert door.call("GET", EXPORTS, token=juma.access).body["items"] == []


@pytest.mark.parametrize("role", ["admin", "agent", "support"])
def test_only_an_owner_may_ask_list_and_download(door: Door, queues: dict[Part, Steps], role: str) -> None:
    for access, status in ((None, 401), (token(role=role), 403)):
        assert ask(door, access).status == status
        assert door.call("GET", EXPORTS, token=access).status == status
        assert see(door, access, "7zzzzzzzzzzzzzzzzzzzzzzzzz").status == status
    assert [queue.queued() for queue in queues.values()] == [[], [], []]


def test_the_request_stands_in_the_audit_log_once(door: Door, queues: dict[Part, Steps]) -> None:
    asha = door.register()
    export = ask(door, asha.access).body["id"]
    ask(door, asha.access)
    entries = tables.query(AuditSettings.load().audit_table, f"T#{tenant_of(asha)}", consistent=True).items
    assert [entry["target"] for entry in entries if entry["action"] == "export.requested"] == [export]


def test_a_second_delivery_writes_the_same_files_again(door: Door, queues: dict[Part, Steps]) -> None:
    asha = door.register()
    ask(door, asha.access)
    (body,) = queues[Part.AUTH].queued()
    queues[Part.AUTH].run(Step.of(body))
    once = written(tenant_of(asha))
    queues[Part.AUTH].run(Step.of(body))
    assert written(tenant_of(asha)) == once


@pytest.mark.parametrize("poison", ["no json", {"kind": "export"}, "an erasure"])
def test_a_message_that_is_no_step_of_this_slice_goes_back_to_the_queue(
    door: Door, queues: dict[Part, Steps], poison: Any
) -> None:
    if poison == "an erasure":
        step = wanted.first(Kind.ERASURE, TenantId("t1"), "e", run="r", subject="255712000010")
        writes.commit(wanted.ask(step))
        poison = step.body()
    assert queues[Part.AUTH].handle(poison) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}


def test_more_rows_than_a_file_takes_make_another_file(
    door: Door, queues: dict[Part, Steps], monkeypatch: pytest.MonkeyPatch
) -> None:
    asha = door.register()
    monkeypatch.setattr(files, "ROWS_A_FILE", 2)
    monkeypatch.setattr("functions.auth.extracts._PAGE", 1)
    for name in ("One", "Two", "Three"):
        door.call("POST", "/api/auth/keys/", {**KEY, "name": name}, token=asha.access)
    export = ask(door, asha.access).body["id"]
    finish(queues)
    names = [file["name"] for file in see(door, asha.access, export).body["files"]]
    assert [name for name in names if name.startswith("api_keys")] == ["api_keys-00001.jsonl", "api_keys-00002.jsonl"]
    assert [key["name"] for key in written(tenant_of(asha))["api_keys"]] == ["Three", "Two", "One"]


def test_a_worker_that_dies_anywhere_leaves_what_the_next_delivery_finishes(
    door: Door, queues: dict[Part, Steps]
) -> None:
    asha = door.register()
    for at in range(20):
        died = []
        for after in (False, True):
            export = ask(door, asha.access).body["id"]
            (body,) = queues[Part.AUTH].queued()
            door.wire.cut(at, after=after)
            bodies = [body]
            while bodies:
                try:
                    queues[Part.AUTH].handle(bodies[0])
                except Crash:
                    died.append(after)
                    door.wire.mend()
                    continue
                bodies = [*bodies[1:], *queues[Part.AUTH].queued()]
            door.wire.mend()
            finish(queues)
            done = see(door, asha.access, export).body
            assert done["state"] == "done"
            assert {file["name"] for file in done["files"]} >= {"tenant-00001.jsonl", "members-00001.jsonl"}
        if not died:
            return
    raise AssertionError("twenty calls are too many for an empty tenant")


def test_a_door_that_dies_anywhere_is_asked_again(door: Door, queues: dict[Part, Steps]) -> None:
    asha = door.register()
    for at in range(15):
        died = []
        for after in (False, True):
            door.wire.cut(at, after=after)
            try:
                ask(door, asha.access)
            except Crash:
                died.append(after)
            door.wire.mend()
            for queue in queues.values():
                queue.queued()
            answer = ask(door, asha.access)
            assert answer.status == 202
            finish(queues)
            assert see(door, asha.access, answer.body["id"]).body["state"] == "done"
        if not died:
            return
    raise AssertionError("fifteen calls are too many")
