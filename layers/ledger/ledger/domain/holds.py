"""Holds: why an account can't spend."""

from datetime import datetime

from ledger.domain.ids import PaymentId
from ledger.domain.records import record
from ledger.domain.unknown_fields import KeepsUnknownFields


@record(frozen=True)
class Hold(KeepsUnknownFields):
    """A reason for suspension. An account can have several. Lifting one never lifts another."""

    since: datetime
    payment_id: PaymentId | None  # leads to the purchases that it is derived from; None: support staff placed it
