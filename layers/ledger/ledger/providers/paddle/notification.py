"""A Paddle notification during translation, and what the entities in it have in common."""

from datetime import datetime

from ledger.domain.catalogue import Period
from ledger.domain.events import Owner
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.providers.parsing import Json, optional_text, rfc3339_time
from ledger.providers.translation import Notification

NAME = "paddle"


class PaddleNotification(Notification):
    """A notification of Paddle Billing. Source: developer.paddle.com/webhooks."""

    def owner(self, *, is_set_by_us: bool, payment_id: PaymentId | None = None) -> Owner:
        """Return whose an entity is, by its `custom_data`. Source: developer.paddle.com/build/transactions/custom-data.

        A browser can write the `custom_data` of an open checkout, and Paddle copies it to the subscription.
        """
        custom = self.source.get("custom_data")
        custom = custom if isinstance(custom, dict) else None
        account_id = optional_text(custom, "account_id")
        order_id = optional_text(custom, "order_id")
        return Owner(
            order_id=OrderId(order_id) if order_id else None,
            account_id=AccountId(account_id) if account_id and is_set_by_us else None,
            browser_account_id=AccountId(account_id) if account_id and not is_set_by_us else None,
            payment_id=payment_id,
            customer_id=self.customer_id(self.source.get("customer_id")),
        )


def period_of(period: Json | None) -> Period | None:
    """Return the start and the end of a billing period. None if there is no period."""
    return (rfc3339_time(period["starts_at"]), rfc3339_time(period["ends_at"])) if period else None


def period_end(period: Json | None) -> datetime | None:
    """Return the end of a billing period. None if there is no period."""
    return rfc3339_time(period["ends_at"]) if period else None
