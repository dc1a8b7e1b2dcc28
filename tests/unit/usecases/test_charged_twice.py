"""What was paid above one price goes back once, whichever payment is named and whatever takes the other one."""

from dataclasses import replace

import pytest

from ledger.domain.facts import DisputeState, RefundState
from ledger.domain.ids import PaymentId
from ledger.domain.refund_cases import CHARGED_TWICE, CaseState, DecisionOutcome, RefundCase, RefundReason
from ledger.policy import rules
from ledger.usecases.refund_cases.cases import read_case
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.send_refunds import SendResult, send_refund
from tests.contract.test_cases import HALF
from tools.testing.builders import (
    ADA,
    PI,
    POLICY,
    at,
    dispute,
    event_of,
    ordered,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore, world
from tools.testing.unguarded import decide_case
from tools.verify import check

AGAIN = PaymentId("stripe:pi_2")
TWINS = [(PI, AGAIN), (AGAIN, PI)]


def paid_twice() -> FakeStore:
    """One order of 20.00 that was paid twice."""
    store = FakeStore()
    first = ordered(store)
    record_events(store, paid(first), paid(payment(AGAIN, fulfilment_key=first.fulfilment_key, minute=1)))
    return store


def named(store: FakeStore, payment_id: PaymentId, *, minute: float = 60) -> RefundCase:
    """The customer reports one of the payments as the second charge."""
    return request_refund(
        store, refund_claim(RefundReason.CHARGED_TWICE, payment_id=payment_id, key=payment_id), minute=minute
    )


def send(store: FakeStore, provider: FakeProvider, case: RefundCase, minute: float = 62) -> SendResult:
    """Send a case's latest approval."""
    return send_refund(case.tag, store, lambda _: provider, clock=lambda: at(minute))


def sound(store: FakeStore) -> bool:
    """Whether every invariant holds."""
    return not [finding for finding in check(world(store)) if finding.broken]


@pytest.mark.parametrize("state", [None, RefundState.PENDING, RefundState.SUCCEEDED])
@pytest.mark.parametrize("is_sent", [False, True], ids=["approved", "sent"])
@pytest.mark.parametrize(("one", "other"), TWINS)
def test_of_two_payments_for_one_order_one_is_refunded(
    one: PaymentId, other: PaymentId, state: RefundState | None, *, is_sent: bool
) -> None:
    """The second request is never approved, however far the refund of the first has come."""
    store, provider = paid_twice(), FakeProvider()
    first = named(store, one)
    assert (first.state, first.decision and first.decision.money_minor) == (CaseState.APPROVED, 2000)
    if is_sent:
        assert send(store, provider, first) is SendResult.SENT
    if state:
        record_events(store, event_of(replace(refund(2000, state=state, minute=65), tag=first.tag), names=(one,)))
        follow(one, store, now=at(66))
    assert named(store, other, minute=70).state is CaseState.IN_REVIEW
    assert store.accounts[ADA].balance == 1000
    assert sound(store)


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_a_refund_that_failed_leaves_the_other_payment_to_be_refunded(one: PaymentId, other: PaymentId) -> None:
    """Its money came back to us."""
    store = paid_twice()
    first = named(store, one)
    assert send(store, FakeProvider(), first) is SendResult.SENT
    failed = replace(refund(2000, state=RefundState.FAILED, minute=65), tag=first.tag)
    record_events(store, event_of(failed, names=(one,)))
    assert named(store, other, minute=70).state is CaseState.APPROVED


@pytest.mark.parametrize(
    ("state", "case_state"),
    [
        (DisputeState.OPEN, CaseState.IN_REVIEW),
        (DisputeState.APPEALED, CaseState.IN_REVIEW),
        (DisputeState.LOST, CaseState.IN_REVIEW),
        (DisputeState.RESOLVED, CaseState.IN_REVIEW),
        (DisputeState.INQUIRY, CaseState.APPROVED),
        (DisputeState.WON, CaseState.APPROVED),
    ],
)
@pytest.mark.parametrize(("one", "other"), TWINS)
def test_a_duplicate_is_not_refunded_beside_a_dispute_that_may_return_the_other_payment(
    one: PaymentId, other: PaymentId, state: DisputeState, case_state: CaseState
) -> None:
    """A customer who refuses one charge at the bank and reports the other one here would get both back."""
    store = paid_twice()
    record_events(store, event_of(dispute(state), names=(one,)))
    case = named(store, other)
    assert case.state is case_state
    assert case_state is CaseState.APPROVED or case.decision.recommended is DecisionOutcome.DECLINE  # type: ignore[union-attr]
    assert sound(store)


@pytest.mark.parametrize(
    ("fact", "recommended"),
    [
        (dispute(DisputeState.OPEN, 2000), DecisionOutcome.DECLINE),
        (dispute(DisputeState.OPEN, 100), DecisionOutcome.DECLINE),
        (replace(dispute(DisputeState.OPEN), currency="EUR"), DecisionOutcome.DECLINE),
        (dispute(DisputeState.LOST, 2000), DecisionOutcome.DECLINE),  # nothing of it is left: no second charge
        (dispute(DisputeState.WON), DecisionOutcome.APPROVE),
        (dispute(DisputeState.INQUIRY), DecisionOutcome.APPROVE),
        (None, DecisionOutcome.APPROVE),
    ],
    ids=["open", "open for a part", "open in euros", "lost", "won", "inquiry", "nothing"],
)
@pytest.mark.parametrize(("one", "other"), TWINS)
def test_of_two_orders_that_look_alike_none_is_recommended_beside_a_dispute_of_the_other(
    one: PaymentId, other: PaymentId, fact: object, recommended: DecisionOutcome
) -> None:
    """A person decides, and sees why: the bank may return the other one."""
    store = FakeStore()
    record_events(store, paid(), paid(payment(AGAIN, minute=1)))
    if fact:
        record_events(store, event_of(fact, names=(one,)))  # type: ignore[arg-type]
    case = named(store, other)
    assert (case.state, case.decision and case.decision.recommended) == (CaseState.IN_REVIEW, recommended)


@pytest.mark.parametrize(
    ("fact", "result"),
    [
        (dispute(DisputeState.OPEN, minute=61), SendResult.ABANDONED),
        (dispute(DisputeState.LOST, minute=61), SendResult.ABANDONED),
        (dispute(DisputeState.OPEN, 1, minute=61), SendResult.ABANDONED),
        (refund(2000, minute=61), SendResult.ABANDONED),
        (refund(2000, state=RefundState.PENDING, minute=61), SendResult.ABANDONED),
        (dispute(DisputeState.WON, minute=61), SendResult.SENT),
        (refund(2000, state=RefundState.FAILED, minute=61), SendResult.SENT),
        (None, SendResult.SENT),
    ],
    ids=["open", "lost", "open for a cent", "refunded", "pending", "won", "failed", "nothing"],
)
@pytest.mark.parametrize(("one", "other"), TWINS)
def test_what_takes_the_other_payment_before_the_refund_is_sent_stops_it(
    one: PaymentId, other: PaymentId, fact: object, result: SendResult
) -> None:
    """A refund may wait for hours, for another one at Paddle. A person may still decide so."""
    store, provider = paid_twice(), FakeProvider()
    case = named(store, one)
    if fact:
        record_events(store, event_of(fact, names=(other,)))  # type: ignore[arg-type]
    assert send(store, provider, case) is result
    assert sound(store)
    if result is SendResult.SENT:
        assert provider.refunded_minor == 2000
        return
    after = read_case(ADA, case.case_id, store)
    assert (after.state, after.history[-1].cause.key) == (CaseState.IN_REVIEW, "not_sent.no_duplicate")
    assert provider.calls == []
    decided = decide_case(case.case_id, HALF, "sam", store, POLICY, now=at(80))
    assert send(store, provider, decided, 81) is SendResult.SENT
    assert provider.refunded_minor == 1000


def test_the_sender_knows_the_rule_by_its_name() -> None:
    """A decision is stored with it."""
    assert rules.charged_twice.__name__ == CHARGED_TWICE
    assert rules.charged_twice in rules.RULES
