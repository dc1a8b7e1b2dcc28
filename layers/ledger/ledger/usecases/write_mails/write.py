"""Write a mail: each kind by its writer."""

from collections.abc import Callable, Mapping

from ledger.domain.mails import DOCUMENTS, RECEIPTS, MailIntent, MailKind
from ledger.mails.letters import Letter
from ledger.mails.pdf import as_pdf
from ledger.mails.rendering import as_html, as_text
from ledger.ports.mailer import Attachment, Message
from ledger.usecases.write_mails.accounts import (
    write_account_active,
    write_account_suspended,
    write_credits_replaced,
    write_low_balance,
)
from ledger.usecases.write_mails.cases import write_case_update, write_credit_note, write_withdrawal_receipt
from ledger.usecases.write_mails.declarations import (
    write_cancellation_confirmed,
    write_cancellation_receipt,
    write_declaration_notice,
    write_declaration_receipt,
    write_review_answered,
    write_review_received,
)
from ledger.usecases.write_mails.desk import Desk, Written
from ledger.usecases.write_mails.orders import write_confirmation, write_withdrawal_information
from ledger.usecases.write_mails.plans import write_price_change, write_renewal_reminder


def write_mail(intent: MailIntent, desk: Desk) -> Message:
    """Return the message of an intent. Raise NoAddress, Outdated, Paced or StoreUnavailable."""
    to, letter = _LETTERS[intent.kind](intent, desk)
    is_receipt = intent.kind in RECEIPTS
    return Message(
        mail_id=intent.mail_id,
        to=to,
        subject=letter.subject,
        text=as_text(letter),
        html=None if is_receipt else as_html(letter, desk.house),
        language=letter.language,
        is_receipt=is_receipt,
        attachments=(_document(intent, letter, desk),) if intent.kind in DOCUMENTS else (),
    )


def _document(intent: MailIntent, letter: Letter, desk: Desk) -> Attachment:
    """Return a letter as a file that can be kept apart from the mail."""
    name = f"{intent.kind.replace('_', '-')}-{intent.mail_id.rpartition('_')[2][:8]}.pdf"
    return Attachment(name=name, content_type="application/pdf", content=as_pdf(letter, desk.house))


_LETTERS: Mapping[MailKind, Callable[[MailIntent, Desk], Written]] = {
    MailKind.CONTRACT_CONFIRMATION: write_confirmation,
    MailKind.WITHDRAWAL_INFORMATION: write_withdrawal_information,
    MailKind.CASE_UPDATE: write_case_update,
    MailKind.WITHDRAWAL_RECEIPT: write_withdrawal_receipt,
    MailKind.CANCELLATION_RECEIPT: write_cancellation_receipt,
    MailKind.DECLARATION_RECEIPT: write_declaration_receipt,
    MailKind.DECLARATION_NOTICE: write_declaration_notice,
    MailKind.ACCOUNT_SUSPENDED: write_account_suspended,
    MailKind.ACCOUNT_ACTIVE: write_account_active,
    MailKind.CREDITS_REPLACED: write_credits_replaced,
    MailKind.REVIEW_RECEIVED: write_review_received,
    MailKind.REVIEW_ANSWERED: write_review_answered,
    MailKind.CANCELLATION_CONFIRMED: write_cancellation_confirmed,
    MailKind.LOW_BALANCE: write_low_balance,
    MailKind.CREDIT_NOTE: write_credit_note,
    MailKind.RENEWAL_REMINDER: write_renewal_reminder,
    MailKind.PRICE_CHANGE: write_price_change,
}
