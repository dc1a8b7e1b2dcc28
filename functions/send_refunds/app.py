"""Send approved refunds to the provider: each exactly once, also after failures.

The table's stream delivers new refund intents. Its records expire after 24 hours, so the schedule sends every intent
that is still in the outbox.
"""

from collections import Counter
from typing import Any

from ledger.domain.errors import StoreUnavailable
from ledger.dynamodb import stream
from ledger.runtime import Runtime, runtime
from ledger.usecases.send_refunds import SendResult, send_refund


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Return the number of intents by result; for the stream, the first record from which to retry the batch."""
    services = runtime()
    try:
        if "Records" not in event:
            return {"outcomes": dict(_sweep(services))}
        for record in event["Records"]:
            try:
                _send(stream.refund_tag(record), services)
            except StoreUnavailable:
                return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
        return {"batchItemFailures": []}
    finally:
        services.publish_metrics()


def _sweep(services: Runtime) -> Counter[str]:
    """Send every intent in the outbox, whatever fails on the way. Report the age of the oldest that remains."""
    outcomes: Counter[str] = Counter()
    oldest = services.now()
    for intent in services.store.outbox():
        try:
            result = _send(intent.tag, services)
        except StoreUnavailable:
            result = SendResult.UNCLEAR
        outcomes[result] += 1
        oldest = min(oldest, intent.approved_at) if result in {SendResult.UNCLEAR, SendResult.LEASED} else oldest
    services.metrics.add_metric("OldestIntentAge", "Seconds", (services.now() - oldest).total_seconds())
    return outcomes


def _send(tag: str, services: Runtime) -> SendResult:
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
