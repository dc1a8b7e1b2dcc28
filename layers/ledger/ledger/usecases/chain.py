"""What is stored about an account, as lines: each says in words what happened, and because of what.

`billing why` and the API of support say the same, so the words are here once.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.conclusions import conclusion
from ledger.domain.disputes import awaits_evidence
from ledger.domain.entries import Entry, EntryKind
from ledger.domain.facts import (
    AmountStated,
    BalanceCredited,
    ChargebackChanged,
    ConsentChanged,
    CreditsReplaced,
    CustomerWrote,
    DisputeChanged,
    EvidenceState,
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
from ledger.domain.incidents import cause_of
from ledger.domain.money import format_amount
from ledger.domain.orders import Order
from ledger.domain.proposals import CREDITS
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt, RecordOutcome, Trigger
from ledger.domain.refund_cases import RefundCase
from ledger.domain.runs import FailedRun
from ledger.domain.subscriptions import Subscription
from ledger.domain.timeline import TimelineRow
from ledger.policy.texts import shipped_texts


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, in words."""

    at: datetime
    kind: str  # order, event, fact, run, entry, case, act, mail or look
    words: str
    ids: frozenset[str] = field(repr=False)  # what it names: two lines that share one belong together
    credits: int | None = None  # of an entry
    balance: int | None = None  # of an entry: the account's balance after it
    is_open: bool = False  # it waits for something: `words` say for what
    about: frozenset[str] = field(default=frozenset(), repr=False)  # what many have in common: it leads to no other


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


_RANKS = ("order", "event", "fact", "run", "act", "case", "entry", "mail")


def in_order(lines: Iterable[Line]) -> list[Line]:
    """Return lines in the order of time. Of one instant, causes come before what they led to.

    Those of a kind are given in the order in which they happened: it counts among those of one instant. Among the
    entries of one second it counts alone, since a provider reports whole seconds and our clock has more.
    """
    placed = []
    latest: datetime | None = None  # of the entries of one second
    for line in lines:
        at = line.at
        if line.kind == "entry":
            is_same = latest is not None and at.replace(microsecond=0) == latest.replace(microsecond=0)
            at = latest = max(at, latest) if is_same and latest else at
        placed.append((at, _RANKS.index(line.kind), line))
    return [line for *_, line in sorted(placed, key=lambda one: one[:2])]


def order_line(order: Order, payment_ids: Iterable[str]) -> Line:
    """Return the line of an order."""
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


OUTCOMES: Mapping[RecordOutcome, str] = {
    RecordOutcome.BOOKED: "booked",
    RecordOutcome.ALREADY_BOOKED: "nothing new: all of it was booked before",
    RecordOutcome.WAITING: "kept: its payment was not known yet",
    RecordOutcome.NOTED: "noted: it books nothing",
    RecordOutcome.PARKED: "parked",
    RecordOutcome.IGNORED: "ignored",
}
RELEASED_BY: Mapping[Trigger, str] = {
    Trigger.DEPLOYMENT: "a new catalogue, release or mode, or a person, releases it",
    Trigger.FACTS: "another event or order that says whose it is, or a person, releases it",
}


def receipt_line(receipt: Receipt) -> Line:
    """Return the line of an event that was received, with what releases it if it is parked."""
    words = f"event {receipt.cause} ({receipt.event_type}): {OUTCOMES[receipt.outcome]}"
    reason = receipt.parked_reason
    is_parked = receipt.outcome is RecordOutcome.PARKED and reason is not None
    if is_parked and reason:
        words += f", {reason}{f' ({receipt.detail})' if receipt.detail else ''}; {RELEASED_BY[reason.trigger]}"
    elif receipt.detail:
        words += f" ({receipt.detail})"
    if (receipt.received_at - receipt.occurred_at).total_seconds() >= _LATE_S:
        words += f"; received {_utc(receipt.received_at)}"
    about = frozenset({receipt.customer_id} if receipt.customer_id else ())
    ids = frozenset({receipt.cause, *receipt.facts})
    return Line(receipt.occurred_at, "event", words, ids, is_open=is_parked, about=about)


_LATE_S = 3600


def purchase_lines(purchase: Purchase) -> Iterator[Line]:
    """Yield a line for each fact of a purchase."""
    for key, fact in sorted(purchase.facts.items()):
        yield _fact(key, fact, purchase)


def subscription_line(subscription: Subscription) -> Line:
    """Return the line of a subscription's latest state."""
    words = f"subscription {subscription.subscription_id} to {subscription.product_id or 'an unknown plan'} is "
    words += f"{subscription.status}"
    if subscription.cancel_at:
        words += f", it ends {_utc(subscription.cancel_at)}"
    elif subscription.period_end:
        words += f", paid to {_utc(subscription.period_end)}"
    ids = frozenset({subscription.cause, subscription.subscription_id})
    return Line(subscription.at, "fact", words, ids, about=frozenset({subscription.account_id or ""}))


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
            words = f"dispute {fact.dispute_id} over {money(fact.amount_minor, fact.currency)} is {fact.state}"
            return words + _evidence(fact)
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
        case CreditsReplaced():
            return f"{fact.credits:,} credits were given instead of money ({fact.case_id})"
        case CustomerWrote():
            return f"the customer wrote to us about it ({fact.case_id})"
        case HoldLifted():
            return f"{fact.actor} lifted {fact.hold_id}"
        case AmountStated():
            return f"{fact.actor} stated {money(fact.amount_minor)} for {fact.subject}"
        case FraudWarned():
            return "the issuer warned of fraud"
        case ResolutionReported():
            return "the card network refunded the buyer"


