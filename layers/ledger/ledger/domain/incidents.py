"""Incidents: all runs that failed between two times, whose credits are replaced for all customers at once.

    preview ──► begun by a person, confirmed by a second one above their limits ──► running ──► done
                                                                                    one account after the other

A failed run costs nothing: its credits were returned when it failed. What an incident gives comes on top, out of
goodwill: once as many credits as each run had cost. A run that one incident has replaced names it, so that no other
one replaces it again.
"""

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ledger.domain.ids import AccountId
from ledger.domain.records import record

LONGEST = timedelta(days=7)
"""The longest time that one incident is about."""
MOST_RUNS = 10_000
"""How many failed runs one incident is about at most: they are read whenever it is looked at."""


class IncidentState(StrEnum):
    """The state of an incident."""

    RUNNING = "running"  # some accounts may still get their credits
    DONE = "done"


class LeftOut(StrEnum):
    """Why an account gets nothing for its failed runs."""

    OWN = "own"  # it belongs to the person who began or confirmed the incident
    SUSPENDED = "suspended"  # a dispute or a suspicion is open; once it is lifted, the incident can be run again
    ABOVE_SUM = "above_sum"  # its runs were found after the sum was agreed, and are no longer in it


@record(frozen=True, kw_only=True)
class Incident:
    """An incident that was made good, or is about to be."""

    incident_id: str
    since: datetime  # of the failures; both times are included
    until: datetime
    reason: str  # in the words of who began it
    credits: int  # the most that it gives in all: the sum of the preview
    begun_by: str
    begun_at: datetime
    confirmed_by: str | None = None  # the second person, if its sum needed one
    state: IncidentState = IncidentState.RUNNING
    accounts: int = 0  # that got credits
    runs: int = 0  # that were replaced
    given: int = 0  # credits
    left_out: Mapping[str, int] = field(default_factory=dict)  # accounts, by why
    after: str = ""  # the last account that is done: they are taken in the order of their ids
    is_cut: bool = False  # by now more than MOST_RUNS are in its time: the others were not looked at
    ended_at: datetime | None = None
    version: int = 0  # 0: not stored yet

    @property
    def actors(self) -> frozenset[str]:
        """Return who answers for it: none of them gets anything from it."""
        return frozenset({self.begun_by, *([self.confirmed_by] if self.confirmed_by else [])})

    @property
    def cause(self) -> str:
        """Return the cause, and the correlation id, of the entries that it leads to."""
        return cause_of(self.incident_id)

    def plus(self, share: "IncidentShare", runs: int, credits_: int, *, is_new: bool) -> "Incident":
        """Return the incident after an account has got credits for some of its runs, or was left out."""
        if share.left_out:
            why = str(share.left_out)
            return replace(self, left_out={**self.left_out, why: self.left_out.get(why, 0) + 1})
        return replace(self, accounts=self.accounts + is_new, runs=self.runs + runs, given=self.given + credits_)


@record(frozen=True, kw_only=True)
class IncidentShare:
    """What one account got from an incident, or why it got nothing."""

    incident_id: str
    account_id: AccountId
    runs: int = 0  # that were replaced; of an account that was left out: that were not
    credits: int = 0  # that these runs had cost
    lots: int = 0  # of the account: one for each commit of a share
    at: datetime
    left_out: LeftOut | None = None
    version: int = 0  # 0: not stored yet

    def lot_id(self, number: int) -> str:
        """Return the id of one of its lots. They are counted from 1."""
        return f"{LOTS}{self.incident_id}/{number}"


@record(frozen=True, kw_only=True)
class ListedIncident:
    """An incident in a list: of all of them, or of those that run."""

    incident_id: str
    at: datetime  # when it was begun


LOTS = "goodwill/"
"""How the ids of its lots begin: then comes the incident's own id."""
_CAUSE = "incident:"


def cause_of(incident_id: str) -> str:
    """Return the cause of what an incident leads to."""
    return f"{_CAUSE}{incident_id}"
