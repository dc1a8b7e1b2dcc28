"""The published refund and cancellation policy, as rules: pure, total and versioned.

`decide` evaluates the rules in the order of `RULES`, and the first one that applies decides. Each rule rests on a
clause of the published text. `docs/policy.md` leads from each sentence of that text to its rule and to the test that
covers it. The figures are in `parameters.json`, the sentences in `texts/`: a rule returns a sentence's key.

    already refunded, decided before ─► open dispute ─► charged twice ─► wrong amount ─► right of withdrawal
        ─► fraud warning ─► technical problem ─► mistaken renewal ─► unrecognised charge
        ─► amount above the price, for any reason ─► packs and subscriptions: not refundable

No earlier rule takes away a right that the law gives: neither a person's decline, nor an open dispute, nor another
reason that the customer gave.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from ledger.domain.money import Money
from ledger.domain.refund_cases import UNASKED_REASONS, Decision, DecisionOutcome, RefundReason, RuleTrace
from ledger.domain.texts import Text, text
from ledger.policy import withdrawal
from ledger.policy.context import LineUsage, PolicyContext, decision_inputs
from ledger.policy.law import MOST_FREE_DAYS, Measure
from ledger.policy.parameters import DEFAULT_FILE, PolicyParameters, load, parse

__all__ = [
    "DEFAULT_FILE",
    "RULES",
    "LineUsage",
    "PolicyContext",
    "PolicyParameters",
    "decide",
    "load",
    "parse",
]

REVIEWED_REASONS = frozenset({RefundReason.TECHNICAL_PROBLEM, RefundReason.UNRECOGNISED_CHARGE})
"""Reasons that clauses 5 and 6 promise to look into: a person reviews them before they are declined."""

RuleResult = Decision | Text
"""A decision if the rule applies, otherwise the reason why it does not."""


def decide(context: PolicyContext, policy: PolicyParameters) -> Decision:
    """Return the decision under the version that the contract was sold under, or under `policy` if that is kinder.

    `policy` is the current version. It decides alone if the purchase has no order, or its version is not known.
    """
    current = evaluate(context, policy)
    agreed = policy.sold_under(context.order.policy_version) if context.order else None
    if agreed is None or agreed is policy:
        return current
    decision = evaluate(context, agreed)
    return current if kindness(current) > kindness(decision) else decision


def kindness(decision: Decision) -> tuple[int, bool, bool, int]:
    """Sort decisions by this key: the one that gives the customer more comes later."""
    outcomes = (DecisionOutcome.DECLINE, DecisionOutcome.REVIEW, DecisionOutcome.WAIT, DecisionOutcome.APPROVE)
    is_open, is_recommended = decision.recommended is not DecisionOutcome.DECLINE, decision.recommended is not None
    return outcomes.index(decision.outcome), is_open, is_recommended, decision.money_minor


def evaluate(context: PolicyContext, policy: PolicyParameters) -> Decision:
    """Return the decision of the first rule that applies, with every rule's result as its explanation."""
    decision: Decision | None = None
    traces = []
    for rule in RULES:
        if decision:
            traces.append(_skipped(rule.__name__, text("why.not_evaluated", rule=decision.rule)))
            continue
        result = rule(context, policy)
        if isinstance(result, Text):
            traces.append(_skipped(rule.__name__, result))
        else:
            result = _with_withdrawal_notice(result, context, policy)
            result = replace(result, rule=rule.__name__, policy_version=policy.version, currency=context.currency)
            decision = _of_reseller(_with_end_of_contract(result, context, policy), context, policy)
            traces.append(RuleTrace(rule=rule.__name__, decided=True, why=decision.reasons))
    if decision is None:
        raise AssertionError("the last rule always applies")
    inputs = (
        *decision_inputs(context),
        *_measure_input(context, policy),
        text("input.law", version=policy.law.version),
    )
    return replace(decision, explanation=tuple(traces), inputs=inputs)


def _measure_input(context: PolicyContext, policy: PolicyParameters) -> tuple[Text, ...]:
    """Return how the use of a plan is measured, if a withdrawal depends on it."""
    is_withdrawal = context.reason in withdrawal.WITHDRAWAL_REASONS and context.is_subscription
    if not (is_withdrawal and context.is_consent_complete and context.drawn):
        return ()
    match withdrawal.measure(context, policy):
        case Measure.CREDITS:
            return (text("input.measure_credits"),)
        case Measure.TIME:
            return (text("input.measure_time"),)
    return (text("input.measure_person"),)


