"""Use credits: a run draws them, and a failed run returns them.

Each run draws once and returns once, however often it is requested. A failed run never draws: not again, and not if its
failure was reported before its draw. Then the failure is stored under the run's id. Draw and failure create the same
item, so of two at once one is written, and the other reads it. Returned credits go back to the lots that they
were drawn from. A lot from which credits were taken back in the meantime pays its debt first. A lot that has expired in
the meantime expires again, with the returned credits.

A commit writes an entry for each lot, and at most MAX_ACTIONS items. A run of more lots is drawn in parts, each a
commit with its own version of the run and of the account:

    draw of 250 lots ──► part ──► part ──► … ──► drawn whole: the caller is told
                          └► the rest can't be drawn any more ──► what was drawn is given back in parts ──► refused
                          └► interrupted ──► the same request again goes on from here

The first part is only begun if the account can spend all of it. So a run is refused half-way only if something else
took the credits meanwhile. A failed run returns in parts in the same way.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.errors import CommitTooLarge, IdempotencyKeyReused, NotSpendable, RunFailed
from ledger.domain.ids import AccountId, request_correlation_id
from ledger.domain.lots import Lot, movements
from ledger.domain.runs import FailedRun, Run
from ledger.ports.commit import MAX_ACTIONS, AccountChange, Commit, DocumentChange
from ledger.ports.documents import failed_run_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases import plan_booking
from ledger.usecases.list_mails import low_balance_mails
from ledger.usecases.plan_booking import Origin
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

RUNS_ROUTE = "runs"
"""The route of which a run id is the key."""

_BESIDE_LOTS = 3
"""What a commit writes beside lots and their entries: the run, the account, the evidence of a failure or a mail."""


def draw_credits(
    account_id: AccountId,
    run_id: str,
    credits_: int,
    store: Store,
    *,
    now: datetime,
    is_debt_withheld: bool = True,
    low_balance: int = 0,
) -> Run:
    """Draw a run's credits, all of them or none. Return the run.

    A run that has drawn already draws nothing more: return it as it is stored, even if the account could not spend now.
    `is_debt_withheld`: a shortfall lowers what can be spent. `low_balance`: the customer gets a mail once fewer credits
    can be spent; it costs a third round trip. `Run.spendable_after` says what can be spent then, unless
    another call for the same run finished first. Raise AccountSuspended, InsufficientCredits, RunFailed
    (its failure was reported before), IdempotencyKeyReused (the run drew another number of credits) or CommitTooLarge
    (an item has no room): then nothing is drawn. Raise StoreUnavailable after too many conflicts: the same request
    again finds what was drawn, and draws the rest.
    """
    subject = f"run {run_id} of {account_id}"
    began = Run(account_id=account_id, run_id=run_id, drawn={}, missing=credits_, at=now)
    try:
        while True:
            run = run_transaction(
                lambda: _draw_part(began, store, now, is_debt_withheld=is_debt_withheld, low_balance=low_balance),
                subject,
            )
            if not run.missing:
                return run
    except CommitTooLarge:  # the run's item is full: nobody is told that it drew
        while run_transaction(lambda: _give_back_part(began, store, now), subject):
            pass
        raise


def fail_run(account_id: AccountId, run_id: str, store: Store, *, now: datetime, error: str = "") -> Run:
    """Return a failed run's credits, once, and record the failure with `error` as evidence. Return the run.

    A run that has not drawn is stored as failed: its late draw is refused. Raise StoreUnavailable after too many
    conflicts: report the failure again, so that what has not come back comes back.
    """
    while True:
        run = run_transaction(
            lambda: _return_part(account_id, run_id, store, now, error), f"run {run_id} of {account_id}"
        )
        if not run.unreturned:
            return run


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


def fitting(before: Mapping[str, Lot], lots: Iterable[Lot], at: datetime) -> tuple[Lot, ...]:
    """Return the first of these lots, as many as one commit can change since `before`."""
    room, taken = MAX_ACTIONS - _BESIDE_LOTS, []
    for lot in lots:
        room -= sum(1 for _ in movements(before.get(lot.lot_id), lot)) + lot.is_closed(at)
        if room < 0:
            break
        taken.append(lot)
    return tuple(taken)


def _draw_part(began: Run, store: Store, now: datetime, *, is_debt_withheld: bool, low_balance: int) -> Run | Retry:
    """Draw as much of a run as one commit can write, or give a part back if the rest can't be drawn any more.

    Return the run as it is stored then. Raise NotSpendable once nothing of it is drawn.
    """
    name = (began.account_id, began.run_id)
    run_keys = Keys(runs=frozenset({name}))
    stored = store.read(run_keys | Keys(accounts=frozenset({began.account_id})))
    run = stored.runs.get(name)
    account = stored.accounts.get(began.account_id) or Account(account_id=began.account_id)
    if run and (run.failed_at or not run.missing or (run.drawn and run.credits != began.credits)):
        spendable = account.spendable(now, is_debt_withheld=is_debt_withheld)
        return replace(_same_run(run, began.credits), spendable_after=spendable)
    run = replace(run, missing=began.credits - sum(run.drawn.values())) if run else began
    try:
        lots = account.draw(run.missing, now, is_debt_withheld=is_debt_withheld)
    except NotSpendable:
        if run.drawn:
            return _give_back(run, account, store, now)
        # A read of several items is not a snapshot: the same request may have drawn after the run was read and
        # before the account was read.
        if (found := store.read(run_keys).runs.get(name)) and found.version != run.version:
            return _same_run(found, began.credits) if found.failed_at or not found.missing else CONFLICT
        raise
    lots = fitting(account.lots, lots, now)
    drawn = Counter({lot.lot_id: lot.drawn - account.lots[lot.lot_id].drawn for lot in lots})
    after = replace(account, lots={**account.lots, **{lot.lot_id: lot for lot in lots}})
    more = replace(
        run,
        drawn=dict(Counter(run.drawn) + drawn),
        missing=run.missing - drawn.total(),
        resumed_at=run.resumed_at if now == run.at else now,
        spendable_after=after.spendable(now, is_debt_withheld=is_debt_withheld),
    )
    commit = lot_changes(account, account.lots, lots, more, _origin(more, now))
    if (more.spendable_after or 0) < low_balance <= account.spendable(now, is_debt_withheld=is_debt_withheld):
        commit = replace(commit, documents=tuple(low_balance_mails(account, store, now)))
    return _stored(more, commit, store, began.credits)


def _give_back_part(began: Run, store: Store, now: datetime) -> Run | Retry | None:
    """Give back a part of a run that can't be drawn whole. Return the run, or None once nothing of it is drawn."""
    name = (began.account_id, began.run_id)
    stored = store.read(Keys(accounts=frozenset({began.account_id}), runs=frozenset({name})))
    run, account = stored.runs.get(name), stored.accounts.get(began.account_id)
    is_half_drawn = run is not None and bool(run.drawn) and bool(run.missing) and run.failed_at is None
    return _give_back(run, account, store, now) if run and account and is_half_drawn else None


