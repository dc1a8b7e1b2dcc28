"""Book the expiry of credits whose lot has expired."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from ledger.domain.ids import AccountId, job_correlation_id
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import JobCursor, job_cursor_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.plan_booking import Origin
from ledger.usecases.sweep import UNWATCHED, Watch, sweep
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction
from ledger.usecases.usage import fitting, lot_changes

_JOB = "expire_credits"
_EXPIRY_CURSOR = job_cursor_key(_JOB)
_FIRST_RUN_LOOKBACK = timedelta(days=31)  # without a cursor the job has never finished: start this far in the past


class _Expiring(NamedTuple):
    """An account with credits that expire, and the day from which their expiry can be booked."""

    account_id: AccountId
    since: datetime


def expire_credits(store: Store, watch: Watch = UNWATCHED, *, now: datetime) -> Mapping[AccountId, int]:
    """Book every expiry since the last complete run of this job. Return the credits that expired, by account.

    Raise the failure of an account whose expiry could not be booked. The others' are. The next run starts on the day
    of the first account that failed, or for which no time was left.
    """
    cursor = store.read(Keys(documents=frozenset({_EXPIRY_CURSOR}))).document(_EXPIRY_CURSOR, JobCursor)
    begin = cursor.done_until if cursor else now - _FIRST_RUN_LOOKBACK
    done = sweep(
        _expiring(_days(begin, now), store),
        lambda one: (one.account_id, expire_account(one.account_id, store, now=now)),
        watch,
        name=lambda one: one.account_id,
        since=lambda one: one.since,
    )
    open_ = [*done.left, *(failure.subject for failure in done.failures)]
    done_until = min((one.since if one else begin for one in open_), default=now)
    if done_until > begin:
        store.commit(Commit(documents=(DocumentChange(_EXPIRY_CURSOR, JobCursor(done_until=done_until), None),)))
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


def _expiring(days: Iterable[date], store: Store) -> Iterator[_Expiring]:
    """Yield each account with something to expire once, with the first of these days on which it has."""
    yielded: set[AccountId] = set()
    for day in days:
        for account_id in store.expiring(day):
            if account_id not in yielded:
                yielded.add(account_id)
                yield _Expiring(account_id, datetime.combine(day, time(), UTC))


def _days(since: datetime, until: datetime) -> Iterable[date]:
    """Return the days from the one before `since` to `until`. The index of expiries may lag, so one day overlaps."""
    first = since.date() - timedelta(days=1)
    return (first + timedelta(days=number) for number in range((until.date() - first).days + 1))
