"""Send approved refunds to the provider, each exactly once; and stop the renewals of subscriptions after disputes.

A queue delivers new refund intents and new stops of renewals, a few at a time. The schedule works off everything that
is still in the two lists, whatever the queue did not deliver.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from ledger.domain.domain_events import RefundIntentListed, RenewalStopListed, read_domain_event
from ledger.domain.errors import StoreUnavailable
from ledger.domain.ids import provider_of
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.renewal_stops import RenewalStop
from ledger.job import JobWatch
from ledger.ports.documents import DocumentKey, DocumentKind, intent_key, renewal_stop_key, renewal_stop_key_of
from ledger.ports.store import Store
from ledger.runtime import Runtime, runtime
from ledger.usecases.progress import sweep_on
from ledger.usecases.send_refunds import SendResult, send_refund
from ledger.usecases.stop_renewals import StopResult, stop_renewals
from ledger.usecases.sweep import Pace, Round, sweep

Message = Mapping[str, Any]

TIME_FOR_AN_ITEM = timedelta(seconds=20)
"""A provider has 10 s to answer, and may be asked twice. The lease covers a refund that Lambda stops halfway."""

PACE = Pace(workers=4, lane_workers=1, most=1_000)
"""Each list of each provider has a worker of its own: a provider that does not respond holds up no other."""


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the number of intents and stops by result; for the queue, the messages to deliver again."""
    services = runtime()
    watch = JobWatch(services, context, TIME_FOR_AN_ITEM)
    try:
        return _take_messages(event["Records"], services, watch) if "Records" in event else _sweep(services, watch)
    finally:
        services.publish_metrics()


def _sweep(services: Runtime, watch: JobWatch) -> dict[str, Any]:
    """Work off both lists, whatever fails on the way: the oldest first, lists and providers in turns."""
    done = sweep_on(
        "send_refunds",
        services.store,
        _everything(services.store),
        lambda item: _take(_key(item), services),
        watch,
        name=lambda item: _name(_key(item)),
        since=_since,
        lane=lambda item: f"{type(item).__name__} {provider_of(item.payment_id)}",
        pace=PACE,
    )
    _count(done, services)
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


def _take_messages(messages: list[Message], services: Runtime, watch: JobWatch) -> dict[str, Any]:
    """Work off a batch. Return the messages that the queue delivers again, and keeps as dead letters in the end.

    They are those that can't be read, those that the store did not carry out, and those for which there was no time.
    What fails otherwise is left to the schedule, which raises the alarm.
    """
    listed: dict[str, DocumentKey] = {}
    for message in messages:
        try:
            listed[message["messageId"]] = _listed(message)
        except ValueError as error:
            watch.failed(message["messageId"], error)
    done = sweep(listed.items(), lambda one: _take(one[1], services), watch, name=lambda one: _name(one[1]))
    _count(done, services)
    failed = [one.subject for one in done.failures if isinstance(one.error, StoreUnavailable)]
    again = {one[0] for one in (*failed, *done.left) if one}
    again |= {message["messageId"] for message in messages} - listed.keys()
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(again)]}


def _listed(message: Message) -> DocumentKey:
    """Return the document that a message of the queue is about. Raise ValueError if this release can't read it."""
    content = read_domain_event(json.loads(message["body"])).content
    match content:
        case RefundIntentListed():
            return intent_key(content.tag)
        case RenewalStopListed():
            return renewal_stop_key_of(content.since, content.payment_id)
    raise ValueError(f"{content!r} lists nothing to send or to stop")


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
    return result


def _count(done: Round[Any, SendResult | StopResult | None], services: Runtime) -> None:
    """Count the results. Powertools' metrics may be used by one thread alone."""
    for result, number in Counter(filter(None, done.results)).items():
        services.metrics.add_metric(_METRICS[result], "Count", number)


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
