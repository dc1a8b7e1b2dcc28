"""Idempotency records: which request was carried out under which Idempotency-Key."""

from datetime import datetime

from ledger.domain.records import record


@record(frozen=True, kw_only=True)
class IdempotencyRecord:
    """A request that was carried out under its Idempotency-Key. It is written in the request's own transaction."""

    fingerprint: str  # of the request's body
    subject: str  # the id of what the request created; the response is read from there
    at: datetime
