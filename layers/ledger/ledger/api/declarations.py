"""The bodies of declarations: what a withdrawal or a cancellation without a login says."""

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import AfterValidator, Field, StringConstraints

from ledger.api import validation_messages
from ledger.api.providers import EXAMPLE_PAYMENT_ID
from ledger.api.requests.model import Day, Email, Id, RequestModel, Text, printable
from ledger.domain.declarations import Channel, DeclarationKind, Submission
from ledger.domain.errors import InvalidRequest

MOST_OF_A_NAME, MOST_OF_A_CONTRACT, MOST_OF_A_MESSAGE = 200, 1000, 4000
"""The most characters of a field."""

Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MOST_OF_A_NAME, strip_whitespace=True, pattern=validation_messages.LINE),
    AfterValidator(printable),
]
ContractText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MOST_OF_A_CONTRACT, strip_whitespace=True),
    AfterValidator(printable),
]
Message = Annotated[
    str, StringConstraints(max_length=MOST_OF_A_MESSAGE, strip_whitespace=True), AfterValidator(printable)
]
LanguageCode = Literal["en", "de", "fr", "it", "es", "nl", "pl"]
DeclarationPath = Annotated[
    str,
    Path(
        pattern=validation_messages.DECLARATION_ID,
        description="The declaration's id: the reference number in the acknowledgement.",
        examples=["W-7K3F-9Q2M-4XNP"],
    ),
]


ReviewPath = Annotated[
    str,
    Path(
        pattern=validation_messages.DECLARATION_ID,
        description="The review's id: the reference number in the mails about it.",
        examples=["R-7K3F-9Q2M-4XNP"],
    ),
]


class DeclarationInput(RequestModel):
    """What every declaration says. No more may be required."""

    name: Name = Field(examples=["Ada Lovelace"])
    contract: ContractText = Field(
        description="What identifies the contract, in the customer's words: an order's id, an invoice's number, the "
        "day of a mail.",
        examples=["ord_0123456789abcdef01234567"],
    )
    email: Email = Field(description="Where the acknowledgement is sent.", examples=["ada@example.com"])
    language: LanguageCode = Field(default="en", description="Of the statement, and of the mails.")
    message: Message = Field(default="", description="A free statement. No reason is needed.")


class WithdrawalInput(DeclarationInput):
    """The first step of a withdrawal without a login."""

    part: Message = Field(default="", description="The part of the contract, if only a part is withdrawn from.")

    def submission(self, source: str) -> Submission:
        """Return what it says, without its statement."""
        return Submission(
            kind=DeclarationKind.WITHDRAWAL,
            name=self.name,
            contract=self.contract,
            email=self.email,
            language=self.language,
            statement="",
            part=self.part,
            message=self.message,
            channel=Channel.API,
            source=source,
        )


class CancellationInput(DeclarationInput):
    """The first step of a cancellation without a login."""

    is_extraordinary: bool = Field(
        default=False, strict=True, description="Whether it is for an important reason, which `message` then says."
    )
    ends_on: Day | None = Field(default=None, description="The wanted end. Left out: as soon as possible.")

    def submission(self, source: str) -> Submission:
        """Return what it says, without its statement."""
        return Submission(
            kind=DeclarationKind.CANCELLATION,
            name=self.name,
            contract=self.contract,
            email=self.email,
            language=self.language,
            statement="",
            message=self.message,
            is_extraordinary=self.is_extraordinary,
            ends_on=self.ends_on,
            channel=Channel.API,
            source=source,
        )


class ReviewInput(RequestModel):
    """What a person is asked to look at again."""

    case_id: Annotated[str, StringConstraints(pattern=validation_messages.CASE_ID)] | None = Field(
        default=None, description="The declined request. Left out: the suspension of your account."
    )
    message: Message = Field(default="", description="What we should know. No reason is needed.")

    def submission(self, language: str, email: str) -> Submission:
        """Return what it says, without its statement."""
        return Submission(
            kind=DeclarationKind.REVIEW,
            name="",
            contract=self.case_id or "",
            email=email,
            language=language,
            statement="",
            message=self.message,
            channel=Channel.API,
        )


class ConfirmationInput(RequestModel):
    """The second step: the secret that the first one returned."""

    token: str = Field(
        min_length=1,
        max_length=200,
        description="As the first step returned it.",
        examples=["0bM8hI1xq7r2K2hS0C3Jv1sN"],
    )


class ForwardingInput(RequestModel):
    """How a withdrawal was passed on."""

    why: Text = Field(examples=["Sent to the reseller's support for sellers, ticket 4711."])


class DeclarationDecision(RequestModel):
    """What a person does about a declaration in review."""

    outcome: Literal["carry_out", "close"]
    account_id: Id | None = Field(
        default=None,
        description="To carry out: whose contract it is. Left out: the one that was found.",
        examples=["acct_ada"],
    )
    purchase_id: Id | None = Field(
        default=None, description="Beside `account_id`: the contract's first payment.", examples=[EXAMPLE_PAYMENT_ID]
    )
    why: Text = Field(examples=["The customer wrote from the address of the account."])

    def check(self) -> None:
        """Require both names of a contract or none, and none to close. Raise InvalidRequest."""
        if (self.account_id is None) != (self.purchase_id is None):
            missing = "account_id" if self.account_id is None else "purchase_id"
            raise InvalidRequest(missing, "It is missing: name both the account and the purchase, or neither.")
        if self.outcome == "close" and self.account_id:
            raise InvalidRequest("account_id", "Leave it out: the outcome close does not use it.")