def already_refunded(context: PolicyContext, _: PolicyParameters) -> RuleResult:
    """Clause 1: the policy covers payments, and nothing of this payment is left to refund.

    What came from the buyer's balance can't go back to a card: a person decides about it.
    """
    if context.left_minor > 0:
        return text("why.refundable", refundable=_money(context.left_minor, context))
    if context.reason is RefundReason.TECHNICAL_PROBLEM and context.kept:
        return text("why.credits_left")
    if context.paid_minor <= 0:
        cancel = (text("decision.cancel_any_time"),) if context.is_subscription else ()
        return _decline("1", text("decision.nothing_paid"), *cancel)
    if context.is_partly_from_balance:
        paid_from_balance = text("decision.paid_from_balance")
        return text("why.paid_from_balance") if context.declined_before else _review("1", None, paid_from_balance)
    return _decline("1", text("decision.all_returned"))


def decided_before(context: PolicyContext, policy: PolicyParameters) -> RuleResult:
    """Clause 7: a repeated request gets the answer that a person gave before, unless the customer has a right to it."""
    if context.declined_before is None:
        return text("why.not_decided_before")
    if context.reason in UNASKED_REASONS:
        return text("why.asked_by_nobody")
    if _is_charged_twice(context) or (context.reason is RefundReason.WRONG_AMOUNT and context.excess_minor):
        return text("why.now_due")
    if _may_withdraw(context, policy) and (
        context.reason is RefundReason.WITHDRAWAL or withdrawal.exclusion(context, policy) is None
    ):
        return text("why.withdrawal_not_declinable")
    clause = context.declined_before.clause
    before = (text("decision.decided_before"), *context.declined_before.reasons)
    if context.reason is RefundReason.UNRECOGNISED_CHARGE or (
        context.reason is RefundReason.TECHNICAL_PROBLEM and context.failed_since_decline > 0
    ):
        return _review(clause, DecisionOutcome.DECLINE, *before, text("decision.new_information_in_review"))
    return _decline(clause, *before)


def open_dispute(context: PolicyContext, policy: PolicyParameters) -> RuleResult:
    """Clause 5: a refund during a dispute would pay twice. A right that could expire meanwhile is recorded."""
    if not context.is_disputed:
        return text("why.no_open_dispute")
    is_open = text("decision.dispute_open")
    if _may_withdraw(context, policy):
        review = _review("5", None, is_open, text("decision.dispute_withdrawal_recorded"))
        return replace(review, ends_subscription=context.is_subscription)
    if context.reason in REVIEWED_REASONS:
        return _review("5", DecisionOutcome.DECLINE, is_open, text("decision.dispute_problem_in_review"))
    return _decline("5", is_open, text("decision.dispute_ask_again"))


def _is_charged_twice(context: PolicyContext) -> bool:
    """Return whether money above one price is left, and this payment is the duplicate or was named as charged twice."""
    is_meant = context.is_duplicate or context.reason is RefundReason.CHARGED_TWICE
    return min(context.duplicate_minor, context.left_minor) > 0 and is_meant


def charged_twice(context: PolicyContext, policy: PolicyParameters) -> RuleResult:
    """Clause 4: one order, or one period of a subscription, was paid twice. The duplicate is refunded."""
    is_settling = context.age < policy.duplicate_settling
    if _is_charged_twice(context):
        if is_settling:
            return _wait()
        return replace(
            _approve("4", min(context.duplicate_minor, context.left_minor), text("decision.duplicate_refunded")),
            ends_subscription=context.doubles_subscription,
        )
    if context.reason is not RefundReason.CHARGED_TWICE:
        return text("why.not_charged_twice")
    if is_settling:
        return _wait()  # the provider may not have reported the other charge yet
    if context.similar:
        found = text("decision.similar_payments", payments=context.similar)
        if context.is_similar_disputed:  # the bank may return that one: then both would go back
            return _review("4", DecisionOutcome.DECLINE, found, text("decision.similar_disputed"))
        recommended = DecisionOutcome.APPROVE if context.unused_minor else DecisionOutcome.DECLINE
        return _review("4", recommended, found, money_minor=context.unused_minor)
    return _review("4", DecisionOutcome.DECLINE, text("decision.single_charge"))


