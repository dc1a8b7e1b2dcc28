"""Under which terms a payment is translated: its order's, as its checkout carries them or as they are stored.

The order of each product is for 900 credits, the catalogue's terms of today are for 1,000.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.domain import catalogue
from ledger.domain.catalogue import Catalogue
from ledger.domain.events import Event, Owner
from ledger.domain.ids import AccountId, OrderId
from ledger.domain.orders import Order, hash_of_terms
from ledger.domain.receipts import ParkReason
from ledger.providers.paddle import events as paddle
from ledger.providers.stripe import events as stripe
from ledger.providers.translation import carried
from tests.unit.providers.test_translation import (
    AT,
    INVOICE,
    PACK_LINE,
    RECURRING,
    SESSION,
    START,
    SUBSCRIBES,
    TRANSACTION,
    changed,
    paddles,
    stripes,
)

Json = dict[str, Any]

SOLD = catalogue.load()
DAY = timedelta(days=1)


def order(provider: str, product_id: str) -> Order:
    """An order for 900 credits, at the price of the notifications."""
    product = replace(SOLD.products[product_id], credits=900)
    return Order(
        order_id=OrderId("ord_1"),
        account_id=AccountId("acct_ada"),
        provider=provider,
        product_id=product_id,
        price_minor=product.prices["USD"],
        currency="USD",
        country="DE",
        is_business=False,
        policy_version="1",
        made_at=datetime(2026, 8, 31, tzinfo=UTC),
        terms=product.terms_at(provider, lock_days=None),
    )


WAYS = [("stripe", "pack_1000"), ("stripe", "creator_monthly"), ("paddle", "pack_1000"), ("paddle", "creator_monthly")]
ORDERED = SOLD.products["pack_1000"]


def told(provider: str, product_id: str, carries: Json, sold: Catalogue = SOLD, **changes: Any) -> Event:
    """The first payment of an order, whose checkout carries this."""
    if provider == "paddle":
        data = changed(TRANSACTION, {} if product_id == "pack_1000" else SUBSCRIBES)
        content = paddles("transaction.completed", data, {"custom_data": carries, **changes})
        event = paddle.translate(content, sold, is_live=False)
    elif product_id == "pack_1000":
        content = stripes("checkout.session.completed", SESSION, {"metadata": carries, **changes})
        event = stripe.translate(content, sold, is_live=False)
    else:
        content = stripes("invoice.paid", INVOICE, {"parent.subscription_details.metadata": carries, **changes})
        event = stripe.translate(content, sold, is_live=False)
    assert event is not None
    return event


def granted(event: Event) -> int:
    """How many credits it grants."""
    assert event.payment, event.detail
    return sum(line.credits for line in event.payment.lines)


@pytest.mark.parametrize(("provider", "product_id"), WAYS)
def test_a_payment_is_under_the_terms_that_its_checkout_carries(provider: str, product_id: str) -> None:
    """It names their digest, which the order's item has to have."""
    ordered = order(provider, product_id)
    event = told(provider, product_id, dict(carried(ordered)))
    assert (granted(event), event.terms_hash) == (900, ordered.terms_hash)
    assert event.terms_hash


@pytest.mark.parametrize(("provider", "product_id"), WAYS)
def test_a_payment_that_carries_no_terms_is_under_those_of_its_stored_order(provider: str, product_id: str) -> None:
    """Until the order is read, under the catalogue's; what the checkout carries no longer counts then."""
    ordered = order(provider, product_id)
    ids = {name: text for name, text in carried(ordered).items() if not name.startswith("terms")}
    event = told(provider, product_id, ids)
    assert (granted(event), event.terms_hash) == (1000, None)
    assert event.under_order
    for carries in (ids, dict(carried(replace(ordered, price_minor=1)))):
        under = told(provider, product_id, carries).under_order
        assert under
        stored = under(ordered)
        assert (granted(stored), stored.terms_hash) == (900, ordered.terms_hash)
        assert stored.payment
        assert (stored.payment.account_id, stored.payment.order_id) == ("acct_ada", "ord_1")


