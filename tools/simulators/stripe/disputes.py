"""Disputes: inquiries and chargebacks, and the money that they withdraw and reinstate."""

import contextlib
import copy
from collections.abc import Iterator

from tools.fixtures import stripe_shapes as shapes
from tools.simulators.common.account import Json, NotPossible, locked
from tools.simulators.common.ids import stripe_id
from tools.simulators.stripe.refunds import Refunds

DISPUTE_FEE_MINOR = 1500


class Disputes(Refunds):
    """The disputes of an account."""

    @locked
    def open_dispute(
        self,
        payment: str,
        amount: int | None = None,
        reason: str = "fraudulent",
        is_inquiry: bool = False,
    ) -> Json:
        """Dispute a payment as its bank. The money is withdrawn at once, unless it is only an inquiry."""
        charge = self.charge_of(payment)
        dispute_id = stripe_id("dp_1")
        created = shapes.dispute(
            dispute_id,
            charge["id"],
            charge["payment_intent"],
            amount or charge["amount_captured"] - charge["amount_refunded"],
            "warning_needs_response" if is_inquiry else "needs_response",
            self.now(),
            [],
            currency=charge["currency"],
            reason=reason,
        )
        if created["amount"] <= 0:
            raise NotPossible(f"{charge['id']} was refunded in full: there is nothing to dispute.")
        self.disputes[dispute_id] = created
        charge["disputed"] = True
        if not is_inquiry:
            self._move_dispute(created, -1)
        self.emit("charge.dispute.created", created)
        if not is_inquiry:
            self._withdraw(created)
        self.close_warnings(charge)
        return created

    @locked
    def escalate_dispute(self, dispute: str) -> Json:
        """Turn an inquiry into a chargeback, which withdraws the money."""
        found = self._dispute(dispute, "warning_needs_response", "warning_under_review")
        with self._updating_dispute(found, "needs_response"):
            self._move_dispute(found, -1)
        self._withdraw(found)
        return found

    @locked
    def respond_to_dispute(self, dispute: str) -> Json:
        """Submit evidence."""
        found = self._dispute(dispute, "needs_response", "warning_needs_response")
        is_inquiry = found["status"].startswith("warning")
        with self._updating_dispute(found, "warning_under_review" if is_inquiry else "under_review"):
            pass
        return found

    @locked
    def appeal_dispute(self, dispute: str) -> Json:
        """Appeal a lost dispute."""
        found = self._dispute(dispute, "lost")
        with self._updating_dispute(found, "appeal_needs_response"):
            pass
        return found

    @locked
    def close_dispute(self, dispute: str, outcome: str) -> Json:
        """Close a dispute as `won` (the money comes back) or `lost`, an inquiry as `warning_closed`."""
        found = self._dispute(
            dispute,
            "needs_response",
            "under_review",
            "appeal_needs_response",
            "warning_needs_response",
            "warning_under_review",
        )
        possible = {"warning_closed"} if found["status"].startswith("warning") else {"won", "lost"}
        if outcome not in possible:
            raise NotPossible(f"{dispute} is {found['status']}: it can end as {' or '.join(sorted(possible))}.")
        self._set_status(found, outcome)
        self.emit("charge.dispute.closed", found)
        if outcome == "won":
            self._move_dispute(found, +1)
            self.emit("charge.dispute.funds_reinstated", found)
        return found

    @locked
    def withdraw_again(self, dispute: str) -> Json:
        """Contest a payment once more after the dispute was won: its money is withdrawn a second time."""
        found = self._dispute(dispute, "won")
        with self._updating_dispute(found, "needs_response"):
            self._move_dispute(found, -1)
        self._withdraw(found)
        return found

    def _dispute(self, dispute: str, *statuses: str) -> Json:
        found = self.disputes.get(dispute)
        if found is None or found["status"] not in statuses:
            raise NotPossible(f"{dispute} is {found['status'] if found else 'not known'}.")
        return found

    def _move_dispute(self, dispute: Json, sign: int) -> None:
        movement = shapes.balance_transaction(
            len(dispute["balance_transactions"]),
            dispute["id"],
            sign * dispute["amount"],
            -sign * DISPUTE_FEE_MINOR,
            self.now(),
        )
        dispute["balance_transactions"].append(movement | {"currency": dispute["currency"]})

    def _withdraw(self, dispute: Json) -> None:
        """Withdraw the money of a dispute. Pending refunds of its charge fail, as nothing is left to pay them from."""
        self.emit("charge.dispute.funds_withdrawn", dispute)
        for refund_id, one in self.refunds.items():
            if one["charge"] == dispute["charge"] and one["status"] == "pending":
                self.fail_refund(refund_id, "charge_for_pending_refund_disputed")

    def _set_status(self, dispute: Json, status: str) -> None:
        """Set the status of a dispute, and all that depends on it."""
        updated = shapes.dispute(
            dispute["id"],
            dispute["charge"],
            dispute["payment_intent"],
            dispute["amount"],
            status,
            dispute["created"],
            dispute["balance_transactions"],
            currency=dispute["currency"],
            reason=dispute["reason"],
        )
        dispute.update(updated)

    @contextlib.contextmanager
    def _updating_dispute(self, dispute: Json, status: str) -> Iterator[None]:
        before = copy.deepcopy(dispute)
        yield
        self._set_status(dispute, status)
        self.emit("charge.dispute.updated", dispute, before)
