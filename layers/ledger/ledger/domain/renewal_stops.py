"""Renewal stops: subscriptions whose renewals must stop, because a dispute took a payment of theirs."""

from dataclasses import dataclass
from datetime import datetime

from ledger.domain.ids import AccountId, PaymentId


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalStop:
    """The renewals of a subscription that are to be stopped at the provider. It is stored until they are.

    It is written once, when a dispute of a payment becomes lost or resolved: who resumes the renewals later keeps them.
    """

    account_id: AccountId
    subscription_id: str  # the provider and its id: `stripe:sub_1Q…`
    payment_id: PaymentId  # whose money the dispute took
    since: datetime  # when it was booked
    cause: str  # of the booking: the event
