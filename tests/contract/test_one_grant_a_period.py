"""A subscription's period is granted by one payment, however it was charged."""

import itertools
from dataclasses import replace
from datetime import datetime

import pytest

from ledger.domain.events import Event
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.receipts import RecordOutcome
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.usage import draw_credits
from tools.testing.builders import ADA, IN, LATER, PI, at, event_of, paid, payment, record_events, refund
from tools.testing.fakes import FakeStore
from tools.verify import World, check

PERIOD = "period/stripe:sub_1/2026-11-01T00:00:00Z"
LAPSED, OPEN = at(0), at(60 * 24 * 30)


def first(expires_at: datetime | None = OPEN, *, is_owner_known: bool = True) -> Event:
    """A subscription's first payment, for an order of ours."""
    event = paid(payment(PI, fulfilment_key="order/ord_1", covers=PERIOD, expires_at=expires_at))
    if is_owner_known:
        return event
    return replace(event, owner=replace(event.owner, account_id=None, order_id=None))


def renewal(expires_at: datetime = OPEN, payment_id: PaymentId = IN) -> Event:
    """A renewal for the same period."""
    return paid(payment(payment_id, fulfilment_key=PERIOD, minute=1, expires_at=expires_at))


def credits_left(store: Store) -> dict[str, int]:
    """What the entries say of each lot, in any state."""
    left: dict[str, int] = {}
    for entry in store.entries(ADA):
        left[entry.lot_id] = left.get(entry.lot_id, 0) + entry.credits
    return left


@pytest.mark.parametrize("expires_at", [OPEN, LAPSED], ids=["open", "lapsed"])
@pytest.mark.parametrize("is_owner_known", [True, False], ids=["ours", "by its customer"])
@pytest.mark.parametrize("is_first_last", [True, False], ids=["first payment last", "renewal last"])
def test_first_payment_and_renewal_of_one_period_are_worth_one_price(
    any_store: Store, expires_at: datetime, *, is_first_last: bool, is_owner_known: bool
) -> None:
    """Whichever is received first: the later payment is the duplicate, and a person sees it. Again changes nothing."""
    record_events(
        any_store, paid(payment(PaymentId("stripe:pi_0"), credits_=1, minute=-9))
    )  # so that the customer is known
    one, other = first(expires_at, is_owner_known=is_owner_known), renewal(expires_at)
    events = [other, one] if is_first_last else [one, other]
    for event in (*events, *events):
        assert record_events(any_store, event)[0].parked_reason is None
    assert credits_left(any_store) == {"stripe:pi_0/0": 1, "order/ord_1/0": 1000, f"{PERIOD}/0": 0}
    account = any_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
    assert set(account.flags) == {"duplicate_charge:stripe:in_1"}
    record_events(any_store, event_of(refund(2000), names=(PI,)))
    assert credits_left(any_store) == {"stripe:pi_0/0": 1, "order/ord_1/0": 0, f"{PERIOD}/0": 1000}


def test_a_period_whose_credits_never_lapse_is_worth_one_price_also_when_they_are_used_up(any_store: Store) -> None:
    """The renewal's empty lot has left the account. The credits of the first payment pay what the renewal's owe."""
    record_events(any_store, paid(payment(IN, fulfilment_key=PERIOD)))
    draw_credits(ADA, "run_1", 1000, any_store, now=LATER)
    earlier = paid(payment(PI, fulfilment_key="order/ord_1", covers=PERIOD, minute=-1))
    assert record_events(any_store, earlier)[0].outcome is RecordOutcome.BOOKED
    account = any_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
    assert (account.balance, account.shortfall) == (1000, 1000)
    assert account.spendable(LATER, is_debt_withheld=True) == 0


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("is_given_back", [True, False], ids=["given back", "kept"])
def test_a_renewal_finds_the_duplicate_of_an_order_that_began_its_subscription(
    any_store: Store, order: tuple[int, ...], *, is_given_back: bool
) -> None:
    """An order that was paid twice began two subscriptions. Whoever is received first, a period is granted once."""
    other_period = PERIOD.replace("sub_1", "sub_2")
    twin = payment(PaymentId("stripe:pi_2"), fulfilment_key="order/ord_1", covers=other_period, minute=1)
    events = [first(None), paid(twin), paid(payment(IN, fulfilment_key=other_period, minute=2))]
    if is_given_back:
        record_events(any_store, event_of(refund(2000), names=(twin.payment_id,)))
    for position in order:
        assert record_events(any_store, events[position])[0].parked_reason is None
    account = any_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
    assert account.covered == {PERIOD: PI, other_period: twin.payment_id}
    assert credits_left(any_store) == {"order/ord_1/0": 1000, f"{other_period}/0": 0}


def test_the_next_period_and_another_subscription_are_their_own(any_store: Store) -> None:
    """What was paid first covers its own period only."""
    later = paid(payment(IN, fulfilment_key=PERIOD.replace("11-01", "12-01"), expires_at=OPEN))
    other = paid(payment(PaymentId("stripe:in_3"), fulfilment_key=PERIOD.replace("sub_1", "sub_2"), expires_at=OPEN))
    assert {recorded.outcome for recorded in record_events(any_store, first(), later, other)} == {RecordOutcome.BOOKED}
    assert any_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA].covered == {PERIOD: PI}


def test_verify_finds_a_period_that_was_granted_twice() -> None:
    """The invariant is not blind."""
    store = FakeStore()
    record_events(store, first())
    store.accounts[AccountId(ADA)] = replace(store.accounts[ADA], covered={})
    record_events(store, renewal())
    findings = check(World(payments=dict(store.payments)))  # type: ignore[arg-type]
    assert any(PERIOD in finding.broken for finding in findings)
