"""Follow the refunds of approved cases to their end."""

from datetime import datetime

from ledger.domain.facts import RefundApproved, RefundChanged, RefundState, facts_of
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import CaseState, RefundCase, case_id_of
from ledger.domain.refunds import end_of, tag_of
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import intent_key, review_queue_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.look_up import LookUp
from ledger.usecases.refund_cases.cases import case_overtaken, queue_for_review, with_case, with_documents
from ledger.usecases.refund_cases.context import read_case_context
from ledger.usecases.transaction import attempts

FOLLOWED_TRANSITIONS = {
    CaseState.APPROVED: {CaseState.ISSUED, CaseState.REFUNDED, CaseState.IN_REVIEW},
    CaseState.ISSUED: {CaseState.REFUNDED, CaseState.IN_REVIEW},
    CaseState.REFUNDED: {CaseState.IN_REVIEW},
    CaseState.IN_REVIEW: {CaseState.REFUNDED},  # it was given up, yet the provider had it
}
"""Where the facts about its refund may lead a case. One that was decided otherwise since stays."""


def follow(payment_id: PaymentId, store: Store, *, now: datetime) -> list[RefundCase]:
    """Bring the cases of one purchase to where its refunds have come. Returns those that moved.

    A refund that succeeded settles its case; one that failed, was canceled or refused, even after it had succeeded,
    has given its credits back, and a person decides anew.
    """
    known = LookUp(store)(Keys(payments=frozenset({payment_id})))
    home = known.home_of(payment_id)
    if home is None or home.payment is None:
        return []
    moved = (
        _follow(home.payment.account_id, approval.tag, store, now) for approval in facts_of(home.facts, RefundApproved)
    )
    return [case for case in moved if case]


def _follow(account_id: AccountId, tag: str, store: Store, now: datetime) -> RefundCase | None:
    for _ in attempts():
        case, context = read_case_context(account_id, case_id_of(tag), store)
        if case.tag != tag:
            return None  # it was approved anew since
        wanted, why = _state_by_facts(context.purchase, tag)
        if wanted is None or wanted not in FOLLOWED_TRANSITIONS.get(case.state, ()):
            return None
        was_in_review = case.state is CaseState.IN_REVIEW
        case = case.with_state(wanted, now, why)
        commit = with_documents(Commit(), DocumentChange(intent_key(tag), None))
        if wanted is CaseState.IN_REVIEW:
            commit = with_documents(commit, queue_for_review(case, now))
        if was_in_review:
            commit = with_documents(commit, DocumentChange(review_queue_key(case), None))
        if store.commit(with_case(case, commit, context.account)) is None:
            return case
    raise case_overtaken(case_id_of(tag))


def _state_by_facts(purchase: Purchase, tag: str) -> tuple[CaseState | None, str]:
    """Where the facts say that a case is, and why."""
    end = end_of(tag, purchase.facts)
    if isinstance(end, RefundChanged):
        if end.state is RefundState.SUCCEEDED:
            return CaseState.REFUNDED, f"refund {end.refund_id} succeeded"
        return CaseState.IN_REVIEW, f"refund {end.refund_id} {end.state}: its credits are back"
    if end:
        return CaseState.IN_REVIEW, f"the refund was not sent: {end.reason}"
    sent = next((r for r in facts_of(purchase.facts, RefundChanged) if tag_of(r, purchase.facts) == tag), None)
    return (CaseState.ISSUED, f"the provider has it as {sent.refund_id}") if sent else (None, "")
