"""Late information: mail what an order should have shown about the right of withdrawal.

Who was not informed has 12 months more to withdraw. Who is informed within these has 14 days from then (Directive
2011/83/EU, article 10(2)):

    support asks for it ──► mail listed ──► accepted for delivery: the 14 days run from then
                 ▲                           └► it came back: the longer period holds again ─┐
                 └────────────────────────── another address, another mail ◄─────────────────┘

All of it stands on the order. The right is the contract's: it reaches each payment, also those that come later.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from ledger.domain.audit import AuditAction, AuditRecord
from ledger.domain.errors import NotFound, RequestRefused
from ledger.domain.ids import AccountId, OrderId
from ledger.domain.mails import MailIntent, MailKind, MailOutcome, MailRecord, mail_id_of, order_of
from ledger.domain.orders import LateInformation, Order
from ledger.domain.records import record
from ledger.policy.parameters import PolicyParameters
from ledger.policy.withdrawal import may_be_informed
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import audit_key, mail_intent_key, mail_record_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.list_mails import list_mail
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction


@record(frozen=True)
class LateInformationAsked:
    """The order's latest mail, and whether this request asked for it."""

    mail: LateInformation
    is_new: bool


def ask_for_information(
    order_id: OrderId,
    account_id: AccountId,
    actor: str,
    store: Store,
    policy: PolicyParameters,
    *,
    why: str,
    now: datetime,
) -> LateInformationAsked:
    """List the mail that informs the buyer of a paid order, as the support person `actor`.

    While one waits to be sent, or has informed the buyer, a repetition changes nothing. Raise NotFound if the
    account has no such order, RequestRefused if its buyer was shown the right, if no country of the buyer's gives one,
    or if the order is not paid or is older than 12 months: then the information ends nothing sooner.
    """
    key = f"order/{order_id}"

    def attempt() -> LateInformationAsked | Retry:
        known = store.read(Keys(fulfilment_keys=frozenset({key})))
        order, paid = known.order(order_id), known.fulfilment_keys.get(key)
        if order is None or paid is None or order.account_id != account_id:
            raise NotFound(f"The account {account_id} has no order {order_id}.")
        if order.shown_at:
            raise RequestRefused(f"The buyer was shown the right of withdrawal at {order.shown_at:%Y-%m-%d %H:%M} UTC.")
        if paid.payment_id is None:
            raise RequestRefused(f"Order {order_id} is not paid: there is no contract to withdraw from.")
        latest = max(order.late_information, key=lambda one: one.number, default=None)
        if latest and not _has_failed(latest, order_id, store):
            return LateInformationAsked(latest, is_new=False)
        home = store.read(Keys(payments=frozenset({paid.payment_id}))).home_of(paid.payment_id)
        payment = home.payment if home else None
        if payment is None:
            return CONFLICT
        if reason := may_be_informed(order, payment.billing_country, payment.at, now, policy):
            raise RequestRefused(reason)
        mail = LateInformation(number=latest.number + 1 if latest else 1, asked_at=now)
        record = AuditRecord(
            actor=actor, action=AuditAction.INFORM, subject=order_id, reason=why, at=now, step=order.version
        )
        documents = (
            list_mail(MailKind.WITHDRAWAL_INFORMATION, _subject(order_id, mail), order.account_id, now),
            DocumentChange(audit_key(order.account_id, record), record),
        )
        commit = Commit(order=order.with_late_information(mail), documents=documents)
        return LateInformationAsked(mail, is_new=True) if store.commit(commit) is None else CONFLICT

    return run_transaction(attempt, f"order {order_id}")


def record_information_sent(subject: str, message_id: str, store: Store, at: datetime) -> Order:
    """Record that a mail was accepted for delivery. Return the order. The first time stands."""

    def sent(mail: LateInformation) -> LateInformation:
        return mail if mail.sent_at else replace(mail, sent_at=at, message_id=message_id)

    return _change(subject, sent, store)


def record_information_returned(subject: str, store: Store, at: datetime) -> Order:
    """Record that a mail came back, also if its acceptance is not recorded yet. Return the order.

    A mail may have been sent twice. If one of the two came back, nothing proves that the other one arrived.
    """
    return _change(subject, lambda mail: mail if mail.returned_at else replace(mail, returned_at=at), store)


def mail_of(subject: str, order: Order) -> LateInformation | None:
    """Return the mail of an order that a mail's subject names."""
    number = subject.rpartition("/")[2]
    return next((one for one in order.late_information if str(one.number) == number), None)


def _change(subject: str, change: Callable[[LateInformation], LateInformation], store: Store) -> Order:
    order_id = order_of(subject)

    def attempt() -> Order | Retry:
        order = store.read(Keys(fulfilment_keys=frozenset({f"order/{order_id}"}))).order(order_id)
        mail = mail_of(subject, order) if order else None
        if order is None or mail is None:
            raise NotFound(f"There is no order with a mail {subject}.")
        changed = order.with_late_information(change(mail))
        if changed == order:
            return order
        return changed if store.commit(Commit(order=changed)) is None else CONFLICT

    return run_transaction(attempt, f"order {order_id}")


def _subject(order_id: OrderId, mail: LateInformation) -> str:
    return f"{order_id}/{mail.number}"


def _has_failed(mail: LateInformation, order_id: OrderId, store: Store) -> bool:
    """Return whether a mail informs nobody, and never will: it came back, or ended without being sent."""
    if mail.returned_at or mail.sent_at:
        return mail.returned_at is not None
    mail_id = mail_id_of(MailKind.WITHDRAWAL_INFORMATION, _subject(order_id, mail))
    intent_key, record_key = mail_intent_key(mail_id), mail_record_key(mail_id)
    known = store.read(Keys(documents=frozenset({intent_key, record_key})))
    record = known.document(record_key, MailRecord)
    return known.document(intent_key, MailIntent) is None and (record is None or record.outcome is not MailOutcome.SENT)
