"""Subscriptions: what the provider says about one. It grants nothing; paid periods do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ledger.domain.ids import AccountId


class SubscriptionStatus(StrEnum):
    """Written in the order in which they supersede each other within one instant."""

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
    """A subscription as of `at`. Of two, the one with the higher version stands."""

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

    def merge(self, heard: "Subscription") -> "Subscription":
        """The join of what is known with what was heard."""
        return heard if heard.version > self.version else self
