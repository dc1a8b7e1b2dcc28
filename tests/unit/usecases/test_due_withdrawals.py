"""What is due by law comes first, and somebody notices before it is too late."""

from dataclasses import replace
from datetime import timedelta

from ledger.domain.facts import RefundState
from ledger.domain.ids import PaymentId
from ledger.domain.refund_cases import REPAID_WITHIN, CaseState, DecisionOutcome, RefundCase, RefundReason
from ledger.usecases.refund_cases.confirm_withdrawal import confirm_withdrawal
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.due import oldest_withdrawal
from ledger.usecases.refund_cases.follow_refunds import follow
from tools.testing.builders import (
    ADA,
    CONSENT,
    LATER,
    PI,
    POLICY,
    at,
    event_of,
    ordered,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeStore
from tools.testing.unguarded import decide_case

SECOND, THIRD = PaymentId("stripe:pi_2"), PaymentId("stripe:pi_3")


def withdraw(store: FakeStore, payment_id: PaymentId, minute: float) -> RefundCase:
    """Withdraw from a purchase, and confirm it ten minutes later."""
    claim = refund_claim(RefundReason.WITHDRAWAL, payment_id=payment_id, key=payment_id, is_declaration=True)
    case = request_refund(store, claim, minute=minute)
    return confirm_withdrawal(ADA, case.case_id, store, POLICY, now=at(minute + 10))


def test_the_review_queue_has_withdrawals_first_by_their_due_date() -> None:
    """Whatever was requested before. The others come after them, the oldest first."""
    store = FakeStore()
    record_events(store, paid(), paid(payment(SECOND, minute=1)), paid(payment(THIRD, minute=2)))
    older = request_refund(store, refund_claim(), minute=20)
    newer = request_refund(store, refund_claim(payment_id=SECOND, key="2"), minute=30)
    second = withdraw(store, THIRD, 50)
    first = withdraw(store, SECOND, 40)
    assert {one.state for one in (older, newer, second, first)} == {CaseState.IN_REVIEW}
    queued = store.review_queue(9).items
    assert [one.case_id for one in queued] == [first.case_id, second.case_id, older.case_id, newer.case_id]
    assert [one.due_by for one in queued] == [first.due_by, second.due_by, None, None]
    assert first.due_by == at(50) + timedelta(days=14)


def test_the_oldest_withdrawal_counts_until_its_money_is_back() -> None:
    """In review as under way. What nobody withdrew from counts in none of them."""
    store = FakeStore()
    assert oldest_withdrawal(store) is None
    record_events(store, paid(ordered(store, consent=CONSENT)), paid(payment(SECOND, minute=1)))
    request_refund(store, refund_claim(payment_id=SECOND, key="2"), minute=20)
    assert oldest_withdrawal(store) is None
    approved = withdraw(store, PI, 30)
    assert approved.state is CaseState.APPROVED
    assert oldest_withdrawal(store) == at(40)
    reviewed = withdraw(store, SECOND, 15)
    assert reviewed.state is CaseState.IN_REVIEW
    assert oldest_withdrawal(store) == at(25)
    record_events(store, event_of(replace(refund(2000, minute=80), tag=approved.tag)))
    follow(PI, store, now=LATER)
    assert oldest_withdrawal(store) == at(25)


def test_a_refund_that_fails_keeps_its_due_date() -> None:
    """A person has it then, at the place of the day on which the money is due."""
    store = FakeStore()
    record_events(store, paid(ordered(store, consent=CONSENT)))
    approved = withdraw(store, PI, 30)
    failed = replace(refund(2000, minute=80, state=RefundState.FAILED), tag=approved.tag)
    record_events(store, event_of(failed))
    (case,) = follow(PI, store, now=LATER)
    assert (case.state, case.due_by) == (CaseState.IN_REVIEW, approved.due_by)
    assert case.due_by == at(40) + timedelta(days=14)
    assert [(one.case_id, one.due_by) for one in store.review_queue(9).items] == [(case.case_id, case.due_by)]
    assert oldest_withdrawal(store) == at(40)


def test_the_money_stays_due_once_a_person_has_approved_it() -> None:
    """A person's rule takes the place of the law's in the decision. The last day counts all the same."""
    store = FakeStore()
    record_events(store, paid())
    case = request_refund(store, refund_claim(RefundReason.CHANGED_MY_MIND))
    due_by = case.opened_at + REPAID_WITHIN
    assert (case.state, case.due_by) == (CaseState.IN_REVIEW, due_by)
    approve = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("All of it.",), clause="2", money_minor=2000)
    approved = decide_case(case.case_id, approve, "sam", store, POLICY, now=LATER)
    assert (approved.state, approved.due_by) == (CaseState.APPROVED, due_by)
    assert oldest_withdrawal(store) == case.opened_at
