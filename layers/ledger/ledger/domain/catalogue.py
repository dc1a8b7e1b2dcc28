"""The catalogue: the products, their prices and their credits. It is one JSON file that a deployment can replace.

A product's terms are dated: what was agreed at a time is judged by the terms of that time, whatever the catalogue says
now. Terms count from their `from` until the next ones begin. The first ones also count before.

    {"product_id": …, "name": …, "kind": …, <terms>}                         one set of terms, always
    {"product_id": …, "name": …, "kind": …, "terms": [{<terms>},             the first terms
                                                      {"from": …, <terms>}]} what has changed since
"""

import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from ledger.domain.errors import CatalogueError
from ledger.domain.fields import Fields, is_whole
from ledger.domain.orders import Order, Terms
from ledger.domain.records import record

RENEWAL_GRACE = timedelta(hours=3)
USABLE_AT_LEAST = timedelta(days=7)
"""The terms of a subscription that states no others. They decide what is booked: to change one, date it like a term."""

_LONGEST_S = 10 * 366 * 24 * 3600
_MOST_MONTHS = 60
_ALWAYS = datetime.min.replace(tzinfo=UTC)

DEFAULT_FILE = Path(__file__).with_name("catalogue.json")


class ProductKind(StrEnum):
    """A pack is paid once. A subscription is paid for each period."""

    PACK = "pack"
    SUBSCRIPTION = "subscription"


Period = tuple[datetime, datetime]
"""The start and the end of a subscription's period."""


@record(frozen=True, kw_only=True)
class Product:
    """One product, with its terms of one time."""

    product_id: str
    name: str
    kind: ProductKind
    credits: int  # for each unit bought
    prices: Mapping[str, int]  # minor units before tax and discount, by ISO 4217 code in upper case
    price_ids: Mapping[str, tuple[str, ...]]  # the providers' price ids, by provider; the first one is sold
    expires_after_days: int | None = None  # packs: days from the payment; None: never
    rolls_over: bool = False  # subscriptions: the credits never expire
    renewal_grace: timedelta = RENEWAL_GRACE  # subscriptions: how long credits outlive their period
    usable_at_least: timedelta = USABLE_AT_LEAST  # subscriptions: how long a late payment's credits can be used
    trial_credits: int = 0  # subscriptions: what a trial period grants for each unit, free or paid
    trial_price_ids: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # prices that only a trial has
    period_months: int = 1  # subscriptions: how many months a period has; for reminders alone
    terms_from: datetime = _ALWAYS  # since when these terms count
    proration_grants: bool = False  # subscriptions: a part of a period that a change charges grants its part
    takes_discount_codes: bool = False  # the checkout has a field for a code; it changes no grant
    lock_days: int | None = None  # of an order's terms: see `ledger.domain.orders.Terms`

    @functools.cached_property
    def digest(self) -> str:
        """Return what identifies these terms. Two terms with the same digest grant the same for the same payment."""
        terms = {
            "product_id": self.product_id,
            "kind": self.kind.value,
            "credits": self.credits,
            "prices": dict(self.prices),
            "expires_after_days": self.expires_after_days,
            "rolls_over": self.rolls_over,
            "renewal_grace_s": int(self.renewal_grace.total_seconds()),
            "usable_at_least_s": int(self.usable_at_least.total_seconds()),
            "trial_credits": self.trial_credits,
            "proration_grants": self.proration_grants,
        }
        return hashlib.sha256(json.dumps(terms, sort_keys=True).encode()).hexdigest()[:16]

    def terms_at(self, provider: str, *, lock_days: int | None) -> Terms:
        """Return these terms as an order at a provider stores them, with the lock of its credits.

        The product must have a price id there.
        """
        return Terms(
            kind=self.kind.value,
            price_id=self.price_ids[provider][0],
            credits=self.credits,
            expires_after_days=self.expires_after_days,
            rolls_over=self.rolls_over,
            renewal_grace_s=0 if self.kind is ProductKind.PACK else int(self.renewal_grace.total_seconds()),
            usable_at_least_s=0 if self.kind is ProductKind.PACK else int(self.usable_at_least.total_seconds()),
            trial_credits=self.trial_credits,
            lock_days=lock_days,
        )

    def prorated_credits(self, amount_minor: int, currency: str) -> int | None:
        """Return the credits of a part of a period: in proportion of its amount to the price, rounded down.

        `amount_minor` is before tax and discount, as the price is. None: the product has no price in this currency.
        """
        price_minor = self.prices.get(currency)
        return self.credits * amount_minor // price_minor if price_minor else None

    def expires_at(self, paid_at: datetime, period: Period | None) -> datetime | None:
        """Return when credits of this product expire. None: never. `period` is that of a subscription.

        paid in time     |── period ──|─ renewal_grace ─|
        paid late        |── period ──|  …  paid_at |── usable_at_least, at most a period's length ──|
        """
        if self.kind is ProductKind.PACK or period is None:
            return paid_at + timedelta(days=self.expires_after_days) if self.expires_after_days else None
        if self.rolls_over:
            return None
        return max(period[1] + self.renewal_grace, self._usable_until(paid_at, period))

    def locked_until(self, paid_at: datetime) -> datetime | None:
        """Return until when credits that were paid for can't be used without complete consent. None: no lock."""
        return paid_at + timedelta(days=self.lock_days) if self.lock_days else None

    def grace_from(self, paid_at: datetime, period: Period | None) -> datetime | None:
        """Return from when on credits last only until the next period is paid for. None: they have no such grace."""
        expires_at = self.expires_at(paid_at, period)
        if self.kind is ProductKind.PACK or period is None or expires_at is None:
            return None
        usable_until = self._usable_until(paid_at, period)
        return usable_until if usable_until < expires_at else None

    def _usable_until(self, paid_at: datetime, period: Period) -> datetime:
        """Return until when a period's credits can be used, whatever is paid after it."""
        start, end = period
        return max(end, paid_at + min(self.usable_at_least, end - start))


