"""The oracle of decisions: what the policy may decide, and recommend, by what `proof.oracle` says of a payment.

It knows no order of rules, of the policy one figure, and that nobody is told anything of the right of withdrawal, so
that it lasts for a year:

    warned      a payment that the card network warns of goes back whole and at once, up to a figure; above it a person
                decides; and no warning is forgotten
    buyers      the right of withdrawal is for consumers: who shows a business has none, and of who only may be one a
                person decides
    agreed      credits replace the money of a withdrawal only if the customer agreed
    replaced    what was given instead of money is not given again, and its value is not refunded either; nor is what an
                incident gave for a failed run
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from ledger.domain.refund_cases import BY_POLICY, Decision, DecisionOutcome, QueuedCase, RefundCase, RefundReason
from proof.oracle import Buyer, Standing

_LAW = "right_of_withdrawal"
_SURELY_IN_TIME = timedelta(days=360)
_MAY_FAIL = frozenset({RefundReason.TECHNICAL_PROBLEM, RefundReason.MISTAKEN_RENEWAL})
"""Reasons for which what was given instead of money counts. A withdrawal is refunded as the law says."""


def wrong(case: RefundCase, standing: Standing, warned_up_to_minor: Mapping[str, int]) -> Iterator[str]:
    """Yield what can't be right in a case that the policy has just decided, of a payment as it stood before that."""
    decision = case.decision
    if decision is None or case.decided_by != BY_POLICY:
        return
    is_approved, money_minor = decision.outcome is DecisionOutcome.APPROVE, decision.money_minor
    if case.reason is RefundReason.FRAUD_WARNING and decision.outcome is not DecisionOutcome.DECLINE:
        if not standing.is_warned or standing.is_open:
            yield "it is not warned of, or its bank has it"
        is_small = standing.left_minor <= warned_up_to_minor.get(standing.currency, 0)
        if decision.rule == "fraud_warning" and is_approved != is_small:
            yield f"{standing.left_minor} are left of a warned payment, and the policy says {decision.outcome}"
        is_whole = money_minor == standing.left_minor or decision.rule == "charged_twice"  # then all above one price
        if is_approved and not is_whole:
            yield f"{money_minor} of the {standing.left_minor} that are left of a warned payment go back"
    if standing.order_id and case.reason is RefundReason.CHANGED_MY_MIND:
        yield from _of_buyer(case, decision, standing)
    if decision.rule in {"technical_problem", "mistaken_renewal"} and case.reason in _MAY_FAIL and standing.is_alone:
        yield from _replaced(case, standing, is_approved=is_approved)


def _of_buyer(case: RefundCase, decision: Decision, standing: Standing) -> Iterator[str]:
    if decision.rule == _LAW and standing.buyer is Buyer.BUSINESS:
        yield "a business has no right of withdrawal"
    if decision.rule == _LAW and standing.buyer is Buyer.UNCLEAR and decision.outcome is not DecisionOutcome.REVIEW:
        yield f"whether the buyer is a business is not clear, and the policy says {decision.outcome}"
    is_in_time = (case.asked_at or case.opened_at) < standing.paid_at + _SURELY_IN_TIME
    if decision.rule == "not_refundable" and standing.buyer is not Buyer.BUSINESS and is_in_time:
        yield "who may be a consumer is refused in time"


def needs_agreement(case: RefundCase) -> bool:
    """Return whether the law returns the money of a case in review as it was paid."""
    return case.reason is RefundReason.WITHDRAWAL or any(
        figure.word == _LAW for change in case.history for figure in change.cause.figures
    )


def _replaced(case: RefundCase, standing: Standing, *, is_approved: bool) -> Iterator[str]:
    decision = case.decision
    if decision is None or decision.outcome is DecisionOutcome.DECLINE:
        return
    worth_minor = standing.paid_minor * standing.given // standing.granted if standing.granted else 0
    most_minor = max(0, standing.left_minor - worth_minor)
    if decision.money_minor > most_minor:
        yield f"{decision.money_minor} are due, at most {most_minor} beside {standing.given} credits that were given"
    if is_approved and standing.given:
        yield f"it is refunded without a person, and {standing.given} credits were given for it"
    credits_ = max(0, standing.failed - standing.replaced - standing.given)
    if case.reason is RefundReason.TECHNICAL_PROBLEM and decision.credits != credits_:
        given = f"{standing.given} were given, and {standing.replaced} by incidents"
        yield f"{decision.credits} credits are due of {standing.failed} that failed: {given}"


def forgotten(
    cases: Iterable[RefundCase], queued: Iterable[QueuedCase], standings: Mapping[str, Standing]
) -> Iterator[str]:
    """Yield the names of payments whose warning stands, and which have no case and no place in the job's queue."""
    known = [case.payment_id for case in cases if case.reason is RefundReason.FRAUD_WARNING]
    looked = [standings.get(name) for name in (*known, *(one.payment_id or "" for one in queued))]
    for name, one in standings.items():
        if one.is_warned and not one.is_open and one.left_minor and all(one is not known for known in looked):
            yield f"{name} is warned of, and nobody has looked"
