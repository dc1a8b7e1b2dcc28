"""Shares are rounded in one place, in the customer's favour, and amounts are written as their currencies are."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.money import format_amount, portion, share_of

WHOLE = ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"]
THREE = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]


@pytest.mark.parametrize(
    ("part_minor", "whole_minor", "share"),
    [
        (1, 3, Fraction(1, 3)),
        (0, 3, 0),
        (-1, 3, 0),
        (3, 3, 1),
        (4, 3, 1),
        (1, 1, 1),
        (0, 1, 0),
        (1, 0, 0),
        (1, -1, 0),
        (-2, -1, 0),
    ],
)
def test_a_share_lies_between_nothing_and_all(part_minor: int, whole_minor: int, share: Fraction) -> None:
    """Of nothing, or less, it is nothing."""
    assert share_of(part_minor, whole_minor) == share


@pytest.mark.parametrize(
    ("whole", "share", "part"),
    [(1000, Fraction(1, 3), 333), (1000, Fraction(2, 3), 666), (1000, Fraction(1), 1000), (7, Fraction(0), 0)],
)
def test_a_portion_is_rounded_down(whole: int, share: Fraction, part: int) -> None:
    """What is taken back is never more than its share."""
    assert portion(whole, share) == part


@given(st.integers(0, 10**6), st.lists(st.integers(0, 1000), min_size=1, max_size=5).filter(any))
def test_steps_of_a_cumulative_share_end_at_exactly_the_whole(whole: int, parts: list[int]) -> None:
    """However many steps it takes."""
    reached = [portion(whole, share_of(sum(parts[: step + 1]), sum(parts))) for step in range(len(parts))]
    assert reached == sorted(reached)
    assert reached[-1] == whole


@pytest.mark.parametrize("currency", WHOLE)
def test_some_currencies_have_no_decimals(currency: str) -> None:
    """ISO 4217 names them, and the providers' amounts are whole."""
    assert [format_amount(minor, currency) for minor in (1800, 0, -5)] == [f"{n} {currency}" for n in (1800, 0, -5)]


@pytest.mark.parametrize("currency", THREE)
def test_some_currencies_have_three_decimals(currency: str) -> None:
    """A thousandth is the minor unit."""
    assert format_amount(1800, currency) == f"1.800 {currency}"
    assert format_amount(-5, currency) == f"-0.005 {currency}"


@pytest.mark.parametrize(
    ("amount_minor", "words"),
    [(1800, "18.00"), (123456, "1234.56"), (5, "0.05"), (0, "0.00"), (-1, "-0.01"), (-195, "-1.95"), (99, "0.99")],
)
def test_all_others_have_two(amount_minor: int, words: str) -> None:
    """With the sign before it, and never without a digit before the point."""
    assert format_amount(amount_minor, "EUR") == f"{words} EUR"
