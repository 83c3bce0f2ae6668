"""Reconciliation: a day's money beside each provider's own account of it, over its simulator's wire."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.billing import (
    accounts,
    days,
    payment_marks,
    reconcile,
    reconciliation_rows,
    reconciliations,
    reconciling,
    settlement,
)
from functions.billing.payment import Payment
from functions.billing.reconciliations import Reconciliation, Stage
from mifumo import clock, ids, wallets
from mifumo.phone import Msisdn
from mifumo.providers.payments import Push
from tests.billing.conftest import TENANT, Till, Travel, opened
from tests.billing.office import ADMIN, AMINA, NEEMA, Office
from tests.wire import Wire

_FOREIGN = ids.as_uuid(ids.derived_uuid("made by", "other means"))


@dataclass
class Books:
    """A day at one provider, and the comparison on the day after it."""

    till: Till
    provider: str

    def __post_init__(self) -> None:
        """The staff sign in before our clock is put forward, because the one that checks tokens is not."""
        self.office = Office(self.till)

    @property
    def day(self) -> str:
        return days.before(days.of(clock.after(-reconcile._SETTLED_AFTER_S)))

    def tomorrow(self) -> None:
        """Lets the day pass, and two hours and a little more of the next one."""
        _, end = days.bounds(days.of(clock.stamp()))
        self.till.travel.forward((clock.parse(end) - clock.now()).total_seconds() + reconcile._SETTLED_AFTER_S + 60)

    def paid(self, digits: str = "456", **options: Any) -> Payment:
        payment = self.till.bought(digits, **options)
        self.till.paid(payment)
        self.till.look(payment)
        return self.till.payment(payment.id)

    def compare(self, runs: int = 3) -> Reconciliation:
        """Runs until the provider has made its list: pawaPay takes one run to ask and another to read."""
        for _ in range(runs):
            context = SimpleNamespace(get_remaining_time_in_millis=lambda: 800_000, **_LAMBDA)
            reconciling.handler({}, context)  # type: ignore[arg-type] # all that it asks its context for
        found = reconciliations.read(self.provider, self.day)
        assert found
        return found

    def settled(self, orders: int) -> None:
        """Waits until so many deposits have ended that we know nothing of."""
        for _ in range(250):
            if sum(one["status"] == "COMPLETED" for one in self.till.simulator.log()["deposits"]) == orders:
                return
            time.sleep(0.02)
        raise AssertionError("the provider never ended the deposits")

    def differences(self) -> list[tuple[str, str]]:
        status, body = self.office.get(NEEMA, f"/reconciliations/{self.day}/{self.provider}/")
        assert status == 200, body
        return [(row["bucket"], row["order"]) for row in body["items"]]


_LAMBDA = {"function_name": "f", "memory_limit_in_mb": 1, "invoked_function_arn": "a", "aws_request_id": "r"}


def counts(found: Reconciliation) -> tuple[int, int, int, int]:
    """Returns how many orders are matched, ours only, theirs only, and mismatched."""
    assert found.stage is Stage.OVER
    every = found.counts
    return every["matched"], every["ours_only"], every["theirs_only"], every["mismatch"]


@pytest.fixture
def books(counter: Till) -> Books:
    provider = {"Till": "zenopay", "PawaPayTill": "pawapay", "ClickPesaTill": "clickpesa"}[type(counter).__name__]
    return Books(counter, provider)


@pytest.fixture
def pawapay(aws_tables: Wire, travel: Travel, door: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Books]:
    with opened("pawapay", aws_tables, travel, door, monkeypatch) as till:
        yield Books(till, "pawapay")


@pytest.fixture
def clickpesa(aws_tables: Wire, travel: Travel, door: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Books]:
    with opened("clickpesa", aws_tables, travel, door, monkeypatch) as till:
        yield Books(till, "clickpesa")


def metrics(capsys: pytest.CaptureFixture[str], name: str) -> int:
    return capsys.readouterr().out.count(f'"{name}":[')


def test_a_day_whose_books_agree_has_nothing_to_show(books: Books) -> None:
    payment, refused = books.paid(), books.paid("039", key="refused")
    assert (payment.status, refused.status) == ("completed", "failed")
    books.tomorrow()
    found = books.compare()
    assert counts(found) == (1, 0, 0, 0)
    assert found.amounts["matched"] == 150_000
    assert books.differences() == []


def test_money_that_only_our_books_know_of_is_shown(books: Books, capsys: pytest.CaptureFixture[str]) -> None:
    payment = books.paid()
    books.till.turn(payment, paid=False)
    books.tomorrow()
    before = wallets.read(TENANT)
    assert counts(books.compare()) == (0, 1, 0, 0)
    assert metrics(capsys, "ReconciliationDifference") == 1
    assert books.differences() == [("ours_only", payment.order_id)]
    assert wallets.read(TENANT) == before
    assert books.till.payment(payment.id) == payment


def test_money_that_our_books_do_not_know_of_is_asked_about_and_comes_by_the_one_way(books: Books) -> None:
    payment = books.till.bought("039")
    books.till.paid(payment)
    books.till.look(payment)
    books.till.turn(payment, paid=True)
    books.tomorrow()
    books.till.queued()
    assert counts(books.compare()) == (0, 0, 0, 1)
    assert books.differences() == [("mismatch", payment.order_id)]
    books.till.credited(payment, times=0)
    asked = [message for message in books.till.queued() if message["payment_id"] == payment.id]
    assert asked
    for message in asked:
        books.till.look(payment, **message)
    books.till.credited(payment)
    # What was found then is what the report says, however often it is asked for.
    assert counts(books.compare()) == (0, 0, 0, 1)


def test_who_is_asked_about_right_after_a_look_is_asked_about_once_more(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settlement, "ASK_GAP_S", 60)
    books = Books(till, "zenopay")
    payment = till.bought("039")
    till.paid(payment)
    till.look(payment)
    till.turn(payment, paid=True)
    books.tomorrow()
    payment_marks.look(till.payment(payment.id), next_check_at=None, gap_s=0)
    books.compare()
    (asked,) = [message for message in till.queued() if message["payment_id"] == payment.id]
    till.wire.clear()
    till.look(payment, **asked)
    assert till.wire.count("SendMessageBatch") == 1  # the same again, in a moment
    till.credited(payment, times=0)
    till.travel.forward(61)
    till.look(payment, **asked)
    till.credited(payment)


def test_another_amount_than_was_credited_is_shown(books: Books) -> None:
    payment = books.paid()
    order = payment.order_id.replace("-", "") if books.provider == "clickpesa" else payment.order_id
    word = "SUCCESS" if books.provider == "clickpesa" else "COMPLETED"
    books.till.simulator.flip(order, word, amount=100_000)
    books.tomorrow()
    found = books.compare()
    assert counts(found) == (0, 0, 0, 1)
    assert found.amounts["mismatch"] == 100_000


def test_money_under_review_agrees_with_what_the_provider_tells(books: Books) -> None:
    payment = books.paid("529")  # pays another amount
    if books.provider == "pawapay":
        payment = books.paid("529", key="other")
    assert payment.status == "review"
    books.tomorrow()
    found = books.compare()
    assert (found.counts["ours_only"], found.counts["mismatch"]) == (0, 0)


def test_an_order_that_was_made_by_other_means_is_theirs_alone(pawapay: Books) -> None:
    accounts.client("pawapay").initiate(Push(_FOREIGN, 7_000, Msisdn("+255763456789"), "Duka", "a@b.example", ""))
    pawapay.settled(1)
    pawapay.tomorrow()
    found = pawapay.compare()
    assert counts(found) == (0, 0, 1, 0)
    assert found.amounts["theirs_only"] == 7_000
    assert pawapay.differences() == [("theirs_only", _FOREIGN)]
    assert wallets.read(TENANT).version == 0


def test_money_that_was_collected_twice_for_one_order_is_shown(clickpesa: Books) -> None:
    payment = clickpesa.paid()
    clickpesa.till.simulator.attempt_again(payment.order_id.replace("-", ""), "SUCCESS")
    clickpesa.tomorrow()
    assert counts(clickpesa.compare()) == (1, 0, 0, 1)
    ((_, order),) = clickpesa.differences()
    assert order == payment.order_id


def test_a_list_of_many_pages_is_read_to_its_end(clickpesa: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mifumo.providers.clickpesa._LIST_LINES", 2)
    for number in range(5):
        clickpesa.paid(key=f"key-{number}")
    clickpesa.tomorrow()
    assert counts(clickpesa.compare()) == (5, 0, 0, 0)


def test_a_statement_that_is_not_made_yet_is_waited_for_and_one_that_fails_is_asked_for_anew(pawapay: Books) -> None:
    pawapay.paid()
    pawapay.tomorrow()
    pawapay.till.simulator.set_statements("PROCESSING")
    waiting = pawapay.compare(runs=4)
    assert (waiting.stage, waiting.step) == (Stage.THEIRS, 1)
    pawapay.till.simulator.set_statements("FAILED")
    again = pawapay.compare(runs=1)
    assert again.place != waiting.place
    pawapay.till.simulator.set_statements("COMPLETED")
    assert counts(pawapay.compare()) == (1, 0, 0, 0)


def test_a_provider_that_is_down_is_asked_by_the_next_run_and_told_of_in_the_end(
    books: Books, capsys: pytest.CaptureFixture[str]
) -> None:
    books.paid()
    books.tomorrow()
    books.till.simulator.add_fault("status_500", 50)
    if books.provider == "pawapay":
        books.till.simulator.set_statements("PROCESSING")
    assert books.compare(runs=1).stage is not Stage.OVER
    assert metrics(capsys, "ReconciliationLate") == 0
    day = books.day
    books.till.travel.forward(reconcile._LATE_AFTER_S + 60)
    books.compare(runs=1)
    assert metrics(capsys, "ReconciliationLate") >= 1
    books.till.simulator.clear()
    assert reconcile.due()[0] <= day


def test_a_run_that_stops_goes_on_and_a_second_one_finds_it_over(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "_PAYMENTS_TOGETHER", 1)
    for number in range(3):
        books.paid(key=f"key-{number}")
    books.tomorrow()
    runs = 0
    while (now := reconciliations.read(books.provider, books.day)) is None or now.stage is not Stage.OVER:
        reconcile.go_on(time_left=lambda: False)
        runs += 1
    assert runs >= 3
    assert counts(now) == (3, 0, 0, 0)
    assert books.compare() == now


def test_a_crash_between_a_verdict_and_its_place_changes_nothing(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    payment = books.till.bought("039")
    books.till.paid(payment)
    books.till.look(payment)
    books.till.turn(payment, paid=True)
    books.paid(key="other")
    books.tomorrow()
    books.till.queued()

    def die(*_: object) -> None:
        raise RuntimeError("the function was killed")

    with monkeypatch.context() as killed:
        killed.setattr(
            reconciliations, "_save", lambda after: die() if reconciliation_rows.rows(after) else _save(after)
        )
        with pytest.raises(RuntimeError):
            books.compare()
        with pytest.raises(RuntimeError):
            books.compare(runs=1)
    for message in books.till.queued():
        books.till.look(payment, **message)
    books.till.credited(payment)
    # The first verdict stands, though the books agree by now.
    assert counts(books.compare()) == (1, 0, 0, 1)


@pytest.mark.parametrize("path", ["/reconciliations/", "/reconciliations/2026-01-31/pawapay/"])
def test_only_staff_read_reconciliations(till: Till, path: str) -> None:
    office = Office(till)
    assert till.call("GET", f"{ADMIN}{path}")[0] == 403
    assert till.call("GET", f"{ADMIN}{path}", token=None)[0] == 401
    assert office.get(NEEMA, path)[0] == (404 if "pawapay" in path else 200)


def test_a_day_that_is_none_is_not_found(till: Till) -> None:
    for wrong in ("2026-02-30", "yesterday", "20260131"):
        assert Office(till).get(AMINA, f"/reconciliations/{wrong}/zenopay/")[0] == 404


def test_reports_are_listed_by_day_and_page(till: Till) -> None:
    books = Books(till, "zenopay")
    books.paid()
    books.tomorrow()
    books.compare()
    status, first = books.office.get(AMINA, "/reconciliations/", query={"limit": "1"})
    assert status == 200
    (newest,) = first["items"]
    assert (newest["day"], newest["provider"], newest["stage"], newest["lists"]) == (
        books.day,
        "zenopay",
        "over",
        False,
    )
    assert newest["totals"][0] == {"bucket": "matched", "orders": 1, "amount": 150_000}
    _, second = books.office.get(AMINA, "/reconciliations/", query={"limit": "1", "cursor": first["next"]})
    assert second["items"][0]["day"] <= newest["day"]


def test_the_differences_of_one_kind_are_told_apart(pawapay: Books) -> None:
    payment = pawapay.paid()
    pawapay.till.turn(payment, paid=False)
    accounts.client("pawapay").initiate(Push(_FOREIGN, 7_000, Msisdn("+255763456789"), "Duka", "a@b.example", ""))
    pawapay.settled(1)
    pawapay.tomorrow()
    pawapay.compare()
    path = f"/reconciliations/{pawapay.day}/pawapay/"
    for bucket in ("ours_only", "theirs_only"):
        _, body = pawapay.office.get(AMINA, path, query={"bucket": bucket})
        assert [row["bucket"] for row in body["items"]] == [bucket]
    assert pawapay.office.get(AMINA, path, query={"bucket": "lost"})[0] == 422


@given(st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis' own
def test_a_moment_lies_within_its_day(moment: datetime) -> None:
    stamp = clock.stamp(moment)
    start, end = days.bounds(days.of(stamp))
    assert start <= stamp < end
    assert days.before(days.of(end)) == days.of(stamp)


_save = reconciliations._save
