"""A payment that the card network warns of, or that a bank asks about: refunded by the policy's figure, or a case."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger.domain.facts import DisputeState, FraudWarned, RefundState
from ledger.domain.refund_cases import (
    BY_POLICY,
    CaseState,
    DecisionOutcome,
    PaymentConcern,
    RefundCase,
    RefundReason,
)
from ledger.policy.parameters import PolicyParameters
from ledger.policy.rules import decide
from ledger.ports.documents import DocumentKind
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.send_refunds import send_refund
from tools.testing.builders import (
    ADA,
    CH,
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
    refund_context,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore, world
from tools.testing.unguarded import decide_case, decide_deferred
from tools.verify import check

ON = replace(POLICY, fraud_warning_refund_up_to_minor={"USD": 2000})
WARNING = FraudWarned(
    warning_id="issfr_1", is_actionable=True, at=at(10), cause="stripe:evt", money_id=PI, charge_id=CH
)
FLAG = "fraud_warning:stripe:issfr_1"


def warned(*, is_first: bool = False, paid_minor: int = 2000) -> FakeStore:
    """A payment, and a warning of it that is received before or after."""
    store = FakeStore()
    events = [paid(payment(paid_minor=paid_minor)), event_of(WARNING)]
    for event in reversed(events) if is_first else events:
        record_events(store, event, now=at(20))
    return store


def looked(store: FakeStore, policy: PolicyParameters = ON, minute: float = 30) -> list[RefundCase]:
    """One round of the job. Everything holds before and after."""
    assert not [one for one in check(world(store)) if one.broken]
    decided = decide_deferred(store, policy, now=at(minute))
    assert not [one for one in check(world(store)) if one.broken]
    return decided


@pytest.mark.parametrize("is_first", [False, True], ids=["payment first", "warning first"])
def test_a_small_warned_payment_is_refunded_once_through_the_outbox(*, is_first: bool) -> None:
    """With its case, decision and reason. Its credits are reserved. Repetitions change nothing."""
    store = warned(is_first=is_first)
    (case,) = looked(store)
    assert case.decision
    assert (case.state, case.reason, case.opened_by) == (CaseState.APPROVED, RefundReason.FRAUD_WARNING, BY_POLICY)
    assert (case.decision.rule, case.decision.clause, case.decision.money_minor) == ("fraud_warning", "5", 2000)
    assert [reason.key for reason in case.decision.reasons] == ["decision.fraud_warning_refunded"]
    assert [intent.tag for intent in store.outbox()] == [case.tag]
    assert store.accounts[ADA].spendable(at(31)) == 0
    record_events(store, event_of(replace(WARNING, at=at(40))), now=at(41))
    assert looked(store, minute=42) == []
    assert len(list(store.outbox())) == 1
    assert FLAG in store.accounts[ADA].flags


def test_the_flag_goes_when_the_warning_is_settled_and_a_new_one_refunds_nothing_again() -> None:
    """The provider says that it can't be acted on any more, once the money went back."""
    store = warned()
    (case,) = looked(store)
    sent = replace(refund(2000, minute=50, state=RefundState.SUCCEEDED), tag=case.tag)
    record_events(store, event_of(sent), event_of(replace(WARNING, is_actionable=False, at=at(51))), now=at(52))
    assert [one.state for one in follow(PI, store, now=at(53))] == [CaseState.REFUNDED]
    assert FLAG not in store.accounts[ADA].flags
    record_events(store, event_of(replace(WARNING, warning_id="issfr_2", at=at(60))), now=at(61))
    assert looked(store, minute=62) == []
    assert len(world(store).cases) == 1


OFF = [
    POLICY,
    replace(POLICY, fraud_warning_refund_up_to_minor={"USD": 1999}),
    replace(POLICY, fraud_warning_refund_up_to_minor={"EUR": 5000}),
]
DECLINED = ReviewDecision(outcome=DecisionOutcome.DECLINE, words=("It is in order.",), clause="5")
APPROVED = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("It was lost.",), clause="6", money_minor=2000)
INQUIRY = dispute(state=DisputeState.INQUIRY)


