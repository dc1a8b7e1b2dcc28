"""The lines of what is stored about an account: each says in words what happened, and because of what.

`billing why` and the API of support say the same, so the words are here once.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

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
from ledger.domain.incidents import LOTS, cause_of
from ledger.domain.mails import MailKind, MailOutcome, MailRecord
from ledger.domain.money import format_amount
from ledger.domain.orders import Order
from ledger.domain.proposals import CREDITS
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import Receipt, RecordOutcome, Trigger
from ledger.domain.refund_cases import CaseState, DecisionOutcome, RefundCase
from ledger.domain.runs import FailedRun
from ledger.domain.subscriptions import Subscription
from ledger.domain.texts import Text, text
from ledger.domain.timeline import TimelineRow
from ledger.policy.texts import shipped_texts
from ledger.usecases.chain import Line


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


def receipt_line(receipt: Receipt, *names: str) -> Line:
    """Return the line of an event that was received, with what releases it if it is parked.

    `names`: what it names beside its payment and its customer.
    """
    words = f"event {receipt.cause} ({receipt.event_type}): {OUTCOMES[receipt.outcome]}"
    reason = receipt.parked_reason
    is_parked = receipt.outcome is RecordOutcome.PARKED and reason is not None
    if is_parked and reason:
        detail = f" ({receipt.detail})" if receipt.detail else ""
        words += f", {in_words(reason)}{detail}; {RELEASED_BY[reason.trigger]}"
    elif receipt.detail:
        words += f" ({receipt.detail})"
    if (receipt.received_at - receipt.occurred_at).total_seconds() >= _LATE_S:
        words += f"; received {in_utc(receipt.received_at)}"
    about = frozenset({*names, *((receipt.customer_id,) if receipt.customer_id else ())})
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
    words += in_words(subscription.status)
    if subscription.cancel_at:
        words += f", it ends {in_utc(subscription.cancel_at)}"
    elif subscription.period_end:
        words += f", paid to {in_utc(subscription.period_end)}"
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
            return f"refund {fact.refund_id} of {money(fact.amount_minor, fact.currency)} is {in_words(fact.state)}{by}"
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
            return f"a person declined a refund, {in_words(fact.reason)} ({fact.case_id})"
        case RefundTotalReported():
            return f"{money(fact.total_minor, fact.currency)} of {fact.charge_id} were refunded in all"
        case DisputeChanged():
            words = (
                f"dispute {fact.dispute_id} over {money(fact.amount_minor, fact.currency)} is {in_words(fact.state)}"
            )
            return words + _evidence(fact)
        case ChargebackChanged():
            amount = money(fact.amount_minor, fact.currency)
            what = f"{in_words(fact.kind)}{' reversal' if fact.is_reversal else ''} {fact.adjustment_id}"
            return f"{what} of {amount} is {in_words(fact.state)}"
        case BalanceCredited():
            return f"{money(fact.amount_minor, fact.currency)} went to the buyer's balance ({fact.credit_id})"
        case MoneyLinked():
            return f"{fact.money_id} paid {money(fact.amount_minor)} of {fact.sale_id}"
        case ConsentChanged():
            what = "is complete" if fact.is_complete else "is not confirmed, or too late"
            return f"the consent of order {fact.order_id} {what}"
        case WithdrawalChanged():
            return f"the withdrawal {fact.case_id} {'counts' if fact.stands else 'was declined'}"
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
        words += f"; the bank takes evidence until {in_utc(dispute.evidence_due_at)}"
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
    yield Line(case.opened_at, "case", f"{case.case_id}: a refund was requested, {in_words(case.reason)}", ids)
    for change in case.history:
        step = f"{_STEPS[change.to_state]}, by {actor_in_words(change.actor)}"
        is_last = change is case.history[-1] and case.state.is_open
        words = f"{case.case_id}: {step}. {cause_in_words(change.cause)}"
        yield Line(change.at, "case", words, ids, is_open=is_last)
    if case.decision and case.decided_at:
        decision = case.decision
        reasons = " ".join(shipped_texts().render_all(decision.reasons))
        by = f"by {rule_in_words(decision.rule)}, clause {decision.clause}"
        words = f"{case.case_id}: the decision {by}: {_DECISIONS[decision.outcome]}. {reasons}"
        yield Line(case.decided_at, "case", words, ids)


_STEPS: Mapping[CaseState, str] = {
    CaseState.DECLARED: "declared, and not confirmed yet",
    CaseState.REQUESTED: "its decision waits",
    CaseState.IN_REVIEW: "sent to a person",
    CaseState.APPROVED: "refund approved",
    CaseState.ISSUED: "refund on its way",
    CaseState.REFUNDED: "refunded",
    CaseState.DECLINED: "declined",
    CaseState.REPLACED: "replaced with credits",
}
_DECISIONS: Mapping[DecisionOutcome, str] = {
    DecisionOutcome.APPROVE: "refund",
    DecisionOutcome.REPLACE: "replace with credits",
    DecisionOutcome.DECLINE: "decline",
    DecisionOutcome.REVIEW: "a person decides",
    DecisionOutcome.WAIT: "wait",
}
_ACTORS = {"policy": "the policy", "provider": "the provider", "send_refunds": "the system"}


def in_words(code: str) -> str:
    """Return a code as words."""
    return code.replace("_", " ")


def actor_in_words(actor: str) -> str:
    """Return who changed a case: a person's id, or which part of the system."""
    return _ACTORS.get(actor, actor)


