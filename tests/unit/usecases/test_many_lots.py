"""Draws, returns and expiry over more lots than one commit can write: whole or not at all, whatever happens between."""

import functools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from ledger.domain.errors import (
    AccountSuspended,
    CommitTooLarge,
    IdempotencyKeyReused,
    InsufficientCredits,
    RunFailed,
    StoreUnavailable,
)
from ledger.domain.events import Event
from ledger.domain.ids import PaymentId
from ledger.domain.runs import Run
from ledger.ports.commit import Commit, Refusal
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.usecases.expire_credits import expire_account
from ledger.usecases.holds import place_hold
from ledger.usecases.usage import draw_credits, fail_run
from tools.testing.builders import ADA, LATER, NOON, at, event_of, paid, payment, record_events, refund
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import lift_hold
from tools.verify import check

LINES, CREDITS = 250, 2500
OVER = LATER + timedelta(days=1)


class Cut(FakeStore):
    """A store in which something happens at one commit: before it is written, or after it."""

    def __init__(self) -> None:
        super().__init__()
        self.commits = 0
        self.cut_at = 0
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], object] = lambda: None

    def commit(self, commit: Commit) -> Refusal | None:
        self.commits += 1
        is_cut = self.commits == self.cut_at
        if is_cut:
            self.before()
        refusal = super().commit(commit)
        if is_cut:
            self.after()
        return refusal

    def cut(
        self, number: int, *, before: Callable[[], object] | None = None, after: Callable[[], object] | None = None
    ) -> None:
        """From now on, do this at the commit of this number, counted from 1."""
        self.commits, self.cut_at = 0, number
        self.before, self.after = before or (lambda: None), after or (lambda: None)


class Behind(Cut):
    """A store of which one read has the account as it was before it had any credits: a batch is no snapshot."""

    def __init__(self) -> None:
        super().__init__()
        self.behind_at = 0
        self.reads = 0

    def read(self, names: Keys) -> Snapshot:
        found = super().read(names)
        self.reads += bool(names.accounts and names.runs)
        return replace(found, accounts={}) if names.accounts and self.reads == self.behind_at else found


def bought(number: int, lines: int, *, expires: bool) -> Event:
    """A payment of many lines of 10 credits each: every one is a lot."""
    whole = payment(PaymentId(f"stripe:pi_{number}"), minute=number)
    parts = tuple(
        replace(
            whole.lines[0], line_id=f"li_{line}", credits=10, amount_minor=20, expires_at=LATER if expires else None
        )
        for line in range(lines)
    )
    return paid(replace(whole, lines=parts, paid_minor=20 * lines))


def many_lots(store: Store, lines: int = LINES) -> None:
    """An account with as many open lots. Half of them expire."""
    for number, start in enumerate(range(0, lines, 60)):
        record_events(store, bought(number, min(60, lines - start), expires=number % 2 == 0), now=NOON)


@functools.cache
def _begun() -> FakeStore:
    many_lots(store := FakeStore())
    return store


def begun() -> Cut:
    """A store with many lots. It is filled once, and copied for each test."""
    return filled(Cut())


_C = TypeVar("_C", bound=Cut)


def filled(store: _C) -> _C:
    """Fill a store with these lots."""
    for name, content in vars(_begun()).items():
        if isinstance(content, dict):
            setattr(store, name, dict(content))
    return store


def sound(store: FakeStore) -> bool:
    """Whether every invariant holds."""
    return not [finding for finding in check(world(store)) if finding.broken]


def stop() -> None:
    """The process is stopped."""
    raise StoreUnavailable("stopped")


def drawn(store: Store, credits_: int = CREDITS, run_id: str = "run_1", minute: float = 10) -> Run:
    """Draw, minutes after the purchases."""
    return draw_credits(ADA, run_id, credits_, store, now=at(minute))


ACTS: dict[str, tuple[Callable[[FakeStore], object], Callable[[FakeStore], object]]] = {
    "draw": (lambda _: None, drawn),
    "return": (drawn, lambda store: fail_run(ADA, "run_1", store, now=at(20))),
    "return after the expiry": (
        lambda store: (drawn(store), expire_account(ADA, store, now=OVER)),
        lambda store: fail_run(ADA, "run_1", store, now=OVER),
    ),
    "expiry": (lambda store: drawn(store, 655), lambda store: expire_account(ADA, store, now=OVER)),
}
RESULTS = {"draw": 0, "return": CREDITS, "return after the expiry": 1200, "expiry": 1200}


