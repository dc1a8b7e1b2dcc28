"""What is stored about an account, as lines in the order of time: each says what happened, and because of what."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ledger.domain.audit import AuditRecord
from ledger.domain.entries import Entry, EntryKind
from ledger.domain.facts import (
    AmountStated,
    BalanceCredited,
    ChargebackChanged,
    ConsentChanged,
    DisputeChanged,
    Fact,
    FraudWarned,
    HoldLifted,
    MoneyLinked,
    PaymentFailed,
    PaymentSettled,
    RefundAbandoned,
    RefundApproved,
    RefundAttempted,
    RefundChanged,
    RefundDeclined,
    RefundSent,
    RefundTotalReported,
    ResolutionReported,
    WithdrawalChanged,
)
from ledger.domain.money import format_amount
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt, RecordOutcome, Trigger
from ledger.domain.refund_cases import RefundCase
from ledger.policy.texts import shipped_texts
from tools.verify.world import World
from tools.why.search import mentions


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, in words."""

    at: datetime
    kind: str  # order, event, fact, run, entry, case or act
    words: str
    ids: frozenset[str] = field(repr=False)  # what it names: two lines that share one belong together
    credits: int | None = None  # of an entry
    balance: int | None = None  # of an entry: the account's balance after it
    is_open: bool = False  # it waits for something: `words` say for what
    about: frozenset[str] = field(default=frozenset(), repr=False)  # what many have in common: it leads to no other


def lines_of(world: World) -> list[Line]:
    """Return everything in the order of time. Of one instant, causes come before what they led to."""
    lines = [*_orders(world), *_receipts(world), *_facts(world), *_subscriptions(world)]
    lines += [*_runs(world), *_cases(world), *_acts(world)]
    ordered = sorted(lines, key=lambda line: (line.at, _RANKS.index(line.kind)))
    return sorted([*ordered, *_entries(world)], key=lambda line: line.at)


def lines_that_concern(text: str, lines: Iterable[Line]) -> list[Line]:
    """Return the lines that mention an id, and those that lead to it or follow from it.

    Entries follow from what caused them and from the lot that they move. They lead on only if they mention the id
    themselves: a run draws from several lots, and would lead to everything.
    """
    lines = list(lines)
    chosen = {n for n, line in enumerate(lines) if any(mentions(name, text) for name in line.ids | line.about)}
    known = frozenset[str]().union(*(lines[n].ids for n in chosen))
    while True:
        more = {n for n, line in enumerate(lines) if n not in chosen and line.ids & known}
        if not more:
            return [lines[n] for n in sorted(chosen)]
        chosen |= more
        known = known.union(*(lines[n].ids for n in more if lines[n].kind not in {"entry", "run"}))


_RANKS = ("order", "event", "fact", "run", "act", "case", "entry")


def _orders(world: World) -> Iterator[Line]:
    for key in world.fulfilment_keys.values():
        if key.terms:
            yield _order(key.terms, key.payment_ids)


def _order(order: Order, payment_ids: Iterable[str]) -> Line:
    price = format_amount(order.price_minor, order.currency)
    consent = order.consent
    state = "confirmed" if consent and consent.confirmation_id else "not confirmed" if consent else "none"
    words = (
        f"order {order.order_id}: {order.product_id} for {price} through {order.provider}, country {order.country}, "
        f"policy {order.policy_version}, consent {state}"
    )
    is_paid = bool(list(payment_ids))
    ids = frozenset({str(order.order_id), f"order/{order.order_id}"})
    return Line(order.made_at, "order", words + ("" if is_paid else "; not paid"), ids, is_open=not is_paid)


_OUTCOMES: Mapping[RecordOutcome, str] = {
    RecordOutcome.BOOKED: "booked",
    RecordOutcome.ALREADY_BOOKED: "nothing new: all of it was booked before",
    RecordOutcome.WAITING: "kept: its payment was not known yet",
    RecordOutcome.NOTED: "noted: it books nothing",
    RecordOutcome.PARKED: "parked",
    RecordOutcome.IGNORED: "ignored",
}
_RELEASED_BY: Mapping[Trigger, str] = {
    Trigger.DEPLOYMENT: "a new catalogue, release or mode, or a person, releases it",
    Trigger.FACTS: "another event or order that says whose it is, or a person, releases it",
}


def _receipts(world: World) -> Iterator[Line]:
    for receipt in world.receipts:
        yield _receipt(receipt)


def _receipt(receipt: Receipt) -> Line:
    words = f"event {receipt.cause} ({receipt.event_type}): {_OUTCOMES[receipt.outcome]}"
    reason = receipt.parked_reason
    is_parked = receipt.outcome is RecordOutcome.PARKED and reason is not None
    if is_parked and reason:
        words += f", {reason}{f' ({receipt.detail})' if receipt.detail else ''}; {_RELEASED_BY[reason.trigger]}"
    elif receipt.detail:
        words += f" ({receipt.detail})"
    if (receipt.received_at - receipt.occurred_at).total_seconds() >= _LATE_S:
        words += f"; received {_utc(receipt.received_at)}"
    about = frozenset({receipt.customer_id} if receipt.customer_id else ())
    ids = frozenset({receipt.cause, *receipt.facts})
    return Line(receipt.occurred_at, "event", words, ids, is_open=is_parked, about=about)


