"""Two payments of one order: who is the original, whatever was heard first, and what the other one may not leave."""

import itertools

from ledger.events import Outcome, ParkReason
from ledger.facts import PaidLine
from tests.builders import ADA, IN, LATER, PI, paid, payment, says, refund, tell
from tests.fakes import FakeStore
from tests.proof.test_convergence import world
from tools.verify import check


def assert_sound(store: FakeStore) -> None:
    """Every invariant holds."""
    assert not [finding for finding in check(world(store)) if finding.broken]


def test_the_original_is_the_same_when_a_second_event_moves_a_payment_back_in_time() -> None:
    """A provider may make two events of one payment, with times of their own: the earlier one counts."""
    events = [paid(payment(name, claim="order/o", minute=minute)) for name, minute in ((PI, 6), (IN, 5), (PI, 4))]
    for order in itertools.permutations(events):
        store = FakeStore()
        tell(store, *order)
        assert {name: item.is_duplicate for name, item in store.payments.items()} == {PI: False, IN: True}  # type: ignore[union-attr]
        assert store.accounts[ADA].balance == 1000
        assert_sound(store)
