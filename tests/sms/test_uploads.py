"""Uploads: from a file to a quote; who may, what is refused and why, and what a second run changes."""

import os
from typing import Any
from unittest import mock

import pytest

from functions.sms import recovery
from functions.sms.plans import parts
from functions.sms.uploads import steps, uploads
from mifumo import aws, clock, segments, writes
from mifumo.ids import TenantId
from tests.builders import token
from tests.queues import taken
from tests.sms import files
from tests.sms.files import PATH, campaign, put, quoted, read, split
from tests.sms.world import TENANT, World
from tests.wire import Crash

HEADER = "phone,name,amount\n"


def rows(count: int, *, first: int = 0) -> str:
    return "".join(f"0712{number:06d},Asha {number},{number}00\n" for number in range(first, first + count))


def test_a_stranger_uploads_nothing_and_sees_nothing(world: World, campaigns_bucket: str) -> None:
    made = campaign(world)
    for method, path, body in [
        ("POST", PATH, {"purpose": "campaign", "text": "Habari"}),
        ("GET", PATH, None),
        ("GET", f"{PATH}{made['id']}/", None),
        ("DELETE", f"{PATH}{made['id']}/", None),
    ]:
        status, problem = world.call(method, path, body, token=None)
        assert (status, problem["code"]) == (401, "unauthenticated"), path


def test_another_tenants_uploads_are_neither_listed_nor_read_nor_deleted(world: World, campaigns_bucket: str) -> None:
    made, other = campaign(world), token(tenant="t2")
    world.fund(10, tenant=TenantId("t2"))
    assert world.call("GET", PATH, token=other)[1]["items"] == []
    for method in ("GET", "DELETE"):
        assert world.call(method, f"{PATH}{made['id']}/", token=other)[0] == 404
    assert read(world, made)["state"] == "waiting"
    assert world.call("GET", f"{PATH}no-id/")[0] == 404


def test_the_form_lets_one_file_in_at_one_place_below_one_size(world: World, campaigns_bucket: str) -> None:
    made = campaign(world)
    assert made["fields"]["key"] == f"uploads/t1/{made['id']}"
    assert made["fields"]["Content-Type"] == "text/csv"
    assert campaigns_bucket in made["url"]
    assert (made["state"], made["file_bytes_max"]) == ("waiting", 100_000_000)


@pytest.mark.parametrize("role", ["agent", "support"])
def test_who_may_only_send_uploads_campaigns_and_no_lists(world: World, campaigns_bucket: str, role: str) -> None:
    bearer = token(role=role)
    assert world.call("POST", PATH, {"purpose": "campaign", "sender_id": "INFO", "text": "a"}, token=bearer)[0] == 201
    for purpose in ("contacts", "opt_outs"):
        assert world.call("POST", PATH, {"purpose": purpose}, token=bearer)[0] == 403
        made = files.begun(world, purpose=purpose)
        assert world.call("DELETE", f"{PATH}{made['id']}/", token=bearer)[0] == 403


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"purpose": "campaign"}, "/text", "missing"),
        ({"purpose": "campaign", "text": "a", "template_id": "b"}, "/template_id", "too_much"),
        ({"purpose": "campaign", "text": "a", "tags": ["b"]}, "/tags", "too_much"),
        ({"purpose": "campaign", "text": "a", "reason": "b"}, "/reason", "too_much"),
        ({"purpose": "contacts", "text": "a"}, "/text", "too_much"),
        ({"purpose": "opt_outs", "group_id": "a"}, "/group_id", "too_much"),
        ({"purpose": "contacts", "group_id": "a"}, "/group_id", "unknown_group"),
        ({"purpose": "campaign", "sender_id": "INFO", "template_id": "a"}, "/template_id", "unknown_template"),
        ({"purpose": "campaign", "text": "a"}, "/sender_id", "missing"),
        ({"purpose": "campaign", "sender_id": "INFO", "text": "Hi {{name"}, "/text", "placeholder_invalid"),
        ({"purpose": "campaign", "sender_id": "INFO", "text": "a" * 1_600}, "/text", "too_long"),
        ({"purpose": "campaign", "sender_id": "INFO", "text": "  "}, "/text", "empty"),
        ({"purpose": "campaign", "sender_id": "INFO", "text": "a\x1b {{name}}"}, "/text", "character_not_sendable"),
        ({"purpose": "campaign", "sender_id": "INFO", "text": "a" * 1_600 + "{{name}}"}, "/text", "too_long"),
        ({"purpose": "payments"}, "/purpose", "enum"),
    ],
)
def test_what_cannot_be_done_is_refused_before_a_file_comes(
    world: World, campaigns_bucket: str, body: dict[str, Any], pointer: str, code: str
) -> None:
    status, problem = world.call("POST", PATH, body)
    assert status == 422, problem
    assert (pointer, code) in [(error["pointer"], error["code"]) for error in problem["errors"]]
    assert world.call("GET", PATH)[1]["items"] == []


