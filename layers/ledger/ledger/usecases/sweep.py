"""Sweep: the round of a scheduled job over everything that waits for it.

    list what waits ──► report number and age ──► act on each: the oldest first, lanes in turns, several at once
                                                   ├─ an item fails       report it, go on
                                                   ├─ time runs out       leave the rest to the next round
                                                   └─ the round is over   raise the first failure

One item never stops the others, whatever it raises: an item of a newer release, a provider whose API key is missing,
or a mistake of ours. The job still fails at the end, so that its alarm is raised and the next round tries again.

A round that ends before its list does says where: the next one goes on behind that, and comes back to the oldest. So
items that fail in each round, or take all the time, hold up no others:

    waiting   a b c d e f g        round 1   a b c|
                                   round 2         d e f|
                                   round 3               g a b|
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from datetime import UTC, datetime
from queue import SimpleQueue
from threading import Lock
from typing import Generic, Protocol, TypeVar
from zlib import crc32

from ledger.domain.errors import StoreUnavailable
from ledger.domain.records import record
from ledger.ports.documents import position_of

S = TypeVar("S")
T = TypeVar("T")


class Watch(Protocol):
    """What a round reports while it runs, and the time that it has. It reports from one thread alone."""

    def backlog(self, count: int, oldest_at: datetime | None, *, is_at_least: bool = False) -> None:
        """Report what waits, before anything is done: the number of items, and since when the oldest waits.

        `is_at_least`: there are more than one round takes, and maybe more than were counted.
        """

    def failed(self, name: str, error: Exception) -> None:
        """Report that the item of this name failed. The round goes on."""

    def has_time(self) -> bool:
        """Return whether there is time to begin with another item. It is called from one thread at a time."""


@record(frozen=True)
class Failure(Generic[S]):
    """An item that failed, and why. `subject` None: the listing itself failed, or has items that can't be read."""

    subject: S | None
    error: Exception


@record(frozen=True)
class Round(Generic[S, T]):
    """A finished round."""

    results: tuple[T, ...]
    failures: tuple[Failure[S], ...]
    left: tuple[S, ...]  # not begun, for lack of time
    after: Mapping[str, str] = field(default_factory=dict)
    """By lane of which something is left: the position behind which the next round begins."""
    succeeded: tuple[S, ...] = ()  # in the order of their results

    @property
    def is_listed(self) -> bool:
        """Return whether the list was read to the end that it has."""
        return all(failure.subject is not None for failure in self.failures)

    def raise_failure(self) -> None:
        """Raise the round's failure, if there was one. A mistake or a wrong setting comes before a store's trouble."""
        errors = [failure.error for failure in self.failures]
        if errors:
            raise next((error for error in errors if not isinstance(error, StoreUnavailable)), errors[0])


@record(frozen=True)
class Pace:
    """How much of a job is done at once."""

    workers: int = 1  # threads of a round
    lane_workers: int | None = None  # the most of them on one lane. None: all
    most: int | None = None  # items of a lane that one round takes. None: all


ONE_AFTER_THE_OTHER = Pace()


