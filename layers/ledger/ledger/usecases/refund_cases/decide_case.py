"""Decide refund cases: by the policy, by a person, or when a deferred decision is due."""

from dataclasses import dataclass, replace
from datetime import datetime

from ledger.domain.audit import AuditRecord
from ledger.domain.canonical import canonical
from ledger.domain.disputes import disputed
from ledger.domain.errors import CaseClosed, IdempotencyKeyReused, RequestRefused
from ledger.domain.facts import RefundApproved, RefundDeclined, RefundedItem
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import derived_id, job_correlation_id, request_correlation_id
from ledger.domain.refund_cases import CaseState, Decision, DecisionOutcome, QueuedCase, RefundCase, RefundReason
from ledger.domain.refund_intents import RefundIntent
from ledger.policy.parameters import PolicyParameters
from ledger.policy.rules import decide
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import (
    audit_key,
    case_key,
    deferred_queue_key,
    idempotency_key,
    intent_key,
    review_queue_key,
)
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases import plan_booking
from ledger.usecases.plan_booking import Origin
from ledger.usecases.refund_cases.cases import (
    account_of_case,
    case_overtaken,
    queue_for_review,
    read_case,
    with_case,
    with_documents,
)
from ledger.usecases.refund_cases.context import CaseContext, policy_context, read_case_context, requested_at
from ledger.usecases.transaction import attempts, for_each