def agreed_product(terms: Terms, *, product_id: str, provider: str, price_minor: int, currency: str) -> Product:
    """Return the product of an order under the terms that were agreed. Raise ValueError for a kind that is unknown."""
    return Product(
        product_id=product_id,
        name=product_id,
        kind=ProductKind(terms.kind),
        credits=terms.credits,
        prices={currency: price_minor},
        price_ids={provider: (terms.price_id,)},
        expires_after_days=terms.expires_after_days,
        rolls_over=terms.rolls_over,
        renewal_grace=timedelta(seconds=terms.renewal_grace_s),
        usable_at_least=timedelta(seconds=terms.usable_at_least_s),
        trial_credits=terms.trial_credits,
        lock_days=terms.lock_days,
    )


class Resolution(StrEnum):
    """What a seller who enrolled for resolutions can let count as one: the buyer is repaid, and nothing is contested.

    A third party's resolution is reported as an ordinary dispute, so each is off until the catalogue says since when.
    """

    LOST_WITHOUT_FEE = "lost_without_fee"  # a card dispute that is lost in its first report, and costs no fee
    CHARGEBACK_WARNING = "chargeback_warning"  # a merchant of record has repaid the buyer before a chargeback


class Catalogue:
    """All products under the terms of all times, by their id and by each provider's price ids."""

    def __init__(
        self,
        version: str,
        products: Mapping[str, Product],
        past: Mapping[str, tuple[Product, ...]] | None = None,
        resolutions: Mapping[Resolution, datetime] | None = None,
    ) -> None:
        """`products`: by id, under the latest terms. `past`: by id, under the earlier terms, the oldest first.

        `resolutions`: since when each counts as one.
        """
        self.version = version
        self._resolutions = dict(resolutions or ())
        self.products = products
        self._terms: dict[str | None, tuple[Product, ...]] = {
            product_id: (*(past or {}).get(product_id, ()), latest) for product_id, latest in products.items()
        }
        self._by_price = self._indexed(lambda product: product.price_ids)
        self._by_trial_price = self._indexed(lambda product: product.trial_price_ids)

    def is_resolution(self, kind: Resolution, at: datetime) -> bool:
        """Return whether a dispute of this kind that began at a time counts as resolved."""
        return kind in self._resolutions and at >= self._resolutions[kind]

    def sold(self, at: datetime) -> Mapping[str, Product]:
        """Return the products by id, under the terms of a time."""
        return {product_id: _of_time(self._terms[product_id], at) for product_id in self.products}

    def product(self, product_id: str | None, at: datetime) -> Product | None:
        """Return the product with this id under the terms of a time, or None."""
        terms = self._terms.get(product_id)
        return _of_time(terms, at) if terms else None

    def priced(self, provider: str, price_id: str | None, at: datetime) -> Product | None:
        """Return the product with this price id of a provider under the terms of a time, or None.

        Terms that no longer list the price leave it as it was: who bought it before goes on under its last terms.
        """
        terms = self._by_price.get((provider, price_id))
        return _of_time(terms, at) if terms else None

    def has_price(self, provider: str, price_id: str) -> bool:
        """Return whether a product has this price id of a provider, or had it at any time."""
        price = (provider, price_id)
        return price in self._by_price or price in self._by_trial_price

    def trial_priced(self, provider: str, price_id: str | None, at: datetime) -> Product | None:
        """Return the product of which this price id of a provider sells a trial, as `priced` does. None: none."""
        terms = self._by_trial_price.get((provider, price_id))
        return _of_time(terms, at) if terms else None

    def agreed(self, order: Order) -> Product | None:
        """Return the product of an order under the terms that were agreed. None: an old order of an unknown product.

        An order that was placed before orders kept their terms is under those of its time, at its own price. Whether
        its checkout takes discount codes was not agreed: that is as the catalogue says for its time.
        """
        product = self.product(order.product_id, order.made_at)
        if order.terms is None:
            return product and replace(product, prices={order.currency: order.price_minor})
        agreed = agreed_product(
            order.terms,
            product_id=order.product_id,
            provider=order.provider,
            price_minor=order.price_minor,
            currency=order.currency,
        )
        return replace(agreed, takes_discount_codes=product is not None and product.takes_discount_codes)

    @property
    def price_ids(self) -> frozenset[tuple[str, str]]:
        """Return every price id with its provider, of a trial too, under any terms."""
        return frozenset((provider, str(one)) for provider, one in (*self._by_price, *self._by_trial_price))

    def _indexed(
        self, price_ids: Callable[[Product], Mapping[str, tuple[str, ...]]]
    ) -> Mapping[tuple[str, str | None], tuple[Product, ...]]:
        """Return the terms under each price id, the oldest first."""
        found: dict[tuple[str, str | None], tuple[Product, ...]] = {}
        for terms in self._terms.values():
            for product in terms:
                for price in dict.fromkeys(_pairs(price_ids(product))):
                    found[price] = (*found.get(price, ()), product)
        return found


