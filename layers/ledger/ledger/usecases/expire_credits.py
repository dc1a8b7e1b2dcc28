"""Book the expiry of credits whose lot has expired."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from ledger.domain.ids import AccountId, job_correlation_id
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import JobCursor, job_cursor_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.plan_booking import Origin
from ledger.usecases.transaction import CONFLICT, Retry, for_each, run_transaction
from ledger.usecases.usage import lot_changes

_JOB = "expire_credits"
_EXPIRY_CURSOR = job_cursor_key(_JOB)
_FIRST_RUN_LOOKBACK = timedelta(days=31)  # without a cursor the job has never finished: start this far in the past


def expire_credits(store: Store, *, now: datetime) -> Mapping[AccountId, int]:
    """Book every expiry since the last complete run of this job. Return the credits that expired, by account.

    Raise StoreUnavailable if an account could not be written. The others are. The next run starts on the same day.
    """
    cursor = store.read(Keys(documents=frozenset({_EXPIRY_CURSOR}))).document(_EXPIRY_CURSOR, JobCursor)
    days = _days(cursor.done_until if cursor else now - _FIRST_RUN_LOOKBACK, now)
    accounts = {account_id for day in days for account_id in store.expiring(day)}
    expired = dict(
        for_each(sorted(accounts), lambda account_id: (account_id, expire_account(account_id, store, now=now)))
    )
    store.commit(Commit(documents=(DocumentChange(_EXPIRY_CURSOR, JobCursor(done_until=now), None),)))
    return {account_id: credits_ for account_id, credits_ in expired.items() if credits_}


def expire_account(account_id: AccountId, store: Store, *, now: datetime) -> int:
    """Book the expiry of an account's expired lots. Return the number of credits that expired.

    Expired credits can't be spent, whether their expiry is booked or not. Raise StoreUnavailable after too many
    conflicts.
    """
    origin = Origin(now, "expiry", job_correlation_id(_JOB, now))

    def attempt() -> int | Retry:
        account = store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
        if account is None:
            return 0
        before = [lot for lot in account.lots.values() if lot.has_expired(now)]
        after = [lot.expire() for lot in before]
        if before == after and not any(lot.is_closed(now) for lot in after):
            return 0
        if store.commit(lot_changes(account, account.lots, after, None, origin)) is not None:
            return CONFLICT
        return sum(lot.remaining for lot in before)

    return run_transaction(attempt, f"expiry of credits of {account_id}")


def _days(since: datetime, until: datetime) -> Iterable[date]:
    """Return the days from the one before `since` to `until`. The index of expiries may lag, so one day overlaps."""
    first = since.date() - timedelta(days=1)
    return (first + timedelta(days=number) for number in range((until.date() - first).days + 1))
