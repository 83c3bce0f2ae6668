"""Plans: what is written ahead is what is read, and one batch uses it, in its time."""

from typing import Any

import pytest

from functions.sms.plans import parts, plans
from functions.sms.plans.parts import Ready
from functions.sms.plans.plans import Extent, Plan, PlanMoved, QuoteNotReady, QuoteSent, State
from mifumo import aws, ids, writes
from mifumo.ids import BatchId, TenantId
from mifumo.quotes import QuoteExpired
from mifumo.segments import Encoding
from tests.sms.world import TENANT, World

TEXTS = {
    "Habari Asha": ["255712000010"],
    "Habari “Juma”": [f"255712{n:06d}" for n in range(100, 350)],
    "x" * 161: ["255712000011", "447911123456"],
}


def making(plan: str | None = None) -> Plan:
    made = plans.new(
        plan or ids.new(), TENANT, made_by="user:u1", sender_id="INFO", text="Habari {{name}}", fingerprint="f"
    )
    writes.commit(plans.put(made))
    return made


def laid(plan: Plan) -> Extent:
    """Writes the parts of a plan, and returns what they come to."""
    ready = list(parts.chunked(TEXTS, first=1))
    return Extent().and_part(parts.write(plan.tenant, plan.id, 1, ready), ready)


def quoted() -> Plan:
    plan = making()
    made = plans.ready(plan, laid(plan))
    writes.commit(plans.made(made))
    return made


def use(plan: Plan, batch: str) -> Any:
    return writes.transact(plans.use(plan, BatchId(batch)))


def test_recipients_of_one_text_share_chunks_of_a_hundred_and_of_no_other_text() -> None:
    ready = list(parts.chunked(TEXTS, first=7))
    assert [(one.number, one.text[:8], len(one.recipients), one.segments) for one in ready] == [
        (7, "Habari A", 1, 1),
        (8, "Habari “", 100, 1),
        (9, "Habari “", 100, 1),
        (10, "Habari “", 50, 1),
        (11, "xxxxxxxx", 2, 2),
    ]
    assert [one.encoding for one in ready] == [Encoding.GSM_7, *[Encoding.UCS_2] * 3, Encoding.GSM_7]
    assert sum(one.price for one in ready) == 1 + 250 + 4


@pytest.mark.usefixtures("campaigns_bucket", "aws_tables")
def test_a_part_is_read_as_it_was_written_and_written_again_stands_where_it_stood() -> None:
    ready = [*parts.chunked(TEXTS, first=1), Ready(6, "It's", Encoding.GSM_7, 1, ("255712000012",), asked="It’s")]
    digest = parts.write(TENANT, "p1", 1, ready)
    assert parts.write(TENANT, "p1", 1, ready) == digest
    other = parts.write(TENANT, "p1", 1, ready[1:])
    assert other != digest
    assert list(parts.read(TENANT, "p1", 1, digest)) == ready
    listed = aws.s3().list_objects_v2(Bucket="campaigns")["Contents"]
    assert sorted(one["Key"] for one in listed) == sorted(f"T/t1/p1/parts/00001-{one}" for one in (digest, other))


@pytest.mark.usefixtures("campaigns_bucket")
def test_a_plan_comes_to_what_its_parts_come_to(world: World) -> None:
    found = plans.read(TENANT, quoted().id)
    assert found is not None
    assert (found.extent.recipients, found.extent.chunks, found.extent.price, found.extent.segments) == (253, 5, 255, 2)
    assert (found.extent.encoding, len(found.extent.digests), found.state) == (Encoding.UCS_2, 1, State.READY)
    assert plans.read(TenantId("t2"), found.id) is None
    assert plans.read(TENANT, "no id") is None
    assert world.wallet() == (5_000, 0)


@pytest.mark.usefixtures("campaigns_bucket", "world")
def test_one_batch_uses_a_plan_and_no_other_after_it() -> None:
    plan = quoted()
    use(plan, "b1")
    for again in ("b1", "b2"):
        with pytest.raises((QuoteSent, QuoteExpired)):
            use(plan, again)
    found = plans.read(TENANT, plan.id)
    assert found is not None
    assert (found.state, found.batch) == (State.USED, "b1")
    assert plans.why_not(found, BatchId("b1")) is None
    refusal = plans.why_not(found, BatchId("b2"))
    assert isinstance(refusal, QuoteSent)
    assert refusal.extensions == {"batch_id": "b1"}


@pytest.mark.usefixtures("campaigns_bucket")
def test_a_plan_is_good_for_half_an_hour(world: World) -> None:
    plan = quoted()
    world.pass_time(1_799)
    assert plans.why_not(plan, BatchId("b1")) is None
    world.pass_time(2)
    assert isinstance(plans.why_not(plan, BatchId("b1")), QuoteExpired)
    with pytest.raises(QuoteExpired):
        use(plan, "b1")


@pytest.mark.usefixtures("campaigns_bucket", "world")
def test_what_is_not_ready_is_used_by_nobody_and_what_is_ready_is_not_made_again() -> None:
    plan = making()
    with pytest.raises(QuoteNotReady):
        use(plan, "b1")
    with pytest.raises(PlanMoved) as met:
        writes.commit(plans.put(plan))
    assert met.value.standing == plan
    made = plans.ready(plan, laid(plan))
    writes.commit(plans.made(made))
    for other in (plans.refused(plan, "No row is a number."), plans.ready(plan, Extent())):
        with pytest.raises(PlanMoved) as met:
            writes.commit(plans.made(other))
        assert met.value.standing == made
    refused = making()
    writes.commit(plans.made(plans.refused(refused, "No row is a number.")))
    with pytest.raises(QuoteNotReady, match="No row"):
        use(refused, "b1")
