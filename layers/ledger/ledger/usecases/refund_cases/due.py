"""Find out which withdrawal has waited longest for its money: the law gives us 14 days (article 13 of 2011/83/EU)."""

from datetime import datetime
from itertools import islice

from ledger.domain.refund_cases import REPAID_WITHIN, FollowStage, RefundCase
from ledger.ports.documents import case_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store

_BATCH = 100
MOST_READ = 5_000
"""How many cases whose refund is under way are read at most."""


def oldest_withdrawal(store: Store) -> datetime | None:
    """Return when the oldest withdrawal was received that is in review, or whose refund has not arrived. None: none.

    The review queue lists what is due first: its first case tells. Those whose refund is under way are read.
    """
    in_review = [one.due_by for one in store.review_queue(1).items]
    due = [due_by for due_by in (*in_review, *_under_way(store)) if due_by]
    return min(due) - REPAID_WITHIN if due else None


def _under_way(store: Store) -> list[datetime | None]:
    """Return until when each case is due whose refund is under way."""
    followed = store.followed_cases(FollowStage.UNDER_WAY)
    names = [case_key(one.account_id, one.case_id) for one in islice(followed, MOST_READ)]
    read = [store.read(Keys(documents=frozenset(names[at : at + _BATCH]))) for at in range(0, len(names), _BATCH)]
    cases = [one for known in read for one in known.documents.values() if isinstance(one, RefundCase)]
    return [case.due_by for case in cases if case.follow_stage is FollowStage.UNDER_WAY]
