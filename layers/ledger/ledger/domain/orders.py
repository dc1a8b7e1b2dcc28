"""Orders: the terms that the customer accepted. We store an order before any payment."""

from dataclasses import dataclass
from datetime import datetime

from ledger.domain.ids import AccountId, OrderId
from ledger.domain.unknown_fields import KeepsUnknownFields


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(KeepsUnknownFields):
    """What the customer agreed to before the grant, as the law of withdrawal requires it.

    The right to withdraw ends for used credits only if all three are there: the express request to begin at once, the
    acknowledgement that this ends the right, and the confirmation on a durable medium.
    """

    given_at: datetime
    text_version: str  # of the text that the customer accepted
    asked_to_begin: bool = False  # the express request to begin at once
    acknowledged_loss: bool = False  # that this ends the right to withdraw
    confirmation_id: str | None = None  # of the message (an e-mail) that confirmed the consent

    @property
    def is_complete(self) -> bool:
        return self.asked_to_begin and self.acknowledged_loss and self.confirmation_id is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout(KeepsUnknownFields):
    """The provider's page on which the customer pays for an order."""

    checkout_id: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(KeepsUnknownFields):
    """The terms of one sale. A payment for the order must match them."""

    order_id: OrderId
    account_id: AccountId
    provider: str
    product_id: str
    price_minor: int  # before tax and discount
    currency: str  # ISO 4217, upper case
    country: str  # the buyer's, ISO 3166-1 alpha-2
    is_business: bool
    policy_version: str  # of the refund policy that the customer accepted
    made_at: datetime
    consent: Consent | None = None
    checkout: Checkout | None = None  # None: the provider has not created it yet
    version: int = 0  # 0: not stored yet
