"""The round of a job: every item has its turn whatever one does, the oldest first, reported before the work begins."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from threading import Barrier, Event, Lock, current_thread
from typing import Any, NamedTuple

import pytest

from ledger.domain.errors import ConfigurationError, StoreUnavailable, UnreadableItem
from ledger.usecases.sweep import Pace, Round, is_hour_of, sweep
from tools.testing.builders import at
from tools.testing.unguarded import UNWATCHED, Unwatched


class Job(NamedTuple):
    """Something that waits."""

    name: str
    minute: int = 0
    lane: str = "stripe"


@dataclass
class Notes:
    """A watch that notes what is reported, and has time for some items."""

    time_for: int = 100
    reported: list[tuple[int, datetime | None]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    is_at_least: bool | None = None

    def backlog(self, count: int, oldest_at: datetime | None, *, is_at_least: bool = False) -> None:
        assert not self.done, "it is reported before anything is done"
        self.reported.append((count, oldest_at))
        self.is_at_least = is_at_least

    def failed(self, name: str, error: Exception) -> None:
        self.failures.append(f"{name}: {error}")

    def has_time(self) -> bool:
        return len(self.done) < self.time_for


TROUBLE = {
    "no_key": ConfigurationError("There is no API key for Paddle."),
    "throttled": StoreUnavailable("throttled"),
    "mistake": KeyError("a mistake of ours"),
}


def swept(notes: Notes, *jobs: Job, unreadable: UnreadableItem | None = None) -> Round[Job, str]:
    """Sweep these. Those that are named after a trouble fail with it."""

    def listing() -> Iterator[Job]:
        yield from jobs
        if unreadable:
            raise unreadable

    def act(job: Job) -> str:
        notes.done.append(job.name)
        if job.name in TROUBLE:
            raise TROUBLE[job.name]
        return job.name

    return sweep(
        listing(),
        act,
        notes,
        name=lambda job: job.name,
        since=lambda job: at(job.minute),
        lane=lambda job: job.lane,
    )


@pytest.mark.parametrize("trouble", TROUBLE)
def test_every_item_has_its_turn_whatever_one_raises(trouble: str) -> None:
    """The others are done, the failure is reported by name, and the job fails at its end."""
    notes = Notes()
    done = swept(notes, Job("a", 1), Job(trouble, 2), Job("b", 3))
    assert done.results == ("a", "b")
    assert notes.failures == [f"{trouble}: {TROUBLE[trouble]}"]
    with pytest.raises(type(TROUBLE[trouble])):
        done.raise_failure()


def test_a_round_without_a_failure_raises_nothing() -> None:
    """Its job has not failed."""
    swept(Notes(), Job("a")).raise_failure()


def test_a_wrong_setting_is_raised_rather_than_the_stores_trouble() -> None:
    """Trouble of the store passes by itself; the setting has to be named to somebody."""
    with pytest.raises(ConfigurationError):
        swept(Notes(), Job("throttled", 1), Job("no_key", 2)).raise_failure()


def test_the_oldest_is_first_and_providers_take_turns() -> None:
    """A provider with many refunds does not hold up the one refund of the other."""
    notes = Notes()
    swept(notes, Job("s3", 4), Job("s1", 1), Job("s2", 2), Job("p1", 3, "paddle"), Job("p2", 5, "paddle"))
    assert notes.done == ["s1", "p1", "s2", "p2", "s3"]


def test_number_and_age_are_reported_before_the_work() -> None:
    """So also by a job whose first item breaks it off, or takes all its time."""
    notes = Notes()
    swept(notes, Job("b", 7), Job("a", 3))
    assert notes.reported == [(2, at(3))]
    swept(empty := Notes())
    assert empty.reported == [(0, None)]


def test_what_cannot_be_read_counts_in_number_and_age_and_fails_the_job() -> None:
    """The rest is done: an item of a newer release blocks nothing, and is not forgotten."""
    notes = Notes()
    done = swept(notes, Job("a", 3), unreadable=UnreadableItem("1 item", at(1)))
    assert (notes.reported, notes.done) == ([(2, at(1))], ["a"])
    with pytest.raises(UnreadableItem):
        done.raise_failure()


def test_a_listing_that_fails_halfway_leaves_what_it_listed_to_be_done() -> None:
    """The table was throttled during the query: what was found is done, and the job fails."""

    def listing() -> Iterator[str]:
        yield "a"
        raise StoreUnavailable("throttled")

    notes = Notes()
    done = sweep(listing(), str, notes, name=str, since=lambda _: at(0))
    assert done.results == ("a",)
    assert notes.reported == [], "an age that leaves out the oldest would end the alarm about it"
    with pytest.raises(StoreUnavailable):
        done.raise_failure()


def test_a_round_ends_before_its_time_is_over_and_tells_what_is_left() -> None:
    """The oldest were done. The rest is the next round's."""
    done = swept(Notes(time_for=2), Job("c", 3), Job("a", 1), Job("b", 2), Job("d", 4))
    assert (done.results, [job.name for job in done.left]) == (("a", "b"), ["c", "d"])


