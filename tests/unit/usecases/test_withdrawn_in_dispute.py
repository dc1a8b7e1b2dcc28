"""A withdrawal while a dispute is open: noted at once, and decided by the policy as soon as the dispute is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.domain.facts import DisputeState, RefundState
from ledger.domain.refund_cases import BY_POLICY, CaseState, DecisionOutcome, RefundCase, RefundReason
from ledger.ports.documents import DocumentKind
from ledger.usecases.refund_cases.cases import read_case
from ledger.usecases.refund_cases.confirm_withdrawal import confirm_withdrawal
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from tests.unit.usecases.test_withdrawn_contracts import MONTH, SECOND, renewal, subscribed
from tools.testing.builders import (
    ADA,
    CONSENT,
    PI,
    POLICY,
    at,
    dispute,
    event_of,
    ordered,
    paid,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import decide_case, decide_deferred
from tools.verify import check

DAY = 24 * 60


def withdrawn(store: FakeStore, minute: float = 60) -> RefundCase:
    """Withdraw from the first payment's contract in two steps."""
    declared = request_refund(store, refund_claim(RefundReason.WITHDRAWAL, is_declaration=True), minute=minute)
    return confirm_withdrawal(ADA, declared.case_id, store, POLICY, now=at(minute))


def disputed_pack(amount_minor: int = 2000) -> FakeStore:
    """A pack whose payment is disputed."""
    store = FakeStore()
    record_events(
        store, paid(ordered(store, consent=CONSENT)), event_of(dispute(amount_minor=amount_minor)), now=at(30)
    )
    return store


def told(store: FakeStore, state: DisputeState, minute: float, amount_minor: int = 2000) -> None:
    """The dispute gets to a state."""
    record_events(store, event_of(dispute(state, amount_minor, minute=minute)), now=at(minute))


def looked(store: FakeStore, minute: float) -> list[RefundCase]:
    """One round of the job."""
    decided = decide_deferred(store, POLICY, now=at(minute))
    assert not [one for one in check(world(store)) if one.broken]
    return decided


@pytest.mark.parametrize("days", [1, 12, 40])
def test_a_withdrawal_is_refunded_at_once_when_its_dispute_is_won(days: int) -> None:
    """It is a person's from the first day on, with its due date. Won late, it is refunded all the same, once.

    Until then it is looked at once an hour: each look reads the whole contract.
    """
    store = disputed_pack()
    case = withdrawn(store)
    assert (case.state, case.due_by) == (CaseState.IN_REVIEW, at(60) + timedelta(days=14))
    assert [one.case_id for one in store.review_queue(5).items] == [case.case_id]
    for minute in (61, 200, days * DAY):
        assert looked(store, minute) == []
        assert [one.since for one in store.deferred_cases()] == [at(minute + 60)]
    assert [one.case_id for one in store.review_queue(5).items] == [case.case_id]
    told(store, DisputeState.WON, days * DAY + 1)
    (approved,) = looked(store, days * DAY + 70)
    assert approved.decision
    assert (approved.state, approved.decided_by, approved.decision.money_minor) == (CaseState.APPROVED, BY_POLICY, 2000)
    assert approved.decision.rule == "right_of_withdrawal"
    assert not list(store.review_queue(5).items)
    assert len(list(store.outbox())) == 1
    assert looked(store, days * DAY + 200) == []
    assert len(list(store.outbox())) == 1


def test_what_the_bank_returned_is_not_refunded_again() -> None:
    """Lost is paid back. Of a dispute of a part, the rest is refunded."""
    store = disputed_pack()
    case = withdrawn(store)
    told(store, DisputeState.LOST, 2 * DAY)
    (declined,) = looked(store, 3 * DAY)
    assert declined.decision
    assert (declined.case_id, declined.state, declined.decision.rule) == (
        *(case.case_id, CaseState.DECLINED),
        "already_refunded",
    )
    assert not list(store.outbox())
    store = disputed_pack(500)
    withdrawn(store)
    told(store, DisputeState.LOST, 2 * DAY, 500)
    (approved,) = looked(store, 3 * DAY)
    assert approved.decision
    assert (approved.state, approved.decision.money_minor) == (CaseState.APPROVED, 1500)


def test_a_person_may_decide_before_and_then_nothing_is_decided_again() -> None:
    """The list is cleared by the next look."""
    store = disputed_pack()
    case = withdrawn(store)
    no = ReviewDecision(outcome=DecisionOutcome.DECLINE, words=("No.",), clause="5")
    decide_case(case.case_id, no, "sam", store, POLICY, now=at(70))
    told(store, DisputeState.WON, 80)
    assert looked(store, 2 * DAY) == []
    assert not list(store.deferred_cases())
    assert read_case(ADA, case.case_id, store).state is CaseState.DECLINED


def test_a_refund_that_fails_after_the_dispute_goes_to_a_person_and_is_not_approved_again() -> None:
    """The policy decides once."""
    store = disputed_pack()
    case = withdrawn(store)
    told(store, DisputeState.WON, 70)
    (approved,) = looked(store, 80)
    for minute, state in ((90, RefundState.SUCCEEDED), (95, RefundState.FAILED)):
        sent = replace(refund(2000, state=state, minute=minute), tag=approved.tag)
        record_events(store, event_of(sent), now=at(minute))
        follow(PI, store, now=at(minute))
    assert read_case(ADA, case.case_id, store).state is CaseState.IN_REVIEW
    for minute in (100, 2 * DAY):
        assert looked(store, minute) == []
    assert read_case(ADA, case.case_id, store).state is CaseState.IN_REVIEW


def test_of_a_contract_the_payments_that_are_not_disputed_are_refunded_at_once() -> None:
    """The disputed one follows when its dispute is won, whichever of them was named."""
    for disputed in (PI, SECOND):
        store = subscribed(None, renewal(SECOND, MONTH))
        opened = replace(dispute(minute=20), opened_at=at(3 * MONTH), at=at(3 * MONTH))
        record_events(store, event_of(opened, names=(disputed,)), now=at(3 * MONTH))
        start = 3 * MONTH + 60
        withdrawn(store, start)
        looked(store, start + 5)
        states = {one.payment_id: one.state for one in world(store).cases.values()}
        other = SECOND if disputed == PI else PI
        assert states == {disputed: CaseState.IN_REVIEW, other: CaseState.APPROVED}
        won = replace(opened, state=DisputeState.WON, at=at(start + 30))
        record_events(store, event_of(won, names=(disputed,)), now=at(start + 30))
        decided = [*looked(store, start + 120), *looked(store, start + 3 * DAY)]
        assert [(one.payment_id, one.state) for one in decided] == [(disputed, CaseState.APPROVED)]
        assert not list(store.deferred_cases())
        assert not [key for key in world(store).queued_cases if key.kind is DocumentKind.DEFERRED_QUEUE]
