"""Begin an incident, as support: one act whose stake is the sum of all credits that it may give.

Within the limits of its person it begins at once, above them when a second person confirms it. A job does the rest
(`ledger.usecases.incidents.replace_runs`), and never gives more than the sum.
"""

import json
from dataclasses import replace
from datetime import datetime, timedelta

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.errors import IdempotencyKeyReused, IncidentChanged, InvalidRequest, NotFound
from ledger.domain.ids import AccountId, derived_id
from ledger.domain.incidents import MOST_RUNS, Incident, ListedIncident
from ledger.domain.proposals import CREDITS, Stake
from ledger.domain.records import record
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import incident_key, listed_incident_key, running_incident_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.authority import Act, Authority, commit_act
from ledger.usecases.incidents.find_runs import check_span, preview
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

INCIDENTS_ROUTE = "incidents"
"""The route of the Idempotency-Keys of incidents: one key counts for one person and one route."""


@record(frozen=True, kw_only=True)
class IncidentRequest:
    """What a person wants to make good."""

    since: datetime
    until: datetime
    credits: int  # the sum of the preview: no more is given
    reason: str
    actor: str
    key: str  # the Idempotency-Key

    @property
    def incident_id(self) -> str:
        return derived_id("inc", self.actor, INCIDENTS_ROUTE, self.key)


def begin_incident(request: IncidentRequest, store: Store, authority: Authority, *, now: datetime) -> Incident:
    """Begin an incident once, and return it. The same request under the same key changes nothing.

    Raise InvalidRequest for a time that no incident can be about; IncidentChanged if the sum is another one by now;
    IdempotencyKeyReused if the key belongs to another request; SecondPersonNeeded if a colleague has to confirm it.
    """
    known = _known(request, store)
    if known:
        return known
    if authority.confirmation is None:  # what was proposed has its sum: what failed runs were found since are not in it
        _check_sum(request, store, now)
    return run_transaction(lambda: _begin(request, store, authority, now), request.incident_id)


def read_incident(incident_id: str, store: Store) -> Incident:
    """Return an incident. Raise NotFound."""
    key = incident_key(incident_id)
    incident = store.read(Keys(documents=frozenset({key}))).document(key, Incident)
    if incident is None:
        raise NotFound(f"There is no incident {incident_id}.")
    return incident


def _known(request: IncidentRequest, store: Store) -> Incident | None:
    """Return the incident that this request has begun before."""
    key = incident_key(request.incident_id)
    known = store.read(Keys(documents=frozenset({key}))).document(key, Incident)
    if known and (known.since, known.until, known.credits, known.reason) != (
        *(request.since, request.until, request.credits, request.reason),
    ):
        raise IdempotencyKeyReused("This Idempotency-Key belongs to another request. Use a new one.")
    return known


def _check_sum(request: IncidentRequest, store: Store, now: datetime) -> None:
    check_span(request.since, request.until, now, "body")
    found = preview(request.since, request.until, frozenset({request.actor}), store, now=now)
    if found.cut_at:
        before = found.cut_at - timedelta.resolution  # an incident is about both its times
        raise InvalidRequest(
            "until",
            f"More than {MOST_RUNS:,} runs failed in this time. Make several incidents of it, the first one until "
            f"{before.isoformat()}.",
        )
    if found.to_give != request.credits:
        raise IncidentChanged(found.to_give)


def _begin(request: IncidentRequest, store: Store, authority: Authority, now: datetime) -> Incident | Retry:
    if known := _known(request, store):
        return known
    incident = Incident(
        incident_id=request.incident_id,
        since=request.since,
        until=request.until,
        reason=request.reason,
        credits=request.credits,
        begun_by=request.actor,
        begun_at=now,
        confirmed_by=authority.confirmation.actor if authority.confirmation else None,
    )
    listed = ListedIncident(incident_id=incident.incident_id, at=now)
    changes = (
        DocumentChange(incident_key(incident.incident_id), incident),
        DocumentChange(listed_incident_key(incident), listed),
        DocumentChange(running_incident_key(incident), listed),
    )
    act = Act(
        account_id=AccountId(incident.incident_id),
        record=AuditRecord(
            actor=request.actor,
            action=AuditAction.REPLACE_RUNS,
            subject=incident.incident_id,
            reason=request.reason,
            at=now,
            step=0,
        ),
        stake=Stake(amount=request.credits, unit=CREDITS),
        request=json.dumps(
            {
                "since": request.since.isoformat(),
                "until": request.until.isoformat(),
                "credits": request.credits,
                "key": request.key,
            },
            sort_keys=True,
        ),
    )
    return CONFLICT if commit_act(Commit(documents=changes), act, authority, store) else replace(incident, version=1)
