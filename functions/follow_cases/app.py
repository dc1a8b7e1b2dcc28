"""Update refund cases from the refunds that the providers have reported. Decide deferred ones, and issue credit notes.

The bus delivers the purchases with an approved refund that changed, and those that were disputed. One schedule decides,
every five minutes, the requests whose settling time is over, and issues the credit notes of refunds that have ended.
The other one also follows, every hour, the refunds whose change the bus did not deliver, and finds the place of cases
in review.
"""

from datetime import timedelta
from typing import Any

from ledger.domain.domain_events import (
    ApprovedRefundChanged,
    DomainEvent,
    PaymentDisputed,
    is_domain_event,
    read_domain_event,
)
from ledger.domain.refund_cases import RefundCase
from ledger.job import JobWatch
from ledger.runtime import Runtime, runtime
from ledger.usecases.refund_cases.decide_deferred import decide_deferred
from ledger.usecases.refund_cases.due import oldest_withdrawal
from ledger.usecases.refund_cases.follow_refunds import follow, follow_all
from ledger.usecases.sweep import Pace

DECIDE_ONLY = "decide_only"
"""The field of the schedule's event that leaves out the hourly round."""

PACE = Pace(workers=4, most=20_000)


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
    if is_domain_event(event):
        return _follow_changed(read_domain_event(event), services)
    try:  # what has its turn once an hour has it before what has it every five minutes
        followed = [] if event.get(DECIDE_ONLY) else _follow_all(services, context)
    finally:
        decided = decide_deferred(services.store, services.policy, watch, now=now, pace=PACE, seller=services.seller)
    return [*followed, *decided]


def _follow_changed(event: DomainEvent, services: Runtime) -> list[RefundCase]:
    """Follow the cases of the purchase that an event names. Raise ValueError if it is of another kind."""
    if not isinstance(event.content, ApprovedRefundChanged | PaymentDisputed):
        raise ValueError(f"{event.content!r} is about no approved refund, and no dispute")
    payment_id, now = event.content.payment_id, services.now()
    moved = follow(payment_id, services.store, now=now)
    moved_to = {case.case_id: case.state for case in moved}
    services.logger.info("followed", extra={"moved": moved_to, **event.names})
    return moved


def _follow_all(services: Runtime, context: object) -> list[RefundCase]:
    _report_due(services)
    watch = JobWatch(services, context, backlog="RefundsUnderWay", oldest="OldestRefundAge")
    return follow_all(services.store, watch, now=services.now(), pace=PACE)


def _report_due(services: Runtime) -> None:
    """Publish for how long the oldest withdrawal has waited for its money, before anything is done."""
    now, since = services.now(), oldest_withdrawal(services.store)
    age = now - since if since else timedelta()
    services.metrics.add_metric("OldestWithdrawalAge", "Seconds", max(0.0, age.total_seconds()))
    services.publish_metrics()