@pytest.mark.parametrize(("provider", "product_id"), WAYS)
def test_credits_are_locked_as_long_after_the_payment_as_the_terms_say(provider: str, product_id: str) -> None:
    """Those that the checkout carries, or the stored order's. Terms without a lock, and no terms, lock nothing."""
    plain = order(provider, product_id)
    assert plain.terms
    locked = replace(plain, terms=replace(plain.terms, lock_days=20))
    ids = {name: text for name, text in carried(locked).items() if not name.startswith("terms")}
    for carries, stored, is_locked in (
        (dict(carried(locked)), None, True),
        (ids, locked, True),
        (dict(carried(plain)), None, False),
        (ids, None, False),
    ):
        event = told(provider, product_id, carries)
        if stored and event.under_order:
            event = event.under_order(stored)
        assert event.payment, event.detail
        assert event.payment.locked_until == (event.payment.at + 20 * DAY if is_locked else None)


def test_the_payment_of_a_stored_order_is_its_accounts_whatever_a_browser_wrote() -> None:
    """A browser can overwrite what a transaction of Paddle's carries."""
    ordered = order("paddle", "pack_1000")
    under = told("paddle", "pack_1000", {"order_id": "ord_9", "account_id": "acct_eve"}).under_order
    assert under
    stored = under(ordered)
    assert stored.owner == Owner(order_id=ordered.order_id, account_id=ordered.account_id, customer_id="paddle:ctm_1")
    assert stored.payment
    assert stored.payment.fulfilment_key == "order/ord_1"


def test_a_later_period_is_under_the_catalogues_terms() -> None:
    """The subscription carries its first order for ever."""
    ours = dict(carried(order("stripe", "creator_monthly")))
    renewal = told("stripe", "creator_monthly", ours, billing_reason="subscription_cycle")
    assert (granted(renewal), renewal.terms_hash) == (1000, None)
    ours = dict(carried(order("paddle", "creator_monthly")))
    later = told("paddle", "creator_monthly", ours, SOLD, **RECURRING)
    assert (granted(later), later.terms_hash) == (1000, None)
    anonymous = {name: text for name, text in ours.items() if name != "order_id"}
    assert told("stripe", "creator_monthly", anonymous).terms_hash is None


@pytest.mark.parametrize("created_at", [START + timedelta(hours=6), None])
@pytest.mark.parametrize("origin", ["subscription_recurring", "subscription_payment_method_change", "web", "api"])
def test_a_later_period_of_paddles_is_under_the_terms_of_its_start(origin: str, created_at: datetime | None) -> None:
    """A first one is under those of its transaction's creation; of its payment if nobody says when that was."""
    agreed_at = START if origin.startswith("subscription_") else created_at or AT
    created = {"created_at": created_at and created_at.isoformat()}
    for begin, credits_ in ((agreed_at, 800), (agreed_at + timedelta(seconds=1), 1000)):
        event = told("paddle", "creator_monthly", {}, plan_from(begin), origin=origin, **created)
        assert granted(event) == credits_


def plan_from(begin: datetime) -> Catalogue:
    """The catalogue, in which the plan is for 800 credits since a time."""
    document = json.loads(catalogue.DEFAULT_FILE.read_text("utf-8"))
    plan = document["products"][3]
    terms = {name: plan.pop(name) for name in ("credits", "prices", "price_ids", "proration_grants")}
    plan["terms"] = [terms, {"from": begin.isoformat(), **terms, "credits": 800}]
    return catalogue.parse(document)


def written(content: object) -> Json:
    """These terms with the digest that makes them look like ours."""
    text = content if isinstance(content, str) else json.dumps(content)
    return {"terms": text, "terms_hash": hash_of_terms(text)}


CARRIED: Json = dict(carried(order("stripe", "pack_1000")))
TERMS: Json = json.loads(CARRIED["terms"])


@pytest.mark.parametrize(
    "carries",
    [
        {**CARRIED, "terms_hash": "0" * 32},
        {**CARRIED, "terms_hash": None},
        {**CARRIED, "terms": CARRIED["terms"].replace("900", "9000")},
        {**CARRIED, "terms": 7},
        {**CARRIED, "terms": None},
        {**CARRIED, **written(TERMS | {"account_id": "acct_eve"})},
        {**CARRIED, **written(TERMS | {"order_id": "ord_9"})},
        {**CARRIED, **written({name: value for name, value in TERMS.items() if name != "account_id"})},
        {**CARRIED, **written({name: value for name, value in TERMS.items() if name != "agreement"})},
        {**CARRIED, **written({name: value for name, value in TERMS.items() if name != "credits"})},
        {**CARRIED, **written(TERMS | {"kind": "gift"})},
        {**CARRIED, **written(TERMS | {"colour": "red"})},
        {**CARRIED, **written(["terms"])},
        {**CARRIED, **written({**TERMS, "renewal_grace_s": 10**20})},
        {**CARRIED, **written({**TERMS, "renewal_grace_s": "x"})},
        {**CARRIED, **written("no terms")},
        {**CARRIED, **written(CARRIED["terms"] + " " * (501 - len(CARRIED["terms"])))},
    ],
    ids=lambda carries: str(carries["terms"])[-60:],
)
def test_terms_that_our_server_did_not_write_count_for_nothing(carries: Json) -> None:
    """The payment is under the catalogue's, until its order is read."""
    event = told("stripe", "pack_1000", carries)
    assert (granted(event), event.terms_hash) == (1000, None)


