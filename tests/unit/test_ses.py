"""What SES is asked, and what its answers mean."""

from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber

from ledger.domain.errors import MailRefused, MailUnavailable
from ledger.ports.mailer import Attachment, Message
from ledger.ses import Sender, Ses, read_report
from ledger.usecases.mail_failures import Failure

MESSAGE = Message(
    mail_id="mail_1",
    to="ada@example.com",
    subject="Grüße",
    text="Hallo",
    html="<p>Hallo</p>",
    language="de",
    is_receipt=False,
)


class Client:
    """A client of SES that answers one call."""

    def __init__(self, answer: Exception | None = None) -> None:
        self.calls: list[dict[str, Any]] = []
        self._answer = answer

    def send_email(self, **request: Any) -> dict[str, str]:
        self.calls.append(request)
        if self._answer:
            raise self._answer
        return {"MessageId": "0100-1"}


def ses(client: Any) -> Ses:
    """The mail service over this client."""
    return Ses(
        lambda: client,
        mails=Sender(address="Shop <shop@example.com>", configuration_set="mails"),
        receipts=Sender(address="receipts@example.com", configuration_set="receipts"),
        reply_to="desk@example.com",
    )


def test_a_request_is_what_ses_takes() -> None:
    """By the model of its own client: names, types, the mail's id in a header and in a tag."""
    client = botocore.session.get_session().create_client(
        "sesv2", "eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    recorded = Client()
    message = replace(MESSAGE, attachments=(Attachment(name="a.pdf", content_type="application/pdf", content=b"%PDF"),))
    ses(recorded).send(message)
    (request,) = recorded.calls
    with Stubber(client) as stub:
        stub.add_response("send_email", {"MessageId": "0100-1"}, request)
        assert ses(client).send(message) == "0100-1"
    assert request["Destination"] == {"ToAddresses": ["ada@example.com"]}
    content = request["Content"]["Simple"]
    assert {part: one["Data"] for part, one in content["Body"].items()} == {"Text": "Hallo", "Html": "<p>Hallo</p>"}
    (attached,) = content["Attachments"]
    assert (attached["FileName"], attached["ContentType"]) == ("a.pdf", "application/pdf")
    assert request["EmailTags"] == [{"Name": "mail_id", "Value": "mail_1"}]
    assert {"Name": "X-Billing-Mail", "Value": "mail_1"} in request["Content"]["Simple"]["Headers"]
    assert (request["FromEmailAddress"], request["ConfigurationSetName"]) == ("Shop <shop@example.com>", "mails")
    assert request["ReplyToAddresses"] == ["desk@example.com"]


def test_a_receipt_has_an_identity_of_its_own_and_is_plain_text() -> None:
    """What is abused of receipts does not stop the confirmations."""
    client = Client()
    ses(client).send(replace(MESSAGE, is_receipt=True, html=None))
    (request,) = client.calls
    assert (request["FromEmailAddress"], request["ConfigurationSetName"]) == ("receipts@example.com", "receipts")
    assert request["Content"]["Simple"]["Body"].keys() == {"Text"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (ClientError({"Error": {"Code": "BadRequestException"}}, "SendEmail"), MailRefused),
        (ClientError({"Error": {"Code": "MessageRejected"}}, "SendEmail"), MailUnavailable),
        (ClientError({"Error": {"Code": "TooManyRequestsException"}}, "SendEmail"), MailUnavailable),
        (ReadTimeoutError(endpoint_url="https://email"), MailUnavailable),
    ],
)
def test_an_error_is_final_only_if_no_repetition_can_succeed(answer: Exception, error: type[Exception]) -> None:
    """An identity that is not verified yet, a quota, a time-out: they pass. The address is in no message."""
    with pytest.raises(error) as raised:
        ses(Client(answer)).send(MESSAGE)
    assert "ada@example.com" not in str(raised.value)


def event(
    kind: str, told: dict[str, Any], *, tags: dict[str, list[str]] | None = None, message_id: str = "0100-1"
) -> dict[str, Any]:
    """An event of SES on the account's bus, as far as it is read."""
    tags = {"mail_id": ["mail_1"], "ses:configuration-set": ["mails"]} if tags is None else tags
    name = "bounce" if kind == "Email Bounced" else "complaint"
    mail = {"messageId": message_id, "tags": tags}
    return {"source": "aws.ses", "detail-type": kind, "detail": {"mail": mail, name: told}}


BOUNCED = {
    "bounceType": "Permanent",
    "bouncedRecipients": [{"emailAddress": "ada@example.com", "status": "5.1.1"}],
    "timestamp": "2026-11-29T10:25:07.123Z",
}
COMPLAINED = {
    "complainedRecipients": [{"emailAddress": "ada@example.com"}],
    "timestamp": "2026-11-29T10:25:07.123Z",
}


@pytest.mark.parametrize(
    ("kind", "told", "failure"),
    [("Email Bounced", BOUNCED, Failure.BOUNCE), ("Email Complaint Received", COMPLAINED, Failure.COMPLAINT)],
)
def test_a_failure_is_read(kind: str, told: dict[str, Any], failure: Failure) -> None:
    """The mail's id is in the tag that it was sent with."""
    report = read_report(event(kind, told))
    assert report
    assert (report.mail_id, report.message_id, report.failure) == ("mail_1", "0100-1", failure)
    assert report.addresses == ("ada@example.com",)
    assert report.at.isoformat() == "2026-11-29T10:25:07.123000+00:00"


def test_what_may_still_be_delivered_and_what_is_another_applications_do_not_count() -> None:
    """A full mailbox; a mail without our tag; a kind that nobody asked for."""
    assert read_report(event("Email Bounced", {**BOUNCED, "bounceType": "Transient"})) is None
    assert read_report(event("Email Bounced", BOUNCED, tags={})) is None
    assert read_report(event("Email Delivered", BOUNCED)) is None
    with pytest.raises(ValueError, match="no report of SES"):
        read_report(event("Email Bounced", {"bounceType": "Permanent"}))
