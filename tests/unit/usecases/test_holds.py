"""Holds that support lifts."""

import pytest

from ledger.domain.facts import DisputeState
from ledger.usecases.holds import place_hold
from tools.testing.builders import ADA, IN, at, dispute, event_of, paid, payment, record_events
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import lift_hold
from tools.verify import check


@pytest.mark.parametrize("hold_id", ["dispute:stripe:dp_1", "support:mail"])
def test_a_hold_that_began_by_a_clock_that_is_ahead_can_be_lifted(hold_id: str) -> None:
    """By the clock of the provider, or of another Lambda."""
    store = FakeStore()
    record_events(store, paid(payment(IN, paid_minor=1500)))
    if hold_id == "support:mail":
        place_hold(hold_id, ADA, "sam", store, why="Asked by mail.", now=at(20))
    else:
        record_events(store, event_of(dispute(DisputeState.LOST, 1500), names=(IN,)))
    assert lift_hold(hold_id, ADA, "sam", store, why="A good customer.", now=at(5))
    assert store.accounts[ADA].status == "active"
    assert [finding.invariant for finding in check(world(store)) if finding.broken] == []
    assert not lift_hold(hold_id, ADA, "sam", store, why="A good customer.", now=at(30))