def sweep(
    listing: Iterable[S],
    act: Callable[[S], T],
    watch: Watch,
    *,
    name: Callable[[S], str],
    since: Callable[[S], datetime | None] | None = None,
    lane: Callable[[S], str] = lambda _: "",
    is_due: Callable[[S], bool] = lambda _: True,
    after: Mapping[str, str] | None = None,
    pace: Pace = ONE_AFTER_THE_OTHER,
) -> Round[S, T]:
    """Call `act` for everything that waits, whatever one item does. Return what became of all of them.

    `name` is an item's id, for the log. `since` is the time since which it waits: the oldest is first. None: it is no
    backlog, and is not reported. Items of
    different lanes (providers) take turns, so that one lane with many items does not hold up another. `after` is what
    the round before left of each lane: those behind it come first. What is not due waits too, and has no turn yet.
    Without `since`, as for a batch of a queue, the order stays and no age is reported. Nor is one if the list can't be
    read to its end: the alarm on a missing age tells.

    The list is read to its end, and `pace.most` of each lane are kept. A list that is long itself ends earlier, after
    one item more than that. Call `raise_failure` of the result once the job has stored its progress.

    `act` is called from several threads if `pace` says so: what it shares must be safe to share.
    """
    waiting = _Waiting(name, since, lane, is_due, after or {}, pace)
    failures = _read(listing, waiting)
    if since:
        unread = [getattr(failure.error, "since", None) for failure in failures]
        if all(unread):  # else the list is not whole: no age is better than one that leaves out the oldest
            ages = [waiting.oldest_at, *unread]
            watch.backlog(
                waiting.count + len(failures), min(filter(None, ages), default=None), is_at_least=waiting.is_cut
            )
    for failure in failures:
        watch.failed("listing", failure.error)
    succeeded: list[_Done[S, T]] = []
    for outcome in _outcomes(waiting, act, watch, pace.workers):
        if isinstance(outcome, _Done):
            succeeded.append(outcome)
        else:
            failures.append(Failure(outcome.subject, outcome.error))
            watch.failed(name(outcome.subject), outcome.error)
    return Round(
        results=tuple(one.result for one in succeeded),
        failures=tuple(failures),
        left=waiting.left,
        after=waiting.positions(is_listed=not any(failure.subject is None for failure in failures)),
        succeeded=tuple(one.subject for one in succeeded),
    )


def is_hour_of(name: str, now: datetime) -> bool:
    """Return whether this is the hour of the day in which an item has its turn, of those that have one a day."""
    return crc32(name.encode()) % 24 == hour_of(now)


def hour_of(now: datetime) -> int:
    """Return the hour of the day, in UTC: the turn of what has one turn a day."""
    return now.astimezone(UTC).hour


class _Waiting(Generic[S]):
    """What a round has listed, by lane, and what it has not begun. Safe to share between threads once it is listed."""

    def __init__(
        self,
        name: Callable[[S], str],
        since: Callable[[S], datetime | None] | None,
        lane: Callable[[S], str],
        is_due: Callable[[S], bool],
        after: Mapping[str, str],
        pace: Pace,
    ) -> None:
        self.count = 0
        self._number = 0
        self.oldest_at: datetime | None = None
        self._name = name
        self._since = since
        self._lane = lane
        self._is_due = is_due
        self._after = after
        self._pace = pace
        self._listed: dict[str, list[tuple[tuple[bool, str, int], S]]] = {}
        self._lanes: dict[str, deque[tuple[tuple[bool, str, int], S]]] = {}
        self._cut: set[str] = set()  # lanes of which there were more than a round takes
        self._begun: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._last: dict[str, str] = {}  # by lane: the position of what was begun last
        self._is_stopped = False
        self._lock = Lock()

    @property
    def is_cut(self) -> bool:
        return bool(self._cut)

    @property
    def kept(self) -> int:
        """Return how many items the round takes."""
        return sum(map(len, self._lanes.values()))

    def add(self, subject: S) -> None:
        """Count an item, and keep it unless the lane has as many that come before it."""
        self._number += 1
        since = self._since(subject) if self._since else None
        if since:
            self.count += 1
            self.oldest_at = min(self.oldest_at or since, since)
        if not self._is_due(subject):
            return
        lane = self._lane(subject)
        position = (position_of(since, self._name(subject)) if since else self._name(subject)) if self._since else ""
        listed = self._listed.setdefault(lane, [])
        listed.append(((position <= self._after.get(lane, ""), position, self._number), subject))
        if self._pace.most and len(listed) >= 2 * self._pace.most:
            self._drop(lane)

    def close(self) -> None:
        """Put the items of each lane in their order: nothing is added any more."""
        for lane, listed in self._listed.items():
            self._drop(lane)
            self._lanes[lane] = deque(listed)
        self._listed = {}

    def begin(self, watch: Watch) -> tuple[str, S] | None:
        """Return the next item to act on, with its lane. None: no time is left, or nothing that may be begun now.

        Of the lanes, the one has its turn of which the fewest were begun; then that with the oldest item.
        """
        with self._lock:
            most = self._pace.lane_workers
            free = [name for name, lane in self._lanes.items() if lane and (not most or self._running[name] < most)]
            if self._is_stopped or not free or not watch.has_time():
                return None
            name = min(free, key=lambda one: (self._begun[one], self._lanes[one][0][0][1:]))
            (_, position, _), subject = self._lanes[name].popleft()
            self._begun[name] += 1
            self._running[name] += 1
            self._last[name] = position
            return name, subject

    def end(self, lane: str) -> None:
        """Free the turn of an item."""
        with self._lock:
            self._running[lane] -= 1

    def stop(self) -> None:
        """Begin nothing more: the process is to end."""
        self._is_stopped = True

    @property
    def left(self) -> tuple[S, ...]:
        """Return what was listed and not begun, in the order in which it would have been."""
        ranked = [
            (self._begun[name] + number, rank[1:], subject)
            for name, lane in self._lanes.items()
            for number, (rank, subject) in enumerate(lane)
        ]
        return tuple(subject for *_, subject in sorted(ranked, key=lambda row: row[:2]))

    def positions(self, *, is_listed: bool) -> dict[str, str]:
        """Return where the next round begins in each lane that is not done."""
        return {
            lane: position
            for lane, rest in self._lanes.items()
            if (rest or lane in self._cut or not is_listed)
            and (position := self._last.get(lane, self._after.get(lane, "")))
        }

    def _drop(self, lane: str) -> None:
        """Put a lane in order, and keep no more of it than a round takes."""
        listed = self._listed[lane]
        listed.sort(key=lambda row: row[0])
        if self._pace.most and len(listed) > self._pace.most:
            del listed[self._pace.most :]
            self._cut.add(lane)


