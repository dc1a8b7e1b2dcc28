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


_WITHOUT_DECIMALS = {
    *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"),
    *("PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"),
}


def in_words(amount_minor: int, currency: str) -> str:
    """An amount for people: `18.00 EUR`, `1800 JPY`."""
    if currency in _WITHOUT_DECIMALS:
        return f"{amount_minor} {currency}"
    return f"{amount_minor // 100}.{amount_minor % 100:02} {currency}"
