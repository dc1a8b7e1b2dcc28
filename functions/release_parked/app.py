"""Record parked events again that something may have made bookable: see `ledger.usecases.release_parked`.

The bus delivers the customers whose account became known: their parked events may be bookable now. The schedule tries
what a new catalogue or release makes bookable, and what the bus did not deliver. It also lists the facts that have
waited for their payment too long: nothing releases them but a payment, or a link to one.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from itertools import islice
from typing import Any

from ledger.domain.domain_events import CustomerIdentified, DomainEvent, is_domain_event, read_domain_event
from ledger.job import JobWatch
from ledger.runtime import Runtime, runtime
from ledger.usecases.mute_parked import settle_mutes
from ledger.usecases.record_event import RecordResult
from ledger.usecases.release_parked import release_all, release_receipts
from ledger.usecases.sweep import Pace

WAITING_FOR = timedelta(hours=1)
"""How long facts may wait for their payment before a person is told."""
ALARMED_FOR = timedelta(days=7)
"""How long they raise the alarm. After it they are only listed: a payment of another application never arrives."""
MOST_LISTED, MOST_COUNTED = 100, 10_000
PACE = Pace(workers=8, most=20_000)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the number of parked events by their new outcome."""
    services = runtime()
    try:
        return _release(event, services, JobWatch(services, context))
    finally:
        services.publish_metrics()


def _release(event: dict[str, Any], services: Runtime, watch: JobWatch) -> dict[str, Any]:
    translate, store, now = services.translate_parked, services.store, services.now()
    results: Iterable[RecordResult | None]
    names = {}
    if is_domain_event(event):
        identified = read_domain_event(event)
        names = identified.names
        parked = store.parked_of_customer(_customer_of(identified))
        done = release_receipts(parked, translate, store, watch, now=now)
        results, raise_failure = done.results, done.raise_failure
    else:
        try:
            _list_waiting(services)
        finally:  # the round is not left out because the list failed
            try:
                settle_mutes(store, translate, watch.has_time, now=now)
            finally:
                all_done = release_all(translate, services.deployment, store, watch, now=now, pace=PACE)
        results, raise_failure = all_done.results, all_done.raise_failure
    outcomes = dict(Counter(result.outcome for result in results if result))
    services.logger.info("released", extra={"outcomes": outcomes, **names})
    raise_failure()
    return {"outcomes": outcomes}


def _list_waiting(services: Runtime) -> None:
    """Log each payment that is not known after WAITING_FOR, and count those of the last days: a person looks for it."""
    now = services.now()
    until = now - WAITING_FOR
    for one in islice(services.store.waiting_payments(until), MOST_LISTED):
        shown = {"payment_id": one.payment_id, "since": one.since.isoformat()}
        services.logger.warning("facts wait for their payment", extra=shown)
    recent = islice(services.store.waiting_payments(until, now - ALARMED_FOR), MOST_COUNTED)
    services.metrics.add_metric("WaitingPayments", "Count", len(list(recent)))
    services.publish_metrics()


def _customer_of(event: DomainEvent) -> str:
    """Return the customer that an event identifies. Raise ValueError if it is of another kind."""
    if not isinstance(event.content, CustomerIdentified):
        raise ValueError(f"{event.content!r} says of no customer whose he is")
    return event.content.customer_id
