"""While one business's campaign drains, another's texts and a code do not wait for it; with `-s`, by how much."""

import sys
from typing import Any

from tests.e2e.sending import accepted_texts
from tests.e2e.stack import Tenant, wait_until

_TEXTS = 3_000
_AT_ONCE = 1_000
_PER_S = 150
"""Less than a laptop hands over: faster, the campaign would be out before the machine has taken on a second order."""


def test_a_hundred_texts_and_a_code_overtake_what_is_left_of_a_campaign(tenant: Tenant) -> None:
    other = Tenant(tenant.stack)
    tenant.buy_lite()
    other.buy_lite()
    with tenant.stack.setting("SmsWorkerFunction", TENANT_SEGMENTS_PER_S=str(_PER_S)):
        for what, (left, went) in _overtaking(tenant, other).items():
            assert went <= left / 2, what


def _overtaking(tenant: Tenant, other: Tenant) -> dict[str, tuple[int, int]]:
    """Tells how much of the campaign was left when each was asked for, and how much of that went before it was out."""
    beem = tenant.stack.beem
    campaign, hundred, code = tenant.numbers(_TEXTS), other.numbers(100), other.numbers(1)
    batches = [_sent(tenant, campaign[first : first + _AT_ONCE]) for first in range(0, _TEXTS, _AT_ONCE)]
    wait_until("the campaign is going out", lambda: accepted_texts(tenant, campaign), within_s=60)
    told = {}
    # In this order, so that the code has the hundred before it as well.
    for what, numbers in (("the hundred", hundred), ("the code", code)):
        _sent(other, numbers)
        told[what] = len(beem.log())
    wait_until("both are out", lambda: len(accepted_texts(other, hundred + code)) == 101, within_s=90)
    log = [text["dest_addr"] for text in beem.log()]
    theirs, found = {_wire(number) for number in campaign}, {}
    for what, numbers in (("the hundred", hundred), ("the code", code)):
        before = told[what]
        last = max(log.index(_wire(number)) for number in numbers)
        gone, meanwhile = (sum(number in theirs for number in part) for part in (log[:before], log[before:last]))
        sys.stdout.write(f"{what}: asked for when {gone} of {_TEXTS} were out, overtaken by all but {meanwhile}\n")
        found[what] = _TEXTS - gone, meanwhile
    for batch in batches:
        assert tenant.request("POST", f"sms/batches/{batch}/cancel/").status_code in {200, 202, 409}
    return found


def _sent(tenant: Tenant, numbers: list[str]) -> Any:
    answer = tenant.send(numbers)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def _wire(number: str) -> str:
    return "255" + number[1:]