_LATE_S = 3600


def _facts(world: World) -> Iterator[Line]:
    for purchase in {id(item): item for item in world.payments.values() if isinstance(item, Purchase)}.values():
        for key, fact in purchase.facts.items():
            yield _fact(key, fact, purchase)


def _subscriptions(world: World) -> Iterator[Line]:
    for subscription in world.subscriptions.values():
        words = f"subscription {subscription.subscription_id} to {subscription.product_id or 'an unknown plan'} is "
        words += f"{subscription.status}"
        if subscription.cancel_at:
            words += f", it ends {_utc(subscription.cancel_at)}"
        elif subscription.period_end:
            words += f", paid to {_utc(subscription.period_end)}"
        ids = frozenset({subscription.cause, subscription.subscription_id})
        yield Line(subscription.at, "fact", words, ids, about=frozenset({subscription.account_id or ""}))


def _fact(key: str, fact: Fact, purchase: Purchase) -> Line:
    is_waiting = purchase.payment is None and not isinstance(fact, PaymentFailed)
    words = f"{purchase.payment_id}: {_words_of(fact, purchase)}"
    if is_waiting:
        words += "; its payment was not reported: it counts when that is"
    ids = {fact.cause, *purchase.names, *([key] if ":" in key else [])}
    for name in ("case_id", "tag", "refund_id", "dispute_id", "adjustment_id", "credit_id", "order_id"):
        if value := getattr(fact, name, None):
            ids.add(str(value))
    if isinstance(fact, PaymentSettled):
        ids |= {name for name in (fact.fulfilment_key, fact.covers, fact.invoice_number) if name}
        ids |= {fact.lot_id(position) for position in range(len(fact.lines))}
    payment = purchase.payment
    about = (payment.customer_id, payment.subscription_id) if payment else ()
    of_many = frozenset(name for name in about if name)
    return Line(fact.at, "fact", words, frozenset(ids), is_open=is_waiting, about=of_many)


def _words_of(fact: Fact, purchase: Purchase) -> str:
    """Return what a fact reports. An amount without a currency is in the payment's."""
    own = purchase.payment.currency if purchase.payment else "in minor units"

    def money(amount_minor: int, currency: str | None = None) -> str:
        return format_amount(amount_minor, currency or own)

    match fact:
        case PaymentSettled():
            credits_ = sum(line.credits for line in fact.lines)
            of = fact.fulfilment_key or "no order"
            return f"paid {money(fact.paid_minor)} for {of}: {credits_:,} credits"
        case PaymentFailed():
            return "an attempt to pay failed"
        case RefundChanged():
            by = f" (approval {fact.tag})" if fact.tag else " (begun at the provider)"
            return f"refund {fact.refund_id} of {money(fact.amount_minor, fact.currency)} is {fact.state}{by}"
        case RefundApproved():
            kept = "" if fact.takes_credits else ", the credits stay"
            return f"a refund of {money(fact.amount_minor)} was approved ({fact.tag}){kept}"
        case RefundAttempted():
            return f"sending {fact.tag} began, attempt {fact.attempt}"
        case RefundSent():
            return f"the provider accepted {fact.tag} as {fact.refund_id}"
        case RefundAbandoned():
            return f"{fact.tag} is not sent: {shipped_texts().render(fact.reason)}"
        case RefundDeclined():
            return f"a person declined a refund for {fact.reason} ({fact.case_id})"
        case RefundTotalReported():
            return f"{money(fact.total_minor, fact.currency)} of {fact.charge_id} were refunded in all"
        case DisputeChanged():
            return f"dispute {fact.dispute_id} over {money(fact.amount_minor, fact.currency)} is {fact.state}"
        case ChargebackChanged():
            amount = money(fact.amount_minor, fact.currency)
            what = f"{fact.kind}{' reversal' if fact.is_reversal else ''} {fact.adjustment_id}"
            return f"{what} of {amount} is {fact.state}"
        case BalanceCredited():
            return f"{money(fact.amount_minor, fact.currency)} went to the buyer's balance ({fact.credit_id})"
        case MoneyLinked():
            return f"{fact.money_id} paid {money(fact.amount_minor)} of {fact.sale_id}"
        case ConsentChanged():
            what = "is complete" if fact.is_complete else "is not confirmed, or too late"
            return f"the consent of order {fact.order_id} {what}"
        case WithdrawalChanged():
            return f"the withdrawal {fact.case_id} {'stands' if fact.stands else 'was declined'}"
        case HoldLifted():
            return f"{fact.actor} lifted {fact.hold_id}"
        case AmountStated():
            return f"{fact.actor} stated {money(fact.amount_minor)} for {fact.subject}"
        case FraudWarned():
            return "the issuer warned of fraud"
        case ResolutionReported():
            return "the card network refunded the buyer"


