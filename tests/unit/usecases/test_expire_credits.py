"""Where the next run of the job begins: never behind what was not booked, and no later than it must."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.domain.entries import EntryKind
from ledger.domain.errors import StoreUnavailable
from ledger.domain.facts import RefundState
from ledger.domain.ids import AccountId, PaymentId
from ledger.ports.documents import JobCursor, job_cursor_key
from ledger.ports.reads import Keys, Snapshot
from ledger.usecases.expire_credits import expire_account, expire_credits
from ledger.usecases.usage import draw_credits
from tools.testing.builders import ADA, NOON, event_of, paid, payment, record_events, refund
from tools.testing.fakes import FakeStore, world
from tools.verify import check

BOB, CLEO = AccountId("acct_bob"), AccountId("acct_cleo")


class Hindered(FakeStore):
    """A store that can't read some accounts."""

    def __init__(self) -> None:
        super().__init__()
        self.hindered: set[AccountId] = set()

    def read(self, names: Keys) -> Snapshot:
        if self.hindered & names.accounts:
            raise StoreUnavailable("not now")
        return super().read(names)

    @property
    def done_until(self) -> datetime | None:
        """Where the next run begins. None: as the first one does."""
        key = job_cursor_key("expire_credits")
        cursor = self.read(Keys(documents=frozenset({key}))).document(key, JobCursor)
        return cursor.done_until if cursor else None


def store_with(**day_of: int) -> Hindered:
    """A store in which each account has a pack that expires so many days after noon."""
    store = Hindered()
    for name, day in day_of.items():
        settled = payment(
            PaymentId(f"stripe:pi_{name}"), account_id=AccountId(f"acct_{name}"), expires_at=NOON + timedelta(days=day)
        )
        record_events(store, paid(settled), now=NOON)
    return store


@pytest.mark.parametrize(("days_ago", "expired"), [(31, {ADA: 1000}), (32, {ADA: 1000}), (33, {})])
def test_the_first_run_looks_a_month_back(days_ago: int, expired: dict[AccountId, int]) -> None:
    """And one day, by which the index may lag. What expired before that, `verify` finds."""
    assert expire_credits(store_with(ada=5), now=NOON + timedelta(days=5 + days_ago)) == expired


def test_the_next_run_begins_where_this_one_ended() -> None:
    """All was booked."""
    store, now = store_with(ada=5, bob=6), NOON + timedelta(days=10)
    assert expire_credits(store, now=now) == {ADA: 1000, BOB: 1000}
    assert store.done_until == now


def test_the_next_run_begins_on_the_day_of_what_could_not_be_booked() -> None:
    """The cursor moves that far although the job fails, and no further: then it is booked by the next run."""
    store, now = store_with(ada=5, bob=7, cleo=9), NOON + timedelta(days=10)
    store.hindered = {BOB}
    with pytest.raises(StoreUnavailable):
        expire_credits(store, now=now)
    assert store.done_until == datetime(2026, 11, 8, tzinfo=UTC)
    store.hindered = set()
    assert expire_credits(store, now=now + timedelta(days=60)) == {BOB: 1000}
    assert store.done_until == now + timedelta(days=60)


def test_the_cursor_never_moves_back() -> None:
    """A run whose day is the day before the cursor's, by which runs overlap, leaves it where it is."""
    store, now = store_with(ada=5), NOON + timedelta(days=10)
    expire_credits(store, now=now)
    record_events(
        store,
        paid(payment(PaymentId("stripe:pi_late"), account_id=CLEO, expires_at=now - timedelta(hours=20))),
        now=NOON,
    )
    store.hindered = {CLEO}
    with pytest.raises(StoreUnavailable):
        expire_credits(store, now=now + timedelta(hours=1))
    assert store.done_until == now


def test_an_account_on_which_nothing_expires_any_more_is_not_written() -> None:
    """Days overlap: each run would change each account again."""
    store, now = store_with(ada=5), NOON + timedelta(days=10)
    expire_credits(store, now=now)
    version = store.accounts[ADA].version
    assert expire_account(ADA, store, now=now) == 0
    assert store.accounts[ADA].version == version


def test_a_used_up_lot_leaves_its_account_when_it_has_expired() -> None:
    """It has nothing that could expire, and no entry is written: else the account would grow with each period."""
    store = FakeStore()
    record_events(store, paid(payment(expires_at=NOON + timedelta(days=5))), now=NOON)
    draw_credits(ADA, "run_1", 1000, store, now=NOON)
    assert [lot.remaining for lot in store.accounts[ADA].lots.values()] == [0]
    entries = len(list(store.entries(ADA)))
    assert expire_credits(store, now=NOON + timedelta(days=6)) == {}
    assert not store.accounts[ADA].lots
    assert [(account_id, lot.remaining) for (account_id, _), lot in store.closed_lots.items()] == [(ADA, 0)]
    assert len(list(store.entries(ADA))) == entries
    assert not [finding for finding in check(world(store)) if finding.broken]


def test_what_a_pending_refund_keeps_of_a_lot_that_expires_is_let_go_by_the_job() -> None:
    """No event tells of it: the expiry is the cause, and every invariant holds."""
    store = FakeStore()
    settled = payment(expires_at=NOON + timedelta(days=5))
    record_events(store, paid(settled), event_of(refund(1000, state=RefundState.PENDING)), now=NOON)
    assert expire_credits(store, now=NOON + timedelta(days=6)) == {ADA: 1000}
    released = [entry.cause for entry in store.entries(ADA) if entry.kind is EntryKind.RELEASE]
    assert released == ["expiry"]
    assert not [finding for finding in check(world(store)) if finding.broken]
