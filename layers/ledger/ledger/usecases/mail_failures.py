"""Record that a mail came back, or was reported as spam.

record of the mail   when and how it failed, the first time
contact              its address fails, if it is the one that the mail went to: no mail is sent to it any more
contract's consent   a confirmation that came back is none: what is unused is locked again
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from ledger.domain.contacts import Contact
from ledger.domain.errors import RequestRefused, StoreUnavailable
from ledger.domain.ids import AccountId
from ledger.domain.mails import MailKind, MailRecord, order_of
from ledger.domain.records import record
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import contact_key, mail_record_key
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.consents import revoke_confirmation
from ledger.usecases.late_information import record_information_returned
from ledger.usecases.transaction import CONFLICT, Retry, run_transaction


class Failure(StrEnum):
    """How a mail failed."""

    BOUNCE = "bounce"  # it came back for good
    COMPLAINT = "complaint"  # it was delivered, and reported as spam


@record(frozen=True, kw_only=True)
class FailureReport:
    """What the mail service reports on a mail that it had accepted."""

    mail_id: str
    message_id: str
    failure: Failure
    addresses: tuple[str, ...]  # to which it was not delivered, or that reported it
    at: datetime


def record_failure(report: FailureReport, store: Store) -> MailRecord:
    """Record a failure, and what follows from it. A repetition changes nothing.

    Raise StoreUnavailable also if the mail's record is not written yet: the report may come before it.
    """
    record = run_transaction(lambda: _record(report, store), f"mail {report.mail_id}")
    if record.account_id:
        account_id = record.account_id
        run_transaction(lambda: _mark_contact(account_id, report, store), f"mail {report.mail_id}")
    if record.kind is MailKind.CONTRACT_CONFIRMATION and report.failure is Failure.BOUNCE:
        with suppress(RequestRefused):  # the order has no consent
            revoke_confirmation(order_of(record.subject), report.message_id, store, report.at)
    if record.kind is MailKind.WITHDRAWAL_INFORMATION and report.failure is Failure.BOUNCE:
        record_information_returned(record.subject, store, report.at)
    return record


def _record(report: FailureReport, store: Store) -> MailRecord | Retry:
    key = mail_record_key(report.mail_id)
    record = store.read(Keys(documents=frozenset({key}))).document(key, MailRecord)
    if record is None:
        raise StoreUnavailable(f"The mail {report.mail_id} is not recorded yet.")
    if record.failed_at:
        return record
    failed = replace(record, failed_at=report.at, failure=str(report.failure))
    return CONFLICT if store.commit(Commit(documents=(DocumentChange(key, failed, record.version),))) else failed


def _mark_contact(account_id: AccountId, report: FailureReport, store: Store) -> Contact | Retry | None:
    key = contact_key(account_id)
    contact = store.read(Keys(documents=frozenset({key}))).document(key, Contact)
    if contact is None or contact.failing_since or not _is_among(contact.email, report.addresses):
        return contact
    failing = replace(contact, failing_since=report.at, failure=str(report.failure))
    return CONFLICT if store.commit(Commit(documents=(DocumentChange(key, failing, contact.version),))) else failing


def _is_among(email: str, addresses: Collection[str]) -> bool:
    return email.casefold() in {address.casefold() for address in addresses}
