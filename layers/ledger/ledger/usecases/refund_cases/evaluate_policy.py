"""Evaluate the policy for a refund case, with what is known about its purchase now."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import islice

from ledger.domain.disputes import INQUIRY, disputed
from ledger.domain.facts import CreditsReplaced, Fact, PaymentSettled, RefundDeclined, facts_of
from ledger.domain.ids import provider_of
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase, duplicate_minor, is_covered_by
from ledger.domain.refund_cases import PAUSED, STEPS_WITHIN, Decision, DecisionOutcome, RefundCase, RefundReason
from ledger.domain.refunds import returned_minor
from ledger.domain.runs import FailedRun
from ledger.domain.texts import Text, text
from ledger.policy.context import LineUsage, PolicyContext
from ledger.policy.parameters import PolicyParameters
from ledger.policy.rules import decide
from ledger.policy.withdrawal import WITHDRAWAL_REASONS
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.refund_cases.context import CaseContext
from ledger.usecases.refund_cases.contract import payments_of_contract

MOST_FAILED_RUNS = 1000
"""How many failed runs a decision counts at most."""
MOST_SIMILAR_PAYMENTS = 50
"""How many of the account's latest payments are compared with the case's payment."""


def evaluate_policy(
    case: RefundCase, context: CaseContext, store: Store, policy: PolicyParameters, now: datetime
) -> Decision:
    """Return the policy's decision. If the evidence does not match the ledger, an approval becomes a review.

    While decisions are paused, every decision is deferred: what is decided from a ledger that lacks the latest events
    could refund the same money twice.
    """
    inputs = policy_context(case.reason, context, store, policy, now, submitted_at=requested_at(case))
    decision = decide_unless_paused(inputs, policy)
    is_approval = decision.outcome is DecisionOutcome.APPROVE
    if case.mismatches and is_approval and case.reason is not RefundReason.WITHDRAWAL:
        return replace(decision, outcome=DecisionOutcome.REVIEW, recommended=DecisionOutcome.APPROVE)
    return decision


def decide_unless_paused(inputs: PolicyContext, policy: PolicyParameters) -> Decision:
    """Return what the policy decides now about a request that was received. It waits while decisions are paused."""
    return _paused(text("decision.paused"), inputs, policy) if policy.is_paused else decide(inputs, policy)


def preview_decision(inputs: PolicyContext, policy: PolicyParameters) -> Decision:
    """Return what the policy would decide now about a request that nobody has made yet."""
    return _paused(text("decision.would_wait"), inputs, policy) if policy.is_paused else decide(inputs, policy)


def _paused(reason: Text, inputs: PolicyContext, policy: PolicyParameters) -> Decision:
    return Decision(
        outcome=DecisionOutcome.WAIT,
        clause=decide(inputs, policy).clause,
        rule=PAUSED,
        reasons=(reason,),
        policy_version=policy.version,
    )


def requested_at(case: RefundCase) -> datetime | None:
    """Return the time that counts for time limits: when it was sent. None: a withdrawal that is not confirmed yet.

    Of a withdrawal that is the first step, if the second one follows within a day: a first step that stays open would
    keep the right for ever, and the credits could be used meanwhile. Else it is the second one.
    """
    sent_at = case.asked_at or case.opened_at
    if case.reason is not RefundReason.WITHDRAWAL:
        return sent_at
    is_at_once = case.confirmed_at is not None and case.confirmed_at - sent_at <= STEPS_WITHIN
    return sent_at if is_at_once else case.confirmed_at


def policy_context(
    reason: RefundReason,
    context: CaseContext,
    store: Store,
    policy: PolicyParameters,
    now: datetime,
    *,
    submitted_at: datetime | None = None,
    contract: Sequence[Purchase] | None = None,
) -> PolicyContext:
    """Return what the policy knows about a purchase now.

    A technical problem costs one more read (failed runs), and so do a double charge (similar payments) and the
    withdrawal from a renewal (the payments of its contract). `contract`: those, if they were read before.
    `submitted_at` is when the customer submitted the request; None: now.
    """
    payment, purchase = context.payment, context.purchase
    failed_runs = _failed_runs(context, store) if reason is RefundReason.TECHNICAL_PROBLEM else []
    declined = purchase.facts.get(f"declined:{reason}")
    others = context.other_payments
    conduct = disputed(purchase.facts, payment.payment_id)
    above_one_price_minor = duplicate_minor(purchase, others) if others else 0
    seeks_duplicate = reason is RefundReason.CHARGED_TWICE and not above_one_price_minor
    if contract is None:
        is_later = payment.is_renewal and reason in WITHDRAWAL_REASONS
        contract = payments_of_contract(context, store) if is_later else ()
    earlier = [one.payment for one in contract if one.payment and one.payment.precedence < payment.precedence]
    similar = list(_similar_payments(context, store, policy)) if seeks_duplicate else []
    return PolicyContext(
        reason=reason,
        now=now,
        paid_at=payment.at,
        paid_minor=payment.paid_minor,
        currency=payment.currency,
        refundable_minor=purchase.refundable_minor,
        value_left_minor=purchase.value_left_minor,
        refunded_minor=returned_minor(purchase.facts),
        overcharge_minor=payment.overcharge_minor,
        overcharge_left_minor=purchase.overcharge_left_minor,
        lines=tuple(_line_usage(context)),
        is_subscription=payment.subscription_id is not None,
        is_renewal=payment.is_renewal and not payment.is_plan_change,
        is_plan_change=payment.is_plan_change,
        is_of_known_contract=payment.is_renewal and _is_begun_by(context.order, earlier),
        follows_trial=bool(earlier) and payment.is_renewal and all(one.is_trial for one in earlier),
        lasts_for=_length(payment),
        has_unordered_sale=payment.is_renewal and any(line.period_ends_at is None for line in payment.lines),
        is_duplicate=purchase.is_duplicate,
        duplicate_minor=above_one_price_minor,
        doubles_subscription=purchase.is_duplicate and _doubles_subscription(context, store),
        is_disputed=conduct.is_frozen,
        is_inquired=any(flag.startswith(INQUIRY) for flag in conduct.flags),
        order=context.order,
        billing_country=payment.billing_country,
        has_company_data=payment.has_company_data,
        has_other_tax_id=payment.has_other_tax_id,
        provider=provider_of(payment.payment_id),
        is_for_ordered_product=context.is_for_ordered_product,
        similar=tuple(one.payment_id for one in similar),
        is_similar_disputed=any(disputed(one.facts, one.payment_id).is_frozen for one in similar),
        failed_runs=len(failed_runs),
        failed_credits=sum(run.credits for run in failed_runs),
        replaced_runs=sum(1 for run in failed_runs if run.replaced_by),
        replaced_credits=sum(run.credits for run in failed_runs if run.replaced_by),
        given_credits=sum(one.credits for one in facts_of(purchase.facts, CreditsReplaced)),
        failed_since_decline=sum(run.at > declined.at for run in failed_runs) if declined else 0,
        declined_before=_earlier_decline(declined, policy),
        submitted_at=submitted_at,
    )


def _is_begun_by(order: Order | None, payments: Sequence[PaymentSettled]) -> bool:
    """Return whether this order began the contract: a later payment carries an order's id that nothing has proven."""
    return order is not None and any(one.fulfilment_key == f"order/{order.order_id}" for one in payments)


