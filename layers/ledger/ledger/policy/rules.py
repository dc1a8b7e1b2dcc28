"""The published refund and cancellation policy, as rules. Pure, total, versioned.

Rules are asked in the order of `RULES`; the first that speaks decides. Each rests on a clause of the published text;
`docs/policy.md` leads from its every sentence to a rule and the test that holds it. Figures stand in `parameters.json`.

    nothing left, decided before ─► open dispute ─► charged twice ─► wrong amount ─► right of withdrawal
        ─► technical problem ─► mistaken renewal ─► unrecognised charge ─► an amount above the price, whatever was asked
        ─► packs, subscriptions: not refundable

A right that the law gives is never lost to an earlier rule: not to a decline by a person, not to a dispute that is
still open, and not to the customer's having named another reason.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from ledger.domain.money import format_amount
from ledger.domain.refund_cases import Decision, DecisionOutcome, RefundReason, RuleTrace
from ledger.policy import withdrawal
from ledger.policy.context import LineUsage, PolicyContext, summarize
from ledger.policy.parameters import DEFAULT_FILE, PolicyParameters, load, parse
from ledger.policy.withdrawal import format_day

__all__ = [
    "DEFAULT_FILE",
    "RULES",
    "LineUsage",
    "PolicyContext",
    "PolicyParameters",
    "decide",
    "explain",
    "load",
    "parse",
]

FOR_A_PERSON = frozenset({RefundReason.TECHNICAL_PROBLEM, RefundReason.UNRECOGNISED_CHARGE})
"""What clauses 5 and 6 promise to look into: never declined before a person has."""
_CANCEL = "You can cancel the subscription at any time from your account."
_RIGHTS_STAY = "Mandatory consumer rights of your country stay as they are."

RuleResult = Decision | str
"""What a rule says: a decision, or why it is silent."""


def decide(context: PolicyContext, policy: PolicyParameters) -> Decision:
    """The decision of the first rule that speaks, with every rule's answer as its explanation."""
    decision: Decision | None = None
    considered = []
    for rule in RULES:
        if decision:
            considered.append(RuleTrace(rule=rule.__name__, spoke=False, why=f"not asked: {decision.rule} had spoken"))
            continue
        said = rule(context, policy)
        if isinstance(said, str):
            considered.append(RuleTrace(rule=rule.__name__, spoke=False, why=said))
        else:
            said = _with_withdrawal_notice(said, context, policy)
            decision = replace(said, rule=rule.__name__, policy_version=policy.version, currency=context.currency)
            considered.append(RuleTrace(rule=rule.__name__, spoke=True, why=" ".join(said.reasons)))
    if decision is None:
        raise AssertionError("the last rule speaks always")
    return replace(decision, explanation=tuple(considered), seen=summarize(context))


def explain(decision: Decision) -> str:
    """For people: what was decided, the facts it rests on, and why each rule did or did not speak, one a line."""
    what = str(decision.outcome)
    if decision.recommended:
        what += f", recommended: {decision.recommended}"
    if decision.money_minor:
        what += f", {format_amount(decision.money_minor, decision.currency)}"
    if decision.credits:
        what += f", {decision.credits} credits"
    lines = [f"{what} ({decision.rule}, clause {decision.clause}, policy {decision.policy_version})"]
    lines += [f"  · {fact}" for fact in decision.seen]
    lines += [f"  {'→' if rule.spoke else ' '} {rule.rule}: {rule.why}" for rule in decision.explanation]
    return "\n".join(lines)


def already_refunded(s: PolicyContext, _: PolicyParameters) -> RuleResult:
    """Clause 1: the policy is about payments; of this one nothing is left to give back."""
    if s.left_minor > 0:
        return f"{_money(s.left_minor, s)} of it could still be refunded"
    if s.reason is RefundReason.TECHNICAL_PROBLEM and s.kept:
        return "no money could go back, but it left credits that a technical problem may concern"
    if s.paid_minor <= 0:
        cancel = (_CANCEL,) if s.is_subscription else ()
        return _decline("1", "Nothing was paid for this purchase, so there is nothing to refund.", *cancel)
    return _decline(
        "1",
        "All of this payment has gone back already, by a refund or through your bank, or is on its way to you.",
    )