DECISIONS_ROUTE = "decisions"
"""The route under which one of a person's decision counts, for the case's account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDecision:
    """What a person decides about a case in review."""

    outcome: DecisionOutcome  # approve, replace or decline
    words: tuple[str, ...]  # to the customer
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
    """Decide a case in review, by a person. The same verdict again is answered as before.

    Under a key it is carried out once, even if the case has come back to review since: without one, a repetition
    could not be told from a person who decides the same anew.

    Raises NotFound; CaseClosed: it is decided otherwise, or not in review; Refused: more than can be refunded, or a
    dispute is open; IdempotencyKeyReused: the key stands for another decision.
    """
    account_id = account_of_case(case_id, store)
    correlation_id = request_correlation_id(account_id, DECISIONS_ROUTE, key) if key else case_id
    answered_at = idempotency_key(account_id, DECISIONS_ROUTE, key) if key else None
    answer = IdempotencyRecord(
        fingerprint=derived_id("decision", case_id, actor, canonical(review)), subject=case_id, at=now
    )
    for _ in attempts():
        if answered_at:
            answered = store.read(Keys(documents=frozenset({answered_at}))).document(answered_at, IdempotencyRecord)
            if answered and answered.fingerprint != answer.fingerprint:
                raise IdempotencyKeyReused("This Idempotency-Key stands for another request: use a new one.")
            if answered:
                return read_case(account_id, case_id, store)
        case, context = read_case_context(account_id, case_id, store)
        decision = Decision(
            outcome=review.outcome,
            clause=review.clause,
            rule=f"person:{actor}",
            reasons=review.words,
            policy_version=policy.version,
            money_minor=review.money_minor,
            currency=context.payment.currency,
            credits=review.credits,
            takes_credits=review.takes_credits,
            items=review.items,
            ends_subscription=review.ends_subscription,
            recommended=case.decision.recommended if case.decision else None,
            explanation=case.decision.explanation if case.decision else (),
            seen=case.decision.seen if case.decision else (),
        )
        if case.state is not CaseState.IN_REVIEW and case.decision == decision:  # the second click
            if answered_at is None:
                return case
            # Under a key of its own: it stands for this decision too, as long as the case has not moved on.
            unmoved = DocumentChange(case_key(account_id, case_id), case, case.version)
            if store.commit(Commit(documents=(unmoved, DocumentChange(answered_at, answer)))) is None:
                return replace(case, version=case.version + 1)
            continue
        if case.state is not CaseState.IN_REVIEW:
            raise CaseClosed(f"The case is {case.state}, not in review: it was decided by {case.decided_by}.")
        try:
            case, commit = apply_decision(case, decision, actor, context, policy, now, correlation_id=correlation_id)
        except RequestRefused:
            if read_case(account_id, case_id, store).version != case.version:
                continue  # decided while its parts were read: what that reserved can't be refunded again
            raise
        act = AuditRecord(
            actor=actor, act=f"decide:{review.outcome}", subject=case_id, why=" ".join(review.words), at=now
        )
        commit = with_documents(
            commit,
            DocumentChange(review_queue_key(case), None),
            DocumentChange(audit_key(account_id, now, case_id), act),
            *((DocumentChange(answered_at, answer),) if answered_at else ()),
        )
        if store.commit(with_case(case, commit, context.account)) is None:
            return case
    raise case_overtaken(case_id)


def decide_deferred(store: Store, policy: PolicyParameters, *, now: datetime) -> list[RefundCase]:
    """Decide every case whose settling time is over."""
    due = [waiting for waiting in store.deferred_cases() if waiting.since <= now]
    decided = for_each(due, lambda waiting: _decide_deferred_case(waiting, store, policy, now))
    return [case for case in decided if case]


def _decide_deferred_case(
    waiting: QueuedCase, store: Store, policy: PolicyParameters, now: datetime
) -> RefundCase | None:
    for _ in attempts():
        case, context = read_case_context(waiting.account_id, waiting.case_id, store)
        if case.state is not CaseState.REQUESTED:
            store.commit(Commit(documents=(DocumentChange(deferred_queue_key(case), None),)))
            return None
        decision = decision_by_policy(case, context, store, policy, now)
        if decision.outcome is DecisionOutcome.WAIT:
            return None
        case, commit = apply_decision(
            case, decision, "policy", context, policy, now, correlation_id=job_correlation_id("decide_deferred", now)
        )
        commit = with_documents(commit, DocumentChange(deferred_queue_key(case), None))
        if store.commit(with_case(case, commit, context.account)) is None:
            return case
    raise case_overtaken(waiting.case_id)


def approve(case: RefundCase, decision: Decision, context: CaseContext, origin: Origin) -> tuple[RefundCase, Commit]:
    """The approval: decision, intent and reservation of the credits, to be written as one. Raises Refused."""
    payment, purchase = context.payment, context.purchase
    if not 0 < decision.money_minor <= purchase.refundable_minor:
        raise RequestRefused(f"{decision.money_minor} can't be refunded: {purchase.refundable_minor} minor units can.")
    if disputed(purchase.facts, payment.payment_id).is_frozen:
        raise RequestRefused("A dispute of this payment is open: the provider would pay twice.")
    if decision.items and sum(item.amount_minor for item in decision.items) != decision.money_minor:
        raise RequestRefused("The lines' amounts don't add up to the sum.")
    case = replace(case, approvals=case.approvals + 1)
    fact = RefundApproved(
        tag=case.tag,
        case_id=case.case_id,
        amount_minor=decision.money_minor,
        at=origin.at,
        cause=origin.cause,
        items=decision.items,
        takes_credits=decision.takes_credits,
    )
    intent = RefundIntent(
        tag=case.tag, account_id=case.account_id, payment_id=purchase.payment_id, approved_at=origin.at
    )
    commit = plan_booking.plan_internal_fact(purchase.with_facts(fact), context.known, origin)
    return case, with_documents(commit, DocumentChange(intent_key(case.tag), intent))


def apply_decision(
    case: RefundCase,
    decision: Decision,
    by: str,
    context: CaseContext,
    policy: PolicyParameters,
    now: datetime,
    *,
    correlation_id: str,
) -> tuple[RefundCase, Commit]:
    """The case after a decision, and what else is to be written with it.

    `correlation_id` is that of the request or job that decides.
    """
    origin = Origin(now, f"case:{case.case_id}", correlation_id)
    why = f"{decision.rule}, clause {decision.clause}"
    if decision.outcome is DecisionOutcome.WAIT:
        due = context.payment.at + policy.duplicate_settling
        case = replace(case, decision=decision, decide_at=due)
        if case.state is not CaseState.REQUESTED:
            case = case.with_state(CaseState.REQUESTED, now, why)
        waiting = QueuedCase(case_id=case.case_id, account_id=case.account_id, since=due)
        return case, with_documents(Commit(), DocumentChange(deferred_queue_key(case), waiting, None))

    commit = Commit()
    match decision.outcome:
        case DecisionOutcome.APPROVE:
            case, commit = approve(case, decision, context, origin)
            state = CaseState.APPROVED
        case DecisionOutcome.REPLACE:
            if decision.credits <= 0:
                raise RequestRefused("Replacement credits are 1 or more.")
            lot_id = f"goodwill/{case.case_id}/{case.approvals}"
            commit = plan_booking.plan_goodwill(context.account, lot_id, decision.credits, origin)
            state = CaseState.REPLACED
        case DecisionOutcome.DECLINE:
            if by != "policy":
                commit = _decline_commit(case, decision, context, origin)
            state = CaseState.DECLINED
        case _:
            state = CaseState.IN_REVIEW
    case = replace(case, decision=decision, decided_at=now, decided_by=by, decide_at=None).with_state(state, now, why)
    return case, with_documents(commit, queue_for_review(case, now)) if state is CaseState.IN_REVIEW else commit


def _decline_commit(case: RefundCase, decision: Decision, context: CaseContext, origin: Origin) -> Commit:
    """A person's decline is remembered beside the payment: the same wish is not decided by itself again."""
    fact = RefundDeclined(
        case_id=case.case_id,
        reason=case.reason,
        clause=decision.clause,
        words=decision.reasons,
        at=origin.at,
        cause=origin.cause,
    )
    return plan_booking.plan_internal_fact(context.purchase.with_facts(fact), context.known, origin)


def decision_by_policy(
    case: RefundCase, context: CaseContext, store: Store, policy: PolicyParameters, now: datetime
) -> Decision:
    """Return the policy's decision; if the evidence does not match the ledger, an approval becomes a review."""
    seen = policy_context(case.reason, context, store, policy, now, asked_at=requested_at(case))
    decision = decide(seen, policy)
    if case.mismatches and decision.outcome is DecisionOutcome.APPROVE and case.reason is not RefundReason.WITHDRAWAL:
        # What was told does not fit the ledger: a person looks before money leaves.
        return replace(decision, outcome=DecisionOutcome.REVIEW, recommended=DecisionOutcome.APPROVE)
    return decision
