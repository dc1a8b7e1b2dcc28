"""The scheduled jobs: what a round costs, and that it does not depend on how much is stored.

The same things to do are put into a small table and into a large one, and each job runs its round over both, as its
schedule starts it. What is counted of a round is divided by what it did. All of it must be flat, within FLAT. Times are
reported only as a ratio: the round's to that of its own calls, sent again by botocore alone with as many threads.

`renewals`: on one day the periods of so many accounts end. The hourly rounds of `expire_credits` book them.
"""

import contextlib
import importlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from bench.counted import Call, Counted, Counts, floor_s
from bench.deployed import deployed
from bench.histories import NOW, Kind
from bench.report import Progress, Report, Row, grown
from bench.table import Table, opened
from bench.units import items_read
from ledger.dynamodb import keys
from ledger.dynamodb.store import DynamoDBStore
from ledger.ports.documents import DocumentKind
from ledger.ports.gateway import Gateway
from ledger.runtime import Runtime
from tools.testing.fakes import FakeProvider

FLAT = 1.10
"""How much a number may grow from the small table to the large one, or from the second hour to the last."""
_COUNTED = ("calls each", "items read each", "read units each", "items written each")
_HOUR = timedelta(hours=1)
_ITEMS_OF_A_CUSTOMER = 12.5
_ROUND_S = 900.0
_MANY = 100
"""Things done by a round of which what it costs apart from them no longer counts."""


class Job(NamedTuple):
    """A scheduled job, as its schedule starts it."""

    name: str
    folder: str
    event: Mapping[str, Any]
    threads: int  # that act at once on what the histories leave to do
    done: Callable[[Any, Sequence[Call]], int]  # the number of things that a round acted on


def _followed(_: Any, calls: Sequence[Call]) -> int:
    """Return the number of cases that were read: the result names only those that changed."""
    read = (item for call in calls if call.operation == "BatchGetItem" for item in items_read(*call[::2]))
    return sum(keys.kind_of(item) is DocumentKind.REFUND_CASE for item in read)


