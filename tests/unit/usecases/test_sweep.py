"""The round of a job: every item has its turn whatever one does, the oldest first, reported before the work begins."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import pytest

from ledger.domain.errors import ConfigurationError, StoreUnavailable, UnreadableItem
from ledger.usecases.sweep import Round, sweep
from tools.testing.builders import at


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

    def backlog(self, count: int, oldest_at: datetime | None) -> None:
        assert not self.done, "it is reported before anything is done"
        self.reported.append((count, oldest_at))

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
