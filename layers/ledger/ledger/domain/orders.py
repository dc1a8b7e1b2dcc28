"""Orders: what we offered and the customer accepted, made by us before any payment."""

from dataclasses import dataclass
from datetime import datetime

from ledger.domain.ids import AccountId, OrderId


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What the customer agreed to before the credits were given, as the law of withdrawal asks for it.

    Only all of it together ends the right to withdraw for credits that were used: the express request to begin at
    once, the acknowledgement that the right is lost by it, and the confirmation on a durable medium (an e-mail's id).
    """

    given_at: datetime
    text_version: str  # of the words that were shown
    asked_to_begin: bool = False
    acknowledged_loss: bool = False
    confirmation_id: str | None = None

    @property
    def is_complete(self) -> bool:
        return self.asked_to_begin and self.acknowledged_loss and self.confirmation_id is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The provider's page on which an order is paid."""

    checkout_id: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The terms of one sale. A payment for it is held to them."""

    order_id: OrderId
    account_id: AccountId
    provider: str
    product_id: str
    price_minor: int  # before tax and discount
    currency: str  # ISO 4217, upper case
    country: str  # the buyer's, ISO 3166-1 alpha-2
    is_business: bool
    policy_version: str  # of the refund policy that was shown
    made_at: datetime
    consent: Consent | None = None
    checkout: Checkout | None = None  # None: the provider has not made it yet
    version: int = 0  # 0: not stored yet
