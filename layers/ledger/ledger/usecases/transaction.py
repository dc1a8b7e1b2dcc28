"""Optimistic transactions: read, decide, commit; if another writer came first, start again.

Every use-case that reads before it writes runs here, so there is one retry loop and one Idempotency-Key check.

    attempt ──► a result                    it is returned
       └──► Retry.CONFLICT ──► pause ──► attempt again, at most ATTEMPTS times ──► StoreUnavailable
"""

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Final, TypeVar

from ledger.domain.errors import IdempotencyKeyReused, StoreUnavailable
from ledger.domain.idempotency import IdempotencyRecord
from ledger.ports.backoff import pause_before
from ledger.ports.documents import DocumentKey
from ledger.ports.reads import Snapshot

T = TypeVar("T")

ATTEMPTS = 12
"""How often a use-case is attempted before its caller is asked to repeat the request."""


class Retry(Enum):
    """What an attempt returns when what it read has changed since: another writer committed first."""

    CONFLICT = "conflict"


CONFLICT: Final = Retry.CONFLICT


def run_transaction(attempt: Callable[[], T | Retry], subject: str) -> T:
    """Call `attempt` until it returns something other than CONFLICT, and return that.

    An attempt reads anew each time and commits under the versions that it read. `subject` names what is written, for
    the error. Raises StoreUnavailable after ATTEMPTS conflicts: nothing was written, and the request can be repeated.
    """
    for number in range(ATTEMPTS):
        pause_before(number, limit_s=0.4)
        result = attempt()
        if not isinstance(result, Retry):
            return result
    raise StoreUnavailable(f"{subject}: {ATTEMPTS} attempts conflicted with other writers of the same items")


def result_under_key(known: Snapshot, key: DocumentKey, fingerprint: str) -> str | None:
    """Return the id of what the request under this Idempotency-Key created; None: it was not carried out yet.

    `known` must contain the record's key. Raises IdempotencyKeyReused if the key belongs to another request.
    """
    record = known.document(key, IdempotencyRecord)
    if record is None:
        return None
    if record.fingerprint != fingerprint:
        raise IdempotencyKeyReused("This Idempotency-Key belongs to another request. Use a new one.")
    return record.subject


def attempts() -> Iterator[int]:
    """Yield attempt numbers, with a pause before each but the first."""
    for number in range(ATTEMPTS):
        pause_before(number, limit_s=0.4)
        yield number
