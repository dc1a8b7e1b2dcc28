"""A subscription's period is granted by one payment, however it was charged."""

import itertools
from dataclasses import replace
from datetime import datetime

import pytest

from ledger.domain.errors import AccountInDebt
from ledger.domain.events import Event
from ledger.domain.facts import RefundState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.orders import Order
from ledger.domain.receipts import RecordOutcome
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.expire_credits import expire_account
from ledger.usecases.usage import draw_credits
from tests.contract.test_orders_terms import Shop
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


def order_again(store: Store) -> Order:
    """Order a pack."""
    return Shop(store, "stripe", "pack_1000").order("key_1", now=LATER)


def in_debt(store: Store) -> int:
    """Return the debt for which an order is refused."""
    with pytest.raises(AccountInDebt) as refusal:
        order_again(store)
    return refusal.value.owed


@pytest.mark.parametrize("expires_at", [None, at(1)], ids=["never", "expired"])
@pytest.mark.parametrize("is_given_back", [True, False], ids=["given back", "kept"])
def test_what_the_lot_of_another_payment_for_the_same_has_is_no_debt(
    any_store: Store, expires_at: datetime | None, *, is_given_back: bool
) -> None:
    """One price was paid for and used. An order is refused only for what both lots together owe."""
    paid_again = renewal(OPEN) if expires_at else paid(payment(IN, fulfilment_key=PERIOD, minute=1))
    record_events(any_store, paid_again)
    draw_credits(ADA, "run_1", 1000, any_store, now=LATER)
    record_events(any_store, first(expires_at))
    if is_given_back:
        record_events(any_store, event_of(refund(2000), names=(IN,)))
    expire_account(ADA, any_store, now=LATER)
    account = any_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
    assert account.shortfall == 1000
    assert order_again(any_store).order_id


def test_what_the_other_lot_has_not_enough_of_is_a_debt(any_store: Store) -> None:
    """Credits of another purchase cover nothing of it, nor does what is going back."""
    record_events(any_store, paid(payment(IN, fulfilment_key=PERIOD, minute=1)))
    draw_credits(ADA, "run_1", 1000, any_store, now=LATER)
    record_events(any_store, first(None))
    draw_credits(ADA, "run_2", 400, any_store, now=LATER, is_debt_withheld=False)
    other = paid(payment(PaymentId("stripe:pi_9"), minute=2))
    record_events(any_store, other, event_of(refund(2000, refund_id="re_2"), names=(IN,)))
    assert in_debt(any_store) == 400
    record_events(any_store, event_of(refund(500, refund_id="re_3", state=RefundState.PENDING), names=(PI,)))
    assert in_debt(any_store) == 650
    for refund_id, amount_minor in (("re_3", 500), ("re_4", 1500)):
        record_events(any_store, event_of(refund(amount_minor, refund_id=refund_id, minute=50), names=(PI,)))
    assert in_debt(any_store) == 1400


def test_a_debt_of_a_payment_that_nobody_made_twice_is_one(any_store: Store) -> None:
    """Of a payment with no order and no period."""
    record_events(any_store, paid(payment(PI)), paid(payment(IN, minute=1)))
    draw_credits(ADA, "run_1", 1500, any_store, now=LATER)
    for payment_id, debt in ((PI, 500), (IN, 1500)):
        record_events(any_store, event_of(refund(2000, refund_id=f"re_{debt}"), names=(payment_id,)))
    assert in_debt(any_store) == 1500


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
    account = any_store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]
    assert (account.covered, account.flags) == ({PERIOD: PI}, {})
    assert sorted(credits_left(any_store).values()) == [1000] * 3, "each was granted"


def test_verify_finds_a_period_that_was_granted_twice() -> None:
    """The invariant is not blind."""
    store = FakeStore()
    record_events(store, first())
    store.accounts[AccountId(ADA)] = replace(store.accounts[ADA], covered={})
    record_events(store, renewal())
    findings = check(World(payments=dict(store.payments)))  # type: ignore[arg-type]
    assert any(PERIOD in finding.broken for finding in findings)