def _evidence(dispute: DisputeChanged) -> str:
    """Return how far our answer to the bank is, and, while one is awaited, until when it is taken."""
    words = _EVIDENCE[dispute.evidence] if dispute.evidence else ""
    if awaits_evidence(dispute, conclusion(dispute)) and dispute.evidence_due_at:
        words += f"; the bank takes evidence until {_utc(dispute.evidence_due_at)}"
    return words


_EVIDENCE: Mapping[EvidenceState, str] = {
    EvidenceState.NONE: "; no evidence was handed in",
    EvidenceState.DRAFT: "; evidence is saved, and not handed in",
    EvidenceState.SUBMITTED: "; evidence was handed in",
}


def failed_run_line(account_id: str, failed: FailedRun) -> Line:
    """Return the line of a failed run."""
    words = f"run {failed.run_id} of {account_id} failed: {failed.credits:,} credits were returned"
    about = frozenset({failed.replaced_by} if failed.replaced_by else ())
    if failed.replaced_by:
        words += f", and replaced by {failed.replaced_by}"
    return Line(failed.at, "run", words, frozenset({failed.run_id, f"run:{failed.run_id}"}), about=about)


def case_lines(case: RefundCase) -> Iterator[Line]:
    """Yield a line for each step of a refund case, and one for its decision."""
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


def act_line(account_id: str, record: AuditRecord) -> Line:
    """Return the line of an act of support, with what it moved at most."""
    words = f"{record.actor}: {record.action} {record.subject} of {account_id}{_moved(record)}: {record.reason}"
    return Line(record.at, "act", words, frozenset({record.subject}))


_DONE = {
    AuditAction.ATTRIBUTE: "attributed",
    AuditAction.REPLAY: "tried again to book",
    AuditAction.DISMISS: "dismissed",
    AuditAction.MUTE: "muted",
    AuditAction.UNMUTE: "ended",
    AuditAction.CARRY_OUT: "had carried out",
    AuditAction.CLOSE: "closed",
    AuditAction.FORWARD: "passed on",
}


def subject_act_line(record: AuditRecord) -> Line:
    """Return the line of an act of support about what belongs to no account."""
    done = _DONE.get(record.action, record.action)
    words = f"{record.actor} {done} {record.subject}{_moved(record)}: {record.reason}"
    return Line(record.at, "act", words, frozenset({record.subject}))


def look_line(row: TimelineRow) -> Line:
    """Return the line of a look."""
    return Line(row.at, "look", f"{row.actor} looked at {row.subject}", frozenset({row.subject}))


def _moved(record: AuditRecord) -> str:
    if not record.amount:
        return ""
    is_money = record.unit not in {"", CREDITS}
    return f", {format_amount(record.amount, record.unit) if is_money else f'{record.amount:,} credits'}"


MOVED: Mapping[EntryKind, str] = {
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


def entry_line(entry: Entry, balance: int | None) -> Line:
    """Return the line of an entry, with the balance after it, if that is known."""
    moved = MOVED[entry.kind]
    if entry.cause.startswith(cause_of("")):
        moved = "granted, to replace the credits of runs that failed in an incident"
    words = f"lot {entry.lot_id}: {moved} ({entry.cause})"
    ids = frozenset({entry.entry_id, entry.cause, entry.correlation_id, entry.lot_id, entry.cause.removeprefix("run:")})
    return Line(entry.occurred_at, "entry", words, ids, entry.credits, balance)


def balance_in_words(account: Account, entries: Iterable[Entry]) -> list[str]:
    """Return why an account's balance is what it is: the sums of all its entries by kind."""
    sums: dict[str, int] = {}
    for entry in entries:
        if entry.credits:
            name = MOVED[entry.kind].partition(",")[0]
            sums[name] = sums.get(name, 0) + entry.credits
    return [f"{account.account_id} has {account.balance:,} credits: {_summed(sums)}.", *_what_else(account)]


def balance_of_lots_in_words(account: Account) -> list[str]:
    """Return why a balance is what it is by the lots that have credits left: what became of each. It reads no entry.

    The others have nothing left, so the sums are the balance.
    """
    lots = [lot for lot in account.lots.values() if lot.remaining]
    sums = {
        "granted": sum(lot.granted for lot in lots),
        "drawn": -sum(lot.drawn for lot in lots),
        "taken back": -sum(lot.refunded + lot.disputed for lot in lots),
        "expired": -sum(lot.expired for lot in lots),
    }
    of = "the lot that has" if len(lots) == 1 else f"the {len(lots):,} lots that have"
    figures = f"{_summed(sums)}, of {of} credits left. All other lots have none" if lots else "no lot has any left"
    return [f"{account.account_id} has {account.balance:,} credits: {figures}.", *_what_else(account)]


def _summed(sums: Mapping[str, int]) -> str:
    parts = " ".join(f"{'−' if total < 0 else '+'} {abs(total):,} {name}" for name, total in sums.items() if total)
    return parts.removeprefix("+ ") or "no entry"


def _what_else(account: Account) -> list[str]:
    """Return what beside the balance decides what can be spent."""
    sentences = [f"It is suspended by {hold_id} since {_utc(hold.since)}." for hold_id, hold in account.holds.items()]
    if account.shortfall:
        sentences.append(f"It owes {account.shortfall:,} credits that were used before their money went back.")
    return sentences


def mentions(value: object, text: str) -> bool:
    """Return whether a text occurs in a value as an id: it is not a part of a longer word."""
    written = value if isinstance(value, str) else json.dumps(value, default=str)
    return re.search(rf"(?<![\w-]){re.escape(text)}(?![\w-])", written) is not None


def _utc(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
