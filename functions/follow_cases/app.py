"""Update refund cases from the refunds that the providers have reported, and decide deferred requests.

The table's stream delivers the purchases that changed. The schedule decides the requests whose settling time is over.
"""

from typing import Any

from ledger.domain.refund_cases import RefundCase
from ledger.dynamodb import stream
from ledger.job import JobWatch
from ledger.runtime import Runtime, runtime
from ledger.usecases.refund_cases.decide_deferred import decide_deferred
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.sweep import sweep


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the new state of each case that changed."""
    services = runtime()
    watch = JobWatch(services, context)
    try:
        if "Records" in event:
            updated = _follow_changed(event, services, watch)
        else:
            updated = decide_deferred(services.store, services.policy, watch, now=services.now())
        return {"moved": {case.case_id: case.state for case in updated}}
    finally:
        services.publish_metrics()


def _follow_changed(event: dict[str, Any], services: Runtime, watch: JobWatch) -> list[RefundCase]:
    done = sweep(
        stream.changed_payments(event),
        lambda payment_id: follow(payment_id, services.store, now=services.now()),
        watch,
        name=str,
    )
    done.raise_failure()
    return [case for cases in done.results for case in cases]
