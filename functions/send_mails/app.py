"""Send mails, each once: the confirmation of a contract, and what a customer is to be told of a case or an account.

A queue delivers the mails that were listed, the orders that were paid, and what the mail service reports on the mails
that it accepted. One schedule sends every five minutes what is still listed. Another one confirms every hour the paid
orders that no event has reported, and a third one lists the reminders of plans that renew.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from ledger.domain.domain_events import MailListed, OrderPaid, is_domain_event, read_domain_event
from ledger.domain.errors import StoreUnavailable
from ledger.domain.mails import RECEIPTS, MailIntent
from ledger.job import JobWatch
from ledger.policy import reminders
from ledger.ports.documents import AwaitedOrder, WatchedPlan, mail_shard
from ledger.runtime import Runtime, runtime
from ledger.usecases.confirm_orders import list_confirmation, list_confirmations
from ledger.usecases.mail_failures import FailureReport, record_failure
from ledger.usecases.progress import sweep_on
from ledger.usecases.remind import LATE_PRICE_CHANGE, remind_customers
from ledger.usecases.send_mails import MailResult, send_mail
from ledger.usecases.sweep import Pace, Round, hour_of, sweep

Message = Mapping[str, Any]

CONFIRM_ORDERS = "confirm_orders"
"""The field of the schedule's event that looks for paid orders first."""

REMIND = "remind"
"""The field of the schedule's event that lists reminders and new prices first."""

TIME_FOR_AN_ITEM = timedelta(seconds=20)
"""The mail service has 10 s to answer, and may be slow to connect. The lease covers what Lambda stops halfway."""

PACE = Pace(workers=4, lane_workers=3, most=2_000)
"""Receipts have a worker of their own: many other mails do not hold them up."""


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Return the number of mails by result; for the queue, the messages to deliver again."""
    services = runtime()
    watch = JobWatch(services, context, TIME_FOR_AN_ITEM)
    try:
        if "Records" in event:
            return _take_messages(event["Records"], services, watch)
        before = [act(services, context) for name, act in _BEFORE.items() if event.get(name)]
        return _sweep(services, watch, before)
    finally:
        services.publish_metrics()


def _sweep(services: Runtime, watch: JobWatch, before: list[Round[Any, Any]]) -> dict[str, Any]:
    """Send what is listed, the oldest first. `before` are the rounds that have listed some of it."""
    now = services.now()
    listed = services.store.mail_intents()
    without = [0]

    def since(intent: MailIntent) -> Any:
        without[0] += intent.lacks_address
        return None if intent.lacks_address else intent.listed_at

    done = sweep_on(
        "send_mails",
        services.store,
        listed,
        lambda intent: _send(intent.mail_id, services),
        watch,
        name=lambda intent: intent.mail_id,
        since=since,
        lane=lambda intent: "receipts" if intent.kind in RECEIPTS else "mails",
        is_due=lambda intent: not intent.lacks_address or mail_shard(intent.mail_id) == hour_of(now),
        pace=PACE,
    )
    services.metrics.add_metric("MailsWithoutAddress", "Count", without[0])
    _count(done, services)
    for finished in (*before, done):
        finished.raise_failure()
    return {"outcomes": dict(Counter(done.results))}


def _confirm_orders(services: Runtime, context: object) -> Round[AwaitedOrder, str | None]:
    watch = JobWatch(services, context, TIME_FOR_AN_ITEM, backlog="AwaitedOrders", oldest="OldestAwaitedOrderAge")
    return list_confirmations(services.store, watch, now=services.now(), pace=PACE)


def _remind(services: Runtime, context: object) -> Round[WatchedPlan, tuple[str, ...]]:
    """List the reminders and the new prices that are due."""
    watch = JobWatch(services, context, TIME_FOR_AN_ITEM, backlog="PlansToLookAt", oldest="OldestPlanToLookAtAge")
    done = remind_customers(services.store, services.catalogue, reminders.load(), watch, now=services.now(), pace=PACE)
    listed = Counter(kind for kinds in done.results for kind in kinds)
    services.metrics.add_metric("LatePriceChanges", "Count", listed[LATE_PRICE_CHANGE])
    services.logger.info("reminders", extra={"looked_at": len(done.results), "listed": dict(listed)})
    return done


_BEFORE: Mapping[str, Callable[[Runtime, object], Round[Any, Any]]] = {CONFIRM_ORDERS: _confirm_orders, REMIND: _remind}
"""What the schedules list before they send, by the field of their event."""


def _take_messages(messages: list[Message], services: Runtime, watch: JobWatch) -> dict[str, Any]:
    """Work off a batch. Return the messages that the queue delivers again, and keeps as dead letters in the end."""
    read: dict[str, Any] = {}
    for message in messages:
        try:
            read[message["messageId"]] = _content_of(message, services)
        except ValueError as error:
            watch.failed(message["messageId"], error)
    done = sweep(read.items(), lambda one: _take(one[1], services), watch, name=lambda one: one[0])
    _count(done, services)
    failed = [one.subject for one in done.failures if isinstance(one.error, StoreUnavailable)]
    again = {one[0] for one in (*failed, *done.left) if one}
    again |= {message["messageId"] for message in messages} - read.keys()
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(again)]}


def _content_of(message: Message, services: Runtime) -> OrderPaid | MailListed | FailureReport | None:
    """Return what a message of the queue is about. None: a report that does not count.

    Raise ValueError if this release can't read it.
    """
    delivered = json.loads(message["body"])
    if not is_domain_event(delivered):
        return services.mail_failure(delivered)
    content = read_domain_event(delivered).content
    if not isinstance(content, OrderPaid | MailListed):
        raise ValueError(f"{content!r} is about no mail")
    return content


def _take(content: OrderPaid | MailListed | FailureReport | None, services: Runtime) -> MailResult | None:
    """Send the mail that a message is about, or record that one failed. None: there is none to send."""
    match content:
        case MailListed():
            return _send(content.mail_id, services)
        case OrderPaid():
            mail_id = list_confirmation(content.order_id, services.store, now=services.now())
            return _send(mail_id, services) if mail_id else None
        case FailureReport():
            record_failure(content, services.store)
            services.logger.warning("mail failed", extra={"mail_id": content.mail_id, "failure": content.failure})
            return MailResult.FAILED
    return None


def _send(mail_id: str, services: Runtime) -> MailResult:
    result = send_mail(mail_id, services.mail_desk, services.mailer, clock=services.now)
    services.logger.info("mail", extra={"mail_id": mail_id, "outcome": result})
    return result


def _count(done: Round[Any, Any], services: Runtime) -> None:
    """Count the results. Powertools' metrics may be used by one thread alone."""
    for result, number in Counter(filter(None, done.results)).items():
        services.metrics.add_metric(_METRICS[result], "Count", number)


_METRICS = {
    MailResult.SENT: "MailsSent",
    MailResult.REFUSED: "MailsRefused",
    MailResult.OUTDATED: "MailsOutdated",
    MailResult.OFF: "MailsOff",
    MailResult.ENDED: "MailsEndedBefore",
    MailResult.LEASED: "MailsLeased",
    MailResult.NO_ADDRESS: "MailsLackingAddress",
    MailResult.PACED: "MailsPaced",
    MailResult.UNCLEAR: "MailsUnclear",
    MailResult.FAILED: "MailsFailed",
}