def _give_back(run: Run, account: Account, store: Store, now: datetime) -> Run | Retry:
    """Return as much of what a run has drawn as one commit can write, as if it had not been drawn."""
    lots = {**account.lots, **_closed_lots(run.drawn, account, store)}
    if run.drawn.keys() - lots.keys():
        return CONFLICT  # the account was read before the run's credits were granted to it
    back = fitting(lots, _after_return(run.drawn, lots, now), now)
    left = {lot_id: credits_ for lot_id, credits_ in run.drawn.items() if lot_id not in {lot.lot_id for lot in back}}
    less = replace(run, drawn=left, missing=run.credits - sum(left.values()), resumed_at=now)
    return _stored(less, lot_changes(account, lots, back, less, _origin(less, now)), store, run.credits)


def _stored(run: Run, commit: Commit, store: Store, credits_: int) -> Run | Retry:
    """Commit a part of a run. Return the run, or what another call made of it meanwhile."""
    refusal = store.commit(commit)
    if refusal is None:
        return replace(run, version=run.version + 1)
    other = refusal.run
    return _same_run(other, credits_) if other and (other.failed_at or not other.missing) else CONFLICT


def _return_part(account_id: AccountId, run_id: str, store: Store, now: datetime, error: str) -> Run | Retry:
    """Return as much of a failed run's credits as one commit can write. Return the run as it is stored then."""
    name = (account_id, run_id)
    stored = store.read(Keys(accounts=frozenset({account_id}), runs=frozenset({name})))
    run, account = stored.runs.get(name), stored.accounts.get(account_id)
    if run is None:
        failed = Run(account_id=account_id, run_id=run_id, drawn={}, at=now, failed_at=now)
        return failed if store.commit(Commit(run=failed, documents=(_evidence(failed, error),))) is None else CONFLICT
    left = run.unreturned
    if run.failed_at and not left:
        return run
    account = account or Account(account_id=account_id)
    lots = {**account.lots, **_closed_lots(left, account, store)}
    if left.keys() - lots.keys():
        return CONFLICT  # the account was read before the run's credits were granted to it
    back = fitting(lots, _after_return(left, lots, now), now)
    failed = replace(
        run,
        failed_at=run.failed_at or now,
        returned={**run.returned, **{lot.lot_id: run.drawn[lot.lot_id] for lot in back}},
        missing=0,
        resumed_at=run.resumed_at if run.failed_at in {None, now} else now,
    )
    commit = lot_changes(account, lots, back, failed, _origin(failed, now))
    if run.failed_at is None:
        commit = replace(commit, documents=(_evidence(failed, error),))
    return replace(failed, version=run.version + 1) if store.commit(commit) is None else CONFLICT


