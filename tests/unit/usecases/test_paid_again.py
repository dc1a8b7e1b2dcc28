"""Who pays again for what was paid back has the time of the new payment: nobody buys credits that have expired."""

import itertools
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ledger.domain.events import Event
from ledger.domain.facts import RefundState
from ledger.domain.ids import PaymentId
from ledger.domain.purchases import LotTarget, Purchase, target
from ledger.usecases.expire_credits import expire_account
from tools.testing.builders import ADA, PI, at, event_of, paid, payment, record_events, refund
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import expire_credits
from tools.verify import check

DAY = 24 * 60.0
AGAIN = PaymentId("stripe:pi_2")
ORDER = "order/ord_1"
FIRST_END, SECOND_END = at(30 * DAY), at(62 * DAY)
FIRST = payment(fulfilment_key=ORDER, expires_at=FIRST_END)
SECOND = payment(AGAIN, fulfilment_key=ORDER, minute=32 * DAY, expires_at=SECOND_END)


def lot_of(refunded: int, refunded_again: int, *, second_end: datetime | None = SECOND_END) -> LotTarget:
    """The target of both payments, after a part of each went back, in minor units."""
    line = replace(SECOND.lines[0], expires_at=second_end)
    facts = [refund(refunded)] if refunded else []
    facts_again = [refund(refunded_again, refund_id="re_2", minute=33 * DAY)] if refunded_again else []
    (lot,) = target(
        Purchase(payment_id=PI).with_facts(FIRST, *facts),
        Purchase(payment_id=AGAIN).with_facts(replace(SECOND, lines=(line,)), *facts_again),
    ).lots
    return lot


@pytest.mark.parametrize(
    ("refunded", "refunded_again", "end"),
    [
        (0, 0, FIRST_END),  # the second payment is a duplicate charge
        (2000, 0, SECOND_END),
        (20, 0, SECOND_END),  # one in a hundred is paid for by it
        (0, 2000, FIRST_END),
        (2000, 2000, FIRST_END),
    ],
)
def test_credits_last_as_long_as_the_payments_that_pay_for_them(
    refunded: int, refunded_again: int, end: datetime
) -> None:
    """A duplicate extends nothing, and neither does what went back."""
    assert lot_of(refunded, refunded_again).expires_at == end


def test_what_never_expires_lasts_longest() -> None:
    """An earlier end does not shorten it."""
    assert lot_of(1000, 0, second_end=None).expires_at is None
    assert lot_of(1000, 0, second_end=FIRST_END - timedelta(days=1)).expires_at == FIRST_END


BOUGHT, PAID_BACK, BOUGHT_AGAIN = paid(FIRST), event_of(refund(2000), names=(PI,)), paid(SECOND)


@pytest.mark.parametrize("order", [*itertools.permutations((BOUGHT, PAID_BACK, BOUGHT_AGAIN))], ids=str)
def test_in_every_order_the_second_payment_gives_its_credits_its_time(order: tuple[Event, ...]) -> None:
    """Also where the expiry of the first was booked in between."""
    store = FakeStore()
    for event in order:
        record_events(store, event, now=at(31 * DAY))
        expire_account(ADA, store, now=at(31 * DAY))
    found = store.accounts[ADA]
    assert (found.spendable(at(33 * DAY)), found.lots[f"{ORDER}/0"].expires_at) == (1000, SECOND_END)
    assert [finding for finding in check(world(store)) if finding.broken] == []


def test_what_had_expired_comes_back_with_the_new_time_and_expires_then() -> None:
    """Half of the first payment went back; the other half had expired. The job finds the credits on the new day."""
    store = FakeStore()
    record_events(store, BOUGHT, event_of(refund(1000), names=(PI,)), now=at(1))
    assert expire_credits(store, now=at(31 * DAY)) == {ADA: 500}
    record_events(store, BOUGHT_AGAIN, now=at(32 * DAY))
    assert store.accounts[ADA].spendable(at(33 * DAY)) == 1000
    assert [(entry.kind, entry.credits) for entry in store.entries(ADA)][:3] == [
        ("reschedule", 0),
        ("expire", 500),
        ("restore", 500),
    ]
    assert expire_credits(store, now=at(63 * DAY)) == {ADA: 1000}
    assert [finding for finding in check(world(store)) if finding.broken] == []


def test_a_refund_that_fails_gives_the_first_payment_its_time_back() -> None:
    """Then the second is the duplicate charge again."""
    store = FakeStore()
    failed = replace(refund(2000, state=RefundState.FAILED, minute=34 * DAY), created_at=at(10))
    record_events(store, BOUGHT, PAID_BACK, BOUGHT_AGAIN, event_of(failed, names=(PI,)), now=at(34 * DAY))
    found = store.accounts[ADA]
    assert (found.spendable(at(34 * DAY)), found.lots[f"{ORDER}/0"].expires_at) == (0, FIRST_END)
    assert f"duplicate_charge:{AGAIN}" in found.flags
    assert [finding for finding in check(world(store)) if finding.broken] == []


def test_a_late_payment_that_pays_for_the_credits_is_flagged() -> None:
    """A duplicate that is late pays for nothing."""
    first, second = (replace(one, lines=(replace(one.lines[0], period_ends_at=FIRST_END),)) for one in (FIRST, SECOND))
    for refunded_minor, is_flagged in ((2000, True), (1000, True), (0, False)):
        facts = [refund(refunded_minor)] if refunded_minor else []
        wanted = target(
            Purchase(payment_id=PI).with_facts(first, *facts), Purchase(payment_id=AGAIN).with_facts(second)
        )
        assert (f"late_payment:{AGAIN}" in wanted.flags) is is_flagged, refunded_minor


def test_what_is_left_to_pay_of_an_earlier_period_makes_no_payment_late() -> None:
    """A renewal's invoice can charge it too."""
    ends = (FIRST_END, SECOND_END)
    lines = tuple(replace(FIRST.lines[0], line_id=f"{number}", period_ends_at=end) for number, end in enumerate(ends))
    renewal = replace(FIRST, lines=lines, at=FIRST_END)
    assert (renewal.period_ends_at, renewal.is_late) == (SECOND_END, False)