def inquired(*, is_first: bool = False) -> FakeStore:
    """A payment that the cardholder's bank asks about, before it is received or after."""
    store = FakeStore()
    events = [paid(payment(paid_minor=2000)), event_of(INQUIRY)]
    for event in reversed(events) if is_first else events:
        record_events(store, event, now=at(20))
    return store


def case_of(store: FakeStore) -> RefundCase:
    """The only case."""
    (case,) = world(store).cases.values()
    return case


@pytest.mark.parametrize("policy", OFF, ids=["off", "above the figure", "another currency"])
@pytest.mark.parametrize("is_first", [False, True], ids=["payment first", "warning first"])
def test_otherwise_a_person_has_the_warning_as_a_case(policy: PolicyParameters, *, is_first: bool) -> None:
    """In the queue, without a mail and without a refund; once, also when the warning is reported again."""
    store = warned(is_first=is_first)
    mails = list(store.mail_intents())
    (case,) = looked(store, policy)
    assert (case.state, case.reason, case.opened_by) == (CaseState.IN_REVIEW, RefundReason.FRAUD_WARNING, BY_POLICY)
    assert case.decision
    assert (case.decision.rule, case.decision.recommended) == ("fraud_warning", None)
    assert [queued.case_id for queued in store.review_queue(10).items] == [case.case_id]
    for number in (1, 2):
        again = replace(WARNING, warning_id=f"issfr_{number}", at=at(40 + number))
        record_events(store, event_of(again), now=at(45))
        assert looked(store, policy, minute=100 * number) == []
    assert (list(store.outbox()), list(store.mail_intents())) == ([], mails)
    assert FLAG in store.accounts[ADA].flags


@pytest.mark.parametrize("is_first", [False, True], ids=["payment first", "inquiry first"])
def test_an_inquiry_is_a_case_too_and_is_never_refunded_by_itself(*, is_first: bool) -> None:
    """A person answers the bank. Another inquiry is part of the case while that is open, and has its own after that."""
    store = inquired(is_first=is_first)
    mails = list(store.mail_intents())
    (case,) = looked(store)
    assert (case.state, case.reason) == (CaseState.IN_REVIEW, RefundReason.INQUIRY)
    assert case.decision
    assert case.decision.rule == "inquiry"
    record_events(store, event_of(replace(INQUIRY, at=at(30))), now=at(31))
    record_events(store, event_of(replace(INQUIRY, dispute_id="dp_2", at=at(32))), now=at(33))
    assert looked(store, minute=40) == []
    assert list(store.mail_intents()) == mails
    decide_case(case.case_id, DECLINED, "sam", store, POLICY, now=at(50))
    assert looked(store, minute=95) == []
    assert (not list(store.deferred_cases()), list(store.mail_intents())) == (True, mails)
    record_events(store, event_of(replace(INQUIRY, dispute_id="dp_3", at=at(170))), now=at(171))
    (later,) = looked(store, minute=180)
    assert (later.state, later.case_id == case.case_id) == (CaseState.IN_REVIEW, False)


LOOKED_AT = {
    "a dispute": [event_of(dispute(minute=50)), event_of(replace(WARNING, is_actionable=False, at=at(51)))],
    "a refund": [event_of(refund(2000, minute=50)), event_of(replace(WARNING, is_actionable=False, at=at(51)))],
}


