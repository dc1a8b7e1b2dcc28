"""Replace the credits of an incident's runs, account by account, in the order of the accounts' ids.

Each commit books one account, or a part of it if many of its runs failed: a lot of its own, its entry, the runs, the
account's share, and the incident's figures; the first one also lists the mail to the customer. Every run is written
under the version that was read, and names the incident then. So it may be called any number of times, by several at
once, and stopped anywhere: a run is replaced once, and the sum that was agreed is never exceeded.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from ledger.domain.accounts import Account
from ledger.domain.ids import AccountId
from ledger.domain.incidents import Incident, IncidentShare, IncidentState, LeftOut
from ledger.domain.mails import MailKind
from ledger.domain.runs import FailedRun
from ledger.ports.commit import MAX_ACTIONS, Commit, DocumentChange
from ledger.ports.documents import DocumentKey, incident_key, incident_share_key, running_incident_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases import plan_booking
from ledger.usecases.incidents.begin import read_incident
from ledger.usecases.incidents.find_runs import find_runs, runs_of, why_left_out
from ledger.usecases.list_mails import list_mail
from ledger.usecases.plan_booking import Origin
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

_BESIDE_RUNS = 5
"""What a commit writes beside runs: the account, its entry, its share, the incident, the mail."""
RUNS_AT_ONCE = MAX_ACTIONS - _BESIDE_RUNS


def replace_runs(incident_id: str, store: Store, has_time: Callable[[], bool], *, now: datetime) -> Incident:
    """Replace the credits of an incident's runs as long as there is time, and return the incident. Raise NotFound.

    What is left is done when it is called again. A run whose row of the index comes later is left to another incident.
    """
    incident = read_incident(incident_id, store)
    if incident.state is IncidentState.DONE:
        return incident
    found = find_runs(incident.since, incident.until, store)
    for account_id in sorted(found.by_account):
        if account_id <= incident.after:
            continue
        keys = found.by_account[account_id]
        for some, is_last in _parts(keys):
            if not has_time():
                return read_incident(incident_id, store)
            attempt = partial(_replace_part, incident_id, account_id, some, store, now, is_last=is_last)
            run_transaction(attempt, f"{incident_id} of {account_id}")
    return run_transaction(lambda: _end(incident_id, store, now, is_cut=found.cut_at is not None), incident_id)


def _parts(keys: Sequence[DocumentKey]) -> Iterator[tuple[Sequence[DocumentKey], bool]]:
    """Yield the records of an account's runs, as many as one commit can write, and whether they are the last."""
    for start in range(0, len(keys), RUNS_AT_ONCE):
        yield keys[start : start + RUNS_AT_ONCE], start + RUNS_AT_ONCE >= len(keys)


def _replace_part(
    incident_id: str,
    account_id: AccountId,
    keys: Sequence[DocumentKey],
    store: Store,
    now: datetime,
    *,
    is_last: bool,
) -> bool | Retry:
    """Replace some runs of an account, unless others have. Return whether anything was written."""
    share_key, own_key = incident_share_key(incident_id, account_id), incident_key(incident_id)
    stored = store.read(
        Keys(accounts=frozenset({account_id}), documents=frozenset({*keys, share_key, own_key})),
    )
    incident, account = stored.document(own_key, Incident), stored.accounts.get(account_id)
    share = stored.document(share_key, IncidentShare) or IncidentShare(
        incident_id=incident_id, account_id=account_id, at=now
    )
    left = {key: run for key, run in runs_of(keys, stored).items() if run.credits and not run.replaced_by}
    credits_ = sum(run.credits for run in left.values())
    if incident is None or account is None or not left or share.left_out:
        return False  # a run that had drawn has an account: one without has nothing to replace
    if incident.state is IncidentState.DONE or account_id <= incident.after:
        return False
    reason = why_left_out(account_id, incident.actors, stored)
    if reason is None and incident.given + credits_ > incident.credits:
        reason = LeftOut.ABOVE_SUM
    after = account_id if is_last or reason else incident.after
    if reason:
        share = replace(share, left_out=reason)  # also of an account of whose runs a part was replaced before
        commit = Commit()
    else:
        share = replace(share, runs=share.runs + len(left), credits=share.credits + credits_, lots=share.lots + 1)
        commit = _granted(incident, account, share, left, credits_, now)
    is_new = share.version == 0
    ahead = replace(incident.plus(share, len(left), credits_, is_new=is_new), after=after)
    mail = list_mail(MailKind.CREDITS_REPLACED, f"{incident_id}/{account_id}", account_id, now)
    documents = (
        *commit.documents,
        *([mail] if is_new and not reason else []),
        DocumentChange(share_key, share, share.version),
        DocumentChange(own_key, ahead, incident.version),
    )
    return CONFLICT if store.commit(replace(commit, documents=documents)) else True


def _granted(
    incident: Incident,
    account: Account,
    share: IncidentShare,
    runs: dict[DocumentKey, FailedRun],
    credits_: int,
    now: datetime,
) -> Commit:
    """Return the commit that gives an account the credits of these runs, and marks the runs."""
    origin = Origin(now, incident.cause, incident.cause)
    commit = plan_booking.plan_goodwill(account, share.lot_id(share.lots), credits_, origin)
    marked = (
        DocumentChange(key, replace(run, replaced_by=incident.incident_id), run.version) for key, run in runs.items()
    )
    return replace(commit, documents=tuple(marked))


def _end(incident_id: str, store: Store, now: datetime, *, is_cut: bool) -> Incident | Retry:
    """Take an incident off the list of those that run."""
    incident = read_incident(incident_id, store)
    if incident.state is IncidentState.DONE:
        return incident
    done = replace(incident, state=IncidentState.DONE, ended_at=now, is_cut=is_cut)
    changes = (
        DocumentChange(incident_key(incident_id), done, incident.version),
        DocumentChange(running_incident_key(incident), None),
    )
    return CONFLICT if store.commit(Commit(documents=changes)) else replace(done, version=incident.version + 1)
