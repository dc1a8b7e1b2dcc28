"""What SES is asked, and what its answers mean."""

from dataclasses import replace
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber

from ledger.domain.errors import MailRefused, MailUnavailable
from ledger.ports.mailer import Attachment, Message
from ledger.ses import Sender, Ses

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