def decided_before(s: PolicyContext, p: PolicyParameters) -> RuleResult:
    """Clause 7: a repeated request gets the answer that a person gave before. What is due by right is not barred."""
    if s.declined_before is None:
        return "nobody has decided about this before"
    if s.is_duplicate or (s.reason is RefundReason.WRONG_AMOUNT and s.excess_minor):
        return "a person declined it before, but the ledger shows now that it is due"
    if _may_withdraw(s, p) and (s.reason is RefundReason.WITHDRAWAL or withdrawal.exclusion(s, p) is None):
        return "a person declined it before, but a right of withdrawal can't be declined"
    before = ("We have decided about this request before.", *s.declined_before.reasons)
    if s.reason is RefundReason.UNRECOGNISED_CHARGE or (
        s.reason is RefundReason.TECHNICAL_PROBLEM and s.failed_since_decline > 0
    ):
        return _review(s.declined_before.clause, DecisionOutcome.DECLINE, *before, "We look at what is new.")
    return _decline(s.declined_before.clause, *before)


def open_dispute(s: PolicyContext, p: PolicyParameters) -> RuleResult:
    """Clause 5: while the bank decides, a refund would pay twice. A right that could run out meanwhile is noted."""
    if not s.is_disputed:
        return "no dispute is open"
    words = "A dispute of this charge is open at your bank. While it is, we can't refund it as well."
    if _may_withdraw(s, p):
        noted = "We have noted when you declared your withdrawal. A person takes it up once the bank has decided."
        return replace(_review("5", None, words, noted), ends_subscription=s.is_subscription)
    if s.reason in FOR_A_PERSON:
        return _review("5", DecisionOutcome.DECLINE, words, "A person looks into what you describe all the same.")
    return _decline("5", words, "Once the bank has decided, or you have withdrawn the dispute there, ask us again.")


def charged_twice(s: PolicyContext, p: PolicyParameters) -> RuleResult:
    """Clause 4: the same order paid twice, or one period of a subscription: the duplicate is refunded."""
    is_settling = s.age < p.duplicate_settling
    if s.is_duplicate and s.left_minor:
        if is_settling:
            return _wait()
        return replace(
            _approve("4", s.left_minor, "This was charged twice. We refund the duplicate charge; no credits are lost."),
            takes_credits=False,
            ends_subscription=s.doubles_subscription,
        )
    if s.reason is not RefundReason.CHARGED_TWICE:
        return "it is not a second charge for an order or a period"
    if is_settling:
        return _wait()  # the other charge may not have been heard of yet
    if s.similar:
        return _review(
            "4",
            DecisionOutcome.APPROVE if s.unused_minor else DecisionOutcome.DECLINE,
            f"There is a payment like this one close to it: {', '.join(s.similar)}. We look whether both were meant.",
            money_minor=s.unused_minor,
        )
    return _review(
        "4", DecisionOutcome.DECLINE, "We find one charge only. We look for the second one that you describe."
    )


def wrong_amount(s: PolicyContext, _: PolicyParameters) -> RuleResult:
    """Clause 4: an amount above the agreed price: the difference is refunded, the credits stay.

    The order's price is before tax and discount, the payment after both. So an amount up to the price settles it; one
    above may be tax, and a person looks. So it is where they are of different currencies.
    """
    if s.reason is not RefundReason.WRONG_AMOUNT:
        return "no wrong amount was reported"
    if s.excess_minor:
        return _refund_overcharge(s)
    if s.overcharge_minor > 0:
        return _decline("4", "The amount above the price has gone back to you already, or is on its way.")
    if s.order is None:
        return _review("4", None, f"You paid {_money(s.paid_minor, s)}. We compare it with what was agreed.")
    price = format_amount(s.order.price_minor, s.order.currency)
    compared = f"You paid {_money(s.paid_minor, s)}; the price that you accepted was {price} before tax."
    if s.order.currency == s.currency and s.paid_minor <= s.order.price_minor:
        return _decline("4", compared, "So nothing above it was charged.")
    return _review("4", None, compared, "We look where the difference comes from.")


