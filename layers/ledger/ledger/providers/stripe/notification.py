"""A Stripe notification during translation, and what the objects in it have in common."""

from collections.abc import Callable
from types import MappingProxyType
from typing import TypeVar

from ledger.domain.events import Owner
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.providers.parsing import Json, optional_text
from ledger.providers.translation import Notification

NAME = "stripe"

_Id = TypeVar("_Id")


class StripeNotification(Notification):
    """An Event object of Stripe. Source: docs.stripe.com/api/events/object."""

    previous_attributes: Json = MappingProxyType({})  # of an `updated` event: what changed, as it was before

    @property
    def own_customer_id(self) -> str | None:
        """Return the object's customer: a Customer, or an Account of the Accounts API v2, which has no Customer."""
        return self.customer_id(self.source.get("customer") or self.source.get("customer_account"))

    def owner(self, metadata: Json | None) -> Owner:
        """Return whose an object with this metadata is. Source: docs.stripe.com/metadata.

        Only our server writes the metadata of the objects that are passed here. A browser can write
        `client_reference_id`, so that field is not used.
        """
        self.known_owner = Owner(
            order_id=_optional_id(OrderId, optional_text(metadata, "order_id")),
            account_id=_optional_id(AccountId, optional_text(metadata, "account_id")),
            customer_id=self.own_customer_id,
        )
        return self.known_owner

    def charge_names(self) -> tuple[PaymentId, ...]:
        """Return the PaymentIntent, if the object names it, and the charge. Naming both links them."""
        own_ids = (optional_text(self.source, "payment_intent"), optional_text(self.source, "charge"))
        names = tuple(self.payment_id(own_id) for own_id in own_ids if own_id)
        if not names:
            raise ValueError("neither payment_intent nor charge is named")
        return names


def _optional_id(kind: Callable[[str], _Id], value: str | None) -> _Id | None:
    return kind(value) if value else None
