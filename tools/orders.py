"""What notifications presuppose: a payment is known by its order's checkout, and a provider knows what it reports."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ledger.domain import catalogue
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, OrderId
from ledger.domain.orders import Checkout, Order
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import OrderPointer, checkout_key, idempotency_key
from ledger.ports.store import Store
from ledger.usecases.place_order import ORDERS_ROUTE
from tools.fixtures import stripe_shapes as shapes
from tools.simulators.stripe.account import StripeAccount
from tools.stories import Notification

_PRODUCTS = catalogue.load().products
_BEFORE = datetime(2026, 8, 31, tzinfo=UTC)


def place_orders_of(notifications: Iterable[Notification], store: Store) -> None:
    """Store the orders of these notifications, each with its checkout, as `place_order` does.

    Only those of Paddle need one: its transactions carry nothing that a browser can't overwrite. A second transaction
    of one order is known as its checkout too.
    """
    placed: set[str] = set()
    for notification in notifications:
        transaction = json.loads(notification.body).get("data") or {}
        custom = transaction.get("custom_data")
        is_initial = notification.provider == "paddle" and transaction.get("origin") in {"web", "api"}
        if is_initial and isinstance(custom, dict) and custom.get("order_id") and transaction["id"] not in placed:
            is_first = not placed & {custom["order_id"]}
            placed |= {transaction["id"], custom["order_id"]}
            _place(transaction, custom, store, is_first=is_first)


def order_commit(order: Order, *documents: DocumentChange) -> Commit:
    """Return the commit of an order as its request writes it, with the idempotency record."""
    record = IdempotencyRecord(fingerprint="of the order", subject=order.order_id, at=order.made_at)
    key = idempotency_key(order.account_id, ORDERS_ROUTE, order.order_id)
    return Commit(order=order, documents=(DocumentChange(key, record), *documents))


def know_subscriptions_of(notifications: Iterable[Notification], account: StripeAccount) -> None:
    """Let the simulator know the subscriptions whose invoices these notifications report, so that they can be stopped.

    No notification of Paddle's stories takes a payment of a subscription.
    """
    for notification in notifications:
        invoice = json.loads(notification.body).get("data", {}).get("object", {})
        details = invoice.get("object") == "invoice" and (invoice["parent"] or {}).get("subscription_details")
        if details:
            period = invoice["lines"]["data"][0]["period"]
            times = (period["start"], period["end"])
            account.subscriptions.setdefault(
                details["subscription"],
                shapes.subscription(
                    details["subscription"], invoice["customer"], details["metadata"], period["start"], times
                ),
            )


def order_of(custom: Any, currency: str) -> Order:
    """Return the order at Paddle that `custom_data` names, as if it had been placed before all stories."""
    product = _PRODUCTS[custom["product_id"]]
    return Order(
        order_id=OrderId(custom["order_id"]),
        account_id=AccountId(custom["account_id"]),
        provider="paddle",
        product_id=product.product_id,
        price_minor=product.prices[currency],
        currency=currency,
        country="DE",
        is_business=False,
        policy_version="1",
        made_at=_BEFORE,
        terms=product.terms_at("paddle", lock_days=None),
    )


def _place(transaction: Any, custom: Any, store: Store, *, is_first: bool) -> None:
    checkout = Checkout(checkout_id=transaction["id"], url="https://example.com/")
    price_id = transaction["items"][0]["price"]["id"]
    priced = [name for name, product in _PRODUCTS.items() if price_id in product.price_ids["paddle"]]
    product_id = custom.get("product_id") or priced[0]
    order = replace(order_of({**custom, "product_id": product_id}, transaction["currency_code"]), checkout=checkout)
    pointer = DocumentChange(checkout_key("paddle", transaction["id"]), OrderPointer(order_id=order.order_id))
    if not is_first or store.commit(order_commit(order, pointer)):
        store.commit(Commit(documents=(pointer,)))
