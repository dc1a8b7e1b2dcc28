"""Open a case for a payment that the card network warns of, or that the cardholder's bank asks about.

booked ──► entry in the queue of deferred decisions ──► a small warned payment, by the policy's figure   case, approved
                                                    ├─► otherwise                            case, a person decides
                                                    ├─► its money is on its way back         looked at again every hour
                                                    └─► the warning is over, or it is disputed   no case

A case that waits for a person is looked at again every hour: once the payment is disputed, all of its money went back,
or the bank has closed its inquiry, the policy declines it, and nobody has to look. The customer asked for nothing, so a
mail only says that money goes back.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from ledger.domain.disputes import FRAUD_WARNING, INQUIRY, disputed
from ledger.domain.errors import CaseAlreadyOpen
from ledger.domain.ids import job_correlation_id
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import (
    BY_POLICY,
    CaseState,
    DecisionOutcome,
    PaymentConcern,
    QueuedCase,
    RefundCase,
    RefundReason,
    SubmittedEvidence,
)
from ledger.domain.refunds import outstanding_minor
from ledger.policy.parameters import PolicyParameters
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import case_key, deferred_queue_key_of, review_queue_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.look_up import LookUp
from ledger.usecases.refund_cases.apply_decision import apply_decision
from ledger.usecases.refund_cases.cases import with_case, with_documents
from ledger.usecases.refund_cases.context import read_case_context
from ledger.usecases.refund_cases.evaluate_policy import evaluate_policy
from ledger.usecases.refund_cases.open_case import RefundClaim, open_case
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

WARNINGS_ROUTE = "fraud-warnings"
"""The route of the keys by which these cases are opened: each once."""

LOOK_AGAIN = timedelta(hours=1)
"""How long after a look the next one is due."""

_JOB = "refund_warned"


def refund_warned(queued: QueuedCase, store: Store, policy: PolicyParameters, *, now: datetime) -> RefundCase | None:
    """Open the case of an entry, or close the one that waits. Return the case if it is new or was closed.

    It may be called any number of times. While decisions are paused, or a person has yet to decide, the entry stays in
    the queue.
    """
    if policy.is_paused or queued.payment_id is None:
        return None
    claim = RefundClaim(
        account_id=queued.account_id,
        payment_id=queued.payment_id,
        reason=RefundReason.INQUIRY if queued.concern is PaymentConcern.INQUIRED else RefundReason.FRAUD_WARNING,
        submitted_evidence=SubmittedEvidence(),
        key=queued.case_id,
        fingerprint=queued.case_id,
        opened_by=BY_POLICY,
        route=WARNINGS_ROUTE,
    )
    key = case_key(claim.account_id, claim.case_id)
    known = LookUp(store)(Keys(payments=frozenset({queued.payment_id}), documents=frozenset({key})))
    case, purchase = known.document(key, RefundCase), known.home_of(queued.payment_id)
    if case is None:
        changed = case = _opened(claim, store, policy, now) if purchase and _is_due(purchase, claim.reason) else None
    else:
        case_id = case.case_id
        changed = run_transaction(lambda: _close(claim, case_id, store, policy, now), case_id)
        case = changed or case
    is_on_its_way = case is None and purchase is not None and _is_on_its_way(purchase, claim.reason)
    waits = is_on_its_way or (case is not None and case.state is CaseState.IN_REVIEW)
    entry = replace(queued, since=now + LOOK_AGAIN) if waits else None
    store.commit(Commit(documents=(DocumentChange(deferred_queue_key_of(queued.case_id), entry, None),)))
    return changed


def _is_due(purchase: Purchase, reason: RefundReason) -> bool:
    """Return whether the warning or the inquiry stands, nothing is disputed, and money is left."""
    return _stands(purchase, reason) and purchase.refundable_minor > 0


def _is_on_its_way(purchase: Purchase, reason: RefundReason) -> bool:
    """Return whether the warning or the inquiry stands, and its money may still not go back: a refund can fail."""
    return _stands(purchase, reason) and outstanding_minor(purchase.facts) > 0


def _stands(purchase: Purchase, reason: RefundReason) -> bool:
    if purchase.payment is None:
        return False
    found = disputed(purchase.facts, purchase.payment.payment_id)
    kind = INQUIRY if reason is RefundReason.INQUIRY else FRAUD_WARNING
    return any(name.startswith(kind) for name in found.flags) and not found.is_frozen


def _opened(claim: RefundClaim, store: Store, policy: PolicyParameters, now: datetime) -> RefundCase | None:
    try:
        return open_case(claim, store, policy, now=now)
    except CaseAlreadyOpen:  # of another inquiry
        return None


def _close(
    claim: RefundClaim, case_id: str, store: Store, policy: PolicyParameters, now: datetime
) -> RefundCase | Retry | None:
    """Decline a case in review that something else has decided by now. None: nothing has, or a person did."""
    case, context = read_case_context(claim.account_id, case_id, store)
    if case.state is not CaseState.IN_REVIEW or case.approvals:
        return None  # a person has decided, or a refund failed: a person decides again
    decision = evaluate_policy(case, context, store, policy, now)
    if decision.outcome is not DecisionOutcome.DECLINE:
        return None
    leave_queue = DocumentChange(review_queue_key(case), None)
    correlation_id = job_correlation_id(_JOB, now)
    case, commit = apply_decision(case, decision, BY_POLICY, context, policy, now, correlation_id=correlation_id)
    return CONFLICT if store.commit(with_case(case, with_documents(commit, leave_queue), context.account)) else case
