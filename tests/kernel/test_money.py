"""Amounts: whole units that add up within their kind, and refuse all else."""

import copy
import json
import operator
import pickle
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifumo.money import Credits, Tzs

_UNITS = st.integers(-(10**12), 10**12)
_KINDS = st.sampled_from([Credits, Tzs])
_ORDERINGS = [operator.lt, operator.le, operator.gt, operator.ge]
_OTHERS = [Tzs(5), 5, True, 5.0, Decimal(5), "5", None]
_REFUSED = [
    operator.truediv,
    operator.floordiv,
    operator.mod,
    divmod,
    operator.pow,
    operator.and_,
    operator.or_,
    operator.xor,
    operator.lshift,
    operator.rshift,
]


@given(kind=_KINDS, one=_UNITS, other=_UNITS)
def test_sums_and_differences_are_those_of_whole_numbers_and_keep_their_kind(
    kind: type[Credits] | type[Tzs], one: int, other: int
) -> None:
    added: Any = operator.add(kind(one), kind(other))
    taken: Any = operator.sub(kind(one), kind(other))
    assert (type(added), int(added)) == (kind, one + other)
    assert (type(taken), int(taken)) == (kind, one - other)
    assert added - kind(other) == kind(one)


@given(kind=_KINDS, units=_UNITS, times=st.integers(-(10**6), 10**6))
def test_an_amount_is_scaled_by_plain_numbers_from_either_side(
    kind: type[Credits] | type[Tzs], units: int, times: int
) -> None:
    for scaled in (kind(units) * times, times * kind(units)):
        assert (type(scaled), int(scaled)) == (kind, units * times)


@given(kind=_KINDS, units=_UNITS)
def test_the_opposite_and_the_size_keep_their_kind(kind: type[Credits] | type[Tzs], units: int) -> None:
    assert (type(-kind(units)), int(-kind(units))) == (kind, -units)
    assert (type(abs(kind(units))), int(abs(kind(units)))) == (kind, abs(units))


@given(one=_UNITS, other=_UNITS)
@pytest.mark.parametrize("compare", [*_ORDERINGS, operator.eq, operator.ne])
def test_an_amount_compares_with_its_kind_and_with_plain_numbers(
    compare: Callable[[int, int], bool], one: int, other: int
) -> None:
    expected = compare(one, other)
    assert compare(Credits(one), Credits(other)) is expected
    assert compare(Credits(one), other) is expected
    assert compare(one, Credits(other)) is expected


@pytest.mark.parametrize("other", _OTHERS, ids=repr)
@pytest.mark.parametrize("operate", [operator.add, operator.sub])
def test_nothing_but_its_kind_is_added_to_an_amount(operate: Callable[[Any, Any], Any], other: object) -> None:
    with pytest.raises(TypeError):
        operate(Credits(5), other)


@pytest.mark.parametrize("other", [Tzs(5), 5, "5", None], ids=repr)
@pytest.mark.parametrize("operate", [operator.add, operator.sub])
def test_an_amount_is_added_to_nothing_but_its_kind(operate: Callable[[Any, Any], Any], other: object) -> None:
    with pytest.raises(TypeError):
        operate(other, Credits(5))


@pytest.mark.parametrize("times", [Credits(5), Tzs(5), True, 1.5, Decimal(5), "5", None], ids=repr)
def test_an_amount_is_scaled_by_nothing_but_plain_whole_numbers(times: Any) -> None:
    with pytest.raises(TypeError):
        Credits(5) * times


@pytest.mark.parametrize("other", [Credits(5), Tzs(5), 5, True, 5.0], ids=repr)
@pytest.mark.parametrize("operate", _REFUSED)
def test_no_operation_that_would_lose_the_unit_is_allowed(operate: Callable[[Any, Any], Any], other: object) -> None:
    with pytest.raises(TypeError, match="Credits do not go with"):
        operate(Credits(5), other)


@pytest.mark.parametrize("operate", _REFUSED)
def test_nor_is_it_with_the_amount_on_the_right(operate: Callable[[Any, Any], Any]) -> None:
    with pytest.raises(TypeError, match="Credits do not go with int"):
        operate(5, Credits(5))


@pytest.mark.parametrize("compare", _ORDERINGS)
@pytest.mark.parametrize("other", [Tzs(5), True, 5.0], ids=repr)
def test_amounts_of_different_kinds_have_no_order(compare: Callable[[Any, Any], bool], other: object) -> None:
    with pytest.raises(TypeError):
        compare(Credits(5), other)


def test_amounts_of_different_kinds_are_never_equal() -> None:
    credit: object = Credits(0)
    shilling: object = Tzs(0)
    assert credit != shilling
    assert len({credit, shilling}) == 2


@pytest.mark.parametrize("units", [True, 5.0, Decimal(5), "5", None, Tzs(5)], ids=repr)
def test_an_amount_is_made_of_plain_whole_numbers_only(units: Any) -> None:
    with pytest.raises(TypeError, match="Credits are made of whole numbers"):
        Credits(units)


@given(units=_UNITS)
def test_an_amount_goes_out_as_a_plain_number(units: int) -> None:
    amount = Credits(units)
    assert json.dumps({"available": amount}) == json.dumps({"available": units})
    assert (str(amount), f"{amount:,}", repr(amount)) == (str(units), f"{units:,}", f"Credits({units})")
    assert type(int(amount)) is int


@given(units=_UNITS)
def test_a_copy_is_the_same_amount(units: int) -> None:
    for twin in (copy.deepcopy(Tzs(units)), pickle.loads(pickle.dumps(Tzs(units))), Tzs(Tzs(units))):  # noqa: S301 - ours
        assert (type(twin), twin) == (Tzs, Tzs(units))
        assert hash(twin) == hash(units)


@given(several=st.lists(_UNITS.map(Credits)))
def test_a_sum_that_starts_from_no_credits_is_in_credits(several: list[Credits]) -> None:
    total = sum(several, start=Credits(0))
    assert (type(total), int(total)) == (Credits, sum(map(int, several)))


def test_a_sum_that_starts_from_a_bare_zero_is_refused() -> None:
    several: list[Any] = [Credits(5)]  # mypy refuses it as well
    with pytest.raises(TypeError, match="Credits do not go with int"):
        sum(several)