def test_terms_of_the_greatest_length_count() -> None:
    """As long as a value of Stripe's metadata can be."""
    padded = {**CARRIED, **written(CARRIED["terms"] + " " * (500 - len(CARRIED["terms"])))}
    assert granted(told("stripe", "pack_1000", padded)) == 900


@pytest.mark.parametrize(("provider", "product_id"), WAYS)
def test_terms_that_are_too_long_for_a_checkout_are_not_carried(provider: str, product_id: str) -> None:
    """Then the order is read before it is granted."""
    ordered = order(provider, product_id)
    ids = {"account_id": "acct_ada", "order_id": "ord_1", "product_id": product_id}
    assert carried(replace(ordered, terms=None)) == ids
    assert ordered.carried_terms
    room = 500 - len(ordered.carried_terms)
    longest = replace(ordered, currency="U" * (3 + room))
    assert carried(longest) == {**ids, "terms": longest.carried_terms, "terms_hash": longest.terms_hash}
    assert carried(replace(ordered, currency="U" * (4 + room))) == ids


def test_an_order_of_a_product_that_is_sold_no_more_grants_what_it_says() -> None:
    """Its price is in no catalogue. A price that is not the order's stays unknown."""
    sold = Catalogue("2", {"pack_500": SOLD.products["pack_500"]})
    ours = dict(carried(order("stripe", "creator_monthly")))
    assert granted(told("stripe", "creator_monthly", ours, sold)) == 900
    other = {"lines.data.0.pricing.price_details.price": "price_other"}
    assert told("stripe", "creator_monthly", ours, sold, **other).parked is ParkReason.UNKNOWN_PRICE


def test_another_price_of_the_ordered_product_is_under_the_orders_terms() -> None:
    """The catalogue says that it is the same product; and a trial of it is agreed with it."""
    plan = SOLD.products["creator_monthly"]
    sold = Catalogue(
        "2", {plan.product_id: replace(plan, price_ids={"stripe": ("p_2",)}, trial_price_ids={"stripe": ("p_3",)})}
    )
    ordered = order("stripe", "creator_monthly")
    assert ordered.terms
    ordered = replace(ordered, terms=replace(ordered.terms, trial_credits=90))
    ours = dict(carried(ordered))
    for price_id, credits_ in (("price_creator_monthly", 900), ("p_2", 900), ("p_3", 90)):
        price = {"lines.data.0.pricing.price_details.price": price_id}
        assert granted(told("stripe", "creator_monthly", ours, sold, **price)) == credits_
    ids = {name: text for name, text in ours.items() if not name.startswith("terms")}
    assert granted(told("stripe", "creator_monthly", ids, sold, **{"lines.data.0.pricing.price_details.price": "p_2"}))


def test_a_trial_and_a_part_of_a_period_are_under_the_terms_of_their_start() -> None:
    """Not of their end, by which the terms have changed."""
    plan = SOLD.products["creator_monthly"]
    before = replace(plan, trial_credits=50, trial_price_ids={"stripe": ("price_offer",)})
    after = replace(before, trial_credits=70, proration_grants=False, terms_from=START + DAY)
    sold = Catalogue("2", {plan.product_id: after}, {plan.product_id: (before,)})
    offer = {"lines.data.0.pricing.price_details.price": "price_offer"}
    part: Json = {"lines.data.0.parent": {"subscription_item_details": {"proration": True}}}
    for change, credits_ in ((offer, 50), ({**part, "billing_reason": "subscription_update"}, 1000)):
        assert granted(told("stripe", "creator_monthly", {}, sold, **change)) == credits_


