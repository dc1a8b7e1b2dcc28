"""Ask for a review by a person, as the customer: of the account's suspension, or of a declined request.

Regulation (EU) 2016/679, article 22(3): who was decided about by rules alone can have a person look at it.
"""

from dataclasses import replace
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.declarations import (
    Declaration,
    DeclarationKind,
    DeclarationState,
    ReviewCause,
    Submission,
    declaration_id,
)
from ledger.domain.errors import NotFound, RequestRefused
from ledger.domain.ids import AccountId
from ledger.domain.mails import MailKind
from ledger.domain.refund_cases import CaseState, RefundCase
from ledger.ports.commit import Commit
from ledger.ports.documents import case_key, declaration_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.declarations.change import document_changes
from ledger.usecases.list_mails import list_mail
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

MOST_WRITTEN = 20_000
"""The most characters that one review holds."""


def request_review(account_id: AccountId, submission: Submission, store: Store, *, now: datetime) -> Declaration:
    """Open a review for a person to answer, and return it. `submission.contract` is a case's id; empty: the suspension.

    There is one review of each suspension and of each decision. What is written later is added to it while it is open.

    Raise NotFound for a case that is not the account's; RequestRefused if there is nothing to review, or no more fits.
    """

    def attempt() -> Declaration | Retry:
        case_id = submission.contract
        account, case = _read(account_id, case_id, store)
        about = _about(account, case)
        name = declaration_id(DeclarationKind.REVIEW, account_id, *about)
        key = declaration_key(name)
        before = store.read(Keys(documents=frozenset({key}))).document(key, Declaration)
        after = _added(before, submission) if before else _new(name, account_id, submission, case, now)
        if after == before:
            return after
        mails = () if before else (list_mail(MailKind.REVIEW_RECEIVED, name, account_id, now),)
        commit = Commit(documents=(*document_changes(before, after), *mails))
        return CONFLICT if store.commit(commit) else replace(after, version=after.version + 1)

    return run_transaction(attempt, f"review of {account_id}")


def read_review(account_id: AccountId, name: str, store: Store) -> Declaration:
    """Return a review of this account. Raise NotFound."""
    key = declaration_key(name)
    found = store.read(Keys(documents=frozenset({key}))).document(key, Declaration)
    if found is None or (found.kind, found.account_id) != (DeclarationKind.REVIEW, account_id):
        raise NotFound(f"There is no review {name}.")
    return found


def _read(account_id: AccountId, case_id: str, store: Store) -> tuple[Account, RefundCase | None]:
    key = case_key(account_id, case_id)
    known = store.read(Keys(accounts=frozenset({account_id}), documents=frozenset({key} if case_id else ())))
    case = known.document(key, RefundCase) if case_id else None
    if case_id and case is None:
        raise NotFound(f"There is no case {case_id}.")
    return known.accounts.get(account_id) or Account(account_id=account_id), case


def _about(account: Account, case: RefundCase | None) -> tuple[str, ...]:
    """Return what tells this suspension, or this decision, apart from others. Raise RequestRefused if there is none."""
    if case:
        if case.state is not CaseState.DECLINED:
            raise RequestRefused(f"The case is {case.state}: there is no declined request to review.")
        return (case.case_id, str(len(case.history)))
    if not account.holds:
        raise RequestRefused("The account is not suspended: there is nothing to review.")
    return tuple(f"{hold_id} {hold.since.isoformat()}" for hold_id, hold in sorted(account.holds.items()))


def _new(
    name: str, account_id: AccountId, submission: Submission, case: RefundCase | None, now: datetime
) -> Declaration:
    return Declaration(
        declaration_id=name,
        state=DeclarationState.IN_REVIEW,
        submission=submission,
        declared_at=now,
        confirmed_at=now,
        token_hash="",
        account_id=account_id,
        payment_id=case.payment_id if case else None,
        case_id=case.case_id if case else None,
        review_cause=ReviewCause.DECLINED if case else ReviewCause.SUSPENDED,
    )


def _added(before: Declaration, submission: Submission) -> Declaration:
    """Return the review with what is written now, unless it is closed, or says so already."""
    message, known = submission.message, before.submission
    if before.state is DeclarationState.CLOSED or message in known.statement or not message:
        return before
    if len(known.statement) + len(message) > MOST_WRITTEN:
        raise RequestRefused("This review holds no more text. A person will answer it.")
    messages = "\n\n".join(filter(None, (known.message, message)))
    return replace(before, submission=replace(known, message=messages, statement=f"{known.statement}\n\n{message}"))
