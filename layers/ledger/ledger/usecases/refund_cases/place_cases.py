"""Give cases in review another place in the queue: a dispute was opened after the customer had written to us.

No delivery moves a case. A domain event does, and once a day each case in review has its turn.
"""

from collections.abc import Iterator
from datetime import datetime

from ledger.domain.disputes import first_disputed_at
from ledger.domain.ids import AccountId
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import CaseState, QueuedCase, RefundCase
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import case_key, review_queue_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.refund_cases.cases import queue_for_review
from ledger.usecases.refund_cases.context import read_case_context
from ledger.usecases.sweep import is_hour_of
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

_PAGE = 1_000


def place_again(account_id: AccountId, purchase: Purchase, store: Store) -> list[RefundCase]:
    """Give the open cases of a purchase the places that its disputes demand. Return those that changed."""
    account = store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    open_cases = account.cases.items() if account else ()
    case_ids = [case_id for case_id, about in open_cases if about.rpartition("/")[0] == purchase.payment_id]
    return [case for case_id in sorted(case_ids) if (case := place(account_id, case_id, store))]


def in_review(store: Store, now: datetime) -> Iterator[QueuedCase]:
    """Yield the cases in review that have their turn in this hour: each has one a day, since no money waits for it."""
    page = store.review_queue(_PAGE)
    while True:
        yield from (queued for queued in page.items if is_hour_of(queued.case_id, now))
        if page.next is None:
            return
        page = store.review_queue(_PAGE, page.next)


def place(account_id: AccountId, case_id: str, store: Store) -> RefundCase | None:
    """Give a case in review the place that the disputes of its payment demand. None: it stays where it is."""
    return run_transaction(lambda: _try_to_place(account_id, case_id, store), case_id)


def _try_to_place(account_id: AccountId, case_id: str, store: Store) -> RefundCase | Retry | None:
    before, context = read_case_context(account_id, case_id, store)
    is_priority = before.wrote_before(first_disputed_at(context.purchase.facts))
    if before.state is not CaseState.IN_REVIEW or before.is_priority == is_priority:
        return None
    case, queued = queue_for_review(before, context.purchase, before.moved_at)
    leave = DocumentChange(review_queue_key(before), None)
    moved = (leave, queued) if leave.key != queued.key else (queued,)  # what is due by law stays where it is
    change = DocumentChange(case_key(account_id, case_id), case, case.version)  # not a step of its history: no mail
    return CONFLICT if store.commit(Commit(documents=(change, *moved))) else case
