"""What the objects in a story cost."""

from collections.abc import Mapping
from typing import NamedTuple


class Tariff(NamedTuple):
    """Prices in one currency at one provider, by our product: its price id, the amount, and which of them recur."""

    currency: str  # ISO 4217, upper case
    prices: Mapping[str, tuple[str, int]]  # minor units
    recurring: frozenset[str] = frozenset({"creator_monthly"})
