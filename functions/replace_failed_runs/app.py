"""Replace the credits of the runs that failed in an incident: see `ledger.usecases.incidents.replace_runs`.

The bus delivers an incident that was begun. The schedule goes on with those that are not done, and with those that the
bus did not deliver.
"""

from typing import Any

from ledger.domain.domain_events import IncidentBegun, is_domain_event, read_domain_event
from ledger.domain.incidents import Incident
from ledger.job import JobWatch
from ledger.runtime import Runtime, runtime
from ledger.usecases.incidents.replace_runs import replace_runs
from ledger.usecases.progress import sweep_on


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the state of each incident that had its turn."""
    services = runtime()
    watch = JobWatch(services, context)
    try:
        if is_domain_event(event):
            begun = read_domain_event(event).content
            if not isinstance(begun, IncidentBegun):
                raise ValueError(f"{begun!r} is about no incident")
            return _states([_go_on(begun.incident_id, services, watch)])
        done = sweep_on(
            "replace_failed_runs",
            services.store,
            services.store.running_incidents(),
            lambda listed: _go_on(listed.incident_id, services, watch),
            watch,
            name=lambda listed: listed.incident_id,
            since=lambda listed: listed.at,
        )
        done.raise_failure()
        return _states(done.results)
    finally:
        services.publish_metrics()


def _go_on(incident_id: str, services: Runtime, watch: JobWatch) -> Incident:
    """Replace what there is time for, and log how far it went."""
    incident = replace_runs(incident_id, services.store, watch.has_time, now=services.now())
    figures = {"accounts": incident.accounts, "runs": incident.runs, "credits": incident.given}
    services.logger.info("incident", extra={"incident_id": incident_id, "state": incident.state, **figures})
    return incident


def _states(incidents: Any) -> dict[str, Any]:
    return {"states": {one.incident_id: one.state for one in incidents}}