def _runs(world: World) -> Iterator[Line]:
    for account_id, failed in world.failed_runs:
        words = f"run {failed.run_id} of {account_id} failed: {failed.credits:,} credits were returned"
        yield Line(failed.at, "run", words, frozenset({failed.run_id, f"run:{failed.run_id}"}))


def _cases(world: World) -> Iterator[Line]:
    for case in world.cases.values():
        yield from _case(case)


def _case(case: RefundCase) -> Iterator[Line]:
    ids = frozenset({case.case_id, case.payment_id, case.correlation_id})
    yield Line(case.opened_at, "case", f"{case.case_id}: a refund was requested for {case.reason}", ids)
    render = shipped_texts().render
    for change in case.history:
        words = f"{case.case_id}: {change.from_state} → {change.to_state} by {change.actor}: {render(change.cause)}"
        is_last = change is case.history[-1] and case.state.is_open
        yield Line(change.at, "case", words, ids, is_open=is_last)
    if case.decision and case.decided_at:
        decision = case.decision
        reasons = " ".join(shipped_texts().render_all(decision.reasons))
        words = f"{case.case_id}: rule {decision.rule}, clause {decision.clause}: {decision.outcome}. {reasons}"
        yield Line(case.decided_at, "case", words, ids)


def _acts(world: World) -> Iterator[Line]:
    for account_id, record in world.audit_records:
        yield _act(account_id, record)


def _act(account_id: str, record: AuditRecord) -> Line:
    words = f"{record.actor}: {record.action} {record.subject} of {account_id}: {record.reason}"
    return Line(record.at, "act", words, frozenset({record.subject}))


_MOVED: Mapping[EntryKind, str] = {
    EntryKind.GRANT: "granted",
    EntryKind.DRAW: "drawn",
    EntryKind.RETURN: "returned",
    EntryKind.CLAWBACK: "taken back, since money went back",
    EntryKind.RESTORE: "given back, since the money stayed",
    EntryKind.EXPIRE: "expired",
    EntryKind.FREEZE: "frozen by a dispute",
    EntryKind.THAW: "free again after a dispute",
    EntryKind.RESERVE: "reserved for an approved refund",
    EntryKind.RELEASE: "no longer reserved for a refund",
    EntryKind.ADJUST: "adjusted",
    EntryKind.RESCHEDULE: "given another expiry",
}


def _entries(world: World) -> Iterator[Line]:
    """Yield each account's entries in the order in which they are on its statement, with the balance after each."""
    for account_id in sorted({entry.account_id for entry in world.entries}):
        own = [entry for entry in world.entries if entry.account_id == account_id]
        balance = 0
        for entry in sorted(own, key=lambda entry: (entry.occurred_at.replace(microsecond=0), entry.number)):
            balance += entry.credits
            yield _entry(entry, balance)


def _entry(entry: Entry, balance: int) -> Line:
    words = f"lot {entry.lot_id}: {_MOVED[entry.kind]} ({entry.cause})"
    ids = frozenset({entry.entry_id, entry.cause, entry.correlation_id, entry.lot_id, entry.cause.removeprefix("run:")})
    return Line(entry.occurred_at, "entry", words, ids, entry.credits, balance)


def balance_in_words(world: World) -> list[str]:
    """Return for each account why its balance is what it is: the sums of its entries by kind."""
    sentences = []
    for account_id, account in sorted(world.accounts.items()):
        sums: dict[str, int] = {}
        for entry in world.entries:
            if entry.account_id == account_id and entry.credits:
                name = _MOVED[entry.kind].partition(",")[0]
                sums[name] = sums.get(name, 0) + entry.credits
        parts = " ".join(f"{'−' if total < 0 else '+'} {abs(total):,} {name}" for name, total in sums.items())
        sentences.append(f"{account_id} has {account.balance:,} credits: {parts.removeprefix('+ ') or 'no entry'}.")
        sentences += [
            f"It is suspended by {hold_id} since {_utc(hold.since)}." for hold_id, hold in account.holds.items()
        ]
        if account.shortfall:
            sentences.append(f"It owes {account.shortfall:,} credits that were used before their money went back.")
    return sentences


def as_json(lines: Iterable[Line]) -> list[dict[str, Any]]:
    """Return lines as plain data."""
    return [
        {
            "at": _utc(line.at),
            "kind": line.kind,
            "words": line.words,
            "credits": line.credits,
            "balance": line.balance,
            "is_open": line.is_open,
            "ids": sorted(line.ids | line.about),
        }
        for line in lines
    ]


def _utc(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
