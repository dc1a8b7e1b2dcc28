"""What requests carry. Every field is checked, what is unknown is refused; the descriptions are the API's own."""

import hashlib
import json
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated, Literal
from urllib.parse import unquote

from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from ledger.api import validation_messages
from ledger.api.countries import COUNTRIES
from ledger.api.providers import EXAMPLE_PAYMENT_ID, EXAMPLE_SUBSCRIPTION_ID, ProviderName
from ledger.domain.errors import InvalidRequest


def _of_country(code: str) -> str:
    if code not in COUNTRIES:
        raise PydanticCustomError("country", "Should be a country's code of ISO 3166-1, as in DE; Britain's is GB.")
    return code


def _printable(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" and character not in "\n\r\t" for character in text):
        raise PydanticCustomError("control_character", "Should be text: it has a control character in it.")
    return text


def _written_day(value: object) -> object:
    """As text alone: a number would be taken for seconds since 1970."""
    if not (isinstance(value, str) and len(value) == len("2026-11-01")):
        raise PydanticCustomError("day", "Should be a day, as in 2026-11-01.")
    return value


def _written_time(value: object) -> object:
    if not (isinstance(value, str) and value[4:5] == "-"):
        raise PydanticCustomError("time", "Should be a time with its offset from UTC, as in 2026-11-01T12:00:00Z.")
    return value


_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _plausible_day(day: date) -> date:
    if not _FIRST.date() <= day < _LAST.date():
        raise PydanticCustomError("day", "Should be a day of this century, as in 2026-11-01.")
    return day


def _plausible_time(at: datetime) -> datetime:
    if not _FIRST <= at < _LAST:
        raise PydanticCustomError("time", "Should be a time of this century, as in 2026-11-01T12:00:00Z.")
    return at


Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=validation_messages.VISIBLE)]
Text = Annotated[
    str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True), AfterValidator(_printable)
]
Line = Annotated[
    str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True), AfterValidator(_printable)
]
Currency = Annotated[str, StringConstraints(pattern=validation_messages.CURRENCY)]
Country = Annotated[str, StringConstraints(min_length=2, max_length=2), AfterValidator(_of_country)]
Email = Annotated[str, StringConstraints(max_length=254, pattern=validation_messages.EMAIL), AfterValidator(_printable)]
Credits = Annotated[int, Field(strict=True, ge=1, le=10_000_000)]
Minor = Annotated[int, Field(strict=True, ge=1, le=100_000_000_000)]
Day = Annotated[date, AfterValidator(_plausible_day), BeforeValidator(_written_day)]
Time = Annotated[AwareDatetime, AfterValidator(_plausible_time), BeforeValidator(_written_time)]

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=validation_messages.VISIBLE,
        description="Yours, new for each thing that you ask for: a UUID will do. Asked again with it, the same request "
        "is answered as before; another request is refused.",
        examples=["7b0fd8a6-5f0e-4a0c-9c1e-3f2f6a8f4f11"],
    ),
]
OptionalKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=128,
        pattern=validation_messages.VISIBLE,
        description="Yours, new for each decision. Asked again with it, the same decision is not carried out anew, "
        "whatever became of it since.",
        examples=["7b0fd8a6-5f0e-4a0c-9c1e-3f2f6a8f4f11"],
    ),
]
DECODED = BeforeValidator(unquote)
"""For an id in a path that may have signs in it: see `ledger.api.gateway_event`."""

CaseId = Annotated[
    str,
    Path(pattern=validation_messages.CASE_ID, description="The case's id.", examples=["case_0123456789abcdef01234567"]),
]
PageSize = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
PageCursor = Annotated[
    str | None, Query(max_length=4000, description="`next` of the page before; without it, the first page.")
]


