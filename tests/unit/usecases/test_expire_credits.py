"""Where the next run of the job begins: never behind what was not booked, and no later than it must."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Barrier

import pytest

from ledger.domain.entries import EntryKind
from ledger.domain.errors import StoreUnavailable
from ledger.domain.facts import RefundState
from ledger.domain.ids import AccountId, PaymentId
from ledger.ports.documents import JobCursor, read_position
from ledger.ports.reads import ExpiringAccount, Keys, Snapshot
from ledger.usecases.expire_credits import expire_account
from ledger.usecases.progress import MOST_FAILED, read_cursor
from ledger.usecases.sweep import Pace
from ledger.usecases.usage import draw_credits
from tools.testing.builders import ADA, NOON, event_of, paid, payment, record_events, refund
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import Unwatched, expire_credits
from tools.verify import check

BOB, CLEO = AccountId("acct_bob"), AccountId("acct_cleo")


class Hindered(FakeStore):
    """A store that can't read some accounts."""

    def __init__(self) -> None:
        super().__init__()
        self.hindered: set[AccountId] = set()
        self.was_read: set[AccountId] = set()
        self.reads_of_accounts = 0
        self.lists = 10_000  # how many accounts the index lists before it fails

    def read(self, names: Keys) -> Snapshot:
        self.was_read |= names.accounts
        self.reads_of_accounts += len(names.accounts)
        if self.hindered & names.accounts:
            raise StoreUnavailable("not now")
        return super().read(names)

    def expiring(self, after: str, until: datetime) -> Iterator[ExpiringAccount]:
        listed = list(super().expiring(after, until))
        yield from listed[: self.lists]
        if len(listed) > self.lists:
            raise StoreUnavailable("throttled")

    @property
    def cursor(self) -> JobCursor:
        """The job's progress, as it is stored."""
        return read_cursor("expire_credits", self)

    @property
    def done_until(self) -> datetime:
        """The time at which the next run begins."""
        return read_position(self.cursor.after["due"])[0]


@dataclass
class Ages(Unwatched):
    """A watch that notes what is reported, and has time for some accounts."""

    time_for: int = 10_000
    reported: list[tuple[int, datetime | None, bool]] = field(default_factory=list)

    def backlog(self, count: int, oldest_at: datetime | None, *, is_at_least: bool = False) -> None:
        self.reported.append((count, oldest_at, is_at_least))

    def has_time(self) -> bool:
        self.time_for -= 1
        return self.time_for >= 0


def store_with(**day_of: int) -> Hindered:
    """A store in which each account has a pack that expires so many days after noon."""
    store = Hindered()
    for name, day in day_of.items():
        settled = payment(
            PaymentId(f"stripe:pi_{name}"), account_id=AccountId(f"acct_{name}"), expires_at=NOON + timedelta(days=day)
        )
        record_events(store, paid(settled), now=NOON)
    return store


LAG = timedelta(minutes=10)


@pytest.mark.parametrize("days_ago", [0, 33, 800])
def test_the_first_run_begins_with_the_first_expiry(days_ago: int) -> None:
    """However long ago that was: the job may have been off, or the table restored without its cursor."""
    store, now = store_with(bob=7, ada=5), NOON + timedelta(days=7 + days_ago)
    assert expire_credits(store, now=now) == {ADA: 1000, BOB: 1000}
    assert store.done_until == now - LAG


@pytest.mark.parametrize("day", [None, 5])
def test_a_first_run_before_anything_expires_stores_where_the_next_one_begins(day: int | None) -> None:
    """Only that first run reads the index whole."""
    store = store_with(ada=day) if day else Hindered()
    assert expire_credits(store, now=NOON) == {}
    assert store.done_until == NOON - LAG
    store.first_expiry = pytest.fail  # type: ignore[method-assign]
    expired = expire_credits(store, now=NOON + timedelta(days=6))
    assert expired == ({ADA: 1000} if day else {})


FEW = Pace(most=2)


def test_the_next_run_begins_where_this_one_ended() -> None:
    """All was booked: it begins before that by as much as the index may lag."""
    store, now = store_with(ada=5, bob=6), NOON + timedelta(days=10)
    assert expire_credits(store, now=now) == {ADA: 1000, BOB: 1000}
    assert store.done_until == now - LAG


def test_an_account_that_fails_for_ever_holds_up_no_other_and_is_tried_in_each_run() -> None:
    """The run fails, and the cursor moves all the same: nobody else's expiry is read again for its sake."""
    store, now = store_with(ada=5, bob=7, cleo=9), NOON + timedelta(days=10)
    store.hindered = {BOB}
    for hour in range(3):
        with pytest.raises(StoreUnavailable):
            expire_credits(store, now=now + timedelta(hours=hour))
        assert store.done_until == now + timedelta(hours=hour) - LAG
        assert store.was_read == ({ADA, BOB, CLEO} if hour == 0 else {BOB})
        store.was_read.clear()
    store.hindered = set()
    assert expire_credits(store, now=now + timedelta(days=60)) == {BOB: 1000}
    assert store.cursor.failed == frozenset()
    store.was_read.clear()
    assert expire_credits(store, now=now + timedelta(days=60, hours=1)) == {}
    assert store.was_read == set()


