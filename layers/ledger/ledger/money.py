"""Rounding, in one place. Money is whole minor units of its currency, credits are whole."""

from fractions import Fraction


def portion(whole: int, share: Fraction) -> int:
    """The part of `whole` that belongs to `share` (0 to 1), rounded down: in the customer's favour.

    It is asked for the *cumulative* share, never for one step's: so steps of a third each end at exactly the whole.
    """
    return whole * share.numerator // share.denominator


def share_of(part_minor: int, whole_minor: int) -> Fraction:
    """`part_minor` as a share of `whole_minor`, never outside 0 to 1. Of nothing (a free order) it is 0."""
    if whole_minor <= 0:
        return Fraction(0)
    return Fraction(min(max(part_minor, 0), whole_minor), whole_minor)