def wrong_amount(context: PolicyContext, _: PolicyParameters) -> RuleResult:
    """Clause 4: the amount above the agreed price is refunded, and the credits stay.

    The order's price is before tax and discount, the payment after both. So a payment up to the price is correct. A
    payment above the price may contain tax, and a payment in another currency cannot be compared: a person decides.
    So does a person about a payment for anything else than its order offers: another plan, or a part of a period.
    """
    if context.reason is not RefundReason.WRONG_AMOUNT:
        return text("why.no_wrong_amount")
    if context.excess_minor:
        return _refund_overcharge(context)
    if context.overcharge_minor > 0:
        return _decline("4", text("decision.overcharge_returned"))
    paid, order = _money(context.paid_minor, context), context.ordered_product
    if order is None:
        return _review("4", None, text("decision.amount_without_order", paid=paid))
    price = Money(amount_minor=order.price_minor, currency=order.currency)
    compared = text("decision.amount_compared", paid=paid, price=price)
    if price.currency == paid.currency and paid.amount_minor <= price.amount_minor:
        return _decline("4", compared, text("decision.amount_not_above"))
    return _review("4", None, compared, text("decision.amount_in_review"))


def right_of_withdrawal(context: PolicyContext, policy: PolicyParameters) -> RuleResult:
    """Clause 2, "where required by local law": consumers of the law's list, once for each contract.

    A clear case is refunded at once (`ledger.policy.withdrawal` computes the amount); a person decides the others.
    """
    if context.reason not in withdrawal.WITHDRAWAL_REASONS:
        return text("why.no_withdrawal", reason=context.reason)
    if excluded := withdrawal.exclusion(context, policy):
        unclear = withdrawal.review_reason(context, policy)
        return _review_withdrawal(context, policy, unclear) if unclear else excluded
    in_time = text("decision.withdrawal_in_time")
    if context.was_confirmation_returned:
        return _review_returned_confirmation(context, in_time)
    if withdrawal.is_measured_by_person(context, policy):
        return _review_measure(context, in_time)
    money_minor, items = withdrawal.refund_due(context, policy)
    if context.is_partly_from_balance and withdrawal.value_due(context, policy) > money_minor:
        from_balance = text("decision.withdrawal_balance_in_review")
        return _review("2", DecisionOutcome.APPROVE, in_time, from_balance, money_minor=money_minor)
    if money_minor == context.left_minor:
        refund = (
            text("decision.withdrawal_refund_paid")
            if money_minor == context.paid_minor
            else text("decision.withdrawal_refund_remaining")
        )
        return _approve("2", money_minor, in_time, refund)
    is_by_time = withdrawal.measure(context, policy) is Measure.TIME
    if money_minor == 0:
        ends = (text("decision.withdrawal_ends_subscription"),) if context.is_subscription else ()
        nothing = text("decision.withdrawal_all_over") if is_by_time else text("decision.withdrawal_all_used")
        decline = _decline("2", in_time, nothing, *ends)
        return replace(decline, ends_subscription=context.is_subscription)
    part_used = text("decision.withdrawal_part_used", used=context.drawn)
    if is_by_time:
        part_used = text("decision.withdrawal_part_over")
    if items is None:
        split = text("decision.withdrawal_split_in_review")
        review = _review("2", DecisionOutcome.APPROVE, in_time, part_used, split, money_minor=money_minor)
        return replace(review, ends_subscription=context.is_subscription)
    return replace(_approve("2", money_minor, in_time, part_used), items=items)


def _review_measure(context: PolicyContext, in_time: Text) -> Decision:
    """Leave to a person what was provided of a plan: credits are recommended as its measure, if any are left."""
    money_minor = context.less_used_minor
    recommended = DecisionOutcome.APPROVE if money_minor else None
    in_review = text("decision.withdrawal_measure_in_review")
    review = _review("2", recommended, in_time, in_review, money_minor=money_minor)
    return replace(review, ends_subscription=context.is_subscription)


