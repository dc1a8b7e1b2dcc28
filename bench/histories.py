"""The items of whole customers: what the use-cases store when their histories are played, each in a store of its own.

A history begins before `NOW`, the time at which the jobs run. `PAST` has nothing that a round should do, but what has
one turn a day: of a refund that has ended, and of an event that is parked. Each of the others leaves one thing to do.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from ledger.domain import catalogue
from ledger.domain.events import Event
from ledger.domain.facts import DisputeChanged, DisputeState, PaymentSettled, RefundChanged, RefundState
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.refund_cases import DecisionOutcome, RefundCase, RefundReason
from ledger.dynamodb.items import Item
from ledger.providers.registry import PROVIDERS
from ledger.providers.scope import EVERYTHING
from ledger.usecases.expire_credits import expire_account
from ledger.usecases.record_event import record_event
from ledger.usecases.refund_cases.decide_case import ReviewDecision
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.send_refunds import send_refund
from ledger.usecases.usage import draw_credits
from tools.stories import read_notification
from tools.testing.builders import (
    NOON,
    POLICY,
    dispute,
    event_of,
    paid,
    payment,
    record_events,
    refund_claim,
    request_refund,
)
from tools.testing.fakes import FakeProvider, FakeStore
from tools.testing.ledgers import SELLER
from tools.testing.stored_items import items_of
from tools.testing.unguarded import decide_case, decide_deferred

NOW = NOON + timedelta(days=19)
MONTH = timedelta(days=30)
ENDED_OF, PARKED_OF = 50, 100
"""One customer of so many had a refund that has ended; one of so many has an event that is parked."""
_PRIME = 7919  # spreads numbers that follow each other
_HALF = ReviewDecision(outcome=DecisionOutcome.APPROVE, words=("Half of it.",), clause="6", money_minor=1000)


class Kind(StrEnum):
    """What a customer's history leaves to do."""

    PAST = "past"
    EXPIRES = "expires"  # credits of a period that ended within the last hour
    PARKED = "parked"  # an event that was parked within the last hour
    DEFERRED = "deferred"  # a case whose settling time is over
    APPROVED = "approved"  # a refund to send
    DISPUTED = "disputed"  # renewals to stop
    REPORTED = "reported"  # a case whose refund has ended since
    RENEWAL = "renewal"  # credits of a period that ends within the day after NOW
    WAITING = "waiting"  # a case that a person has to decide
    DECLINED = "declined"  # a case that the policy has declined, which a person can overturn
    SUSPENDED = "suspended"  # an open dispute, which suspends its account


def history(kind: Kind, number: int) -> list[Item]:
    """Return the items of the customer of this number."""
    store = FakeStore()
    _HISTORIES[kind](store, number)
    return items_of(store)


def _minutes(moment: datetime) -> float:
    return (moment - NOON) / timedelta(minutes=1)


def _account(kind: Kind, number: int) -> AccountId:
    return AccountId(f"acct_{kind}_{number}")


def _buy(store: FakeStore, kind: Kind, number: int, moment: datetime, order: str | None = None) -> PaymentSettled:
    """Let a customer buy a pack."""
    twin = f"_{store.round_trips}" if order else ""
    settled = payment(
        PaymentId(f"stripe:pi_{kind}_{number}{twin}"),
        account_id=_account(kind, number),
        minute=_minutes(moment),
        fulfilment_key=order,
    )
    record_events(
        store, paid(settled, event_id=f"evt_{settled.payment_id}", customer=f"cus_{kind}_{number}"), now=moment
    )
    return settled


