"""VAT: the dated table, and parts that always add up to the price."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifumo import vat
from mifumo.vat import RATES, Buyer, NoRate

NOON = datetime(2026, 1, 31, 9, tzinfo=UTC)
totals = st.integers(0, 10**12)
rates = st.sampled_from([0, 1_600, 1_800]) | st.integers(0, 10_000)


def half_up(value: Fraction) -> int:
    return (value + Fraction(1, 2)).__floor__()


@pytest.mark.parametrize("buyer", Buyer)
@pytest.mark.parametrize("moment", [NOON, datetime(2016, 1, 1, tzinfo=UTC), datetime(2025, 9, 2, tzinfo=UTC)])
def test_the_standard_rate_holds_for_every_buyer_as_long_as_the_lower_one_is_postponed(
    moment: datetime, buyer: Buyer
) -> None:
    assert vat.rate_at(moment, buyer) == 1_800


def test_the_lower_rate_is_data_that_is_off_and_would_hold_for_unregistered_buyers_alone() -> None:
    (lower,) = [rate for rate in RATES if rate.postponed]
    called = (*RATES, replace(lower, postponed=False))
    assert vat.rate_at(NOON, Buyer.UNREGISTERED, rates=called) == 1_600
    assert vat.rate_at(NOON, Buyer.REGISTERED, rates=called) == 1_800
    assert vat.rate_at(datetime(2025, 8, 31, tzinfo=UTC), Buyer.UNREGISTERED, rates=called) == 1_800


def test_the_day_begins_at_midnight_in_dar_es_salaam() -> None:
    rates = (*RATES, replace(RATES[0], basis_points=2_000, since=date(2027, 7, 1)))
    midnight = datetime(2027, 6, 30, 21, tzinfo=UTC)
    assert vat.rate_at(midnight, Buyer.REGISTERED, rates=rates) == 2_000
    assert vat.rate_at(midnight - timedelta(seconds=1), Buyer.REGISTERED, rates=rates) == 1_800


def test_a_day_before_the_table_has_no_rate() -> None:
    with pytest.raises(NoRate):
        vat.rate_at(datetime(2015, 6, 30, 12, tzinfo=UTC), Buyer.REGISTERED)


@pytest.mark.parametrize(
    ("total", "net", "tax"),
    [(0, 0, 0), (118, 100, 18), (3_000, 2_542, 458), (150_000, 127_119, 22_881), (12_000_000, 10_169_492, 1_830_508)],
)
def test_eighteen_percent_is_taken_out_of_the_price(total: int, net: int, tax: int) -> None:
    split = vat.included(total, 1_800)
    assert (split.net, split.vat, split.total, split.basis_points) == (net, tax, total, 1_800)


def test_half_a_shilling_goes_up() -> None:
    assert vat.included(1, 10_000).vat == 1  # exactly a half
    assert vat.included(3, 10_000).vat == 2
    assert vat.included(1, 9_999).vat == 0  # just below


@given(totals, rates)
def test_net_and_vat_add_up_to_the_price_and_neither_is_negative(total: int, rate: int) -> None:
    split = vat.included(total, rate)
    assert split.net + split.vat == split.total == total
    assert split.net >= 0
    assert split.vat >= 0
    assert type(split.vat) is int


@given(totals, rates)
def test_the_vat_is_off_by_half_a_shilling_at_most(total: int, rate: int) -> None:
    exact = Fraction(total * rate, 10_000 + rate)
    assert -Fraction(1, 2) < vat.included(total, rate).vat - exact <= Fraction(1, 2)


@given(st.integers(0, 10**12), st.integers(1, 10_000))
def test_a_price_made_of_a_net_and_its_vat_comes_apart_into_the_same(net: int, rate: int) -> None:
    tax = half_up(Fraction(net * rate, 10_000))
    split = vat.included(net + tax, rate)
    assert (split.net, split.vat) == (net, tax)
