"""Templates: who may keep them, a name once, no change over another one, and what a send makes of them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.sms.batches.categories import Category
from functions.sms.content import templates
from functions.sms.content.named import ChangedMeanwhile, NameTaken
from mifumo.callers import Principal
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from tests.builders import token
from tests.sms.world import TENANT, World
from tests.wire import Crash

PATH = "/api/sms/templates/"
BODY = {"name": "Reminder", "category": "transactional", "body": "Habari {{name}}, deni lako ni TSh {{ amount }}."}
VALUES = {"name": "Asha", "amount": "10,000"}
CALLER = Principal(TENANT, UserId("u1"), Role.OWNER)


def made(world: World, **more: Any) -> Any:
    status, body = world.call("POST", PATH, {**BODY, **more})
    assert status == 201, body
    return body


def sent(world: World, template: str, variables: dict[str, str] | None = None, **more: Any) -> tuple[int, Any]:
    headers = {"Idempotency-Key": more.pop("key")} if "key" in more else {}
    body = {"sender_id": "INFO", "template_id": template, "recipients": ["0712000010"], **more}
    body |= {} if variables is None else {"variables": variables}
    return world.call("POST", "/api/sms/send/", body, headers=headers)


def every_call(template: str) -> list[tuple[str, str, Any]]:
    return [
        ("GET", PATH, None),
        ("POST", PATH, BODY),
        ("GET", f"{PATH}{template}/", None),
        ("PATCH", f"{PATH}{template}/", {"version": 1, "name": "Other"}),
        ("DELETE", f"{PATH}{template}/", None),
        ("POST", f"{PATH}{template}/preview/", {"variables": VALUES}),
    ]


def test_a_stranger_does_nothing_with_templates(world: World) -> None:
    for method, path, body in every_call(made(world)["id"]):
        status, problem = world.call(method, path, body, token=None)
        assert (status, problem["code"]) == (401, "unauthenticated"), path


def test_an_agent_reads_previews_and_sends_templates_and_changes_none(world: World) -> None:
    template = made(world)["id"]
    for method, path, body in every_call(template):
        allowed = method == "GET" or path.endswith("preview/")
        assert (world.call(method, path, body, token=token(role="agent"))[0] == 200) is allowed, path
    assert world.call("GET", f"{PATH}{template}/")[1]["version"] == 1


def test_another_tenants_template_is_not_found_and_not_sent(world: World) -> None:
    template, other = made(world)["id"], token(tenant="t2")
    world.fund(10, tenant=TenantId("t2"))
    for method, path, body in every_call(template)[2:]:
        assert world.call(method, path, body, token=other)[0] == 404, path
    assert world.call("GET", PATH, token=other)[1]["items"] == []
    body = {"sender_id": "INFO", "template_id": template, "variables": VALUES, "recipients": ["0712000010"]}
    status, problem = world.call("POST", "/api/sms/send/", body, token=other)
    assert (status, problem["errors"][0]["pointer"]) == (422, "/template_id")
    assert world.wallet(TenantId("t2")) == (10, 0)


@pytest.mark.parametrize("template", ["x", "01jd8x6q5v7w9y2k4m6p8r0t1a", "%20"])
def test_what_is_no_template_is_not_found(world: World, template: str) -> None:
    assert world.call("GET", f"{PATH}{template}/")[0] == 404
    assert sent(world, template * 2_000, VALUES)[1]["errors"][0]["code"] == "unknown_template"


def test_a_template_is_kept_read_listed_changed_and_deleted(world: World) -> None:
    first = made(world)
    assert (first["variables"], first["version"]) == (["name", "amount"], 1)
    second = made(world, name="Second", category="otp", body="Namba: {{code}}")
    _, page = world.call("GET", PATH, query={"limit": "1"})
    assert page["items"] == [second]
    assert world.call("GET", PATH, query={"limit": "1", "cursor": page["next"]})[1]["items"] == [first]
    status, changed = world.call("PATCH", f"{PATH}{first['id']}/", {"version": 1, "name": "Deni", "body": "Deni"})
    assert (status, changed["name"], changed["body"], changed["variables"]) == (200, "Deni", "Deni", [])
    assert (changed["category"], changed["version"]) == ("transactional", 2)
    assert made(world)["name"] == "Reminder"  # the name is free again
    assert world.call("DELETE", f"{PATH}{first['id']}/")[0] == 204
    assert world.call("DELETE", f"{PATH}{first['id']}/")[0] == 404
    made(world, name="deni")


@pytest.mark.parametrize("name", ["Reminder", " reminder ", "REMINDER"])
def test_a_name_is_given_once_whatever_its_case(world: World, name: str) -> None:
    made(world)
    other = made(world, name="Other")
    status, problem = world.call("POST", PATH, {**BODY, "name": name})
    assert (status, problem["code"]) == (409, "name_taken")
    status, problem = world.call("PATCH", f"{PATH}{other['id']}/", {"version": 1, "name": name})
    assert (status, problem["code"]) == (409, "name_taken")
    assert world.call("GET", f"{PATH}{other['id']}/")[1] == other


@pytest.mark.parametrize("body", ["{{", "{{1}}", "{{a b}}", "a }} b"])
def test_a_body_with_broken_placeholders_is_refused_with_the_field(world: World, body: str) -> None:
    status, problem = world.call("POST", PATH, {**BODY, "body": body})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/body")
    template = made(world)
    status, problem = world.call("PATCH", f"{PATH}{template['id']}/", {"version": 1, "body": body})
    assert (status, problem["errors"][0]["code"]) == (422, "placeholder_invalid")


@pytest.mark.parametrize(
    ("body", "code"), [("Habari \x1b {{name}}", "character_not_sendable"), ("{{name}}" + "a" * 1_600, "too_long")]
)
def test_a_body_that_no_values_make_sendable_is_refused_with_the_field(world: World, body: str, code: str) -> None:
    template = made(world)
    for method, path, told in (("POST", PATH, BODY), ("PATCH", f"{PATH}{template['id']}/", {"version": 1})):
        status, problem = world.call(method, path, {**told, "body": body})
        assert (status, problem["errors"][0]["pointer"], problem["errors"][0]["code"]) == (422, "/body", code)
    assert world.call("GET", f"{PATH}{template['id']}/")[1] == template


def test_a_body_that_is_short_enough_once_it_is_plainer_is_kept(world: World) -> None:
    assert made(world, body="\u2019{{name}}" + "a" * 700)["version"] == 1


def test_a_change_over_somebody_elses_is_refused(world: World) -> None:
    template = made(world)["id"]
    assert world.call("PATCH", f"{PATH}{template}/", {"version": 1, "category": "alert"})[0] == 200
    status, problem = world.call("PATCH", f"{PATH}{template}/", {"version": 1, "name": "Mine"})
    assert (status, problem["code"]) == (409, "changed_meanwhile")
    assert world.call("GET", f"{PATH}{template}/")[1]["name"] == "Reminder"


def test_of_many_that_want_one_name_at_once_one_gets_it(world: World) -> None:
    world.wire.take_turns()

    def one(_: int) -> str:
        try:
            templates.create(CALLER, name="Reminder", category=Category.ALERT, body="x")
        except NameTaken as refusal:
            return refusal.code
        return "made"

    with ThreadPoolExecutor(10) as threads:
        outcomes = sorted(threads.map(one, range(10)))
    assert outcomes == ["made"] + ["name_taken"] * 9
    assert len(world.call("GET", PATH)[1]["items"]) == 1


def test_of_many_changes_of_one_version_at_once_one_is_made(world: World) -> None:
    template = made(world)["id"]
    world.wire.take_turns()

    def one(number: int) -> str:
        try:
            templates.change(CALLER, template, version=1, name=f"N{number}", category=None, body=None)
        except ChangedMeanwhile as refusal:
            return refusal.code
        return "made"

    with ThreadPoolExecutor(10) as threads:
        outcomes = sorted(threads.map(one, range(10)))
    assert outcomes == ["changed_meanwhile"] * 9 + ["made"]
    made(world)  # the first name is free, and no other is kept
    free = [made(world, name=f"N{n}") for n in range(10) if f"N{n}" != templates.read(TENANT, template).name]
    assert len(free) == 9


def test_a_creation_that_is_cut_off_leaves_nothing_or_all_of_it(world: World) -> None:
    world.wire.cut(0, after=False)
    with pytest.raises(Crash):
        templates.create(CALLER, name="Cut", category=Category.ALERT, body="x")
    world.wire.mend()
    made(world, name="Cut")


def test_a_send_renders_the_template_and_charges_what_the_text_costs(world: World) -> None:
    template = made(world)["id"]
    status, batch = sent(world, template, {"name": "A" * 150, "amount": "1"})
    assert (status, batch["segments"], batch["price"]) == (202, 2, 2)
    assert batch["text"] == "Habari " + "A" * 150 + ", deni lako ni TSh 1."
    world.settle_down()
    assert world.batch(batch["id"])["charged"] == 2


@pytest.mark.parametrize(
    ("variables", "pointers"),
    [
        (None, {"/variables/name", "/variables/amount"}),
        ({"name": "x"}, {"/variables/amount"}),
        ({**VALUES, "a/b~c": "x"}, {"/variables/a~1b~0c"}),
        ({"Name": "x", "amount": "y"}, {"/variables/name", "/variables/Name"}),
    ],
)
def test_variables_that_do_not_fit_are_refused_by_name_and_nothing_is_held(
    world: World, variables: dict[str, str] | None, pointers: set[str]
) -> None:
    template = made(world)["id"]
    status, problem = sent(world, template, variables)
    assert (status, {error["pointer"] for error in problem["errors"]}) == (422, pointers)
    status, problem = world.call("POST", f"{PATH}{template}/preview/", {"variables": variables or {}})
    assert (status, {error["pointer"] for error in problem["errors"]}) == (422, pointers)
    assert world.wallet() == (5_000, 0)


def test_a_text_beside_a_template_or_neither_is_refused(world: World) -> None:
    template = made(world)["id"]
    status, problem = sent(world, template, VALUES, text="Habari")
    assert (status, problem["errors"][0]["pointer"]) == (422, "/template_id")
    status, problem = world.call("POST", "/api/sms/send/", {"variables": VALUES})
    assert status == 422
    assert {error["pointer"] for error in problem["errors"]} == {"/text", "/recipients", "/variables"}


def test_a_repeat_meets_its_batch_though_the_template_has_changed_or_gone(world: World) -> None:
    template = made(world)["id"]
    _, first = sent(world, template, VALUES, key="k")
    world.call("PATCH", f"{PATH}{template}/", {"version": 1, "body": "Hujambo {{name}} {{amount}} {{more}}"})
    status, again = sent(world, template, VALUES, key="k")
    assert (status, again["id"], again["text"]) == (202, first["id"], first["text"])
    assert sent(world, template, {**VALUES, "amount": "1", "more": "x"}, key="k")[1]["code"] == "idempotency_key_reused"
    world.call("DELETE", f"{PATH}{template}/")
    assert sent(world, template, VALUES, key="k")[1]["id"] == first["id"]
    assert sent(world, template, VALUES, key="other")[0] == 422
    assert world.wallet() == (4_999, 1)


def test_a_parked_send_goes_as_it_was_rendered_and_its_repeat_meets_it(world: World) -> None:
    template = made(world)["id"]
    world.spend_all_but(0)
    status, parked = sent(world, template, VALUES, key="k", park=True)
    assert (status, parked["status"]) == (202, "parked")
    world.call("DELETE", f"{PATH}{template}/")
    status, again = sent(world, template, VALUES, key="k", park=True)
    assert (status, again["id"], again["text"]) == (202, parked["id"], "Habari Asha, deni lako ni TSh 10,000.")


def test_a_dry_run_of_a_template_changes_nothing(world: World) -> None:
    template = made(world)["id"]
    assert sent(world, template, VALUES, dry_run=True)[0] == 200  # keys are cached from here on
    world.wire.clear()
    status, told = sent(world, template, VALUES, dry_run=True)
    assert (status, told["price"], told["text"]) == (200, 1, "Habari Asha, deni lako ni TSh 10,000.")
    assert world.wire.calls == ["GetItem", "BatchGetItem"]
