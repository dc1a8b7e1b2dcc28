"""Book the expiry of credits whose lot has expired."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from ledger.domain.ids import AccountId
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import Cursor, DocumentKey
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.transaction import attempts
from ledger.usecases.usage import lot_changes, overtaken

_EXPIRY_CURSOR = DocumentKey("JOB", "CURSOR#expire_credits")
_BEFORE_THE_FIRST_RUN = timedelta(days=31)  # a job that never came to its end has no cursor, and lapses behind it


def expire_account(account_id: AccountId, store: Store, *, now: datetime) -> int:
    """Write down what has lapsed on an account. It could not be spent any more anyway. Returns the credits."""
    for _ in attempts():
        account = store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
        lapsed = [lot for lot in account.lots.values() if lot.has_expired(now)] if account else []
        if account is None or not lapsed:
            return 0
        after = [lot.expire() for lot in lapsed]
        if all(lot == account.lots[lot.lot_id] and not lot.is_closed(now) for lot in after):
            return 0
        if store.commit(lot_changes(account, account.lots, after, None, "expiry", now)) is None:
            return sum(lot.remaining for lot in lapsed)
    raise overtaken("expiry", account_id)


def expire_credits(store: Store, *, now: datetime) -> Mapping[AccountId, int]:
    """Write down every lapse since the last time this was done. Returns the credits that lapsed, by account."""
    cursor = store.read(Keys(documents=frozenset({_EXPIRY_CURSOR}))).document(_EXPIRY_CURSOR, Cursor)
    days = _days(cursor.done_until if cursor else now - _BEFORE_THE_FIRST_RUN, now)
    accounts = {account_id for day in days for account_id in store.expiring(day)}
    expired = {account_id: expire_account(account_id, store, now=now) for account_id in sorted(accounts)}
    store.commit(Commit(documents=(DocumentChange(_EXPIRY_CURSOR, Cursor(done_until=now), None),)))
    return {account_id: credits_ for account_id, credits_ in expired.items() if credits_}


def _days(since: datetime, until: datetime) -> Iterable[date]:
    """The days from the one before `since`: the index may lag behind."""
    first = since.date() - timedelta(days=1)
    return (first + timedelta(days=number) for number in range((until.date() - first).days + 1))
