"""Sending approved refunds to the provider: each once, whatever fails on the way.

intent ──► taken (a minute, by one sender) ──► looked for at the provider, if it may have been sent before
   ──► sent ──► RefundSent, case issued, intent gone: one write
   ├─ refused clearly, or a dispute came first ──► RefundAbandoned: credits released, a person decides
   └─ unclear ──► stays in the outbox; the next try looks before it sends
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ledger import booking
from ledger.cases import CaseState, Intent, RefundCase, case_of
from ledger.casework import filed, follow, queued
from ledger.disputes import disputed
from ledger.dossiers import Dossier, read_dossier
from ledger.errors import ProviderRefused, ProviderUnavailable, StoreUnavailable
from ledger.facts import RefundAbandoned, RefundApproved, RefundChanged, RefundSent, facts_of
from ledger.lookup import ATTEMPTS, attempts
from ledger.ports import Commit, DocumentChange, Gateway, Keys, RefundToSend, SentRefund, Store, intent_place
from ledger.refunds import end_of, refunded, split, tag_of

TAKEN_FOR = timedelta(seconds=60)
"""How long one sender has an intent for itself: longer than any function runs, so that two never send at once."""

BUSY = frozenset({"adjustment_pending_refund_request"})
"""Refusals that pass: another refund of the payment is under way. Any other refusal is final."""


class Issued(StrEnum):
    """What became of an intent."""

    SENT = "sent"
    FOUND = "found"  # an earlier try had sent it
    ABANDONED = "abandoned"
    GONE = "gone"  # it had come to an end before
    TAKEN = "taken"  # another sender is at work
    UNCLEAR = "unclear"  # tried again later


@dataclass(frozen=True, slots=True)
class _Taken:
    """An intent that is ours for a while, and what it is about."""

    intent: Intent
    case: RefundCase
    dossier: Dossier
    approval: RefundApproved

    @property
    def may_be_sent(self) -> bool:
        """An earlier try may have reached the provider."""
        return self.intent.attempts > 1


def issue(tag: str, store: Store, gateway_of: Callable[[str], Gateway], *, clock: Callable[[], datetime]) -> Issued:
    """Send one approved refund. Safe to call again and at once: it is sent once, or a person is asked.

    Raises StoreUnavailable; then the next try looks at the provider before it sends.
    """
    taken = _take(tag, store, clock)
    if isinstance(taken, Issued):
        return taken
    gateway = gateway_of(taken.dossier.payment.payment_id.partition(":")[0])
    if taken.may_be_sent:
        try:
            found = gateway.find_refund(to_send(taken.approval, taken.dossier))
        except (ProviderRefused, ProviderUnavailable) as trouble:
            _put_back(taken.intent, str(trouble), store)  # nobody knows whether it was sent: it is not given up
            return Issued.UNCLEAR
        taken = _read(taken.intent, store, clock())  # with what was heard while we looked
        if isinstance(taken, Issued):
            return taken
        if found := found or _heard(taken):
            _sent(taken, found, store, clock())
            return Issued.FOUND
    if obstacle := _obstacle(taken):
        _abandon(taken, obstacle, store, clock())
        return Issued.ABANDONED
    try:
        _stop_renewals(taken, gateway)
        if taken.intent.taken_until and taken.intent.taken_until <= clock():
            return Issued.TAKEN  # we were held up for so long that another sender may be at work
        sent = gateway.send_refund(to_send(taken.approval, taken.dossier))
    except ProviderRefused as refusal:
        if refusal.code in BUSY:
            _put_back(taken.intent, refusal.code, store)
            return Issued.UNCLEAR
        _abandon(taken, f"{refusal.code}: {refusal}", store, clock())
        return Issued.ABANDONED
    except ProviderUnavailable as trouble:
        _put_back(taken.intent, str(trouble), store)
        return Issued.UNCLEAR
    _sent(taken, sent, store, clock())
    return Issued.SENT


def outbox(store: Store) -> Iterator[Intent]:
    """Every intent that has not come to its end."""
    after = None
    while True:
        page = store.documents("OUTBOX", "INTENT#", 100, after)
        yield from (intent for intent in page.items if isinstance(intent, Intent))
        if (after := page.next) is None:
            return


def to_send(approval: RefundApproved, dossier: Dossier) -> RefundToSend:
    """An approval as its provider is to carry it out."""
    payment, purchase = dossier.payment, dossier.purchase
    before = refunded(purchase.facts)
    return RefundToSend(
        tag=approval.tag,
        names=purchase.names,
        amount_minor=approval.amount_minor,
        currency=payment.currency,
        items=approval.items or split(approval.amount_minor, payment, before),
        is_whole=approval.amount_minor == payment.paid_minor and before.total_minor == 0,
        is_duplicate_charge=purchase.is_duplicate,
    )


def _take(tag: str, store: Store, clock: Callable[[], datetime]) -> _Taken | Issued:
    """Make the intent ours, or say why not."""
    for _ in attempts():
        intent = store.read(Keys(documents=frozenset({intent_place(tag)}))).document(intent_place(tag), Intent)
        now = clock()
        if intent is None:
            return Issued.GONE
        if intent.taken_until and intent.taken_until > now:
            return Issued.TAKEN
        mine = replace(
            intent,
            first_sent_at=intent.first_sent_at or now,
            taken_until=now + TAKEN_FOR,
            attempts=intent.attempts + 1,
        )
        if store.commit(Commit(documents=(DocumentChange(intent_place(tag), mine, intent.version),))) is None:
            # Read once it is ours, so that nothing is missed that was heard before.
            return _read(replace(mine, version=intent.version + 1), store, now)
    raise _overtaken(tag)


def _read(intent: Intent, store: Store, now: datetime) -> _Taken | Issued:
    """What an intent is about, as it stands now. One whose approval has ended leaves the outbox, with its case."""
    case, dossier = read_dossier(intent.account_id, case_of(intent.tag), store)
    approval = dossier.purchase.facts.get(f"approved:{intent.tag}")
    if isinstance(approval, RefundApproved) and end_of(intent.tag, dossier.purchase.facts) is None:
        return _Taken(intent, case, dossier, approval)
    follow(intent.payment_id, store, now=now)
    store.commit(Commit(documents=(DocumentChange(intent_place(intent.tag), None),)))
    return Issued.GONE


def _heard(taken: _Taken) -> SentRefund | None:
    """The refund, if the provider has told us about it before it answered us."""
    facts = taken.dossier.purchase.facts
    refunds = (refund for refund in facts_of(facts, RefundChanged) if tag_of(refund, facts) == taken.intent.tag)
    return next((SentRefund(refund_id=refund.refund_id, state=refund.state) for refund in refunds), None)


def _obstacle(taken: _Taken) -> str | None:
    """What came after the approval and forbids to send it: the bank has the money, or may yet give it back."""
    purchase, payment = taken.dossier.purchase, taken.dossier.payment
    if disputed(purchase.facts, payment.payment_id).is_frozen:
        return "a dispute of the payment is open"
    others = {key: fact for key, fact in purchase.facts.items() if key != taken.approval.key}
    if taken.approval.amount_minor > replace(purchase, facts=others).refundable_minor:
        return "more has gone back meanwhile than this refund leaves room for"
    return None


def _stop_renewals(taken: _Taken, gateway: Gateway) -> None:
    """A refund does not end its subscription: that is asked for besides, and before. Twice does no harm."""
    subscription_id = taken.dossier.payment.subscription_id
    if subscription_id and taken.case.decision and taken.case.decision.ends_subscription:
        try:
            gateway.stop_renewals(subscription_id)
        except ProviderRefused:
            return  # it has ended already


def _sent(taken: _Taken, sent: SentRefund, store: Store, now: datetime) -> None:
    """The provider has it: write it down. The case settles when the provider's webhook says so."""
    tag = taken.approval.tag
    for _ in attempts():
        case, dossier = read_dossier(taken.intent.account_id, case_of(tag), store)
        fact = RefundSent(tag=tag, refund_id=sent.refund_id, at=now, cause=f"case:{case.case_id}")
        commit = booking.plan_ours(dossier.purchase.heard(fact), dossier.known, fact.cause, now)
        commit = replace(commit, documents=(DocumentChange(intent_place(tag), None),))
        if case.state is CaseState.APPROVED and case.tag == tag:
            case = case.moved(CaseState.ISSUED, now, f"the provider has it as {sent.refund_id}, {sent.state}")
            commit = filed(case, commit, dossier.account)
        if store.commit(commit) is None:
            return
    raise _overtaken(tag)


