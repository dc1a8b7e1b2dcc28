"""The review queue and its claims, on every engine."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

from ledger.domain.claims import CLAIMED_FOR
from ledger.domain.facts import DisputeState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.refund_cases import DecisionOutcome, RefundCase, RefundReason
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.store import Store
from ledger.usecases.refund_cases.claim_case import claim_case, read_claim, release_case
from ledger.usecases.refund_cases.decide_case import ReviewDecision, decide_case
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

CASE = "case_1"


def requested(store: Store, number: int = 1) -> RefundCase:
    """A customer asks for money because runs have failed, so that a person decides."""
    account_id, payment_id = AccountId(f"acct_{number}"), PaymentId(f"stripe:pi_{number}")
    record_events(store, paid(payment(payment_id, account_id=account_id)))
    claim = refund_claim(account_id=account_id, payment_id=payment_id, key=f"k{number}")
    return request_refund(store, claim)


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
    asked = first.opened_at
    for case, days in ((first, 1), (second, -1)):
        opened = replace(
            dispute(DisputeState.OPEN), dispute_id=f"dp_{case.account_id}", at=asked + timedelta(days=days)
        )
        record_events(any_store, event_of(opened, names=(case.payment_id,)))
    assert {one.case.case_id for one in waiting(any_store) if one.is_priority} == {first.case_id}


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


def test_of_many_who_claim_at_once_one_has_it(real_store: DynamoDBStore) -> None:
    """And all are answered with that one."""
    people = [f"person_{number}" for number in range(8)]
    claim = partial(claim_case, ADA, CASE, store=real_store, now=at(0))
    claims = [one.actor for one in at_once([partial(claim, who) for who in people])]
    assert len(set(claims)) == 1
    stored = read_claim(ADA, CASE, real_store)
    assert stored
    assert {stored.actor} == set(claims)
