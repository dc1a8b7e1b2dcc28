"""Subscriptions: their state. Source: developer.paddle.com/api-reference/subscriptions/overview."""

from datetime import datetime

from ledger.domain.subscriptions import Subscription, SubscriptionState, SubscriptionStatus
from ledger.providers.paddle.notification import PaddleNotification, period_end
from ledger.providers.parsing import objects, optional_text, rfc3339_time, text
from ledger.providers.translation import EventFields, known_state

STATUSES = {
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
    status = known_state(STATUSES, text(source, "status"), "subscription status")
    scheduled = source.get("scheduled_change") or {}
    state = scheduled_state(
        status,
        period_end=period_end(source.get("current_billing_period")),
        action=scheduled.get("action"),
        effective_at=rfc3339_time(scheduled["effective_at"]) if scheduled else None,
        resume_at=_optional_time(scheduled.get("resume_at")),
        canceled_at=_optional_time(source.get("canceled_at")),
        paused_at=_optional_time(source.get("paused_at")),
    )
    products = (notification.product_priced(item["price"]["id"], notification.at) for item in objects(source, "items"))
    transaction_id = optional_text(source, "transaction_id")
    subscription_id = notification.qualified(text(source, "id"))
    return {
        "owner": notification.owner(transaction_id=transaction_id, subscription_id=subscription_id),
        "subscription": Subscription(
            subscription_id=subscription_id,
            status=status,
            at=notification.at,
            cause=notification.cause,
            product_id=next((product.product_id for product in products if product), None),
            period_end=state.period_end,
            cancel_at=state.cancel_at,
            pauses_at=state.pauses_at,
            resumes_at=state.resumes_at,
            customer_id=notification.customer_id(source.get("customer_id")),
        ),
    }


def scheduled_state(
    status: SubscriptionStatus | None,
    *,
    period_end: datetime | None,
    action: str | None,
    effective_at: datetime | None,
    resume_at: datetime | None,
    canceled_at: datetime | None,
    paused_at: datetime | None,
) -> SubscriptionState:
    """Return a subscription's state with its scheduled change: `cancel`, `pause` (until `resume_at`) or `resume`.

    Source: developer.paddle.com/api-reference/subscriptions/overview, its `scheduled_change`.
    """
    is_paused = status is SubscriptionStatus.PAUSED
    return SubscriptionState(
        status=status,
        period_end=period_end,
        cancel_at=effective_at if action == "cancel" else canceled_at,
        pauses_at=effective_at if action == "pause" else paused_at if is_paused else None,
        resumes_at=resume_at if action == "pause" else effective_at if action == "resume" else None,
    )


def _optional_time(value: object) -> datetime | None:
    return rfc3339_time(value) if value else None
