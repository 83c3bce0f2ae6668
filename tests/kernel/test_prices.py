"""Prices: monotone over every quantity and all packages, in whole shillings, at the published rates."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifumo import prices
from mifumo.packages import PACKAGES, Package
from mifumo.prices import CREDITS_MAX, CREDITS_MIN, QuantityOutsideLimits

quantities = st.integers(CREDITS_MIN, CREDITS_MAX)
# Where something changes: the ends of tiers, packages, and where a rate catches up with a package's price.
EDGES = sorted(
    {
        edge + step
        for edge in (100, 5_000, 6_000, 50_000, 50_001, 69_444, 250_000, 250_001, 375_000, 1_000_000, CREDITS_MAX)
        for step in (-1, 0, 1)
        if CREDITS_MIN <= edge + step <= CREDITS_MAX
    }
)
near_edges = st.sampled_from(EDGES) | quantities


def total(quantity: int) -> int:
    return prices.of_credits(quantity).total_tzs


@pytest.mark.parametrize(
    ("quantity", "total_tzs", "unit_tzs"),
    [
        (100, 3_000, 30),
        (4_999, 149_970, 30),
        (5_000, 150_000, 30),
        (5_001, 150_000, 30),
        (6_000, 150_000, 25),
        (6_001, 150_025, 25),
        (50_000, 1_250_000, 25),
        (50_001, 1_250_000, 25),
        (69_444, 1_250_000, 19),
        (69_445, 1_250_010, 18),
        (250_000, 4_500_000, 18),
        (250_001, 4_500_000, 18),
        (375_000, 4_500_000, 12),
        (375_001, 4_500_012, 12),
        (1_000_000, 12_000_000, 12),
        (1_000_001, 12_000_012, 12),
        (9_999_999, 119_999_988, 12),
    ],
)
def test_a_quantity_costs_its_tiers_rate_and_no_less_than_the_package_in_it(
    quantity: int, total_tzs: int, unit_tzs: int
) -> None:
    price = prices.of_credits(quantity)
    assert (price.credits, price.total_tzs, price.unit_price_tzs) == (quantity, total_tzs, unit_tzs)


@given(near_edges, near_edges)
def test_no_quantity_costs_more_than_a_larger_one(one: int, other: int) -> None:
    assert total(min(one, other)) <= total(max(one, other))


@given(near_edges, near_edges)
def test_one_credit_of_more_is_never_dearer_than_one_of_fewer(one: int, other: int) -> None:
    few, many = min(one, other), max(one, other)
    assert Fraction(total(many), many) <= Fraction(total(few), few)


def test_every_single_step_up_to_past_the_largest_package_costs_nothing_less() -> None:
    totals = [total(quantity) for quantity in range(CREDITS_MIN, 1_000_100)]
    assert all(low <= high for low, high in pairwise(totals))


@given(near_edges)
def test_packages_and_quantities_never_undercut_one_another(quantity: int) -> None:
    for package in PACKAGES.values():
        if quantity <= package.credits:
            assert total(quantity) <= package.price_tzs
        if quantity >= package.credits:
            assert total(quantity) >= package.price_tzs


@pytest.mark.parametrize("package", PACKAGES.values(), ids=list(PACKAGES))
def test_a_package_costs_what_its_credits_cost(package: Package) -> None:
    assert prices.of_package(package) == prices.of_credits(package.credits)
    assert prices.of_package(package).unit_price_tzs == package.unit_price_tzs


@given(near_edges)
def test_a_price_is_the_published_rate_or_a_packages_own(quantity: int) -> None:
    at_rate = quantity * prices.tier_of(quantity).unit_price_tzs
    assert total(quantity) in {at_rate, *(package.price_tzs for package in PACKAGES.values())}
    assert total(quantity) >= at_rate


@given(near_edges)
def test_prices_are_whole_and_the_unit_price_shows_no_less_than_is_paid(quantity: int) -> None:
    price = prices.of_credits(quantity)
    assert type(price.total_tzs) is int
    assert price.unit_price_tzs - 1 < Fraction(price.total_tzs, quantity) <= price.unit_price_tzs


@pytest.mark.parametrize(
    ("quantity", "tier", "package"),
    [
        (4_999, "Lite", None),
        (5_000, "Standard", "lite"),
        (50_000, "Standard", "standard"),
        (50_001, "Pro", "standard"),
        (250_000, "Pro", "pro"),
        (250_001, "Enterprise", "pro"),
        (1_000_000, "Enterprise", "enterprise"),
    ],
)
def test_a_quantity_has_a_tier_and_the_largest_package_in_it(quantity: int, tier: str, package: str | None) -> None:
    assert prices.tier_of(quantity).name == tier
    within = prices.package_within(quantity)
    assert (within.id if within else None) == package


@pytest.mark.parametrize("quantity", [-1, 0, CREDITS_MIN - 1, CREDITS_MAX + 1])
def test_too_few_and_too_many_are_refused(quantity: int) -> None:
    with pytest.raises(QuantityOutsideLimits):
        prices.of_credits(quantity)
