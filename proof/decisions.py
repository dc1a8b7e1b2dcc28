"""The oracle of decisions: what the policy may decide, and recommend, by what `proof.oracle` says of a payment.

It knows no order of rules, and of the policy one figure:

    warned      a payment that the card network warns of goes back whole and at once, up to a figure; above it a person
                decides; and no warning is forgotten
    replaced    what was given instead of money is not given again, and its value is not refunded either
"""

from collections.abc import Iterable, Iterator, Mapping

from ledger.domain.refund_cases import BY_POLICY, DecisionOutcome, QueuedCase, RefundCase, RefundReason
from proof.oracle import Standing

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
        if is_approved and money_minor != standing.left_minor:
            yield f"{money_minor} of the {standing.left_minor} that are left of a warned payment go back"
    if decision.rule in {"technical_problem", "mistaken_renewal"} and case.reason in _MAY_FAIL and standing.is_alone:
        yield from _replaced(case, standing, is_approved=is_approved)


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
    credits_ = max(0, standing.failed - standing.given)
    if case.reason is RefundReason.TECHNICAL_PROBLEM and decision.credits != credits_:
        yield f"{decision.credits} credits are due of {standing.failed} that failed, {standing.given} were given"


def forgotten(
    cases: Iterable[RefundCase], queued: Iterable[QueuedCase], standings: Mapping[str, Standing]
) -> Iterator[str]:
    """Yield the names of payments whose warning stands, and which have no case and no place in the job's queue."""
    known = [case.payment_id for case in cases if case.reason is RefundReason.FRAUD_WARNING]
    looked = [standings.get(name) for name in (*known, *(one.payment_id or "" for one in queued))]
    for name, one in standings.items():
        if one.is_warned and not one.is_open and one.left_minor and all(one is not known for known in looked):
            yield f"{name} is warned of, and nobody has looked"