@pytest.mark.parametrize("make", [warned, inquired])
@pytest.mark.parametrize("follows", LOOKED_AT)
def test_a_case_closes_by_itself_once_a_dispute_or_a_refund_has_decided(
    make: Callable[[], FakeStore], follows: str
) -> None:
    """Nobody has to look, and nobody is told: the customer asked for nothing."""
    store = make()
    (case,) = looked(store, POLICY)
    for event in LOOKED_AT[follows]:
        record_events(store, event, now=at(55))
    mails = list(store.mail_intents())
    assert looked(store, POLICY, minute=85) == [], "it is looked at every hour"
    (closed,) = looked(store, POLICY, minute=95)
    assert (closed.case_id, closed.state, closed.decided_by) == (case.case_id, CaseState.DECLINED, BY_POLICY)
    assert not store.review_queue(10).items
    assert not [one for one in store.deferred_cases() if one.concern is not PaymentConcern.REFUNDED]
    assert list(store.mail_intents()) == mails
    assert looked(store, POLICY, minute=200) == []


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 1, 0)])
def test_a_case_closes_by_itself_once_the_bank_has_closed_its_inquiries(order: tuple[int, int, int]) -> None:
    """All of them, in whatever order that is reported."""
    store = inquired()
    second = replace(INQUIRY, dispute_id="dp_2", at=at(22))
    record_events(store, event_of(second), now=at(23))
    (case,) = looked(store)
    mails = list(store.mail_intents())
    closed = [replace(one, state=DisputeState.INQUIRY_CLOSED, at=at(50)) for one in (INQUIRY, second)]
    late = replace(second, at=at(40))
    reports = [*closed, late]
    for number, position in enumerate(order):
        record_events(store, event_of(reports[position]), now=at(55 + number))
        is_over = {0, 1} <= set(order[: number + 1])
        found = looked(store, minute=100 + 100 * number)
        assert case_of(store).state is (CaseState.DECLINED if is_over else CaseState.IN_REVIEW)
        if found:
            (one,) = found
            assert one.decision
            assert (one.case_id, one.decided_by, one.decision.rule) == (case.case_id, BY_POLICY, "inquiry")
            assert one.decision.reasons[0].key == "decision.inquiry_closed"
    assert (list(store.review_queue(10).items), list(store.deferred_cases())) == ([], [])
    assert (list(store.mail_intents()), list(store.outbox())) == (mails, [])
    assert store.accounts[ADA].flags == {}


def test_what_a_person_decided_of_an_inquiry_stands_once_it_is_closed() -> None:
    """No job decides it again."""
    store = inquired()
    (case,) = looked(store)
    decide_case(case.case_id, DECLINED, "sam", store, POLICY, now=at(40))
    record_events(store, event_of(replace(INQUIRY, state=DisputeState.INQUIRY_CLOSED, at=at(50))), now=at(55))
    assert looked(store, minute=100) == []
    assert (case_of(store).state, case_of(store).decided_by) == (CaseState.DECLINED, "sam")


@pytest.mark.parametrize(
    ("make", "follows"),
    [(inquired, DisputeState.INQUIRY_CLOSED), (inquired, DisputeState.OPEN), (warned, DisputeState.OPEN)],
)
def test_a_case_that_a_person_has_approved_is_declined_by_no_job(
    make: Callable[[], FakeStore], follows: DisputeState
) -> None:
    """The refund failed, and whoever approved it decides again."""
    store, provider = make(), FakeProvider()
    (case,) = looked(store, POLICY)
    approved = decide_case(case.case_id, APPROVED, "sam", store, POLICY, now=at(40))
    send_refund(approved.tag, store, lambda _: provider, clock=lambda: at(41))
    record_events(store, event_of(provider.move_refund_to(RefundState.FAILED)), now=at(45))
    follow(PI, store, now=at(46))
    record_events(store, event_of(replace(INQUIRY, state=follows, at=at(50))), now=at(55))
    assert looked(store, POLICY, minute=200) == []
    assert case_of(store).state is CaseState.IN_REVIEW
    assert [one.case_id for one in store.review_queue(10).items] == [case.case_id]


def test_a_request_that_was_declined_before_does_not_answer_a_warning() -> None:
    """The customer asked then; the card network warns now."""
    store = FakeStore()
    record_events(store, paid(payment(paid_minor=2000)), now=at(1))
    claim = refund_claim(RefundReason.UNRECOGNISED_CHARGE)
    asked = request_refund(store, claim, minute=5)
    decide_case(asked.case_id, DECLINED, "sam", store, POLICY, now=at(7))
    record_events(store, event_of(WARNING), now=at(20))
    (case,) = looked(store, POLICY)
    assert (case.state, case.decision and case.decision.rule) == (CaseState.IN_REVIEW, "fraud_warning")


def test_a_warning_is_no_letter_of_the_customers() -> None:
    """Its case has no priority when the payment is disputed later: nobody wrote to us before that."""
    store = warned()
    assert len(looked(store, POLICY)) == 1
    record_events(store, event_of(dispute(minute=50)), now=at(51))
    follow(PI, store, now=at(52))
    assert not case_of(store).is_priority
    assert not case_of(store).wrote_before(at(50))