def test_the_age_of_what_waits_is_that_of_the_account_that_fails() -> None:
    """It was due on the seventh day, whatever was booked since."""
    store, watch = store_with(ada=5, bob=7, cleo=9), Ages()
    store.hindered = {BOB}
    for day in (10, 11):
        with pytest.raises(StoreUnavailable):
            expire_credits(store, watch=watch, now=NOON + timedelta(days=day))
    assert watch.reported == [(3, NOON + timedelta(days=5), False), (1, NOON + timedelta(days=7), False)]


def test_more_accounts_that_fail_than_are_kept_hold_the_cursor_and_no_other_account() -> None:
    """The store is in trouble, or the code: none of them is forgotten."""
    number = MOST_FAILED + 3
    store, now = store_with(**{f"{n:03}": 1 + n // 100 for n in range(number)}, zoe=9), NOON + timedelta(days=10)
    names = [AccountId(f"acct_{n:03}") for n in range(number)]
    store.hindered = set(names)
    for hour in range(2):
        with pytest.raises(StoreUnavailable):
            expire_credits(store, now=now + timedelta(hours=hour))
        assert store.accounts[AccountId("acct_zoe")].balance == 0
        assert store.done_until == NOON + timedelta(days=3)
        assert len(store.cursor.failed) == MOST_FAILED
    store.hindered = set()
    assert expire_credits(store, now=now + timedelta(hours=3)) == dict.fromkeys(names, 1000)
    assert store.done_until == now + timedelta(hours=3) - LAG


@pytest.mark.parametrize("same_time", [True, False])
def test_runs_take_a_bounded_number_and_go_on_behind_it(same_time: bool) -> None:
    """Also among accounts whose credits expire at one instant. The age is right, and the number is a lower bound."""
    names = ("ada", "bob", "cleo", "dan", "eve")
    store = store_with(**{name: 5 + (0 if same_time else day) for day, name in enumerate(names)})
    now, runs = NOON + timedelta(days=10), []
    for _ in range(3):
        watch = Ages()
        runs.append(list(expire_credits(store, watch=watch, now=now, pace=FEW)))
        oldest = NOON + timedelta(days=5 + (0 if same_time else 2 * len(runs) - 2))
        assert watch.reported == [(min(3, 7 - 2 * len(runs)), oldest, len(runs) < 3)]
    assert runs == [["acct_ada", "acct_bob"], ["acct_cleo", "acct_dan"], ["acct_eve"]]
    assert store.done_until == now - LAG


def test_runs_whose_time_is_over_go_on_where_they_stopped_and_do_nothing_twice() -> None:
    """One account has its turn in each."""
    store, now = store_with(ada=5, bob=6, cleo=6), NOON + timedelta(days=10)
    runs = [expire_credits(store, watch=Ages(time_for=1), now=now) for _ in range(4)]
    assert runs == [{ADA: 1000}, {BOB: 1000}, {CLEO: 1000}, {}]
    assert store.was_read == {ADA, BOB, CLEO}
    assert store.reads_of_accounts == 3


def test_a_run_without_time_moves_nothing() -> None:
    """Not even the cursor: who had no turn would be forgotten."""
    store, now = store_with(ada=5), NOON + timedelta(days=10)
    assert expire_credits(store, watch=Ages(time_for=0), now=now) == {}
    assert expire_credits(store, now=now) == {ADA: 1000}


def test_a_run_that_has_nothing_new_reads_no_account() -> None:
    """It reads its cursor and the index, and writes where it stands."""
    store, now = store_with(ada=5, bob=20), NOON + timedelta(days=10)
    expire_credits(store, now=now)
    store.was_read.clear()
    before = store.round_trips
    assert expire_credits(store, now=now + timedelta(hours=1)) == {}
    assert (store.was_read, store.round_trips - before) == (set(), 3)


def test_the_cursor_never_moves_back() -> None:
    """A run that reads again what the index may have lacked leaves it where it is, and books that."""
    store, now = store_with(ada=5), NOON + timedelta(days=10)
    expire_credits(store, now=now)
    record_events(store, paid(payment(PaymentId("stripe:pi_late"), account_id=CLEO, expires_at=now - LAG)), now=NOON)
    assert expire_credits(store, now=now - timedelta(minutes=5)) == {CLEO: 1000}
    assert store.done_until == now - LAG


def test_a_listing_that_fails_halfway_forgets_nothing() -> None:
    """What it listed is booked, and the next run goes on behind that."""
    store, now = store_with(ada=5, bob=6, cleo=7), NOON + timedelta(days=10)
    store.lists = 2
    with pytest.raises(StoreUnavailable):
        expire_credits(store, now=now)
    assert store.done_until == NOON + timedelta(days=6)
    store.lists = 0
    with pytest.raises(StoreUnavailable):
        expire_credits(store, now=now)
    assert store.done_until == NOON + timedelta(days=6)
    store.lists = 100
    assert expire_credits(store, now=now) == {CLEO: 1000}


def test_workers_book_the_expiries_of_several_accounts_at_once() -> None:
    """Three wait for one another."""

    class Meeting(Hindered):
        barrier = Barrier(3)

        def read(self, names: Keys) -> Snapshot:
            if names.accounts:
                self.barrier.wait(60)
            return super().read(names)

    store = Meeting()
    store.__dict__.update(store_with(ada=5, bob=6, cleo=7).__dict__)
    done = expire_credits(store, now=NOON + timedelta(days=10), pace=Pace(workers=3))
    assert done == {ADA: 1000, BOB: 1000, CLEO: 1000}


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
