"""Decide a case in review, as a person of support.

the request, and the state of the case       result
its Idempotency-Key is known                 the case as it is now: the request was repeated
in review                                    the decision is carried out
declined by the policy, and it is overturned the decision is carried out: an approval, or credits
decided by this person with this content     the case: the request was repeated without its key
anything else                                CaseClosed

An approval without an amount is of what the policy recommends at that moment, from what is then used.
"""

import json
from dataclasses import asdict, replace
from datetime import datetime

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.canonical import canonical
from ledger.domain.errors import CaseClosed, RequestRefused
from ledger.domain.facts import Facts, RefundedItem
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, derived_id, request_correlation_id
from ledger.domain.proposals import CREDITS, Stake
from ledger.domain.records import record
from ledger.domain.refund_cases import CaseState, Decision, DecisionOutcome, RefundCase
from ledger.domain.texts import Text, text
from ledger.policy.parameters import PolicyParameters
from ledger.policy.rules import decide
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import DocumentKey, case_key, idempotency_key, review_queue_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.authority import Act, Authority, commit_act
from ledger.usecases.refund_cases.apply_decision import apply_decision
from ledger.usecases.refund_cases.cases import account_of_case, read_case, with_case, with_documents
from ledger.usecases.refund_cases.context import CaseContext, read_case_context
from ledger.usecases.refund_cases.evaluate_policy import policy_context, requested_at
from ledger.usecases.transaction import CONFLICT, Retry, result_under_key, run_transaction

DECISIONS_ROUTE = "decisions"
"""The route of the Idempotency-Keys of decisions: one key counts for one account and one route."""

_ACTIONS = {
    DecisionOutcome.APPROVE: AuditAction.APPROVE,
    DecisionOutcome.REPLACE: AuditAction.REPLACE,
    DecisionOutcome.DECLINE: AuditAction.DECLINE,
}


@record(frozen=True, kw_only=True)
class ReviewDecision:
    """What a person decides about a case in review."""

    outcome: DecisionOutcome  # approve, replace or decline
    words: tuple[str, ...]  # the person's own words to the customer
    clause: str
    money_minor: int | None = 0  # to approve; None: what the policy recommends then
    credits: int = 0
    takes_credits: bool = True
    ends_subscription: bool = False
    items: tuple[RefundedItem, ...] = ()
    agreement: str | None = None  # to replace the money of a withdrawal: how the customer expressly agreed

    @property
    def follows_recommendation(self) -> bool:
        """Return whether it approves what the policy recommends, whatever that is by then."""
        return self.money_minor is None

    def __post_init__(self) -> None:
        if self.outcome not in _ACTIONS:
            raise ValueError(f"a person approves, replaces or declines: {self.outcome} is the policy's")

    def fingerprint(self, case_id: str, actor: str) -> str:
        """Return the fingerprint of the request by which the person `actor` decides a case like this."""
        return derived_id("decision", case_id, actor, canonical(self))


def decide_case(
    case_id: str,
    verdict: ReviewDecision,
    actor: str,
    store: Store,
    policy: PolicyParameters,
    *,
    now: datetime,
    key: str | None,
    authority: Authority,
    may_overturn: bool = False,
) -> RefundCase:
    """Carry out a person's decision about a case in review. Return the case after it, with the version that was read.

    With an Idempotency-Key the decision is carried out once, even if its refund failed and the case is in review again.
    Without a key, a repeated request cannot be distinguished from a new decision with the same content. `may_overturn`:
    an approval, or credits, also of a case that the policy declined.

    Raise NotFound; CaseClosed if the case is not in review; RequestRefused if the purchase does not allow the decision;
    SecondPersonNeeded if a colleague has to confirm it; IdempotencyKeyReused if the key belongs to another decision.
    """
    account_id = account_of_case(case_id, store)
    correlation_id = request_correlation_id(account_id, DECISIONS_ROUTE, key) if key else case_id
    record_key = idempotency_key(account_id, DECISIONS_ROUTE, key) if key else None
    request = _Request(
        case_id, account_id, verdict, actor, now, correlation_id, record_key, key, authority, may_overturn
    )
    return run_transaction(lambda: _decide(request, store, policy), case_id)


@record(frozen=True)
class _Request:
    """One request to decide a case."""

    case_id: str
    account_id: AccountId
    verdict: ReviewDecision
    actor: str
    at: datetime
    correlation_id: str
    record_key: DocumentKey | None  # of its idempotency record; None: it has no Idempotency-Key
    key: str | None
    authority: Authority
    may_overturn: bool

    @property
    def fingerprint(self) -> str:
        return self.verdict.fingerprint(self.case_id, self.actor)

    def idempotency_change(self) -> tuple[DocumentChange, ...]:
        """Return the change that stores the idempotency record; none without a key."""
        record = IdempotencyRecord(fingerprint=self.fingerprint, subject=self.case_id, at=self.at)
        return (DocumentChange(self.record_key, record),) if self.record_key else ()

    def act(self, case: RefundCase, decision: Decision) -> Act:
        """Return the act of who decides what. `case` is the case as it was read, `decision` has the figures."""
        verdict = self.verdict
        record = AuditRecord(
            actor=self.actor,
            action=_ACTIONS[verdict.outcome],
            subject=self.case_id,
            reason=" ".join(verdict.words),
            at=self.at,
            step=case.version,
        )
        stake = Stake(amount=verdict.credits, unit=CREDITS) if verdict.credits else None
        if decision.money_minor:
            stake = Stake(amount=decision.money_minor, unit=decision.currency)
        content = json.dumps({**asdict(verdict), "key": self.key}, sort_keys=True)
        return Act(account_id=self.account_id, record=record, stake=stake, request=content, key=str(case.version))


