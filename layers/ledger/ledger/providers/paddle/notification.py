"""A Paddle notification during translation, and what the entities in it have in common."""

from datetime import datetime

from ledger.domain.catalogue import Period
from ledger.domain.events import Claim, Owner
from ledger.domain.ids import AccountId, OrderId
from ledger.providers.parsing import Json, optional_text, rfc3339_time
from ledger.providers.translation import Notification

NAME = "paddle"


class PaddleNotification(Notification):
    """A notification of Paddle Billing. Source: developer.paddle.com/webhooks."""

    @property
    def custom_data(self) -> Json | None:
        """The entity's `custom_data`. Source: developer.paddle.com/build/transactions/custom-data.

        A browser can overwrite it on any open checkout, also of a transaction that our server made, and Paddle copies
        it to the subscription and its transactions. So it says whose an entity is, and never proves it.
        """
        custom = self.source.get("custom_data")
        return custom if isinstance(custom, dict) else None

    def owner(self, *, transaction_id: str | None = None, subscription_id: str | None = None) -> Owner:
        """Return whose an entity is: by the transaction of its checkout, or by its subscription, whose id is qualified.

        If the order is known already (`order`), it is that order's.
        """
        customer_id = self.customer_id(self.source.get("customer_id"))
        if self.order:
            self.known_owner = Owner(
                order_id=self.order.order_id, account_id=self.order.account_id, customer_id=customer_id
            )
            return self.known_owner
        order_id, account_id = (optional_text(self.custom_data, name) for name in ("order_id", "account_id"))
        self.known_owner = Owner(
            claim=Claim(
                order_id=OrderId(order_id) if order_id else None,
                account_id=AccountId(account_id) if account_id else None,
            ),
            checkout_id=transaction_id,
            subscription_id=subscription_id,
            payment_id=self.payment_id(transaction_id) if transaction_id else None,
            customer_id=customer_id,
        )
        return self.known_owner


def period_of(period: Json | None) -> Period | None:
    """Return the start and the end of a billing period. None if there is no period."""
    return (rfc3339_time(period["starts_at"]), rfc3339_time(period["ends_at"])) if period else None


def period_end(period: Json | None) -> datetime | None:
    """Return the end of a billing period. None if there is no period."""
    return rfc3339_time(period["ends_at"]) if period else None
