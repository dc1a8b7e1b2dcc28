"""Sales that share their money: what one of them knows of it never undoes what another one needs."""

import itertools
from dataclasses import replace

import pytest

from ledger.domain.facts import DisputeState, RefundTotalReported
from ledger.domain.ids import PaymentId
from ledger.domain.refund_cases import DecisionOutcome
from ledger.usecases.refund_cases.decide_case import ReviewDecision, decide_case
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.send_refunds import send_refund
from tests.unit.usecases.test_links import IN_2, linked
from tools.testing.builders import (
    ADA,
    CH,
    IN,
    PI,
    POLICY,
    at,
    dispute,
    event_of,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore, world
from tools.verify import check

TWIN = PaymentId("stripe:in_3")
PERIOD = "period/stripe:sub_1/2026-11-01T00:00:00Z"
LOTS = ("stripe:in_1/0", "stripe:in_2/0")


def shared() -> FakeStore:
    """Two invoices of 15.00 for 1,000 credits each, both paid by one PaymentIntent."""
    store = FakeStore()
    record_events(store, paid(payment(IN, paid_minor=1500)), paid(payment(IN_2, paid_minor=1500)))
    record_events(store, linked(IN, PI, 1500), linked(IN_2, PI, 1500))
    return store


@pytest.mark.parametrize("order", itertools.permutations(("refund", "total")), ids="-".join)
def test_our_refund_of_one_sale_leaves_the_credits_of_the_other(order: tuple[str, ...]) -> None:
    """The charge's running total contains it."""
    store = shared()
    case = request_refund(store, refund_claim(payment_id=IN))
    all_of_it = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Yes.",), clause="6", money_minor=1500)
    approved = decide_case(case.case_id, all_of_it, "sam", store, POLICY, now=at(61))
    send_refund(approved.tag, store, lambda _: FakeProvider(), clock=lambda: at(62))
    total = RefundTotalReported(
        charge_id="ch_1", total_minor=1500, currency="USD", at=at(64), cause="stripe:evt", money_id=PI
    )
    told = {
        "refund": event_of(replace(refund(1500, minute=63), tag=approved.tag, money_id=PI), names=(PI, CH)),
        "total": event_of(total, names=(PI, CH)),
    }
    record_events(store, *(told[name] for name in order))
    lots = dict(store.accounts[ADA].lots) | {lot_id: lot for (_, lot_id), lot in store.closed_lots.items()}
    assert [lots[lot_id].remaining for lot_id in LOTS] == [0, 1000]
    follow(IN, store, now=at(65))
    assert [finding for finding in check(world(store)) if finding.broken] == []


def test_a_twin_of_one_sale_does_not_lift_the_hold_that_the_other_one_needs() -> None:
    """For the first invoice's period another payment stands. Nothing else pays for the second one."""
    store = FakeStore()
    renewal = replace(payment(IN, paid_minor=1500, fulfilment_key=PERIOD), subscription_id="stripe:sub_1")
    record_events(store, paid(renewal), paid(payment(IN_2, paid_minor=1500)))
    record_events(store, paid(replace(renewal, payment_id=TWIN, at=at(1))))
    record_events(store, linked(IN, PI, 1500), linked(IN_2, PI, 1500))
    for number, state in enumerate(
        (DisputeState.OPEN, DisputeState.UNDER_REVIEW, DisputeState.LOST, DisputeState.LOST), start=20
    ):
        news = replace(dispute(state, 3000, minute=number), money_id=PI)
        record_events(store, event_of(news, names=(PI, CH)))
        assert store.accounts[ADA].status == "suspended", state
        assert [finding for finding in check(world(store)) if finding.broken] == []
    record_events(store, event_of(replace(dispute(DisputeState.WON, 3000, minute=30), money_id=PI), names=(PI, CH)))
    assert store.accounts[ADA].status == "active"