def _renew(store: FakeStore, kind: Kind, number: int, ends_at: datetime) -> PaymentSettled:
    """Let a customer pay for the month before a time."""
    begins_at = ends_at - MONTH
    settled = replace(
        payment(
            PaymentId(f"stripe:in_{kind}_{number}_{begins_at:%m%d}"),
            account_id=_account(kind, number),
            minute=_minutes(begins_at),
            fulfilment_key=f"period/stripe:sub_{kind}_{number}/{begins_at:%Y-%m-%dT%H:%M:%SZ}",
            expires_at=ends_at,
        ),
        subscription_id=f"stripe:sub_{kind}_{number}",
        is_renewal=True,
    )
    event = paid(settled, event_id=f"evt_{settled.payment_id}", customer=f"cus_{kind}_{number}")
    record_events(store, event, now=begins_at)
    return settled


def _approve(store: FakeStore, bought: PaymentSettled, moment: datetime) -> RefundCase:
    claim = refund_claim(payment_id=bought.payment_id, account_id=bought.account_id, key=bought.payment_id)
    case = request_refund(store, claim, minute=_minutes(moment))
    return decide_case(case.case_id, _HALF, "sam", store, POLICY, now=moment)


def _send(store: FakeStore, bought: PaymentSettled, case: RefundCase, moment: datetime) -> None:
    """Send an approved refund, and let the provider report that it succeeded."""
    provider = FakeProvider()
    send_refund(case.tag, store, lambda _: provider, clock=lambda: moment)
    fact = replace(provider.move_refund_to(RefundState.SUCCEEDED), created_at=moment, at=moment)
    record_events(store, fact_event(fact, bought.payment_id, f"evt_{case.tag}"), now=moment)


def fact_event(fact: RefundChanged | DisputeChanged, payment_id: PaymentId, event_id: str) -> Event:
    """Return an event of this id, which is the cause of what it reports about a payment."""
    event = event_of(fact, names=(payment_id,))
    return replace(event, event_id=event_id, facts=(replace(fact, cause=f"stripe:{event_id}"),))


@cache
def _renewal_of_nobody() -> str:
    """Return the body of a renewal without metadata."""
    content = json.loads(read_notification("stripe/subscription_three_months_03_invoice_paid.json", "").body)
    content["data"]["object"]["parent"]["subscription_details"]["metadata"] = {}
    return json.dumps(content)


def _park(store: FakeStore, name: str, moment: datetime) -> None:
    """Let an event be received of a customer whose account is not known."""
    content = json.loads(_renewal_of_nobody())
    invoice = content["data"]["object"]
    content["id"], invoice["id"], invoice["customer"] = f"evt_{name}", f"in_{name}", f"cus_{name}"
    for line in invoice["lines"]["data"]:
        line["metadata"] = {}
    body = json.dumps(content).encode()
    event = PROVIDERS["stripe"].translate(
        PROVIDERS["stripe"].parse(body), catalogue.load(), is_live=False, scope=EVERYTHING
    )
    if event is None:
        raise ValueError("the event has no translation")
    record_event(event, store, body=body, body_sha256=hashlib.sha256(body).hexdigest(), now=moment)


