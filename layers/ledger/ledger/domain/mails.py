"""Mails: what is to be sent to a customer, and the record of what was sent.

    use-case ──► mail intent in the list ──► leased, written out, sent ──► mail record, intent removed: one write

Both have the same id. It follows from what the mail is about, so that each mail is sent once.
"""

from datetime import datetime
from enum import StrEnum

from ledger.domain.ids import AccountId, OrderId, derived_id
from ledger.domain.records import record


class MailKind(StrEnum):
    """What a mail is about. `subject` of the mail is the id of that."""

    CONTRACT_CONFIRMATION = "contract_confirmation"  # an order that was paid: the contract, the consent, the rights
    WITHDRAWAL_INFORMATION = "withdrawal_information"  # late: the order, and the mail's number
    CASE_UPDATE = "case_update"  # a step of a refund case: `case_…/3`
    WITHDRAWAL_RECEIPT = "withdrawal_receipt"  # a withdrawal that was confirmed with a login: the case
    CANCELLATION_RECEIPT = "cancellation_receipt"  # a cancellation with a login: subscription, end and hour
    DECLARATION_RECEIPT = "declaration_receipt"  # a declaration without a login, to the address that it names
    DECLARATION_NOTICE = "declaration_notice"  # the same, to the address on file, which can approve it and object
    LOW_BALANCE = "low_balance"  # few credits are left: the account, and the lots that it had then
    RENEWAL_REMINDER = "renewal_reminder"  # of a plan: the order, what it is about and the day of that
    PRICE_CHANGE = "price_change"  # of a plan: the order, and the day from which on the terms count
    CREDIT_NOTE = "credit_note"  # of a refund: the account, and the number of the document
    CANCELLATION_CONFIRMED = "cancellation_confirmed"  # a declaration that ended renewals, to the address on file
    ACCOUNT_SUSPENDED = "account_suspended"  # the account's first hold: the account and its version
    ACCOUNT_ACTIVE = "account_active"  # the end of the account's last hold
    CREDITS_REPLACED = "credits_replaced"  # of an incident: its id, and the account
    REVIEW_RECEIVED = "review_received"  # a review by a person that was asked for: the declaration
    REVIEW_ANSWERED = "review_answered"  # the person's answer to it


RECEIPTS = frozenset({MailKind.WITHDRAWAL_RECEIPT, MailKind.CANCELLATION_RECEIPT, MailKind.DECLARATION_RECEIPT})
"""Kinds that acknowledge a declaration: sent under an identity of their own, as plain text without links."""

DOCUMENTS = RECEIPTS | {MailKind.CREDIT_NOTE}
"""Kinds that have the same text attached as a PDF."""


class MailOutcome(StrEnum):
    """How a mail ended."""

    SENT = "sent"  # it was accepted for delivery
    REFUSED = "refused"  # it was not accepted, and never will be
    OUTDATED = "outdated"  # a later mail about the same was due before this one was sent
    OFF = "off"  # this deployment sends no mails


@record(frozen=True, kw_only=True)
class MailIntent:
    """A mail that is to be sent. It stays in the list until its outcome is recorded."""

    kind: MailKind
    subject: str
    account_id: AccountId | None  # None: it goes to no account's address
    listed_at: datetime
    first_sent_at: datetime | None = None  # from then on it may have been sent
    leased_until: datetime | None = None  # until then one sender works on it, and no other may
    attempts: int = 0
    last_error: str = ""
    lacks_address: bool = False  # the account had no address at the latest attempt
    message_id: str | None = None  # the mail service's: it accepted the mail, and only what follows from that is left
    accepted_at: datetime | None = None
    language: str = ""
    body_sha256: str = ""  # of the text that was sent
    version: int = 0

    @property
    def mail_id(self) -> str:
        """Return the mail's id. The message carries it in a header and a tag: a repetition has the same."""
        return mail_id_of(self.kind, self.subject)


@record(frozen=True, kw_only=True)
class MailRecord:
    """The record of a mail. It contains neither the address nor what was written."""

    kind: MailKind
    subject: str
    account_id: AccountId | None
    listed_at: datetime
    outcome: MailOutcome
    ended_at: datetime  # SENT: when it was accepted for delivery
    message_id: str | None = None  # the mail service's
    language: str = ""
    body_sha256: str = ""  # of the text that was sent
    reason: str = ""  # REFUSED: the mail service's code
    failed_at: datetime | None = None  # when a bounce or a complaint was reported first
    failure: str = ""  # `bounce` or `complaint`; empty: none
    version: int = 0


def mail_id_of(kind: MailKind, subject: str) -> str:
    """Return the id of the mail of this kind about this subject: there is one."""
    return derived_id("mail", kind, subject)


def order_of(subject: str) -> OrderId:
    """Return the order that a confirmation, or information, is about. What tells several apart follows its id."""
    return OrderId(subject.partition("/")[0])
