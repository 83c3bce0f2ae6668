"""Audit entries: added once with their deed, never changed, and free of numbers, tokens and secrets."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mifumo import audit, ids, origins, tables, writes
from mifumo.aws import unmarshal
from mifumo.callers import Principal
from mifumo.errors import Conflict
from mifumo.ids import TenantId, UserId
from mifumo.origins import Origin
from mifumo.permissions import Role
from mifumo.tables import Key
from mifumo.writes import Write
from tests.wire import Wire

OWNER = Principal(TenantId("t1"), UserId("u1"), Role.OWNER)
STAFF = Principal(TenantId("labs"), UserId("s1"), Role.STAFF)


def item_of(entry: Write) -> dict[str, object]:
    return unmarshal(entry.arguments["Item"])


@pytest.mark.usefixtures("aws_tables")
def test_an_entry_says_who_did_what_to_whom_from_where() -> None:
    origins.enter(Origin("196.41.32.10", "request-1"))
    entry = audit.entry(OWNER, "member.suspended", target="u2", before={"status": "active"}, reason="Left us")
    writes.commit(entry)
    found = tables.get("audit", entry.key)
    assert found is not None
    wanted = {"tenant_id": "t1", "action": "member.suspended", "actor": "u1", "role": "owner", "target": "u2"}
    assert wanted.items() <= found.items()
    assert (found["before"], found["after"], found["reason"]) == ({"status": "active"}, {}, "Left us")
    assert (found["ip"], found["request_id"]) == ("196.41.32.10", "request-1")
    assert ids.valid(found["id"])
    assert "listing_pk" not in found


@pytest.mark.usefixtures("aws_tables")
def test_what_staff_do_stands_in_the_tenants_log_and_in_the_list_of_staff() -> None:
    writes.commit(audit.entry(STAFF, "tenant.suspended", tenant=TenantId("t1"), target="t1"))
    (entry,) = tables.query("audit", "T#t1").items
    (same,) = tables.query("audit", audit.STAFF, index="listing").items
    assert entry == same
    assert tables.query("audit", "T#labs").items == []


@pytest.mark.usefixtures("aws_tables")
def test_an_entry_is_not_written_over() -> None:
    entry = audit.entry(OWNER, "key.created", target="k1")
    writes.commit(entry)
    with pytest.raises(Conflict):
        writes.commit(entry)


def test_an_entry_falls_with_the_deed_that_it_tells_of(aws_tables: Wire) -> None:
    entry = audit.entry(OWNER, "key.created")
    refused = writes.delete("access", Key("T#t1", "TENANT"), refused=lambda _: Conflict("nothing"))
    with pytest.raises(Conflict):
        writes.transact(refused, entry)
    assert aws_tables.count("TransactWriteItems") == 1
    assert tables.get("audit", entry.key) is None


@pytest.mark.parametrize(
    "name", ["password", "password_hash", "secret", "refresh_token", "code", "totp_secret", "pepper", "digest"]
)
@pytest.mark.usefixtures("aws_tables")
def test_a_member_named_like_a_secret_is_a_mistake_that_is_told(name: str) -> None:
    with pytest.raises(audit.SecretInAuditError, match=name):
        audit.entry(OWNER, "password.changed", after={name: "x"})
    with pytest.raises(audit.SecretInAuditError, match=name):
        audit.entry(OWNER, "password.changed", before={"user": {name: "x"}})


@pytest.mark.parametrize(
    "text",
    [
        "0712345678",
        "+255 712 345 678",
        "255712345678",
        "712345678",
        "(0712) 345 678",
        "00255712345678",
        "+1 415 555 0100",
    ],
)
@pytest.mark.usefixtures("aws_tables")
def test_a_number_in_any_usual_form_is_hidden_but_for_its_last_digits(text: str) -> None:
    found = item_of(audit.entry(OWNER, "tenant.renamed", target=text, after={"name": f"Call {text}!"}, reason=text))
    hidden = f"[number …{text[-2:]}]"
    assert (found["target"], found["reason"], found["after"]) == (hidden, hidden, {"name": f"Call {hidden}!"})


@pytest.mark.parametrize("token", ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.sig", "mfr_a.b.c.d", "mfk_live_abc123", "mfi_xyz"])
@pytest.mark.usefixtures("aws_tables")
def test_a_token_that_somebody_pasted_is_hidden(token: str) -> None:
    found = item_of(audit.entry(OWNER, "key.revoked", reason=f"This leaked: {token}", after={"notes": [token]}))
    assert (found["reason"], found["after"]) == ("This leaked: [token]", {"notes": ["[token]"]})


@given(national=st.integers(600_000_000, 799_999_999), before=st.text("abc ,:-", max_size=5))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_tanzanian_number_is_ever_kept_whole(aws_tables: Wire, national: int, before: str) -> None:
    for written in (f"0{national}", f"+255{national}", f"255{national}", str(national)):
        found = item_of(audit.entry(OWNER, "tenant.renamed", after={"name": f"{before}{written} x"}))
        assert str(national)[:7] not in str(found["after"])


@pytest.mark.usefixtures("aws_tables")
def test_ids_times_amounts_and_words_stay_as_they_are() -> None:
    kept = {
        "id": "01jd8x6q5v7w9y2k4m6p8r0t1a",
        "digits": "01712345678901234567890123",
        "at": "2026-01-31T08:15:30.000Z",
        "amount": 150_000,
        "reason": "Paid 1,250,000 TZS, receipt 123456",
        "on": True,
        "none": None,
    }
    assert item_of(audit.entry(OWNER, "credits.adjusted", after=kept))["after"] == kept
