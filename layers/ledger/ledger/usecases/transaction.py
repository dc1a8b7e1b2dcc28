"""Optimistic transactions: read, decide, commit. If another writer committed first, start again.

Every use-case that reads before it writes runs here, so there is one retry loop and one Idempotency-Key check.

    attempt ──► a result                    return it
       └──► CONFLICT, or the store was in a conflict ──► pause ──► attempt again, for PATIENCE_S ──► StoreUnavailable

Many writers of one account follow one another this way: each attempt of theirs that conflicts is one that succeeds
elsewhere. So it is time that ends the attempts, not their number.
"""

import random
import time
from collections.abc import Callable
from enum import Enum
from itertools import count
from typing import Final, TypeVar

from ledger.domain.errors import IdempotencyKeyReused, StoreUnavailable, TransactionInConflict
from ledger.domain.idempotency import IdempotencyRecord
from ledger.ports.backoff import pause_before
from ledger.ports.commit import Commit, Refusal
from ledger.ports.documents import DocumentKey
from ledger.ports.reads import Snapshot
from ledger.ports.store import Store

T = TypeVar("T")

PATIENCE_S: Final = 4.0
"""For how many seconds a use-case is attempted before its caller must repeat the request: Paddle waits for five."""

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
    the error message. Raise StoreUnavailable after conflicts for PATIENCE_S: nothing was written, and the caller can
    repeat the request.
    """
    began_s = time.monotonic()
    for number in count():
        pause_before(number, limit_s=PAUSE_LIMIT_S, sleep=sleep, random_between=random_between)
        result = _unless_in_conflict(attempt)
        if not isinstance(result, Retry):
            return result
        if time.monotonic() - began_s >= PATIENCE_S:
            break
    raise StoreUnavailable(f"{subject}: {number + 1} attempts conflicted with other writers of the same items")


def commit_unread(commit: Commit, store: Store, subject: str) -> Refusal | None:
    """Commit what no read stands behind, again while another transaction is in its way. Return what refused it."""
    return run_transaction(lambda: store.commit(commit), subject)


def _unless_in_conflict(attempt: Callable[[], T | Retry]) -> T | Retry:
    try:
        return attempt()
    except TransactionInConflict:
        return CONFLICT


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
