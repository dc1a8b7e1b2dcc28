"""Subscriptions: their state. Source: docs.stripe.com/api/subscriptions/object."""

from dataclasses import replace
from datetime import datetime

from ledger.domain.subscriptions import Subscription, SubscriptionState, SubscriptionStatus
from ledger.providers.parsing import Json, objects, text, unix_time
from ledger.providers.stripe.notification import StripeNotification
from ledger.providers.translation import EventFields, EventNotBookable, known_state

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
    """Translate `customer.subscription.*`: the state, the end of the period, the cancellation and the pause.

    Source: docs.stripe.com/api/subscriptions/object; of `updated`, the event's `previous_attributes`.
    """
    source = notification.source
    subscription = _state(notification, source)
    return {
        "owner": notification.owner(source.get("metadata")),
        "subscription": replace(subscription, left=_state_before(notification)),
    }


def state_of(source: Json, now: datetime) -> SubscriptionState:
    """Return the state of a Subscription as of `now`. Its `items` carry the periods."""
    ends = (unix_time(item["current_period_end"]) for item in objects(source["items"], "data"))
    period_end = max(ends, default=None)
    cancel_at, pause = source.get("cancel_at"), source.get("pause_collection")
    resumes_at = pause.get("resumes_at") if pause else None
    return SubscriptionState(
        status=_STATES.get(source["status"]),
        period_end=period_end,
        # The portal sets `cancel_at` of a flexible subscription, and both of a classic one; the API what it is given.
        cancel_at=unix_time(cancel_at) if cancel_at else period_end if source.get("cancel_at_period_end") else None,
        # While collection is paused the status is unchanged, and the next periods are not charged.
        pauses_at=(period_end or now) if pause else None,
        resumes_at=unix_time(resumes_at) if resumes_at else None,
    )


def _state(notification: StripeNotification, source: Json) -> Subscription:
    """Return the state of a Subscription in a notification."""
    products = (
        notification.product_priced(item["price"]["id"], notification.at) for item in objects(source["items"], "data")
    )
    state = state_of(source, notification.at)
    return Subscription(
        subscription_id=notification.qualified(text(source, "id")),
        status=known_state(_STATES, text(source, "status"), "subscription status"),
        at=notification.at,
        cause=notification.cause,
        product_id=next((product.product_id for product in products if product), None),
        period_end=state.period_end,
        cancel_at=state.cancel_at,
        pauses_at=state.pauses_at,
        resumes_at=state.resumes_at,
        customer_id=notification.own_customer_id,
    )


def _state_before(notification: StripeNotification) -> str | None:
    """Return the `state_id` before the event. None if the event does not tell it in a form that is known here."""
    if not notification.previous_attributes:
        return None
    before = {**notification.source}
    for name, value in notification.previous_attributes.items():
        now = before.get(name)
        before[name] = {**now, **value} if isinstance(now, dict) and isinstance(value, dict) else value
    try:
        return _state(notification, before).state_id
    except (EventNotBookable, KeyError, TypeError, ValueError, AttributeError):
        return None