def rule_in_words(rule: str) -> str:
    """Return what decided a case: the policy's rule, or the person."""
    kind, _, person = rule.partition(":")
    return person if kind == "person" and person else f"the rule “{in_words(rule)}”"


def cause_in_words(cause: Text) -> str:
    """Return why a case changed its state."""
    if cause.key == "change.decided":
        figures = {figure.name: figure.value for figure in cause.figures}
        cause = text("change.decided", rule=rule_in_words(str(figures["rule"])), clause=figures["clause"])
    return shipped_texts().render(cause)


def mail_words(record: MailRecord) -> str:
    """Return what a mail told the customer, and how it ended."""
    words = f"mail about {record.subject.partition('/')[0]}: {_MAILS[record.kind]}; {_MAIL_OUTCOMES[record.outcome]}"
    return words + (f", then a {record.failure} was reported" if record.failure else "")


_MAILS: Mapping[MailKind, str] = {
    MailKind.CONTRACT_CONFIRMATION: "confirmation of the contract, with the consent",
    MailKind.WITHDRAWAL_INFORMATION: "information about the right of withdrawal",
    MailKind.CASE_UPDATE: "what became of the request, and why",
    MailKind.WITHDRAWAL_RECEIPT: "receipt of the withdrawal",
    MailKind.CANCELLATION_RECEIPT: "receipt of the cancellation",
    MailKind.DECLARATION_RECEIPT: "receipt of a declaration without a login",
    MailKind.DECLARATION_NOTICE: "notice of a declaration that was sent in the customer's name",
    MailKind.LOW_BALANCE: "few credits are left",
    MailKind.RENEWAL_REMINDER: "reminder of a renewal",
    MailKind.PRICE_CHANGE: "notice of a new price",
    MailKind.CREDIT_NOTE: "document of a refund",
    MailKind.CANCELLATION_CONFIRMED: "confirmation that renewals have ended",
    MailKind.ACCOUNT_SUSPENDED: "the account was suspended, and why",
    MailKind.ACCOUNT_ACTIVE: "the account is active again",
    MailKind.CREDITS_REPLACED: "credits of failed runs were replaced",
    MailKind.REVIEW_RECEIVED: "receipt of the request for a review",
    MailKind.REVIEW_ANSWERED: "answer to the request for a review",
}
_MAIL_OUTCOMES: Mapping[MailOutcome, str] = {
    MailOutcome.SENT: "accepted for delivery",
    MailOutcome.REFUSED: "not accepted for delivery",
    MailOutcome.OUTDATED: "not sent, since a later one says more",
    MailOutcome.OFF: "not sent, since mails are off",
}


