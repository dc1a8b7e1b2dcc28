"""What a checkout sells."""

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.domain.catalogue import Product, ProductKind
from tools.fixtures.tariff import Tariff


@dataclass(frozen=True, slots=True)
class CartLine:
    """One line of a checkout."""

    product: Product
    price_id: str
    quantity: int

    @property
    def recurs(self) -> bool:
        """Whether the line is a subscription's."""
        return self.product.kind is ProductKind.SUBSCRIPTION

    @property
    def title(self) -> str:
        """The quantity and the product's name."""
        return f"{self.quantity} × {self.product.name}"


def tariff_of(priced: Iterable[tuple[CartLine, int]], currency: str) -> Tariff:
    """Return the prices of lines, each given with its unit price in minor units."""
    pairs = list(priced)
    prices = {line.product.product_id: (line.price_id, unit_minor) for line, unit_minor in pairs}
    return Tariff(currency, prices, frozenset(line.product.product_id for line, _ in pairs if line.recurs))