class RequestModel(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def fingerprint(self) -> str:
        """Return one text for one request, however its JSON was written and whatever the fields' defaults are."""
        content = json.dumps(self.model_dump(mode="json", exclude_none=True), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


class ConsentInput(RequestModel):
    """What the customer agreed to before buying, as the law of withdrawal asks for it."""

    text_version: Id = Field(description="Of the words that were shown.", examples=["2026-11-01"])
    asked_to_begin: bool = Field(strict=True, description="The credits shall be usable at once.")
    acknowledged_loss: bool = Field(strict=True, description="The right to withdraw is lost for credits that are used.")


class PlaceOrderRequest(RequestModel):
    """What is to be bought, and on which terms."""

    product_id: Id = Field(examples=["pack_1000"])
    provider: ProviderName
    currency: Currency = Field(description="ISO 4217, upper case.", examples=["EUR"])
    country: Country = Field(description="The buyer's: ISO 3166-1 alpha-2, upper case.", examples=["DE"])
    is_business: bool = Field(default=False, strict=True, description="Businesses have no right of withdrawal.")
    policy_version: Id = Field(description="Of the refund policy that the customer was shown.", examples=["2026-11-01"])
    consent: ConsentInput | None = None


class ConsentConfirmationRequest(RequestModel):
    """The consent was confirmed to the customer on a durable medium."""

    confirmation_id: Id = Field(description="The id of the e-mail that confirms it.")


class DrawRequest(RequestModel):
    """A run of the tagging service that needs credits."""

    account_id: Id = Field(examples=["acct_ada"])
    run_id: Id = Field(description="The run's own id: it is drawn once.", examples=["run_20261101_0001"])
    credits: Credits = Field(examples=[25])


class RunFailureRequest(RequestModel):
    """A run that our system failed."""

    account_id: Id = Field(examples=["acct_ada"])
    error: Annotated[str, AfterValidator(_printable)] = Field(
        default="", max_length=500, description="What went wrong. It is evidence for a refund case."
    )


class RefundRequest(RequestModel):
    """A wish for money back. What the policy asks for is held against the ledger; what doesn't fit, a person reads."""

    purchase_id: Id = Field(description="As `GET /purchases` gives it.", examples=[EXAMPLE_PAYMENT_ID])
    reason: Literal[
        "charged_twice",
        "wrong_amount",
        "mistaken_renewal",
        "changed_my_mind",
        "technical_problem",
        "unrecognised_charge",
    ]
    message: Annotated[str, AfterValidator(_printable)] = Field(
        default="", max_length=4000, description="What happened, in the customer's words."
    )
    email: Email | None = Field(
        default=None, description="The address linked to the account.", examples=["ada@example.com"]
    )
    charged_on: Day | None = Field(
        default=None, description="The day of the charge, as the bank shows it.", examples=["2026-11-01"]
    )
    reference: Id | None = Field(
        default=None, description="The invoice's number or the payment's reference.", examples=["INV-0001"]
    )
    happened_at: Time | None = Field(
        default=None, description="Of a technical problem: when it happened.", examples=["2026-11-01T12:00:00Z"]
    )
    error_messages: list[Line] = Field(
        default_factory=list, max_length=10, description="Of a technical problem: what was shown."
    )


class EvidenceRequest(RequestModel):
    """A file that is about to be uploaded."""

    content_type: Literal["image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"]


class WithdrawalRequest(RequestModel):
    """The first step of a withdrawal: which contract."""

    purchase_id: Id = Field(description="As `GET /purchases` gives it.", examples=[EXAMPLE_PAYMENT_ID])


class CancellationRequest(RequestModel):
    """Which subscription. It may be left out when there is one."""

    subscription_id: Id | None = Field(default=None, examples=[EXAMPLE_SUBSCRIPTION_ID])


class PortalRequest(RequestModel):
    """Whose billing page. It may be left out when the customer is known to one provider."""

    provider: ProviderName | None = None


class SupportRefundRequest(RefundRequest):
    """A wish that reached support by e-mail, written down in the customer's name."""

    account_id: Id = Field(examples=["acct_ada"])


class DecisionRequest(RequestModel):
    """What a person decides about a case in review."""

    outcome: Literal["approve", "replace", "decline"]
    words: list[Line] = Field(min_length=1, max_length=10, description="The reasons, to the customer.")
    clause: str = Field(pattern=validation_messages.CLAUSE, description="Of the published policy.")
    money_minor: Minor | None = Field(default=None, description="To approve: how much, in minor units of the payment.")
    credits: Credits | None = Field(default=None, description="To replace: how many.")
    takes_credits: bool = Field(default=True, strict=True, description="Whether the refund takes its credits back.")
    ends_subscription: bool = Field(default=False, strict=True, description="Whether renewals are stopped too.")

    def check(self) -> None:
        """Money goes with an approval, credits with a replacement, and neither with a decline. Raises Invalid."""
        wanted = {"approve": "money_minor", "replace": "credits"}.get(self.outcome)
        for name in ("money_minor", "credits"):
            returns_old_item = getattr(self, name) is not None
            if returns_old_item and name != wanted:
                raise InvalidRequest(name, f"To {self.outcome} there is no such sum: leave it out.")
            if name == wanted and not returns_old_item:
                raise InvalidRequest(name, f"It is missing: say how much to {self.outcome}.")


class HoldRequest(RequestModel):
    """A reason to suspend an account."""

    hold_id: str = Field(pattern=validation_messages.HOLD_ID, examples=["support:stolen-card"])
    why: Text
