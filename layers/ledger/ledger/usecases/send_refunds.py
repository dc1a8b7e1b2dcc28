"""Sending approved refunds to the provider: each once, whatever fails on the way.

intent ──► taken (a minute, by one sender) ──► looked for at the provider, if it may have been sent before
   ──► sent ──► RefundSent, case issued, intent gone: one write
   ├─ refused clearly, or a dispute came first ──► RefundAbandoned: credits released, a person decides
   └─ unclear ──► stays in the outbox; the next try looks before it sends
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ledger.domain.disputes import disputed
from ledger.domain.errors import ProviderRefused, ProviderUnavailable, StoreUnavailable
from ledger.domain.facts import RefundAbandoned, RefundApproved, RefundChanged, RefundSent, facts_of
from ledger.domain.ids import provider_of
from ledger.domain.refund_cases import CaseState, RefundCase, case_id_of
from ledger.domain.refund_intents import RefundIntent
from ledger.domain.refunds import end_of, refunded, split_over_lines, tag_of
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import intent_key
from ledger.ports.gateway import Gateway, RefundToSend, SentRefund
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases import plan_booking
from ledger.usecases.plan_booking import Origin
from ledger.usecases.refund_cases.cases import queue_for_review, with_case
from ledger.usecases.refund_cases.context import CaseContext, read_case_context
from ledger.usecases.refund_cases.follow_refunds import follow
from ledger.usecases.transaction import ATTEMPTS, attempts

LEASE_DURATION = timedelta(seconds=60)
"""How long one sender has an intent for itself: longer than any function runs, so that two never send at once."""

TEMPORARY_REFUSALS = frozenset({"adjustment_pending_refund_request"})
"""Refusals that pass: another refund of the payment is under way. Any other refusal is final."""


class SendResult(StrEnum):
    """What became of an intent."""

    SENT = "sent"
    FOUND = "found"  # an earlier try had sent it
    ABANDONED = "abandoned"
    GONE = "gone"  # it had come to an end before
    TAKEN = "taken"  # another sender is at work
    UNCLEAR = "unclear"  # tried again later


@dataclass(frozen=True, slots=True)
class _Lease:
    """An intent that is ours for a while, and what it is about."""

    intent: RefundIntent
    case: RefundCase
    context: CaseContext
    approval: RefundApproved

    @property
    def may_have_been_sent(self) -> bool:
        """An earlier try may have reached the provider."""
        return self.intent.attempts > 1


def send_refund(
    tag: str, store: Store, gateway_of: Callable[[str], Gateway], *, clock: Callable[[], datetime]
) -> SendResult:
    """Send one approved refund. Safe to call again and at once: it is sent once, or a person is asked.

    Raises StoreUnavailable; then the next try looks at the provider before it sends.
    """
    taken = _acquire_lease(tag, store, clock)
    if isinstance(taken, SendResult):
        return taken
    gateway = gateway_of(provider_of(taken.context.payment.payment_id))
    if taken.may_have_been_sent:
        try:
            found = gateway.find_refund(refund_to_send(taken.approval, taken.context))
        except (ProviderRefused, ProviderUnavailable) as last_error:
            _record_failed_attempt(
                taken.intent, str(last_error), store
            )  # nobody knows whether it was sent: it is not given up
            return SendResult.UNCLEAR
        taken = _read(taken.intent, store, clock())  # with what was heard while we looked
        if isinstance(taken, SendResult):
            return taken
        if found := found or _reported_refund(taken):
            _record_sent(taken, found, store, clock())
            return SendResult.FOUND
    if obstacle := _obstacle(taken):
        _abandon(taken, obstacle, store, clock())
        return SendResult.ABANDONED
    try:
        _stop_renewals(taken, gateway)
        if taken.intent.leased_until and taken.intent.leased_until <= clock():
            return SendResult.TAKEN  # we were held up for so long that another sender may be at work
        sent = gateway.send_refund(refund_to_send(taken.approval, taken.context))
    except ProviderRefused as refusal:
        if refusal.code in TEMPORARY_REFUSALS:
            _record_failed_attempt(taken.intent, refusal.code, store)
            return SendResult.UNCLEAR
        _abandon(taken, f"{refusal.code}: {refusal}", store, clock())
        return SendResult.ABANDONED
    except ProviderUnavailable as last_error:
        _record_failed_attempt(taken.intent, str(last_error), store)
        return SendResult.UNCLEAR
    _record_sent(taken, sent, store, clock())
    return SendResult.SENT


def refund_to_send(approval: RefundApproved, context: CaseContext) -> RefundToSend:
    """An approval as its provider is to carry it out."""
    payment, purchase = context.payment, context.purchase
    before = refunded(purchase.facts)
    return RefundToSend(
        tag=approval.tag,
        names=purchase.names,
        amount_minor=approval.amount_minor,
        currency=payment.currency,
        items=approval.items or split_over_lines(approval.amount_minor, payment, before),
        is_whole=approval.amount_minor == payment.paid_minor and before.total_minor == 0,
        is_duplicate_charge=purchase.is_duplicate,
    )


def _acquire_lease(tag: str, store: Store, clock: Callable[[], datetime]) -> _Lease | SendResult:
    """Make the intent ours, or say why not."""
    for _ in attempts():
        intent = store.read(Keys(documents=frozenset({intent_key(tag)}))).document(intent_key(tag), RefundIntent)
        now = clock()
        if intent is None:
            return SendResult.GONE
        if intent.leased_until and intent.leased_until > now:
            return SendResult.TAKEN
        mine = replace(
            intent,
            first_sent_at=intent.first_sent_at or now,
            leased_until=now + LEASE_DURATION,
            attempts=intent.attempts + 1,
        )
        if store.commit(Commit(documents=(DocumentChange(intent_key(tag), mine, intent.version),))) is None:
            # Read once it is ours, so that nothing is missed that was heard before.
            return _read(replace(mine, version=intent.version + 1), store, now)
    raise _overtaken(tag)


def _read(intent: RefundIntent, store: Store, now: datetime) -> _Lease | SendResult:
    """What an intent is about, as it stands now. One whose approval has ended leaves the outbox, with its case."""
    case, context = read_case_context(intent.account_id, case_id_of(intent.tag), store)
    approval = context.purchase.facts.get(f"approved:{intent.tag}")
    if isinstance(approval, RefundApproved) and end_of(intent.tag, context.purchase.facts) is None:
        return _Lease(intent, case, context, approval)
    follow(intent.payment_id, store, now=now)
    store.commit(Commit(documents=(DocumentChange(intent_key(intent.tag), None),)))
    return SendResult.GONE


def _reported_refund(taken: _Lease) -> SentRefund | None:
    """The refund, if the provider has told us about it before it answered us."""
    facts = taken.context.purchase.facts
    refunds = (refund for refund in facts_of(facts, RefundChanged) if tag_of(refund, facts) == taken.intent.tag)
    return next((SentRefund(refund_id=refund.refund_id, state=refund.state) for refund in refunds), None)


def _obstacle(taken: _Lease) -> str | None:
    """What came after the approval and forbids to send it: the bank has the money, or may yet give it back."""
    purchase, payment = taken.context.purchase, taken.context.payment
    if disputed(purchase.facts, payment.payment_id).is_frozen:
        return "a dispute of the payment is open"
    others = {key: fact for key, fact in purchase.facts.items() if key != taken.approval.key}
    if taken.approval.amount_minor > replace(purchase, facts=others).refundable_minor:
        return "more has gone back meanwhile than this refund leaves room for"
    return None


def _stop_renewals(taken: _Lease, gateway: Gateway) -> None:
    """A refund does not end its subscription: that is asked for besides, and before. Twice does no harm."""
    subscription_id = taken.context.payment.subscription_id
    if subscription_id and taken.case.decision and taken.case.decision.ends_subscription:
        try:
            gateway.stop_renewals(subscription_id)
        except ProviderRefused:
            return  # it has ended already


def _record_sent(taken: _Lease, sent: SentRefund, store: Store, now: datetime) -> None:
    """The provider has it: write it down. The case settles when the provider's webhook says so."""
    tag = taken.approval.tag
    for _ in attempts():
        case, context = read_case_context(taken.intent.account_id, case_id_of(tag), store)
        fact = RefundSent(tag=tag, refund_id=sent.refund_id, at=now, cause=f"case:{case.case_id}")
        commit = plan_booking.plan_internal_fact(
            context.purchase.with_facts(fact), context.known, Origin(now, fact.cause, case.case_id)
        )
        commit = replace(commit, documents=(DocumentChange(intent_key(tag), None),))
        if case.state is CaseState.APPROVED and case.tag == tag:
            case = case.with_state(CaseState.ISSUED, now, f"the provider has it as {sent.refund_id}, {sent.state}")
            commit = with_case(case, commit, context.account)
        if store.commit(commit) is None:
            return
    raise _overtaken(tag)


