"""Follow declarations after their confirmation: see `ledger.usecases.declarations.follow`.

The bus delivers those that were confirmed or approved. The schedule does the same for those that the bus did not
deliver, carries out what nobody objected to for a day, and counts what was not acknowledged.
"""

from collections import Counter
from datetime import timedelta
from typing import Any

from ledger.domain.declarations import Declaration
from ledger.domain.domain_events import (
    DeclarationApproved,
    DeclarationConfirmed,
    DomainEvent,
    is_domain_event,
    read_domain_event,
)
from ledger.job import JobWatch
from ledger.runtime import Runtime, runtime
from ledger.usecases.declarations.follow import declarations_to_follow, follow, unacknowledged_since
from ledger.usecases.progress import sweep_on
from ledger.usecases.sweep import Pace

PACE = Pace(workers=4, most=2_000)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the number of declarations by the state that they have reached."""
    services = runtime()
    try:
        if is_domain_event(event):
            return _followed([_follow_one(read_domain_event(event), services)])
        return _follow_all(services, context)
    finally:
        services.publish_metrics()


def _follow_one(event: DomainEvent, services: Runtime) -> Declaration:
    """Follow the declaration that an event names. Raise ValueError if it is of another kind."""
    if not isinstance(event.content, DeclarationConfirmed | DeclarationApproved):
        raise ValueError(f"{event.content!r} is about no declaration")
    return _follow(event.content.declaration_id, services)


def _follow_all(services: Runtime, context: object) -> dict[str, Any]:
    """Follow what is open, and report the age of the oldest declaration without an acknowledgement first."""
    now, store = services.now(), services.store
    oldest = unacknowledged_since(store)
    age = now - oldest if oldest else timedelta()
    services.metrics.add_metric("OldestUnacknowledgedAge", "Seconds", max(0.0, age.total_seconds()))
    services.publish_metrics()
    done = sweep_on(
        "follow_declarations",
        store,
        declarations_to_follow(store),
        lambda listed: _follow(listed.declaration_id, services),
        JobWatch(services, context),
        name=lambda listed: listed.declaration_id,
        since=lambda listed: listed.since,
        pace=PACE,
    )
    done.raise_failure()
    return _followed(done.results)


def _follow(declaration_id: str, services: Runtime) -> Declaration:
    providers = services.providers
    followed = follow(declaration_id, services.store, services.policy, providers, now=services.now())
    services.logger.info("declaration", extra={"declaration_id": declaration_id, "state": followed.state})
    return followed


def _followed(declarations: Any) -> dict[str, Any]:
    return {"states": dict(Counter(one.state for one in declarations))}
