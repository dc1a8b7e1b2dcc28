"""A closed lot is read in one batch with its account, which is no snapshot: what was read too early is not written."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from ledger.domain.events import Event
from ledger.domain.facts import DisputeState
from ledger.domain.lots import Lot
from ledger.ports.commit import Commit, Refusal
from ledger.ports.reads import Keys, Snapshot
from ledger.usecases.expire_credits import expire_account
from ledger.usecases.usage import draw_credits, fail_run
from tools.testing.builders import ADA, IN, LATER, NOON, PI, RENEWED, dispute, event_of, paid, record_events, refund
from tools.testing.fakes import FakeStore, world
from tools.verify import check

OVER = LATER + timedelta(days=40)
LOT_ID = RENEWED.lot_id(0)


class Torn(FakeStore):
    """A store in which something happens between the two halves of the batch that reads an account and its lots."""

    def __init__(self, *, are_lots_first: bool) -> None:
        super().__init__()
        self.are_lots_first = are_lots_first
        self.between: Callable[[], object] | None = None
        self.refused = 0

    def read(self, names: Keys) -> Snapshot:
        if self.between is None or not (names.accounts and names.closed_lots):
            return super().read(names)
        between, self.between = self.between, None
        lots, rest = Keys(closed_lots=names.closed_lots), replace(names, closed_lots=frozenset())
        first, last = (lots, rest) if self.are_lots_first else (rest, lots)
        before = super().read(first)
        between()
        return before | super().read(last)

    def commit(self, commit: Commit) -> Refusal | None:
        refusal = super().commit(commit)
        self.refused += refusal is not None
        return refusal


def used_and_lapsed(store: FakeStore) -> None:
    """Of a period's 1,000 credits 300 were used; the rest has expired."""
    record_events(store, paid(RENEWED), event_of(names=(IN, PI)), now=NOON)
    draw_credits(ADA, "run_1", 300, store, now=NOON)
    expire_account(ADA, store, now=OVER)
    assert LOT_ID not in store.accounts[ADA].lots


def lot_of(store: FakeStore) -> Lot:
    """The lot, wherever it is."""
    return store.accounts[ADA].lots.get(LOT_ID) or store.closed_lots[ADA, LOT_ID]


CHANGES = [event_of(refund(2000), names=(PI,)), event_of(refund(500), names=(IN,)), event_of(dispute(), names=(IN, PI))]
CHANGES += [event_of(dispute(DisputeState.LOST), names=(PI,))]


@pytest.mark.parametrize("are_lots_first", [True, False])
@pytest.mark.parametrize("change", CHANGES, ids=lambda event: str(event.facts[0].key) + str(event.names[0]))
def test_a_lot_that_changes_between_the_two_reads_is_read_again(change: Event, *, are_lots_first: bool) -> None:
    """The run fails meanwhile: its credits return and lapse. The result is the one of the two in turn."""
    serial, torn = FakeStore(), Torn(are_lots_first=are_lots_first)
    for store in (serial, torn):
        used_and_lapsed(store)
    fail_run(ADA, "run_1", serial, now=OVER)
    torn.between = lambda: fail_run(ADA, "run_1", torn, now=OVER)
    for store in (serial, torn):
        record_events(store, change, now=OVER)
    assert torn.refused == 1
    assert lot_of(torn) == lot_of(serial)
    assert not [finding for finding in check(world(torn)) if finding.broken]


@pytest.mark.parametrize("change", CHANGES, ids=lambda event: str(event.facts[0].key) + str(event.names[0]))
def test_a_lot_that_leaves_the_account_between_the_two_reads_is_found(change: Event) -> None:
    """It was nowhere when it was looked for beside the account, and is not on the account any more."""
    torn = Torn(are_lots_first=True)
    record_events(torn, paid(RENEWED), event_of(names=(IN, PI)), now=NOON)
    torn.between = lambda: expire_account(ADA, torn, now=OVER)
    record_events(torn, change, now=OVER)
    assert torn.between is None
    assert lot_of(torn).refund_target + lot_of(torn).dispute_target + lot_of(torn).is_frozen > 0
    assert not [finding for finding in check(world(torn)) if finding.broken]


@pytest.mark.parametrize("change", CHANGES, ids=lambda event: str(event.facts[0].key) + str(event.names[0]))
def test_a_lot_that_comes_back_between_the_two_reads_is_read_again(change: Event) -> None:
    """It was used up, its run fails: it lies on the account again, and what is stored beside it is old."""
    torn = Torn(are_lots_first=False)
    never = replace(RENEWED, lines=(replace(RENEWED.lines[0], expires_at=None),))
    record_events(torn, paid(never), event_of(names=(IN, PI)), now=NOON)
    draw_credits(ADA, "run_1", 1000, torn, now=NOON)
    torn.between = lambda: fail_run(ADA, "run_1", torn, now=OVER)
    record_events(torn, change, now=OVER)
    assert torn.between is None
    assert (torn.refused, lot_of(torn).drawn) == (1, 0)
    assert not [finding for finding in check(world(torn)) if finding.broken]
