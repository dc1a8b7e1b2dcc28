"""What was given instead of money counts when the money of the same payment is asked back."""

from dataclasses import replace

import pytest

from ledger.domain.facts import CreditsReplaced
from ledger.domain.refund_cases import CaseState, DecisionOutcome, RefundCase, RefundReason
from ledger.policy.rules import decide
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.usage import draw_credits, fail_run
from tools.testing.builders import (
    ADA,
    POLICY,
    at,
    line_usage,
    paid,
    record_events,
    refund_claim,
    refund_context,
    request_refund,
)
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import decide_case
from tools.verify import check

TECHNICAL, RENEWAL = RefundReason.TECHNICAL_PROBLEM, RefundReason.MISTAKEN_RENEWAL
APPROVE, DECLINE, REPLACE = DecisionOutcome.APPROVE, DecisionOutcome.DECLINE, DecisionOutcome.REPLACE


def asked(store: FakeStore, key: str, minute: float) -> RefundCase:
    """Ask for the money because of a technical problem."""
    return request_refund(store, refund_claim(TECHNICAL, key=key), minute=minute)


def test_what_was_replaced_counts_when_the_money_is_asked_back() -> None:
    """The first time credits are recommended. Then they are given, and neither they nor their value again."""
    store = FakeStore()
    record_events(store, paid(), now=at(1))
    for number in range(4):
        draw_credits(ADA, f"run_{number}", 50, store, now=at(2))
        fail_run(ADA, f"run_{number}", store, now=at(3))
    first = asked(store, "one", 10)
    assert first.decision
    assert (first.decision.recommended, first.decision.credits, first.decision.money_minor) == (REPLACE, 200, 2000)
    given = ReviewDecision(outcome=REPLACE, words=("Sorry.",), clause="6", credits=200)
    assert decide_case(first.case_id, given, "sam", store, POLICY, now=at(20)).state is CaseState.REPLACED
    again = asked(store, "two", 30)
    assert again.decision
    assert (again.decision.recommended, again.decision.credits, again.decision.money_minor) == (DECLINE, 0, 1600)
    assert "decision.credits_replaced" in [reason.key for reason in again.decision.reasons]
    assert not [one for one in check(world(store)) if one.broken]
    (purchase,) = store.purchases_of(ADA, 1).items
    assert purchase.facts[f"replaced:{first.case_id}"] == CreditsReplaced(
        case_id=first.case_id, credits=200, at=at(20), cause=f"case:{first.case_id}"
    )


@pytest.mark.parametrize(
    ("replaced", "expected"),
    [(0, (REPLACE, 600, 2000)), (200, (REPLACE, 400, 1600)), (600, (DECLINE, 0, 800)), (5000, (DECLINE, 0, 0))],
)
def test_a_technical_problem_is_made_good_once(replaced: int, expected: tuple[DecisionOutcome, int, int]) -> None:
    """What is left of the failed credits is recommended, and the money less the value of what was given."""
    context = refund_context(TECHNICAL, failed_runs=9, failed_credits=600, given_credits=replaced)
    decision = decide(context, POLICY)
    assert (decision.recommended, decision.credits, decision.money_minor) == expected


def test_a_renewal_by_mistake_with_replaced_credits_goes_to_a_person() -> None:
    """Also where the policy refunds small ones by itself."""
    policy = replace(POLICY, automatic_renewal_refund_up_to_minor={"EUR": 2000})
    renewal = refund_context(RENEWAL, is_renewal=True, is_subscription=True, order=None, lines=(line_usage(),), day=40)
    renewal = replace(renewal, paid_at=renewal.now)
    plain, replaced = (decide(replace(renewal, given_credits=count), policy) for count in (0, 100))
    assert (plain.outcome, plain.money_minor) == (APPROVE, 2000)
    assert (replaced.outcome, replaced.recommended, replaced.money_minor) == (DecisionOutcome.REVIEW, APPROVE, 1800)


def test_a_withdrawal_is_refunded_as_the_law_says_whatever_was_replaced() -> None:
    """Credits that were given out of goodwill lower no right."""
    plain, replaced = (decide(refund_context(given_credits=count), POLICY) for count in (0, 100))
    assert (plain.outcome, plain.money_minor) == (replaced.outcome, replaced.money_minor) == (APPROVE, 2000)
