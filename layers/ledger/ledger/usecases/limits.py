"""Limits by account: the times of its latest requests are read and written with what the request writes anyway.

They are written under the version that was read. So requests that race can't exceed a limit. A request that is
repeated under its Idempotency-Key, or that is refused for another reason, does not count.
"""

from collections.abc import Mapping
from datetime import datetime

from ledger.domain.ids import AccountId
from ledger.domain.recent_requests import LimitedRequest, RecentRequests, RequestLimit
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import recent_requests_key
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

Limits = Mapping[LimitedRequest, RequestLimit]
"""The limit of each kind of request. What is not in it has none."""

NO_LIMITS: Limits = {}


def counted(
    kind: LimitedRequest, account_id: AccountId, known: Snapshot, limits: Limits, now: datetime
) -> tuple[DocumentChange, ...]:
    """Return the change that counts a request. `known` must be the result of a read that included its key.

    Raise TooManyRequests. Without a limit there is no change.
    """
    limit = limits.get(kind)
    if limit is None:
        return ()
    key = recent_requests_key(account_id, kind)
    stored = known.document(key, RecentRequests) or RecentRequests()
    return (DocumentChange(key, stored.plus(now, limit), stored.version),)


def count_alone(kind: LimitedRequest, account_id: AccountId, store: Store, limits: Limits, now: datetime) -> None:
    """Count a request that writes nothing else: two round trips. Raise TooManyRequests or StoreUnavailable."""
    if kind not in limits:
        return
    keys = Keys(documents=frozenset({recent_requests_key(account_id, kind)}))

    def attempt() -> bool | Retry:
        changes = counted(kind, account_id, store.read(keys), limits, now)
        return CONFLICT if store.commit(Commit(documents=changes)) else True

    run_transaction(attempt, f"{kind} of an account")