def _abandon(taken: _Taken, reason: str, store: Store, now: datetime) -> None:
    """It will not be sent: its credits are released, and a person decides anew."""
    tag = taken.approval.tag
    for _ in attempts():
        case, dossier = read_dossier(taken.intent.account_id, case_of(tag), store)
        fact = RefundAbandoned(tag=tag, reason=reason, at=now, cause=f"case:{case.case_id}")
        commit = booking.plan_ours(dossier.purchase.heard(fact), dossier.known, fact.cause, now)
        commit = replace(commit, documents=(DocumentChange(intent_place(tag), None),))
        if case.state is CaseState.APPROVED and case.tag == tag:
            case = case.moved(CaseState.IN_REVIEW, now, f"the refund was not sent: {reason}")
            commit = filed(case, replace(commit, documents=(*commit.documents, queued(case, now))), dossier.account)
        if store.commit(commit) is None:
            return
    raise _overtaken(tag)


def _put_back(intent: Intent, trouble: str, store: Store) -> None:
    """Note the trouble. The intent stays taken for its minute: what was sent may show at the provider with a delay."""
    store.commit(
        Commit(documents=(DocumentChange(intent_place(intent.tag), replace(intent, trouble=trouble), intent.version),))
    )


def _overtaken(tag: str) -> StoreUnavailable:
    return StoreUnavailable(f"refund {tag}: overtaken {ATTEMPTS} times by other writers")