@record(frozen=True)
class _Done(Generic[S, T]):
    """The result of one item."""

    subject: S
    result: T


@record(frozen=True)
class _Failed(Generic[S]):
    """Why one item failed."""

    subject: S
    error: Exception


def _read(listing: Iterable[S], waiting: _Waiting[S]) -> list[Failure[S]]:
    """List what can be listed. A listing raises when the store fails, and at its end if an item can't be read."""
    try:
        for subject in listing:
            waiting.add(subject)  # keeps what came before the error
    except StoreUnavailable as error:
        return [Failure(None, error)]
    finally:
        waiting.close()
    return []


def _outcomes(
    waiting: _Waiting[S], act: Callable[[S], T], watch: Watch, workers: int
) -> Iterable[_Done[S, T] | _Failed[S]]:
    """Act on what waits while there is time. Yield what became of each, as it ends."""
    workers = min(workers, waiting.kept)
    if workers <= 1:
        while begun := waiting.begin(watch):
            yield _outcome(*begun, act, waiting)
        return
    outcomes: SimpleQueue[_Done[S, T] | _Failed[S] | None] = SimpleQueue()

    def work() -> None:
        try:
            while begun := waiting.begin(watch):
                outcomes.put(_outcome(*begun, act, waiting))
        except BaseException:
            waiting.stop()
            raise
        finally:
            outcomes.put(None)

    with ThreadPoolExecutor(workers, thread_name_prefix="sweep") as pool:
        running = [pool.submit(work) for _ in range(workers)]
        for _ in running:
            while outcome := outcomes.get():
                yield outcome
    for worker in running:
        worker.result()  # raises what is no Exception


def _outcome(lane: str, subject: S, act: Callable[[S], T], waiting: _Waiting[S]) -> _Done[S, T] | _Failed[S]:
    try:
        return _Done(subject, act(subject))
    except Exception as error:  # noqa: BLE001 - whatever one item does, the others have their turn
        return _Failed(subject, error)
    finally:
        waiting.end(lane)
