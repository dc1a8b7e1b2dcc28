"""Read refund cases, and build the changes that store them."""

from dataclasses import replace
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.disputes import first_disputed_at
from ledger.domain.errors import NotFound
from ledger.domain.ids import AccountId
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import QueuedCase, RefundCase
from ledger.ports.commit import AccountChange, Commit, DocumentChange
from ledger.ports.documents import CasePointer, case_key, case_pointer_key, deferred_queue_key, review_queue_key
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.usecases.list_mails import case_mails
from ledger.usecases.refund_cases.context import CaseContext, read_case_context


def read_case(account_id: AccountId, case_id: str, store: Store, known: Snapshot | None = None) -> RefundCase:
    """Return one case of this account, from `known` if it was read already. Raise NotFound."""
    key = case_key(account_id, case_id)
    case = known.document(key, RefundCase) if known else None
    case = case or store.read(Keys(documents=frozenset({key}))).document(key, RefundCase)
    if case is None:
        raise NotFound(f"There is no case {case_id}.")
    return case


def read_own_case(account_id: AccountId, case_id: str, store: Store, known: Snapshot | None = None) -> RefundCase:
    """Return a case of this account, for its customer. Raise NotFound, also for one that is support's alone."""
    case = read_case(account_id, case_id, store, known)
    if case.is_internal:
        raise NotFound(f"There is no case {case_id}.")
    return case


def account_of_case(case_id: str, store: Store) -> AccountId:
    """Return the account that a case belongs to, for support. Raise NotFound."""
    key = case_pointer_key(case_id)
    pointer = store.read(Keys(documents=frozenset({key}))).document(key, CasePointer)
    if pointer is None:
        raise NotFound(f"There is no case {case_id}.")
    return pointer.account_id


def case_context_of(case_id: str, store: Store) -> tuple[RefundCase, CaseContext]:
    """Return a case and everything that its decision rests on, for support. Raise NotFound."""
    return read_case_context(account_of_case(case_id, store), case_id, store)


def with_case(case: RefundCase, commit: Commit, account: Account) -> Commit:
    """Return the commit with the case added, under the versions of case and account that were read.

    The mail about its latest step is listed. The account lists the case while it is open, so that no second case for
    the same purchase and reason can open.
    """
    change = commit.account or AccountChange(account_id=account.account_id, version=account.version)
    open_cases = {case.case_id: case.open_case_key if case.state.is_open else None}
    document = DocumentChange(case_key(case.account_id, case.case_id), case, case.version)
    return replace(with_documents(commit, document, *case_mails(case)), account=replace(change, cases=open_cases))


def with_documents(commit: Commit, *changes: DocumentChange) -> Commit:
    """Return the commit with these document changes added."""
    return replace(commit, documents=(*commit.documents, *changes))


def queue_for_review(case: RefundCase, purchase: Purchase, since: datetime) -> tuple[RefundCase, DocumentChange]:
    """Return the case with its place in the review queue, and the change that puts it there.

    First what is due by law, then who wrote to us before the payment was disputed, then the others.
    """
    case = replace(case, is_priority=case.wrote_before(first_disputed_at(purchase.facts)))
    queued = QueuedCase(case_id=case.case_id, account_id=case.account_id, since=since, due_by=case.due_by)
    return case, DocumentChange(review_queue_key(case), queued, None)


def queue_for_rest(case: RefundCase, since: datetime) -> DocumentChange:
    """Return the change that queues a decided withdrawal for the other payments of its contract."""
    queued = QueuedCase(case_id=case.case_id, account_id=case.account_id, since=since)
    return DocumentChange(deferred_queue_key(case), queued, None)


def pointer_change(case: RefundCase) -> DocumentChange:
    """Return the change that stores the account of a case, for support."""
    return DocumentChange(case_pointer_key(case.case_id), CasePointer(case_id=case.case_id, account_id=case.account_id))
