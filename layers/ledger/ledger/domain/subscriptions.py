"""Subscriptions: their state as the provider reports it. A subscription grants nothing: its paid periods do."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from ledger.domain.canonical import canonical
from ledger.domain.ids import AccountId
from ledger.domain.unknown_fields import KeepsUnknownFields


class SubscriptionStatus(StrEnum):
    """A subscription's status."""

    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    UNPAID = "unpaid"
    ENDED = "ended"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS: Mapping[SubscriptionStatus, int] = {
    SubscriptionStatus.INCOMPLETE: 0,
    SubscriptionStatus.TRIALING: 1,
    SubscriptionStatus.ACTIVE: 2,
    SubscriptionStatus.PAST_DUE: 3,
    SubscriptionStatus.PAUSED: 4,
    SubscriptionStatus.UNPAID: 5,
    SubscriptionStatus.ENDED: 6,
}
"""Of two states of one instant, the one with the higher rank counts. To reorder the enum changes no comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription(KeepsUnknownFields):
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
        return (self.at, self.status.rank, self.cancel_at is not None, canonical(self))

    def merge(self, received: "Subscription") -> "Subscription":
        """Return the newer of this state and the received one. Return `self` if the received one is not newer."""
        if received.version <= self.version:
            return self
        if self.unknown_fields is None or received.unknown_fields is not None:
            return received
        return replace(received, unknown_fields=self.unknown_fields)