def _review_returned_confirmation(context: PolicyContext, in_time: Text) -> Decision:
    """Leave to a person what was used under a confirmation that came back: whether the buyer had it is not certain."""
    money_minor = context.less_used_minor
    recommended = DecisionOutcome.APPROVE if money_minor else DecisionOutcome.DECLINE
    returned = text("decision.withdrawal_confirmation_in_review")
    review = _review("2", recommended, in_time, returned, money_minor=money_minor)
    return replace(review, ends_subscription=context.is_subscription)


def _review_withdrawal(context: PolicyContext, policy: PolicyParameters, unclear: Text) -> Decision:
    """Leave a withdrawal whose right is not certain to a person, with what to refund if there is a recommendation."""
    money_minor = withdrawal.recommended_minor(context, policy)
    if money_minor is None:
        return _review("2", None, unclear)
    recommended = DecisionOutcome.APPROVE if money_minor else DecisionOutcome.DECLINE
    review = _review("2", recommended, unclear, money_minor=money_minor)
    return replace(review, ends_subscription=context.is_subscription)


def fraud_warning(context: PolicyContext, policy: PolicyParameters) -> RuleResult:
    """Clause 5: of a small payment that the card network warns of, the money goes back before it is disputed.

    Nobody asked for it. Above the limit, or without one, a person decides.
    """
    if context.reason is not RefundReason.FRAUD_WARNING:
        return text("why.no_fraud_warning")
    limit_minor = policy.fraud_warning_refund_up_to_minor.get(context.currency, 0)
    if context.left_minor <= limit_minor:
        refunded = _approve("5", context.left_minor, text("decision.fraud_warning_refunded"))
        return replace(refunded, ends_subscription=context.is_subscription)
    return _review("5", None, text("decision.fraud_warning_in_review"))


def inquiry(context: PolicyContext, _: PolicyParameters) -> RuleResult:
    """Clause 5: what a bank asks about a payment, a person answers, or refunds the payment before it is disputed.

    Once the bank has closed its inquiry without a dispute, there is nothing to answer.
    """
    if context.reason is not RefundReason.INQUIRY:
        return text("why.no_inquiry")
    if not context.is_inquired:
        return _decline("5", text("decision.inquiry_closed"))
    return _review("5", None, text("decision.inquiry_in_review"))


def technical_problem(context: PolicyContext, policy: PolicyParameters) -> RuleResult:
    """Clauses 2 and 6: failed runs cost nothing. A person decides how to compensate for a persistent problem."""
    if context.reason is not RefundReason.TECHNICAL_PROBLEM:
        return text("why.no_technical_problem")
    failed = text("decision.no_failed_runs")
    if context.failed_runs > 0:
        failed = text("decision.failed_runs", runs=context.failed_runs, credits=context.failed_credits)
    if context.failed_runs < policy.persistent_failed_runs:
        return _review("6", DecisionOutcome.DECLINE, failed, text("decision.minor_outage"))
    replaced = _replaced(context)
    if context.replaced_credits > 0:  # what was replaced for all customers counts when it is asked for again
        replaced = (text("decision.runs_replaced", credits=context.replaced_credits), *replaced)
    left = max(0, context.failed_credits - context.replaced_credits - context.given_credits)
    if left:
        recommended = DecisionOutcome.REPLACE
    elif context.unused_minor and not replaced:
        recommended = DecisionOutcome.APPROVE
    else:
        recommended = DecisionOutcome.DECLINE
    return _review(
        "6",
        recommended,
        failed,
        *replaced,
        text("decision.persistent_problem"),
        money_minor=context.unused_after_replacement_minor,
        credits_=left,
    )


def _replaced(context: PolicyContext) -> tuple[Text, ...]:
    """Return the reason that credits were given for this payment before. They count when its money is asked back."""
    given = context.given_credits
    return (text("decision.credits_replaced", replaced=given),) if given > 0 else ()


