"""Each way in which the rules about causes can be broken is named, and nothing else is."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ledger.domain.audit import AuditAction
from ledger.domain.entries import EntryKind
from ledger.domain.facts import digest_of
from ledger.domain.ids import AccountId, PaymentId, request_correlation_id
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import ParkReason, Receipt, RecordOutcome
from ledger.domain.subscriptions import Subscription
from ledger.ports.documents import DocumentKind
from ledger.usecases.holds import HOLDS_ROUTE
from ledger.usecases.state_amount import AMOUNTS_ROUTE
from ledger.usecases.usage import RUNS_ROUTE
from tools.testing.builders import ADA, LATER, at, refund
from tools.testing.planting import (
    Fault,
    Rule,
    add_facts,
    double,
    drop,
    drop_fact,
    fact,
    name_of,
    named,
    one,
    purchase,
    put,
    put_fact,
    rows,
)
from tools.verify import World
from tools.verify.causes import causes_of_all, correlation_ids, reported_facts, reported_subscriptions

EVE = AccountId("acct_eve")
SUB, OTHER = "stripe:sub_1", "stripe:sub_2"
WAITING, BOOKED, NOTED = RecordOutcome.WAITING, RecordOutcome.BOOKED, RecordOutcome.NOTED


def receipt_of(whole: World, cause: str) -> Receipt:
    """The receipt of a cause."""
    return one(whole.receipts, cause=cause)


def of_refund(whole: World) -> Receipt:
    """The receipt of the event that reported the first refund."""
    return receipt_of(whole, fact(whole, "refund:").cause)


def refund_by(whole: World, cause: str) -> Any:
    """The first refund has another cause."""
    return put_fact(whole, "refund:", cause=cause)


def refunded(outcome: RecordOutcome, account_id: AccountId | None) -> Mapping[str, object]:
    """What a receipt says of a refund."""
    return {"outcome": outcome, "account_id": account_id}


def waits(whole: World, outcome: RecordOutcome, account_id: AccountId | None) -> str:
    """A fact of a purchase that is not paid yet, and the receipt of its event."""
    cause = of_refund(whole).cause
    put(whole, of_refund(whole), outcome=outcome, account_id=account_id)
    waiting = Purchase(
        payment_id=PaymentId("stripe:pi_9"),
        names=frozenset({PaymentId("stripe:pi_9")}),
        facts={fact(whole, "refund:").key: fact(whole, "refund:")},
    )
    whole.payments = {waiting.payment_id: waiting}
    whole.entries = [entry for entry in whole.entries if entry.cause != cause]
    return f"stripe:pi_9 {fact(whole, 'refund:').key}"


def unknown_to_us(whole: World, key: str, unknown: Mapping[str, object]) -> Any:
    """A newer release has stored a field of a fact, and its digest is of more than this release knows."""
    known = fact(whole, key)
    receipt = receipt_of(whole, known.cause)
    put(whole, receipt, facts={known.key: "0" * 12})
    return put_fact(whole, key, unknown_fields=unknown)


def digested(whole: World, key: str, digest: str | None) -> str:
    """The receipt of a fact has another digest of it, or none."""
    known = fact(whole, key)
    receipt = receipt_of(whole, known.cause)
    put(whole, receipt, facts={} if digest is None else {known.key: digest})
    return str(known.key)


def later_fact(whole: World) -> Any:
    """A later event has reported the refund anew."""
    known = fact(whole, "refund:re_1")
    receipt = receipt_of(whole, known.cause)
    new = replace(known, cause="stripe:evt_later", at=LATER)
    put_fact(whole, "refund:re_1", cause="stripe:evt_later", at=LATER)
    whole.receipts.append(replace(receipt, event_id="evt_later", facts={new.key: digest_of(new)}))
    return new


def subscription(whole: World, name: str = SUB) -> Subscription:
    """A subscription by its id."""
    return whole.subscriptions[name]


def reported(whole: World, number: int, **changes: object) -> Subscription:
    """Another report of the instant has these changes."""
    current = subscription(whole)
    reports = list(current.instant or ())
    reports[number] = replace(reports[number], **changes)  # type: ignore[arg-type]
    return put(whole, current, instant=tuple(reports))


def correlated(whole: World, kind: EntryKind, correlation_id: str) -> object:
    """The first entry of a kind has another correlation id."""
    return put(whole, one(whole.entries, kind=kind), correlation_id=correlation_id)


def without_record(whole: World, route: str) -> object:
    """No idempotency record is left of a route. Return the first case that one opened."""
    key, record = next((key, record) for key, record in whole.idempotency_records.items() if key.parts[1] == route)
    del whole.idempotency_records[key]
    return record


def opened_by(whole: World, number: int, part: str) -> object:
    """The record of the first request has another account, route or key. Return it."""
    key, record = next(iter(whole.idempotency_records.items()))
    del whole.idempotency_records[key]
    parts = [*key.parts]
    parts[number] = part
    whole.idempotency_records[key._replace(kind=DocumentKind.IDEMPOTENCY_RECORD, parts=tuple(parts))] = record
    return record


def act_of(whole: World, kind: AuditAction, **changes: object) -> None:
    """The record of an act has these changes."""
    put(whole, one((record for _, record in whole.audit_records), action=kind), **changes)


def tagged(whole: World, correlation_id: str, tag: str | None) -> Receipt:
    """An event about a refund that carries a tag of ours has the correlation id of a case."""
    put_fact(whole, "refund:re_1", tag=tag)
    return put(whole, of_refund(whole), correlation_id=correlation_id)


FAULTS: dict[Rule, list[Fault]] = {
    causes_of_all: [
        Fault("a fact of no event", "foreign", lambda w: refund_by(w, "stripe:evt_0"), ("stripe:pi_1 refund:re_1",)),
        Fault(
            "a fact whose receipt is missing",
            "foreign",
            lambda w: (drop(w, of_refund(w)), drop_fact(w, "refund:re_1"))[0],
            ("stripe:pi_1/0/2/reserve/refunds",),
        ),
        Fault(
            "the event of a fact booked for another account",
            "foreign",
            lambda w: put(w, of_refund(w), account_id=EVE),
            ("stripe:pi_1 refund:re_1", "stripe:pi_1/0/2/reserve/refunds"),
        ),
        Fault(
            "the event of a fact booked for no account",
            "foreign",
            lambda w: put(w, of_refund(w), account_id=None),
            ("stripe:pi_1 refund:re_1", "stripe:pi_1/0/2/reserve/refunds"),
        ),
        *(
            Fault(
                f"the event of a fact is {outcome}",
                "foreign",
                lambda w, outcome=outcome: put(w, of_refund(w), outcome=outcome),
                ("stripe:pi_1 refund:re_1", "stripe:pi_1/0/2/reserve/refunds"),
            )
            for outcome in (
                RecordOutcome.NOTED,
                RecordOutcome.PARKED,
                RecordOutcome.ALREADY_BOOKED,
                RecordOutcome.IGNORED,
            )
        ),
        Fault(
            "the event of a fact has waited",
            "foreign",
            lambda w: put(w, of_refund(w), outcome=WAITING, account_id=None),
        ),
        Fault("a fact that waits is of an event that was noted", "foreign", lambda w: waits(w, NOTED, None), ("{0}",)),
        Fault("a fact that waits is of an event that waits", "foreign", lambda w: waits(w, WAITING, None)),
        Fault(
            "a fact that waits is of an event that was booked for another sale",
            "foreign",
            lambda w: waits(w, BOOKED, ADA),
        ),
        Fault(
            "a fact of a person without a record",
            "foreign",
            lambda w: w.audit_records.clear(),
            ("stripe:pi_1 amount:refund:re_1", "stripe:pi_1/0/3/clawback/refunds", "stripe:pi_1/0/3/release/refunds"),
        ),
        Fault(
            "a fact of another person",
            "foreign",
            lambda w: put_fact(w, "amount:", cause="support:kim"),
            ("stripe:pi_1 {0.key}",),
        ),
        Fault(
            "an act for another account",
            "foreign",
            lambda w: w.audit_records.append((EVE, w.audit_records.pop()[1])),
            ("stripe:pi_1 amount:refund:re_1", "stripe:pi_1/0/3/clawback/refunds", "stripe:pi_1/0/3/release/refunds"),
        ),
        Fault(
            "a fact of a case that is not there",
            "requested",
            lambda w: drop(w, one(w.cases.values(), state="declined")),
            ("stripe:pi_3 declined:technical_problem",),
        ),
        Fault(
            "a fact of a case of another account",
            "requested",
            lambda w: put(w, one(w.cases.values(), state="declined"), account_id=EVE),
            ("stripe:pi_3 declined:technical_problem",),
        ),
        Fault("a fact of expiry", "foreign", lambda w: refund_by(w, "expiry"), ("stripe:pi_1 refund:re_1",)),
        Fault(
            "a draw of no run", "used", lambda w: drop(w, one(w.runs, run_id="run_3")), ("stripe:pi_2/0/5/draw/usage",)
        ),
        Fault(
            "a draw of another account's run",
            "used",
            lambda w: put(w, one(w.runs, run_id="run_3"), account_id=EVE),
            ("stripe:pi_2/0/5/draw/usage",),
        ),
        Fault(
            "a grant of no event",
            "used",
            lambda w: put(w, one(w.entries, lot_id="stripe:pi_2/0"), cause="stripe:evt_0"),
            ("{0.entry_id}",),
        ),
        Fault(
            "an entry of another account than its event",
            "used",
            lambda w: put(w, one(w.entries, lot_id="stripe:pi_2/0"), account_id=EVE),
            ("{0.entry_id}",),
        ),
        *(
            Fault(
                f"a {kind} of expiry",
                "used",
                lambda w, kind=kind: put(w, one(w.entries, kind=kind), cause="expiry"),
                ("{0.entry_id}",),
            )
            for kind in (EntryKind.GRANT, EntryKind.DRAW, EntryKind.RETURN)
        ),
        Fault(
            "what expires was reserved for a refund, and is let go",
            "used",
            lambda w: double(w, one(w.entries, cause="expiry"), kind=EntryKind.RELEASE, credits=0),
        ),
        Fault(
            "an expiry of no run",
            "used",
            lambda w: put(w, one(w.entries, entry_id="stripe:pi_1/0/8/expire/expiry"), cause="run:run_9"),
            ("{0.entry_id}",),
        ),
        Fault(
            "a subscription of no event", "subscribed", lambda w: put(w, subscription(w), cause="stripe:evt_0"), (SUB,)
        ),
        Fault("a report of no event", "subscribed", lambda w: reported(w, -1, cause="stripe:evt_0"), (SUB,)),
        Fault("a report of another account", "subscribed", lambda w: reported(w, 0, account_id=EVE), (SUB,)),
        Fault(
            "a subscription of another account",
            "subscribed",
            lambda w: put(w, subscription(w, OTHER), account_id=EVE),
            (OTHER,),
        ),
        Fault(
            "a subscription whose event was noted",
            "subscribed",
            lambda w: put(w, receipt_of(w, "stripe:evt_ended"), outcome=NOTED),
            (OTHER,),
        ),
    ],
    reported_facts: [
        Fault(
            "a fact is not as it was reported",
            "foreign",
            lambda w: put_fact(w, "refund:re_1", amount_minor=461),
            ("stripe:pi_1 {0.key}",),
        ),
        Fault(
            "a payment is not as it was reported",
            "used",
            lambda w: put_fact(w, "payment", paid_minor=1),
            ("{0.payment_id} payment",),
        ),
        Fault(
            "its event reported something else",
            "foreign",
            lambda w: digested(w, "refund:re_1", "0" * 12),
            ("stripe:pi_1 {0}",),
        ),
        Fault(
            "its event did not report it", "foreign", lambda w: digested(w, "refund:re_1", None), ("stripe:pi_1 {0}",)
        ),
        Fault(
            "a reported fact is missing",
            "foreign",
            lambda w: receipt_of(w, drop_fact(w, "refund:re_1").cause),
            ("{0.cause}",),
        ),
        Fault(
            "a reported payment is missing",
            "used",
            lambda w: [w.payments.clear(), *w.receipts][1:],
            ("{0[0].cause}", "{0[1].cause}"),
        ),
        Fault(
            "a reported subscription is missing",
            "subscribed",
            lambda w: w.subscriptions.pop(SUB),
            ("stripe:evt_past_due", "stripe:evt_active", "stripe:evt_trialing"),
        ),
        Fault("a later event reported it anew", "foreign", later_fact),
        Fault("a newer release stored more", "foreign", lambda w: unknown_to_us(w, "refund:re_1", {"more": 1})),
        Fault(
            "this release stored it",
            "foreign",
            lambda w: unknown_to_us(w, "refund:re_1", {}),
            ("stripe:pi_1 refund:re_1",),
        ),
        Fault("a person's fact has no digest", "foreign", lambda w: put_fact(w, "amount:", amount_minor=1)),
        Fault(
            "the other sale does not know a fact about its money",
            "refunded_in_parts",
            lambda w: put(
                w,
                purchase(w, "stripe:pi_3"),
                facts={
                    key: known
                    for key, known in purchase(w, "stripe:pi_3").facts.items()
                    if not key.startswith("refund_total:")
                },
            ),
            ("stripe:in_1 stripe:pi_1",),
        ),
        Fault(
            "the sale does not know a fact about its shared money",
            "refunded_in_parts",
            lambda w: put(
                w,
                purchase(w, "stripe:in_1"),
                facts={
                    key: known
                    for key, known in purchase(w, "stripe:in_1").facts.items()
                    if not key.startswith("refund_total:")
                },
            ),
            ("stripe:pi_3 stripe:pi_1",),
        ),
        Fault(
            "the other sale does not know a link of its money",
            "refunded_in_parts",
            lambda w: put(
                w,
                purchase(w, "stripe:pi_3"),
                facts={
                    key: known
                    for key, known in purchase(w, "stripe:pi_3").facts.items()
                    if key != "link:stripe:pi_1:stripe:in_1"
                },
            ),
            ("stripe:in_1 stripe:pi_1",),
        ),
        Fault(
            "the other sale is not there",
            "refunded_in_parts",
            lambda w: w.payments.pop(PaymentId("stripe:pi_3")),
            ("stripe:in_1 stripe:pi_1",),
        ),
        Fault(
            "a sale that is not paid yet knows just what is shared",
            "refunded_in_parts",
            lambda w: put(
                w,
                purchase(w, "stripe:pi_3"),
                facts={
                    key: known for key, known in purchase(w, "stripe:pi_3").facts.items() if hasattr(known, "money_id")
                },
            ),
        ),
        Fault(
            "a fact about the sale alone is not shared",
            "refunded_in_parts",
            lambda w: add_facts(w, "stripe:in_1", refund(1, refund_id="re_9")),
        ),
        Fault(
            "a fact about other money is not shared",
            "refunded_in_parts",
            lambda w: add_facts(
                w,
                "stripe:in_1",
                replace(refund(1, refund_id="re_9"), charge_id=None, money_id=PaymentId("stripe:pi_2")),
            ),
        ),
        Fault(
            "a fact about the charge of shared money is not known",
            "refunded_in_parts",
            lambda w: add_facts(
                w, "stripe:in_1", replace(refund(1, refund_id="re_9"), money_id=PaymentId("stripe:pi_1"))
            ),
            ("stripe:in_1 stripe:pi_1",),
        ),
    ],
    reported_subscriptions: [
        Fault(
            "one is not as it was reported",
            "subscribed",
            lambda w: put(w, subscription(w, OTHER), period_end=at(1)),
            (OTHER,),
        ),
        Fault(
            "a report of the instant is not as it was", "subscribed", lambda w: reported(w, 0, period_end=at(1)), (SUB,)
        ),
        Fault(
            "its event reported nothing",
            "subscribed",
            lambda w: put(w, receipt_of(w, "stripe:evt_ended"), facts={}),
            (OTHER,),
        ),
        Fault(
            "a later event reported another state",
            "subscribed",
            lambda w: put(w, receipt_of(w, "stripe:evt_late"), occurred_at=LATER),
            ("stripe:evt_late",),
        ),
        Fault(
            "an event of the instant does not count",
            "subscribed",
            lambda w: put(w, receipt_of(w, "stripe:evt_late"), occurred_at=at(1)),
            ("stripe:evt_late",),
        ),
        Fault(
            "an event before the instant does not count",
            "subscribed",
            lambda w: put(w, receipt_of(w, "stripe:evt_late"), occurred_at=at(0.9)),
        ),
        Fault(
            "a report of the instant is missing",
            "subscribed",
            lambda w: put(w, subscription(w), instant=(subscription(w).instant or ())[1:]),
            ("stripe:evt_past_due",),
        ),
        Fault(
            "no other report of the instant is there",
            "subscribed",
            lambda w: put(w, subscription(w), instant=None),
            ("stripe:evt_past_due", "stripe:evt_trialing"),
        ),
        Fault(
            "a newer release stored more",
            "subscribed",
            lambda w: put(w, subscription(w, OTHER), period_end=at(1), unknown_fields={"more": 1}),
        ),
        Fault(
            "this release stored it",
            "subscribed",
            lambda w: put(w, subscription(w, OTHER), period_end=at(1), unknown_fields={}),
            (OTHER,),
        ),
        Fault("a report without a receipt", "subscribed", lambda w: drop(w, receipt_of(w, "stripe:evt_ended"))),
        Fault("an event about another subscription", "subscribed", lambda w: w.subscriptions.pop(OTHER)),
    ],
    correlation_ids: [
        Fault(
            "an event's own is another",
            "used",
            lambda w: put(w, w.receipts[0], correlation_id="x"),
            ("{0.cause}", "stripe:pi_1/0/0/grant/sales"),
        ),
        Fault("an event's own is none", "not_ours", lambda w: put(w, w.receipts[0], correlation_id=""), ("{0.cause}",)),
        Fault(
            "an event is of a case that is not there",
            "foreign",
            lambda w: put(w, w.receipts[1], correlation_id="case_0"),
            ("{0.cause}", "stripe:pi_1/0/2/reserve/refunds"),
        ),
        Fault(
            "a parked event is of a case of another table",
            "foreign",
            lambda w: put(w, one(w.receipts, outcome=RecordOutcome.PARKED), correlation_id="case_0"),
        ),
        Fault(
            "a parked event is of no case",
            "foreign",
            lambda w: put(w, one(w.receipts, outcome=RecordOutcome.PARKED), correlation_id="req_0"),
            ("{0.cause}",),
        ),
        Fault(
            "an event that was parked is of a case of another table",
            "foreign",
            lambda w: put(
                w, one(w.receipts, outcome=RecordOutcome.PARKED), correlation_id="case_0", parked_reason=None
            ),
            ("{0.cause}",),
        ),
        Fault(
            "an event that is parked now is of a case of another table",
            "not_ours",
            lambda w: put(w, w.receipts[0], correlation_id="case_0", parked_reason=ParkReason.NO_ACCOUNT),
        ),
        Fault(
            "a refund carries the tag of another table's case",
            "foreign",
            lambda w: (tagged(w, "case_0", "case_0-1"), put(w, one(w.entries, step=2), correlation_id="case_0")),
        ),
        Fault(
            "a refund carries no tag",
            "foreign",
            lambda w: tagged(w, "case_0", None),
            ("{0.cause}", "stripe:pi_1/0/2/reserve/refunds"),
        ),
        Fault("a draw has no run's", "used", lambda w: correlated(w, EntryKind.DRAW, "x"), ("{0.entry_id}",)),
        Fault(
            "a draw has another run's",
            "used",
            lambda w: correlated(w, EntryKind.DRAW, request_correlation_id(ADA, RUNS_ROUTE, "run_2")),
            ("{0.entry_id}",),
        ),
        Fault(
            "a draw has an event's",
            "used",
            lambda w: correlated(w, EntryKind.DRAW, w.receipts[0].correlation_id),
            ("{0.entry_id}",),
        ),
        Fault(
            "an expiry has another job's",
            "used",
            lambda w: correlated(w, EntryKind.EXPIRE, "job:expire_credits:2026-11-02T12:00:01Z"),
            ("{0.entry_id}",),
        ),
        Fault("an expiry has no job's", "used", lambda w: correlated(w, EntryKind.EXPIRE, "x"), ("{0.entry_id}",)),
        Fault(
            "an expiry has any job's",
            "used",
            lambda w: correlated(w, EntryKind.EXPIRE, "job:other:2026-11-02T12:00:00Z"),
        ),
        Fault("a grant has no event's", "used", lambda w: correlated(w, EntryKind.GRANT, "x"), ("{0.entry_id}",)),
        Fault(
            "an act's entries have another",
            "foreign",
            lambda w: correlated(w, EntryKind.RELEASE, request_correlation_id(ADA, AMOUNTS_ROUTE, "re_9")),
            ("{0.entry_id}",),
        ),
        Fault(
            "an act's entries have that of another route",
            "foreign",
            lambda w: correlated(w, EntryKind.RELEASE, request_correlation_id(ADA, HOLDS_ROUTE, "re_1")),
            ("{0.entry_id}",),
        ),
        Fault(
            "an act's entries have no act",
            "foreign",
            lambda w: w.audit_records.clear(),
            ("stripe:pi_1/0/3/clawback/refunds", "stripe:pi_1/0/3/release/refunds"),
        ),
        Fault(
            "an act about something else",
            "foreign",
            lambda w: act_of(w, AuditAction.STATE_AMOUNT, subject="re_9"),
            ("stripe:pi_1/0/3/clawback/refunds", "stripe:pi_1/0/3/release/refunds"),
        ),
        Fault(
            "an act that writes no entries",
            "foreign",
            lambda w: act_of(w, AuditAction.STATE_AMOUNT, action=AuditAction.HOLD),
            ("stripe:pi_1/0/3/clawback/refunds", "stripe:pi_1/0/3/release/refunds"),
        ),
        Fault(
            "a lift's entries have the lift's",
            "held",
            lambda w: correlated(w, EntryKind.THAW, request_correlation_id(ADA, HOLDS_ROUTE, "dispute:stripe:dp_1")),
        ),
        Fault(
            "a placing writes no entries",
            "held",
            lambda w: correlated(w, EntryKind.THAW, request_correlation_id(ADA, HOLDS_ROUTE, "support:cards")),
            ("{0.entry_id}",),
        ),
        Fault(
            "a decision's entries have its case's",
            "requested",
            lambda w: correlated(w, EntryKind.RESERVE, next(iter(w.cases))),
        ),
        Fault(
            "an entry has that of a case that is not there",
            "refunded",
            lambda w: correlated(w, EntryKind.CLAWBACK, "case_0"),
            ("{0.entry_id}",),
        ),
        Fault(
            "a request is for another account",
            "ordered_twice",
            lambda w: (opened_by(w, 0, EVE), without_record(w, "refund-requests"))[1],
            ("{0.subject}",),
        ),
        Fault(
            "a case has an event's",
            "ordered_twice",
            lambda w: put(w, one(w.cases.values()), correlation_id=w.receipts[0].correlation_id),
            ("{0.case_id}",),
        ),
        Fault(
            "a case has its own id",
            "ordered_twice",
            lambda w: put(w, one(w.cases.values()), correlation_id=next(iter(w.cases))),
            ("{0.case_id}",),
        ),
        Fault(
            "a case has no request", "ordered_twice", lambda w: without_record(w, "refund-requests"), ("{0.subject}",)
        ),
        *(
            Fault(
                f"a case's request has another {what}",
                "asked_about_two_like_it",
                lambda w, number=number, part=part: opened_by(w, number, part),
                ("{0.subject}",),
            )
            for number, (what, part) in enumerate((("account", EVE), ("route", "withdrawals"), ("key", "key_9")))
        ),
    ],
}


@pytest.mark.parametrize(("rule", "fault"), rows(FAULTS), ids=name_of)
def test_each_fault_is_named(rule: Rule, fault: Fault) -> None:
    """And a change that is no fault names nothing."""
    found, expected = named(rule, fault)
    assert found == expected