@pytest.mark.parametrize("make", [warned, inquired])
def test_what_is_disputed_by_now_or_over_is_no_case(make: Callable[[], FakeStore]) -> None:
    """A refund beside a dispute would return the money twice, and nothing is left for a person to decide."""
    closed = dispute(DisputeState.INQUIRY_CLOSED, minute=21)
    over = [event_of(replace(WARNING, is_actionable=False, at=at(21))), event_of(closed)]
    for events in ([event_of(dispute())], over):
        store = make()
        record_events(store, *events, now=at(25))
        assert looked(store) == []
        assert not list(store.deferred_cases())
        assert not world(store).cases


@pytest.mark.parametrize("make", [warned, inquired])
@pytest.mark.parametrize("state", [RefundState.FAILED, RefundState.SUCCEEDED])
def test_while_its_money_is_on_its_way_back_it_waits(make: Callable[[], FakeStore], state: RefundState) -> None:
    """A person refunds all of it at the provider. Only if that fails there is something left to look at."""
    store = make()
    record_events(store, event_of(refund(2000, minute=21, state=RefundState.PENDING)), now=at(22))
    assert looked(store, POLICY) == []
    record_events(store, event_of(refund(2000, minute=40, state=state)), now=at(41))
    assert len(looked(store, POLICY, minute=95)) == (state is RefundState.FAILED)
    waiting = [one for one in store.deferred_cases() if one.concern is not PaymentConcern.REFUNDED]
    assert bool(waiting) is (state is RefundState.FAILED)


@pytest.mark.parametrize("make", [warned, inquired])
@pytest.mark.parametrize("is_seen_first", [False, True], ids=["no case", "a case that closed"])
def test_what_had_gone_back_and_failed_later_is_looked_at_anew(
    make: Callable[[], FakeStore], *, is_seen_first: bool
) -> None:
    """A bank can return a refund that had succeeded. Nothing stands in the queue by then, and a case may be closed."""
    store = make()
    cases = len(looked(store, POLICY)) if is_seen_first else 0
    record_events(store, event_of(refund(2000, minute=40)), now=at(41))
    assert len(looked(store, POLICY, minute=95)) == cases
    assert not [one for one in store.deferred_cases() if one.concern is not PaymentConcern.REFUNDED]
    for _ in range(2):
        record_events(store, event_of(refund(2000, minute=200, state=RefundState.FAILED)), now=at(201))
    (case,) = looked(store, POLICY, minute=205)
    assert case.state is CaseState.IN_REVIEW
    assert len(world(store).cases) == cases + 1
    assert looked(store, POLICY, minute=300) == []


def test_while_decisions_are_paused_it_waits() -> None:
    """And is decided after that."""
    store = warned()
    assert looked(store, replace(ON, is_paused=True)) == []
    assert [key.kind for key in world(store).queued_cases] == [DocumentKind.DEFERRED_QUEUE]
    assert len(looked(store, minute=60)) == 1


@pytest.mark.parametrize(
    ("left_minor", "is_subscription", "expected"),
    [
        (2000, False, (DecisionOutcome.APPROVE, 2000, False)),
        (700, True, (DecisionOutcome.APPROVE, 700, True)),
        (2001, True, (DecisionOutcome.REVIEW, 0, False)),
    ],
)
def test_the_rule_refunds_what_is_left_up_to_the_figure(
    left_minor: int, *, is_subscription: bool, expected: tuple[DecisionOutcome, int, bool]
) -> None:
    """And ends the subscription, which a stolen card pays for. Above the figure a person decides."""
    context = refund_context(
        RefundReason.FRAUD_WARNING, paid_minor=5000, refundable_minor=left_minor, is_subscription=is_subscription
    )
    decision = decide(context, replace(ON, fraud_warning_refund_up_to_minor={"EUR": 2000}))
    assert (decision.outcome, decision.money_minor, decision.ends_subscription) == expected
    assert (decision.rule, decision.clause) == ("fraud_warning", "5")