def _past(store: FakeStore, number: int) -> None:
    """A pack, a run, a month that is over; the next month too, if that still runs."""
    bought = _buy(store, Kind.PAST, number, NOW - timedelta(days=400))
    ended_at = NOW - timedelta(days=2 + number % 298, minutes=number * _PRIME % 1440)
    _renew(store, Kind.PAST, number, ended_at)
    expire_account(bought.account_id, store, now=ended_at + timedelta(minutes=30))
    draw_credits(bought.account_id, f"run_{number}", 10, store, now=ended_at + timedelta(hours=1))
    if ended_at + MONTH > NOW + timedelta(days=1):
        _renew(store, Kind.PAST, number, ended_at + MONTH)
    if number % ENDED_OF == 0:
        ended_at = NOW - timedelta(days=2 + number // ENDED_OF % 180)
        case = _approve(store, bought, ended_at)
        _send(store, bought, case, ended_at)
        follow(bought.payment_id, store, now=ended_at)
        decide_deferred(store, POLICY, now=ended_at + timedelta(minutes=5), seller=SELLER)  # its credit note
    if number % PARKED_OF == 0:
        _park(store, f"past_{number}", NOW - timedelta(days=2 + number // PARKED_OF % 300))


def _expires(store: FakeStore, number: int) -> None:
    _renew(store, Kind.EXPIRES, number, NOW - timedelta(minutes=1 + number % 45))


def _parked(store: FakeStore, number: int) -> None:
    moment = NOW - timedelta(minutes=11 + number % 30, milliseconds=number)  # no two arrive at one instant
    _park(store, f"parked_{number}", moment)


def _deferred(store: FakeStore, number: int) -> None:
    order, moment = f"order/ord_{number}", NOW - timedelta(minutes=20)
    _buy(store, Kind.DEFERRED, number, moment, order)
    twin = _buy(store, Kind.DEFERRED, number, moment + timedelta(minutes=1), order)
    claim = refund_claim(
        RefundReason.CHARGED_TWICE, payment_id=twin.payment_id, account_id=twin.account_id, key=twin.payment_id
    )
    request_refund(store, claim, minute=_minutes(moment + timedelta(minutes=2)))


def _approved(store: FakeStore, number: int) -> None:
    bought = _buy(store, Kind.APPROVED, number, NOW - timedelta(days=3))
    _approve(store, bought, NOW - timedelta(minutes=5))


def _disputed(store: FakeStore, number: int) -> None:
    renewed = _renew(store, Kind.DISPUTED, number, NOW + timedelta(days=3))
    lost = replace(dispute(DisputeState.LOST, minute=_minutes(NOW)), opened_at=NOW)
    record_events(store, fact_event(lost, renewed.payment_id, f"evt_dispute_{number}"), now=NOW)


def _reported(store: FakeStore, number: int) -> None:
    bought = _buy(store, Kind.REPORTED, number, NOW - timedelta(days=3))
    moment = NOW - timedelta(minutes=30)
    _send(store, bought, _approve(store, bought, moment), moment)


def _renewal(store: FakeStore, number: int) -> None:
    _renew(store, Kind.RENEWAL, number, NOW + timedelta(seconds=number * _PRIME % 86_400 + 1))


def _waiting(store: FakeStore, number: int) -> None:
    bought = _buy(store, Kind.WAITING, number, NOW - timedelta(days=3))
    claim = refund_claim(payment_id=bought.payment_id, account_id=bought.account_id, key=bought.payment_id)
    request_refund(store, claim, minute=_minutes(NOW) - number)


def _declined(store: FakeStore, number: int) -> None:
    # Until then the law may give the right to withdraw from a payment without an order.
    bought = _buy(store, Kind.DECLINED, number, NOW - timedelta(days=500))
    claim = refund_claim(
        RefundReason.CHANGED_MY_MIND,
        payment_id=bought.payment_id,
        account_id=bought.account_id,
        key=bought.payment_id,
    )
    request_refund(store, claim, minute=_minutes(NOW) - number)


def _suspended(store: FakeStore, number: int) -> None:
    bought = _buy(store, Kind.SUSPENDED, number, NOW - timedelta(days=30))
    moment = NOW - timedelta(minutes=number)
    opened = replace(
        dispute(dispute_id=f"dp_{number}", minute=_minutes(moment)), opened_at=moment, evidence_due_at=NOW + MONTH
    )
    record_events(store, fact_event(opened, bought.payment_id, f"evt_suspended_{number}"), now=moment)


_HISTORIES: Mapping[Kind, Callable[[FakeStore, int], None]] = {
    Kind.PAST: _past,
    Kind.EXPIRES: _expires,
    Kind.PARKED: _parked,
    Kind.DEFERRED: _deferred,
    Kind.APPROVED: _approved,
    Kind.DISPUTED: _disputed,
    Kind.REPORTED: _reported,
    Kind.RENEWAL: _renewal,
    Kind.WAITING: _waiting,
    Kind.DECLINED: _declined,
    Kind.SUSPENDED: _suspended,
}
