"""Send approved refunds to the provider: each once, whatever fails on the way.

The table's stream brings new intents; the sweep takes up every one that has not ended, since stream records live a day.
"""

from collections import Counter
from typing import Any

from ledger.domain.errors import StoreUnavailable
from ledger.dynamodb import stream
from ledger.runtime import Runtime, runtime
from ledger.usecases.send_refunds import SendResult, send_refund


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Answers what became of the intents; for the stream, from which record on they are to come again."""
    here = runtime()
    try:
        if "Records" not in event:
            return {"outcomes": dict(_sweep(here))}
        for record in event["Records"]:
            try:
                _issue(stream.refund_tag(record), here)
            except StoreUnavailable:
                return {"batchItemFailures": [{"itemIdentifier": record["dynamodb"]["SequenceNumber"]}]}
        return {"batchItemFailures": []}
    finally:
        here.publish_metrics()


def _sweep(here: Runtime) -> Counter[str]:
    """Everything in the outbox. One that fails does not keep the others waiting; the oldest one's age is told."""
    outcomes: Counter[str] = Counter()
    oldest = here.now()
    for intent in here.store.outbox():
        try:
            issued = _issue(intent.tag, here)
        except StoreUnavailable:
            issued = SendResult.UNCLEAR
        outcomes[issued] += 1
        oldest = min(oldest, intent.approved_at) if issued in {SendResult.UNCLEAR, SendResult.TAKEN} else oldest
    here.metrics.add_metric("OldestIntentAge", "Seconds", (here.now() - oldest).total_seconds())
    return outcomes


def _issue(tag: str, here: Runtime) -> SendResult:
    issued = send_refund(tag, here.store, here.gateway, clock=here.now)
    here.logger.info("refund", extra={"tag": tag, "outcome": issued})
    here.metrics.add_metric(_METRICS[issued], "Count", 1)
    return issued


_METRICS = {
    SendResult.SENT: "RefundsSent",
    SendResult.FOUND: "RefundsFound",
    SendResult.ABANDONED: "RefundsAbandoned",
    SendResult.GONE: "RefundsEndedBefore",
    SendResult.TAKEN: "RefundsTaken",
    SendResult.UNCLEAR: "RefundsUnclear",
}
