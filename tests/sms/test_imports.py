"""Imports: contacts and opt-outs from a file; what was known stays, and the same file again changes nothing."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.sms.content import contacts, groups, opt_outs
from mifumo import aws
from tests.sms import files
from tests.sms.files import put, read, split
from tests.sms.world import TENANT, World
from tests.wire import Crash

PEOPLE = (
    "\ufeffphone,Jina,City,tags\n"
    "0712000001,Asha Mrema,Mwanza,wholesale; vip\n"
    "'+255712000002,\u00a0Juma ,,\n"
    "7.12E+08,Neema,Arusha,\n"
    "0712000001,Another,Moshi,\n"
)


def imported(world: World, bucket: str, data: str, *, purpose: str = "contacts", **more: Any) -> Any:
    made = files.begun(world, purpose=purpose, **more)
    split(put(bucket, made, data))
    return read(world, made)


def kept(world: World) -> dict[str, Any]:
    status, page = world.call("GET", "/api/sms/contacts/", query={"limit": "250"})
    assert status == 200
    return {one["phone"]: one for one in page["items"]}


def told(contact: Any) -> tuple[Any, ...]:
    return contact["name"], contact["attributes"], contact["tags"]


def test_rows_become_contacts_with_what_their_columns_say(world: World, campaigns_bucket: str) -> None:
    found = imported(world, campaigns_bucket, PEOPLE, tags=["import"])
    assert (found["state"], found["rows"], found["accepted"]) == ("used", 4, 2)
    assert (found["duplicates"], found["refused"], found["price"]) == (1, 1, 0)
    people = kept(world)
    assert told(people["+255712000001"]) == ("Asha Mrema", {"city": "Mwanza"}, ["import", "wholesale", "vip"])
    assert told(people["+255712000002"]) == ("Juma", {}, ["import"])


def test_the_same_file_again_changes_nothing(world: World, campaigns_bucket: str) -> None:
    imported(world, campaigns_bucket, PEOPLE)
    before = kept(world)
    again = imported(world, campaigns_bucket, PEOPLE)
    assert (again["state"], again["accepted"]) == ("used", 2)
    assert kept(world) == before


def test_what_was_known_of_a_contact_stays_unless_a_cell_says_something_else(
    world: World, campaigns_bucket: str
) -> None:
    body = {"phone": "0712000001", "name": "Asha", "attributes": {"city": "Moshi", "shop": "Kati"}, "tags": ["old"]}
    assert world.call("POST", "/api/sms/contacts/", body)[0] == 201
    world.call("POST", "/api/sms/opt-outs/", {"phone": "0712000001"})
    imported(world, campaigns_bucket, "phone,name,city\n0712000001,,Mwanza\n", tags=["new"])
    found = kept(world)["+255712000001"]
    assert told(found) == ("Asha", {"city": "Mwanza", "shop": "Kati"}, ["old", "new"])
    assert (found["version"], found["opted_out_at"] is not None) == (2, True)


def test_what_was_exported_can_be_imported_as_it_is(world: World, campaigns_bucket: str) -> None:
    body = {"phone": "0712000001", "name": "=Asha", "attributes": {"note": "-5"}, "tags": ["vip", "mwanza"]}
    assert world.call("POST", "/api/sms/contacts/", body)[0] == 201
    exported = world.raw("GET", "/api/sms/contacts/export/")["body"]
    before = kept(world)
    found = imported(world, campaigns_bucket, exported)
    assert (found["state"], found["accepted"], found["refused"]) == ("used", 1, 0)
    assert kept(world) == before


LETTERS = st.characters(codec="utf-8", exclude_categories=["Cs"], exclude_characters="\0")
WORDS = st.one_of(
    st.text(LETTERS, max_size=12),
    st.sampled_from(
        [
            "=1+1",
            "'=1",
            "''x",
            "'0045",
            "' 7",
            "'",
            "a;b",
            "\u00a0x\u00a0y",
            "a\rb",
            "a\nb",
            'a"b',
            "\u2028",
            "-",
            " ",
            "+255712",
        ]
    ),
)
ATTRIBUTES = st.dictionaries(
    st.one_of(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,39}", fullmatch=True),
        st.sampled_from(["City", "_x", "a__B", "_1st", "customer", "jina", "mteja", "tag", "lebo", "simu", "to"]),
    ),
    WORDS,
    max_size=3,
)
PERSON = st.fixed_dictionaries({"name": WORDS, "attributes": ATTRIBUTES, "tags": st.lists(WORDS, max_size=3)})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PERSON, min_size=1, max_size=4))
def test_an_export_that_is_imported_again_changes_nothing_whatever_was_kept(
    world: World, campaigns_bucket: str, people: list[dict[str, Any]]
) -> None:
    for contact in kept(world).values():
        world.call("DELETE", f"/api/sms/contacts/{contact['id']}/")
    for place, person in enumerate(people):
        status, problem = world.call("POST", "/api/sms/contacts/", {"phone": f"07120000{place:02d}", **person})
        assert status == 201 or {error["pointer"].split("/")[1] for error in problem["errors"]} <= {
            "attributes",
            "tags",
        }
    before = kept(world)
    if before:
        found = imported(world, campaigns_bucket, world.raw("GET", "/api/sms/contacts/export/")["body"])
        assert (found["state"], found["accepted"], found["refused"]) == ("used", len(before), 0)
    assert kept(world) == before


def test_of_two_columns_that_could_be_the_name_or_the_tags_the_other_one_is_an_attribute(
    world: World, campaigns_bucket: str
) -> None:
    imported(world, campaigns_bucket, "mteja,simu,name,tag,phone,tags\nDuka,0712000001,Asha,A.,-,vip\n")
    (found,) = kept(world).values()
    assert told(found) == ("Asha", {"mteja": "Duka", "tag": "A.", "phone_2": "-"}, ["vip"])


@pytest.mark.parametrize(
    ("header", "row", "code"),
    [
        ("phone,name", f"0712000001,{'a' * 101}", "too_long"),
        ("phone,note", f"0712000001,{'a' * 501}", "too_long"),
        ("phone,tags", f"0712000001,{'a' * 51}", "too_long"),
        ("phone,tags", "0712000001," + ";".join(f"t{n}" for n in range(21)), "too_many"),
        ("phone," + ",".join(f"c{n}" for n in range(21)), "0712000001" + ",x" * 21, "too_many"),
    ],
)
def test_what_a_contact_cannot_hold_is_refused_with_its_row(
    world: World, campaigns_bucket: str, header: str, row: str, code: str
) -> None:
    found = imported(world, campaigns_bucket, f"{header}\n{row}\n0712000002{',' * header.count(',')}\n")
    assert [(one["line"], one["code"]) for one in found["refusals"]] == [(2, code)]
    assert list(kept(world)) == ["+255712000002"]


def test_a_number_whose_row_was_refused_may_come_again(
    world: World, campaigns_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = ";".join(f"t{n}" for n in range(21))
    data = f"phone,name,tags\n0712000001,{'a' * 101},\n0712000002,Juma,{tags}\n0712000001,Asha,\n0712000002,Juma,vip\n"
    for steps in (100, 1):
        monkeypatch.setattr("functions.sms.uploads.contact_import._STEP_MAX", steps)
        made = files.begun(world, purpose="contacts")
        assert files.split_all(put(campaigns_bucket, made, data), looks=1) == (1 if steps > 1 else 5)
        found = read(world, made)
        assert (found["accepted"], found["duplicates"], found["refused"]) == (2, 0, 2)
    assert {phone: one["name"] for phone, one in kept(world).items()} == {
        "+255712000001": "Asha",
        "+255712000002": "Juma",
    }


def test_a_number_that_excel_has_cut_short_is_not_kept_of_a_contact(world: World, campaigns_bucket: str) -> None:
    found = imported(world, campaigns_bucket, "phone,meter\n0712000001,1.23457E+11\n0712000002,'0045\n")
    (row,) = found["refusals"]
    assert (row["line"], row["column"], row["code"]) == (2, "meter", "scientific_notation")
    assert {phone: one["attributes"] for phone, one in kept(world).items()} == {"+255712000002": {"meter": "0045"}}


@pytest.mark.parametrize("header", ["phone,City,city", f"phone,{'a' * 41},{'a' * 42}", "phone,name,Name"])
def test_columns_that_would_be_lost_in_each_other_refuse_the_file(
    world: World, campaigns_bucket: str, header: str
) -> None:
    found = imported(world, campaigns_bucket, f"{header}\n0712000001,Moshi,Mwanza\n")
    assert (found["state"], found["reason_code"], kept(world)) == ("refused", "column_twice", {})


@pytest.mark.parametrize("purpose", ["contacts", "opt_outs"])
def test_a_list_that_is_refused_midway_says_what_stays_taken_over(
    world: World, campaigns_bucket: str, monkeypatch: pytest.MonkeyPatch, purpose: str
) -> None:
    for module in ("contact_import", "opt_out_import"):
        monkeypatch.setattr(f"functions.sms.uploads.{module}._STEP_MAX", 10)
    made = files.begun(world, purpose=purpose)
    rows = "".join(f"0712{n:06d},Asha,{';x' * 2_000}\n" for n in range(25))
    last = "0712999999,Jos\u00e9,x\n".encode("latin-1")
    split(put(campaigns_bucket, made, f"phone,name,tags\n{rows}".encode() + last))
    found = read(world, made)
    assert (found["state"], found["reason_code"], found["accepted"]) == ("refused", "not_utf_8", 20)
    assert found["reason"].endswith("What comes before stays taken over: at least 20 rows.")


def group(world: World) -> str:
    status, made = world.call("POST", "/api/sms/groups/", {"name": "Wholesale"})
    assert status == 201
    return str(made["id"])


def test_contacts_are_put_into_a_group_until_it_is_full(
    world: World, campaigns_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "MEMBERS_MAX", 60)
    wholesale = group(world)
    data = "phone\n" + "".join(f"0712{n:06d}\n" for n in range(120))
    for _ in range(2):
        found = imported(world, campaigns_bucket, data, group_id=wholesale)
        assert (found["accepted"], found["refused"]) == (60, 60)
        assert {one["code"] for one in found["refusals"]} == {"group_full"}
        assert all("`campaign`" in one["detail"] for one in found["refusals"])
        assert groups.read(TENANT, wholesale).members == 60
    assert len(kept(world)) == 120


def test_a_group_that_is_deleted_while_its_file_is_on_the_way_refuses_the_file(
    world: World, campaigns_bucket: str
) -> None:
    made = files.begun(world, purpose="contacts", group_id=(wholesale := group(world)))
    assert world.call("DELETE", f"/api/sms/groups/{wholesale}/")[0] == 204
    split(put(campaigns_bucket, made, "phone\n0712000001\n"))
    found = read(world, made)
    assert (found["state"], found["reason_code"]) == ("refused", "group_gone")


def test_numbers_are_opted_out_and_those_that_were_keep_their_entry(world: World, campaigns_bucket: str) -> None:
    world.call("POST", "/api/sms/opt-outs/", {"phone": "0712000001", "reason": "First"})
    data = "namba\n0712000001\n0712000002\n+254712345678\n12\n0712000002\n"
    found = imported(world, campaigns_bucket, data, purpose="opt_outs", reason="Old system")
    assert (found["state"], found["accepted"], found["duplicates"], found["refused"]) == ("used", 3, 1, 1)
    _, page = world.call("GET", "/api/sms/opt-outs/")
    assert {one["phone"]: (one["source"], one["reason"]) for one in page["items"]} == {
        "+254712345678": ("imported", "Old system"),
        "+255712000001": ("entered", "First"),
        "+255712000002": ("imported", "Old system"),
    }


def test_more_opt_outs_than_a_tenant_may_have_refuse_the_file(
    world: World, campaigns_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opt_outs, "_SHARD_MAX", 1)
    world.call("POST", "/api/sms/opt-outs/", {"phone": "0712000640"})
    data = "namba\n" + "".join(f"0712{n:06d}\n" for n in range(0, 640, 64))
    found = imported(world, campaigns_bucket, data, purpose="opt_outs")
    assert (found["state"], found["reason_code"]) == ("refused", "too_many_opt_outs")


def long_list() -> str:
    return "phone,name\n" + "".join(f"0712{n % 70:06d},Asha {n}\n" for n in range(100)) + "abc,Juma\n"


@pytest.mark.parametrize("purpose", ["contacts", "opt_outs"])
def test_a_list_that_is_read_by_many_comes_to_the_same(
    world: World, campaigns_bucket: str, monkeypatch: pytest.MonkeyPatch, purpose: str
) -> None:
    whole = imported(world, campaigns_bucket, long_list(), purpose=purpose)
    for module in ("contact_import", "opt_out_import"):
        monkeypatch.setattr(f"functions.sms.uploads.{module}._STEP_MAX", 9)
    made = files.begun(world, purpose=purpose)
    assert files.split_all(put(campaigns_bucket, made, long_list()), looks=1) > 10
    found = read(world, made)
    for name in ("state", "rows", "accepted", "duplicates", "refused", "refusals", "bytes_read"):
        assert found[name] == whole[name], name
    assert (found["accepted"], found["duplicates"], found["refused"]) == (70, 30, 1)
    assert files.refused_rows(campaigns_bucket, found) == files.refused_rows(campaigns_bucket, whole)


@pytest.mark.parametrize("after", [False, True])
def test_an_import_that_dies_at_every_other_call_is_finished_by_another_one(
    world: World, campaigns_bucket: str, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    monkeypatch.setattr("functions.sms.uploads.contact_import._STEP_MAX", 12)
    monkeypatch.setattr("functions.sms.uploads.contact_import._TOGETHER_MAX", 8)
    monkeypatch.setattr(groups, "MEMBERS_MAX", 10_000)
    world.wire.listen(aws.s3())
    wholesale, died = group(world), 0
    for at in range(int(after), 100, 2):
        made = files.begun(world, purpose="contacts", group_id=wholesale)
        event = put(
            campaigns_bucket, made, "phone,name\n" + "".join(f"07{at:02d}{n % 18:06d},Asha {n}\n" for n in range(24))
        )
        world.wire.cut(at, after=after)
        try:
            split(event)
            break
        except Crash:
            died += 1
        finally:
            world.wire.mend()
        world.pass_time(60)
        split(event)
        found = read(world, made)
        assert (found["state"], found["accepted"], found["duplicates"]) == ("used", 18, 6), at
        page = contacts.by_number(TENANT, f"2557{at:02d}", limit=250, start=None)
        assert [one["name"] for one in page.items] == [f"Asha {n}" for n in range(18)], at
        assert groups.read(TENANT, wholesale).members == 18 * died
    assert died > 10
