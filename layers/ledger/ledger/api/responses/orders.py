"""Orders, what became of them, and their consent."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from ledger.api.responses.model import Money, ResponseModel
from ledger.domain.ids import PaymentId
from ledger.domain.orders import Order


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
    state: OrderState
    purchase_ids: list[str] = Field(description="Its payments, as in `GET /purchases`. Two: it was paid twice.")
    checkout_url: str | None = Field(description="Where to pay, while it awaits payment.")

    @classmethod
    def of(cls, order: Order, payment_ids: tuple[PaymentId, ...], url: str | None) -> "PlacedOrderResponse":
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
            state=OrderState.PAID if payment_ids else is_placed,
            purchase_ids=list(payment_ids),
            checkout_url=None if payment_ids else url,
        )


class ConsentResponse(ResponseModel):
    """The consent of an order."""

    order_id: str
    is_complete: bool = Field(description="The request, the acknowledgement and the confirmation are all recorded.")
