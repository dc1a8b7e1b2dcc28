"""Using credits: runs draw them, failed runs give them back, and what lapses is written down.

A run is drawn once and returned once, whatever is asked how often. What comes back goes to the lots that it came from:
a lot that was taken back meanwhile pays its debt first; one that has lapsed meanwhile lapses again with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta

from ledger import booking
from ledger.accounts import Account
from ledger.cases import FailedRun
from ledger.errors import AlreadyAsked, NotFound, NotSpendable, StoreUnavailable
from ledger.facts import AccountId
from ledger.lookup import ATTEMPTS, attempts
from ledger.lots import Lot
from ledger.ports import AccountChange, Commit, Cursor, DocumentChange, Keys, Place, Run, Store, failure_place

_EXPIRY_CURSOR = Place("JOB", "CURSOR#expire_credits")
_BEFORE_THE_FIRST_RUN = timedelta(days=31)  # a job that never came to its end has no cursor, and lapses behind it


def spend(
    account_id: AccountId, run_id: str, credits_: int, store: Store, *, now: datetime, is_debt_withheld: bool = False
) -> Run:
    """Draw a run's credits, whole or not at all. The same run again draws nothing and answers what it drew.

    Raises AccountSuspended, InsufficientCredits, AlreadyAsked (the run drew another number); then nothing is drawn.
    """
    keys = Keys(accounts=frozenset({account_id}), runs=frozenset({(account_id, run_id)}))
    for _ in attempts():
        known = store.read(keys)
        if drawn := known.runs.get((account_id, run_id)):
            return _same_run(drawn, credits_)  # also when the account could not spend them now
        account = known.accounts.get(account_id) or Account(account_id=account_id)
        try:
            lots = account.draw(credits_, now, is_debt_withheld=is_debt_withheld)
        except NotSpendable:
            # A batch is no snapshot: a twin of this call may have drawn after the run was read, before the account was.
            if drawn := store.read(Keys(runs=keys.runs)).runs.get((account_id, run_id)):
                return _same_run(drawn, credits_)
            raise
        run = Run(
            account_id=account_id,
            run_id=run_id,
            drawn={lot.lot_id: lot.drawn - account.lots[lot.lot_id].drawn for lot in lots},
            at=now,
        )
        refusal = store.commit(_commit(account, account.lots, lots, run, f"run:{run_id}", now))
        if refusal is None:
            return run
        if refusal.run:
            return _same_run(refusal.run, credits_)
    raise _overtaken(f"run {run_id}", account_id)


def _same_run(run: Run, credits_: int) -> Run:
    if sum(run.drawn.values()) != credits_:
        raise AlreadyAsked(f"Run {run.run_id} drew {sum(run.drawn.values())} credits: give this run an id of its own.")
    return run


def fail_run(account_id: AccountId, run_id: str, store: Store, *, now: datetime, error: str = "") -> Run:
    """Give a failed run's credits back, once. Raises NotFound: this account has no such run."""
    keys = Keys(accounts=frozenset({account_id}), runs=frozenset({(account_id, run_id)}))
    for _ in attempts():
        known = store.read(keys)
        run, account = known.runs.get((account_id, run_id)), known.accounts.get(account_id)
        if run is None or account is None:
            raise NotFound(f"No run {run_id} has drawn credits of {account_id}.")
        if run.failed_at:
            return run
        closed = frozenset((account_id, lot_id) for lot_id in run.drawn.keys() - account.lots.keys())
        reopened = store.read(Keys(closed_lots=closed)).closed_lots if closed else {}
        lots = {**account.lots, **{lot_id: lot for (_, lot_id), lot in reopened.items()}}
        if run.drawn.keys() - lots.keys():
            continue  # the account was read before it had what the run drew
        back = [lots[lot_id].draw(-credits_) for lot_id, credits_ in sorted(run.drawn.items())]
        back = [lot.expire() if lot.has_lapsed(now) else lot for lot in back]
        failed = replace(run, failed_at=now, returned=run.drawn)
        commit = _commit(account, lots, back, failed, f"run:{run_id}", now)
        evidence = FailedRun(run_id=run_id, credits=sum(run.drawn.values()), at=now, error=error)
        listed = DocumentChange(failure_place(account_id, now, run_id), evidence)
        if store.commit(replace(commit, documents=(listed,))) is None:
            return failed
    raise _overtaken(f"run {run_id}", account_id)


def expire_lapsed(account_id: AccountId, store: Store, *, now: datetime) -> int:
    """Write down what has lapsed on an account. It could not be spent any more anyway. Returns the credits."""
    for _ in attempts():
        account = store.read(Keys(accounts=frozenset({account_id}))).accounts.get(account_id)
        lapsed = [lot for lot in account.lots.values() if lot.has_lapsed(now)] if account else []
        if account is None or not lapsed:
            return 0
        after = [lot.expire() for lot in lapsed]
        if all(lot == account.lots[lot.lot_id] and not lot.is_closed(now) for lot in after):
            return 0
        if store.commit(_commit(account, account.lots, after, None, "expiry", now)) is None:
            return sum(lot.remaining for lot in lapsed)
    raise _overtaken("expiry", account_id)


def expire_credits(store: Store, *, now: datetime) -> Mapping[AccountId, int]:
    """Write down every lapse since the last time this was done. Returns the credits that lapsed, by account."""
    cursor = store.read(Keys(documents=frozenset({_EXPIRY_CURSOR}))).document(_EXPIRY_CURSOR, Cursor)
    days = _days(cursor.done_until if cursor else now - _BEFORE_THE_FIRST_RUN, now)
    accounts = {account_id for day in days for account_id in store.lapsing(day)}
    expired = {account_id: expire_lapsed(account_id, store, now=now) for account_id in sorted(accounts)}
    store.commit(Commit(documents=(DocumentChange(_EXPIRY_CURSOR, Cursor(done_until=now), None),)))
    return {account_id: credits_ for account_id, credits_ in expired.items() if credits_}


def _days(since: datetime, until: datetime) -> Iterable[date]:
    """The days from the one before `since`: the index may lag behind."""
    first = since.date() - timedelta(days=1)
    return (first + timedelta(days=number) for number in range((until.date() - first).days + 1))


def _commit(
    account: Account, before: Mapping[str, Lot], lots: Iterable[Lot], run: Run | None, cause: str, now: datetime
) -> Commit:
    """These lots as they are now, with an entry for each movement."""
    lots = tuple(lots)
    return Commit(
        run=run,
        account=AccountChange(
            account_id=account.account_id,
            version=account.version,
            lots={lot.lot_id: lot for lot in lots},
            closed=frozenset(lot.lot_id for lot in lots if lot.is_closed(now)),
        ),
        entries=tuple(booking.lot_entries(account, before, lots, cause, now)),
    )


def _overtaken(what: str, account_id: AccountId) -> StoreUnavailable:
    return StoreUnavailable(f"{what}: overtaken {ATTEMPTS} times by other writers of {account_id}")