def right_of_withdrawal(s: PolicyContext, p: PolicyParameters) -> RuleResult:
    """Clause 2, "where required by local law": consumers in the EU, the EEA and the UK, once for each contract.

    What is clear is refunded at once (`ledger.policy.withdrawal` says how much); what is not is answered by a person.
    """
    if s.reason not in withdrawal.WITHDRAWAL_REASONS:
        return f"the reason is {s.reason}"
    if bar := withdrawal.exclusion(s, p):
        unclear = withdrawal.review_reason(s, p)
        return _review("2", None, unclear) if unclear else bar
    in_time = "You withdraw from the contract within the time that the law gives you."
    money_minor, items = withdrawal.refund_due(s)
    if money_minor == s.left_minor:
        words = f"{in_time} We refund {'what you paid' if money_minor == s.paid_minor else 'all that is left of it'}."
        return replace(_approve("2", money_minor, words), ends_subscription=s.is_subscription)
    if money_minor == 0:
        cancel = (_CANCEL,) if s.is_subscription else ()
        used = "But its credits were used, as you had asked us to begin at once, and you knew that this ends the right."
        return _decline("2", in_time, used, "Nothing is left to refund.", *cancel)
    words = f"{in_time} {s.drawn} credits were used, as you had asked us to begin at once; we refund the unused part."
    if items is None:
        review = _review(
            "2", DecisionOutcome.APPROVE, words, "We look which part belongs to what.", money_minor=money_minor
        )
        return replace(review, ends_subscription=s.is_subscription)
    return replace(_approve("2", money_minor, words), items=items, ends_subscription=s.is_subscription)


def technical_problem(s: PolicyContext, p: PolicyParameters) -> RuleResult:
    """Clauses 2 and 6: failed runs cost nothing; persistent failure is made good, by a person."""
    if s.reason is not RefundReason.TECHNICAL_PROBLEM:
        return "no technical problem was reported"
    failed = "Since your purchase no run failed by our records."
    if s.failed_runs > 0:
        runs = "1 run" if s.failed_runs == 1 else f"{s.failed_runs} runs"
        failed = f"Since your purchase {runs} failed; the {s.failed_credits} credits that they cost are back."
    if s.failed_runs < p.persistent_failed_runs:
        minor = "Short maintenance and minor outages do not normally qualify for a refund. We review your case."
        return _review("6", DecisionOutcome.DECLINE, failed, minor)
    recommended = (
        DecisionOutcome.REPLACE
        if s.failed_credits > 0
        else DecisionOutcome.APPROVE
        if s.unused_minor
        else DecisionOutcome.DECLINE
    )
    return _review(
        "6",
        recommended,
        failed,
        "We review whether replacement credits or a partial refund make it good.",
        money_minor=s.unused_minor,
        credits_=max(0, s.failed_credits),
    )


def mistaken_renewal(s: PolicyContext, p: PolicyParameters) -> RuleResult:
    """Clause 3: a renewal by mistake may be refunded if none of its credits were used since."""
    if s.reason is not RefundReason.MISTAKEN_RENEWAL:
        return "no mistaken renewal was reported"
    if not s.is_renewal:
        return "the payment is no renewal"
    if s.drawn:
        return _decline(
            "3",
            f"{s.drawn} credits of this renewal were used since. A renewal by mistake can be refunded only if none "
            "were.",
            "You can cancel at any time, so that there is no further one; what you paid for stays yours until the end "
            "of the period.",
        )
    if s.asked - s.paid_at > timedelta(days=p.mistaken_renewal_days):
        return _review("3", DecisionOutcome.DECLINE, "The renewal was some time ago. We look at your case.")
    limit_minor = p.automatic_renewal_refund_up_to_minor.get(s.currency, 0)
    if s.left_minor <= limit_minor:
        words = "The renewal was a mistake and none of its credits were used. We refund it and stop further renewals."
        return replace(_approve("3", s.left_minor, words), ends_subscription=True)
    return replace(
        _review(
            "3",
            DecisionOutcome.APPROVE,
            "None of the renewal's credits were used. We handle such requests case by case and look at yours.",
            money_minor=s.left_minor,
        ),
        ends_subscription=True,
    )


def unrecognised_charge(s: PolicyContext, _: PolicyParameters) -> RuleResult:
    """Clause 5: please contact us first; a person checks activity and invoices with the customer."""
    if s.reason is not RefundReason.UNRECOGNISED_CHARGE:
        return "the charge is recognised"
    bought = f" for {s.order.product_id}, ordered on {format_day(s.order.made_at)}" if s.order else ""
    kind = "the renewal of a subscription" if s.is_renewal else "a subscription" if s.is_subscription else "a pack"
    return _review(
        "5",
        None,
        f"This charge of {_money(s.paid_minor, s)} on {format_day(s.paid_at)} is {kind}{bought}. Of its "
        f"{sum(line.granted for line in s.lines)} credits {s.drawn} were used by runs of your account.",
        "Thank you for asking us first. We check the account's activity and invoices for this charge and come back to "
        "you.",
    )


