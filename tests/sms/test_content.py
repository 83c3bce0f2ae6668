"""What a tenant keeps, when a number is to be forgotten and when all of it is to go."""

import json
from typing import Any

import pytest

from functions.sms import privacy
from functions.sms.batches.categories import Category
from functions.sms.content import contact_words, contacts, groups, opt_outs, templates
from functions.sms.content.opt_outs import Source
from functions.sms.data_requests import belongings
from mifumo import aws, ids, tables, writes
from mifumo import privacy as requests
from mifumo.callers import Principal
from mifumo.ids import TenantId, UserId
from mifumo.permissions import Role
from mifumo.privacy import Kind, Part, State
from tests.sms.world import TENANT, World
from tests.steps import Steps, asked_to_forget
from tests.wire import Crash

OTHER = TenantId("t2")
DIGITS = "255712000010"


@pytest.fixture
def steps(world: World) -> Steps:
    """The worker and its queue."""
    return Steps(Part.SMS, privacy.handler)


def furnished(tenant: TenantId, people: int = 3) -> tuple[str, list[str]]:
    """Gives a tenant some of everything; returns a group and who is in it."""
    owner = Principal(tenant, UserId("u1"), Role.OWNER)
    numbers = [str(int(DIGITS) + number) for number in range(people)]
    made = [contacts.create(tenant, one, name="Asha Mrema", attributes={}, tags=()).id for one in numbers]
    group = groups.create(owner, "Wholesale").id
    groups.create(owner, "Nobody")
    groups.add(tenant, group, made)
    templates.create(owner, name="Reminder", category=Category.ALERT, body="Habari")
    opt_outs.add(tenant, numbers, source=Source.ENTERED, reason="")
    return group, made


def kept(tenant: TenantId, group: str) -> dict[str, int]:
    """Counts what stands in the table of a tenant's things."""
    table = contacts.place(tenant, "x")[0]
    places = {
        "contacts": contacts.partition(tenant),
        "words": contact_words.partition(tenant),
        "members": groups.partition(tenant, group),
        "groups": groups.KIND.partition(tenant),
        "templates": templates.KIND.partition(tenant),
        "opt-outs": opt_outs.partition(tenant),
    }
    counts = {name: len(list(tables.query_all(table, place, consistent=True))) for name, place in places.items()}
    shards = tables.query_all(table, f"T#{tenant}", begins_with="OPTOUTS#", consistent=True)
    return counts | {"shards": len(list(shards))}


def test_a_number_that_is_forgotten_is_no_contact_and_in_no_group_and_stays_opted_out(
    world: World, steps: Steps
) -> None:
    group, made = furnished(TENANT)
    furnished(OTHER)
    world.pass_time(1)
    assert steps.state(steps.run(asked_to_forget(DIGITS, TENANT))) is State.DONE
    assert [one for one in made if contacts.several(TENANT, [one])] == made[1:]
    assert groups.read(TENANT, group).members == 2
    assert kept(TENANT, group)["members"] == 2
    assert opt_outs.get(TENANT, DIGITS) is not None
    assert contacts.several(OTHER, [contacts.of_number(OTHER, DIGITS)])
    belongings.forget(TENANT, DIGITS)  # once more changes nothing
    assert groups.read(TENANT, group).members == 2


def test_forgetting_looks_again_when_the_contact_changes_in_that_moment(
    world: World, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    group, made = furnished(TENANT)
    world.pass_time(1)
    read = contacts.read

    def torn(tenant: TenantId, contact: str) -> Any:
        """The contact leaves its group right after it was read."""
        found = read(tenant, contact)
        monkeypatch.setattr(contacts, "read", read)
        groups.remove(TENANT, group, contact)
        return found

    monkeypatch.setattr(contacts, "read", torn)
    assert steps.state(steps.run(asked_to_forget(DIGITS, TENANT))) is State.DONE
    assert contacts.several(TENANT, made[:1]) == {}
    assert max(steps.delays) > 0


def test_nothing_that_a_tenant_kept_is_left_when_it_is_cleared_and_nothing_of_another_goes(
    world: World, steps: Steps
) -> None:
    group, _ = furnished(TENANT)
    theirs, _ = furnished(OTHER)
    before = kept(OTHER, theirs)
    step = requests.first(Kind.CLEARANCE, TENANT, ids.derived("clearance"), run=ids.new())
    writes.commit(requests.ask(step))
    assert steps.state(steps.run(step)) is State.DONE
    assert set(kept(TENANT, group).values()) == {0}
    assert kept(OTHER, theirs) == before


def test_clearing_takes_bounded_steps_and_goes_on_after_a_cut(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(belongings, "_ITEMS_A_STEP", 2)
    monkeypatch.setattr(belongings, "_TOGETHER_MAX", 1)
    group, _ = furnished(TENANT)
    world.wire.cut(2, after=True)
    with pytest.raises(Crash):
        belongings.clear(TENANT)
    world.wire.mend()
    taken = 1
    while belongings.clear(TENANT):
        taken += 1
        assert taken < 30
    assert taken > 5
    assert set(kept(TENANT, group).values()) == {0}


@pytest.mark.usefixtures("exports_bucket")
def test_an_export_tells_all_that_a_tenant_keeps_in_the_words_of_the_api(world: World, steps: Steps) -> None:
    furnished(TENANT)
    furnished(OTHER, people=5)
    step = requests.first(Kind.EXPORT, TENANT, ids.new(), run=ids.new())
    writes.commit(requests.ask(step))
    assert steps.state(steps.run(step)) is State.DONE
    for name in ("contacts", "groups", "templates", "opt-outs"):
        shown = world.call("GET", f"/api/sms/{name}/")[1]["items"]
        key = f"{TENANT}/{step.id}/{name.replace('-', '_')}-00001.jsonl"
        told = aws.s3().get_object(Bucket="exports", Key=key)["Body"].read().decode()
        assert [json.loads(line) for line in told.splitlines()] == shown != [], name
