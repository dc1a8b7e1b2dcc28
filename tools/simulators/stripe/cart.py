"""What a Checkout Session sells."""

from dataclasses import dataclass
from typing import Any

from tools.fixtures.tariff import Tariff
from tools.simulators.common import cart

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CartLine(cart.CartLine):
    """One line, with its unit price in minor units."""

    unit_minor: int

    @property
    def amount_minor(self) -> int:
        """The price of the whole line."""
        return self.unit_minor * self.quantity


@dataclass(frozen=True, slots=True)
class Cart:
    """The lines of a Checkout Session, and the metadata that it copies to the payment and the subscription."""

    lines: tuple[CartLine, ...]
    currency: str  # lower case, as everywhere at Stripe
    is_taxed: bool
    payment_metadata: Json
    subscription_metadata: Json
    tax_ids: tuple[tuple[str, str], ...] = ()  # kind and number, as the buyer enters them

    @property
    def entered_tax_ids(self) -> list[Json]:
        """The buyer's tax ids as Stripe writes them."""
        return [{"type": kind, "value": number} for kind, number in self.tax_ids]

    @property
    def tariff(self) -> Tariff:
        """The prices of the lines."""
        return cart.tariff_of(((line, line.unit_minor) for line in self.lines), self.currency.upper())
