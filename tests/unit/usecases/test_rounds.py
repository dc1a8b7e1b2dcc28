"""What each round of a job takes up: how far back it looks, how often, and what it removes from its list."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ledger.domain.events import Event
from ledger.domain.facts import RefundState
from ledger.domain.ids import PaymentId
from ledger.domain.receipts import ParkReason, Receipt, RecordOutcome, Trigger
from ledger.domain.refund_cases import CaseState, QueuedCase
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import case_key, deferred_queue_key
from ledger.ports.store import Store
from ledger.usecases.record_event import release_parked
from ledger.usecases.refund_cases.cases import read_case
from ledger.usecases.refund_cases.decide_case import decide_case
from ledger.usecases.refund_cases.decide_deferred import decide_deferred
from ledger.usecases.refund_cases.follow_refunds import follow, follow_all
from ledger.usecases.release_parked import release_all
from ledger.usecases.send_refunds import send_refund
from ledger.usecases.sweep import is_hour_of
from tests.contract.test_cases import HALF, INSTEAD
from tools.testing.builders import (
    ADA,
    LATER,
    NOON,
    PI,
    POLICY,
    at,
    event_of,
    paid,
    payment,
    record_events,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore

SECOND = PaymentId("stripe:pi_2")


def hour_of(name: str, after: datetime) -> datetime:
    """The first time from then on at which an item has its turn of the day."""
    return next(moment for hour in range(24) if is_hour_of(name, moment := after + timedelta(hours=hour)))


@pytest.mark.parametrize(("days", "is_followed"), [(88, True), (92, False)])
def test_a_refund_that_has_ended_is_followed_for_ninety_days(days: int, is_followed: bool) -> None:
    """A bank may send it back weeks later, and the stream may not have told."""
    store, provider = FakeStore(), FakeProvider()
    record_events(store, paid())
    case = decide_case(request_refund(store, refund_claim()).case_id, HALF, "sam", store, POLICY, now=at(70), key=None)
    send_refund(case.tag, store, lambda _: provider, clock=lambda: at(80))
    record_events(store, event_of(provider.move_refund_to(RefundState.SUCCEEDED), names=(PI,)))
    follow(PI, store, now=at(90))
    record_events(store, event_of(provider.move_refund_to(RefundState.FAILED), names=(PI,)))
    followed = follow_all(store, now=hour_of(case.case_id, at(90) + timedelta(days=days)))
    assert [one.case_id for one in followed] == ([case.case_id] if is_followed else [])


def test_each_case_that_is_replaced_gives_its_credits() -> None:
    """Two cases of one account are two grants of goodwill."""
    store = FakeStore()
    record_events(store, paid(), paid(payment(SECOND)))
    for name in (PI, SECOND):
        case = request_refund(store, refund_claim(payment_id=name, key=name))
        decide_case(case.case_id, INSTEAD, "sam", store, POLICY, now=at(70))
    assert store.accounts[ADA].spendable(at(80)) == 2500


def test_a_deferred_case_that_was_decided_otherwise_leaves_the_list() -> None:
    """It is decided no second time, and no later round reads it again."""
    store = FakeStore()
    record_events(store, paid())
    case = request_refund(store, refund_claim())
    decided = decide_case(case.case_id, HALF, "sam", store, POLICY, now=at(70))
    queued = QueuedCase(case_id=case.case_id, account_id=ADA, since=at(60))
    store.commit(Commit(documents=(DocumentChange(deferred_queue_key(case), queued),)))
    assert decide_deferred(store, POLICY, now=at(80)) == []
    assert list(store.deferred_cases()) == []
    assert read_case(ADA, case.case_id, store) == replace(decided, version=decided.version + 1)
    assert decided.state is CaseState.APPROVED
    assert case_key(ADA, case.case_id) in store.documents


def parked(number: int, received_at: datetime, reason: ParkReason) -> Receipt:
    """A receipt that waits since then."""
    return Receipt(
        provider="stripe",
        event_id=f"evt_{number}",
        event_type="invoice.paid",
        occurred_at=NOON,
        received_at=received_at,
        outcome=RecordOutcome.PARKED,
        body_sha256="0" * 64,
        correlation_id=f"stripe:evt_{number}",
        customer_id="stripe:cus_1",
        parked_reason=reason,
        body=b"{}",
    )


def tried(store: Store, now: datetime) -> set[str]:
    """The ids of the events that a round tries. None of them can be booked."""
    found: list[str] = []

    def translate(receipt: Receipt) -> Event | None:
        found.append(receipt.event_id)
        return None

    release_all(translate, "this deployment", store, now=now)
    return set(found)


def test_a_round_tries_what_came_since_the_last_one_and_waits_of_a_day_in_each() -> None:
    """What waits for facts may find them any time on its first day; what waits for a deployment, only after one."""
    store = FakeStore()
    ages = {1: timedelta(minutes=5), 2: timedelta(minutes=15), 3: timedelta(hours=20), 4: timedelta(hours=28)}
    now = next(
        moment
        for hour in range(48)
        if not any(
            is_hour_of(f"stripe:cus_1 evt_{number}", moment := LATER + timedelta(hours=hour)) for number in range(9)
        )
    )
    for number, age in ages.items():
        store.commit(Commit(receipt=parked(number, now - age, ParkReason.NO_ACCOUNT)))
        store.commit(Commit(receipt=parked(4 + number, now - age, ParkReason.UNKNOWN_PRICE)))
    assert ParkReason.NO_ACCOUNT.trigger is Trigger.FACTS
    assert tried(store, now) == {f"evt_{number}" for number in range(1, 9)}, "a new deployment tries all"
    assert tried(store, now + timedelta(minutes=4)) == {"evt_1", "evt_2", "evt_3", "evt_5"}


@pytest.mark.parametrize("has_body", [True, False])
def test_what_can_not_be_translated_stays_parked_as_it_is(has_body: bool) -> None:
    """Neither without its body nor by a translator that has no event for it."""
    store = FakeStore()
    receipt = replace(parked(1, NOON, ParkReason.NO_ACCOUNT), body=b"{}" if has_body else None)
    store.commit(Commit(receipt=receipt))
    result = release_parked(receipt, lambda _: None if has_body else paid(), store, LATER)
    assert (result.outcome, result.parked_reason) == (RecordOutcome.PARKED, ParkReason.NO_ACCOUNT)
    assert list(store.parked_receipts()) == [receipt]
    assert store.accounts == {}