def test_a_name_that_may_not_be_used_is_refused_before_a_file_comes(world: World, campaigns_bucket: str) -> None:
    status, problem = world.call("POST", PATH, {"purpose": "campaign", "sender_id": "NOTMINE", "text": "a"})
    assert (status, problem["code"]) == (403, "sender_id_not_allowed")


DAMAGED = (
    "\ufeffJina;Namba ya simu;Kiasi\r\n"
    "Asha;0712000001;1,000\r\n"  # 2: good
    "Juma;712000002.0;2000\r\n"  # 3: good, lost its zero and got a decimal
    "Neema;'+255 712 000 003;3000\r\n"  # 4: good
    "Asha;7.12E+08;100\r\n"  # 5: digits are lost
    "Baraka;0712\u00a0000\u00a0001;50\r\n"  # 6: the number of line 2
    "Zawadi;0712000009;10\r\n"  # 7: opted out
    '"Mama\nAsha";0712000004;\r\n'  # 8 and 9: nothing for the amount
    "Rehema;12345;10\r\n"  # 10
    "Musa;0712000005;10;20\r\n"  # 11: a cell too many
    '"Ali;0712000006;10\r\n'  # 12: a quote that nobody closes
    "\r\n"
    "O\u2019Neil;0712000007;10\r\n"  # 14: good, and dearer
)


def test_a_damaged_file_becomes_a_quote_that_says_what_is_wrong_in_which_line(
    world: World, campaigns_bucket: str
) -> None:
    world.call("POST", "/api/sms/opt-outs/", {"phone": "0712000009"})
    found = quoted(world, campaigns_bucket, DAMAGED, text="Habari {{jina}}, salio {{Kiasi}}." + "." * 60)
    assert (found["state"], found["rows"], found["accepted"]) == ("ready", 11, 4)
    assert (found["duplicates"], found["opted_out"], found["refused"]) == (1, 1, 5)
    assert [(row["line"], row["column"], row["code"]) for row in found["refusals"]] == [
        (5, "namba_ya_simu", "scientific_notation"),
        (8, "Kiasi", "value_missing"),
        (10, "namba_ya_simu", "too_short"),
        (11, "", "too_many_cells"),
        (12, "", "quotes_broken"),
    ]
    assert [row["code"] for row in files.refused_rows(campaigns_bucket, found)] == [
        "scientific_notation",
        "duplicate",
        "opted_out",
        "value_missing",
        "too_short",
        "too_many_cells",
        "quotes_broken",
    ]
    assert found["refused_url"].startswith("https://")
    assert found["columns"] == ["jina", "namba_ya_simu", "kiasi"]
    assert found["phone_column"] == "namba_ya_simu"
    assert (found["price"], found["segments"], found["encoding"]) == (5, 5, "UCS-2")
    assert found["bytes"] == found["bytes_read"] == len(DAMAGED.encode())
    assert [sample["text"][:28] for sample in found["samples"][:2]] == [
        "Habari Asha, salio 1,000....",
        "Habari Juma, salio 2000.....",
    ]
    (advice,) = found["advice"]
    assert (advice["line"], advice["characters"], advice["segments"]) == (14, "’", 2)
    assert (advice["plainer_segments"], advice["saves"]) == (1, 1)


def test_the_parts_say_who_gets_what_and_equal_texts_go_together(world: World, campaigns_bucket: str) -> None:
    data = "simu,jina\n" + "".join(f"0712{n:06d},{'Asha' if n % 2 else 'Juma'}\n" for n in range(250))
    found = quoted(world, campaigns_bucket, data, text="Habari {{jina}}")
    made = files.chunks(campaigns_bucket, found)
    assert [(one["n"], one["text"], len(one["to"])) for one in made] == [
        (1, "Habari Juma", 100),
        (2, "Habari Juma", 25),
        (3, "Habari Asha", 100),
        (4, "Habari Asha", 25),
    ]
    assert found["price"] == sum(one["segments"] * len(one["to"]) for one in made) == 250


