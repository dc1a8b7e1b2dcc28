"""Many items are read in one round trip, but not at one instant: what another writer does in between is never lost."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from ledger.domain.events import About, Event
from ledger.domain.facts import DisputeState, PaidLine, RefundAbandoned, RefundApproved, RefundState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import NotBookable, ParkReason, RecordOutcome
from ledger.domain.texts import Text
from ledger.ports.commit import FulfilmentKey
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.usecases.plan_booking import may_grant_without_reading
from ledger.usecases.plan_booking.fulfilment import find_fulfilment
from tools.testing.builders import (
    ADA,
    IN,
    LATER,
    PI,
    RENEWED,
    at,
    dispute,
    event_of,
    paid,
    payment,
    record_events,
    refund,
)
from tools.testing.fakes import FakeStore, world
from tools.verify import check


class TornStore:
    """A store whose first read of these kinds lets a rival write between them and the others."""

    def __init__(self, store: FakeStore, first: str, competing_payment: Callable[[], object]) -> None:
        self._store, self._first, self._rival = store, first, competing_payment
        self.was_torn = False

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def read(self, keys: Keys) -> Snapshot:
        """The kinds named first, then the rival's write, then the rest."""
        early = replace(Keys(), **{self._first: getattr(keys, self._first)})
        if self.was_torn or not early or not keys - early:
            return self._store.read(keys)
        self.was_torn = True
        found = self._store.read(early)
        self._rival()
        return found | self._store.read(keys - early)


def told_while_torn(store: FakeStore, first: str, event: Event, competing_payment: Event) -> RecordOutcome:
    """Tell an event; its reading is cut in two by another delivery."""
    torn = TornStore(store, first, lambda: record_events(store, competing_payment))
    [recorded] = record_events(cast(Store, torn), event)
    assert torn.was_torn
    return recorded.outcome


def broken(store: FakeStore) -> list[str]:
    """The invariants that don't hold."""
    return [finding.invariant for finding in check(world(store)) if finding.broken]


UNDONE: dict[str, tuple[Event, Event]] = {
    "a refund that failed": (
        event_of(refund(2000), names=(PI,)),
        event_of(refund(2000, state=RefundState.FAILED, minute=20), names=(PI,)),
    ),
    "a dispute that was won": (
        event_of(dispute(), names=(PI,)),
        event_of(dispute(DisputeState.WON, minute=30), names=(PI,)),
    ),
    "an approval that was given up": (
        event_of(RefundApproved(tag="c-1", case_id="c", amount_minor=2000, at=at(5), cause="x"), names=(PI,)),
        event_of(RefundAbandoned(tag="c-1", reason=Text(key=""), at=at(6), cause="x"), names=(PI,)),
    ),
}


@pytest.mark.parametrize("what", UNDONE)
def test_what_came_and_went_while_it_was_read_leaves_no_trace(what: str) -> None:
    """An account from before, a purchase from after: the news seem to change nothing, and yet they do."""
    store = FakeStore()
    record_events(store, paid(RENEWED), event_of(names=(IN, PI)))
    came, went = UNDONE[what]
    assert told_while_torn(store, "accounts", went, came) is RecordOutcome.BOOKED
    account = store.accounts[ADA]
    assert (account.spendable(LATER), dict(account.holds)) == (1000, {})
    assert [name for name in broken(store) if "case" not in name] == []


def test_an_earlier_payment_takes_over_what_its_rival_was_refunded_meanwhile() -> None:
    """The lot is the claim's: whoever holds it, its figures follow the holder."""
    store = FakeStore()
    earlier = payment(PI, fulfilment_key="order/ord_1")
    later = payment(PaymentId("stripe:pi_2"), fulfilment_key="order/ord_1", minute=1)
    record_events(store, paid(later))
    back = event_of(refund(2000), names=(later.payment_id,))
    assert told_while_torn(store, "accounts", paid(earlier), back) is RecordOutcome.BOOKED
    assert store.accounts[ADA].balance == 1000
    assert broken(store) == []


