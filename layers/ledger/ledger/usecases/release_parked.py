"""Release parked events: record those again that something may have made bookable, and no others.

what may have made it bookable                            who tries it again
its customer's account became known                       a domain event, at once
a new catalogue, a new release or another mode            the schedule, once for each deployment
it was parked since the schedule's last round             the schedule, once
whatever no event has told (FACTS only)                   the schedule: in the first day each round, then once a day

An event that still can't be booked stays parked as it is: it costs reads, and no write.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from ledger.domain.errors import StoreUnavailable, UnreadableItem
from ledger.domain.events import Event
from ledger.domain.receipts import Receipt, Trigger
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import JobCursor, job_cursor_key
from ledger.ports.reads import Keys, ParkedName
from ledger.ports.store import Store
from ledger.usecases.record_event import RecordResult, release_parked
from ledger.usecases.sweep import UNWATCHED, Round, Watch, is_hour_of, sweep

_CURSOR = job_cursor_key("release_parked")
_FIRST_DAY = timedelta(days=1)
_OVERLAP = timedelta(minutes=10)  # the index of parked receipts may lag behind them


def release_receipts(
    receipts: Iterable[Receipt],
    translate: Callable[[Receipt], Event | None],
    store: Store,
    watch: Watch = UNWATCHED,
    *,
    now: datetime,
) -> Round[Receipt, RecordResult]:
    """Record these parked events again, oldest first, so that a customer's history is booked in order."""
    return sweep(
        sorted(receipts, key=lambda receipt: (receipt.occurred_at, receipt.event_id)),
        lambda receipt: release_parked(receipt, translate, store, now),
        watch,
        name=lambda receipt: receipt.correlation_id,
    )


def release_all(
    translate: Callable[[Receipt], Event | None],
    deployment: str,
    store: Store,
    watch: Watch = UNWATCHED,
    *,
    now: datetime,
) -> Round[ParkedName, RecordResult | None]:
    """Record the parked events again that this round is for. `deployment` names what translation depends on.

    The results are None for events that were released meanwhile. The next round continues where this one ended, for
    lack of time or of the store.
    """
    cursor = store.read(Keys(documents=frozenset({_CURSOR}))).document(_CURSOR, JobCursor)
    begin = cursor.done_until if cursor and cursor.deployment == deployment else None
    done = sweep(
        _due(begin, store, now),
        lambda name: _release(name, translate, store, now),
        watch,
        name=lambda name: f"{name.owner} {name.event_id}",
        since=lambda name: name.received_at,
    )
    is_listed = all(failure.subject for failure in done.failures)
    if is_listed and (done.results or done.failures or done.left):
        done_until = min((name.received_at for name in _unfinished(done)), default=now)
        progress = JobCursor(done_until=max(done_until, begin or done_until), deployment=deployment)
        store.commit(Commit(documents=(DocumentChange(_CURSOR, progress, None),)))
    return done


def _unfinished(done: Round[ParkedName, RecordResult | None]) -> Iterator[ParkedName]:
    """Yield what the next round must try, whatever else: an item of a newer release waits for its deployment."""
    yield from done.left
    for failure in done.failures:
        is_temporary = isinstance(failure.error, StoreUnavailable) and not isinstance(failure.error, UnreadableItem)
        if failure.subject and is_temporary:
            yield failure.subject


def _due(begin: datetime | None, store: Store, now: datetime) -> Iterator[ParkedName]:
    """Yield the names of the parked receipts that this round tries. `begin` None: all of them."""
    since = begin - _OVERLAP if begin else None
    for name in store.parked_names(Trigger.DEPLOYMENT, since):
        yield name
    for name in store.parked_names(Trigger.FACTS):
        if (
            since is None
            or name.received_at >= min(since, now - _FIRST_DAY)
            or is_hour_of(f"{name.owner} {name.event_id}", now)
        ):
            yield name


def _release(
    name: ParkedName, translate: Callable[[Receipt], Event | None], store: Store, now: datetime
) -> RecordResult | None:
    receipt = next(store.parked_receipts([name]), None)
    return release_parked(receipt, translate, store, now) if receipt else None
