"""Optimistic transactions: read, decide, commit. If another writer committed first, start again.

Every use-case that reads before it writes runs here, so there is one retry loop and one Idempotency-Key check.

    attempt ──► a result                    return it
       └──► CONFLICT ──► pause ──► attempt again, at most ATTEMPTS times in all ──► StoreUnavailable
"""

import random
from collections.abc import Callable
from enum import Enum
from typing import Final, TypeVar

from ledger.domain.errors import IdempotencyKeyReused, StoreUnavailable
from ledger.domain.idempotency import IdempotencyRecord
from ledger.ports.backoff import pause_before
from ledger.ports.documents import DocumentKey
from ledger.ports.reads import Snapshot

T = TypeVar("T")

ATTEMPTS: Final = 12
"""How often a use-case is attempted before its caller must repeat the request."""

PAUSE_LIMIT_S: Final = 0.4
"""The longest pause between two attempts, in seconds."""


class Retry(Enum):
    """The result of an attempt whose commit was refused: another writer changed what the attempt had read."""

    CONFLICT = "conflict"


CONFLICT: Final = Retry.CONFLICT


def run_transaction(
    attempt: Callable[[], T | Retry],
    subject: str,
    *,
    sleep: Callable[[float], object] | None = None,
    random_between: Callable[[float, float], float] = random.uniform,
) -> T:
    """Call `attempt` until it returns something other than CONFLICT, and return that.

    Each attempt must read again, and must commit under the versions that it read. `subject` names what is written, for
    the error message. Raise StoreUnavailable after ATTEMPTS conflicts: nothing was written, and the caller can repeat
    the request.
    """
    for number in range(ATTEMPTS):
        pause_before(number, limit_s=PAUSE_LIMIT_S, sleep=sleep, random_between=random_between)
        result = attempt()
        if not isinstance(result, Retry):
            return result
    raise StoreUnavailable(f"{subject}: {ATTEMPTS} attempts conflicted with other writers of the same items")


def result_under_key(stored: Snapshot, key: DocumentKey, fingerprint: str) -> str | None:
    """Return the id of what the request under this Idempotency-Key created. Return None if it was not carried out yet.

    `stored` must be the result of a read that included `key`. Raise IdempotencyKeyReused if the key belongs to a
    request with another fingerprint.
    """
    record = stored.document(key, IdempotencyRecord)
    if record is None:
        return None
    if record.fingerprint != fingerprint:
        raise IdempotencyKeyReused("This Idempotency-Key belongs to another request. Use a new one.")
    return record.subject
