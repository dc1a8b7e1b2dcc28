"""Orders, what became of them, and their consent."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from ledger.api.responses.model import WITHDRAWAL_PAGE, Money, ResponseModel
from ledger.domain.ids import PaymentId
from ledger.domain.orders import MissingConsent, Order


class OrderResponse(ResponseModel):
    """An order, and the URL of its checkout."""

    order_id: str
    product_id: str
    price: Money = Field(description="Before tax and discount.")
    provider: str
    made_at: datetime
    checkout_url: str

    @classmethod
    def of(cls, order: Order) -> "OrderResponse":
        """Return an order whose checkout exists."""
        if order.checkout is None or order.checkout.url is None:
            raise ValueError("an order is shown once its checkout is made")
        return cls(
            order_id=order.order_id,
            product_id=order.product_id,
            price=Money(amount_minor=order.price_minor, currency=order.currency),
            provider=order.provider,
            made_at=order.made_at,
            checkout_url=order.checkout.url,
        )


class OrderState(StrEnum):
    """What became of an order."""

    PLACED = "placed"  # its checkout was not created: repeat `POST /orders` with its Idempotency-Key
    AWAITING_PAYMENT = "awaiting_payment"  # no payment was reported: it is not paid, or the bank takes days
    PAID = "paid"


class PlacedOrderResponse(ResponseModel):
    """An order, and what became of it."""

    order_id: str
    product_id: str
    price: Money = Field(description="Before tax and discount.")
    provider: str
    made_at: datetime
    policy_version: str = Field(description="Of the refund policy under which it was sold: `GET /policy/{version}`.")
    has_consent: bool = Field(description="The customer asked to begin at once, and knows what that ends.")
    is_consent_confirmed: bool = Field(description="The consent was confirmed by e-mail.")
    missing_consent: MissingConsent | None = Field(
        description="What the consent still needs. consent: the customer's, `POST /orders/{order_id}/consent`. "
        "confirmation: ours, by e-mail. null: it is complete."
    )
    lock_days: int | None = Field(
        description="So many days after the payment the credits are locked, unless the consent is complete. null: they "
        "are not."
    )
    locked_until: datetime | None = Field(description="Its credits are locked until then. null: they are not.")
    state: OrderState
    purchase_ids: list[str] = Field(description="Its payments, as in `GET /purchases`. Two: it was paid twice.")
    checkout_url: str | None = Field(description="Where to pay, while it awaits payment.")
    withdrawal_page: str = Field(
        description="The public page to withdraw from this contract, relative to the API's address. It needs no login.",
        examples=["/withdrawal?contract=ord_0123456789abcdef01234567"],
    )

    @classmethod
    def of(
        cls, order: Order, payment_ids: tuple[PaymentId, ...], url: str | None, locked_until: datetime | None
    ) -> "PlacedOrderResponse":
        """Return an order with its payments, the original first. `url` is its checkout's."""
        consent = order.consent
        is_placed = OrderState.AWAITING_PAYMENT if order.checkout else OrderState.PLACED
        return cls(
            order_id=order.order_id,
            product_id=order.product_id,
            price=Money(amount_minor=order.price_minor, currency=order.currency),
            provider=order.provider,
            made_at=order.made_at,
            policy_version=order.policy_version,
            has_consent=consent is not None and consent.asked_to_begin and consent.acknowledged_loss,
            is_consent_confirmed=consent is not None and consent.confirmation_id is not None,
            missing_consent=order.missing_consent,
            lock_days=order.terms.lock_days if order.terms else None,
            locked_until=locked_until,
            state=OrderState.PAID if payment_ids else is_placed,
            purchase_ids=list(payment_ids),
            checkout_url=None if payment_ids else url,
            withdrawal_page=f"{WITHDRAWAL_PAGE}?contract={order.order_id}",
        )


class ConsentResponse(ResponseModel):
    """The consent of an order."""

    order_id: str
    is_complete: bool = Field(description="All of it is there, and was in time: the credits are not locked.")
    missing_consent: MissingConsent | None = Field(
        description="What is still missing, as `GET /orders/{order_id}` says."
    )

    @classmethod
    def of(cls, order: Order) -> "ConsentResponse":
        """Return what is known of an order's consent."""
        is_complete = order.consent is not None and order.consent.is_complete
        return cls(order_id=order.order_id, is_complete=is_complete, missing_consent=order.missing_consent)