def _length(payment: PaymentSettled) -> timedelta:
    """Return how long the period is that a payment is for, counted from the payment."""
    ends_at = payment.period_ends_at
    return max(timedelta(0), ends_at - payment.at) if ends_at else timedelta(0)


def _line_usage(context: CaseContext) -> Iterator[LineUsage]:
    """Yield the use of each line's credits. A duplicate has none while the other payments leave one whole price."""
    payment, purchase = context.payment, context.purchase
    has_credits = not (purchase.is_duplicate and is_covered_by(purchase, context.other_payments))
    for position, line in enumerate(payment.lines):
        lot = context.known.lot(payment.account_id, payment.lot_id(position)) if has_credits else None
        yield LineUsage(
            line_id=line.line_id,
            amount_minor=line.amount_minor,
            granted=lot.granted if lot else 0,
            drawn=lot.drawn if lot else 0,
            taken_back=min(lot.granted, lot.refund_target + lot.dispute_target + lot.reserve_target) if lot else 0,
        )


def _failed_runs(context: CaseContext, store: Store) -> list[FailedRun]:
    """Return the runs that failed since the payment, at most MOST_FAILED_RUNS."""
    return list(islice(store.failed_runs(context.payment.account_id, context.payment.at), MOST_FAILED_RUNS))


def _similar_payments(context: CaseContext, store: Store, policy: PolicyParameters) -> Iterator[Purchase]:
    """Yield other payments for the same products and amount, close in time, through either provider."""
    payment = context.payment
    products = sorted(line.product_id for line in payment.lines)
    for purchase in store.purchases_of(payment.account_id, MOST_SIMILAR_PAYMENTS).items:
        other = purchase.payment
        if other is None or other.payment_id == payment.payment_id or purchase.refundable_minor == 0:
            continue
        if (
            (other.paid_minor, other.currency) == (payment.paid_minor, payment.currency)
            and abs(other.at - payment.at) <= policy.similar_within
            and sorted(line.product_id for line in other.lines) == products
        ):
            yield purchase


def _doubles_subscription(context: CaseContext, store: Store) -> bool:
    """Return whether a duplicate started a subscription of its own, which its refund does not end."""
    payment = context.payment
    fulfilment_key = context.known.fulfilment_keys.get(payment.fulfilment_key or "")
    if payment.subscription_id is None or fulfilment_key is None or fulfilment_key.payment_id is None:
        return False
    original = store.read(Keys(payments=frozenset({fulfilment_key.payment_id}))).home_of(fulfilment_key.payment_id)
    return bool(original and original.payment and original.payment.subscription_id != payment.subscription_id)


def _earlier_decline(declined: Fact | None, policy: PolicyParameters) -> Decision | None:
    if not isinstance(declined, RefundDeclined):
        return None
    return Decision(
        outcome=DecisionOutcome.DECLINE,
        clause=declined.clause,
        rule="person",
        reasons=declined.reasons,
        policy_version=policy.version,
    )
