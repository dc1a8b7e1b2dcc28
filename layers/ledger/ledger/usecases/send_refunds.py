"""Send approved refunds to the provider: each once, whatever fails on the way.

intent in the outbox
  └► leased for a minute, to one sender
       └► looked up at the provider, unless it is new and was never tried
            ├► found, or sent now       RefundSent, case issued, intent removed: one write
            ├► refused, or not allowed  RefundAbandoned: its credits are released, a person decides
            │  (also: it ends a subscription, whose renewals go on)
            └► unclear                  the intent stays; the next attempt looks it up before sending
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ledger.domain.disputes import disputed
from ledger.domain.errors import ProviderRefused, ProviderUnavailable
from ledger.domain.facts import RefundAbandoned, RefundApproved, RefundChanged, RefundSent, facts_of
from ledger.domain.ids import provider_of
from ledger.domain.refund_cases import BY_SENDER, CaseState, RefundCase, case_id_of
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.refunds import end_of, returned, split_over_lines, tag_of
from ledger.domain.subscriptions import SubscriptionStatus
from ledger.domain.texts import Text, text
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import intent_key
from ledger.ports.gateway import Gateway, RefundToSend, SentRefund
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases import plan_booking
from ledger.usecases.plan_booking import Origin
from ledger.usecases.refund_cases.cases import queue_for_review, with_case, with_documents
from ledger.usecases.refund_cases.context import CaseContext, read_case_context
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction

LEASE_DURATION = timedelta(seconds=60)
"""How long one sender has an intent to itself. Longer than any function runs, so that two senders never overlap."""

NEW_FOR = timedelta(minutes=10)
"""How long after its approval an intent that was never tried is sent without a look-up.

