"""Subscriptions, and what can be done with them."""

from datetime import datetime

from pydantic import Field

from ledger.api.responses.model import ResponseModel
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.domain.texts import Text, text
from ledger.policy.texts import shipped_texts


class SubscriptionResponse(ResponseModel):
    """A subscription."""

    subscription_id: str
    product_id: str | None
    status: SubscriptionStatus
    period_end: datetime | None = Field(description="Credits and features stay until then.")
    renews_at: datetime | None = Field(description="The next charge. null: none is certain.")
    cancel_at: datetime | None = Field(description="The subscription ends then.")
    pauses_at: datetime | None = Field(description="From then on nothing is charged, until `resumes_at`.")
    resumes_at: datetime | None = Field(description="null, with `pauses_at`: until somebody resumes it.")

    @classmethod
    def of(cls, subscription: Subscription) -> "SubscriptionResponse":
        """Return a subscription and its next renewal."""
        return cls(
            subscription_id=subscription.subscription_id,
            product_id=subscription.product_id,
            status=subscription.status,
            period_end=subscription.period_end,
            renews_at=subscription.renews_at,
            cancel_at=subscription.cancel_at,
            pauses_at=subscription.pauses_at,
            resumes_at=subscription.resumes_at,
        )


class CancellationResponse(ResponseModel):
    """A subscription after its renewals were to be stopped or resumed, as the provider returned it."""

    subscription: SubscriptionResponse
    words: str = Field(description="What the subscription does now.")

    @classmethod
    def of(cls, subscription: Subscription) -> "CancellationResponse":
        """Return a subscription with the text for its state."""
        words = shipped_texts().render(_text_of(subscription))
        return cls(subscription=SubscriptionResponse.of(subscription), words=words)


def _text_of(subscription: Subscription) -> Text:
    if subscription.status is SubscriptionStatus.ENDED:
        return text("subscription.has_ended")
    if subscription.renews_at and subscription.cancel_at:
        return text("subscription.ends_later", on=subscription.cancel_at.date())
    if subscription.renews_at:
        return text("subscription.renewals_resumed")
    if subscription.cancel_at:
        return text("subscription.renewals_stopped")
    if subscription.pauses_at or subscription.status is SubscriptionStatus.PAUSED:
        return text("subscription.is_paused")
    return text("subscription.renewal_is_uncertain")


class PortalResponse(ResponseModel):
    """The provider's billing page. The URL is short-lived and for this customer only: do not store it."""

    url: str