@pytest.mark.parametrize("is_written", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("act", ACTS)
def test_what_is_cut_between_any_two_writes_is_completed_by_the_same_call_again(act: str, *, is_written: bool) -> None:
    """In the end every lot and the sum of entries are what they are without the cut."""
    prepare, call = ACTS[act]
    whole = begun()
    prepare(whole)
    whole.commits = 0
    call(whole)
    parts = whole.commits
    assert parts >= 3
    assert sound(whole)
    assert whole.accounts[ADA].balance == RESULTS[act]
    for number in range(1, parts + 1):
        store = begun()
        prepare(store)
        store.cut(number, after=stop) if is_written else store.cut(number, before=stop)
        with pytest.raises(StoreUnavailable):
            call(store)
        call(store)
        assert sound(store), number
        assert (store.accounts[ADA].balance, store.accounts[ADA].lots.keys()) == (
            whole.accounts[ADA].balance,
            whole.accounts[ADA].lots.keys(),
        )
        assert store.runs == whole.runs


def test_a_retry_at_a_later_time_completes_the_run() -> None:
    """Its entries have the times at which they were written."""
    store = begun()
    store.cut(3, before=stop)
    with pytest.raises(StoreUnavailable):
        drawn(store)
    assert 0 < store.accounts[ADA].balance < CREDITS
    run = drawn(store, minute=15)
    assert (run.credits, run.missing, run.at, run.resumed_at) == (CREDITS, 0, at(10), at(15))
    assert drawn(store, minute=16) == run
    assert sound(store)
    store.cut(2, before=stop)
    with pytest.raises(StoreUnavailable):
        fail_run(ADA, "run_1", store, now=at(20))
    failed = fail_run(ADA, "run_1", store, now=at(25), error="later")
    assert (failed.failed_at, failed.returned) == (at(20), failed.drawn)
    assert [one.credits for one in store.failed_runs(ADA, NOON)] == [CREDITS]
    assert store.accounts[ADA].balance == CREDITS
    assert sound(store)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_run_whose_credits_go_between_two_parts_is_refused_whole(number: int) -> None:
    """A refund takes some of them. The caller is told what was there; with new credits the same run draws."""
    store = begun()
    money_back = event_of(refund(1200, minute=9), names=(PaymentId("stripe:pi_3"),))
    store.cut(number, after=lambda: record_events(store, money_back, now=at(9)))
    with pytest.raises(InsufficientCredits) as refusal:
        drawn(store)
    assert (refusal.value.needed, refusal.value.spendable) == (CREDITS, CREDITS - 600)
    assert (store.accounts[ADA].balance, store.accounts[ADA].shortfall) == (CREDITS - 600, 0)
    assert sound(store)
    with pytest.raises(InsufficientCredits):
        drawn(store, minute=11)
    record_events(store, paid(payment(PaymentId("stripe:pi_more"), minute=12)), now=at(12))
    assert drawn(store, minute=13).credits == CREDITS
    assert store.accounts[ADA].balance == 400
    assert sound(store)


def test_a_hold_between_two_parts_refuses_the_run_whole() -> None:
    """Nothing stays drawn. Once it was refused, the id may be used for another number of credits."""
    store = begun()
    store.cut(2, after=lambda: place_hold("support:x", ADA, "sam", store, why="x", now=at(10)))
    with pytest.raises(AccountSuspended):
        drawn(store)
    assert store.accounts[ADA].balance == CREDITS
    assert sound(store)
    with pytest.raises(AccountSuspended):
        drawn(store, 20, minute=11)


@pytest.mark.parametrize("credits_", [20, CREDITS - 10, CREDITS])
def test_a_run_that_was_refused_half_way_draws_what_is_requested_then(credits_: int) -> None:
    """No credit more, although what was missing of the refused request is stored."""
    store = begun()
    store.cut(2, after=lambda: place_hold("support:x", ADA, "sam", store, why="x", now=at(10)))
    with pytest.raises(AccountSuspended):
        drawn(store)
    assert [(run.drawn, run.missing) for run in store.runs.values()] == [({}, CREDITS)]
    lift_hold("support:x", ADA, "sam", store, why="x", now=at(11))
    run = drawn(store, credits_, minute=12)
    assert (run.credits, sum(run.drawn.values()), run.missing) == (credits_, credits_, 0)
    assert store.accounts[ADA].balance == CREDITS - credits_
    assert drawn(store, credits_, minute=13) == run
    assert sound(store)
    fail_run(ADA, "run_1", store, now=at(20))
    assert store.accounts[ADA].balance == CREDITS
    assert sound(store)


def test_a_run_that_was_refused_half_way_is_refused_for_what_is_requested_then() -> None:
    """More than was there before: the caller is told what is missing of this request."""
    store = begun()
    store.cut(2, after=lambda: place_hold("support:x", ADA, "sam", store, why="x", now=at(10)))
    with pytest.raises(AccountSuspended):
        drawn(store)
    lift_hold("support:x", ADA, "sam", store, why="x", now=at(11))
    with pytest.raises(InsufficientCredits) as refusal:
        drawn(store, CREDITS + 7, minute=12)
    assert (refusal.value.needed, refusal.value.spendable) == (CREDITS + 7, CREDITS)
    assert store.accounts[ADA].balance == CREDITS


def test_a_run_that_is_being_drawn_is_of_one_number() -> None:
    """The part that is drawn belongs to the request that began it."""
    store = begun()
    store.cut(2, before=stop)
    with pytest.raises(StoreUnavailable):
        drawn(store)
    with pytest.raises(IdempotencyKeyReused, match=str(CREDITS)):
        drawn(store, 20)
    assert drawn(store).credits == CREDITS


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_run_that_fails_while_it_is_drawn_returns_what_it_drew(number: int) -> None:
    """Whoever draws it is told that it failed."""
    store = begun()
    store.cut(number, after=lambda: fail_run(ADA, "run_1", store, now=at(10)))
    with pytest.raises(RunFailed):
        drawn(store)
    assert store.accounts[ADA].balance == CREDITS
    assert sound(store)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_two_requests_for_one_run_draw_it_once(number: int) -> None:
    """The second one takes over in the middle of the first; both get the same run."""
    store = begun()
    runs: list[Run] = []
    store.cut(number, after=lambda: runs.append(drawn(store)))
    runs.append(drawn(store))
    assert runs[0] == runs[1]
    assert store.accounts[ADA].balance == 0
    assert sound(store)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_run_is_completed_though_its_account_is_read_as_it_was_before(number: int) -> None:
    """It has drawn from lots that the account, as it was read, does not have yet: they are not lost, but read again."""
    store = filled(Behind())
    store.cut(2, before=stop)
    with pytest.raises(StoreUnavailable):
        drawn(store)
    store.reads, store.behind_at = 0, number
    assert drawn(store).credits == CREDITS
    assert (store.accounts[ADA].balance, store.reads >= number) == (0, True)
    assert sound(store)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_run_returns_all_though_its_account_is_read_as_it_was_before(number: int) -> None:
    """The same of what a failed run gives back."""
    store = filled(Behind())
    drawn(store)
    store.reads, store.behind_at = 0, number
    fail_run(ADA, "run_1", store, now=at(20))
    assert (store.accounts[ADA].balance, store.reads >= number) == (CREDITS, True)
    assert sound(store)


def test_a_run_whose_item_is_full_gives_everything_back() -> None:
    """Nobody was told that it drew."""
    store = begun()

    def full() -> None:
        raise CommitTooLarge("an item would become larger than 400 KB")

    store.cut(3, before=full)
    with pytest.raises(CommitTooLarge):
        drawn(store)
    assert store.accounts[ADA].balance == CREDITS
    assert sound(store)
    assert drawn(store).credits == CREDITS


@pytest.mark.parametrize(
    ("act", "balance"), [(drawn, 0), (lambda store: fail_run(ADA, "run_1", store, now=at(10)), CREDITS)]
)
def test_a_run_whose_item_was_full_gives_nothing_back_that_another_call_settled(
    act: Callable[[FakeStore], Run], balance: int
) -> None:
    """It was drawn whole by the same request again, or it has failed and has returned everything."""
    store = begun()
    settled: list[Run] = []

    def full() -> None:
        settled.append(act(store))
        raise CommitTooLarge("an item would become larger than 400 KB")

    store.cut(3, before=full)
    with pytest.raises(CommitTooLarge):
        drawn(store)
    assert store.accounts[ADA].balance == balance
    assert list(store.runs.values()) == settled
    assert sound(store)


def test_an_empty_lot_that_stayed_on_its_account_leaves_it_with_the_expiry() -> None:
    """Whatever left it there."""
    store = FakeStore()
    many_lots(store, 10)
    drawn(store, 100)
    account = store.accounts[ADA]
    lots = {**account.lots, **{lot_id: lot for (_, lot_id), lot in store.closed_lots.items()}}
    store.accounts[ADA] = replace(account, lots=lots)
    assert expire_account(ADA, store, now=OVER) == 0
    assert store.accounts[ADA].lots == {}