def _abandon(taken: _Lease, reason: str, store: Store, now: datetime) -> None:
    """It will not be sent: its credits are released, and a person decides anew."""
    tag = taken.approval.tag
    for _ in attempts():
        case, context = read_case_context(taken.intent.account_id, case_id_of(tag), store)
        fact = RefundAbandoned(tag=tag, reason=reason, at=now, cause=f"case:{case.case_id}")
        commit = plan_booking.plan_internal_fact(
            context.purchase.with_facts(fact), context.known, Origin(now, fact.cause, case.case_id)
        )
        commit = replace(commit, documents=(DocumentChange(intent_key(tag), None),))
        if case.state is CaseState.APPROVED and case.tag == tag:
            case = case.with_state(CaseState.IN_REVIEW, now, f"the refund was not sent: {reason}")
            commit = with_case(
                case, replace(commit, documents=(*commit.documents, queue_for_review(case, now))), context.account
            )
        if store.commit(commit) is None:
            return
    raise _overtaken(tag)


def _record_failed_attempt(intent: RefundIntent, last_error: str, store: Store) -> None:
    """Note the trouble. The intent stays taken for its minute: what was sent may show at the provider with a delay."""
    store.commit(
        Commit(
            documents=(DocumentChange(intent_key(intent.tag), replace(intent, last_error=last_error), intent.version),)
        )
    )


def _overtaken(tag: str) -> StoreUnavailable:
    return StoreUnavailable(f"refund {tag}: overtaken {ATTEMPTS} times by other writers")
