"""Amazon SES: hands messages to the mail service.

A message is sent by one call without a retry: SES has no key that makes a repetition harmless, so whoever calls decides
whether to repeat it. Mails and receipts have an identity and a configuration set each: what is abused of one does not
stop the other.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import botocore.exceptions

from ledger.domain.errors import MailRefused, MailUnavailable
from ledger.domain.records import record
from ledger.ports.mailer import Message
from ledger.usecases.mail_failures import Failure, FailureReport

REFUSED = frozenset({"BadRequestException"})
"""Errors of a message that no repetition sends: its address is none. Any other passes, or we mend it."""

MAIL_ID = "X-Billing-Mail"
"""The header that carries the mail's id. A tag of the same content is in what SES reports on the mail."""


@record(frozen=True, kw_only=True)
class Sender:
    """Under which identity mails are sent."""

    address: str  # `Image Tagger AI <billing@example.com>`
    configuration_set: str


class Ses:
    """The mail service of a deployment: see `ledger.ports.mailer.Mailer`."""

    def __init__(self, client: Callable[[], Any], *, mails: Sender, receipts: Sender, reply_to: str) -> None:
        self._client = client
        self._mails = mails
        self._receipts = receipts
        self._reply_to = reply_to

    def send(self, message: Message) -> str:
        """Send one message. Return the id that SES gave it."""
        sender = self._receipts if message.is_receipt else self._mails
        try:
            response = self._client().send_email(
                FromEmailAddress=sender.address,
                Destination={"ToAddresses": [message.to]},
                ReplyToAddresses=[self._reply_to],
                Content={"Simple": _content(message)},
                EmailTags=[{"Name": "mail_id", "Value": message.mail_id}],
                ConfigurationSetName=sender.configuration_set,
            )
        except botocore.exceptions.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in REFUSED:
                raise MailRefused(code) from error
            raise MailUnavailable(code) from error
        except botocore.exceptions.BotoCoreError as error:
            raise MailUnavailable(type(error).__name__) from error
        return str(response["MessageId"])


def _content(message: Message) -> dict[str, Any]:
    def text(data: str) -> dict[str, str]:
        return {"Data": data, "Charset": "UTF-8"}

    body = {"Text": text(message.text)} | ({"Html": text(message.html)} if message.html else {})
    content: dict[str, Any] = {
        "Subject": text(message.subject),
        "Body": body,
        "Headers": [
            {"Name": MAIL_ID, "Value": message.mail_id},
            {"Name": "Content-Language", "Value": message.language},
            {"Name": "Auto-Submitted", "Value": "auto-generated"},
        ],
    }
    if message.attachments:
        content["Attachments"] = [
            {
                "FileName": one.name,
                "ContentType": one.content_type,
                "RawContent": one.content,
                "ContentDisposition": "ATTACHMENT",
                "ContentTransferEncoding": "BASE64",
            }
            for one in message.attachments
        ]
    return content


REPORTS = {"Email Bounced": Failure.BOUNCE, "Email Complaint Received": Failure.COMPLAINT}
"""The kinds of events in which SES reports a failure, on the account's own bus."""


def read_report(delivered: Mapping[str, Any]) -> FailureReport | None:
    """Return the failure in an event of SES. None: it is none that counts, or it is about no mail of ours.

    A bounce that is not permanent may still be delivered. Raise ValueError for an event that this release can't read.
    """
    failure = REPORTS.get(str(delivered.get("detail-type")))
    try:
        detail = delivered["detail"]
        mail_ids = detail["mail"].get("tags", {}).get("mail_id") or []
        if failure is None or not mail_ids:
            return None
        if failure is Failure.BOUNCE:
            told, people = detail["bounce"], detail["bounce"]["bouncedRecipients"]
            if told["bounceType"] != "Permanent":
                return None
        else:
            told, people = detail["complaint"], detail["complaint"]["complainedRecipients"]
        return FailureReport(
            mail_id=str(mail_ids[0]),
            message_id=str(detail["mail"]["messageId"]),
            failure=failure,
            addresses=tuple(str(one["emailAddress"]) for one in people),
            at=datetime.fromisoformat(told["timestamp"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"no report of SES that can be read: {type(error).__name__}") from error