def _origin(run: Run, now: datetime) -> Origin:
    """A run's draw and its return have one cause and one correlation id."""
    return Origin(now, f"run:{run.run_id}", request_correlation_id(run.account_id, RUNS_ROUTE, run.run_id))


def _evidence(failed: Run, error: str) -> DocumentChange:
    """Return the record of the failure, listed by its time."""
    at = failed.failed_at or failed.at
    evidence = FailedRun(run_id=failed.run_id, credits=sum(failed.drawn.values()), at=at, error=error)
    return DocumentChange(failed_run_key(failed.account_id, at, failed.run_id), evidence)


def _same_run(run: Run, credits_: int) -> Run:
    """Return the stored run. Raise RunFailed, or IdempotencyKeyReused if it drew another number of credits."""
    if run.failed_at:
        raise RunFailed(run.run_id)
    if run.credits != credits_:
        raise IdempotencyKeyReused(f"Run {run.run_id} drew {run.credits} credits. Use another run id for this run.")
    return run


def _closed_lots(lot_ids: Iterable[str], account: Account, store: Store) -> Mapping[str, Lot]:
    """Read those of these lots that have left the account."""
    closed = frozenset((account.account_id, lot_id) for lot_id in lot_ids if lot_id not in account.lots)
    found = store.read(Keys(closed_lots=closed)).closed_lots if closed else {}
    return {lot_id: lot for (_, lot_id), lot in found.items()}


def _after_return(credits_by_lot: Mapping[str, int], lots: Mapping[str, Lot], now: datetime) -> Iterator[Lot]:
    """Yield these lots with the credits in them. Credits that return to an expired lot expire at once."""
    for lot_id, credits_ in sorted(credits_by_lot.items()):
        returned = lots[lot_id].draw(-credits_)
        yield returned.expire() if returned.has_expired(now) else returned
