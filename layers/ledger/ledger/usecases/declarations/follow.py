"""Follow a declaration after its confirmation: find its contract, wait for the address on file, carry it out.

confirmed   its contract is looked for                      matched, or in_review
matched     a day after the mail to the address on file     approved, unless somebody objected, to this one or before
            a day after it was confirmed, without a mail    in_review
approved    a refund case is opened for a withdrawal        executed
            the renewals of a cancellation are stopped      executed, or in_review if a person must do more

It may be called any number of times, at any time: by an event, and by the hourly round.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from ledger.domain.declarations import (
    BY_SILENCE,
    OBJECTION_PERIOD,
    PUBLIC_KINDS,
    Declaration,
    DeclarationKind,
    DeclarationState,
    ListedDeclaration,
    ReviewCause,
    hash_of,
)
from ledger.domain.errors import CaseAlreadyOpen, NotFound
from ledger.domain.ids import AccountId
from ledger.domain.mails import MailKind
from ledger.domain.refund_cases import BY_DECLARATION, CaseState, RefundCase, RefundReason, SubmittedEvidence
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.policy.parameters import PolicyParameters
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import declaration_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.declarations.change import (
    contract_change,
    document_changes,
    kept,
    read_contract,
    read_declaration,
)
from ledger.usecases.declarations.find_contract import find_contract, reseller_of
from ledger.usecases.list_mails import list_mail
from ledger.usecases.plan_booking import Origin, stop_of_renewals
from ledger.usecases.refund_cases.cases import read_case
from ledger.usecases.refund_cases.confirm_withdrawal import confirm_withdrawal
from ledger.usecases.refund_cases.open_case import DECLARATIONS_ROUTE, RefundClaim, open_case
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

HOUR = timedelta(hours=1)
MOST_OF_A_SOURCE, MOST_OF_AN_ADDRESS, MOST_IN_ALL = 10, 5, 300
"""How many declarations of one hour need no person: of one source, for one address, and in all."""

MOST_LOOKED_AT = 2000
"""How many open declarations of each state are looked at for a missing acknowledgement: the oldest ones."""

_COUNTED = (DeclarationState.CONFIRMED, DeclarationState.MATCHED, DeclarationState.APPROVED, DeclarationState.IN_REVIEW)
_WORKED_ON = (DeclarationState.APPROVED, DeclarationState.CONFIRMED, DeclarationState.MATCHED)


def follow(
    name: str, store: Store, policy: PolicyParameters, providers: Collection[str], *, now: datetime
) -> Declaration:
    """Bring a declaration as far as it can go now, and return it. Raise NotFound."""

    def step() -> tuple[Declaration, bool] | Retry:
        before = read_declaration(name, store)
        after, beside = _next(before, store, policy, providers, now)
        if after == before:
            return before, False
        after = kept(after)
        commit = Commit(documents=(*document_changes(before, after), *beside))
        return CONFLICT if store.commit(commit) else (replace(after, version=after.version + 1), True)

    declaration, has_moved = run_transaction(step, name)
    while has_moved:
        declaration, has_moved = run_transaction(step, name)
    return declaration


def declarations_to_follow(store: Store) -> Iterator[ListedDeclaration]:
    """Yield the open declarations that a job may bring further."""
    for state in _WORKED_ON:
        yield from store.declarations(state)


def unacknowledged_since(store: Store) -> datetime | None:
    """Return when the oldest declaration was confirmed whose acknowledgement was not accepted for delivery."""
    listed = [one for state in DeclarationState for one in islice(store.declarations(state), MOST_LOOKED_AT)]
    names = [declaration_key(one.declaration_id) for one in listed]
    stored = (store.read(Keys(documents=frozenset(names[start : start + 100]))) for start in range(0, len(names), 100))
    found = (one for known in stored for one in known.documents.values() if isinstance(one, Declaration))
    # A review needs no address: its response is its receipt.
    public = (one for one in found if one.kind in PUBLIC_KINDS)
    waiting = (one.confirmed_at for one in public if one.acknowledged_at is None and one.confirmed_at)
    return min(waiting, default=None)


_Next = tuple[Declaration, tuple[DocumentChange, ...]]
"""What becomes of a declaration, and what is written with it."""


def _next(
    declaration: Declaration, store: Store, policy: PolicyParameters, providers: Collection[str], now: datetime
) -> _Next:
    match declaration.state:
        case DeclarationState.CONFIRMED:
            found = _matched(declaration, store, providers, now)
            contract = read_contract(found, store) if found.state is DeclarationState.MATCHED else None
            if contract is None:
                return found, tuple(_mails(found, now))
            contract, limit = contract.with_declaration(now), policy.declarations_of_a_contract
            if contract.since(now - limit.within) > limit.most:
                found = found.in_review(ReviewCause.MANY)
            return found, (*_mails(found, now), contract_change(contract))
        case DeclarationState.MATCHED:
            return _waited(declaration, store, now)
        case DeclarationState.APPROVED if declaration.kind is DeclarationKind.WITHDRAWAL and not declaration.begun_at:
            return replace(declaration, begun_at=now), ()  # the case is a write of its own: no objection comes between
        case DeclarationState.APPROVED if declaration.kind is DeclarationKind.WITHDRAWAL:
            return _withdraw(declaration, store, policy, now), ()
        case DeclarationState.APPROVED:
            return _cancel(declaration, store, now)
    return declaration, ()


def _mails(declaration: Declaration, now: datetime) -> Iterator[DocumentChange]:
    """Yield the changes that list the acknowledgement, and the question to the address on file if there is a match."""
    name = declaration.declaration_id
    yield list_mail(MailKind.DECLARATION_RECEIPT, name, None, now)
    if declaration.state is DeclarationState.MATCHED:
        yield list_mail(MailKind.DECLARATION_NOTICE, name, declaration.account_id, now)


def _matched(declaration: Declaration, store: Store, providers: Collection[str], now: datetime) -> Declaration:
    contract = find_contract(declaration.submission.contract, providers, store)
    if isinstance(contract, ReviewCause):
        return declaration.in_review(contract)
    found = replace(
        declaration,
        account_id=contract.account_id,
        payment_id=contract.payment_id,
        subscription_id=contract.subscription_id,
        reseller=reseller_of(contract.payment_id or contract.subscription_id),
    )
    return (
        found.in_review(ReviewCause.MANY)
        if _is_one_of_many(found, store, now)
        else (found.with_state(DeclarationState.MATCHED))
    )


def _is_one_of_many(declaration: Declaration, store: Store, now: datetime) -> bool:
    """Return whether so many were confirmed within the hour that a person must look: nobody is refused for it."""
    recent = (one for state in _COUNTED for one in store.declarations(state, now - HOUR))
    latest = list(islice(recent, MOST_IN_ALL * MOST_OF_A_SOURCE))
    by_source = Counter(one.source or one.declaration_id for one in latest)
    source, email_hash = declaration.submission.source, hash_of(declaration.submission.email.casefold())
    return (
        # Of one source no more than its own limit counts: nobody makes all others wait for a person.
        sum(min(count, MOST_OF_A_SOURCE) for count in by_source.values()) > MOST_IN_ALL
        or sum(one.source == source for one in latest if source) > MOST_OF_A_SOURCE
        or sum(one.email_hash == email_hash for one in latest) > MOST_OF_AN_ADDRESS
    )


def _waited(declaration: Declaration, store: Store, now: datetime) -> _Next:
    """Approve what nobody objected to for a day after the mail to the address on file.

    Who objected to an earlier declaration about the contract need not object to each: then silence approves nothing.
    """
    since = declaration.noticed_at or declaration.confirmed_at or declaration.declared_at
    if now < since + OBJECTION_PERIOD:
        return declaration, ()
    if declaration.noticed_at is None:
        return declaration.in_review(ReviewCause.NOT_NOTICED), ()
    contract = read_contract(declaration, store)
    if contract and contract.objected_at:
        return declaration.in_review(ReviewCause.OBJECTED_BEFORE), ()
    approved = replace(declaration.with_state(DeclarationState.APPROVED), approved_by=BY_SILENCE)
    # Written as it was read: an objection to another declaration about it must not come between.
    return approved, (contract_change(contract),) if contract else ()


def _withdraw(declaration: Declaration, store: Store, policy: PolicyParameters, now: datetime) -> Declaration:
    """Open the refund case of a withdrawal, confirmed at step 2. Or confirm the one that is open."""
    account_id, payment_id = declaration.account_id, declaration.payment_id
    if account_id is None or payment_id is None:
        return declaration.in_review(ReviewCause.NOT_EXECUTABLE)
    claim = RefundClaim(
        account_id=account_id,
        payment_id=payment_id,
        reason=RefundReason.WITHDRAWAL,
        submitted_evidence=SubmittedEvidence(),  # what was written stays with the declaration, and ends with it
        key=declaration.declaration_id,
        fingerprint=declaration.submission.fingerprint,
        opened_by=f"{BY_DECLARATION}{declaration.declaration_id}",
        route=DECLARATIONS_ROUTE,
        asked_at=declaration.declared_at,
        received_at=declaration.confirmed_at,
    )
    try:
        case = open_case(claim, store, policy, now=now)
    except CaseAlreadyOpen as conflict:
        case = _confirmed(account_id, conflict.case_id, declaration, store, policy, now)
    except NotFound:
        return declaration.in_review(ReviewCause.NOT_EXECUTABLE)
    return replace(declaration.with_state(DeclarationState.EXECUTED), case_id=case.case_id)


def _confirmed(
    account_id: AccountId,
    case_id: str,
    declaration: Declaration,
    store: Store,
    policy: PolicyParameters,
    now: datetime,
) -> RefundCase:
    """Return the withdrawal that is open for the purchase. Confirm it if its customer has only declared it."""
    case = read_case(account_id, case_id, store)
    if case.state is not CaseState.DECLARED:
        return case
    sent_at = (declaration.declared_at, declaration.confirmed_at or now)
    return confirm_withdrawal(account_id, case_id, store, policy, now=now, sent_at=sent_at)


def _cancel(declaration: Declaration, store: Store, now: datetime) -> _Next:
    """List the stop of the subscription's renewals. What is no plain cancellation also goes to a person."""
    account_id, payment_id = declaration.account_id, declaration.payment_id
    subscription = _subscription(declaration, store) if account_id else None
    if account_id is None or payment_id is None or subscription is None:
        return declaration.in_review(ReviewCause.NO_SUBSCRIPTION), ()
    if _ends_later(declaration, subscription):
        return declaration.in_review(ReviewCause.LATER_END), ()
    cause = f"declaration:{declaration.declaration_id}"
    origin = Origin(now, cause, declaration.declaration_id)
    stop = stop_of_renewals(payment_id, subscription.subscription_id, account_id, origin)
    needs_person = declaration.submission.is_extraordinary and declaration.review_cause is None
    if needs_person:
        return declaration.in_review(ReviewCause.EXTRAORDINARY), (stop,)
    mail = list_mail(MailKind.CANCELLATION_CONFIRMED, declaration.declaration_id, account_id, now)
    return declaration.with_state(DeclarationState.EXECUTED), (stop, mail)


def _subscription(declaration: Declaration, store: Store) -> Subscription | None:
    """Return the subscription to end. None: the contract is none, or it has ended."""
    account_id, subscription_id = declaration.account_id, declaration.subscription_id
    if account_id is None or subscription_id is None:
        return None
    account = store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    found = account.subscriptions.get(subscription_id) if account else None
    return found if found and found.status is not SubscriptionStatus.ENDED else None


def _ends_later(declaration: Declaration, subscription: Subscription) -> bool:
    """Return whether the customer wants a later end than that of the period, which nothing but a person can arrange."""
    day, end = declaration.submission.ends_on, subscription.period_end
    return day is not None and end is not None and day > end.date() and declaration.review_cause is None
