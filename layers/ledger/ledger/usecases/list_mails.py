"""List mails that are to be sent: in the commit that gives the reason for them, so that none is lost."""

from datetime import datetime

from ledger.domain.ids import AccountId, OrderId
from ledger.domain.mails import MailIntent, MailKind
from ledger.ports.commit import DocumentChange
from ledger.ports.documents import AwaitedOrder, awaited_order_key, mail_intent_key


def list_mail(kind: MailKind, subject: str, account_id: AccountId | None, now: datetime) -> DocumentChange:
    """Return the change that lists a mail. What it is about must be new in this commit: a mail is listed once."""
    intent = MailIntent(kind=kind, subject=subject, account_id=account_id, listed_at=now)
    return DocumentChange(mail_intent_key(intent.mail_id), intent)


def await_payment(order_id: OrderId, account_id: AccountId, placed_at: datetime) -> DocumentChange:
    """Return the change that lists a new order as one whose payment is awaited."""
    awaited = AwaitedOrder(order_id=order_id, account_id=account_id, since=placed_at)
    return DocumentChange(awaited_order_key(placed_at, order_id), awaited)
