"""Refund intents: approved refunds that the provider does not have yet."""

from dataclasses import dataclass
from datetime import datetime

from ledger.domain.ids import AccountId, PaymentId


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundIntent:
    """An approved refund on its way to the provider. It lies in the outbox until the provider has it."""

    tag: str
    account_id: AccountId
    payment_id: PaymentId
    approved_at: datetime
    first_sent_at: datetime | None = None  # from here on the provider may have it: look before sending again
    leased_until: datetime | None = None  # a sender is at work until then, at the latest
    attempts: int = 0
    last_error: str = ""  # what the provider said last
    version: int = 0
