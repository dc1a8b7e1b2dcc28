"""Refund intents: approved refunds that the provider does not have yet."""

from datetime import datetime

from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.records import record


@record(frozen=True, kw_only=True)
class RefundIntent:
    """An approved refund on its way to the provider. It stays in the outbox until the provider has it."""

    tag: str
    account_id: AccountId
    payment_id: PaymentId
    approved_at: datetime
    first_sent_at: datetime | None = None  # from then on the provider may have it: look it up before sending again
    leased_until: datetime | None = None  # until then one sender works on it, and no other may
    attempts: int = 0
    last_error: str = ""  # the provider's latest error
    version: int = 0