def _of_time(terms: tuple[Product, ...], at: datetime) -> Product:
    """Return the terms that count at a time: the latest that have begun, else the first."""
    begun = [product for product in terms if product.terms_from <= at]
    return begun[-1] if begun else terms[0]


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


def example_prices(sold: Catalogue) -> tuple[str, ...]:
    """Return the price ids that are those of the shipped example: no provider has them, and nothing can be sold."""
    return tuple(sorted(price_id for _, price_id in sold.price_ids & load().price_ids))


def parse(document: Any) -> Catalogue:
    """Validate a catalogue that was read from JSON. Raise CatalogueError naming the product and field."""
    top = Fields(document, "the catalogue", CatalogueError)
    version = top.take("version", str)
    rows = top.take("products", list)
    resolutions = _resolutions(top.take("resolutions", dict, {}))
    top.end()
    products: dict[str, Product] = {}
    past: dict[str, tuple[Product, ...]] = {}
    taken: set[tuple[str, str]] = set()  # price ids
    for position, row in enumerate(rows):
        *earlier, product = _product(row, f"product {position + 1}")
        if product.product_id in products:
            raise CatalogueError(f"{product.product_id}: product_id is listed twice. List each product once.")
        taken |= _prices([*earlier, product], taken)
        products[product.product_id] = product
        past[product.product_id] = tuple(earlier)
    if not products:
        raise CatalogueError("the catalogue: products is empty. List at least one.")
    return Catalogue(version, products, past, resolutions)


def _resolutions(written: dict[str, Any]) -> Mapping[Resolution, datetime]:
    """Return since when each kind of resolution counts."""
    fields = Fields(written, "the catalogue: resolutions", CatalogueError)
    begun = {kind: _time(fields, kind, fields.take(kind, str)) for kind in Resolution if kind.value in written}
    fields.end()
    return begun