@pytest.mark.parametrize("is_stored", [True, False])
def test_an_order_can_be_paid_in_another_currency_at_the_price_that_is_listed_in_it(is_stored: bool) -> None:
    """The provider's page may show the buyer's own currency. The order's own price counts in the order's."""
    ordered = replace(order("stripe", "pack_1000"), price_minor=1900)

    def paid_in(currency: str, minor: int, sold: Catalogue = SOLD) -> Event:
        amounts = {"currency": currency, "amount_subtotal": minor, "amount_total": minor}
        event = told("stripe", "pack_1000", dict(carried(ordered)), sold, **amounts)
        assert event.under_order
        return event.under_order(ordered) if is_stored else event

    for event in (paid_in("eur", 1800), paid_in("usd", 1900)):
        assert event.payment, event.detail
        assert (granted(event), event.payment.overcharge_minor) == (900, 0)
    assert paid_in("eur", 1799).parked == ParkReason.UNDERPAID
    assert paid_in("chf", 1800).parked == ParkReason.UNKNOWN_CURRENCY
    unlisted = Catalogue(
        SOLD.version, {name: product for name, product in SOLD.products.items() if name != "pack_1000"}
    )
    assert granted(paid_in("usd", 1900, unlisted)) == 900
    assert paid_in("eur", 1800, unlisted).parked == ParkReason.UNKNOWN_CURRENCY


def hours(count: int) -> str:
    """A time of the period's first day, as Paddle writes it."""
    return (START + timedelta(hours=count)).isoformat()


@pytest.mark.parametrize(
    ("changes", "credits_"),
    [
        ({"created_at": hours(5)}, 1000),
        ({"created_at": hours(7)}, 700),
        ({}, 700),  # at noon, as its event
        ({**RECURRING, "created_at": hours(7)}, 1000),
        (RECURRING, 1000),
    ],
)
def test_a_transaction_is_under_the_terms_of_its_period_else_of_its_creation(changes: Json, credits_: int) -> None:
    """They changed at six: a renewal is for a period that had begun by then, a first payment is of what was shown."""
    plan = SOLD.products["creator_monthly"]
    after = replace(plan, credits=700, terms_from=START + timedelta(hours=6))
    sold = Catalogue("2", {plan.product_id: after}, {plan.product_id: (plan,)})
    assert granted(told("paddle", "creator_monthly", {}, sold, **changes)) == credits_


def test_a_session_is_under_the_terms_of_the_time_at_which_it_was_opened() -> None:
    """They changed at six; the buyer paid at noon."""
    pack = SOLD.products["pack_1000"]
    after = replace(pack, credits=700, terms_from=START + timedelta(hours=6))
    sold = Catalogue("2", {pack.product_id: after}, {pack.product_id: (pack,)})
    for created, credits_ in ((5, 1000), (7, 700)):
        opened = {"created": int((START + timedelta(hours=created)).timestamp())}
        ids = {"product_id": "pack_1000"}
        assert granted(told("stripe", "pack_1000", ids, sold, **opened)) == credits_


def test_what_is_sold_beside_the_ordered_product_is_under_the_catalogues_terms() -> None:
    """An order is for one product."""
    ours = dict(carried(order("stripe", "creator_monthly")))
    lines = {"lines.data": [INVOICE["lines"]["data"][0], PACK_LINE]}
    event = told("stripe", "creator_monthly", ours, SOLD, **lines)
    assert event.payment, event.detail
    assert [line.credits for line in event.payment.lines] == [900, 1000]


def test_an_order_that_was_placed_at_the_other_provider_has_its_terms_all_the_same() -> None:
    """It knows no price id of this one: the product is found by the catalogue."""
    under = told("stripe", "creator_monthly", {"account_id": "acct_ada", "order_id": "ord_1"}).under_order
    assert under
    assert granted(under(order("paddle", "creator_monthly"))) == 900


@pytest.mark.parametrize("raised", [OverflowError, AttributeError, KeyError, TypeError, ValueError])
@pytest.mark.parametrize("provider", ["stripe", "paddle"])
def test_an_event_that_cant_be_computed_is_parked(provider: str, raised: type[Exception]) -> None:
    """It is stored, and a person sees it: a provider would deliver again what is answered by an error."""

    class Raising:
        def __getattr__(self, name: str) -> Any:
            raise raised(name)

    event = told(provider, "pack_1000", {}, Raising())  # type: ignore[arg-type]
    assert event.not_bookable
    assert event.not_bookable.reason is ParkReason.UNKNOWN_SHAPE
    assert event.not_bookable.detail.startswith(raised.__name__)
