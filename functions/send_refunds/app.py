"""Send approved refunds to the provider, each exactly once; and stop the renewals of subscriptions after disputes.

The table's stream delivers new refund intents and new stops of renewals. Its records expire after 24 hours, so the
schedule works off everything that is still in the two lists.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from ledger.domain.errors import StoreUnavailable
from ledger.domain.ids import provider_of
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.renewal_stops import RenewalStop
from ledger.dynamodb import stream
from ledger.job import JobWatch
from ledger.ports.documents import DocumentKey, DocumentKind, intent_key, renewal_stop_key
from ledger.ports.store import Store
from ledger.runtime import Runtime, runtime
from ledger.usecases.send_refunds import SendResult, send_refund
from ledger.usecases.stop_renewals import StopResult, stop_renewals
from ledger.usecases.sweep import sweep

TIME_FOR_AN_ITEM = timedelta(seconds=20)
"""A provider has 10 s to answer, and may be asked twice. The lease covers a refund that Lambda stops halfway."""


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the number of intents and stops by result; for the stream, the records to retry."""
    services = runtime()
    watch = JobWatch(services, context, TIME_FOR_AN_ITEM)
    try:
        return _take_records(event["Records"], services, watch) if "Records" in event else _sweep(services, watch)
    finally:
        services.publish_metrics()


def _sweep(services: Runtime, watch: JobWatch) -> dict[str, Any]:
    """Work off both lists, whatever fails on the way: the oldest first, lists and providers in turns."""
    done = sweep(
        _everything(services.store),
        lambda item: _take(_key(item), services),
        watch,
        name=lambda item: _name(_key(item)),
        since=_since,
        lane=lambda item: f"{type(item).__name__} {provider_of(item.payment_id)}",
    )
    done.raise_failure()
    return {"outcomes": dict(Counter(result or "paused" for result in done.results))}


def _everything(store: Store) -> Iterator[RefundIntent | RenewalStop]:
    """Yield what is in the two lists. At the end, raise what made one of them incomplete: the other is whole."""
    errors = []
    for listing in (store.outbox, store.renewal_stops):
        try:
            yield from listing()
        except StoreUnavailable as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _take_records(records: list[stream.Record], services: Runtime, watch: JobWatch) -> dict[str, Any]:
    """Work off a batch. What the store did not carry out is retried; the rest is left to the schedule."""
    done = sweep(
        records,
        lambda record: _take(stream.document_key(record), services),
        watch,
        name=lambda record: _name(stream.document_key(record)),
    )
    failed = [one.subject for one in done.failures if isinstance(one.error, StoreUnavailable)]
    again = [record["dynamodb"]["SequenceNumber"] for record in (*failed, *done.left) if record]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in again]}


def _take(key: DocumentKey, services: Runtime) -> SendResult | StopResult | None:
    """Send one refund, or stop the renewals of one subscription. None: sending is paused, and it stays in its list."""
    name = _name(key)
    if services.config.is_paused:
        services.logger.warning("sending is paused", extra={"item": name})
        return None
    result: SendResult | StopResult
    if key.kind is DocumentKind.RENEWAL_STOP:
        result = stop_renewals(key, services.store, services.gateway)
        services.logger.info("renewals", extra={"item": name, "outcome": result})
    else:
        (tag,) = key.parts
        result = send_refund(tag, services.store, services.gateway, clock=services.now)
        services.logger.info("refund", extra={"tag": tag, "outcome": result})
    services.metrics.add_metric(_METRICS[result], "Count", 1)
    return result


def _key(item: RefundIntent | RenewalStop) -> DocumentKey:
    return intent_key(item.tag) if isinstance(item, RefundIntent) else renewal_stop_key(item)


def _since(item: RefundIntent | RenewalStop) -> datetime:
    return item.approved_at if isinstance(item, RefundIntent) else item.since


def _name(key: DocumentKey) -> str:
    """Return the tag of a refund, or the payment whose dispute stops the renewals."""
    return key.parts[-1]


_METRICS = {
    SendResult.SENT: "RefundsSent",
    SendResult.FOUND: "RefundsFound",
    SendResult.ABANDONED: "RefundsAbandoned",
    SendResult.ENDED: "RefundsEndedBefore",
    SendResult.LEASED: "RefundsLeased",
    SendResult.UNCLEAR: "RefundsUnclear",
    StopResult.STOPPED: "RenewalsStopped",
    StopResult.NOT_NEEDED: "RenewalStopsNotNeeded",
    StopResult.DONE_BEFORE: "RenewalStopsDoneBefore",
}
