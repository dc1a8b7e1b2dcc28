"""Request bodies and parameters. Every field is validated, unknown fields are rejected."""

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
        raise PydanticCustomError(
            "country", "Should be an ISO 3166-1 country code, for example DE. The United Kingdom is GB."
        )
    return code


def printable(text: str) -> str:
    """Return text as it is. Raise PydanticCustomError if it has control characters other than line ends and tabs."""
    if any(unicodedata.category(character) == "Cc" and character not in "\n\r\t" for character in text):
        raise PydanticCustomError("control_character", "Should be text without control characters.")
    return text


def _written_day(value: object) -> object:
    """Accept text only: pydantic reads a number as seconds since 1970."""
    if not (isinstance(value, str) and len(value) == len("2026-11-01")):
        raise PydanticCustomError("day", "Should be a day, for example 2026-11-01.")
    return value


def _written_time(value: object) -> object:
    if not (isinstance(value, str) and value[4:5] == "-"):
        raise PydanticCustomError(
            "time", "Should be a time with its offset from UTC, for example 2026-11-01T12:00:00Z."
        )
    return value


_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _plausible_day(day: date) -> date:
    if not _FIRST.date() <= day < _LAST.date():
        raise PydanticCustomError("day", "Should be a day of this century, for example 2026-11-01.")
    return day


def _plausible_time(at: datetime) -> datetime:
    if not _FIRST <= at < _LAST:
        raise PydanticCustomError("time", "Should be a time of this century, for example 2026-11-01T12:00:00Z.")
    return at


Id = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=validation_messages.VISIBLE)]
Text = Annotated[
    str, StringConstraints(min_length=1, max_length=4000, strip_whitespace=True), AfterValidator(printable)
]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True), AfterValidator(printable)]
Currency = Annotated[str, StringConstraints(pattern=validation_messages.CURRENCY)]
Language = Annotated[str, StringConstraints(pattern=validation_messages.LANGUAGE)]
Country = Annotated[str, StringConstraints(min_length=2, max_length=2), AfterValidator(_of_country)]
Email = Annotated[str, StringConstraints(max_length=254, pattern=validation_messages.EMAIL), AfterValidator(printable)]
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
        description="Chosen by the client, new for each request, for example a UUID. The same request with the same "
        "key gets the same response. Another request with this key is rejected.",
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
        description="Chosen by the client, new for each decision. The same decision with the same key is carried out "
        "once, even if the case has returned to review since.",
        examples=["7b0fd8a6-5f0e-4a0c-9c1e-3f2f6a8f4f11"],
    ),
]
DECODED = BeforeValidator(unquote)
"""Decodes an id in a path: see `ledger.api.gateway_event`."""

AccountPath = Annotated[str, DECODED, Path(min_length=1, max_length=200, description="The account's id.")]
CaseId = Annotated[
    str,
    Path(pattern=validation_messages.CASE_ID, description="The case's id.", examples=["case_0123456789abcdef01234567"]),
]
PageSize = Annotated[int, Query(ge=1, le=100, description="The largest number of items in the page.")]
PageCursor = Annotated[
    str | None, Query(max_length=4000, description="`next` of the previous page. Without it: the first page.")
]


