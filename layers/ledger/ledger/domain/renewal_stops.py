"""Renewal stops: subscriptions whose renewals must stop, because a dispute took a payment or the customer withdrew."""

from datetime import datetime

from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.records import record


@record(frozen=True, kw_only=True)
class RenewalStop:
    """The renewals of a subscription that are to be stopped at the provider. It is stored until they are.

    It is written once, when a dispute of a payment becomes lost or resolved, when a withdrawal is confirmed that
    refunds nothing by then, or when a cancellation is carried out: who resumes the renewals later keeps them.
    """

    account_id: AccountId
    subscription_id: str  # the provider and its id: `stripe:sub_1Q…`
    payment_id: PaymentId  # whose money the dispute took, or that was withdrawn from
    since: datetime  # when it was booked
    cause: str  # of the booking: the event, the case, or the declaration

    @property
    def is_wanted(self) -> bool:
        """Return whether the customer withdrew or cancelled."""
        return self.cause.startswith(("case:", "declaration:"))
