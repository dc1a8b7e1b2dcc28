"""Progress: where the next round of a job begins.

A list by age that grows at its end (expiring grants, parked events) is read from a position on:

    position of the last round ──► oldest … what this round takes ──► the next position, at most `end`

A list that what is done leaves (the outbox) is read whole, and begun behind the position where the last round stopped.

What failed does not hold it back: its position is kept in the cursor, and it is tried again in each round. Only when
more fail than the cursor keeps does the next round begin at the first of the others.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import JobCursor, job_cursor_key, read_position, sortable
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.sweep import ONE_AFTER_THE_OTHER, Pace, Round, Watch, sweep

S = TypeVar("S")
T = TypeVar("T")

MOST_FAILED = 200
"""How many items that failed a cursor keeps."""


def read_cursor(job: str, store: Store) -> JobCursor:
    """Return a job's progress; of one that has never run, an empty one."""
    key = job_cursor_key(job)
    return store.read(Keys(documents=frozenset({key}))).document(key, JobCursor) or JobCursor()


def store_cursor(job: str, progress: JobCursor, before: JobCursor, store: Store) -> None:
    """Store a job's progress, if it has changed."""
    if progress != before:
        store.commit(Commit(documents=(DocumentChange(job_cursor_key(job), progress, None),)))


def sweep_on(
    job: str,
    store: Store,
    listing: Iterable[S],
    act: Callable[[S], T],
    watch: Watch,
    *,
    name: Callable[[S], str],
    since: Callable[[S], datetime | None],
    lane: Callable[[S], str] = lambda _: "",
    is_due: Callable[[S], bool] = lambda _: True,
    pace: Pace = ONE_AFTER_THE_OTHER,
) -> Round[S, T]:
    """Sweep a list from which what is done leaves: see `sweep`. Begin where the last round of this job stopped.

    What fails stays in the list. It has its turn again once the others had theirs.
    """
    cursor = read_cursor(job, store)
    done = sweep(listing, act, watch, name=name, since=since, lane=lane, is_due=is_due, after=cursor.after, pace=pace)
    store_cursor(job, replace(cursor, after=done.after), cursor, store)
    return done


def next_cursor(
    done: Round[S, T],
    cursor: JobCursor,
    lane: str,
    *,
    begin: str,
    end: str,
    position: Callable[[S], str],
    is_kept: Callable[[Exception], bool] = lambda _: True,
) -> JobCursor:
    """Return the progress after a round that read one lane from the position `begin` on.

    If it did all of it, the next round begins at `end`. A failed item is kept, if `is_kept` says so of its error.
    """
    failed = {position(one.subject): is_kept(one.error) for one in done.failures if one.subject is not None}
    untried = cursor.failed.difference(map(position, done.succeeded), failed)
    kept = sorted({*untried, *(place for place, stays in failed.items() if stays)})
    reached = done.after.get(lane, end if done.is_listed else begin)
    if held := kept[MOST_FAILED:]:
        reached = min(reached, sortable(read_position(held[0])[0]))
    after = {name: place for name, place in done.after.items() if name != lane}
    after[lane] = max(begin, min(reached, end))
    return replace(cursor, after=after, failed=frozenset(kept[:MOST_FAILED]))