def _prices(terms: list[Product], taken: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the price ids of a product, of which terms of several times may list the same ones.

    Raise CatalogueError for one that is listed twice, or that belongs to another product.
    """
    listed: set[tuple[str, str]] = set()
    for product in terms:
        prices = [*_pairs(product.price_ids), *_pairs(product.trial_price_ids)]
        for price in prices:
            if prices.count(price) > 1 or price in taken:
                raise CatalogueError(
                    f"{product.product_id}: price id {price[1]} is listed twice. It can belong to one product only."
                )
        listed |= set(prices)
    return listed


def _product(row: Any, where: str) -> list[Product]:
    """Return a product under its terms of each time, the oldest first."""
    fields = Fields(row, where, CatalogueError)
    fields.where = product_id = fields.take("product_id", str)
    name = fields.take("name", str)
    kind_name = fields.take("kind", str)
    if kind_name not in set(ProductKind):
        fields.refuse("kind", kind_name, "pack or subscription")
    identity = (product_id, name, ProductKind(kind_name))
    dated = fields.take("terms", list, None)
    if dated is None:
        product = _terms(fields, *identity, _ALWAYS)
        fields.end()
        return [product]
    fields.end()
    if not dated:
        fields.refuse("terms", dated, "a list of at least one set of terms")
    products: list[Product] = []
    for position, of_one_time in enumerate(dated):
        terms = Fields(of_one_time, f"{product_id}: terms {position + 1}", CatalogueError)
        can_do_without = not position and "from" not in of_one_time
        begin = _ALWAYS if can_do_without else _time(terms, "from", terms.take("from", str))
        if products and begin <= products[-1].terms_from:
            terms.refuse("from", begin.isoformat(), "later than that of the terms before it")
        products.append(_terms(terms, *identity, begin))
        terms.end()
    return products


def _time(fields: Fields, name: str, written: str) -> datetime:
    try:
        time = datetime.fromisoformat(written)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        fields.refuse(name, written, "a time with its zone, as 2026-12-01T00:00:00Z")
    return time


def _terms(fields: Fields, product_id: str, name: str, kind: ProductKind, begin: datetime) -> Product:
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
    common: dict[str, Any] = {
        "product_id": product_id,
        "name": name,
        "kind": kind,
        "credits": credits_,
        "prices": prices,
        "price_ids": _price_ids(fields, "price_ids", fields.take("price_ids", dict)),
        "takes_discount_codes": fields.take("takes_discount_codes", bool, False),
        "terms_from": begin,
    }
    if is_pack:
        return Product(**common, expires_after_days=fields.take("expires_after_days", int, None))
    return Product(
        **common,
        rolls_over=fields.take("rolls_over", bool, False),
        period_months=_period_months(fields),
        renewal_grace=_duration(fields, "renewal_grace_s", RENEWAL_GRACE),
        usable_at_least=_duration(fields, "usable_at_least_s", USABLE_AT_LEAST),
        trial_credits=fields.take("trial_credits", int, 0),
        trial_price_ids=_price_ids(fields, "trial_price_ids", fields.take("trial_price_ids", dict, {})),
        proration_grants=fields.take("proration_grants", bool, False),
    )


def _period_months(fields: Fields) -> int:
    months: int = fields.take("period_months", int, 1)
    if not 1 <= months <= _MOST_MONTHS:
        fields.refuse("period_months", months, f"1 to {_MOST_MONTHS}")
    return months


def _duration(fields: Fields, name: str, default: timedelta) -> timedelta:
    """Return a number of seconds as a duration of at most ten years: what is computed with it is still a valid date."""
    seconds = fields.take(name, int, int(default.total_seconds()))
    if seconds > _LONGEST_S:
        fields.refuse(name, seconds, f"at most {_LONGEST_S} seconds")
    return timedelta(seconds=seconds)


def _price_ids(fields: Fields, name: str, price_ids: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    for provider, ids in price_ids.items():
        if not (isinstance(ids, list) and all(isinstance(price_id, str) and price_id for price_id in ids)):
            fields.refuse(f"{name}.{provider}", ids, "a list of the provider's price ids")
    return {provider: tuple(ids) for provider, ids in price_ids.items()}
