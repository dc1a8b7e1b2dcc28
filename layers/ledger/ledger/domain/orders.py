"""Orders: the terms that the customer accepted. We store an order before any payment.

The checkout carries the terms too, as text (`Order.carried_terms`), so that a payment is granted without reading the
order. The digest of that text (`Order.terms_hash`) is stored with the order, and is a condition of the grant: a text
that anybody else wrote is worth nothing.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime

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
    url: str | None = None  # None: it was not read; it is long, so it is not stored with the order


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCheckout:
    """The latest checkout of a plan that an account was given. It is closed before the address of another is returned.

    It may have been paid or closed since: the provider knows.
    """

    order_id: OrderId
    provider: str
    checkout_id: str
    version: int = 0  # of the stored document; 0: not stored yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms(KeepsUnknownFields):
    """What one unit of the product grants, as it was agreed: see `ledger.domain.catalogue.Product`."""

    kind: str  # of the product
    price_id: str  # the provider's, that the checkout sells
    credits: int
    expires_after_days: int | None = None
    rolls_over: bool = False
    renewal_grace_s: int = 0
    usable_at_least_s: int = 0
    trial_credits: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(KeepsUnknownFields):
    """The terms of one sale. A payment for the order grants what they say, whatever the catalogue says by then."""

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
    terms: Terms | None = None  # None: it was placed before orders kept them
    consent: Consent | None = None
    checkout: Checkout | None = None  # None: the provider has not created it yet
    version: int = 0  # 0: not stored yet

    @property
    def carried_terms(self) -> str | None:
        """Return all that was agreed, as the checkout carries it. None: the order has no terms.

        What was agreed beside the sale (policy, consent, country) is there as a digest only.
        """
        if self.terms is None:
            return None
        terms = self.terms
        return _as_text(
            {
                "account_id": self.account_id,
                "order_id": self.order_id,
                "product_id": self.product_id,
                "price_minor": self.price_minor,
                "currency": self.currency,
                "kind": terms.kind,
                "price_id": terms.price_id,
                "credits": terms.credits,
                "expires_after_days": terms.expires_after_days,
                "rolls_over": terms.rolls_over or None,
                "renewal_grace_s": terms.renewal_grace_s or None,
                "usable_at_least_s": terms.usable_at_least_s or None,
                "trial_credits": terms.trial_credits or None,
                "agreement": self._agreement_digest(),
            }
        )

    @property
    def terms_hash(self) -> str | None:
        """Return the digest of all that was agreed. None: the order has no terms."""
        carried = self.carried_terms
        return hash_of_terms(carried) if carried else None

    def _agreement_digest(self) -> str:
        """Return the digest of what was agreed beside the sale. A consent is confirmed later: that is not in it."""
        consent = self.consent
        agreement = {
            "provider": self.provider,
            "country": self.country,
            "is_business": self.is_business,
            "policy_version": self.policy_version,
            "made_at": self.made_at.astimezone(UTC).isoformat(),
            "consent": consent
            and [
                consent.given_at.astimezone(UTC).isoformat(),
                consent.text_version,
                consent.asked_to_begin,
                consent.acknowledged_loss,
            ],
        }
        return hash_of_terms(_as_text(agreement))[:16]


def hash_of_terms(carried: str) -> str:
    """Return the digest of terms in the text form in which a checkout carries them."""
    return hashlib.sha256(carried.encode()).hexdigest()[:32]


def _as_text(content: dict[str, object]) -> str:
    known = {name: value for name, value in content.items() if value is not None}
    return json.dumps(known, sort_keys=True, separators=(",", ":"))
