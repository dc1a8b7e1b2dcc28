"""By what support finds an event: whatever its fields hold, reading them never fails."""

import pytest

from ledger.domain.money import Money
from ledger.providers.naming import amounts_in


@pytest.mark.parametrize("currency", [None, 5, [], {}, "", "US1", "USDX", "us"])
def test_an_amount_without_a_currency_is_left_out(currency: object) -> None:
    """A field of another type must not park what names it, nor end who lists it."""
    assert list(amounts_in({"total": 1200}, ("total",), currency)) == []


@pytest.mark.parametrize("source", [None, 5, [], "total"])
def test_what_is_no_object_has_no_amounts(source: object) -> None:
    """The same of what stands in its place."""
    assert list(amounts_in(source, ("total",), "usd")) == []


def test_amounts_are_whole_and_above_zero() -> None:
    """As numbers and as texts, as the providers write them; of the fields that are named."""
    sums = {"a": 1200, "b": "34", "c": 0, "d": "-5", "e": 1.5, "f": None, "g": True, "other": 7}
    found = amounts_in(sums, "abcdefgh", "eur")
    assert list(found) == [Money(amount_minor=amount, currency="EUR") for amount in (1200, 34)]
