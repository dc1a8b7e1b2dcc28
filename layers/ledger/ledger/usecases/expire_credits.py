"""Book the expiry of credits whose lot has expired.

A round reads the index of expiring grants from where the round before stopped, oldest first, and no more than it
takes. It begins a little earlier than that, since the index may lag. An account whose expiry could not be booked is
tried again in each round, and holds up no other.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain

from ledger.domain.ids import AccountId, job_correlation_id
from ledger.ports.documents import position_of, read_position, sortable
from ledger.ports.reads import ExpiringAccount, Keys
from ledger.ports.store import Store
from ledger.usecases.plan_booking import Origin
from ledger.usecases.progress import next_cursor, read_cursor, store_cursor
from ledger.usecases.sweep import ONE_AFTER_THE_OTHER, Pace, Watch, sweep
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction
from ledger.usecases.usage import fitting, lot_changes

_JOB = "expire_credits"
_DUE, _AGAIN = "due", "again"  # the lanes: what the index lists, and what failed before
_OVERLAP = timedelta(minutes=10)
"""How long the index may lag behind a grant, and a grant's writing behind its time."""


def expire_credits(
    store: Store, watch: Watch, *, now: datetime, pace: Pace = ONE_AFTER_THE_OTHER
) -> Mapping[AccountId, int]:
    """Book the expiries since the last run of this job, at most `pace.most`. Return the expired credits, by account.

    Raise the failure of an account whose expiry could not be booked. The others' are. The next run goes on behind the
    last account that had its turn, and tries those again that failed.
    """
    cursor = read_cursor(_JOB, store)
    begin = cursor.after.get(_DUE) or _first_position(store, now)
    again = {ExpiringAccount(due_at, AccountId(name)) for due_at, name in map(read_position, cursor.failed)}
    listing = chain(again, _expiring(store, begin, now, again, pace.most))
    done = sweep(
        listing,
        lambda one: (one.account_id, expire_account(one.account_id, store, now=now)),
        watch,
        name=lambda one: one.account_id,
        since=lambda one: one.due_at,
        lane=lambda one: _AGAIN if one in again else _DUE,
        after={**cursor.after, _DUE: begin},
        pace=pace,
    )
    progress = next_cursor(done, cursor, _DUE, begin=begin, end=sortable(now - _OVERLAP), position=_position)
    store_cursor(_JOB, progress, cursor, store)
    done.raise_failure()
    return {account_id: credits_ for account_id, credits_ in done.results if credits_}


def expire_account(account_id: AccountId, store: Store, *, now: datetime) -> int:
    """Book the expiry of an account's expired lots. Return the number of credits that expired.

    Expired credits can't be spent, whether their expiry is booked or not. Raise StoreUnavailable after too many
    conflicts.
    """
    expired, is_whole = 0, False
    while not is_whole:
        credits_, is_whole = run_transaction(
            lambda: _expire_part(account_id, store, now), f"expiry of credits of {account_id}"
        )
        expired += credits_
    return expired


def _expire_part(account_id: AccountId, store: Store, now: datetime) -> tuple[int, bool] | Retry:
    """Book as much of an account's expiry as one commit can write. Return its credits, and whether nothing is left."""
    account = store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
    if account is None:
        return 0, True
    before = account.lots
    lots = [lot.expire() if lot.has_expired(now) else lot for lot in before.values()]
    changed = [lot for lot in lots if lot != before[lot.lot_id] or lot.is_closed(now)]
    part = fitting(before, changed, now)
    if not part:
        return 0, True
    origin = Origin(now, "expiry", job_correlation_id(_JOB, now))
    if store.commit(lot_changes(account, before, part, None, origin)) is not None:
        return CONFLICT
    return sum(before[lot.lot_id].remaining for lot in part if lot.has_expired(now)), len(part) == len(changed)


def _expiring(
    store: Store, begin: str, now: datetime, again: set[ExpiringAccount], most: int | None
) -> Iterator[ExpiringAccount]:
    """Yield the accounts behind a position once each, and enough for the round to know that it is cut."""
    yielded = {one.account_id for one in again}
    room = most + 1 if most else None
    for one in store.expiring(begin, now):
        if one.account_id in yielded:
            continue
        yielded.add(one.account_id)
        yield one
        room = room and room - 1
        if room == 0:
            return


def _first_position(store: Store, now: datetime) -> str:
    """Return where the first round of a table begins: at its first grant that expires, however long ago that is."""
    first, latest = store.first_expiry(), now - _OVERLAP
    return sortable(min(first, latest) if first else latest)


def _position(one: ExpiringAccount) -> str:
    return position_of(one.due_at, one.account_id)