def test_a_batch_of_the_stream_keeps_its_order_and_reports_no_age() -> None:
    """Its records are no backlog, and those of one item must not change places."""
    notes = Notes()
    assert sweep(["b", "a"], str, notes, name=str).results == ("b", "a")
    assert notes.reported == []


MANY = [Job(name, minute) for minute, name in enumerate("abcdefg")]


def rounds_of(jobs: list[Job], number: int, *, time_for: int = 100, pace: Pace = Pace()) -> Iterator[list[str]]:  # noqa: B008
    """What each of so many rounds does, each from where the last one stopped. Nothing of it ever ends."""
    after: dict[str, str] = {}
    for _ in range(number):
        notes = Notes(time_for=time_for)
        done = sweep(
            jobs,
            lambda job, notes=notes: notes.done.append(job.name),  # type: ignore[misc]
            notes,
            name=lambda job: job.name,
            since=lambda job: at(job.minute),
            lane=lambda job: job.lane,
            after=after,
            pace=pace,
        )
        assert notes.reported == [(len(jobs), at(min(job.minute for job in jobs)))], "whatever has its turn"
        after = dict(done.after)
        yield notes.done


@pytest.mark.parametrize("bounds", [{"time_for": 3}, {"pace": Pace(most=3)}])
def test_the_next_round_goes_on_where_this_one_stopped(bounds: dict[str, Any]) -> None:
    """For lack of time, or since it takes no more: what fails for ever, and stays the oldest, holds up nothing."""
    assert list(map("".join, rounds_of(MANY, 5, **bounds))) == ["abc", "def", "gab", "cde", "fga"]


def test_each_lane_goes_on_where_it_stopped() -> None:
    """One that was done begins again with its oldest."""
    jobs = [*MANY, Job("x", 8, "paddle"), Job("y", 9, "paddle"), Job("z", 10, "paddle")]
    assert list(map("".join, rounds_of(jobs, 3, time_for=4))) == ["axby", "czdx", "eyfz"]


def test_a_round_that_ends_names_no_position() -> None:
    """The next one begins with the oldest."""
    assert list(map("".join, rounds_of(MANY, 2))) == ["abcdefg", "abcdefg"]


def test_more_than_a_round_takes_is_told_and_the_oldest_are_kept() -> None:
    """Whatever the order of the list: it keeps no more than twice as many in memory."""
    jobs = [Job(f"{number:04}", number) for number in range(1000)]
    notes = Notes()
    done = sweep(
        reversed(jobs),
        lambda job: notes.done.append(job.name),
        notes,
        name=lambda job: job.name,
        since=lambda job: at(job.minute),
        pace=Pace(most=10),
    )
    assert notes.done == [job.name for job in jobs[:10]]
    assert (notes.reported, notes.is_at_least) == ([(1000, at(0))], True)
    assert (done.left, list(done.after)) == ((), [""])
    swept(few := Notes(), *jobs[:3])
    assert few.is_at_least is False


def test_what_is_not_due_is_reported_and_has_no_turn() -> None:
    """It waits. What is no backlog has its turn, and is not reported."""
    notes = Notes()
    sweep(
        MANY,
        lambda job: notes.done.append(job.name),
        notes,
        name=lambda job: job.name,
        since=lambda job: at(job.minute) if job.minute else None,
        is_due=lambda job: job.minute % 2 == 0,
    )
    assert "".join(sorted(notes.done)) == "aceg"
    assert notes.reported == [(6, at(1))]


