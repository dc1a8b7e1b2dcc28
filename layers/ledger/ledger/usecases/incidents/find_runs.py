"""Find the runs that failed between two times, by account: by the index of *find*, whose rows come some seconds late.

A row only says where to look: what it leads to is read before it counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from itertools import islice
from typing import TypeVar

from ledger.domain.errors import InvalidRequest
from ledger.domain.ids import AccountId
from ledger.domain.incidents import LONGEST, MOST_RUNS, LeftOut
from ledger.domain.records import record
from ledger.domain.refund_cases import CaseState, RefundCase, RefundReason
from ledger.domain.runs import FailedRun
from ledger.ports.documents import DocumentKey, failed_run_key
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store

_T = TypeVar("_T")
_AT_ONCE = 100
"""How many items one round trip reads."""


@record(frozen=True)
class FoundRuns:
    """The failed runs of a time, as the index lists them."""

    by_account: Mapping[AccountId, Sequence[DocumentKey]]  # each run's record, the oldest first
    cut_at: datetime | None  # more than MOST_RUNS have failed: those from this time on are not among them


@record(frozen=True, kw_only=True)
class AccountFailures:
    """The failed runs of one account in an incident."""

    account_id: AccountId
    runs: int
    credits: int  # that they had cost, and that were returned
    replaced_runs: int = 0  # of them: an incident has replaced their credits already
    replaceable: int = 0  # credits that are left to replace, whether or not it is left out
    left_out: LeftOut | None = None

    @property
    def place(self) -> tuple[int, AccountId]:
        """Return where it is in the order of a preview: those with most to replace first, of equal ones by their ids.

        A page ends at such a place, so nothing else may count.
        """
        return (-self.replaceable, self.account_id)


@record(frozen=True)
class Preview:
    """What an incident would replace now."""

    accounts: tuple[AccountFailures, ...] = field(default_factory=tuple)  # those with most to replace first
    cut_at: datetime | None = None  # more than MOST_RUNS have failed: those from this time on are not counted

    @property
    def runs(self) -> int:
        return sum(one.runs for one in self.accounts)

    @property
    def credits(self) -> int:
        """Return the credits that the runs had cost."""
        return sum(one.credits for one in self.accounts)

    @property
    def replaced_runs(self) -> int:
        return sum(one.replaced_runs for one in self.accounts)

    @property
    def to_give(self) -> int:
        """Return the credits that the incident would give."""
        return sum(one.replaceable for one in self.accounts if not one.left_out)

    @property
    def accounts_to_give(self) -> int:
        return sum(1 for one in self.accounts if one.replaceable and not one.left_out)


def check_span(since: datetime, until: datetime, now: datetime, part: str) -> None:
    """Raise InvalidRequest if no incident can be about the time between these two. `part`: of the request."""
    if until <= since:
        raise InvalidRequest("until", "The end should be after the beginning.", part)
    if until > now:
        raise InvalidRequest("until", "The end should not be in the future: more runs may fail until then.", part)
    if until - since > LONGEST:
        raise InvalidRequest("until", f"The time should be at most {LONGEST.days} days long.", part)


def find_runs(since: datetime, until: datetime, store: Store) -> FoundRuns:
    """Return the records of the runs that failed between two times, at most MOST_RUNS, the oldest ones."""
    rows = list(islice(store.failed_between(since, until), MOST_RUNS + 1))
    cut_at = rows[MOST_RUNS].at if len(rows) > MOST_RUNS else None
    by_account: dict[AccountId, list[DocumentKey]] = {}
    for row in rows[:MOST_RUNS]:
        if row.account_id and row.at and (cut_at is None or row.at < cut_at):
            by_account.setdefault(row.account_id, []).append(failed_run_key(row.account_id, row.at, row.subject))
    return FoundRuns(by_account, cut_at)


def preview(since: datetime, until: datetime, actors: frozenset[str], store: Store, *, now: datetime) -> Preview:
    """Return what an incident of these persons would replace. Raise InvalidRequest for a time that none can be about.

    It reads up to MOST_RUNS rows of the index, their records and their accounts: some 400 round trips at most.
    """
    check_span(since, until, now, "query")
    found = find_runs(since, until, store)
    records = [key for keys in found.by_account.values() for key in keys]
    stored = Snapshot()
    for some in _batches(records):
        stored |= store.read(Keys(documents=frozenset(some)))
    for names in _batches(list(found.by_account)):
        stored |= store.read(Keys(accounts=frozenset(names)))
    accounts = [_failures(name, keys, actors, stored) for name, keys in found.by_account.items()]
    return Preview(tuple(sorted(accounts, key=lambda one: one.place)), found.cut_at)


def cases_beside(account_id: AccountId, since: datetime, store: Store) -> list[RefundCase]:
    """Return the cases by which an account gets, or has got, something for the same failures: one query.

    These are technical problems that have yet to end, and cases that were decided with credits since. Which runs those
    credits are for is recorded nowhere, so a person has to judge. Of more than 100 cases the others are not looked at.
    """
    found = store.cases_of(account_id, _AT_ONCE).items
    return [one for one in found if _is_beside(one, since)]


def _is_beside(case: RefundCase, since: datetime) -> bool:
    if case.state is CaseState.REPLACED:
        return case.moved_at >= since
    return case.reason is RefundReason.TECHNICAL_PROBLEM and case.state.is_open


def runs_of(keys: Sequence[DocumentKey], stored: Snapshot) -> dict[DocumentKey, FailedRun]:
    """Return the records of failed runs that are stored under these keys."""
    return {key: run for key in keys if (run := stored.document(key, FailedRun))}


def why_left_out(account_id: AccountId, actors: frozenset[str], stored: Snapshot) -> LeftOut | None:
    """Return why an account gets nothing from an incident of these persons. None: nothing is against it."""
    if account_id in actors:
        return LeftOut.OWN
    account = stored.accounts.get(account_id)
    return LeftOut.SUSPENDED if account and account.holds else None


def _failures(
    account_id: AccountId, keys: Sequence[DocumentKey], actors: frozenset[str], stored: Snapshot
) -> AccountFailures:
    runs = runs_of(keys, stored).values()
    return AccountFailures(
        account_id=account_id,
        runs=len(runs),
        credits=sum(run.credits for run in runs),
        replaced_runs=sum(1 for run in runs if run.replaced_by),
        replaceable=sum(run.credits for run in runs if not run.replaced_by),
        left_out=why_left_out(account_id, actors, stored),
    )


def _batches(names: list[_T]) -> Iterator[list[_T]]:
    return (names[start : start + _AT_ONCE] for start in range(0, len(names), _AT_ONCE))