class RequestModel(BaseModel):
    """The base of every request body."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def fingerprint(self) -> str:
        """Return one text for one request, however its JSON was written and whatever the fields' defaults are."""
        content = json.dumps(self.model_dump(mode="json", exclude_none=True), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


class ConsentInput(RequestModel):
    """The customer's consent before the first use, as the law of withdrawal requires it."""

    text_version: Id = Field(description="The version of the text that was shown.", examples=["2026-11-01"])
    asked_to_begin: bool = Field(strict=True, description="The customer requests that the credits are usable at once.")
    acknowledged_loss: bool = Field(
        strict=True, description="The customer knows that the right to withdraw ends for credits that are used."
    )


class FirstChargeInput(RequestModel):
    """What the page of the order has shown of the first charge after a trial."""

    amount_minor: Minor = Field(description="In minor units of the order's currency, tax included.", examples=[1200])
    charged_on: Day = Field(description="The day, in UTC.", examples=["2026-12-01"])


class RenewalTermsInput(RequestModel):
    """What the page of the order has shown about the renewals of a plan."""

    amount_minor: Minor = Field(
        description="Of each renewal, in minor units of the order's currency, tax included.", examples=[1200]
    )
    every_months: Annotated[int, Field(strict=True, ge=1, le=60)] = Field(
        description="How long each period is: `renews_every_months` of the catalogue.", examples=[1]
    )
    first_on: Day = Field(
        description="The day, in UTC, of the first charge after the order. Of a trial: of its first charge.",
        examples=["2027-01-01"],
    )


class InformationInput(RequestModel):
    """What the page of the order has shown: the right of withdrawal, the button, the price, the renewals."""

    text_version: Id = Field(
        description="The version of the text about the right of withdrawal.", examples=["2026-11-01"]
    )
    button_label: Line | None = Field(
        default=None,
        description="The words on the button that places the order, as they were shown.",
        examples=["zahlungspflichtig bestellen"],
    )
    total_minor: Annotated[int, Field(strict=True, ge=0, le=100_000_000_000)] | None = Field(
        default=None,
        description="The price, in minor units of the order's currency, tax included; 0 for a trial. Left out: the "
        "page knew no tax.",
        examples=[2380],
    )
    renewal: RenewalTermsInput | None = Field(
        default=None, description="Of a plan. A `renewal_consent` needs it. Left out: nothing was shown."
    )
    first_charge: FirstChargeInput | None = Field(
        default=None,
        description="Of a plan that begins with a trial. Without it, or if more is charged, or sooner, the first "
        "charge has 14 days of its own to withdraw.",
    )


class RenewalConsentInput(RequestModel):
    """The customer's consent to the renewal terms, by a box of its own. Send it only if the customer gave it."""

    text_version: Id = Field(description="The version of the text beside the box.", examples=["2026-11-01"])
    words: Line = Field(
        description="That text, word for word. The confirmation of the contract repeats it.",
        examples=["I agree that the plan renews every month at 12.00 EUR until I cancel."],
    )


class PlaceOrderRequest(RequestModel):
    """What to buy, and on which terms."""

    product_id: Id = Field(examples=["pack_1000"])
    provider: ProviderName
    currency: Currency = Field(description="ISO 4217, upper case.", examples=["EUR"])
    country: Country = Field(description="The buyer's country: ISO 3166-1 alpha-2, upper case.", examples=["DE"])
    is_business: bool = Field(default=False, strict=True, description="Businesses have no right of withdrawal.")
    policy_version: Id = Field(
        description="The version of the refund policy that the customer was shown.", examples=["2026-11-01"]
    )
    consent: ConsentInput | None = Field(
        default=None,
        description="Ask every buyer for it. Without it the credits are locked until it is given, or until the right "
        "of withdrawal is over.",
    )
    information: InformationInput | None = Field(
        default=None,
        description="What the buyer was shown. Without it: the text of the consent. A plan needs one of the two.",
    )
    renewal_consent: RenewalConsentInput | None = Field(
        default=None,
        description="Of a plan: ask for it in the `renewal_consent_countries` of the catalogue. From a day that the "
        "shop sets, no plan is sold there without it.",
    )
    language: Language | None = Field(
        default=None,
        description="Of the page, and of the mails about this order: ISO 639-1, lower case. Without it: that of the "
        "header Accept-Language.",
        examples=["de"],
    )


class GiveConsentRequest(ConsentInput):
    """The consent to an order that was placed without it."""

    language: Language | None = Field(
        default=None, description="Of the page. Without it: that of the header Accept-Language.", examples=["de"]
    )


class ConsentConfirmationRequest(RequestModel):
    """The confirmation of the consent, sent to the customer on a durable medium."""

    confirmation_id: Id = Field(
        description="The id of the e-mail that confirms the consent.", examples=["0102018f-3c1e-4b6a"]
    )


class DrawRequest(RequestModel):
    """A run of the tagging service that needs credits."""

    account_id: Id = Field(examples=["acct_ada"])
    run_id: Id = Field(description="The run's own id. Credits are drawn once for it.", examples=["run_20261101_0001"])
    credits: Credits = Field(examples=[25])


class RunFailureRequest(RequestModel):
    """A run that failed in our system."""

    account_id: Id = Field(examples=["acct_ada"])
    error: Annotated[str, AfterValidator(printable)] = Field(
        default="", max_length=500, description="The error. It is evidence for a refund case."
    )


class RefundRequest(RequestModel):
    """A refund request. Its evidence is compared with the ledger; a mismatch sends it to a person."""

    purchase_id: Id = Field(description="As `GET /purchases` gives it.", examples=[EXAMPLE_PAYMENT_ID])
    reason: Literal[
        "charged_twice",
        "wrong_amount",
        "mistaken_renewal",
        "changed_my_mind",
        "technical_problem",
        "unrecognised_charge",
    ]
    message: Annotated[str, AfterValidator(printable)] = Field(
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
        default=None, description="For a technical problem: when it happened.", examples=["2026-11-01T12:00:00Z"]
    )
    error_messages: list[Line] = Field(
        default_factory=list, max_length=10, description="For a technical problem: the error messages that were shown."
    )


class EvidenceRequest(RequestModel):
    """A file to be uploaded."""

    content_type: Literal["image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"]


class WithdrawalRequest(RequestModel):
    """The first step of a withdrawal: the purchase to withdraw from."""

    purchase_id: Id = Field(description="As `GET /purchases` gives it.", examples=[EXAMPLE_PAYMENT_ID])


class CancellationRequest(RequestModel):
    """The subscription. It may be left out when there is only one."""

    subscription_id: Id | None = Field(default=None, examples=[EXAMPLE_SUBSCRIPTION_ID])


class PortalRequest(RequestModel):
    """The provider whose billing page to open. It may be left out."""

    provider: ProviderName | None = None


class SupportRefundRequest(RefundRequest):
    """A refund request or a withdrawal that reached support another way, opened in the customer's name."""

    account_id: Id = Field(examples=["acct_ada"])
    reason: Literal[  # type: ignore[assignment]
        "charged_twice",
        "wrong_amount",
        "mistaken_renewal",
        "changed_my_mind",
        "technical_problem",
        "unrecognised_charge",
        "withdrawal",
    ]
    channel: Literal["email", "letter", "phone", "chat"] = Field(
        default="email", description="How it reached us. `message` is what was written or said, word for word."
    )
    sent_at: Time | None = Field(
        default=None,
        description="When the customer sent it: that time counts for every time limit. Left out: now.",
        examples=["2026-11-02T09:30:00Z"],
    )


class DecisionRequest(RequestModel):
    """A person's decision about a case in review."""

    outcome: Literal["approve", "replace", "decline"]
    words: list[Line] = Field(
        min_length=1,
        max_length=10,
        description="The reasons, for the customer.",
        examples=[["Three runs failed because of an error of ours."]],
    )
    clause: str = Field(
        pattern=validation_messages.CLAUSE, description="The clause of the published policy.", examples=["6"]
    )
    money_minor: Minor | None = Field(
        default=None,
        description="To approve: the amount, in minor units of the payment's currency. null: what the policy "
        "recommends by then.",
        examples=[500],
    )
    credits: Credits | None = Field(default=None, description="To replace: the number of credits.")
    takes_credits: bool = Field(default=True, strict=True, description="Whether the refund takes its credits back.")
    ends_subscription: bool = Field(
        default=False, strict=True, description="Whether the subscription's renewals are stopped as well."
    )
    agreement: Line | None = Field(
        default=None,
        description="To replace the money of a withdrawal: how the customer expressly agreed to credits instead. "
        "Support alone reads it.",
        examples=["By mail of 3 November: “Credits instead of the refund are fine with me.”"],
    )

    def check(self) -> None:
        """Require credits for a replacement. Allow money for an approval only. Raise InvalidRequest."""
        if self.agreement is not None and self.outcome != "replace":
            raise InvalidRequest("agreement", f"Leave it out: the outcome {self.outcome} does not use it.")
        used = {"approve": "money_minor", "replace": "credits"}.get(self.outcome)
        for name in ("money_minor", "credits"):
            if getattr(self, name) is not None and name != used:
                raise InvalidRequest(name, f"Leave it out: the outcome {self.outcome} does not use it.")
        if self.outcome == "replace" and self.credits is None:
            raise InvalidRequest("credits", "It is missing: the outcome replace needs it.")


class AmountRequest(RequestModel):
    """What a refund or dispute in another currency is in its payment's currency."""

    payment_id: str = Field(
        min_length=1,
        max_length=200,
        description="The payment, as the account's purchases show it.",
        examples=[EXAMPLE_PAYMENT_ID],
    )
    subject_id: str = Field(
        min_length=1,
        max_length=200,
        examples=["dp_1Q9x"],
        description="The provider's id of the refund, credit, dispute or chargeback.",
    )
    amount_minor: int = Field(
        ge=0, strict=True, description="In minor units of the payment's currency.", examples=[2000]
    )
    why: Text = Field(examples=["The bank's letter of 2026-11-03 names it."])


class AdjustmentRequest(RequestModel):
    """Credits to give out of goodwill, or to take back of those that were given so."""

    credits: int = Field(
        ge=-10_000_000,
        le=10_000_000,
        strict=True,
        description="Given; below 0: taken back. Never 0.",
        examples=[50],
        json_schema_extra={"not": {"const": 0}},
    )
    why: Text = Field(examples=["A late reply of ours."])

    def check(self) -> None:
        """Raise InvalidRequest for an adjustment of nothing."""
        if self.credits == 0:
            raise InvalidRequest("credits", "It is 0, so there is nothing to adjust.")


class IncidentRequestBody(RequestModel):
    """A time in which runs failed, and the credits that replace them."""

    since: Time = Field(description="The first failure that counts.", examples=["2026-11-01T12:00:00Z"])
    until: Time = Field(description="The last one: at most seven days later.", examples=["2026-11-01T13:00:00Z"])
    credits: Credits = Field(
        description="`to_give` of the failed runs of this time: no more is given. Another sum by now is refused.",
        examples=[5],
    )
    why: Text = Field(examples=["The queue of the taggers stood still."])


class RejectionRequest(RequestModel):
    """Why a proposal is rejected."""

    why: Text = Field(examples=["The figure is that of another account."])


class AttributionRequest(RequestModel):
    """Whose a parked event is."""

    account_id: Id = Field(examples=["acct_ada"])
    why: Line = Field(examples=["The customer's letter names the invoice."])


class ReplayRequest(RequestModel):
    """Why a parked event is tried again."""

    why: Line = Field(examples=["The price is in the catalogue now."])


class DismissalRequest(RequestModel):
    """Why a parked event is dismissed."""

    why: Line = Field(examples=["It is of our other shop."])


class InformationRequest(RequestModel):
    """Why a buyer is informed of the right of withdrawal after the order."""

    why: Text = Field(examples=["The order page did not show it in October."])


class MuteRequest(RequestModel):
    """Why parked events of a kind need no attention, or do again."""

    why: Line = Field(examples=["They are of our other shop, which has no credits."])


class HoldRequest(RequestModel):
    """A hold to place on an account."""

    hold_id: str = Field(pattern=validation_messages.HOLD_ID, examples=["support:stolen-card"])
    why: Text = Field(examples=["The owner of the card has written to us."])
