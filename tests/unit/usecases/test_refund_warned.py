"""A small payment that the card network warns of is refunded at once, where the policy has a figure for it."""

from dataclasses import replace

import pytest

from ledger.domain.facts import FraudWarned, RefundState
from ledger.domain.refund_cases import BY_POLICY, CaseState, DecisionOutcome, RefundCase, RefundReason
from ledger.policy.parameters import PolicyParameters
from ledger.policy.rules import decide
from ledger.ports.documents import DocumentKind
from ledger.usecases.refund_cases.decide_deferred import decide_deferred
from ledger.usecases.refund_cases.follow_refunds import follow
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
    refund_context,
)
from tools.testing.fakes import FakeStore, world
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


@pytest.mark.parametrize(
    "policy",
    [
        POLICY,
        replace(POLICY, fraud_warning_refund_up_to_minor={"USD": 1999}),
        replace(POLICY, fraud_warning_refund_up_to_minor={"EUR": 5000}),
    ],
    ids=["off", "above the figure", "another currency"],
)
def test_otherwise_the_flag_alone_tells_support(policy: PolicyParameters) -> None:
    """No case, no mail, no refund; and nothing waits."""
    store = warned()
    mails = list(store.mail_intents())
    assert looked(store, policy) == []
    assert (world(store).cases, list(store.outbox()), list(store.mail_intents())) == ({}, [], mails)
    assert not list(store.deferred_cases())
    assert FLAG in store.accounts[ADA].flags


def test_what_is_disputed_by_now_or_no_longer_warned_of_is_not_refunded() -> None:
    """A refund beside a dispute would return the money twice."""
    for event in (event_of(dispute()), event_of(replace(WARNING, is_actionable=False, at=at(21)))):
        store = warned()
        record_events(store, event, now=at(25))
        assert looked(store) == []
        assert not list(store.deferred_cases())
        assert not world(store).cases


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
