"""Subscriptions: their state. Source: developer.paddle.com/api-reference/subscriptions/overview."""

from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.providers.paddle.notification import PaddleNotification, period_end
from ledger.providers.parsing import objects, optional_text, rfc3339_time, text
from ledger.providers.translation import EventFields, known_state

_STATES = {
    "trialing": SubscriptionStatus.TRIALING,
    "active": SubscriptionStatus.ACTIVE,
    "past_due": SubscriptionStatus.PAST_DUE,
    "paused": SubscriptionStatus.PAUSED,
    "inactive": SubscriptionStatus.INACTIVE,
    "canceled": SubscriptionStatus.ENDED,
}


def subscription_changed(notification: PaddleNotification) -> EventFields:
    """Translate `subscription.*`: the state, the end of the period, the cancellation and the pause.

    Source: developer.paddle.com/webhooks/subscriptions/subscription-updated, its `status` and `scheduled_change`.
    """
    source = notification.source
    status = known_state(_STATES, text(source, "status"), "subscription status")
    scheduled = source.get("scheduled_change") or {}
    action = scheduled.get("action")
    cancel_at = scheduled["effective_at"] if action == "cancel" else source.get("canceled_at")
    pauses_at = (
        scheduled["effective_at"]
        if action == "pause"
        else source.get("paused_at")
        if status is SubscriptionStatus.PAUSED
        else None
    )
    resumes_at = {"pause": scheduled.get("resume_at"), "resume": scheduled.get("effective_at")}.get(action or "")
    products = (notification.product_priced(item["price"]["id"]) for item in objects(source, "items"))
    transaction_id = optional_text(source, "transaction_id")
    payment_id = notification.payment_id(transaction_id) if transaction_id else None
    return {
        "owner": notification.owner(is_set_by_us=False, payment_id=payment_id),
        "subscription": Subscription(
            subscription_id=notification.qualified(text(source, "id")),
            status=status,
            at=notification.at,
            cause=notification.cause,
            product_id=next((product.product_id for product in products if product), None),
            period_end=period_end(source.get("current_billing_period")),
            cancel_at=rfc3339_time(cancel_at) if cancel_at else None,
            pauses_at=rfc3339_time(pauses_at) if pauses_at else None,
            resumes_at=rfc3339_time(resumes_at) if resumes_at else None,
            customer_id=notification.customer_id(source.get("customer_id")),
        ),
    }
