"""Using credits: runs draw them, failed runs give them back, and what lapses is written down.

A run is drawn once and returned once, whatever is asked how often. What comes back goes to the lots that it came from:
a lot that was taken back meanwhile pays its debt first; one that has lapsed meanwhile lapses again with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.errors import IdempotencyKeyReused, NotFound, NotSpendable, StoreUnavailable
from ledger.domain.ids import AccountId
from ledger.domain.lots import Lot
from ledger.domain.runs import FailedRun, Run
from ledger.ports.commit import AccountChange, Commit, DocumentChange
from ledger.ports.documents import failed_run_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases import plan_booking
from ledger.usecases.transaction import ATTEMPTS, attempts


def draw_credits(
    account_id: AccountId, run_id: str, credits_: int, store: Store, *, now: datetime, is_debt_withheld: bool = False
) -> Run:
    """Draw a run's credits, whole or not at all. The same run again draws nothing and answers what it drew.

    Raises AccountSuspended, InsufficientCredits, IdempotencyKeyReused (the run drew another number). Then nothing is
    drawn.
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
        refusal = store.commit(lot_changes(account, account.lots, lots, run, f"run:{run_id}", now))
        if refusal is None:
            return run
        if refusal.run:
            return _same_run(refusal.run, credits_)
    raise overtaken(f"run {run_id}", account_id)


def _same_run(run: Run, credits_: int) -> Run:
    if sum(run.drawn.values()) != credits_:
        raise IdempotencyKeyReused(
            f"Run {run.run_id} drew {sum(run.drawn.values())} credits: give this run an id of its own."
        )
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
        back = [lot.expire() if lot.has_expired(now) else lot for lot in back]
        failed = replace(run, failed_at=now, returned=run.drawn)
        commit = lot_changes(account, lots, back, failed, f"run:{run_id}", now)
        evidence = FailedRun(run_id=run_id, credits=sum(run.drawn.values()), at=now, error=error)
        listed = DocumentChange(failed_run_key(account_id, now, run_id), evidence)
        if store.commit(replace(commit, documents=(listed,))) is None:
            return failed
    raise overtaken(f"run {run_id}", account_id)


def lot_changes(
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
        entries=tuple(plan_booking.lot_entries(account, before, lots, cause, now)),
    )


def overtaken(what: str, account_id: AccountId) -> StoreUnavailable:
    """Return the error for an account that other writers changed on every attempt."""
    return StoreUnavailable(f"{what}: overtaken {ATTEMPTS} times by other writers of {account_id}")