JOBS = (
    Job("expire_credits", "expire_credits", {}, 8, lambda result, _: int(result["accounts"])),
    Job("release_parked", "release_parked", {}, 8, lambda result, _: sum(result["outcomes"].values())),
    Job("send_refunds", "send_refunds", {}, 2, lambda result, _: sum(result["outcomes"].values())),
    Job("decide_waiting", "follow_cases", {"decide_only": True}, 4, lambda result, _: len(result["moved"])),
    Job("follow_cases", "follow_cases", {}, 4, _followed),
)
_DUE = (Kind.EXPIRES, Kind.PARKED, Kind.APPROVED, Kind.DISPUTED, Kind.DEFERRED, Kind.REPORTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How large the tables are, and what there is to do."""

    items: int  # of the large table, about
    small: int  # of the small one
    due: int  # things to do, of each kind
    renewals: int  # periods that end on one day; 0: leave that out
    engine: str
    minutes: float  # after which no round of the day of renewals begins anything


def run(options: Options, progress: Progress) -> list[Report]:
    """Measure the rounds and the day of renewals. Raise EngineError."""
    reports = [_rounds(options, progress)]
    if options.renewals:
        reports.append(_renewals(options, progress))
    return reports


def _rounds(options: Options, progress: Progress) -> Report:
    """Return what each job's round costs over the small table, and over the large one."""
    rows: list[Row] = []
    for size in (options.small, options.items):
        with _opened(options.engine) as (table, jobs):
            items = _filled(table, Kind.PAST, max(1, round(size / _ITEMS_OF_A_CUSTOMER)), progress)
            for job in JOBS:  # what is new since the last round is known only after one
                jobs.round(job, NOW - _HOUR)
            items += sum(_filled(table, kind, options.due, progress) for kind in _DUE)
            advance = progress("rounds", len(JOBS))
            for job in JOBS:
                measured = jobs.round(job, NOW)
                rows.append({"job": job.name, "items": items, **measured.row()})
                advance(1)
    rows.sort(key=lambda row: [job.name for job in JOBS].index(row["job"]))
    title = f"Rounds of the jobs, {options.due} things to do of each kind, on {options.engine}"
    return Report("jobs", title, rows, grown(rows, ("job",), _COUNTED, FLAT))


def _renewals(options: Options, progress: Progress) -> Report:
    """Return what the hourly rounds cost of a day on which so many periods end."""
    hours: list[_Measured] = []
    with _opened(options.engine) as (table, jobs):
        items = _filled(table, Kind.RENEWAL, options.renewals, progress)
        jobs.round(JOBS[0], NOW)
        jobs.ends_at = time.monotonic() + options.minutes * 60
        advance = progress("accounts expired", options.renewals)
        for hour in range(1, 26):  # what ends in the last minutes of the day is listed in the hour after it
            hours.append(jobs.round(JOBS[0], NOW + hour * _HOUR))
            advance(hours[-1].done)
            if time.monotonic() > jobs.ends_at:
                break
    whole = [hour for hour in hours[1:24] if hour.done]
    rows = (
        [{"hour": str(hours.index(hour) + 1), "items": items, **hour.row()} for hour in (whole[0], whole[-1])]
        if whole
        else []
    )
    rows.append({"hour": f"all {len(hours)}", "items": items, **_sum(hours).row()})
    title = f"A day of {options.renewals:,} renewals: the hourly rounds of expire_credits, on {options.engine}"
    report = Report("renewals", title, rows)
    judged = [row for row in rows[:-1] if row["done"] >= _MANY]
    report.exceeded = grown([{"job": "renewals", **row} for row in judged], ("job",), _COUNTED, FLAT)
    if (done := rows[-1]["done"]) != options.renewals:
        report.exceeded.append(f"renewals: {done:,} of {options.renewals:,} were done in {options.minutes:g} minutes")
    return report


@contextlib.contextmanager
def _opened(engine: str) -> Iterator[tuple[Table, "_Jobs"]]:
    with opened(engine, f"ledger-bench-{uuid4().hex[:8]}") as table, deployed(table.name, table.endpoint) as services:
        yield table, _Jobs(table, services)


def _filled(table: Table, kind: Kind, number: int, progress: Progress) -> int:
    return table.fill(kind, 0, number, progress(f"customers: {kind}", number))


@dataclass(frozen=True, slots=True)
class _Measured:
    """What a round did, and what it cost."""

    done: int
    counts: Counts
    took_s: float
    floor_s: float

    def row(self) -> Row:
        """Return the columns of a report."""
        per = [part / max(1, self.done) for part in self.counts]
        wall = self.took_s / self.floor_s if self.floor_s else 0.0
        return {"done": self.done, **dict(zip(_COUNTED, per, strict=True)), "wall ÷ floor": wall}


def _sum(hours: Sequence[_Measured]) -> _Measured:
    counts = Counts(*(sum(column) for column in zip(*(hour.counts for hour in hours), strict=True)))
    return _Measured(
        sum(hour.done for hour in hours),
        counts,
        sum(hour.took_s for hour in hours),
        sum(hour.floor_s for hour in hours),
    )


class _Jobs:
    """The jobs over a table, with a clock that is set and a provider that accepts everything."""

    def __init__(self, table: Table, services: Runtime) -> None:
        self._table, self._services, self._counted = table, services, Counted(services.connection)
        services.store = DynamoDBStore(table.name, self._counted)  # type: ignore[arg-type]
        services.gateway = _provider_of()  # type: ignore[method-assign, assignment]
        self.ends_at = float("inf")

    def round(self, job: Job, now: datetime) -> _Measured:
        """Run a round as its schedule does, and its calls again without it."""
        self._services.clock = lambda: now
        handler = importlib.import_module(f"functions.{job.folder}.app").lambda_handler
        context = _Context(min(self.ends_at, time.monotonic() + _ROUND_S))
        began = time.monotonic()
        result = handler(job.event, context)
        took_s = time.monotonic() - began
        calls = self._counted.taken()
        floor = floor_s(self._table.client(), calls, self._table.name, job.threads)
        return _Measured(job.done(result, calls), Counts.of(calls), took_s, floor)


def _provider_of() -> Callable[[str], Gateway]:
    """Return what gives each provider's requests to one in memory, which accepts everything."""
    provider = FakeProvider()

    def gateway(provider_name: str) -> Gateway:
        del provider_name
        return provider

    return gateway


class _Context:
    """What Lambda says of an invocation."""

    def __init__(self, ends_at: float) -> None:
        self._ends_at = ends_at

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._ends_at - time.monotonic()) * 1000))
