"""Subscriptions: their state. Source: docs.stripe.com/api/subscriptions/object."""

from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.providers.parsing import objects, text, unix_time
from ledger.providers.stripe.notification import StripeNotification
from ledger.providers.translation import EventFields, known_state

_STATES = {
    "incomplete": SubscriptionStatus.INCOMPLETE,
    "incomplete_expired": SubscriptionStatus.ENDED,
    "trialing": SubscriptionStatus.TRIALING,
    "active": SubscriptionStatus.ACTIVE,
    "past_due": SubscriptionStatus.PAST_DUE,
    "paused": SubscriptionStatus.PAUSED,
    "unpaid": SubscriptionStatus.UNPAID,
    "canceled": SubscriptionStatus.ENDED,
}


def subscription_changed(notification: StripeNotification) -> EventFields:
    """Translate `customer.subscription.*`: the state, the end of the period and the cancellation.

    Source: the Subscription's `status`, `cancel_at` and `items`, which carry the periods.
    """
    source = notification.source
    items = list(objects(source["items"], "data"))
    period_end = max((unix_time(item["current_period_end"]) for item in items), default=None)
    products = (notification.product_priced(item["price"]["id"]) for item in items)
    cancel_at = source.get("cancel_at")
    return {
        "owner": notification.owner(source.get("metadata")),
        "subscription": Subscription(
            subscription_id=notification.qualified(text(source, "id")),
            status=known_state(_STATES, text(source, "status"), "subscription status"),
            at=notification.at,
            cause=notification.cause,
            product_id=next((product.product_id for product in products if product), None),
            period_end=period_end,
            # A flexible subscription's cancellation shows as `cancel_at`, a classic one's as `cancel_at_period_end`.
            cancel_at=unix_time(cancel_at) if cancel_at else period_end if source.get("cancel_at_period_end") else None,
            customer_id=notification.customer_id(source.get("customer")),
        ),
    }
