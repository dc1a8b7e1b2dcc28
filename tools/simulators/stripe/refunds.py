"""Refunds: created over the API or in the dashboard, then settled or failed."""

import copy

from tools.fixtures import stripe_shapes as shapes
from tools.simulators.common.account import Json, NotPossible, locked
from tools.simulators.common.ids import stripe_id
from tools.simulators.stripe.charges import Charges


class Refunds(Charges):
    """The refunds of an account."""

    @locked
    def refund(self, payment: str, amount: int | None = None, reason: str = "requested_by_customer") -> Json:
        """Refund a `pi_`, `ch_`, `cs_` or `in_` in the dashboard, by default all that remains of it."""
        charge = self.charge_of(payment)
        remaining = charge["amount_captured"] - charge["amount_refunded"]
        if self.held_by_bank(charge) or not 0 < (amount or remaining) <= remaining:
            raise NotPossible(f"{remaining} of {charge['id']} can be refunded, unless a dispute holds it.")
        return self.give_back(charge, amount or remaining, reason=reason, metadata={})

    @locked
    def give_back(self, charge: Json, amount: int, *, reason: str | None, metadata: Json) -> Json:
        """Refund a charge. The caller has checked the amount."""
        refund_id = stripe_id("re_3")
        created = shapes.refund(
            refund_id,
            charge["id"],
            charge["payment_intent"],
            amount,
            self.now(),
            currency=charge["currency"],
            customer=charge["customer"],
            metadata=metadata,
            payment_method=charge["payment_method"],
            reason=reason,
            status=self.refunds_begin,
            pending_reason="insufficient_funds" if self.refunds_begin == "pending" else None,
        )
        self.refunds[refund_id] = created
        self.emit("refund.created", created)
        before = copy.deepcopy(charge)
        self.update_refunded_amount(charge)
        self.emit("charge.refunded", charge, before)
        self.close_warnings(charge)
        return created

    @locked
    def settle_refund(self, refund: str) -> Json:
        """Let a pending refund succeed."""
        found = self.find(self.refunds, refund, "refund")
        if found["status"] != "pending":
            raise NotPossible(f"{refund} is {found['status']}, not pending.")
        before = copy.deepcopy(found)
        found.update(status="succeeded", pending_reason=None)
        self.emit("refund.updated", found, before)
        return found

    @locked
    def fail_refund(self, refund: str, reason: str = "expired_or_canceled_card") -> Json:
        """Let a refund fail: the bank returns the money, perhaps days later."""
        found = self.find(self.refunds, refund, "refund")
        if found["status"] not in {"pending", "succeeded"}:
            raise NotPossible(f"{refund} is {found['status']} already.")
        before = copy.deepcopy(found)
        found.update(
            status="failed",
            failure_reason=reason,
            pending_reason=None,
            failure_balance_transaction=stripe_id("txn_1", 24),
        )
        self.update_refunded_amount(self.charges[found["charge"]])
        self.emit("refund.updated", found, before)
        self.emit("refund.failed", found)
        return found

    def begin_refunds_as(self, status: str) -> str:
        """Set the status of new refunds: `succeeded` or `pending`."""
        if status not in {"succeeded", "pending"}:
            raise ValueError("a refund begins as succeeded or pending")
        self.refunds_begin = status
        return status