def _decide(request: _Request, store: Store, policy: PolicyParameters) -> RefundCase | Retry:
    if request.record_key:
        known = store.read(Keys(documents=frozenset({request.record_key})))
        if result_under_key(known, request.record_key, request.fingerprint):
            return read_case(request.account_id, request.case_id, store)
    case, context = read_case_context(request.account_id, request.case_id, store)
    decision = _with_policy_trace(request, case, context, policy)
    if case.state is not CaseState.IN_REVIEW and not _is_overturned(request, case, context):
        return _repeat(request, case, decision, store)
    _require_agreement(request.verdict, case, context.purchase.facts)
    if policy.is_paused:
        raise RequestRefused("Decisions are paused while the ledger catches up: see the runbook, Restored table.")
    if request.verdict.follows_recommendation:
        decision = _as_recommended(decision, case, context, store, policy, request.at)
    try:
        decided, commit = apply_decision(
            case, decision, request.actor, context, policy, request.at, correlation_id=request.correlation_id
        )
    except RequestRefused:
        # The case was read before its purchase. If it has changed since, the two don't belong together.
        if read_case(request.account_id, request.case_id, store).version != case.version:
            return CONFLICT
        raise
    leave_queue = DocumentChange(review_queue_key(case), None)
    commit = with_case(decided, with_documents(commit, leave_queue, *request.idempotency_change()), context.account)
    act = request.act(case, decision)
    return CONFLICT if commit_act(commit, act, request.authority, store) else decided


def _require_agreement(verdict: ReviewDecision, case: RefundCase, facts: Facts) -> None:
    """Raise RequestRefused if a withdrawal's money would be replaced without the customer's agreement.

    Directive 2011/83/EU, article 13(1): by the means of the payment, unless the consumer expressly agreed otherwise.
    """
    if verdict.outcome is DecisionOutcome.REPLACE and case.is_withdrawal(facts) and not verdict.agreement:
        raise RequestRefused(
            "A withdrawal's money goes back as it was paid. Give `agreement`: how the customer agreed to credits."
        )


def _as_recommended(
    decision: Decision, case: RefundCase, context: CaseContext, store: Store, policy: PolicyParameters, now: datetime
) -> Decision:
    """Return a person's approval with the amount that the policy recommends now. Raise RequestRefused without one."""
    inputs = policy_context(case.reason, context, store, policy, now, submitted_at=requested_at(case))
    found = decide(inputs, policy)
    if found.money_minor <= 0:
        raise RequestRefused("The policy recommends no refund now. Name the amount.")
    return replace(decision, money_minor=found.money_minor, items=found.items)


def _is_overturned(request: _Request, case: RefundCase, context: CaseContext) -> bool:
    """Return whether a person overturns an automatic decline, and no other case about the same has opened since."""
    is_meant = request.may_overturn and request.verdict.outcome is not DecisionOutcome.DECLINE
    return is_meant and case.is_declined_by_policy and case.open_case_key not in context.account.cases.values()


def _repeat(request: _Request, case: RefundCase, decision: Decision, store: Store) -> RefundCase | Retry:
    """Return the case if it was decided exactly like this. Raise CaseClosed otherwise.

    A key that is new is recorded too: otherwise its request would decide again if the refund failed later.
    """
    before = case.decision
    if before and request.verdict.follows_recommendation:
        decision = replace(decision, money_minor=before.money_minor, items=before.items)
    if before is None or replace(decision, policy_version=before.policy_version) != before:
        decided_by = f" It was decided by {case.decided_by}." if case.decided_by else ""
        raise CaseClosed(f"The case is {case.state}, not in review.{decided_by}")
    if request.record_key is None:
        return case
    # The case is written unchanged, under its version: the key must not count if the case has gone on since.
    case_as_read = DocumentChange(case_key(request.account_id, request.case_id), case, case.version)
    return CONFLICT if store.commit(Commit(documents=(case_as_read, *request.idempotency_change()))) else case


def _with_policy_trace(request: _Request, case: RefundCase, context: CaseContext, policy: PolicyParameters) -> Decision:
    """Return the person's decision, with the policy's explanation and inputs from the decision before it."""
    verdict, before = request.verdict, case.decision
    return Decision(
        outcome=verdict.outcome,
        clause=verdict.clause,
        rule=f"person:{request.actor}",
        reasons=tuple(text("decision.own_words", words=words) for words in verdict.words),
        policy_version=policy.version,
        money_minor=verdict.money_minor or 0,
        currency=context.payment.currency,
        credits=verdict.credits,
        takes_credits=verdict.takes_credits,
        items=verdict.items,
        ends_subscription=verdict.ends_subscription,
        ends_contract=before.ends_contract
        if before
        else False,  # what was withdrawn from, whatever becomes of the money
        recommended=before.recommended if before else None,
        explanation=before.explanation if before else (),
        inputs=(*(before.inputs if before else ()), *_agreement_input(verdict)),
    )


def _agreement_input(verdict: ReviewDecision) -> tuple[Text, ...]:
    """Return the record of the customer's agreement to credits instead of money."""
    return (text("input.agreement", words=verdict.agreement),) if verdict.agreement else ()
