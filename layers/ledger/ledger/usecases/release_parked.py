"""Release parked events: record those again that something may have made bookable, and no others.

what may have made it bookable                            who tries it again
its customer's account became known                       a domain event, at once
a new catalogue, a new release or another mode            the schedule, once for each deployment
it was parked since the schedule's last round             the schedule, once
whatever no event has told (FACTS only)                   the schedule: in the first day each round, then once a day

An event that still can't be booked stays parked as it is: it costs reads, and no write. The three kinds of work take
turns, and each goes on where it stopped: a new release that has a million events to try delays no other.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from heapq import merge
from itertools import chain, islice

from ledger.domain.errors import UnreadableItem
from ledger.domain.events import Event
from ledger.domain.receipts import Receipt, Trigger
from ledger.ports.documents import JobCursor, position_of, read_position, sortable
from ledger.ports.reads import ParkedName
from ledger.ports.store import Store
from ledger.usecases.progress import next_cursor, read_cursor, store_cursor
from ledger.usecases.record_event import RecordResult, release_parked
from ledger.usecases.sweep import ONE_AFTER_THE_OTHER, Pace, Round, Watch, hour_of, sweep

_JOB = "release_parked"
_NEW, _AGAIN, _FAILED = "new", "again", "failed"
"""The lanes: what no round of this deployment has tried; what waits for facts; and what failed before."""
_FIRST_DAY = timedelta(days=1)
_OVERLAP = timedelta(minutes=10)  # the index of parked receipts may lag behind them


def release_receipts(
    receipts: Iterable[Receipt],
    translate: Callable[[Receipt], Event | None],
    store: Store,
    watch: Watch,
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
    watch: Watch,
    *,
    now: datetime,
    pace: Pace = ONE_AFTER_THE_OTHER,
) -> Round[ParkedName, RecordResult | None]:
    """Record the parked events again that this round is for. `deployment` names what translation depends on.

    The results are None for events that were released meanwhile. The next round continues where this one ended. What
    failed is tried again in each round; an item of a newer release waits for its deployment.
    """
    cursor = read_cursor(_JOB, store)
    if cursor.deployment != deployment:
        cursor = JobCursor(deployment=deployment)
    begin = cursor.after.get(_NEW, "")
    failed = {_name(place) for place in cursor.failed}
    new: set[ParkedName] = set()

    def listing() -> Iterator[ParkedName]:
        yield from failed
        listed = (name for name in _new(store, begin) if name not in failed)
        for name in islice(listed, pace.most + 1 if pace.most else None):  # one more: the round knows that it is cut
            new.add(name)
            yield name
        yield from (name for name in _again(store, now) if name not in failed and name not in new)

    def lane(name: ParkedName) -> str:
        if name in failed:
            return _FAILED
        return _NEW if name in new else _AGAIN

    done = sweep(
        listing(),
        lambda name: _release(name, translate, store, now),
        watch,
        name=_text,
        since=lambda name: name.received_at,
        lane=lane,
        after={**cursor.after, _NEW: begin},
        pace=pace,
    )
    if done.results or done.failures or done.left:
        end = sortable(now - _OVERLAP)
        progress = next_cursor(done, cursor, _NEW, begin=begin, end=end, position=_position, is_kept=_is_readable)
        store_cursor(_JOB, progress, cursor, store)
    return done


def _new(store: Store, begin: str) -> Iterator[ParkedName]:
    """Yield the parked receipts behind a position, oldest first."""
    since = read_position(begin)[0] if begin else None
    listed = merge(*(store.parked_names(trigger, since) for trigger in Trigger), key=_position)
    return (name for name in listed if _position(name) > begin)


def _again(store: Store, now: datetime) -> Iterator[ParkedName]:
    """Yield the receipts that wait for facts: those of the first day, and of the older ones those whose turn it is."""
    young = now - _FIRST_DAY
    of_this_hour = store.parked_names(Trigger.FACTS, turn=hour_of(now))
    older = (name for name in of_this_hour if name.received_at < young)
    return chain(older, store.parked_names(Trigger.FACTS, young))


def _release(
    name: ParkedName, translate: Callable[[Receipt], Event | None], store: Store, now: datetime
) -> RecordResult | None:
    receipt = next(store.parked_receipts([name]), None)
    return release_parked(receipt, translate, store, now) if receipt else None


def _is_readable(error: Exception) -> bool:
    return not isinstance(error, UnreadableItem)


def _text(name: ParkedName) -> str:
    return f"{name.owner} {name.event_id}"


def _position(name: ParkedName) -> str:
    return position_of(name.received_at, _text(name))


def _name(position: str) -> ParkedName:
    """Return the name of the receipt at a position."""
    received_at, text = read_position(position)
    owner, _, event_id = text.partition(" ")
    return ParkedName(owner, event_id, received_at)
