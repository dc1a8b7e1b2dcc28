"""Orders and their consent."""

from datetime import datetime

from pydantic import Field

from ledger.api.responses.model import Money, ResponseModel
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


class ConsentResponse(ResponseModel):
    """The consent of an order."""

    order_id: str
    is_complete: bool = Field(description="The request, the acknowledgement and the confirmation are all recorded.")