def test_smart_encoding_writes_signs_plainer_and_keeps_what_was_asked(world: World, campaigns_bucket: str) -> None:
    text = "“Karibu” – {{jina}}…"
    data = "simu,jina\n0712000001,O’Neil\n0712000002,Façade\n"
    dear = quoted(world, campaigns_bucket, data, text=text)
    cheap = quoted(world, campaigns_bucket, data, text=text, smart_encoding=True)
    assert [one["text"] for one in files.chunks(campaigns_bucket, dear)] == ["“Karibu” – O’Neil…", "“Karibu” – Façade…"]
    assert [(one["text"], one.get("asked")) for one in files.chunks(campaigns_bucket, cheap)] == [
        ('"Karibu" - O\'Neil...', "“Karibu” – O’Neil…"),
        ('"Karibu" - Façade...', "“Karibu” – Façade…"),
    ]
    assert cheap["advice"] == []


def test_the_advice_is_counted_over_the_whole_file(world: World, campaigns_bucket: str) -> None:
    data = "simu\n" + "".join(f"0712{n:06d}\n" for n in range(1_234))
    found = quoted(world, campaigns_bucket, data, text="Habari ya leo, mteja wetu mpendwa – " + "a" * 60)
    assert found["price"] == 2_468
    assert [(one["line"], one["characters"], one["saves"]) for one in found["advice"]] == [(2, "–", 1_234)]
    assert found["advice"][0]["detail"].endswith("saves 1,234 credits.")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("phone,name\n0712000001,José\n".encode("latin-1"), "not_utf_8"),
        ("phone\n0712000001\n".encode("utf-16"), "utf_16"),
        (b"name,city\nAsha,Mwanza\n", "no_phone_column"),
        (b"phone,city\n0712000001,Mwanza\n", "column_missing"),
        (b"phone,name,Name\n0712000001,Asha,Juma\n", "column_twice"),
        (b"phone,name\n12,Asha\n", "nothing_accepted"),
        (b"phone,name\n\n", "only_header"),
        (b'"phone" , "name"\n"0712000001" , "Asha"\n', "quotes_broken"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_reason_and_its_quote_cannot_be_sent(
    world: World, campaigns_bucket: str, data: bytes, code: str
) -> None:
    found = quoted(world, campaigns_bucket, data, text="Habari {{name}}")
    assert (found["state"], found["reason_code"]) == ("refused", code)
    assert len(found["reason"]) > 20
    assert found["price"] == 0
    assert world.call("GET", PATH)[1]["items"][0]["state"] == "refused"


def test_a_row_whose_text_cannot_be_sent_is_refused_and_its_number_may_come_again(
    world: World, campaigns_bucket: str
) -> None:
    data = f"simu,jina\n0712000001,{'a' * 2_000}\n0712000002,a\x1bb\n0712000001,Asha\n"
    found = quoted(world, campaigns_bucket, data, text="Habari {{jina}}")
    assert (found["accepted"], found["duplicates"]) == (1, 0)
    assert [(row["line"], row["code"]) for row in found["refusals"]] == [(2, "too_long"), (3, "character_not_sendable")]


def test_what_excel_does_to_a_cell_of_a_text_is_undone_or_refused_with_its_column(
    world: World, campaigns_bucket: str
) -> None:
    cells = ["1.23457E+11", "-1,2E+06", "3E4", "'0045", "'90s", "20000001.0", "4.0", "1000.50", "1000,0", "'=Asha"]
    data = "simu,mita\n" + "".join(f'0712{n:06d},"{cell}"\n' for n, cell in enumerate(cells))
    found = quoted(world, campaigns_bucket, data, text="{{mita}}")
    assert [(row["line"], row["column"], row["value"], row["code"]) for row in found["refusals"]] == [
        (2, "mita", "1.23457E+11", "scientific_notation"),
        (3, "mita", "-1,2E+06", "scientific_notation"),
    ]
    assert all("as text" in row["detail"] for row in found["refusals"])
    texts = [one["text"] for one in files.chunks(campaigns_bucket, found)]
    assert texts == ["3E4", "0045", "'90s", "20000001", "4.0", "1000.50", "1000", "=Asha"]


def test_a_first_row_that_was_taken_for_a_header_is_shown(world: World, campaigns_bucket: str) -> None:
    named = quoted(world, campaigns_bucket, "Simu, Jina\n0712000001,Asha\n")
    assert (named["header"], named["columns"]) == (["Simu", "Jina"], ["simu", "jina"])
    bare = quoted(world, campaigns_bucket, "0712000001,Contact\n0712000002,Asha\n")
    assert (bare["header"], bare["accepted"]) == (None, 2)
    assert campaign(world)["header"] is None


def test_a_header_of_thirty_thousand_letters_makes_no_refusal_longer(world: World, campaigns_bucket: str) -> None:
    numbers = "".join(f"0712{n:06d}\n" for n in range(40))
    found = quoted(world, campaigns_bucket, "x" * 30_000 + f"\n{numbers}" + "12\n" * 30)
    assert (found["state"], found["accepted"], found["refused"]) == ("ready", 40, 30)
    assert max(len(row["column"]) for row in files.refused_rows(campaigns_bucket, found)) == 80


def test_a_space_before_a_quoted_cell_is_not_sent(world: World, campaigns_bucket: str) -> None:
    data = '"phone", "name"\n"0712000001", "Asha"\n'
    found = quoted(world, campaigns_bucket, data, text="Habari {{name}}")
    assert [one["text"] for one in files.chunks(campaigns_bucket, found)] == ["Habari Asha"]


def test_a_column_whose_name_begins_with_a_digit_fills_a_placeholder(world: World, campaigns_bucket: str) -> None:
    found = quoted(world, campaigns_bucket, "simu,2020 debt\n0712000001,500\n", text="{{_2020_debt}} TSh")
    assert found["columns"] == ["simu", "_2020_debt"]
    assert found["samples"][0]["text"] == "500 TSh"


def test_a_text_that_is_short_enough_once_it_is_plainer_is_taken(world: World, campaigns_bucket: str) -> None:
    text = "\u2019" + "a" * 700
    for body in (text, text + "{{name}}"):
        status, problem = world.call("POST", PATH, {"purpose": "campaign", "sender_id": "INFO", "text": body})
        assert (status, problem["errors"][0]["code"]) == (422, "too_long")
        assert campaign(world, text=body, smart_encoding=True)["state"] == "waiting"


def test_advice_beyond_the_fifth_kind_is_counted_over_the_whole_file(
    world: World, campaigns_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.sms.uploads.campaigns.ROWS_MAX", 12)
    signs = ["\u2018", "\u2019", "\u201c", "\u201d", "\u2013", "\u2014"]
    # The sixth kind is as frequent as the others in the first step, and the most frequent one at last.
    rows_ = [*signs * 2, *["\u2014"] * 12]
    data = "simu,jina\n" + "".join(f"0712{n:06d},{sign}{'a' * 80}\n" for n, sign in enumerate(rows_))
    found = quoted(world, campaigns_bucket, data, text="{{jina}}")
    assert len(found["advice"]) == 5
    assert (found["advice"][0]["characters"], found["advice"][0]["saves"]) == ("\u2014", 14)


def test_a_template_is_sent_as_it_was_when_the_upload_began(world: World, campaigns_bucket: str) -> None:
    _, template = world.call(
        "POST", "/api/sms/templates/", {"name": "Balance", "category": "alert", "body": "Habari {{name}}"}
    )
    made = files.begun(world, sender_id="INFO", template_id=template["id"])
    world.call("DELETE", f"/api/sms/templates/{template['id']}/")
    split(put(campaigns_bucket, made, "phone,name\n0712000001,Asha\n"))
    assert read(world, made)["samples"][0]["text"] == "Habari Asha"


def test_foreign_numbers_are_sent_to_where_the_tenant_does(world: World, campaigns_bucket: str) -> None:
    data = "phone\n+254712345678\n0712000001\n"
    assert quoted(world, campaigns_bucket, data)["accepted"] == 1
    world.prefer(foreign_countries=frozenset({"KE"}))
    found = quoted(world, campaigns_bucket, data + "+254712345678\n")
    assert (found["accepted"], found["duplicates"]) == (2, 1)


# --- the quote is the bill ---


def test_what_was_quoted_is_sent_to_those_rows_and_charged_to_the_credit(world: World, campaigns_bucket: str) -> None:
    found = quoted(world, campaigns_bucket, DAMAGED, text="Habari {{jina}}, salio {{kiasi}}." + "." * 60)
    status, batch = world.call("POST", "/api/sms/batches/", {"quote_id": found["id"]})
    assert (status, batch["price"], batch["accepted"]) == (202, found["price"], found["accepted"])
    assert world.wallet() == (5_000 - found["price"], found["price"])
    assert read(world, found)["state"] == "used"
    assert read(world, found)["batch_id"] == batch["id"]
    world.settle_down()
    assert world.batch(batch["id"])["charged"] == found["price"]
    assert world.wallet()[1] == 0
    assert sorted(world.sent_to()) == [f"25571200000{n}" for n in (1, 2, 3, 7, 9)]
    status, problem = world.call("DELETE", f"{PATH}{found['id']}/")
    assert (status, problem["code"]) == (409, "upload_used")


def test_a_campaign_that_was_called_off_or_refused_is_never_sent(world: World, campaigns_bucket: str) -> None:
    gone = quoted(world, campaigns_bucket, HEADER + rows(2))
    assert world.call("DELETE", f"{PATH}{gone['id']}/")[0] == 204
    refused = quoted(world, campaigns_bucket, HEADER + "12,Asha,1\n")
    waiting = campaign(world)
    codes = [
        world.call("POST", "/api/sms/batches/", {"quote_id": one["id"]})[1]["code"] for one in (gone, refused, waiting)
    ]
    assert codes == ["validation_failed", "quote_not_ready", "quote_not_ready"]
    assert world.wallet() == (5_000, 0)


# --- more than one step ---


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes parts so small that a short file has several."""
    monkeypatch.setattr(parts, "RECIPIENTS_MAX", 40)
    monkeypatch.setattr(parts, "CHUNKS_MAX", 30)
    monkeypatch.setattr("functions.sms.uploads.campaigns.ROWS_MAX", 60)


def long_file() -> str:
    good, double = rows(130), rows(20, first=60)
    return HEADER + good + "abc,Juma,1\n" * 70 + double + rows(30, first=130).replace("Asha", "Neema")


def comparable(found: Any) -> Any:
    return {
        name: value for name, value in found.items() if name not in {"id", "created_at", "valid_until", "refused_url"}
    }


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("text", ["Habari", "Habari {{name}}"])
def test_a_file_that_is_read_by_many_comes_to_the_same(world: World, campaigns_bucket: str, text: str) -> None:
    whole = quoted(world, campaigns_bucket, long_file(), text=text)
    made = campaign(world, text=text)
    runs = files.split_all(put(campaigns_bucket, made, long_file()), looks=1)
    found = read(world, made)
    assert runs > 5
    assert comparable(found) == comparable(whole)
    assert (found["accepted"], found["duplicates"], found["refused"]) == (160, 20, 70)
    assert files.chunks(campaigns_bucket, found) == files.chunks(campaigns_bucket, whole)
    assert files.refused_rows(campaigns_bucket, found) == files.refused_rows(campaigns_bucket, whole)


@pytest.mark.usefixtures("small_parts")
def test_progress_can_be_seen_while_it_is_read(world: World, campaigns_bucket: str) -> None:
    made = campaign(world)
    split(put(campaigns_bucket, made, long_file()), context=files.Hurried())
    found = read(world, made)
    assert (found["state"], found["rows"], found["accepted"], found["valid_until"]) == ("reading", 40, 40, None)
    assert 0 < found["bytes_read"] < found["bytes"] == len(long_file())


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("after", [False, True])
def test_a_splitter_that_dies_at_any_call_leaves_what_another_one_makes_the_same_of(
    world: World, campaigns_bucket: str, *, after: bool
) -> None:
    whole = quoted(world, campaigns_bucket, long_file(), text="Habari {{name}}")
    world.wire.listen(aws.s3())
    died = 0
    for at in range(100):
        made = campaign(world, text="Habari {{name}}")
        told = put(campaigns_bucket, made, long_file())
        world.wire.cut(at, after=after)
        try:
            split(told)
            break
        except Crash:
            died += 1
        finally:
            world.wire.mend()
        world.pass_time(60)
        split(told)
        found = read(world, made)
        assert comparable(found) == comparable(whole), at
        assert files.chunks(campaigns_bucket, found) == files.chunks(campaigns_bucket, whole), at
    assert died > 10


@pytest.mark.usefixtures("small_parts")
def test_a_second_splitter_waits_for_the_first_and_goes_on_when_that_has_died(
    world: World, campaigns_bucket: str
) -> None:
    made = campaign(world)
    told = put(campaigns_bucket, made, long_file())
    held = uploads.claim(TENANT, made["id"], lease_s=40)
    split(told)
    assert taken("UPLOADS") == []  # it comes later
    assert read(world, made)["rows"] == 0
    world.pass_time(41)
    split({"tenant": "t1", "upload": made["id"]})
    found = read(world, made)
    assert (found["state"], found["accepted"]) == ("ready", 160)
    assert held is not None
    late = uploads.further(held, held.tally, lease_s=40)
    with pytest.raises(uploads.UploadLost):
        writes.commit(late)


def test_the_same_event_again_changes_nothing(world: World, campaigns_bucket: str) -> None:
    made = campaign(world)
    told = put(campaigns_bucket, made, HEADER + rows(3))
    split(told)
    found = read(world, made)
    split(told)
    split({"tenant": "t1", "upload": made["id"]})
    assert comparable(read(world, made)) == comparable(found)


def test_another_file_in_its_place_is_not_taken_for_the_first_one(
    world: World, campaigns_bucket: str, small_parts: None
) -> None:
    made = campaign(world)
    split(put(campaigns_bucket, made, long_file()), context=files.Hurried())
    split(put(campaigns_bucket, made, HEADER + rows(500)))
    found = read(world, made)
    assert (found["state"], found["reason_code"]) == ("refused", "file_changed")


def test_what_s3_says_besides_is_passed_over_and_what_is_no_message_fails(world: World, campaigns_bucket: str) -> None:
    split({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": campaigns_bucket})
    split({"Records": [{"s3": {"object": {"key": "T/t1/x/parts/1"}}}]})
    split({"Records": [{"s3": {"object": {"key": "uploads/t1/01jd8x6q5v7w9y2k4m6p8r0t1a"}}}]})
    split({"Records": [{"s3": {}}]}, fails=True)


def test_a_file_that_ends_in_a_fault_each_time_is_given_up_and_somebody_is_told(
    world: World, campaigns_bucket: str
) -> None:
    made = campaign(world)
    told = put(campaigns_bucket, made, HEADER + rows(3))
    with mock.patch("functions.sms.sheets.sheets.recognised", side_effect=ZeroDivisionError):
        for _ in range(5):
            split(told, fails=True)
            world.pass_time(60)
    found = read(world, made)
    assert (found["state"], found["reason_code"]) == ("refused", "unreadable")
    split(told)


def test_a_file_may_have_so_many_rows_and_no_more(
    world: World, campaigns_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "FILE_ROWS_MAX", 10)
    assert quoted(world, campaigns_bucket, HEADER + rows(10))["state"] == "ready"
    found = quoted(world, campaigns_bucket, HEADER + rows(11))
    assert (found["state"], found["reason_code"]) == ("refused", "too_many_rows")


@pytest.mark.usefixtures("small_parts")
def test_a_file_whose_reader_died_and_whose_message_is_gone_is_read_on_by_the_sweeps_word(
    world: World, campaigns_bucket: str
) -> None:
    made = campaign(world)
    told = put(campaigns_bucket, made, long_file())
    world.wire.cut(4, after=True)
    with pytest.raises(Crash):
        split(told)
    world.wire.mend()
    died_at = read(world, made)
    assert (died_at["state"], died_at["rows"] > 0) == ("reading", True)
    assert world.sweep(after_s=900)["uploads"] == 0  # its message may still come
    assert [world.sweep(after_s=61)["uploads"], world.sweep(after_s=61)["uploads"]] == [1, 0]
    (again,) = taken("UPLOADS")
    split(again)
    found = read(world, made)
    assert (found["state"], found["accepted"]) == ("ready", 160)
    assert world.sweep(after_s=3_600)["uploads"] == 0


def test_a_file_that_no_reader_survives_is_given_up_although_its_messages_are_lost(
    world: World, campaigns_bucket: str
) -> None:
    made = campaign(world)
    told = put(campaigns_bucket, made, HEADER + rows(3))
    with mock.patch("functions.sms.sheets.sheets.recognised", side_effect=ZeroDivisionError):
        split(told, fails=True)  # and to the dead-letter queue
        for _ in range(4):
            world.sweep(after_s=1_000)
            (again,) = taken("UPLOADS")
            split(again, fails=True)
    found = read(world, made)
    assert (found["state"], found["reason_code"]) == ("refused", "unreadable")
    assert world.sweep(after_s=3_600)["uploads"] == 0


def test_two_sweeps_at_once_have_a_file_read_on_once(world: World, campaigns_bucket: str) -> None:
    made = campaign(world)
    put(campaigns_bucket, made, HEADER + rows(3))
    assert uploads.claim(TENANT, made["id"], lease_s=40)
    world.pass_time(941)
    (key,) = uploads.due(clock.stamp(), limit=10)
    recovery.upload(key)
    recovery.upload(key)
    assert taken("UPLOADS") == [{"tenant": "t1", "upload": made["id"]}]


# --- the way back ---


def test_what_is_called_off_is_gone_with_its_file_and_is_read_no_further(
    world: World, campaigns_bucket: str, small_parts: None
) -> None:
    made = campaign(world)
    told = put(campaigns_bucket, made, long_file())
    split(told, context=files.Hurried())
    assert world.call("DELETE", f"{PATH}{made['id']}/")[0] == 204
    assert world.call("GET", f"{PATH}{made['id']}/")[0] == 404
    assert world.call("DELETE", f"{PATH}{made['id']}/")[0] == 404
    split(told)
    assert aws.s3().get_object(Bucket=campaigns_bucket, Key=made["fields"]["key"])["Body"].read() == b""
    assert world.call("GET", PATH)[1]["items"] == []


def test_a_list_that_was_taken_over_cannot_be_called_off(world: World, campaigns_bucket: str) -> None:
    made = files.begun(world, purpose="opt_outs")
    split(put(campaigns_bucket, made, "phone\n0712000001\n"))
    status, problem = world.call("DELETE", f"{PATH}{made['id']}/")
    assert (status, problem["code"]) == (409, "upload_used")


def test_an_upload_without_a_file_and_a_quote_that_was_not_sent_expire(world: World, campaigns_bucket: str) -> None:
    waiting = campaign(world)
    ready = quoted(world, campaigns_bucket, HEADER + rows(1))
    assert (ready["state"], ready["valid_until"] is not None) == ("ready", True)
    world.pass_time(1_801)
    assert read(world, ready)["state"] == "expired"
    assert read(world, waiting)["state"] == "waiting"
    world.pass_time(1_800)
    assert read(world, waiting)["state"] == "expired"


def test_uploads_are_listed_newest_first_page_by_page(world: World, campaigns_bucket: str) -> None:
    made = []
    for _ in range(3):
        made.append(campaign(world)["id"])
        world.pass_time(1)
    status, page = world.call("GET", PATH, query={"limit": "2"})
    assert status == 200
    _, rest = world.call("GET", PATH, query={"limit": "2", "cursor": page["next"]})
    seen = [item["id"] for item in [*page["items"], *rest["items"]]]
    assert (sorted(seen), rest["next"]) == (sorted(made), None)


# --- what it costs ---


def test_calls_to_aws_grow_with_parts_and_not_with_rows(world: World, campaigns_bucket: str) -> None:
    world.wire.listen(aws.s3())
    calls = []
    for count in (100, 4_000):
        made = campaign(world)
        told = put(campaigns_bucket, made, "phone\n" + "".join(f"0712{n:06d}\n" for n in range(count)))
        world.wire.clear()
        split(told)
        calls.append(sorted(world.wire.calls))
        assert read(world, made)["price"] == count
    # claim, beginning, opt-outs, file, part, plan, end
    assert (
        calls[0]
        == calls[1]
        == [
            "BatchGetItem",
            "GetItem",
            "GetObject",
            "GetObject",
            "PutObject",
            "TransactWriteItems",
            "UpdateItem",
        ]
    )


def test_segments_are_counted_for_each_recipients_own_text(world: World, campaigns_bucket: str) -> None:
    names = ["Asha", "A" * 200, "ñandú ă", "😀" * 40, "[" * 100]
    data = "phone,name\n" + "".join(f"0712{n:06d},{name}\n" for n, name in enumerate(names))
    found = quoted(world, campaigns_bucket, data, text="Habari {{name}}")
    assert found["price"] == sum(segments.count(f"Habari {name}").segments for name in names)
    assert os.environ["CAMPAIGNS_BUCKET"] == campaigns_bucket