An older one may be of a restored table: it was sent after the time to which the table was restored.
"""

TEMPORARY_REFUSALS = frozenset({"adjustment_pending_refund_request"})
"""Refusals that pass: another refund of the payment is pending. Any other refusal is final."""


class SendResult(StrEnum):
    """What happened to an intent."""

    SENT = "sent"
    FOUND = "found"  # an earlier attempt had sent it
    ABANDONED = "abandoned"
    ENDED = "ended"  # its approval had ended before, or it does not exist
    LEASED = "leased"  # another sender works on it
    UNCLEAR = "unclear"  # a later attempt finds out


@dataclass(frozen=True, slots=True)
class Lease:
    """An intent that this sender has to itself until `intent.leased_until`, with its case and purchase."""

    intent: RefundIntent
    case: RefundCase
    context: CaseContext
    approval: RefundApproved

    @property
    def may_have_been_sent(self) -> bool:
        """Whether the provider may have the refund: after an earlier attempt, or by what a restored table forgot."""
        intent = self.intent
        is_new = intent.first_sent_at is not None and intent.first_sent_at - intent.approved_at <= NEW_FOR
        return intent.attempts > 1 or not is_new

    def has_expired(self, now: datetime) -> bool:
        """Whether another sender may work on the intent now."""
        return self.intent.leased_until is not None and self.intent.leased_until <= now


def send_refund(
    tag: str, store: Store, gateway_of: Callable[[str], Gateway], *, clock: Callable[[], datetime]
) -> SendResult:
    """Send one approved refund. It is sent once, however often and by however many senders this is called.

    Raise StoreUnavailable: the next attempt looks the refund up at the provider before it sends it.
    """
    lease = _acquire_lease(tag, store, clock)
    if isinstance(lease, SendResult):
        return lease
    gateway = gateway_of(provider_of(lease.context.payment.payment_id))
    if lease.may_have_been_sent:
        try:
            found = gateway.find_refund(refund_to_send(lease.approval, lease.context))
        except (ProviderRefused, ProviderUnavailable) as error:
            # A refusal of the look-up says nothing about the refund, so the refund is not abandoned.
            _record_failed_attempt(lease.intent, str(error), store)
            return SendResult.UNCLEAR
        lease = _read_lease(lease.intent, store, clock())  # with what was recorded during the look-up
        if isinstance(lease, SendResult):
            return lease
        if found := found or _reported_refund(lease):
            _record_sent(lease, found, store, clock())
            return SendResult.FOUND
    return _send(lease, gateway, store, clock)


def refund_to_send(approval: RefundApproved, context: CaseContext) -> RefundToSend:
    """Return an approval as the request to its provider."""
    payment, purchase = context.payment, context.purchase
    before = returned(purchase.facts)
    return RefundToSend(
        tag=approval.tag,
        names=purchase.names,
        amount_minor=approval.amount_minor,
        currency=payment.currency,
        items=approval.items or split_over_lines(approval.amount_minor, payment, before),
        is_whole=approval.amount_minor == payment.paid_minor and not before,
        is_duplicate_charge=purchase.is_duplicate,
    )


def _send(lease: Lease, gateway: Gateway, store: Store, clock: Callable[[], datetime]) -> SendResult:
    if obstacle := _obstacle(lease):
        _abandon(lease, obstacle, store, clock())
        return SendResult.ABANDONED
    try:
        if obstacle := _stop_renewals(lease, gateway):
            _abandon(lease, obstacle, store, clock())
            return SendResult.ABANDONED
        if lease.has_expired(clock()):
            return SendResult.LEASED
        sent = gateway.send_refund(refund_to_send(lease.approval, lease.context))
    except ProviderRefused as refusal:
        if refusal.code in TEMPORARY_REFUSALS:
            _record_failed_attempt(lease.intent, refusal.code, store)
            return SendResult.UNCLEAR
        reason = text("not_sent.provider_refused", code=refusal.code, message=str(refusal))
        _abandon(lease, reason, store, clock())
        return SendResult.ABANDONED
    except ProviderUnavailable as error:
        _record_failed_attempt(lease.intent, str(error), store)
        return SendResult.UNCLEAR
    _record_sent(lease, sent, store, clock())
    return SendResult.SENT


def _acquire_lease(tag: str, store: Store, clock: Callable[[], datetime]) -> Lease | SendResult:
    """Lease the intent, then read what it is about, so that everything recorded before the lease is included."""

    def acquire() -> tuple[RefundIntent | SendResult, datetime] | Retry:
        key, now = intent_key(tag), clock()
        intent = store.read(Keys(documents=frozenset({key}))).document(key, RefundIntent)
        if intent is None:
            return SendResult.ENDED, now
        if intent.leased_until and intent.leased_until > now:
            return SendResult.LEASED, now
        leased = replace(
            intent,
            first_sent_at=intent.first_sent_at or now,
            leased_until=now + LEASE_DURATION,
            attempts=intent.attempts + 1,
        )
        if store.commit(Commit(documents=(DocumentChange(key, leased, intent.version),))):
            return CONFLICT
        return replace(leased, version=intent.version + 1), now

    result, leased_at = run_transaction(acquire, f"refund {tag}")
    return result if isinstance(result, SendResult) else _read_lease(result, store, leased_at)


def _read_lease(intent: RefundIntent, store: Store, now: datetime) -> Lease | SendResult:
    """Return what a leased intent is about, as it is now. If its approval has ended, remove it and return ENDED."""
    case, context = read_case_context(intent.account_id, case_id_of(intent.tag), store)
    approval = context.purchase.facts.get(f"approved:{intent.tag}")
    if isinstance(approval, RefundApproved) and end_of(intent.tag, context.purchase.facts) is None:
        return Lease(intent, case, context, approval)
    follow(intent.payment_id, store, now=now)
    store.commit(Commit(documents=(DocumentChange(intent_key(intent.tag), None),)))
    return SendResult.ENDED


def _reported_refund(lease: Lease) -> SentRefund | None:
    """Return the refund if the provider reported it by a notification before it answered our request."""
    facts = lease.context.purchase.facts
    refunds = (refund for refund in facts_of(facts, RefundChanged) if tag_of(refund, facts) == lease.intent.tag)
    return next((SentRefund(refund_id=refund.refund_id, state=refund.state) for refund in refunds), None)


def _obstacle(lease: Lease) -> Text | None:
    """Return what happened since the approval that forbids the refund: the bank has the money, or may return it."""
    purchase, payment = lease.context.purchase, lease.context.payment
    if disputed(purchase.facts, payment.payment_id).is_frozen:
        return text("not_sent.dispute_open")
    others = {key: fact for key, fact in purchase.facts.items() if key != lease.approval.key}
    if lease.approval.amount_minor > replace(purchase, facts=others).refundable_minor:
        return text("not_sent.exceeds_refundable")
    return None


def _stop_renewals(lease: Lease, gateway: Gateway) -> Text | None:
    """Stop the subscription's renewals first if the decision says so: a refund does not stop them. Idempotent.

    Return why they go on: then the refund is not sent, and a person ends the subscription. None: nothing is charged
    again, as the provider says.
    """
    subscription_id = lease.context.payment.subscription_id
    if subscription_id is None or lease.case.decision is None or not lease.case.decision.ends_subscription:
        return None
    try:
        state = gateway.stop_renewals(subscription_id)
    except ProviderRefused as refusal:
        reported = lease.context.account.subscriptions.get(subscription_id)
        if reported and reported.status is SubscriptionStatus.ENDED:
            return None
        return text("not_sent.renewals_not_stopped", code=refusal.code, message=str(refusal))
    return None if state.is_stopped else text("not_sent.renewals_go_on")


def _record_sent(lease: Lease, sent: SentRefund, store: Store, now: datetime) -> None:
    """Record that the provider has the refund. The case becomes refunded when the provider reports success."""
    tag, case_id = lease.approval.tag, lease.case.case_id
    fact = RefundSent(tag=tag, refund_id=sent.refund_id, at=now, cause=f"case:{case_id}")
    cause = text("change.refund_accepted", refund=sent.refund_id, state=sent.state)
    _end_intent(lease, fact, CaseState.ISSUED, cause, store, now)


def _abandon(lease: Lease, reason: Text, store: Store, now: datetime) -> None:
    """Record that the refund will not be sent: its credits are released, and a person decides."""
    tag, case_id = lease.approval.tag, lease.case.case_id
    fact = RefundAbandoned(tag=tag, reason=reason, at=now, cause=f"case:{case_id}")
    _end_intent(lease, fact, CaseState.IN_REVIEW, reason, store, now)


def _end_intent(
    lease: Lease, fact: RefundSent | RefundAbandoned, state: CaseState, cause: Text, store: Store, now: datetime
) -> None:
    """Write the fact, remove the intent, and change the case's state if it still waits for this intent."""
    tag = lease.approval.tag

    def end() -> Retry | None:
        case, context = read_case_context(lease.intent.account_id, lease.case.case_id, store)
        origin = Origin(now, fact.cause, case.case_id)
        commit = plan_booking.plan_internal_fact([context.purchase.with_facts(fact)], context.known, origin)
        commit = with_documents(commit, DocumentChange(intent_key(tag), None))
        if case.state is CaseState.APPROVED and case.tag == tag:
            case = case.with_state(state, now, cause, BY_SENDER)
            if state is CaseState.IN_REVIEW:
                commit = with_documents(commit, queue_for_review(case, now))
            commit = with_case(case, commit, context.account)
        return CONFLICT if store.commit(commit) else None

    run_transaction(end, f"refund {tag}")


def _record_failed_attempt(intent: RefundIntent, error: str, store: Store) -> None:
    """Record the error. The lease goes on: the provider may list what was sent only after a delay."""
    failed = replace(intent, last_error=error)
    store.commit(Commit(documents=(DocumentChange(intent_key(intent.tag), failed, intent.version),)))
