"""The review queue and its claims, on every engine."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from ledger.domain.claims import CLAIMED_FOR
from ledger.domain.facts import DisputeState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.refund_cases import REPAID_WITHIN, CaseState, DecisionOutcome, RefundCase, RefundReason
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.store import Store
from ledger.usecases.refund_cases.claim_case import claim_case, read_claim, release_case
from ledger.usecases.refund_cases.confirm_withdrawal import confirm_withdrawal
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.refund_cases.queue import WaitingCase, waiting_cases
from tools.testing.builders import (
    ADA,
    LATER,
    POLICY,
    at,
    dispute,
    event_of,
    paid,
    payment,
    record_events,
    refund_claim,
    request_refund,
)
from tools.testing.races import at_once
from tools.testing.unguarded import decide_case, follow_all

CASE = "case_1"


def requested(
    store: Store,
    number: int = 1,
    minute: float = 20,
    *,
    asked_at: datetime | None = None,
    disputed_at: datetime | None = None,
) -> RefundCase:
    """A customer asks for money because runs have failed, so that a person decides. The payment may be disputed."""
    account_id, payment_id = AccountId(f"acct_{number}"), PaymentId(f"stripe:pi_{number}")
    record_events(store, paid(payment(payment_id, account_id=account_id)))
    if disputed_at:
        opened = replace(dispute(DisputeState.OPEN), dispute_id=f"dp_{account_id}", opened_at=disputed_at)
        record_events(store, event_of(opened, names=(payment_id,)))
    claim = refund_claim(account_id=account_id, payment_id=payment_id, key=f"k{number}")
    return request_refund(store, replace(claim, asked_at=asked_at), minute=minute)


def withdrawn(store: Store, number: int) -> RefundCase:
    """A customer withdraws, and a person decides, since the credits were used before the consent was complete."""
    account_id, payment_id = AccountId(f"acct_{number}"), PaymentId(f"stripe:pi_{number}")
    record_events(store, paid(payment(payment_id, account_id=account_id)))
    claim = refund_claim(
        RefundReason.WITHDRAWAL, account_id=account_id, payment_id=payment_id, key=f"k{number}", is_declaration=True
    )
    case = request_refund(store, claim, minute=45)
    return confirm_withdrawal(account_id, case.case_id, store, POLICY, now=at(50))


def waiting(store: Store, minute: float = 60) -> list[WaitingCase]:
    """What the queue shows."""
    return [*waiting_cases(store, limit=50, after=None, now=at(minute)).items]


def test_the_queue_says_what_each_case_is_about(any_store: Store) -> None:
    """Reason, payment, and who has it open; a claim that has lapsed is not shown."""
    case = requested(any_store)
    claim_case(case.account_id, case.case_id, "sam", any_store, now=at(60))
    (one,) = waiting(any_store)
    assert (one.case.reason, one.claim and one.claim.actor) == (RefundReason.TECHNICAL_PROBLEM, "sam")
    assert one.purchase
    assert one.purchase.payment
    assert one.purchase.payment.paid_minor == 2000
    assert waiting(any_store, 60 + CLAIMED_FOR / timedelta(minutes=1))[0].claim is None
    decline = ReviewDecision(outcome=DecisionOutcome.DECLINE, words=("No.",), clause="6")
    decide_case(case.case_id, decline, "sam", any_store, POLICY, now=LATER)
    assert waiting(any_store) == []


def test_who_wrote_before_the_dispute_has_priority(any_store: Store) -> None:
    """Not who wrote after it, and not who has none."""
    first, second, _ = (requested(any_store, number) for number in (1, 2, 3))
    for case, days in ((first, 1), (second, -1)):
        disputed_payment(any_store, case, timedelta(days=days))
    assert {one.case.case_id for one in waiting(any_store) if one.is_priority} == {first.case_id}


def disputed_payment(
    store: Store, case: RefundCase, opened: timedelta, state: DisputeState = DisputeState.OPEN
) -> None:
    """A dispute of a case's payment is reported, opened so long after the request, and follow_cases hears of it."""
    opened_at = case.opened_at + opened
    reported = replace(dispute(state), dispute_id=f"dp_{case.account_id}", opened_at=opened_at, at=LATER)
    record_events(store, event_of(reported, names=(case.payment_id,)))


def in_order(store: Store, size: int = 50) -> list[str]:
    """The accounts of the queue's cases, read in pages of so many."""
    found, after = [], None
    while True:
        page = waiting_cases(store, limit=size, after=after, now=at(60))
        found += [one.case.account_id.removeprefix("acct_") for one in page.items]
        if (after := page.next) is None:
            return found


def test_the_queue_lists_what_is_due_then_who_wrote_first_then_the_oldest(any_store: Store) -> None:
    """Whenever the dispute came: before the case was opened, or after it, and on whichever page the case was."""
    written_before = at(20) - timedelta(days=3)
    oldest, second, third = (requested(any_store, number, minute=20 + number) for number in (1, 2, 3))
    early = requested(any_store, 4, minute=40, asked_at=written_before, disputed_at=at(10))
    withdrawn(any_store, 5)
    assert in_order(any_store) == ["5", "4", "1", "2", "3"]
    disputed_payment(any_store, third, timedelta(days=1))
    assert in_order(any_store) == ["5", "4", "1", "2", "3"], "no delivery moves a case"
    (moved,) = follow(third.payment_id, any_store, now=LATER)
    assert (moved.case_id, moved.is_priority, moved.state) == (third.case_id, True, CaseState.IN_REVIEW)
    assert in_order(any_store) == in_order(any_store, 1) == ["5", "3", "4", "1", "2"]
    assert follow(third.payment_id, any_store, now=LATER) == [], "said again"
    disputed_payment(any_store, second, -timedelta(days=1))
    disputed_payment(any_store, oldest, timedelta(days=1), DisputeState.INQUIRY)
    for case in (second, oldest, early):
        follow(case.payment_id, any_store, now=LATER)
    assert in_order(any_store, 2) == ["5", "1", "3", "4", "2"]
    decline = ReviewDecision(outcome=DecisionOutcome.DECLINE, words=("No.",), clause="6")
    for case in (third, early, second):
        decide_case(case.case_id, decline, "sam", any_store, POLICY, now=LATER)
    assert in_order(any_store) == ["5", "1"], "a decided case leaves the place that it had"


