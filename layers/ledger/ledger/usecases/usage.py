"""Use credits: a run draws them, and a failed run returns them.

Each run draws once and returns once, however often it is requested. A failed run never draws: not again, and not if its
failure was reported before its draw. Then the failure is stored under the run's id. Draw and failure create the same
item, so of two at once one is written, and the other reads it. Returned credits go back to the lots that they
were drawn from. A lot from which credits were taken back in the meantime pays its debt first. A lot that has expired in
the meantime expires again, with the returned credits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.errors import IdempotencyKeyReused, NotSpendable, RunFailed
from ledger.domain.ids import AccountId, request_correlation_id
from ledger.domain.lots import Lot
from ledger.domain.runs import FailedRun, Run
from ledger.ports.commit import AccountChange, Commit, DocumentChange
from ledger.ports.documents import failed_run_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases import plan_booking
from ledger.usecases.plan_booking import Origin
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

RUNS_ROUTE = "runs"
"""The route of which a run id is the key."""


def draw_credits(
    account_id: AccountId, run_id: str, credits_: int, store: Store, *, now: datetime, is_debt_withheld: bool = True
) -> Run:
    """Draw a run's credits, all of them or none. Return the run.

    A run that has drawn already draws nothing more: return it as it is stored, even if the account could not spend now.
    `is_debt_withheld`: a shortfall lowers what can be spent. Raise AccountSuspended, InsufficientCredits, RunFailed
    (its failure was reported before), IdempotencyKeyReused (the run drew another number of credits) or StoreUnavailable
    (too many conflicts); then this call has drawn nothing.
    """
    run_keys = Keys(runs=frozenset({(account_id, run_id)}))

    def attempt() -> Run | Retry:
        stored = store.read(run_keys | Keys(accounts=frozenset({account_id})))
        if run := stored.runs.get((account_id, run_id)):
            return _same_run(run, credits_)
        account = stored.accounts.get(account_id) or Account(account_id=account_id)
        try:
            lots = account.draw(credits_, now, is_debt_withheld=is_debt_withheld)
        except NotSpendable:
            # A read of several items is not a snapshot: the same request may have drawn after the run was read and
            # before the account was read.
            if run := store.read(run_keys).runs.get((account_id, run_id)):
                return _same_run(run, credits_)
            raise
        drawn = {lot.lot_id: lot.drawn - account.lots[lot.lot_id].drawn for lot in lots}
        run = Run(account_id=account_id, run_id=run_id, drawn=drawn, at=now)
        refusal = store.commit(lot_changes(account, account.lots, lots, run, _origin(account_id, run_id, now)))
        if refusal is None:
            return run
        return _same_run(refusal.run, credits_) if refusal.run else CONFLICT

    return run_transaction(attempt, f"run {run_id} of {account_id}")


def fail_run(account_id: AccountId, run_id: str, store: Store, *, now: datetime, error: str = "") -> Run:
    """Return a failed run's credits, once, and record the failure with `error` as evidence. Return the run.

    A run that has not drawn is stored as failed: its late draw is refused. Raise StoreUnavailable after too many
    conflicts.
    """
    keys = Keys(accounts=frozenset({account_id}), runs=frozenset({(account_id, run_id)}))

    def attempt() -> Run | Retry:
        stored = store.read(keys)
        run, account = stored.runs.get((account_id, run_id)), stored.accounts.get(account_id)
        if run is None:
            failed = Run(account_id=account_id, run_id=run_id, drawn={}, at=now, failed_at=now)
            return (
                failed if store.commit(Commit(run=failed, documents=(_evidence(failed, error),))) is None else CONFLICT
            )
        if run.failed_at:
            return run
        account = account or Account(account_id=account_id)
        lots = {**account.lots, **_closed_lots(run, account, store)}
        if run.drawn.keys() - lots.keys():
            return CONFLICT  # the account was read before the run's credits were granted to it
        failed = replace(run, failed_at=now, returned=run.drawn)
        commit = lot_changes(
            account, lots, _lots_after_return(run, lots, now), failed, _origin(account_id, run_id, now)
        )
        commit = replace(commit, documents=(_evidence(failed, error),))
        return failed if store.commit(commit) is None else CONFLICT

    return run_transaction(attempt, f"run {run_id} of {account_id}")


def lot_changes(
    account: Account, before: Mapping[str, Lot], lots: Iterable[Lot], run: Run | None, origin: Origin
) -> Commit:
    """Return the commit that stores these lots and `run`, with one entry for each movement since `before`."""
    lots = tuple(lots)
    return Commit(
        run=run,
        account=AccountChange(
            account_id=account.account_id,
            version=account.version,
            lots={lot.lot_id: lot for lot in lots},
            closed=frozenset(lot.lot_id for lot in lots if lot.is_closed(origin.at)),
        ),
        entries=tuple(plan_booking.lot_entries(account, before, lots, origin)),
    )


def _origin(account_id: AccountId, run_id: str, now: datetime) -> Origin:
    """A run's draw and its return have one cause and one correlation id."""
    return Origin(now, f"run:{run_id}", request_correlation_id(account_id, RUNS_ROUTE, run_id))


def _evidence(failed: Run, error: str) -> DocumentChange:
    """Return the record of the failure, listed by its time."""
    at = failed.failed_at or failed.at
    evidence = FailedRun(run_id=failed.run_id, credits=sum(failed.drawn.values()), at=at, error=error)
    return DocumentChange(failed_run_key(failed.account_id, at, failed.run_id), evidence)


def _same_run(run: Run, credits_: int) -> Run:
    """Return the stored run. Raise RunFailed, or IdempotencyKeyReused if it drew another number of credits."""
    if run.failed_at:
        raise RunFailed(run.run_id)
    drawn = sum(run.drawn.values())
    if drawn != credits_:
        raise IdempotencyKeyReused(f"Run {run.run_id} drew {drawn} credits. Use another run id for this run.")
    return run


def _closed_lots(run: Run, account: Account, store: Store) -> Mapping[str, Lot]:
    """Read the lots that the run drew from and that have left the account since."""
    closed = frozenset((account.account_id, lot_id) for lot_id in run.drawn.keys() - account.lots.keys())
    found = store.read(Keys(closed_lots=closed)).closed_lots if closed else {}
    return {lot_id: lot for (_, lot_id), lot in found.items()}


def _lots_after_return(run: Run, lots: Mapping[str, Lot], now: datetime) -> list[Lot]:
    """Return the run's lots with its credits in them. Credits that return to an expired lot expire at once."""
    returned = [lots[lot_id].draw(-credits_) for lot_id, credits_ in sorted(run.drawn.items())]
    return [lot.expire() if lot.has_expired(now) else lot for lot in returned]
