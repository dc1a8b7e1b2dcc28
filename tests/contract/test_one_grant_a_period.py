"""A subscription's period is granted by one payment, however it was charged."""

from dataclasses import replace
from datetime import datetime

import pytest

from ledger.domain.events import Event
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.receipts import ParkReason, RecordOutcome
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.usage import draw_credits
from tools.testing.builders import ADA, IN, LATER, PI, at, paid, payment, tell
from tools.testing.fakes import FakeStore
from tools.verify import World, check

PERIOD = "period/stripe:sub_1/2026-11-01T00:00:00Z"
LAPSED, OPEN = at(0), at(60 * 24 * 30)


def first(expires_at: datetime = OPEN, *, is_owner_known: bool = True) -> Event:
    """A subscription's first payment, for an order of ours."""
    event = paid(payment(PI, fulfilment_key="order/ord_1", covers=PERIOD, expires_at=expires_at))
    if is_owner_known:
        return event
    return replace(event, owner=replace(event.owner, account_id=None, order_id=None))


def renewal(expires_at: datetime = OPEN, payment_id: PaymentId = IN) -> Event:
    """A renewal for the same period."""
    return paid(payment(payment_id, fulfilment_key=PERIOD, minute=1, expires_at=expires_at))


@pytest.mark.parametrize("expires_at", [OPEN, LAPSED], ids=["open", "lapsed"])
@pytest.mark.parametrize("is_first_last", [True, False], ids=["first payment last", "renewal last"])
def test_first_payment_and_renewal_of_one_period_grant_once(
    any_store: Store, expires_at: datetime, *, is_first_last: bool
) -> None:
    """Whoever is heard second waits for a person, also when the period is over; heard again, it still waits."""
    events = [renewal(expires_at), first(expires_at)] if is_first_last else [first(expires_at), renewal(expires_at)]
    booked, parked = tell(any_store, *events)
    assert (booked.outcome, parked.parked_reason) == (RecordOutcome.BOOKED, ParkReason.PERIOD_ALREADY_PAID)
    assert tell(any_store, events[1])[0].parked_reason is ParkReason.PERIOD_ALREADY_PAID
    assert len(list(any_store.entries(ADA))) == 1


def test_a_period_whose_credits_never_lapse_is_granted_once_also_when_they_are_used_up(any_store: Store) -> None:
    """The renewal's empty lot has left the account: it can't refuse the first payment any more."""
    tell(any_store, paid(payment(IN, fulfilment_key=PERIOD)))
    draw_credits(ADA, "run_1", 1000, any_store, now=LATER)
    again = paid(payment(PI, fulfilment_key="order/ord_1", covers=PERIOD, minute=1))
    assert tell(any_store, again)[0].parked_reason is ParkReason.PERIOD_ALREADY_PAID


def test_a_first_payment_found_by_its_customer_is_held_to_it_too(any_store: Store) -> None:
    """The road that looks for the account first ends at the same condition."""
    tell(any_store, renewal())
    assert tell(any_store, first(is_owner_known=False))[0].parked_reason is ParkReason.PERIOD_ALREADY_PAID


def test_the_next_period_and_another_subscription_are_their_own(any_store: Store) -> None:
    """What was paid first covers its own period only."""
    later = paid(payment(IN, fulfilment_key=PERIOD.replace("11-01", "12-01"), expires_at=OPEN))
    other = paid(payment(PaymentId("stripe:in_3"), fulfilment_key=PERIOD.replace("sub_1", "sub_2"), expires_at=OPEN))
    assert {recorded.outcome for recorded in tell(any_store, first(), later, other)} == {RecordOutcome.BOOKED}
    assert any_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA].covered == {PERIOD: PI}


def test_verify_finds_a_period_that_was_granted_twice() -> None:
    """The invariant is not blind."""
    store = FakeStore()
    tell(store, first())
    store.accounts[AccountId(ADA)] = replace(store.accounts[ADA], covered={})
    tell(store, renewal())
    findings = check(World(payments=dict(store.payments)))  # type: ignore[arg-type]
    assert any(PERIOD in finding.broken for finding in findings)
