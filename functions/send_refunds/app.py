"""Send approved refunds to the provider: each exactly once, also after failures.

The table's stream delivers new refund intents. Its records expire after 24 hours, so the schedule sends every intent
that is still in the outbox.
"""

from collections import Counter
from datetime import timedelta
from typing import Any

from ledger.domain.errors import StoreUnavailable
from ledger.domain.ids import provider_of
from ledger.dynamodb import stream
from ledger.job import JobWatch
from ledger.runtime import Runtime, runtime
from ledger.usecases.send_refunds import SendResult, send_refund
from ledger.usecases.sweep import sweep

TIME_FOR_A_REFUND = timedelta(seconds=20)
"""A provider has 10 s to answer, and may be asked twice. The lease covers a refund that Lambda stops halfway."""


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the number of intents by result; for the stream, the records to retry."""
    services = runtime()
    watch = JobWatch(services, context, TIME_FOR_A_REFUND)
    try:
        return _send_records(event["Records"], services, watch) if "Records" in event else _sweep(services, watch)
    finally:
        services.publish_metrics()


def _sweep(services: Runtime, watch: JobWatch) -> dict[str, Any]:
    """Send every intent in the outbox, whatever fails on the way: the oldest first, the providers in turns."""
    done = sweep(
        services.store.outbox(),
        lambda intent: _send(intent.tag, services),
        watch,
        name=lambda intent: intent.tag,
        since=lambda intent: intent.approved_at,
        lane=lambda intent: provider_of(intent.payment_id),
    )
    done.raise_failure()
    return {"outcomes": dict(Counter(result or "paused" for result in done.results))}


def _send_records(records: list[stream.Record], services: Runtime, watch: JobWatch) -> dict[str, Any]:
    """Send the intents of a batch. What the store did not carry out is retried; the rest is left to the schedule."""
    done = sweep(records, lambda record: _send(stream.refund_tag(record), services), watch, name=stream.refund_tag)
    failed = [one.subject for one in done.failures if isinstance(one.error, StoreUnavailable)]
    again = [record["dynamodb"]["SequenceNumber"] for record in (*failed, *done.left) if record]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in again]}


def _send(tag: str, services: Runtime) -> SendResult | None:
    """Send one refund. None: sending is paused, and the intent stays in the outbox."""
    if services.config.is_paused:
        services.logger.warning("sending is paused", extra={"tag": tag})
        return None
    result = send_refund(tag, services.store, services.gateway, clock=services.now)
    services.logger.info("refund", extra={"tag": tag, "outcome": result})
    services.metrics.add_metric(_METRICS[result], "Count", 1)
    return result


_METRICS = {
    SendResult.SENT: "RefundsSent",
    SendResult.FOUND: "RefundsFound",
    SendResult.ABANDONED: "RefundsAbandoned",
    SendResult.ENDED: "RefundsEndedBefore",
    SendResult.LEASED: "RefundsLeased",
    SendResult.UNCLEAR: "RefundsUnclear",
}