def test_workers_act_at_once_and_report_from_one_thread() -> None:
    """Three wait for one another. Powertools' metrics are not to be shared between threads."""
    barrier, threads = Barrier(3), set()

    class OneThread(Unwatched):
        def failed(self, name: str, error: Exception) -> None:  # noqa: ARG002 - a Watch's
            threads.add(current_thread())

    def act(name: str) -> str:
        barrier.wait(60)
        if name == "b":
            raise KeyError(name)
        return name

    done = sweep("abc", act, OneThread(), name=str, pace=Pace(workers=3))
    assert (sorted(done.results), sorted(done.succeeded)) == (["a", "c"], ["a", "c"])
    assert [failure.subject for failure in done.failures] == ["b"]
    assert threads == {current_thread()}


def test_workers_begin_each_item_once_and_none_after_the_time_is_over() -> None:
    """Whatever they begin at once is asked for one after the other."""
    begun: Counter[int] = Counter()
    asked, lock = count(1), Lock()

    class Time(Unwatched):
        def has_time(self) -> bool:
            assert lock.acquire(blocking=False), "one thread asks at a time"
            try:
                return next(asked) <= 40
            finally:
                lock.release()

    done = sweep(range(100), lambda number: begun.update([number]), Time(), name=str, pace=Pace(workers=8))
    assert begun == Counter(range(40))
    assert done.left == tuple(range(40, 100))


def test_of_lanes_that_had_as_many_turns_that_with_the_oldest_item_is_next() -> None:
    """Whichever was listed first; a lane that went on where it stopped has no advantage by that."""
    jobs = [Job("p2", 20, "paddle"), Job("s1", 10), Job("p1", 5, "paddle"), Job("s2", 30), Job("x1", 1, "x")]
    begun: list[str] = []
    sweep(
        jobs,
        lambda job: begun.append(job.name),
        UNWATCHED,
        name=lambda job: job.name,
        since=lambda job: at(job.minute),
        lane=lambda job: job.lane,
    )
    assert begun == ["x1", "p1", "s1", "p2", "s2"]


def test_a_lane_that_hangs_leaves_the_others_their_workers() -> None:
    """A provider does not respond: its worker waits, and the other provider's refunds are all sent meanwhile."""
    others = [Job(f"p{number}", 10 + number, "paddle") for number in range(5)]
    responded, sent = Event(), []

    def act(job: Job) -> None:
        if job.lane == "stripe":
            assert responded.wait(60)
            return
        sent.append(job.name)
        if len(sent) == len(others):
            responded.set()

    stuck = [Job(f"s{number}", number) for number in range(4)]
    done = sweep(
        [*stuck, *others],
        act,
        UNWATCHED,
        name=lambda job: job.name,
        since=lambda job: at(job.minute),
        lane=lambda job: job.lane,
        pace=Pace(workers=2, lane_workers=1),
    )
    assert not done.failures
    assert sent == [job.name for job in others]


def test_a_lane_is_worked_on_by_no_more_workers_than_it_may() -> None:
    """A provider is asked by two at most, however many workers there are."""
    lock, running, most = Lock(), Counter[str](), Counter[str]()

    def act(job: Job) -> None:
        with lock:
            running[job.lane] += 1
            most[job.lane] = max(most[job.lane], running[job.lane])
        pause.wait(0.002)
        with lock:
            running[job.lane] -= 1

    pause = Event()
    jobs = [Job(f"{number}", number, lane) for number in range(20) for lane in ("stripe", "paddle")]
    done = sweep(jobs, act, UNWATCHED, name=str, lane=lambda job: job.lane, pace=Pace(workers=8, lane_workers=2))
    assert len(done.results) == 40
    assert max(most.values()) == 2


def test_what_is_no_exception_ends_the_round() -> None:
    """The process is to end: no worker begins anything more."""

    class Ended(BaseException):
        """The process is ended."""

    begun = []

    def act(number: int) -> None:
        begun.append(number)
        raise Ended

    with pytest.raises(Ended):
        sweep(range(100), act, UNWATCHED, name=str, pace=Pace(workers=2))
    assert len(begun) <= 2


def test_each_item_has_its_turn_in_one_hour_of_each_day() -> None:
    """Whatever its name is: none is left out for ever, and no hour has them all."""
    names = [f"case_{number}" for number in range(400)]
    hours = {name: [hour for hour in range(24) if is_hour_of(name, at(60 * hour))] for name in names}
    assert {len(of_it) for of_it in hours.values()} == {1}
    assert {of_it[0] for of_it in hours.values()} == {*range(24)}
    assert [is_hour_of(names[0], at(60 * (hours[names[0]][0] + 24 * day))) for day in range(3)] == [True] * 3
