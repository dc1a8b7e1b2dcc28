"""Decide the cases whose decision was deferred, once their settling time is over.

Payments that the card network warns of wait in the same queue: see `refund_warned`. So do those whose refunds have
ended: see `ledger.usecases.credit_notes`.

Withdrawals that end a contract wait in the same queue, for the contract's other payments. So does a withdrawal during a
dispute, though a person has it in review from the first day on:

the dispute is open          it stays in review, and is looked at again within the hour
won, or withdrawn            the policy decides: the refund is executed at once
lost                         the policy decides: the bank has returned the money; what it has not is refunded
the policy is not certain    it stays in review
"""

from datetime import datetime

from ledger.domain.ids import job_correlation_id
from ledger.domain.refund_cases import BY_POLICY, CaseState, DecisionOutcome, PaymentConcern, QueuedCase, RefundCase
from ledger.policy.parameters import PolicyParameters
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import deferred_queue_key, deferred_queue_key_of, review_queue_key
from ledger.ports.store import Store
from ledger.usecases.credit_notes import Seller, issue_credit_notes
from ledger.usecases.progress import sweep_on
from ledger.usecases.refund_cases.apply_decision import apply_decision
from ledger.usecases.refund_cases.cases import read_case, with_case, with_documents
from ledger.usecases.refund_cases.context import CaseContext, read_case_context
from ledger.usecases.refund_cases.evaluate_policy import evaluate_policy
from ledger.usecases.refund_cases.refund_warned import refund_warned
from ledger.usecases.refund_cases.withdraw_contract import withdraw_from_rest
from ledger.usecases.sweep import ONE_AFTER_THE_OTHER, Pace, Watch
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

_JOB = "decide_deferred"


def decide_deferred(
    store: Store,
    policy: PolicyParameters,
    watch: Watch,
    *,
    now: datetime,
    pace: Pace = ONE_AFTER_THE_OTHER,
    seller: Seller | None = None,
) -> list[RefundCase]:
    """Decide every deferred case that is due, unless decisions are paused. Return the cases that were decided.

    Cases of the other payments of withdrawn contracts are opened, and are among them. `seller`: issue the credit notes
    that are due, also while decisions are paused; None: they wait. Raise the failure of a case that could not be
    decided. The others are.
    """
    done = sweep_on(
        _JOB,
        store,
        (queued for queued in store.deferred_cases() if queued.since <= now),
        lambda queued: _decide_when_due(queued, store, policy, seller, now),
        watch,
        name=lambda queued: queued.case_id,
        since=lambda queued: queued.since,
        pace=pace,
    )
    done.raise_failure()
    return [case for cases in done.results for case in cases]


def _decide_when_due(
    queued: QueuedCase, store: Store, policy: PolicyParameters, seller: Seller | None, now: datetime
) -> list[RefundCase]:
    if queued.payment_id and queued.concern is PaymentConcern.REFUNDED:
        if seller:
            issue_credit_notes(queued.payment_id, seller, store, now=now)
            store.commit(Commit(documents=(DocumentChange(deferred_queue_key_of(queued.case_id), None),)))
        return []
    if queued.payment_id:
        warned = refund_warned(queued, store, policy, now=now)
        return [warned] if warned else []
    decided = run_transaction(lambda: _decide(queued, store, policy, now), queued.case_id)
    case = decided or read_case(queued.account_id, queued.case_id, store)
    is_due = case.rest_due_at is not None and not policy.is_paused
    rest = withdraw_from_rest(case, store, policy, now=now) if is_due else []
    return [decided, *rest] if decided else rest


def _decide(queued: QueuedCase, store: Store, policy: PolicyParameters, now: datetime) -> RefundCase | Retry | None:
    case, context = read_case_context(queued.account_id, queued.case_id, store)
    leave_queue = DocumentChange(deferred_queue_key(case), None)
    if case.waits_for_dispute:
        return _decide_after_dispute(case, context, store, policy, now)
    if case.state is not CaseState.REQUESTED:
        if case.rest_due_at:
            return None
        store.commit(Commit(documents=(leave_queue,)))
        return None
    decision = evaluate_policy(case, context, store, policy, now)
    if decision.outcome is DecisionOutcome.WAIT:
        return None  # it stays in the queue
    correlation_id = job_correlation_id(_JOB, now)
    case, commit = apply_decision(case, decision, BY_POLICY, context, policy, now, correlation_id=correlation_id)
    commit = with_case(case, commit if case.rest_due_at else with_documents(commit, leave_queue), context.account)
    return CONFLICT if store.commit(commit) else case


def _decide_after_dispute(
    case: RefundCase, context: CaseContext, store: Store, policy: PolicyParameters, now: datetime
) -> RefundCase | Retry | None:
    """Decide a withdrawal whose dispute is over. None: it is not, or a person has to decide."""
    decision = evaluate_policy(case, context, store, policy, now)
    if decision.outcome not in {DecisionOutcome.APPROVE, DecisionOutcome.DECLINE}:
        return None
    leave_queue = DocumentChange(review_queue_key(case), None)
    correlation_id = job_correlation_id(_JOB, now)
    case, commit = apply_decision(case, decision, BY_POLICY, context, policy, now, correlation_id=correlation_id)
    return CONFLICT if store.commit(with_case(case, with_documents(commit, leave_queue), context.account)) else case