def test_what_the_law_of_withdrawal_may_demand_is_due_in_whatever_words_it_came(any_store: Store) -> None:
    """Changed their mind, in time: its place, and its due date, are those of a withdrawal; and it leaves that place."""
    requested(any_store, 1)
    account_id, payment_id = AccountId("acct_2"), PaymentId("stripe:pi_2")
    record_events(any_store, paid(payment(payment_id, account_id=account_id)))
    claim = refund_claim(RefundReason.CHANGED_MY_MIND, account_id=account_id, payment_id=payment_id, key="k2")
    case = request_refund(any_store, claim, minute=45)
    withdrawn(any_store, 3)
    assert in_order(any_store) == ["2", "3", "1"]
    shown = [one.queued.due_by for one in waiting(any_store)]
    assert shown == [case.opened_at + REPAID_WITHIN, at(50) + REPAID_WITHIN, None]
    assert case.due_by == shown[0]
    decline = ReviewDecision(outcome=DecisionOutcome.DECLINE, words=("No.",), clause="2")
    decide_case(case.case_id, decline, "sam", any_store, POLICY, now=LATER)
    assert in_order(any_store) == ["3", "1"], "a decided case leaves the place that it had"


def test_what_is_due_by_law_stays_where_it_is_when_it_is_disputed(any_store: Store) -> None:
    """It keeps its place, and says that its customer wrote first."""
    case = withdrawn(any_store, 1)
    disputed_payment(any_store, case, timedelta(days=1))
    (moved,) = follow(case.payment_id, any_store, now=LATER)
    assert moved.is_priority
    (one,) = waiting(any_store)
    assert (one.queued.due_by, one.is_priority) == (case.due_by, True)


def test_a_case_whose_dispute_was_reported_late_gets_its_place_within_a_day(any_store: Store) -> None:
    """The bus lost the event: each case has its turn once a day."""
    first, second = (requested(any_store, number, minute=20 + number) for number in (1, 2))
    disputed_payment(any_store, second, timedelta(days=1))
    moved = [case for hour in range(24) for case in follow_all(any_store, now=LATER.replace(hour=hour))]
    assert [case.case_id for case in moved] == [second.case_id]
    assert in_order(any_store) == ["2", "1"]
    assert first.state is CaseState.IN_REVIEW


def test_a_later_state_of_a_dispute_does_not_make_it_younger(any_store: Store) -> None:
    """Its state is of a time after the request, but the bank had opened it before."""
    case = requested(any_store)
    disputed_payment(any_store, case, -timedelta(days=1), DisputeState.LOST)
    follow(case.payment_id, any_store, now=LATER)
    assert [one.is_priority for one in waiting(any_store)] == [False]


def test_a_case_that_is_decided_and_disputed_at_once_is_in_no_queue(real_store: DynamoDBStore) -> None:
    """Whoever writes first, the other reads again."""
    for number in range(1, 9):
        case = requested(real_store, number)
        disputed_payment(real_store, case, timedelta(days=1))
        decline = ReviewDecision(outcome=DecisionOutcome.DECLINE, words=("No.",), clause="6")
        at_once(
            [
                partial(follow, case.payment_id, real_store, now=LATER),
                partial(decide_case, case.case_id, decline, "sam", real_store, POLICY, now=LATER),
            ]
        )
        assert in_order(real_store) == []


def test_a_claim_is_of_one_person_until_it_lapses_or_is_given_back(any_store: Store) -> None:
    """The same person renews it; nobody gives back a colleague's."""
    first = claim_case(ADA, CASE, "sam", any_store, now=at(0))
    assert (first.actor, first.until) == ("sam", at(0) + CLAIMED_FOR)
    assert claim_case(ADA, CASE, "kim", any_store, now=at(5)).actor == "sam"
    assert claim_case(ADA, CASE, "sam", any_store, now=at(6)).until == at(6) + CLAIMED_FOR
    release_case(ADA, CASE, "kim", any_store, now=at(7))
    assert claim_case(ADA, CASE, "kim", any_store, now=at(7)).actor == "sam"
    release_case(ADA, CASE, "sam", any_store, now=at(8))
    release_case(ADA, CASE, "sam", any_store, now=at(8))
    assert claim_case(ADA, CASE, "kim", any_store, now=at(8)).actor == "kim"
    assert claim_case(ADA, CASE, "sam", any_store, now=at(30)).actor == "sam", "it has lapsed"
    lapsed = read_claim(ADA, CASE, any_store)
    assert lapsed
    release_case(ADA, CASE, "sam", any_store, now=lapsed.until + timedelta(minutes=5))
    assert read_claim(ADA, CASE, any_store) == lapsed, "what has lapsed is not given back later"


def test_of_many_who_claim_at_once_one_has_it(real_store: DynamoDBStore) -> None:
    """And all are answered with that one."""
    people = [f"person_{number}" for number in range(8)]
    claim = partial(claim_case, ADA, CASE, store=real_store, now=at(0))
    claims = [one.actor for one in at_once([partial(claim, who) for who in people])]
    assert len(set(claims)) == 1
    stored = read_claim(ADA, CASE, real_store)
    assert stored
    assert {stored.actor} == set(claims)
