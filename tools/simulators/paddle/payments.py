"""The shapes and the completion of transactions, for checkouts and for subscriptions."""

import uuid
from typing import Any

from tools.fixtures import paddle_shapes as shapes
from tools.simulators.common.account import Json
from tools.simulators.common.cart import CartLine
from tools.simulators.common.clock import stamp
from tools.simulators.common.ids import paddle_id
from tools.simulators.paddle.objects import PaddleObjects, tariff


class Payments(PaddleObjects):
    """How the transactions of an account are written and completed."""

    def shape(self, transaction_id: str, at: str, cart: tuple[CartLine, ...], currency: str, **fields: Any) -> Json:
        """Return a transaction of a cart at the prices of our catalogue."""
        return shapes.transaction(
            transaction_id,
            at,
            [(line.product.product_id, line.quantity) for line in cart],
            tariff=tariff(cart, currency),
            invoice_number=f"1234-{10001 + len(self.transactions)}",
            **fields,
        )

    def attempt(self, transaction: Json, *, is_captured: bool) -> Json:
        """Return an attempt to pay the grand total of a transaction by card."""
        created = shapes.attempt(str(uuid.uuid4()), paddle_id("paymtd"), self.now(), is_captured=is_captured)
        return created | {"amount": transaction["details"]["totals"]["grand_total"]}

    def complete(
        self,
        transaction: Json,
        *,
        customer: str,
        subscription_id: str | None,
        period: tuple[int, int] | None = None,
        is_proration: bool = False,
    ) -> Json:
        """Capture the payment of a transaction, and complete it."""
        billed = transaction["billing_period"]
        span = (stamp(period[0]), stamp(period[1])) if period else tuple(billed.values()) if billed else None
        paid = self.shape(
            transaction["id"],
            transaction["created_at"],
            self.carts[transaction["id"]],
            transaction["currency_code"],
            customer=customer,
            custom=transaction["custom_data"],
            origin=transaction["origin"],
            subscription_id=subscription_id,
            period=span,
            attempts=[self.attempt(transaction, is_captured=True), *transaction["payments"]],
            is_proration=is_proration,
            updated_at=self.now(),
        )
        number = transaction["invoice_number"] or paid["invoice_number"]
        unchanged = {"checkout": transaction["checkout"], "billed_at": transaction["billed_at"] or paid["updated_at"]}
        transaction.update(paid, **unchanged, invoice_number=number)
        self.emit("transaction.completed", transaction)
        return transaction
