"""A credit that names no line is of the period that runs, once the payment of that period is known."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from ledger.domain.events import CreditedPeriod
from ledger.domain.facts import BalanceCredited, PaymentSettled
from ledger.domain.ids import PaymentId
from ledger.domain.receipts import ParkReason, RecordOutcome
from ledger.ports.reads import Keys
from tools.testing.builders import ADA, at, event_of, paid, payment, record_events
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import expire_credits
from tools.verify import check

SUBSCRIPTION = "stripe:sub_1"
DAY = 24 * 60  # in minutes
MAY, JUNE, JULY = 0, 31 * DAY, 61 * DAY
FIRST, SECOND = PaymentId("stripe:in_may"), PaymentId("stripe:in_june")


def period(payment_id: PaymentId, begins: float, ends: float) -> PaymentSettled:
    """The payment of a period, whose credits last three days longer."""
    key = f"period/{SUBSCRIPTION}/{at(begins):%Y-%m-%dT%H:%M:%SZ}"
    settled = payment(payment_id, fulfilment_key=key, minute=begins, expires_at=at(ends + 3 * DAY))
    lines = tuple(replace(line, period_ends_at=at(ends), grace_from=at(ends)) for line in settled.lines)
    return replace(settled, lines=lines, subscription_id=SUBSCRIPTION, is_renewal=True)


def credited(store: FakeStore, since: float, until: float, now: float) -> tuple[RecordOutcome, ParkReason | None]:
    """Record a credit of 5.00 USD from one time to another. Return what becomes of it."""
    event = replace(event_of(names=(), minute=now), owner=paid(payment()).owner)
    fact = BalanceCredited(
        credit_id="in_9/il_a", amount_minor=500, currency="USD", created_at=at(now), at=at(now), cause=event.cause
    )
    told = CreditedPeriod(subscription_id=SUBSCRIPTION, since=at(since), until=at(until), facts=(fact,))
    (result,) = record_events(store, replace(event, credited_periods=(told,)), now=at(now))
    return result.outcome, result.parked_reason


def taken(store: FakeStore, *payment_ids: PaymentId) -> list[int]:
    """The credits that went back of each payment."""
    names = [store.read(Keys(payments=frozenset({one}))).home_of(one) for one in payment_ids]
    lots = [home.payment.lot_id(0) for home in names if home and home.payment]
    known = store.read(Keys(accounts=frozenset({ADA}), closed_lots=frozenset((ADA, lot) for lot in lots)))
    return [found.refunded if (found := known.lot(ADA, lot)) else 0 for lot in lots]


def with_periods(*payments: PaymentSettled) -> FakeStore:
    """A store that knows these payments."""
    store = FakeStore()
    record_events(store, *map(paid, payments), now=at(JUNE + DAY))
    return store


@pytest.mark.parametrize(
    ("since", "until", "of"),
    [
        (MAY, JUNE, FIRST),
        (MAY + 15 * DAY, JUNE, FIRST),
        (JUNE, JULY, SECOND),
        (JUNE + 15 * DAY, JULY, SECOND),
    ],
)
def test_it_is_of_the_latest_period_that_has_begun(since: float, until: float, of: PaymentId) -> None:
    """Both periods are known, and the lots of May are usable for some days in June."""
    store = with_periods(period(FIRST, MAY, JUNE), period(SECOND, JUNE, JULY))
    assert credited(store, since, until, JUNE + DAY) == (RecordOutcome.BOOKED, None)
    assert taken(store, FIRST, SECOND) == [250 if of == one else 0 for one in (FIRST, SECOND)]
    assert broken(store) == []


@pytest.mark.parametrize(("since", "until"), [(MAY + 15 * DAY, JULY), (JUNE, JULY), (JUNE + DAY, JULY)])
def test_it_waits_for_a_period_that_is_not_known(since: float, until: float) -> None:
    """May's money pays for no day of June."""
    store = with_periods(period(FIRST, MAY, JUNE))
    assert credited(store, since, until, JUNE + DAY) == (RecordOutcome.PARKED, ParkReason.UNKNOWN_ORIGIN)
    (receipt,) = (one for one in store.receipts.values() if one.parked_reason)
    assert receipt.detail.startswith("it credits a period of ")
    assert receipt.detail.endswith(" whose payment is not known")
    assert taken(store, FIRST) == [0]


def test_a_period_whose_credits_are_over_is_found() -> None:
    """Its lot has left the account."""
    store = with_periods(period(FIRST, MAY, JUNE))
    expire_credits(store, now=at(JUNE + 5 * DAY))
    assert store.accounts[ADA].lots == {}
    assert credited(store, MAY + DAY, JUNE, JUNE + 6 * DAY) == (RecordOutcome.BOOKED, None)
    assert broken(store) == []


def test_of_a_period_that_was_paid_twice_it_is_of_the_original() -> None:
    """The other payment grants nothing, whichever was known first."""
    twin = period(PaymentId("stripe:in_a_twin"), JUNE, JULY)
    later = replace(twin, at=at(JUNE + 60))
    for payments in ((period(SECOND, JUNE, JULY), later), (later, period(SECOND, JUNE, JULY))):
        store = with_periods(period(FIRST, MAY, JUNE), *payments)
        assert credited(store, JUNE, JULY, JUNE + DAY) == (RecordOutcome.BOOKED, None)
        known = store.read(Keys(payments=frozenset({SECOND, twin.payment_id})))
        moved = {one: [str(key) for key in home.facts] for one in known.payments if (home := known.home_of(one))}
        assert any("credit" in key for key in moved[SECOND]), moved
        assert not any("credit" in key for key in moved[twin.payment_id]), moved


def broken(store: FakeStore) -> Iterable[object]:
    """What breaks an invariant."""
    return [finding for finding in check(world(store)) if finding.broken]
