"""Invoices and PaymentIntents, many to many: each sale has its own part of what goes back, in every order."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.domain.events import About, Event, Owner
from ledger.domain.facts import BalanceCredited, DisputeChanged, DisputeState, MoneyLinked, RefundChanged, RefundState
from ledger.domain.ids import PaymentId
from ledger.domain.receipts import ParkReason, RecordOutcome
from ledger.ports.reads import Keys
from ledger.usecases.plan_booking.owners import owner_account
from tests.unit.usecases.test_plan_booking import broken
from tools.testing.builders import ADA, CH, IN, LATER, PI, at, dispute, event_of, paid, payment, record_events, refund
from tools.testing.fakes import FakeStore
from tools.testing.unguarded import lift_hold, state_amount

IN_2, PI_2 = PaymentId("stripe:in_2"), PaymentId("stripe:pi_2")


def linked(sale_id: PaymentId, money_id: PaymentId, amount_minor: int) -> Event:
    """The provider reports which PaymentIntent has paid for an invoice."""
    link = MoneyLinked(money_id=money_id, sale_id=sale_id, amount_minor=amount_minor, at=at(1), cause="stripe:evt")
    return event_of(link, names=(sale_id, money_id))


def moved(fact: RefundChanged | DisputeChanged) -> Event:
    """A fact about the PaymentIntent's money, as the provider reports it."""
    return event_of(replace(fact, money_id=PI), names=(PI, CH))


def balances(store: FakeStore) -> dict[str, int]:
    """What is left of each lot."""
    return {lot_id: lot.remaining for lot_id, lot in store.accounts[ADA].lots.items()}


SHARED = {
    "first paid": paid(payment(IN, paid_minor=1500)),
    "second paid": paid(payment(IN_2, paid_minor=1000)),
    "first link": linked(IN, PI, 1500),
    "second link": linked(IN_2, PI, 1000),
    "refund": moved(refund(1000)),
}


@pytest.mark.parametrize("order", [*itertools.permutations(SHARED)], ids=", ".join)
def test_one_intent_that_pays_two_invoices_grants_both_and_splits_its_refund(order: tuple[str, ...]) -> None:
    """Of 1,000 that go back, 600 are the first invoice's and 400 the second's: two fifths of each."""
    store = FakeStore()
    for name in (*order, *order):
        (recorded,) = record_events(store, SHARED[name])
        assert recorded.outcome is not RecordOutcome.PARKED
    assert balances(store) == {"stripe:in_1/0": 600, "stripe:in_2/0": 600}
    assert broken(store) == []


def test_a_dispute_of_a_shared_intent_freezes_both_sales_and_takes_from_each_its_part() -> None:
    """Its charge leads to both sales too, also alone."""
    store = FakeStore()
    record_events(store, *SHARED.values())
    record_events(store, moved(dispute(DisputeState.OPEN, 1500)))
    assert [lot.is_frozen for lot in store.accounts[ADA].lots.values()] == [True, True]
    record_events(store, event_of(replace(dispute(DisputeState.LOST, 1500, minute=30), money_id=CH), names=(CH,)))
    assert store.accounts[ADA].balance == 0
    assert store.accounts[ADA].status == "suspended"
    assert broken(store) == []
    assert lift_hold("dispute:stripe:dp_1", ADA, "sam", store, why="a good customer", now=LATER)
    assert store.accounts[ADA].status == "active"
    assert broken(store) == []


def test_a_refund_under_a_tag_that_no_sale_knows_is_of_all_of_them() -> None:
    """Another table sent it. Its money is gone all the same."""
    store = FakeStore()
    record_events(store, *(event for name, event in SHARED.items() if name != "refund"))
    record_events(store, moved(replace(refund(500, refund_id="re_9"), tag="case_9-1")))
    assert balances(store) == {"stripe:in_1/0": 800, "stripe:in_2/0": 800}


@pytest.mark.parametrize("order", [*itertools.permutations(range(4))])
def test_several_intents_that_pay_one_invoice_count_for_it_together(order: tuple[int, ...]) -> None:
    """500 of one and 250 of the other are half of 1,500."""
    events = [
        paid(payment(IN, paid_minor=1500)),
        linked(IN, PI, 1000),
        linked(IN, PI_2, 500),
        event_of(
            replace(refund(500), money_id=PI),
            names=(PI, CH),
        ),
    ]
    store = FakeStore()
    other = replace(refund(250, refund_id="re_2"), money_id=PI_2, charge_id="ch_2")
    record_events(store, *(events[place] for place in order), event_of(other, names=(PI_2, PaymentId("stripe:ch_2"))))
    assert balances(store) == {"stripe:in_1/0": 500}
    assert broken(store) == []


def test_money_shared_by_two_accounts_is_parked_for_a_person() -> None:
    """Nobody knows whose credits a refund would take."""
    store = FakeStore()
    record_events(store, SHARED["first paid"], SHARED["first link"])
    record_events(store, paid(payment(IN_2, account_id=type(ADA)("acct_bob"))))
    parked = record_events(store, SHARED["second link"])[0]
    assert (parked.parked_reason, store.accounts["acct_bob"].balance) == (ParkReason.AMBIGUOUS_ACCOUNT, 1000)


def test_an_event_that_names_two_purchases_of_one_payment_is_parked_for_a_person() -> None:
    """Each was paid by itself: nobody knows which of them it is about."""
    store = FakeStore()
    record_events(store, paid(payment(IN)), paid(payment(IN_2)))
    (parked,) = record_events(store, event_of(refund(500), names=(IN, IN_2)))
    assert (parked.outcome, parked.parked_reason) == (RecordOutcome.PARKED, ParkReason.AMBIGUOUS_PAYMENT)
    (receipt,) = (one for one in store.receipts.values() if one.parked_reason)
    assert receipt.detail == f"one payment, but two purchases: {IN}, {IN_2}"
    assert balances(store) == {"stripe:in_1/0": 1000, "stripe:in_2/0": 1000}


