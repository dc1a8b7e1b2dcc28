"""Money: shares and rounding. Money is a whole number of minor units of its currency. Credits are whole numbers."""

from fractions import Fraction
from typing import TypeAlias

from ledger.domain.records import record
from ledger.domain.unknown_fields import KeepsUnknownFields


@record(frozen=True, kw_only=True)
class Money(KeepsUnknownFields):
    """An amount in minor units of its currency: 1800 EUR is 18.00 euros."""

    amount_minor: int
    currency: str  # ISO 4217, upper case


Share: TypeAlias = Fraction | int
"""A share from 0 to 1, exact. Of most payments it is simply 1: a whole number is added and compared much faster."""


def portion(whole: int, share: Share) -> int:
    """Return the part of `whole` that belongs to `share` (0 to 1), rounded down: in the customer's favour.

    Pass the *cumulative* share, never the share of one step. Then three refunds of a third each take back exactly the
    whole.
    """
    return whole * share.numerator // share.denominator


def share_of(part: int | Fraction, whole: int | Fraction) -> Fraction:
    """Return a part of an amount as a share of it, from 0 to 1. The share of nothing (a free order) is 0."""
    if whole <= 0:
        return Fraction(0)
    return Fraction(min(max(part, 0), whole), whole)


_WITHOUT_DECIMALS = {
    *("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA"),
    *("PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"),
}
_WITH_THREE_DECIMALS = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}


def format_amount(amount_minor: int, currency: str) -> str:
    """Return an amount for people to read: `18.00 EUR`, `1800 JPY`, `1.800 KWD`, `-0.05 EUR`."""
    decimals = 0 if currency in _WITHOUT_DECIMALS else 3 if currency in _WITH_THREE_DECIMALS else 2
    sign, digits = "-" * (amount_minor < 0), f"{abs(amount_minor):0{decimals + 1}}"
    whole, part = digits[: len(digits) - decimals], digits[len(digits) - decimals :]
    return f"{sign}{whole}{'.' * (decimals > 0)}{part} {currency}"
