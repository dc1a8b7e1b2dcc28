"""Purchases, and what of them can be refunded."""

from datetime import datetime

from pydantic import Field

from ledger.api.responses.decisions import DecisionResponse
from ledger.api.responses.model import Money, ResponseModel
from ledger.domain.ids import provider_of
from ledger.domain.purchases import Purchase
from ledger.domain.refund_cases import Decision, DecisionOutcome, RefundReason


class Refundability(ResponseModel):
    """The decision that a refund request for this reason would get now."""

    reason: RefundReason
    is_refundable: bool = Field(description="Also false while refunds are paused, as the decision's reasons say.")
    decision: DecisionResponse


class LineResponse(ResponseModel):
    """A line of a payment: the product and its credits."""

    product_id: str
    credits: int
    expires_at: datetime | None


class PurchaseResponse(ResponseModel):
    """A purchase: one payment."""

    purchase_id: str
    provider: str
    paid_at: datetime
    paid: Money
    refundable: Money
    lines: list[LineResponse]
    order_id: str | None
    subscription_id: str | None
    invoice_number: str | None
    is_duplicate: bool
    refundability: Refundability

    @classmethod
    def of(cls, purchase: Purchase, reason: RefundReason, decision: Decision) -> "PurchaseResponse":
        """Return a purchase, and whether it could be refunded now."""
        payment = purchase.payment
        if payment is None:
            raise ValueError("a purchase is shown once its payment is known")
        return cls(
            purchase_id=purchase.payment_id,
            provider=provider_of(payment.payment_id),
            paid_at=payment.at,
            paid=Money(amount_minor=payment.paid_minor, currency=payment.currency),
            refundable=Money(amount_minor=purchase.refundable_minor, currency=payment.currency),
            lines=[
                LineResponse(product_id=line.product_id, credits=line.credits, expires_at=line.expires_at)
                for line in payment.lines
            ],
            order_id=payment.order_id,
            subscription_id=payment.subscription_id,
            invoice_number=payment.invoice_number,
            is_duplicate=purchase.is_duplicate,
            refundability=Refundability(
                reason=reason,
                is_refundable=decision.outcome in {DecisionOutcome.APPROVE, DecisionOutcome.WAIT}
                and not decision.is_paused,
                decision=DecisionResponse.of(decision),
            ),
        )


class PurchasePage(ResponseModel):
    """Purchases, newest first."""

    purchases: list[PurchaseResponse]
    next: str | None = Field(description="Send it as `after` to get the next page. null: this was the last page.")
