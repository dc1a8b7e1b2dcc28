"""What to buy and on which terms, and the consent to an order."""

from typing import Annotated

from pydantic import Field

from ledger.api.providers import ProviderName
from ledger.api.requests.model import Country, Currency, Day, Id, Language, Line, Minor, RequestModel, Text


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


class InformationRequest(RequestModel):
    """Why a buyer is informed of the right of withdrawal after the order."""

    why: Text = Field(examples=["The order page did not show it in October."])
