"""List mails that are to be sent: in the commit that gives the reason for them, so that none is lost."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.holds import Hold
from ledger.domain.ids import AccountId, OrderId, derived_id
from ledger.domain.mails import MailIntent, MailKind, mail_id_of
from ledger.domain.refund_cases import UNASKED_REASONS, CaseState, RefundCase, RefundReason, StateChange
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import AwaitedOrder, awaited_order_key, mail_intent_key, mail_record_key, sortable
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.transaction import commit_unread


def list_mail(kind: MailKind, subject: str, account_id: AccountId | None, now: datetime) -> DocumentChange:
    """Return the change that lists a mail. What it is about must be new in this commit: a mail is listed once."""
    intent = MailIntent(kind=kind, subject=subject, account_id=account_id, listed_at=now)
    return DocumentChange(mail_intent_key(intent.mail_id), intent)


def await_payment(order_id: OrderId, account_id: AccountId, placed_at: datetime) -> DocumentChange:
    """Return the change that lists a new order as one whose payment is awaited."""
    awaited = AwaitedOrder(order_id=order_id, account_id=account_id, since=placed_at)
    return DocumentChange(awaited_order_key(placed_at, order_id), awaited)


_WITH_MONEY = frozenset({CaseState.APPROVED, CaseState.ISSUED, CaseState.REFUNDED})


def step_name(change: StateChange, reason: RefundReason) -> str | None:
    """Return what a step of a case means to the customer. None: it is worth no mail.

    A withdrawal has a receipt of its own, and nobody asked for what a fraud warning or an inquiry opens. That a
    provider accepted a refund is not yet that it was made.
    """
    is_unasked = reason in {RefundReason.WITHDRAWAL, *UNASKED_REASONS}
    match change.to_state:
        case CaseState.REQUESTED:
            return None if is_unasked else "received"
        case CaseState.IN_REVIEW if change.from_state in _WITH_MONEY:
            return "failed"
        case CaseState.IN_REVIEW:
            return None if is_unasked else "review"
        case CaseState.DECLINED if reason in UNASKED_REASONS:
            return None
        case CaseState.APPROVED | CaseState.DECLINED | CaseState.REPLACED | CaseState.REFUNDED:
            return str(change.to_state)
    return None


def case_mails(case: RefundCase) -> Iterator[DocumentChange]:
    """Yield the change that lists the mail about the latest step of a case, which is new in this commit."""
    if case.history and step_name(case.history[-1], case.reason):
        change = case.history[-1]
        subject = f"{case.case_id}/{len(case.history)}"
        yield list_mail(MailKind.CASE_UPDATE, subject, case.account_id, change.at)


def hold_mails(account: Account, holds: Mapping[str, Hold | None], now: datetime) -> Iterator[DocumentChange]:
    """Yield the change that lists the mail about a suspension that begins or ends with these changes of holds.

    The account's version names it: each version of an account is written once.
    """
    after = {name for name, hold in {**account.holds, **holds}.items() if hold}
    if bool(after) != bool(account.holds):
        kind = MailKind.ACCOUNT_SUSPENDED if after else MailKind.ACCOUNT_ACTIVE
        yield list_mail(kind, f"{account.account_id}/{account.version}", account.account_id, now)


def low_balance_mails(account: Account, store: Store, now: datetime) -> Iterator[DocumentChange]:
    """Yield the change that lists the mail about a balance that gets low with a draw from this account.

    The lots name it. So there is one until credits are bought, however often a run fails and returns its credits. The
    commit must be under the account's version: no other draw lists the same mail.
    """
    lots = derived_id("lots", *sorted(account.lots))
    subject = f"{account.account_id}/{lots}"
    mail_id = mail_id_of(MailKind.LOW_BALANCE, subject)
    if not store.read(Keys(documents=frozenset({mail_intent_key(mail_id), mail_record_key(mail_id)}))).documents:
        yield list_mail(MailKind.LOW_BALANCE, subject, account.account_id, now)


def list_cancellation(
    subscription_id: str, ends_at: datetime | None, account_id: AccountId, store: Store, now: datetime
) -> None:
    """List the receipt of a cancellation. Repetitions within an hour have one. Raise StoreUnavailable."""
    end = sortable(ends_at) if ends_at else ""
    subject = f"{subscription_id}/{end}/{now:%Y-%m-%dT%H}"
    change = list_mail(MailKind.CANCELLATION_RECEIPT, subject, account_id, now)
    commit_unread(Commit(documents=(change,)), store, subject)  # what refuses it is the same receipt
