"""Holds that support lifts."""

import pytest

from ledger.domain.audit import AuditAction
from ledger.domain.facts import DisputeState
from ledger.domain.mails import MailKind
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


def test_a_hold_that_is_on_the_account_is_placed_once() -> None:
    """A second click, and a colleague's, change neither it nor the record. One mail says that it is suspended."""
    store = FakeStore()
    record_events(store, paid())
    placed = [place_hold("support:mail", ADA, who, store, why="Asked.", now=at(20)) for who in ("sam", "kim")]
    assert placed == [True, False]
    assert [(act.action, act.actor) for act in store.audit_records(ADA)] == [(AuditAction.HOLD, "sam")]
    place_hold("support:odd", ADA, "kim", store, why="Odd.", now=at(30))
    assert [mail.kind for mail in store.mail_intents()] == [MailKind.ACCOUNT_SUSPENDED]
    assert not lift_hold("support:none", ADA, "sam", store, why="A good customer.", now=at(40))


def test_a_hold_whose_purchase_is_not_stored_is_not_lifted() -> None:
    """The error names it."""
    store = FakeStore()
    record_events(store, paid(), event_of(dispute()))
    (hold_id,) = store.accounts[ADA].holds
    store.payments.clear()
    with pytest.raises(ValueError, match=f"^{hold_id} was derived from a purchase that is not stored$"):
        lift_hold(hold_id, ADA, "sam", store, why="A good customer.", now=at(30))