def mistaken_renewal(context: PolicyContext, policy: PolicyParameters) -> RuleResult:
    """Clause 3: a renewal by mistake may be refunded if none of its credits were used."""
    if context.reason is not RefundReason.MISTAKEN_RENEWAL:
        return text("why.no_mistaken_renewal")
    if not context.is_renewal:
        return text("why.not_a_renewal")
    if context.drawn:
        return _decline("3", text("decision.renewal_used", used=context.drawn), text("decision.renewal_cancel"))
    if context.requested_at - context.paid_at > timedelta(days=policy.mistaken_renewal_days):
        return _review("3", DecisionOutcome.DECLINE, text("decision.renewal_late"))
    limit_minor = policy.automatic_renewal_refund_up_to_minor.get(context.currency, 0)
    replaced = _replaced(context)
    if context.left_minor <= limit_minor and not replaced:
        approval = _approve("3", context.left_minor, text("decision.renewal_refunded"))
        return replace(approval, ends_subscription=True)
    in_review = text("decision.renewal_in_review")
    money_minor = context.unused_after_replacement_minor
    recommended = DecisionOutcome.APPROVE if money_minor else DecisionOutcome.DECLINE
    review = _review("3", recommended, *replaced, in_review, money_minor=money_minor)
    return replace(review, ends_subscription=True)


def unrecognised_charge(context: PolicyContext, _: PolicyParameters) -> RuleResult:
    """Clause 5: customers contact us first, and a person checks activity and invoices."""
    if context.reason is not RefundReason.UNRECOGNISED_CHARGE:
        return text("why.charge_recognised")
    paid, paid_on = _money(context.paid_minor, context), context.paid_at.date()
    if context.is_renewal:
        charge = text("decision.charge_renewal", paid=paid, paid_on=paid_on)
    elif context.is_subscription:
        charge = text("decision.charge_subscription", paid=paid, paid_on=paid_on)
    else:
        charge = text("decision.charge_pack", paid=paid, paid_on=paid_on)
    reasons = [charge]
    if order := context.ordered_product:
        product, ordered_on = order.product_id, order.made_at.date()
        reasons.append(text("decision.charge_order", product=product, ordered_on=ordered_on))
    granted = sum(line.granted for line in context.lines)
    reasons.append(text("decision.charge_usage", used=context.drawn, granted=granted))
    return _review("5", None, *reasons, text("decision.charge_in_review"))


def amount_above_the_price(context: PolicyContext, _: PolicyParameters) -> RuleResult:
    """Clause 4, for any reason: an amount above the price is not ours."""
    return _refund_overcharge(context) if context.excess_minor else text("why.nothing_above_price")


def not_refundable(context: PolicyContext, policy: PolicyParameters) -> RuleResult:
    """Clauses 2 and 3: packs and processed subscription payments are not refundable by default."""
    reasons = []
    if excluded := withdrawal.exclusion(context, policy):
        reasons.append(excluded)
    if context.reason is RefundReason.MISTAKEN_RENEWAL:
        reasons.append(text("decision.not_a_renewal"))
    if context.is_subscription:
        reasons += [text("decision.subscription_not_refundable"), text("decision.subscription_cancel")]
        if context.is_renewal and context.drawn == 0:
            reasons.append(text("decision.subscription_mistaken_renewal"))
    else:
        reasons += [
            text("decision.pack_not_refundable"),
            text("decision.pack_expiry"),
            text("decision.pack_technical_problem"),
        ]
    return _decline("3" if context.is_subscription else "2", *reasons, text("decision.rights_unaffected"))


Rule = Callable[[PolicyContext, PolicyParameters], RuleResult]
RULES: tuple[Rule, ...] = (
    already_refunded,
    decided_before,
    open_dispute,
    charged_twice,
    wrong_amount,
    right_of_withdrawal,
    fraud_warning,
    inquiry,
    technical_problem,
    mistaken_renewal,
    unrecognised_charge,
    amount_above_the_price,
    not_refundable,
)


def _with_withdrawal_notice(decision: Decision, context: PolicyContext, policy: PolicyParameters) -> Decision:
    """Add a notice for customers who may withdraw but gave another reason: a decline must not cost them the right."""
    is_refused = decision.outcome in {DecisionOutcome.DECLINE, DecisionOutcome.REVIEW}
    if not is_refused or withdrawal.ends_contract(context, policy):
        return decision
    if withdrawal.exclusion(replace(context, reason=RefundReason.WITHDRAWAL), policy):
        return decision
    if withdrawal.refund_due(context, policy)[0] == 0:
        return decision
    notice = text("decision.withdrawal_available", last_day=withdrawal.last_day(context, policy))
    return replace(decision, reasons=(*decision.reasons, notice))


