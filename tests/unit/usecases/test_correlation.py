"""A correlation id joins what one delivery, request or job wrote, and a refund to its case from end to end."""

from dataclasses import replace

from ledger.domain.entries import EntryKind
from ledger.domain.facts import RefundState
from ledger.domain.ids import job_correlation_id, request_correlation_id
from ledger.domain.refund_cases import DecisionOutcome
from ledger.usecases.expire_credits import expire_account
from ledger.usecases.refund_cases.decide_case import DECISIONS_ROUTE, ReviewDecision
from ledger.usecases.send_refunds import send_refund
from ledger.usecases.usage import RUNS_ROUTE, draw_credits, fail_run
from tools.testing.builders import (
    ADA,
    LATER,
    PI,
    POLICY,
    at,
    event_of,
    paid,
    payment,
    record_events,
    refund,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore
from tools.testing.unguarded import decide_case

HALF = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Half.",), clause="6", money_minor=1000)


def newest(store: FakeStore, kind: EntryKind) -> str:
    """The correlation id of the account's newest entry of this kind."""
    return next(entry.correlation_id for entry in store.entries(ADA) if entry.kind is kind)


def test_a_delivery_is_correlated_by_its_event() -> None:
    """The receipt and the entries that it wrote."""
    store, event = FakeStore(), paid(event_id="evt_1")
    record_events(store, event, replace(event_of(refund(500)), event_id="evt_2"))
    found = {receipt.event_id: receipt.correlation_id for receipt in store.receipts.values()}
    assert found == {"evt_1": "stripe:evt_1", "evt_2": "stripe:evt_2"}
    assert newest(store, EntryKind.GRANT) == "stripe:evt_1"
    assert newest(store, EntryKind.CLAWBACK) == "stripe:evt_2"


def test_what_waited_is_correlated_with_the_delivery_that_booked_it() -> None:
    """The clawback has its refund as its cause, and was written by the payment."""
    store = FakeStore()
    record_events(store, replace(event_of(refund(500)), event_id="evt_refund"), paid(event_id="evt_paid"))
    assert newest(store, EntryKind.CLAWBACK) == newest(store, EntryKind.GRANT) == "stripe:evt_paid"


def test_a_refund_is_followed_by_its_case_from_the_decision_to_the_providers_news() -> None:
    """What the provider reports of a refund with our tag belongs to the case, whatever event reports it."""
    store, provider = FakeStore(), FakeProvider()
    record_events(store, paid())
    case = request_refund(store, refund_claim(key="key_1"), minute=60)
    assert case.correlation_id == request_correlation_id(ADA, "refund-requests", "key_1")
    case = decide_case(case.case_id, HALF, "sam", store, POLICY, now=at(70), key="click_1")
    assert newest(store, EntryKind.RESERVE) == request_correlation_id(ADA, DECISIONS_ROUTE, "click_1")
    send_refund(case.tag, store, lambda _: provider, clock=lambda: at(80))
    settled = replace(event_of(provider.move_refund_to(RefundState.SUCCEEDED), names=(PI,)), event_id="evt_settled")
    record_events(store, settled)
    (receipt,) = (receipt for receipt in store.receipts.values() if receipt.event_id == "evt_settled")
    assert receipt.correlation_id == newest(store, EntryKind.CLAWBACK) == case.case_id


def test_a_decision_without_a_key_is_correlated_with_its_case() -> None:
    """There is nothing else by which its repetition would be known."""
    store = FakeStore()
    record_events(store, paid())
    case = request_refund(store, refund_claim(), minute=60)
    decide_case(case.case_id, HALF, "sam", store, POLICY, now=at(70))
    assert newest(store, EntryKind.RESERVE) == case.case_id


def test_a_runs_draw_and_return_are_one_correlation() -> None:
    """Derived from its id, so that a repetition has the same."""
    store = FakeStore()
    record_events(store, paid())
    draw_credits(ADA, "run_1", 10, store, now=LATER)
    fail_run(ADA, "run_1", store, now=LATER)
    of_the_run = request_correlation_id(ADA, RUNS_ROUTE, "run_1")
    assert newest(store, EntryKind.DRAW) == newest(store, EntryKind.RETURN) == of_the_run


def test_a_job_is_correlated_by_its_name_and_time() -> None:
    """All accounts of one run, so that its work is found together."""
    store = FakeStore()
    record_events(store, paid(payment(expires_at=at(60))))
    expire_account(ADA, store, now=at(90))
    assert newest(store, EntryKind.EXPIRE) == job_correlation_id("expire_credits", at(90))
    assert job_correlation_id("expire_credits", at(90)) == "job:expire_credits:2026-11-01T13:30:00Z"
