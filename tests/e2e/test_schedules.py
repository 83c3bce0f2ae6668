"""Sent later, over the deployed stack: EventBridge Scheduler's own schedules fire, moved and cancelled ones do not."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from tests.e2e.sending import accepted_texts, completed
from tests.e2e.stack import Tenant, wait_until

# Long enough ahead to be moved or cancelled on a loaded laptop before it fires.
_AHEAD_S = 45


def _written(seconds: float, offset_h: float) -> str:
    zone = timezone(timedelta(hours=offset_h))
    return (datetime.now(UTC) + timedelta(seconds=seconds)).astimezone(zone).isoformat(timespec="seconds")


def _scheduled(tenant: Tenant, numbers: list[str], *, seconds: float = _AHEAD_S, offset_h: float = 3) -> Any:
    answer = tenant.send(numbers, send_at=_written(seconds, offset_h))
    assert (answer.status_code, answer.json()["status"]) == (202, "scheduled"), answer.text
    return answer.json()


def _schedules(tenant: Tenant) -> set[str]:
    pages = tenant.stack.client("scheduler").get_paginator("list_schedules").paginate()
    return {schedule["Name"] for page in pages for schedule in page["Schedules"]}


def test_schedules_fire_at_their_moment_whatever_the_offset_and_a_cancelled_one_does_not(tenant: Tenant) -> None:
    tenant.buy_lite()
    offsets = {-8: tenant.numbers(2), 5.75: tenant.numbers(2), 0: tenant.numbers(2)}
    batches = {offset_h: _scheduled(tenant, numbers, offset_h=offset_h) for offset_h, numbers in offsets.items()}
    off, moved = tenant.numbers(3), tenant.numbers(4)
    cancelled = _scheduled(tenant, off)
    answer = tenant.post(f"sms/batches/{cancelled['id']}/cancel/", {})
    assert (answer.json()["status"], answer.json()["charged"]) == ("cancelled", 0), answer.text
    later = _scheduled(tenant, moved, seconds=3600)
    answer = tenant.request("PATCH", f"sms/batches/{later['id']}/", json={"send_at": _written(_AHEAD_S, -3.5)})
    assert (answer.status_code, answer.json()["status"]) == (200, "scheduled"), answer.text
    waiting = {later["id"], *(batch["id"] for batch in batches.values())}
    assert _schedules(tenant) >= waiting
    assert cancelled["id"] not in _schedules(tenant)

    for offset_h, batch in batches.items():
        completed(tenant, batch["id"], within_s=150)
        assert accepted_texts(tenant, offsets[offset_h]).total() == 2
        done = tenant.batch(batch["id"])
        moment = datetime.fromisoformat(done["send_at"])
        assert datetime.fromisoformat(done["completed_at"]) >= moment
    completed(tenant, later["id"], within_s=150)
    assert accepted_texts(tenant, moved).total() == 4
    assert accepted_texts(tenant, off).total() == 0
    wait_until("every schedule that fired is gone", lambda: not _schedules(tenant) & waiting)
    wait_until("credits are settled", lambda: tenant.balance() == (4_990, 0))
