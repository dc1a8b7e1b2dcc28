"""The catalogue: the products, their prices and their credits. It is one JSON file that a deployment can replace."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from ledger.domain.errors import CatalogueError
from ledger.domain.fields import Fields, is_whole

DEFAULT_FILE = Path(__file__).with_name("catalogue.json")


class ProductKind(StrEnum):
    """A pack is paid once. A subscription is paid for each period."""

    PACK = "pack"
    SUBSCRIPTION = "subscription"


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One product, with its terms."""

    product_id: str
    name: str
    kind: ProductKind
    credits: int  # for each unit bought
    prices: Mapping[str, int]  # minor units before tax and discount, by ISO 4217 code in upper case
    price_ids: Mapping[str, tuple[str, ...]]  # the providers' price ids, by provider
    expires_after_days: int | None = None  # packs: days from the payment; None: never
    rolls_over: bool = False  # subscriptions: the credits never expire
    renewal_grace: timedelta = timedelta(
        0
    )  # subscriptions: how long credits outlive their period, so that a renewal can arrive
    trial_credits: int = 0  # subscriptions: what a trial period grants for each unit, free or paid
    trial_price_ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # prices that only a trial has
    proration_grants: bool = False  # subscriptions: a part of a period that a change charges grants its part

    def prorated_credits(self, amount_minor: int, currency: str) -> int | None:
        """Return the credits of a part of a period: in proportion of its amount to the price, rounded down.

        `amount_minor` is before tax and discount, as the price is. None: the product has no price in this currency.
        """
        price_minor = self.prices.get(currency)
        return self.credits * amount_minor // price_minor if price_minor else None

    def expires_at(self, paid_at: datetime, period_end: datetime | None) -> datetime | None:
        """Return when credits of this product expire. None: never. `period_end` is that of a subscription's period."""
        if self.kind is ProductKind.PACK or period_end is None:
            return paid_at + timedelta(days=self.expires_after_days) if self.expires_after_days else None
        return None if self.rolls_over else period_end + self.renewal_grace


class Catalogue:
    """All products, by their id and by each provider's price ids."""

    def __init__(self, version: str, products: Mapping[str, Product]) -> None:
        self.version = version
        self.products = products
        self._by_price = {price: product for product in products.values() for price in _pairs(product.price_ids)}
        self._by_trial_price = {
            price: product for product in products.values() for price in _pairs(product.trial_price_ids)
        }

    def product(self, product_id: str | None) -> Product | None:
        """Return the product with this id, or None."""
        return self.products.get(product_id or "")

    def priced(self, provider: str, price_id: str | None) -> Product | None:
        """Return the product with this price id of a provider, or None."""
        return self._by_price.get((provider, price_id or ""))

    def trial_priced(self, provider: str, price_id: str | None) -> Product | None:
        """Return the product of which this price id of a provider sells a trial, or None."""
        return self._by_trial_price.get((provider, price_id or ""))


def _pairs(price_ids: Mapping[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    """Return each price id with its provider."""
    return [(provider, price_id) for provider, ids in price_ids.items() for price_id in ids]


def load(path: Path = DEFAULT_FILE) -> Catalogue:
    """Read and validate a catalogue file. Raise CatalogueError naming what is wrong."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise CatalogueError(f"The catalogue {path} can't be read ({error.strerror}). Set CATALOGUE_FILE.") from error
    except ValueError as error:
        raise CatalogueError(f"The catalogue {path} is not JSON: {error}.") from error
    return parse(document)


def parse(document: Any) -> Catalogue:
    """Validate a catalogue that was read from JSON. Raise CatalogueError naming the product and field."""
    top = Fields(document, "the catalogue", CatalogueError)
    version = top.take("version", str)
    rows = top.take("products", list)
    top.end()
    products: dict[str, Product] = {}
    listed_prices: set[tuple[str, str]] = set()
    for position, row in enumerate(rows):
        product = _product(row, f"product {position + 1}")
        if product.product_id in products:
            raise CatalogueError(f"{product.product_id}: product_id is listed twice. List each product once.")
        for price in (*_pairs(product.price_ids), *_pairs(product.trial_price_ids)):
            if price in listed_prices:
                raise CatalogueError(
                    f"{product.product_id}: price id {price[1]} is listed twice. It can belong to one product only."
                )
            listed_prices.add(price)
        products[product.product_id] = product
    if not products:
        raise CatalogueError("the catalogue: products is empty. List at least one.")
    return Catalogue(version, products)


def _product(row: Any, where: str) -> Product:
    fields = Fields(row, where, CatalogueError)
    fields.where = product_id = fields.take("product_id", str)
    kind_name = fields.take("kind", str)
    if kind_name not in set(ProductKind):
        fields.refuse("kind", kind_name, "pack or subscription")
    kind = ProductKind(kind_name)
    is_pack = kind is ProductKind.PACK
    credits_ = fields.take("credits", int)
    if credits_ == 0:
        fields.refuse("credits", credits_, "at least 1")
    prices = fields.take("prices", dict)
    for currency, amount_minor in prices.items():
        if not (len(currency) == 3 and currency.isalpha() and currency.isupper()):
            fields.refuse("prices", currency, "a currency code of three upper-case letters")
        if not is_whole(amount_minor) or amount_minor <= 0:
            fields.refuse(f"prices.{currency}", amount_minor, "a whole number of minor units above 0")
    product = Product(
        product_id=product_id,
        name=fields.take("name", str),
        kind=kind,
        credits=credits_,
        prices=prices,
        price_ids=_price_ids(fields, "price_ids", fields.take("price_ids", dict)),
        expires_after_days=fields.take("expires_after_days", int, None) if is_pack else None,
        rolls_over=False if is_pack else fields.take("rolls_over", bool, False),
        renewal_grace=timedelta(seconds=0 if is_pack else fields.take("renewal_grace_s", int, 0)),
        trial_credits=0 if is_pack else fields.take("trial_credits", int, 0),
        trial_price_ids={}
        if is_pack
        else _price_ids(fields, "trial_price_ids", fields.take("trial_price_ids", dict, {})),
        proration_grants=False if is_pack else fields.take("proration_grants", bool, False),
    )
    fields.end()
    return product


def _price_ids(fields: Fields, name: str, price_ids: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    for provider, ids in price_ids.items():
        if not (isinstance(ids, list) and all(isinstance(price_id, str) and price_id for price_id in ids)):
            fields.refuse(f"{name}.{provider}", ids, "a list of the provider's price ids")
    return {provider: tuple(ids) for provider, ids in price_ids.items()}
