"""Update refund cases from the refunds that the providers have reported, and decide deferred requests.

The table's stream delivers the purchases that changed. One schedule decides, every five minutes, the requests whose
settling time is over. The other one also follows, every hour, the refunds whose change the stream did not deliver.
"""

from typing import Any

from ledger.domain.refund_cases import RefundCase
from ledger.dynamodb import stream
from ledger.job import JobWatch
from ledger.runtime import Runtime, runtime
from ledger.usecases.refund_cases.decide_deferred import decide_deferred
from ledger.usecases.refund_cases.follow_refunds import follow, follow_all
from ledger.usecases.sweep import sweep

DECIDE_ONLY = "decide_only"
"""The field of the schedule's event that leaves out the hourly round."""


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the new state of each case that changed."""
    services = runtime()
    try:
        updated = _updated(event, services, context)
        return {"moved": {case.case_id: case.state for case in updated}}
    finally:
        services.publish_metrics()


def _updated(event: dict[str, Any], services: Runtime, context: object) -> list[RefundCase]:
    """Return the cases that changed. Neither of the two rounds is left out because the other one failed."""
    watch, now = JobWatch(services, context), services.now()
    if "Records" in event:
        return _follow_changed(event, services, watch)
    try:
        decided = decide_deferred(services.store, services.policy, watch, now=now)
    finally:
        followed = [] if event.get(DECIDE_ONLY) else _follow_all(services, context)
    return [*decided, *followed]


def _follow_changed(event: dict[str, Any], services: Runtime, watch: JobWatch) -> list[RefundCase]:
    done = sweep(
        stream.changed_payments(event),
        lambda payment_id: follow(payment_id, services.store, now=services.now()),
        watch,
        name=str,
    )
    done.raise_failure()
    return [case for cases in done.results for case in cases]


def _follow_all(services: Runtime, context: object) -> list[RefundCase]:
    watch = JobWatch(services, context, backlog="RefundsUnderWay", oldest="OldestRefundAge")
    return follow_all(services.store, watch, now=services.now())