def act_line(account_id: str, record: AuditRecord) -> Line:
    """Return the line of an act of support, with what it moved at most."""
    done = _DONE[record.action]
    words = f"{record.actor} {done} {record.subject} of {account_id}{_moved(record)}: {record.reason}"
    return Line(record.at, "act", words, frozenset({record.subject}))


_DONE: Mapping[AuditAction, str] = {
    AuditAction.HOLD: "suspended by",
    AuditAction.LIFT: "lifted",
    AuditAction.APPROVE: "approved a refund in",
    AuditAction.REPLACE: "gave credits in",
    AuditAction.DECLINE: "declined",
    AuditAction.STATE_AMOUNT: "stated the amount of",
    AuditAction.ADJUST: "booked the adjustment",
    AuditAction.REPLACE_RUNS: "replaced failed runs by",
    AuditAction.INFORM: "asked for the mail about withdrawal from",
    AuditAction.PROPOSE: "proposed",
    AuditAction.CONFIRM: "confirmed",
    AuditAction.REJECT: "rejected",
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
    words = f"{record.actor} {_DONE[record.action]} {record.subject}{_moved(record)}: {record.reason}"
    return Line(record.at, "act", words, frozenset({record.subject}))


def look_line(row: TimelineRow) -> Line:
    """Return the line of a look."""
    return Line(row.at, "look", f"{row.actor} looked at {row.subject}", frozenset({row.subject}))


def _moved(record: AuditRecord) -> str:
    if not record.amount:
        return ""
    is_money = record.unit not in {"", CREDITS}
    return f", {format_amount(record.amount, record.unit) if is_money else in_credits(record.amount)}"


MOVED: Mapping[EntryKind, str] = {
    EntryKind.GRANT: "granted",
    EntryKind.DRAW: "drawn",
    EntryKind.RETURN: "returned",
    EntryKind.CLAWBACK: "taken back, since money went back",
    EntryKind.RESTORE: "given back, since the money stayed",
    EntryKind.EXPIRE: "expired",
    EntryKind.FREEZE: "frozen by a dispute",
    EntryKind.THAW: "free again after a dispute",
    EntryKind.RESERVE: "reserved for a refund",
    EntryKind.RELEASE: "no longer reserved for a refund",
    EntryKind.ADJUST: "adjusted",
    EntryKind.RESCHEDULE: "given another expiry",
}


def names_of_lots(purchases: Iterable[Purchase]) -> Mapping[str, str]:
    """Return what was bought, for each lot of these purchases. Payments for the same have the same lots: the original's
    counts.
    """
    payments = sorted(filter(None, (one.payment for one in purchases)), key=lambda payment: payment.precedence)
    return {
        payment.lot_id(position): f"{in_credits(line.credits)} of {payment.at:%-d %b %Y}, {_price(payment)}"
        for payment in reversed(payments)
        for position, line in enumerate(payment.lines)
    }


def _price(payment: PaymentSettled) -> str:
    return format_amount(payment.paid_minor, payment.currency)


def entry_line(entry: Entry, balance: int | None, names: Mapping[str, str]) -> Line:
    """Return the line of an entry, with the balance after it, if that is known. `names`: see `names_of_lots`."""
    moved = MOVED[entry.kind]
    if entry.cause.startswith(cause_of("")):
        moved = "granted, to replace the credits of runs that failed in an incident"
    given = "given credits" if entry.lot_id.startswith(LOTS) else f"lot {entry.lot_id}"
    words = f"{names.get(entry.lot_id, given)}: {moved} ({entry.cause})"
    ids = frozenset({entry.entry_id, entry.cause, entry.correlation_id, entry.lot_id, entry.cause.removeprefix("run:")})
    return Line(entry.occurred_at, "entry", words, ids, entry.credits, balance, entry.lot_id)


def in_credits(count: int) -> str:
    """Return a number of credits with its unit."""
    return f"{count:,} credit{'' if count == 1 else 's'}"


def in_utc(at: datetime) -> str:
    """Return a time as a person reads it, in UTC."""
    return f"{at.astimezone(UTC):%-d %b %Y, %H:%M} UTC"
