"""Subscriptions: their state as the provider reports it. A subscription grants nothing: its paid periods do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ledger.domain.ids import AccountId


class SubscriptionStatus(StrEnum):
    """A subscription's status. Of two statuses at the same instant, the one that is listed later here counts."""

    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    UNPAID = "unpaid"
    ENDED = "ended"

    @property
    def rank(self) -> int:
        return list(SubscriptionStatus).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscription as of `at`. Of two states, the one with the higher version counts."""

    subscription_id: str  # the provider and its id: `stripe:sub_1Q…`
    status: SubscriptionStatus
    at: datetime
    cause: str
    product_id: str | None = None
    period_end: datetime | None = None
    cancel_at: datetime | None = None  # renewals stop here; credits and features stay until then
    account_id: AccountId | None = None
    customer_id: str | None = None  # the provider's: `stripe:cus_…`

    @property
    def version(self) -> tuple[object, ...]:
        return (self.at, self.status.rank, self.cancel_at is not None, repr(self))

    def merge(self, received: "Subscription") -> "Subscription":
        """Return the newer of this state and the received one. Return `self` if the received one is not newer."""
        return received if received.version > self.version else self