def _with_end_of_contract(decision: Decision, context: PolicyContext, policy: PolicyParameters) -> Decision:
    """End the contract that is withdrawn from, whichever rule decides about the money of this payment."""
    if decision.outcome is DecisionOutcome.WAIT or not withdrawal.ends_contract(context, policy):
        return decision
    is_refunded = decision.rule == right_of_withdrawal.__name__ and decision.outcome is DecisionOutcome.APPROVE
    if context.reason is RefundReason.WITHDRAWAL or is_refunded:
        return replace(decision, ends_contract=True, ends_subscription=context.is_subscription)
    return decision


def _of_reseller(decision: Decision, context: PolicyContext, policy: PolicyParameters) -> Decision:
    """Name the seller in the answer to a withdrawal, if we are not the seller, and turn none away in its days.

    A person passes on what the rules would decline: the reseller may give more, and may take as long as the law does.
    """
    reseller = policy.law.resellers.get(context.provider or "")
    if reseller is None or context.reason is not RefundReason.WITHDRAWAL or decision.outcome is DecisionOutcome.WAIT:
        return decision
    seller = text("decision.withdrawal_reseller", seller=reseller.name, address=reseller.address)
    end = policy.law.period_end(context.paid_at, reseller.days, None) + MOST_FREE_DAYS
    is_passed_on = context.left_minor > 0 and decision.outcome is DecisionOutcome.DECLINE
    if not is_passed_on or context.requested_at >= end:
        return replace(decision, reasons=(*decision.reasons, seller))
    reasons = tuple(reason for reason in decision.reasons if reason.key != "decision.based_on_clause")
    passed_on = text("decision.withdrawal_passed_on", seller=reseller.name)
    return replace(decision, outcome=DecisionOutcome.REVIEW, reasons=(*reasons, seller, passed_on))


def _may_withdraw(context: PolicyContext, policy: PolicyParameters) -> bool:
    """Return whether this is a withdrawal, and the customer has the right or only a person can tell."""
    if context.reason not in withdrawal.WITHDRAWAL_REASONS:
        return False
    return withdrawal.exclusion(context, policy) is None or withdrawal.review_reason(context, policy) is not None


def _refund_overcharge(context: PolicyContext) -> Decision:
    """Refund the amount above the price. The ledger counts it before any other refund, and takes no credits for it."""
    excess = _money(context.excess_minor, context)
    return _approve("4", excess.amount_minor, text("decision.overcharge_refunded", excess=excess))


def _skipped(rule: str, why: Text) -> RuleTrace:
    return RuleTrace(rule=rule, decided=False, why=(why,))


def _wait() -> Decision:
    return _decision(DecisionOutcome.WAIT, "4", text("decision.duplicate_pending"))


def _approve(clause: str, money_minor: int, *reasons: Text) -> Decision:
    return replace(_decision(DecisionOutcome.APPROVE, clause, *reasons), money_minor=money_minor)


def _decline(clause: str, *reasons: Text) -> Decision:
    """Name the clause at the end, once: the reasons of an earlier decline may contain it."""
    based_on = text("decision.based_on_clause", clause=clause)
    return _decision(DecisionOutcome.DECLINE, clause, *(reason for reason in reasons if reason != based_on), based_on)


def _review(
    clause: str, recommended: DecisionOutcome | None, *reasons: Text, money_minor: int = 0, credits_: int = 0
) -> Decision:
    decision = _decision(DecisionOutcome.REVIEW, clause, *reasons)
    return replace(decision, recommended=recommended, money_minor=money_minor, credits=credits_)


def _decision(outcome: DecisionOutcome, clause: str, *reasons: Text) -> Decision:
    """Return a decision without its rule and policy version, which `decide` fills in."""
    return Decision(outcome=outcome, clause=clause, reasons=reasons, rule="", policy_version="")


def _money(amount_minor: int, context: PolicyContext) -> Money:
    return Money(amount_minor=amount_minor, currency=context.currency)
