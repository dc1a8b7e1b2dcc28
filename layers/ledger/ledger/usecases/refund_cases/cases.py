"""Read refund cases, and build the changes that store them."""

from dataclasses import replace
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.errors import NotFound, StoreUnavailable
from ledger.domain.ids import AccountId
from ledger.domain.refund_cases import QueuedCase, RefundCase
from ledger.ports.commit import AccountChange, Commit, DocumentChange
from ledger.ports.documents import CasePointer, case_key, case_pointer_key, review_queue_key
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.usecases.refund_cases.context import CaseContext, read_case_context
from ledger.usecases.transaction import ATTEMPTS


def read_case(account_id: AccountId, case_id: str, store: Store, known: Snapshot | None = None) -> RefundCase:
    """One case of this account. Raises NotFound."""
    key = case_key(account_id, case_id)
    case = known.document(key, RefundCase) if known else None
    case = case or store.read(Keys(documents=frozenset({key}))).document(key, RefundCase)
    if case is None:
        raise NotFound(f"There is no case {case_id}.")
    return case


def account_of_case(case_id: str, store: Store) -> AccountId:
    """Whose a case is, for support. Raises NotFound."""
    key = case_pointer_key(case_id)
    pointer = store.read(Keys(documents=frozenset({key}))).document(key, CasePointer)
    if pointer is None:
        raise NotFound(f"There is no case {case_id}.")
    return pointer.account_id


def case_context_of(case_id: str, store: Store) -> tuple[RefundCase, CaseContext]:
    """A case and everything that its decision rests on, for support. Raises NotFound."""
    return read_case_context(account_of_case(case_id, store), case_id, store)


def with_case(case: RefundCase, commit: Commit, account: Account) -> Commit:
    """The commit with the case in it, and its mark on the account while it is open. All under what was read."""
    change = commit.account or AccountChange(account_id=account.account_id, version=account.version)
    marks = {case.case_id: case.mark if case.state.is_open else None}
    place = DocumentChange(case_key(case.account_id, case.case_id), case, case.version)
    return replace(with_documents(commit, place), account=replace(change, cases=marks))


def with_documents(commit: Commit, *changes: DocumentChange) -> Commit:
    """Return the commit with these document changes added."""
    return replace(commit, documents=(*commit.documents, *changes))


def queue_for_review(case: RefundCase, now: datetime) -> DocumentChange:
    """Put a case into the review queue."""
    return DocumentChange(
        review_queue_key(case), QueuedCase(case_id=case.case_id, account_id=case.account_id, since=now), None
    )


def pointer_change(case: RefundCase) -> DocumentChange:
    """Return the change that stores the account of a case, for support."""
    return DocumentChange(case_pointer_key(case.case_id), CasePointer(case_id=case.case_id, account_id=case.account_id))


def case_overtaken(case_id: str) -> StoreUnavailable:
    """Return the error for a case that other writers changed on every attempt."""
    return StoreUnavailable(f"{case_id}: overtaken {ATTEMPTS} times by other writers")
