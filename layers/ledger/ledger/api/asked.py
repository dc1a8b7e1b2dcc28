"""What requests carry. Every field is checked, what is unknown is refused; the descriptions are the API's own."""

import hashlib
from datetime import date
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[!-~]+$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Credits = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]
Minor = Annotated[int, Field(strict=True, ge=1, le=100_000_000_000)]

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=r"^[!-~]+$",
        description="Yours, new for each thing that you ask for. Asked again with it, the same request is answered as "
        "before; another request is refused.",
    ),
]
CaseId = Annotated[str, Path(pattern=r"^case_[0-9a-f]{24}$", description="The case's id.")]
PageSize = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
PageCursor = Annotated[
    str | None, Query(max_length=2000, description="`next` of the page before; without it, the first page.")
]


class Asked(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def fingerprint(self) -> str:
        """One text for one request, however its JSON was written."""
        return hashlib.sha256(self.model_dump_json(exclude_defaults=True).encode()).hexdigest()


class ConsentGiven(Asked):
    """What the customer agreed to before buying, as the law of withdrawal asks for it."""

    text_version: Id = Field(description="Of the words that were shown.")
    asked_to_begin: bool = Field(strict=True, description="The credits shall be usable at once.")
    acknowledged_loss: bool = Field(strict=True, description="The right to withdraw is lost for credits that are used.")


class OrderAsked(Asked):
    """What is to be bought, and on which terms."""

    product_id: Id
    provider: Literal["stripe", "paddle"]
    currency: Currency = Field(description="ISO 4217, upper case.", examples=["EUR"])
    country: Country = Field(description="The buyer's: ISO 3166-1 alpha-2.", examples=["DE"])
    is_business: bool = Field(default=False, strict=True, description="Businesses have no right of withdrawal.")
    policy_version: Id = Field(description="Of the refund policy that the customer was shown.")
    consent: ConsentGiven | None = None


class ConsentConfirmed(Asked):
    """The consent was confirmed to the customer on a durable medium."""

    confirmation_id: Id = Field(description="The id of the e-mail that confirms it.")


class RunDrawn(Asked):
    """A run of the tagging service that needs credits."""

    account_id: Id
    run_id: Id
    credits: Credits


class RunFailed(Asked):
    """A run that our system failed."""

    account_id: Id
    error: str = Field(default="", max_length=500, description="What went wrong. It is evidence for a refund case.")


class RefundAsked(Asked):
    """A wish for money back. What the policy asks for is held against the ledger; what doesn't fit, a person reads."""

    purchase_id: Id = Field(description="As `GET /purchases` gives it.")
    reason: Literal[
        "charged_twice",
        "wrong_amount",
        "mistaken_renewal",
        "changed_my_mind",
        "technical_problem",
        "unrecognised_charge",
    ]
    message: str = Field(default="", max_length=4000)
    email: Email | None = Field(default=None, description="The address linked to the account.")
    charged_on: date | None = Field(default=None, description="The day of the charge, as the bank shows it.")
    reference: Id | None = Field(default=None, description="The invoice's number or the payment's reference.")
    happened_at: AwareDatetime | None = Field(default=None, description="Of a technical problem: when it happened.")
    error_messages: list[Line] = Field(default_factory=list, max_length=10)


class EvidenceAsked(Asked):
    """A file that is about to be uploaded."""

    content_type: Literal["image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"]


class WithdrawalDeclared(Asked):
    """The first step of a withdrawal: which contract."""

    purchase_id: Id = Field(description="As `GET /purchases` gives it.")


class CancellationAsked(Asked):
    """Which subscription. It may be left out when there is one."""

    subscription_id: Id | None = None


class PortalAsked(Asked):
    """Whose billing page. It may be left out when the customer is known to one provider."""

    provider: Literal["stripe", "paddle"] | None = None


class SupportRefundAsked(RefundAsked):
    """A wish that reached support by e-mail, written down in the customer's name."""

    account_id: Id


class DecisionAsked(Asked):
    """What a person decides about a case in review."""

    outcome: Literal["approve", "replace", "decline"]
    words: list[Line] = Field(min_length=1, max_length=10, description="The reasons, to the customer.")
    clause: str = Field(pattern=r"^[1-7]$", description="Of the published policy.")
    money_minor: Minor | None = Field(default=None, description="To approve: how much, in minor units of the payment.")
    credits: Credits | None = Field(default=None, description="To replace: how many.")
    takes_credits: bool = Field(default=True, strict=True, description="Whether the refund takes its credits back.")
    ends_subscription: bool = Field(default=False, strict=True, description="Whether renewals are stopped too.")


class HoldAsked(Asked):
    """A reason to suspend an account."""

    hold_id: str = Field(pattern=r"^support:[a-z0-9_-]{1,64}$", examples=["support:stolen-card"])
    why: Text
