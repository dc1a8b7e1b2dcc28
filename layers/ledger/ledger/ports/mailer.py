"""The mailer: what hands a message to a mail service."""

from typing import Protocol

from ledger.domain.records import record


@record(frozen=True, kw_only=True)
class Attachment:
    """A file that is sent with a message."""

    name: str
    content_type: str
    content: bytes


@record(frozen=True, kw_only=True)
class Message:
    """One mail, as it is handed to the mail service. No field but the two bodies has a line break."""

    mail_id: str  # repeated with each attempt
    to: str
    subject: str
    text: str
    html: str | None  # None: plain text alone
    language: str
    is_receipt: bool  # it is sent under the identity of receipts
    attachments: tuple[Attachment, ...] = ()


class Mailer(Protocol):
    """Hands messages to a mail service."""

    def send(self, message: Message) -> str:
        """Hand over one message. Return the mail service's id of it: it was accepted for delivery.

        Raise MailRefused (it was not accepted, and a repetition is not either), MailUnavailable (it may have been
        accepted), or ConfigurationError (our account or our identity at the mail service is wrong).
        """
