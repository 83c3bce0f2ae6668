"""Packages and schedule: the pure parts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.billing import schedule
from functions.billing.catalogue import WALLETS
from mifumo import clock, settings
from mifumo.packages import PACKAGES, PLATFORM_SENDER_IDS, best, sender_ids_of

IDS = st.sampled_from([None, *PACKAGES])


def test_the_platforms_ten_sender_ids_come_with_the_packages_by_four_six_eight_and_ten() -> None:
    assert sender_ids_of(None) == ("Taarifa-SMS",)
    assert [len(sender_ids_of(package)) for package in PACKAGES] == [4, 6, 8, 10]
    assert sender_ids_of("lite") == ("Taarifa-SMS", "INFO", "ALERT", "NOTIFY")
    assert set(sender_ids_of("enterprise")) == set(PLATFORM_SENDER_IDS)


@given(IDS, IDS)
def test_the_best_of_two_packages_opens_all_that_either_opens(one: str | None, other: str | None) -> None:
    assert best(one, other) == best(other, one)
    opened = set(sender_ids_of(best(one, other)))
    assert opened == set(sender_ids_of(one)) | set(sender_ids_of(other))


def test_every_price_is_a_whole_number_of_credits() -> None:
    for package in PACKAGES.values():
        assert package.unit_price_tzs * package.credits == package.price_tzs


def test_only_lite_fits_into_a_push_from_each_wallet() -> None:
    payable = {
        (package.id, wallet.code.value)
        for package in PACKAGES.values()
        for wallet in WALLETS.values()
        if wallet.amount_min_tzs <= package.price_tzs <= wallet.amount_max_tzs
    }
    assert payable == {("lite", code.value) for code in WALLETS}


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.forget()
    for name, value in {
        "PAYMENTS_QUEUE_URL": "q",
        "PAYMENT_EXPIRY_S": "1800",
        "PAYMENT_CHECKS_S": "15,30,60,120,300,600,900,1800,3600",
        "PAYMENT_WATCH_S": "604800",
    }.items():
        monkeypatch.setenv(name, value)


def gap_s(checks: int, *, expires_in_s: float = 1e6, waiting: bool = True) -> float:
    now = clock.now()
    due = schedule.next_check(
        checks,
        expires_at=clock.after(expires_in_s, now),
        waiting=waiting,
    )
    return round((clock.parse(due) - now).total_seconds())


@pytest.mark.usefixtures("plan")
def test_gaps_grow_and_the_last_one_repeats() -> None:
    assert [gap_s(checks) for checks in range(11)] == [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 3600, 3600]


@pytest.mark.usefixtures("plan")
def test_a_waiting_payment_is_looked_at_when_it_expires_and_as_long_as_it_waits() -> None:
    assert gap_s(7, expires_in_s=100) == 100
    assert gap_s(7, expires_in_s=-100) == 1800


@pytest.mark.usefixtures("plan")
def test_an_ended_payment_is_looked_at_by_the_same_gaps_and_no_sooner_for_its_expiry() -> None:
    assert gap_s(8, expires_in_s=-100, waiting=False) == 3600
    assert gap_s(8, expires_in_s=100, waiting=False) == 3600
