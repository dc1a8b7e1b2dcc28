"""Apply a decision to a refund case: the new state of the case, and everything that is written with it.

outcome   state       written with the case
approve   approved    the approval as a fact of the purchase, which reserves the credits; the intent in the outbox
decline   declined    a person's decline as a fact of the purchase, so that a repeated request gets the same answer
replace   replaced    a lot of replacement credits, and as a fact of the purchase that they were given
review    in_review   an entry in the review queue
wait      requested   an entry in the queue of deferred decisions

A withdrawal that ends a contract is queued there as well, for the contract's other payments; so is one that waits for
the end of a dispute. Whether a withdrawal stands is a fact of the purchase: until it is decided, no credits of the
contract are used.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from ledger.domain.disputes import disputed
from ledger.domain.errors import RequestRefused
from ledger.domain.facts import CreditsReplaced, RefundApproved, RefundDeclined, WithdrawalChanged
from ledger.domain.money import format_amount
from ledger.domain.refund_cases import (
    BY_POLICY,
    OPEN_DISPUTE_RULE,
    WITHDRAWAL_RULE,
    CaseState,
    Decision,
    DecisionOutcome,
    QueuedCase,
    RefundCase,
    RefundReason,
)
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.texts import Text, text
from ledger.domain.withdrawn import has_used_and_withdrawn
from ledger.policy.parameters import PolicyParameters
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import deferred_queue_key, intent_key
from ledger.usecases import plan_booking
from ledger.usecases.plan_booking import Origin, stop_of_renewals
from ledger.usecases.refund_cases.cases import queue_for_rest, queue_for_review, with_documents
from ledger.usecases.refund_cases.context import CaseContext

_STATES = {
    DecisionOutcome.APPROVE: CaseState.APPROVED,
    DecisionOutcome.DECLINE: CaseState.DECLINED,
    DecisionOutcome.REPLACE: CaseState.REPLACED,
    DecisionOutcome.REVIEW: CaseState.IN_REVIEW,
}


def apply_decision(
    case: RefundCase,
    decision: Decision,
    actor: str,
    context: CaseContext,
    policy: PolicyParameters,
    now: datetime,
    *,
    correlation_id: str,
) -> tuple[RefundCase, Commit]:
    """Return the case after a decision, and the commit of everything but the case itself.

    `actor` is BY_POLICY, or the person's id. `correlation_id` is that of the request or job that decides. Raise
    RequestRefused if the purchase does not allow what was decided.
    """
    origin = Origin(now, f"case:{case.case_id}", correlation_id)
    fact = _withdrawal(case, decision, context, origin)
    commit = Commit()
    if fact:
        context = replace(context, purchase=context.purchase.with_facts(fact))
    if decision.outcome is DecisionOutcome.REPLACE:
        replaced = CreditsReplaced(case_id=case.case_id, credits=decision.credits, at=origin.at, cause=origin.cause)
        context = replace(context, purchase=context.purchase.with_facts(replaced))
    if context.purchase.has_new_facts:
        commit = plan_booking.plan_internal_fact([context.purchase], context.known, origin)
    if decision.outcome is DecisionOutcome.WAIT:
        return _defer(case, decision, max(now, context.payment.at + policy.duplicate_settling), now, commit)
    match decision.outcome:
        case DecisionOutcome.APPROVE:
            case, commit = _approve(case, decision, context, origin)
        case DecisionOutcome.DECLINE if actor != BY_POLICY:
            commit = _record_decline(case, decision, context, origin)
        case DecisionOutcome.REPLACE:
            commit = _grant_replacement(case, decision, context, origin, commit)
        case DecisionOutcome.REVIEW:
            # Its place follows from the decision: what the law of withdrawal may demand has a due date.
            case, queued = queue_for_review(replace(case, decision=decision), context.purchase, now)
            commit = with_documents(commit, queued)
    commit = with_documents(commit, *_stop_of_renewals(case, decision, context, origin))
    if _is_looked_at_again(case, decision, context):
        case = replace(case, rest_due_at=now)
        commit = with_documents(commit, queue_for_rest(case, now))
    case = replace(case, decision=decision, decided_at=now, decided_by=actor, deferred_until=None)
    return case.with_state(_STATES[decision.outcome], now, _cause(decision), actor), commit


def _withdrawal(case: RefundCase, decision: Decision, context: CaseContext, origin: Origin) -> WithdrawalChanged | None:
    """Return what a decision changes of a withdrawal: that it stands now, or no longer. None: nothing."""
    stands = decision.outcome not in {DecisionOutcome.DECLINE, DecisionOutcome.REPLACE}
    known = context.purchase.facts.get(f"withdrawal:{case.case_id}")
    is_known = known.stands if isinstance(known, WithdrawalChanged) else False
    if stands == is_known or not (is_known or _is_withdrawal(case, decision)):
        return None
    return WithdrawalChanged(
        case_id=case.case_id, stands=stands, step=case.version + 1, at=origin.at, cause=origin.cause
    )


def _is_withdrawal(case: RefundCase, decision: Decision) -> bool:
    """Return whether a case is a withdrawal, in whatever words, that has come in time or may have."""
    is_noted = any(reason.key == "decision.dispute_withdrawal_recorded" for reason in decision.reasons)
    return is_noted or _is_by_law(case, decision)


def _defer(
    case: RefundCase, decision: Decision, until: datetime, now: datetime, commit: Commit
) -> tuple[RefundCase, Commit]:
    """Defer the decision: the provider may still report a payment that changes it."""
    case = replace(case, decision=decision, deferred_until=until)
    if case.state is not CaseState.REQUESTED:
        case = case.with_state(CaseState.REQUESTED, now, _cause(decision), BY_POLICY)
    deferred = QueuedCase(case_id=case.case_id, account_id=case.account_id, since=until)
    return case, with_documents(commit, DocumentChange(deferred_queue_key(case), deferred, None))


def _approve(case: RefundCase, decision: Decision, context: CaseContext, origin: Origin) -> tuple[RefundCase, Commit]:
    """Return the case with one approval more, and the commit of the approval, its reservation and its intent."""
    payment, purchase = context.payment, context.purchase
    if not 0 < decision.money_minor <= purchase.refundable_minor:
        most = format_amount(purchase.refundable_minor, payment.currency)
        asked = format_amount(decision.money_minor, payment.currency)
        raise RequestRefused(f"The refund must be above 0 and at most {most}, not {asked}.")
    if disputed(purchase.facts, payment.payment_id).is_frozen:
        raise RequestRefused("A dispute of this payment is open. A refund now would return the money twice.")
    if decision.items and sum(item.amount_minor for item in decision.items) != decision.money_minor:
        raise RequestRefused("The amounts of the lines must add up to the amount of the refund.")
    case = replace(case, approvals=case.approvals + 1)
    fact = RefundApproved(
        tag=case.tag,
        case_id=case.case_id,
        amount_minor=decision.money_minor,
        at=origin.at,
        cause=origin.cause,
        items=decision.items,
        takes_credits=decision.takes_credits,
        is_by_law=_is_by_law(case, decision),
    )
    intent = RefundIntent(
        tag=case.tag, account_id=case.account_id, payment_id=purchase.payment_id, approved_at=origin.at
    )
    commit = plan_booking.plan_internal_fact([purchase.with_facts(fact)], context.known, origin)
    used_credits = _used_credits(commit)
    # What a cent buys is rounding: a refund by law is rounded up.
    if (
        fact.is_by_law
        and used_credits
        and used_credits * purchase.value_left_minor >= sum(line.credits for line in payment.lines)
    ):
        is_repeated = has_used_and_withdrawn(context.account.flags, payment.order_id)
        fact = replace(fact, used_credits=used_credits, is_repeated=is_repeated)
        commit = plan_booking.plan_internal_fact([purchase.with_facts(fact)], context.known, origin)
    return case, with_documents(commit, DocumentChange(intent_key(case.tag), intent))


def _is_by_law(case: RefundCase, decision: Decision) -> bool:
    """Return whether the law demands a refund: the policy found so, or a person confirms what it left open."""
    is_found = decision.rule == WITHDRAWAL_RULE or case.was_decided_by(WITHDRAWAL_RULE)
    return is_found or case.reason is RefundReason.WITHDRAWAL


def _used_credits(commit: Commit) -> int:
    """Return the credits that an approval takes back although they were used."""
    lots = commit.account.lots.values() if commit.account else ()
    taken = [(lot, lot.refund_target + lot.dispute_target + lot.reserve_target) for lot in lots]
    return sum(max(0, target - (lot.granted - lot.drawn)) for lot, target in taken)


def _stop_of_renewals(
    case: RefundCase, decision: Decision, context: CaseContext, origin: Origin
) -> Iterator[DocumentChange]:
    """Yield the stop of renewals of a withdrawal that refunds nothing now. The sender of a refund stops them itself.

    A withdrawal ends the contract on the day on which it is declared, even if a person decides about the money.
    """
    is_withdrawal = case.reason is RefundReason.WITHDRAWAL and decision.ends_subscription
    is_refunded = decision.outcome is DecisionOutcome.APPROVE
    subscription_id = context.payment.subscription_id
    if subscription_id and is_withdrawal and not is_refunded:
        yield stop_of_renewals(context.payment.payment_id, subscription_id, case.account_id, origin)


def _is_looked_at_again(case: RefundCase, decision: Decision, context: CaseContext) -> bool:
    """Return whether a withdrawal has other payments to reach, or waits for the end of a dispute."""
    is_of_contract = case.contract_case_id is not None
    is_in_dispute = decision.rule == OPEN_DISPUTE_RULE and decision.outcome is DecisionOutcome.REVIEW
    is_watched = is_in_dispute and case.reason is RefundReason.WITHDRAWAL
    if is_of_contract:
        return is_watched
    return decision.ends_contract and (is_watched or _has_other_payments(context))


def _has_other_payments(context: CaseContext) -> bool:
    """Return whether the contract may have other payments: it is a subscription, or it was paid more than once."""
    return context.payment.subscription_id is not None or bool(context.other_payments)


def _record_decline(case: RefundCase, decision: Decision, context: CaseContext, origin: Origin) -> Commit:
    fact = RefundDeclined(
        case_id=case.case_id,
        reason=case.reason,
        clause=decision.clause,
        reasons=decision.reasons,
        at=origin.at,
        cause=origin.cause,
    )
    return plan_booking.plan_internal_fact([context.purchase.with_facts(fact)], context.known, origin)


def _grant_replacement(
    case: RefundCase, decision: Decision, context: CaseContext, origin: Origin, of_facts: Commit
) -> Commit:
    """Return the commit of replacement credits, with that of the purchase's new facts."""
    if decision.credits <= 0:
        raise RequestRefused("Replacement credits must be 1 or more.")
    lot_id = f"goodwill/{case.case_id}/{case.approvals}"
    goodwill = plan_booking.plan_goodwill(context.account, lot_id, decision.credits, origin)
    if of_facts.account is None or goodwill.account is None:
        return replace(goodwill, purchases=of_facts.purchases, fulfilment_keys=of_facts.fulfilment_keys)
    account = replace(of_facts.account, lots={**of_facts.account.lots, **goodwill.account.lots})
    return replace(of_facts, account=account, entries=(*of_facts.entries, *goodwill.entries))


def _cause(decision: Decision) -> Text:
    return text("change.decided", rule=decision.rule, clause=decision.clause)