def amount_above_the_price(s: PolicyContext, _: PolicyParameters) -> RuleResult:
    """Clause 4, whatever was asked for: what was paid above the price is not ours."""
    return _refund_overcharge(s) if s.excess_minor else "nothing was paid above the price"


def not_refundable(s: PolicyContext, p: PolicyParameters) -> RuleResult:
    """Clauses 2 and 3: packs and processed subscription payments are not refundable by default."""
    reasons = []
    if bar := withdrawal.exclusion(s, p):
        reasons.append(f"A right of withdrawal does not apply: {bar}.")
    if s.reason is RefundReason.MISTAKEN_RENEWAL:
        reasons.append("This payment was not the renewal of a subscription.")
    if s.is_subscription:
        reasons.append("Subscription payments that have been processed are normally not refundable.")
        reasons.append("You can cancel at any time; credits and features stay until the end of the period.")
        if s.is_renewal and s.drawn == 0:
            reasons.append("If it was renewed by mistake, tell us so: none of its credits were used.")
        return _decline("3", *reasons, _RIGHTS_STAY)
    reasons.append("Credits of a pack are available at once, so packs are generally not refundable.")
    reasons.append("They do not expire, unless the pricing page said otherwise when you bought them.")
    reasons.append("If a technical problem kept you from using them, tell us: we review it.")
    return _decline("2", *reasons, _RIGHTS_STAY)


Rule = Callable[[PolicyContext, PolicyParameters], RuleResult]
RULES: tuple[Rule, ...] = (
    already_refunded,
    decided_before,
    open_dispute,
    charged_twice,
    wrong_amount,
    right_of_withdrawal,
    technical_problem,
    mistaken_renewal,
    unrecognised_charge,
    amount_above_the_price,
    not_refundable,
)


def _with_withdrawal_notice(said: Decision, s: PolicyContext, p: PolicyParameters) -> Decision:
    """Who gave another reason than to withdraw, and may, is told so: to be refused must not cost the right."""
    is_refused = said.outcome in {DecisionOutcome.DECLINE, DecisionOutcome.REVIEW}
    if not is_refused or s.reason in withdrawal.WITHDRAWAL_REASONS or withdrawal.exclusion(s, p):
        return said
    if withdrawal.refund_due(s)[0] == 0:
        return said
    hint = "Apart from that, the law lets you withdraw from this contract, for no reason, until "
    return replace(said, reasons=(*said.reasons, f"{hint}{format_day(withdrawal.last_day(s, p))}."))


def _may_withdraw(s: PolicyContext, p: PolicyParameters) -> bool:
    """Whether somebody withdraws who may, or of whom only a person can tell."""
    if s.reason not in withdrawal.WITHDRAWAL_REASONS:
        return False
    return withdrawal.exclusion(s, p) is None or withdrawal.review_reason(s, p) is not None


def _refund_overcharge(s: PolicyContext) -> Decision:
    """Refund what was paid above the price. The ledger counts such money first, and takes no credits for it."""
    words = f"You paid {_money(s.excess_minor, s)} above the price. We refund the difference; your credits stay."
    return _approve("4", s.excess_minor, words)


def _with(clause: str, *reasons: str) -> dict[str, Any]:
    return {"clause": clause, "reasons": reasons, "rule": "", "policy_version": ""}


def _wait() -> Decision:
    words = "We check whether this was charged twice; that takes a few minutes."
    return Decision(**_with("4", words), outcome=DecisionOutcome.WAIT)


def _approve(clause: str, money_minor: int, *reasons: str) -> Decision:
    return Decision(**_with(clause, *reasons), outcome=DecisionOutcome.APPROVE, money_minor=money_minor)


def _decline(clause: str, *reasons: str) -> Decision:
    rests = f"This rests on section {clause} of our Refund & Cancellation Policy."
    return Decision(
        **_with(clause, *(words for words in reasons if words != rests), rests), outcome=DecisionOutcome.DECLINE
    )


def _review(
    clause: str, recommended: DecisionOutcome | None, *reasons: str, money_minor: int = 0, credits_: int = 0
) -> Decision:
    return Decision(
        **_with(clause, *reasons),
        outcome=DecisionOutcome.REVIEW,
        recommended=recommended,
        money_minor=money_minor,
        credits=credits_,
    )


def _money(amount_minor: int, s: PolicyContext) -> str:
    return format_amount(amount_minor, s.currency)
