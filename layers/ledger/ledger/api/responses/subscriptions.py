"""Subscriptions, and what can be done with them."""

from datetime import datetime

from pydantic import Field

from ledger.api.responses.model import ResponseModel
from ledger.domain.subscriptions import Subscription, SubscriptionStatus


class SubscriptionResponse(ResponseModel):
    """A subscription."""

    subscription_id: str
    product_id: str | None
    status: SubscriptionStatus
    period_end: datetime | None = Field(description="Credits and features stay until then.")
    renews_at: datetime | None = Field(description="The next charge. null: there will be none.")
    cancel_at: datetime | None

    @classmethod
    def of(cls, subscription: Subscription) -> "SubscriptionResponse":
        """Return a subscription and its next renewal."""
        goes_on = subscription.cancel_at is None and subscription.status is not SubscriptionStatus.ENDED
        return cls(
            subscription_id=subscription.subscription_id,
            product_id=subscription.product_id,
            status=subscription.status,
            period_end=subscription.period_end,
            renews_at=subscription.period_end if goes_on else None,
            cancel_at=subscription.cancel_at,
        )


class CancellationResponse(ResponseModel):
    """A subscription whose renewals were stopped or resumed."""

    subscription: SubscriptionResponse
    words: str


class PortalResponse(ResponseModel):
    """The provider's billing page. The URL is short-lived and for this customer only: do not store it."""

    url: str
