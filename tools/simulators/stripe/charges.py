"""Charges, their running total of refunds, and the fraud warnings about them."""

from tools.fixtures import stripe_shapes as shapes
from tools.simulators.common.account import Json, locked
from tools.simulators.common.ids import stripe_id
from tools.simulators.stripe.objects import StripeObjects

_HELD = {"needs_response", "under_review", "appeal_needs_response", "appeal_under_review", "lost"}


class Charges(StripeObjects):
    """The charges of an account."""

    @locked
    def warn_of_fraud(self, payment: str) -> Json:
        """The card network warns of a payment before its bank disputes it."""
        charge = self.charge_of(payment)
        is_actionable = not charge["disputed"] and not charge["refunded"]
        warning_id = stripe_id("issfr_1", 26)
        created = shapes.fraud_warning(
            warning_id, charge["id"], charge["payment_intent"], self.now(), actionable=is_actionable
        )
        self.fraud_warnings[warning_id] = created
        self.emit("radar.early_fraud_warning.created", created)
        return created

    def held_by_bank(self, charge: Json) -> bool:
        """Return whether a chargeback of a charge is open or lost. An inquiry or a won dispute leaves it refundable."""
        return any(one["charge"] == charge["id"] and one["status"] in _HELD for one in self.disputes.values())

    def charge(self, intent: str, who: str, customer: str | None, metadata: Json, amount: int, currency: str) -> None:
        """Create a paid charge of a PaymentIntent."""
        charge_id = stripe_id("ch_3")
        charge = shapes.charge(
            charge_id, intent, who, customer, metadata, amount, created=self.now(), currency=currency
        )
        self.charges[charge_id] = charge
        self.charge_of_intent[intent] = charge_id

    def update_refunded_amount(self, charge: Json) -> None:
        """Set the running total of a charge. Pending refunds count, failed ones do not."""
        charge["amount_refunded"] = sum(
            one["amount"]
            for one in self.refunds.values()
            if one["charge"] == charge["id"] and one["status"] in {"pending", "requires_action", "succeeded"}
        )
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]

    def close_warnings(self, charge: Json) -> None:
        """Make the warnings of a charge not actionable once it is refunded in full, or disputed."""
        if not (charge["refunded"] or charge["disputed"]):
            return
        for one in self.fraud_warnings.values():
            if one["charge"] == charge["id"] and one["actionable"]:
                before = dict(one)
                one["actionable"] = False
                self.emit("radar.early_fraud_warning.updated", one, before)
