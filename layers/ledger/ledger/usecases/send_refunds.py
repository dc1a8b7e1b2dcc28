"""Send approved refunds to the provider: each once, whatever fails on the way.

intent in the outbox
  └► leased for a minute, to one sender
       └► looked up at the provider, unless it is new and was never tried
            ├► found, or sent now       RefundSent, case issued, intent removed: one write
            ├► refused, or not allowed  RefundAbandoned: its credits are released, a person decides
            │  (also: it ends a subscription, whose renewals go on)
            └► unclear                  the intent stays; the next attempt looks it up before sending

If several payments paid, the refund is sent in parts, each under its own tag, `<tag>/1`, `<tag>/2`, …: see `_parts`.
An attempt that breaks off between two parts leaves the intent. The next one finds what was sent, and sends the rest.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from ledger.domain.currencies import comparable
from ledger.domain.disputes import disputed
from ledger.domain.errors import ProviderRefused, ProviderUnavailable
from ledger.domain.facts import RefundAbandoned, RefundApproved, RefundAttempted, RefundPart, RefundSent, RefundState
from ledger.domain.ids import PaymentId, part_number, part_tag, provider_of
from ledger.domain.parts import own_left
from ledger.domain.purchases import duplicate_minor
from ledger.domain.records import record
from ledger.domain.refund_cases import BY_SENDER, CHARGED_TWICE, CaseState, RefundCase, case_id_of
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.refunds import (
    carried_tag,
    end_of,
    refunds_of,
    returned,
    share_of_items,
    split_over_lines,
    split_over_sources,
)
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
from ledger.usecases.transaction import CONFLICT, Retry, commit_unread, run_transaction

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


@record(frozen=True)
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
    found: tuple[SentRefund, ...] = ()
    if lease.may_have_been_sent:
        try:
            found = gateway.find_refunds(refund_to_send(lease.approval, lease.context))
        except (ProviderRefused, ProviderUnavailable) as error:
            # A refusal of the look-up says nothing about the refund, so the refund is not abandoned.
            _record_failed_attempt(lease.intent, str(error), store)
            return SendResult.UNCLEAR
        lease = _read_lease(lease.intent, store, clock())  # with what was recorded during the look-up
        if isinstance(lease, SendResult):
            return lease
        found = _with_reported(found, lease)
        if found and f"attempted:{tag}" not in lease.context.purchase.facts:
            _record_attempt(lease, found, [], store)
        if _is_whole(found, lease.approval):
            _record_sent(lease, found, store, clock())
            return SendResult.FOUND
    return _send(lease, found, gateway, store, clock)


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


def _send(
    lease: Lease, found: tuple[SentRefund, ...], gateway: Gateway, store: Store, clock: Callable[[], datetime]
) -> SendResult:
    """Send what the provider does not have yet. `found` are the parts that it has, if it has some but not all."""
    if obstacle := _obstacle(lease, found):
        _abandon(lease, found, obstacle, store, clock())
        return SendResult.ABANDONED
    sent = list(found)
    try:
        if obstacle := _stop_renewals(lease, gateway):
            _abandon(lease, found, obstacle, store, clock())
            return SendResult.ABANDONED
        parts = _parts(lease, found, gateway)
        _record_attempt(lease, found, parts, store)
        for part in parts:
            if lease.has_expired(clock()):
                return SendResult.LEASED
            sent.append(gateway.send_refund(part))
    except ProviderRefused as refusal:
        if refusal.code in TEMPORARY_REFUSALS:
            _record_failed_attempt(lease.intent, refusal.code, store)
            return SendResult.UNCLEAR
        reason = text("not_sent.provider_refused", code=refusal.code, message=str(refusal))
        _abandon(lease, sent, reason, store, clock())
        return SendResult.ABANDONED
    except ProviderUnavailable as error:
        _record_failed_attempt(lease.intent, str(error), store)
        return SendResult.UNCLEAR
    _record_sent(lease, sent, store, clock())
    return SendResult.SENT


def _parts(lease: Lease, found: tuple[SentRefund, ...], gateway: Gateway) -> list[RefundToSend]:
    """Return the requests that make up what is still to be sent: one, or one for each payment that must give a part.

        paid by     left    refund of 1,500 that was never tried    the same after `…/1` of 1,000 was found
        pi_1       1,000    `<tag>/1` of 1,000                      –
        pi_2         800    `<tag>/2` of 500                        `<tag>/2` of 500

    A payment that has enough left gives all of it. Otherwise the one with the most left gives first. One that paid for
    other sales too gives no more than is left of this one, unless there is no other way. Raise ProviderRefused if all
    of them together have too little left: then nothing is sent.
    """
    whole = refund_to_send(lease.approval, lease.context)
    sources = gateway.sources(whole)
    if not sources:
        return [whole]
    left_minor = whole.amount_minor - sum(part.amount_minor for part in found)
    provider, facts = provider_of(lease.context.payment.payment_id), lease.context.purchase.facts
    own = own_left(comparable(facts))
    at_provider = {one.source: one.left_minor for one in sources}
    of_sale = {name: min(minor, own.get(PaymentId(f"{provider}:{name}"), minor)) for name, minor in at_provider.items()}
    left = of_sale if sum(of_sale.values()) >= left_minor else at_provider
    shares = split_over_sources(left_minor, list(left.items()))
    if sum(share for _, share in shares) < left_minor:
        raise ProviderRefused("amount_too_large", "The payments of this purchase have less left than the refund needs.")
    if len(shares) == 1 and not found:
        return [replace(whole, source=shares[0][0])]
    first = max((part_number(part.tag) for part in found), default=0) + 1
    return [
        replace(
            whole,
            tag=part_tag(whole.tag, number),
            source=source,
            amount_minor=share_minor,
            items=share_of_items(whole.items, share_minor, whole.amount_minor),
            is_whole=False,
        )
        for number, (source, share_minor) in enumerate(shares, start=first)
    ]


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
    commit_unread(Commit(documents=(DocumentChange(intent_key(intent.tag), None),)), store, f"refund {intent.tag}")
    return SendResult.ENDED


def _with_reported(found: tuple[SentRefund, ...], lease: Lease) -> tuple[SentRefund, ...]:
    """Return what was found, and what the provider reported by notifications before its listing shows it."""
    facts = lease.context.purchase.facts
    reported = [
        SentRefund(
            refund_id=refund.refund_id,
            state=refund.state,
            tag=carried_tag(refund, facts) or "",
            amount_minor=refund.amount_minor,
        )
        for refund in refunds_of(lease.intent.tag, facts)
    ]
    return tuple({one.refund_id: one for one in (*reported, *found)}.values())


def _is_whole(found: tuple[SentRefund, ...], approval: RefundApproved) -> bool:
    """Return whether the provider has all of an approval: one refund under its own tag, or parts that add up to it."""
    if any(part_number(refund.tag) == 0 for refund in found):
        return True
    return sum(refund.amount_minor for refund in found) >= approval.amount_minor


def _obstacle(lease: Lease, found: tuple[SentRefund, ...]) -> Text | None:
    """Return what happened since the approval that forbids the refund: the bank has the money, or may return it.

    Of a duplicate charge, also that the other payments may not leave one whole price: see `duplicate_minor`. Of a
    refund in parts, also that a part failed. What the parts that were sent took is not counted against the rest.
    """
    purchase, payment = lease.context.purchase, lease.context.payment
    if disputed(purchase.facts, payment.payment_id).is_frozen:
        return text("not_sent.dispute_open")
    if failed := next((part for part in found if part.state in {RefundState.FAILED, RefundState.CANCELED}), None):
        return text("change.refund_ended", refund=failed.refund_id, state=failed.state)
    others = {key: fact for key, fact in purchase.facts.items() if key != lease.approval.key}
    before, amount_minor = replace(purchase, facts=others), lease.approval.amount_minor
    if not found and amount_minor > before.refundable_minor:
        return text("not_sent.exceeds_refundable")
    is_duplicate = lease.case.decision is not None and lease.case.decision.rule == CHARGED_TWICE
    if not found and is_duplicate and amount_minor > duplicate_minor(before, lease.context.other_payments):
        return text("not_sent.no_duplicate")
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


def _record_attempt(lease: Lease, found: Collection[SentRefund], parts: Collection[RefundToSend], store: Store) -> None:
    """Record that sending has begun: from now on the provider's running total may contain the refund.

    `found` was sent before.
    """
    approval, payment_id = lease.approval, lease.context.payment.payment_id
    before = lease.context.purchase.facts.get(f"attempted:{approval.tag}")
    known = {part.tag: part for part in before.parts} if isinstance(before, RefundAttempted) else {}
    sent = (known.get(one.tag) or RefundPart(tag=one.tag, amount_minor=one.amount_minor) for one in found)
    fact = RefundAttempted(
        tag=approval.tag,
        sale_id=payment_id,
        parts=(*sent, *(_part(part, provider_of(payment_id)) for part in parts)),
        at=lease.intent.first_sent_at or approval.at,
        cause=f"case:{lease.case.case_id}",
        attempt=lease.intent.attempts,
    )

    def record() -> Retry | None:
        case, context = read_case_context(lease.intent.account_id, lease.case.case_id, store)
        current = context.purchase.facts.get(fact.key)
        if isinstance(current, RefundAttempted) and current.parts == fact.parts:
            return None
        origin = Origin(fact.at, fact.cause, case.case_id)
        commit = plan_booking.plan_internal_fact([context.purchase.with_facts(fact)], context.known, origin)
        return CONFLICT if store.commit(commit) else None

    run_transaction(record, f"refund {fact.tag}")


def _part(part: RefundToSend, provider: str) -> RefundPart:
    money_id = PaymentId(f"{provider}:{part.source}") if part.source else None
    return RefundPart(tag=part.tag, amount_minor=part.amount_minor, money_id=money_id)


def _record_sent(lease: Lease, sent: Collection[SentRefund], store: Store, now: datetime) -> None:
    """Record that the provider has the refund. The case becomes refunded when the provider reports success."""
    ids = ", ".join(refund.refund_id for refund in sent)
    state = min((refund.state for refund in sent), key=lambda state: state.rank)
    cause = text("change.refund_accepted", refund=ids, state=state)
    _end_intent(lease, _sent_facts(lease, sent, now), CaseState.ISSUED, cause, store, now)


def _abandon(lease: Lease, sent: Collection[SentRefund], reason: Text, store: Store, now: datetime) -> None:
    """Record that the refund, or the rest of it, will not be sent: its credits are released, and a person decides."""
    tag, case_id = lease.approval.tag, lease.case.case_id
    fact = RefundAbandoned(tag=tag, reason=reason, at=now, cause=f"case:{case_id}")
    _end_intent(lease, [*_sent_facts(lease, sent, now), fact], CaseState.IN_REVIEW, reason, store, now)


def _sent_facts(lease: Lease, sent: Collection[SentRefund], now: datetime) -> list[RefundSent | RefundAbandoned]:
    cause = f"case:{lease.case.case_id}"
    return [
        RefundSent(tag=refund.tag or lease.approval.tag, refund_id=refund.refund_id, at=now, cause=cause)
        for refund in sent
    ]


def _end_intent(
    lease: Lease,
    facts: Collection[RefundSent | RefundAbandoned],
    state: CaseState,
    cause: Text,
    store: Store,
    now: datetime,
) -> None:
    """Write the facts, remove the intent, and change the case's state if it still waits for this intent."""
    tag = lease.approval.tag

    def end() -> Retry | None:
        case, context = read_case_context(lease.intent.account_id, lease.case.case_id, store)
        origin = Origin(now, f"case:{case.case_id}", case.case_id)
        commit = plan_booking.plan_internal_fact([context.purchase.with_facts(*facts)], context.known, origin)
        commit = with_documents(commit, DocumentChange(intent_key(tag), None))
        if case.state is CaseState.APPROVED and case.tag == tag:
            case = case.with_state(state, now, cause, BY_SENDER)
            if state is CaseState.IN_REVIEW:
                case, queued = queue_for_review(case, context.purchase, now)
                commit = with_documents(commit, queued)
            commit = with_case(case, commit, context.account)
        return CONFLICT if store.commit(commit) else None

    run_transaction(end, f"refund {tag}")


def _record_failed_attempt(intent: RefundIntent, error: str, store: Store) -> None:
    """Record the error. The lease goes on: the provider may list what was sent only after a delay."""
    failed = replace(intent, last_error=error)
    commit = Commit(documents=(DocumentChange(intent_key(intent.tag), failed, intent.version),))
    commit_unread(commit, store, f"refund {intent.tag}")