def test_an_event_that_names_a_known_payment_beside_its_own_is_of_that_account() -> None:
    """As a subscription's first report does, before the ids that prove whose it is."""
    store = FakeStore()
    record_events(store, paid(payment(IN)))
    other = replace(paid(payment(IN_2)), owner=Owner(payment_id=IN))
    account_id = owner_account(other, store.read(Keys(payments=frozenset({IN, IN_2}))))
    assert account_id == ADA
    unknown = replace(other, owner=Owner(payment_id=PaymentId("stripe:in_9")))
    assert owner_account(unknown, store.read(Keys(payments=frozenset({IN, IN_2})))) is None


def test_an_event_can_report_on_another_payment_of_its_account() -> None:
    """An upgrade is paid, and what is left of the running period moves to the balance: both are booked."""
    store = FakeStore()
    record_events(store, paid(payment(IN, paid_minor=1500)))
    credit = BalanceCredited(
        credit_id="il_1", amount_minor=750, currency="USD", created_at=at(9), at=at(9), cause="stripe:evt"
    )
    upgrade = paid(payment(IN_2, paid_minor=2250, minute=9))
    credit = replace(credit, cause=upgrade.cause)
    upgrade = replace(upgrade, also=(About(names=(IN,), facts=(credit,)),))
    for _ in range(2):
        assert record_events(store, upgrade)[0].outcome in {RecordOutcome.BOOKED, RecordOutcome.ALREADY_BOOKED}
    assert balances(store) == {"stripe:in_1/0": 500, "stripe:in_2/0": 1000}
    assert broken(store) == []
    alone = replace(event_of(credit, names=(IN,)), names=(), facts=(), also=(About(names=(IN,), facts=(credit,)),))
    assert record_events(store, alone)[0].outcome is RecordOutcome.ALREADY_BOOKED


def test_what_an_event_reports_on_a_payment_that_is_not_known_yet_waits() -> None:
    """It takes effect when the payment is received."""
    store = FakeStore()
    credit = BalanceCredited(
        credit_id="il_1", amount_minor=750, currency="USD", created_at=at(9), at=at(9), cause="stripe:evt"
    )
    credits_both = replace(event_of(names=(IN_2,)), also=(About(names=(IN,), facts=(credit,)),))
    record_events(store, credits_both, paid(payment(IN, paid_minor=1500)), now=LATER)
    assert balances(store) == {"stripe:in_1/0": 500}


def test_a_pending_refund_of_a_shared_intent_reserves_a_part_of_each() -> None:
    """Until it has ended."""
    store = FakeStore()
    record_events(store, *(event for name, event in SHARED.items() if name != "refund"))
    record_events(store, moved(refund(1000, state=RefundState.PENDING)))
    assert [lot.reserved for lot in store.accounts[ADA].lots.values()] == [400, 400]
    record_events(store, moved(refund(1000, minute=30)))
    assert [lot.reserved for lot in store.accounts[ADA].lots.values()] == [0, 0]
    assert balances(store) == {"stripe:in_1/0": 600, "stripe:in_2/0": 600}


@pytest.mark.parametrize("is_late", [True, False], ids=["lifted before the link", "linked before the lift"])
def test_a_hold_that_a_person_has_lifted_stays_lifted_whenever_a_link_is_received(is_late: bool) -> None:
    """The lift goes along with the dispute."""
    store = FakeStore()
    lost = moved(dispute(DisputeState.LOST, 2500))
    record_events(store, *(SHARED[name] for name in ("first paid", "second paid", "first link")), lost)
    if not is_late:
        record_events(store, SHARED["second link"])
    assert lift_hold("dispute:stripe:dp_1", ADA, "sam", store, why="a good customer", now=LATER)
    if is_late:
        record_events(store, SHARED["second link"])
    assert (store.accounts[ADA].status, store.accounts[ADA].balance) == ("active", 0)
    record_events(store, moved(dispute(DisputeState.APPEALED, 2500, minute=60)))
    assert store.accounts[ADA].status == "active"
    assert broken(store) == []


@pytest.mark.parametrize("is_late", [True, False], ids=["stated before the link", "linked before"])
def test_an_amount_that_a_person_stated_is_one_sale_s_own(is_late: bool) -> None:
    """The other one stays frozen, and its flag asks for its own amount, whatever else is heard of the first."""
    store = FakeStore()
    lost = moved(replace(dispute(DisputeState.LOST, 2300), currency="EUR"))
    record_events(store, *(SHARED[name] for name in ("first paid", "second paid", "first link")), lost)
    if not is_late:
        record_events(store, SHARED["second link"])
    assert state_amount(IN, "dp_1", 1500, ADA, "sam", store, why="by its rate", now=LATER)
    if is_late:
        record_events(store, SHARED["second link"])
    record_events(
        store, event_of(names=(IN, PaymentId("stripe:x"))), event_of(refund(100, refund_id="re_3"), names=(IN,))
    )
    assert store.accounts[ADA].flags.keys() == {"other_currency:stripe:in_2:dp_1"}
    assert store.accounts[ADA].lots[f"{IN_2}/0"].is_frozen
    assert broken(store) == []
    assert state_amount(IN_2, "dp_1", 1000, ADA, "sam", store, why="by its rate", now=LATER + timedelta(hours=1))
    assert (store.accounts[ADA].flags, store.accounts[ADA].balance) == ({}, 0)
    assert broken(store) == []
