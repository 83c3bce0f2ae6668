"""The most that one batch may cost: more is refused, with the figures, and nothing is held."""

from typing import Any

import pytest

from functions.sms.courses import parked
from functions.sms.sending import parking
from tests.sms.test_parking import top_up
from tests.sms.world import TENANT, World

NUMBERS = ("0712000010", "0712000020", "0712000030")


@pytest.mark.parametrize(
    ("setting", "asked", "cap"), [(2, None, 2), (0, 2, 2), (2, 100, 2), (100, 2, 2), (3, None, None), (0, 3, None)]
)
def test_the_lower_of_both_caps_counts(world: World, setting: int, asked: int | None, cap: int | None) -> None:
    world.prefer(batch_credit_cap=setting)
    more: Any = {"max_credits": asked} if asked else {}
    for rehearsed in (True, False):
        status, answer = world.send(*NUMBERS, **more, dry_run=rehearsed)
        if cap is None:
            assert status == (200 if rehearsed else 202)
            continue
        assert (status, answer["code"]) == (409, "credit_cap_exceeded")
        assert (answer["required"], answer["cap"]) == (3, cap)
    assert world.wallet() == ((5_000, 0) if cap else (4_997, 3))


@pytest.mark.parametrize("asked", [0, -1, "many"])
def test_a_cap_that_is_none_is_refused(world: World, asked: Any) -> None:
    status, problem = world.send(*NUMBERS, max_credits=asked)
    assert (status, problem["errors"][0]["pointer"]) == (422, "/max_credits")


def test_what_is_parked_keeps_its_cap(world: World) -> None:
    world.spend_all_but(1)
    assert world.send(*NUMBERS, park=True, max_credits=3)[1]["status"] == "parked"
    top_up(100)
    world.prefer(batch_credit_cap=2)
    assert parking.resume(TENANT) == 0
    assert len(parked.of_tenant(TENANT)) == 1
    world.prefer()
    assert parking.resume(TENANT) == 1
