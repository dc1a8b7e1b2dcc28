"""Decide a case in review, as a person of support.

state of the case                          result
in review                                  the decision is carried out
decided, with exactly this decision        the case, unchanged: the request was repeated
decided otherwise                          CaseClosed
"""

from dataclasses import dataclass, replace
from datetime import datetime

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.canonical import canonical
from ledger.domain.errors import CaseClosed, RequestRefused
from ledger.domain.facts import RefundedItem
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, derived_id, request_correlation_id
from ledger.domain.refund_cases import CaseState, Decision, DecisionOutcome, RefundCase
from ledger.domain.texts import text
from ledger.policy.parameters import PolicyParameters
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import DocumentKey, audit_key, case_key, idempotency_key, review_queue_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.refund_cases.apply_decision import apply_decision
from ledger.usecases.refund_cases.cases import account_of_case, read_case, with_case, with_documents
from ledger.usecases.refund_cases.context import CaseContext, read_case_context
from ledger.usecases.transaction import CONFLICT, Retry, result_under_key, run_transaction

DECISIONS_ROUTE = "decisions"
"""The route under which the Idempotency-Key of a person's decision counts, for the account of the case."""

_ACTIONS = {
    DecisionOutcome.APPROVE: AuditAction.APPROVE,
    DecisionOutcome.REPLACE: AuditAction.REPLACE,
    DecisionOutcome.DECLINE: AuditAction.DECLINE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDecision:
    """What a person decides about a case in review."""

    outcome: DecisionOutcome  # approve, replace or decline
    words: tuple[str, ...]  # the person's own words to the customer
    clause: str
    money_minor: int = 0
    credits: int = 0
    takes_credits: bool = True
    ends_subscription: bool = False
    items: tuple[RefundedItem, ...] = ()


def decide_case(
    case_id: str,
    review: ReviewDecision,
    actor: str,
    store: Store,
    policy: PolicyParameters,
    *,
    now: datetime,
    key: str | None = None,
) -> RefundCase:
    """Carry out a person's decision about a case in review. Return the case after it.

    With an Idempotency-Key the decision is carried out once, even if its refund failed and the case is in review again.
    Without a key, a repeated request cannot be distinguished from a new decision with the same content.

    Raise NotFound; CaseClosed if the case is not in review; RequestRefused if the purchase does not allow the decision;
    IdempotencyKeyReused if the key belongs to another decision.
    """
    account_id = account_of_case(case_id, store)
    correlation_id = request_correlation_id(account_id, DECISIONS_ROUTE, key) if key else case_id
    request = _Request(case_id, account_id, review, actor, now, correlation_id)
    record_key = idempotency_key(account_id, DECISIONS_ROUTE, key) if key else None
    return run_transaction(lambda: _decide(request, record_key, store, policy), case_id)


@dataclass(frozen=True, slots=True)
class _Request:
    """One request to decide a case."""

    case_id: str
    account_id: AccountId
    review: ReviewDecision
    actor: str
    at: datetime
    correlation_id: str

    @property
    def fingerprint(self) -> str:
        return derived_id("decision", self.case_id, self.actor, canonical(self.review))

    def record(self, record_key: DocumentKey | None) -> tuple[DocumentChange, ...]:
        """Return the change that stores the idempotency record; none without a key."""
        record = IdempotencyRecord(fingerprint=self.fingerprint, subject=self.case_id, at=self.at)
        return (DocumentChange(record_key, record),) if record_key else ()

    def audit_record(self) -> DocumentChange:
        """Return the change that stores who decided what."""
        action, reason = _ACTIONS[self.review.outcome], " ".join(self.review.words)
        record = AuditRecord(actor=self.actor, action=action, subject=self.case_id, reason=reason, at=self.at)
        return DocumentChange(audit_key(self.account_id, self.at, self.case_id), record)


def _decide(
    request: _Request, record_key: DocumentKey | None, store: Store, policy: PolicyParameters
) -> RefundCase | Retry:
    if record_key:
        known = store.read(Keys(documents=frozenset({record_key})))
        if result_under_key(known, record_key, request.fingerprint):
            return read_case(request.account_id, request.case_id, store)
    case, context = read_case_context(request.account_id, request.case_id, store)
    decision = _decision(request, case, context, policy)
    if case.state is not CaseState.IN_REVIEW:
        return _repeat(request, record_key, case, decision, store)
    if policy.is_paused:
        raise RequestRefused("Decisions are paused while the ledger catches up: see the runbook, Restored table.")
    try:
        decided, commit = apply_decision(
            case, decision, request.actor, context, policy, request.at, correlation_id=request.correlation_id
        )
    except RequestRefused:
        if read_case(request.account_id, request.case_id, store).version != case.version:
            return CONFLICT  # another decision reserved the money between the reads
        raise
    leave_queue = DocumentChange(review_queue_key(case), None)
    commit = with_documents(commit, leave_queue, request.audit_record(), *request.record(record_key))
    return CONFLICT if store.commit(with_case(decided, commit, context.account)) else decided


def _repeat(
    request: _Request, record_key: DocumentKey | None, case: RefundCase, decision: Decision, store: Store
) -> RefundCase | Retry:
    """Return the case if it was decided exactly like this. A new key is recorded for the decision, too."""
    if case.decision != decision:
        raise CaseClosed(f"The case is {case.state}, not in review. It was decided by {case.decided_by}.")
    if record_key is None:
        return case
    # The case is written unchanged, under its version: the key must not count if the case has gone on since.
    unchanged = DocumentChange(case_key(request.account_id, request.case_id), case, case.version)
    if store.commit(Commit(documents=(unchanged, *request.record(record_key)))):
        return CONFLICT
    return replace(case, version=case.version + 1)


def _decision(request: _Request, case: RefundCase, context: CaseContext, policy: PolicyParameters) -> Decision:
    """Return the person's decision, with the policy's explanation and inputs from the decision before it."""
    review, before = request.review, case.decision
    return Decision(
        outcome=review.outcome,
        clause=review.clause,
        rule=f"person:{request.actor}",
        reasons=tuple(text("decision.own_words", words=words) for words in review.words),
        policy_version=policy.version,
        money_minor=review.money_minor,
        currency=context.payment.currency,
        credits=review.credits,
        takes_credits=review.takes_credits,
        items=review.items,
        ends_subscription=review.ends_subscription,
        recommended=before.recommended if before else None,
        explanation=before.explanation if before else (),
        inputs=before.inputs if before else (),
    )