def test_a_period_that_is_renewed_while_its_first_payment_is_read_is_worth_one_price() -> None:
    """The fulfilment key was read before the renewal was stored under it, the account after."""
    store = FakeStore()
    period = RENEWED.fulfilment_key
    ends = RENEWED.lines[0].expires_at
    first = payment(PI, fulfilment_key="order/ord_1", covers=period, expires_at=ends)
    record_events(
        store, event_of(refund(state=RefundState.PENDING), names=(PI,))
    )  # so that the payment must be read about
    assert told_while_torn(store, "fulfilment_keys", paid(first), paid(RENEWED)) is RecordOutcome.BOOKED
    assert store.accounts[ADA].balance == 1000
    assert broken(store) == []


@pytest.mark.parametrize(("minutes_left", "is_proof"), [(1, True), (0, False), (-1, False)])
def test_a_late_first_payment_is_granted_only_after_reading(minutes_left: float, *, is_proof: bool) -> None:
    """Another payment's lot for the same period may have left the account, though this one's would stay for days."""
    line = PaidLine(
        line_id="0",
        product_id="creator_monthly",
        credits=1000,
        amount_minor=1500,
        expires_at=at(60 * 24 * 7),
        period_ends_at=at(minutes_left),
    )
    late = payment(fulfilment_key="order/ord_1", covers="period/stripe:sub_1/2026-11-01T00:00:00Z", lines=(line,))
    assert may_grant_without_reading(paid(late), at(0)) is is_proof
    assert not may_grant_without_reading(paid(replace(late, lines=(replace(line, expires_at=None),))), at(0))
    assert may_grant_without_reading(paid(replace(late, covers=None)), at(0))
    more = About(names=(IN,), facts=())
    assert not may_grant_without_reading(replace(paid(replace(late, covers=None)), also=(more,)), at(0))


def test_no_payment_is_booked_under_the_order_of_another_account() -> None:
    """Whatever led to it: of an unpaid order, the account that ordered counts."""
    purchase = Purchase(payment_id=PI, names=frozenset({PI})).with_facts(payment(fulfilment_key="order/ord_1"))
    key = FulfilmentKey(key="order/ord_1", account_id=AccountId("acct_ben"), product_id="pack_1000")
    for item, is_bookable in (
        (key, False),
        (replace(key, account_id=ADA), True),
        (replace(key, account_id=None), True),
    ):
        found = find_fulfilment(purchase, Snapshot(fulfilment_keys={item.key: item}))
        assert isinstance(found, NotBookable) is not is_bookable
        if isinstance(found, NotBookable):
            assert (found.reason, found.detail) == (ParkReason.ORDER_MISMATCH, "order/ord_1 is not this account's")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({}, None),
        ({"account_id": AccountId("acct_ben")}, "period/stripe:sub_1/x was paid for another account"),
        ({"lines": (replace(payment().lines[0], product_id="pack_500"),)}, "stripe:pi_1 paid for other things under"),
    ],
)
def test_no_payment_is_booked_beside_one_of_another_account_or_for_other_items(
    changed: dict[str, Any], problem: str | None
) -> None:
    """Under one key of a period, which no order's account protects."""
    first, later = (payment(name, fulfilment_key="period/stripe:sub_1/x") for name in (PI, IN))
    stored = Purchase(payment_id=PI, names=frozenset({PI})).with_facts(replace(first, **changed))
    key = FulfilmentKey(key="period/stripe:sub_1/x", payment_id=PI)
    known = Snapshot(payments={PI: stored}, fulfilment_keys={key.key: key})
    found = find_fulfilment(Purchase(payment_id=IN, names=frozenset({IN})).with_facts(later), known)
    assert isinstance(found, NotBookable) is (problem is not None)
    if problem and isinstance(found, NotBookable):
        assert problem in found.detail
