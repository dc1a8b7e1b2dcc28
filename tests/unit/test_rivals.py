"""Two payments of one order: who is the original, whatever was heard first, and what the other one may not leave."""

import itertools

from ledger.domain.facts import PaidLine
from ledger.domain.receipts import ParkReason, RecordOutcome
from tools.testing.builders import ADA, IN, PI, paid, payment, refund, says, tell
from tools.testing.fakes import FakeStore, world
from tools.verify import check


def assert_sound(store: FakeStore) -> None:
    """Every invariant holds."""
    assert not [finding for finding in check(world(store)) if finding.broken]


def test_the_original_is_the_same_when_a_second_event_moves_a_payment_back_in_time() -> None:
    """A provider may make two events of one payment, with times of their own: the earlier one counts."""
    events = [
        paid(payment(name, fulfilment_key="order/o", minute=minute)) for name, minute in ((PI, 6), (IN, 5), (PI, 4))
    ]
    for order in itertools.permutations(events):
        store = FakeStore()
        tell(store, *order)
        assert {name: item.is_duplicate for name, item in store.payments.items()} == {PI: False, IN: True}  # type: ignore[union-attr]
        assert store.accounts[ADA].balance == 1000
        assert_sound(store)


def test_a_second_payment_of_an_order_for_other_things_waits_for_a_person() -> None:
    """In a browser one order can be paid with two carts. Were the larger one taken for a duplicate, its credits would
    outlive its refund.
    """
    one, two = (
        PaidLine(line_id=str(credits_), product_id="pack", credits=credits_, amount_minor=2000, expires_at=None)
        for credits_ in (500, 2500)
    )
    small = paid(payment(IN, fulfilment_key="order/o", minute=1, lines=(one,)))
    large = paid(payment(PI, fulfilment_key="order/o", minute=5, paid_minor=4000, lines=(one, two)))
    many = paid(payment(PI, fulfilment_key="order/o", minute=5, paid_minor=4000, lines=(two,)))
    for order in ((small, large), (large, small), (small, many), (many, small)):
        store = FakeStore()
        first, second = tell(store, *order)
        assert (first.outcome, second.parked_reason) == (RecordOutcome.BOOKED, ParkReason.ORDER_MISMATCH)
        settled = order[0].payment
        assert settled
        assert store.accounts[ADA].balance == sum(line.credits for line in settled.lines)
        assert_sound(store)
        tell(store, says(refund(4000), names=order[0].names))
        assert store.accounts[ADA].balance == 0
