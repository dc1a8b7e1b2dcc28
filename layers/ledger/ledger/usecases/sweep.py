"""Sweep: the round of a scheduled job over everything that waits for it.

    list everything ──► report number and age ──► act on each: the oldest first, providers in turns
                                                   ├─ an item fails       report it, go on
                                                   ├─ time runs out       leave the rest to the next round
                                                   └─ the round is over   raise the first failure

One item never stops the others, whatever it raises: an item of a newer release, a provider whose API key is missing,
or a mistake of ours. The job still fails at the end, so that its alarm is raised and the next round tries again.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar
from zlib import crc32

from ledger.domain.errors import StoreUnavailable

S = TypeVar("S")
T = TypeVar("T")


class Watch(Protocol):
    """What a round reports while it runs, and the time that it has."""

    def backlog(self, count: int, oldest_at: datetime | None) -> None:
        """Report what waits, before anything is done: the number of items, and since when the oldest waits."""

    def failed(self, name: str, error: Exception) -> None:
        """Report that the item of this name failed. The round goes on."""

    def has_time(self) -> bool:
        """Return whether there is time to begin with another item."""


class Unwatched:
    """The watch of a round that reports to nobody and has time without end."""

    def backlog(self, count: int, oldest_at: datetime | None) -> None:
        """Report nothing."""

    def failed(self, name: str, error: Exception) -> None:
        """Report nothing."""

    def has_time(self) -> bool:
        """Return that there is time."""
        return True


UNWATCHED: Watch = Unwatched()


@dataclass(frozen=True, slots=True)
class Failure(Generic[S]):
    """An item that failed, and why. `subject` None: the listing itself failed, or has items that can't be read."""

    subject: S | None
    error: Exception


@dataclass(frozen=True, slots=True)
class Round(Generic[S, T]):
    """A finished round."""

    results: tuple[T, ...]
    failures: tuple[Failure[S], ...]
    left: tuple[S, ...]  # not begun, for lack of time

    def raise_failure(self) -> None:
        """Raise the round's failure, if there was one. A mistake or a wrong setting comes before a store's trouble."""
        errors = [failure.error for failure in self.failures]
        if errors:
            raise next((error for error in errors if not isinstance(error, StoreUnavailable)), errors[0])


def sweep(
    listing: Iterable[S],
    act: Callable[[S], T],
    watch: Watch = UNWATCHED,
    *,
    name: Callable[[S], str],
    since: Callable[[S], datetime] | None = None,
    lane: Callable[[S], str] = lambda _: "",
) -> Round[S, T]:
    """Call `act` for everything that waits, whatever one item does. Return what became of all of them.

    `name` is an item's id, for the log. `since` is the time since which it waits: the oldest is first. Items of
    different lanes (providers) take turns, so that one lane with many items does not hold up another. Without `since`,
    as for a batch of a queue, the order stays and no age is reported. Nor is one if the list can't be read to its
    end: the alarm on a missing age tells. Call `raise_failure` of the result once the job has stored its progress.
    """
    waiting, failures = _listed(listing)
    if since:
        unread = [getattr(failure.error, "since", None) for failure in failures]
        if all(unread):  # else the list is not whole: no age is better than one that leaves out the oldest
            ages = [*(since(subject) for subject in waiting), *filter(None, unread)]
            watch.backlog(len(waiting) + len(failures), min(ages, default=None))
        waiting = _in_turns(waiting, since, lane)
    for failure in failures:
        watch.failed("listing", failure.error)
    results: list[T] = []
    for position, subject in enumerate(waiting):
        if not watch.has_time():
            return Round(tuple(results), tuple(failures), tuple(waiting[position:]))
        try:
            results.append(act(subject))
        except Exception as error:  # noqa: BLE001 - whatever one item does, the others have their turn
            failures.append(Failure(subject, error))
            watch.failed(name(subject), error)
    return Round(tuple(results), tuple(failures), ())


def is_hour_of(name: str, now: datetime) -> bool:
    """Return whether this is the hour of the day in which an item has its turn, of those that have one a day."""
    return crc32(name.encode()) % 24 == now.astimezone(UTC).hour


def _listed(listing: Iterable[S]) -> tuple[list[S], list[Failure[S]]]:
    """Return what can be listed. A listing raises when the store fails, and at its end if an item can't be read."""
    waiting: list[S] = []
    try:
        waiting.extend(listing)  # keeps what came before the error
    except StoreUnavailable as error:
        return waiting, [Failure(None, error)]
    return waiting, []


def _in_turns(waiting: Iterable[S], since: Callable[[S], datetime], lane: Callable[[S], str]) -> list[S]:
    """Return the items by age, those of different lanes in turns: the oldest of each lane, then the second of each."""
    turns: Counter[str] = Counter()
    ranked: list[tuple[int, datetime, int, S]] = []
    for number, subject in enumerate(sorted(waiting, key=since)):
        ranked.append((turns[lane(subject)], since(subject), number, subject))
        turns[lane(subject)] += 1
    return [subject for *_, subject in sorted(ranked, key=lambda row: row[:3])]
