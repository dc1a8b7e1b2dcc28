"""Adjustments: refunds with their approval, chargebacks, and what is left of each line."""

from dataclasses import dataclass

from tools.fixtures import paddle_shapes as shapes
from tools.simulators.common.account import Json, NotPossible, locked
from tools.simulators.common.ids import paddle_id
from tools.simulators.paddle.objects import PaddleObjects

_WITHDRAWS = {"refund", "chargeback", "chargeback_warning"}
_PENDING_OR_APPROVED = {"pending_approval", "approved"}


@dataclass(frozen=True, slots=True)
class Share:
    """The part of one line that an adjustment takes."""

    item_id: str
    kind: str  # full, partial, tax
    total_minor: int
    tax_minor: int


class Adjustments(PaddleObjects):
    """The adjustments of an account."""

    @locked
    def refund(self, transaction: str, reason: str = "asked Paddle") -> Json:
        """Refund what is left of a transaction, by Paddle's own decision."""
        found = self.find(self.transactions, transaction, "transaction")
        shares = self.whole(found)
        if found["status"] != "completed" or not shares or self.has_pending(transaction):
            raise NotPossible(f"{transaction} was not paid, was refunded, or waits for an approval.")
        return self.adjust(found, "refund", shares, reason=reason, kind="full", status="approved")

    def left_of(self, transaction: Json) -> dict[str, tuple[int, int]]:
        """Return what can still be refunded of each line, and the tax in it, by the id of the line."""
        left = {
            line["id"]: [int(line["totals"]["total"]), int(line["totals"]["tax"])]
            for line in transaction["details"]["line_items"]
        }
        for one in self._counted(transaction["id"], _PENDING_OR_APPROVED):
            for item in one["items"]:
                left[item["item_id"]][0] -= int(item["totals"]["total"])
                left[item["item_id"]][1] -= int(item["totals"]["tax"])
        return {item_id: (total, tax) for item_id, (total, tax) in left.items()}

    def whole(self, transaction: Json) -> list[Share]:
        """Return the shares that refund all that is left of a transaction."""
        left = self.left_of(transaction).items()
        return [Share(item_id, "full", total, tax) for item_id, (total, tax) in left if total > 0]

    def has_pending(self, transaction_id: str) -> bool:
        """Return whether a refund of a transaction waits for approval."""
        return any(
            one["transaction_id"] == transaction_id and one["status"] == "pending_approval"
            for one in self.adjustments.values()
        )

    def adjust(
        self, transaction: Json, action: str, shares: list[Share], *, reason: str, kind: str, status: str | None = None
    ) -> Json:
        """Adjust a transaction by checked shares. Without a status, approve at once unless the amount is large."""
        with self.lock:
            adjustment_id, at = paddle_id("adj"), self.now()
            total = sum(share.total_minor for share in shares)
            if status is None:
                status = "approved" if total <= self.approved_at_once_minor else "pending_approval"
            created = shapes.adjustment(adjustment_id, transaction, action, status, at)
            created["items"] = [_item(adjustment_id, position, share) for position, share in enumerate(shares)]
            created.update(type=kind, reason=reason)
            self.adjustments[adjustment_id] = created
            self._update_totals(created)
            self._update_adjusted_totals(transaction)
            self.emit("adjustment.created", created)
            return created

    def approve(self, adjustment: str) -> Json:
        """Approve a refund."""
        return self._decide(adjustment, "pending_approval", "approved")

    def reject(self, adjustment: str) -> Json:
        """Reject a refund."""
        return self._decide(adjustment, "pending_approval", "rejected")

    def reverse(self, adjustment: str) -> Json:
        """Reverse an approved refund: the money comes back."""
        found = self.find(self.adjustments, adjustment, "adjustment")
        if found["action"] != "refund":
            raise NotPossible(f"{adjustment} is not a refund: use win_chargeback.")
        return self._decide(adjustment, "approved", "reversed")

    def approve_at_once(self, up_to_minor: int) -> int:
        """Set the amount up to which refunds need no approval. At 0 every refund needs one."""
        self.approved_at_once_minor = up_to_minor
        return up_to_minor

    @locked
    def open_chargeback(self, transaction: str, is_warning: bool = False) -> Json:
        """Take back what is left of a payment, by a chargeback or by a warning. Both withdraw the money."""
        found = self.find(self.transactions, transaction, "transaction")
        for one in list(self.adjustments.values()):
            if one["transaction_id"] == transaction and one["status"] == "pending_approval":
                self.reject(one["id"])
        shares = self.whole(found)
        if found["status"] != "completed" or not shares:
            raise NotPossible(f"{transaction} was not paid, or nothing is left of it.")
        action = "chargeback_warning" if is_warning else "chargeback"
        return self.adjust(found, action, shares, reason="chargeback", kind="full", status="approved")

    @locked
    def win_chargeback(self, adjustment: str) -> Json:
        """Win a chargeback, or withdraw a warning: the money returns."""
        found = self.find(self.adjustments, adjustment, "adjustment")
        if found["action"] not in _WITHDRAWS - {"refund"} or found["status"] != "approved":
            raise NotPossible(f"{adjustment} is not an open chargeback: {found['action']}, {found['status']}.")
        reversal = shapes.adjustment(
            paddle_id("adj"),
            self.transactions[found["transaction_id"]],
            f"{found['action']}_reverse",
            "approved",
            self.now(),
        )
        reversal["items"] = [item | {"id": paddle_id("adjitm")} for item in found["items"]]
        reversal["reason"] = "chargeback reversed"
        self.adjustments[reversal["id"]] = reversal
        self._update_totals(reversal)
        self.emit("adjustment.created", reversal)
        self._decide(adjustment, "approved", "reversed")
        return reversal

    def _counted(self, transaction_id: str, statuses: set[str]) -> list[Json]:
        """Return the adjustments with these statuses that take money from a transaction."""
        return [
            one
            for one in self.adjustments.values()
            if one["transaction_id"] == transaction_id and one["action"] in _WITHDRAWS and one["status"] in statuses
        ]

    @locked
    def _decide(self, adjustment: str, before: str, after: str) -> Json:
        found = self.find(self.adjustments, adjustment, "adjustment")
        if found["status"] != before:
            raise NotPossible(f"{adjustment} is {found['status']}, not {before}.")
        found.update(status=after, updated_at=self.now())
        self._update_totals(found)
        self._update_adjusted_totals(self.transactions[found["transaction_id"]])
        self.emit("adjustment.updated", found)
        return found

    def _update_totals(self, adjustment: Json) -> None:
        """Set the totals of an adjustment from its items, and those of its payout once it is approved."""
        sums = {
            name: str(sum(int(item["totals"][name]) for item in adjustment["items"]))
            for name in ("subtotal", "tax", "total")
        }
        totals = {
            **sums,
            "fee": "0",
            "retained_fee": "0",
            "earnings": sums["subtotal"],
            "currency_code": adjustment["currency_code"],
        }
        fee = "1500" if adjustment["action"] == "chargeback" else "0"
        is_settled = adjustment["status"] in {"approved", "reversed"}
        adjustment.update(
            totals=totals,
            payout_totals=totals | {"chargeback_fee": {"amount": fee, "original": None}} if is_settled else None,
            tax_rates_used=[{"tax_rate": "0.1", "totals": sums}],
        )

    def _update_adjusted_totals(self, transaction: Json) -> None:
        """Set the adjusted totals of a transaction: its totals less all approved adjustments."""
        totals, adjusted = transaction["details"]["totals"], transaction["details"]["adjusted_totals"]
        deducted = self._counted(transaction["id"], {"approved"})
        sums = {name: sum(int(one["totals"][name]) for one in deducted) for name in ("subtotal", "tax", "total")}
        net = int(totals["subtotal"]) - int(totals["discount"])
        adjusted.update(
            subtotal=str(net - sums["subtotal"]),
            tax=str(int(totals["tax"]) - sums["tax"]),
            total=str(int(totals["total"]) - sums["total"]),
            grand_total=str(int(totals["grand_total"]) - sums["total"]),
            grand_total_tax=str(int(totals["grand_total_tax"]) - sums["tax"]),
        )


def _item(adjustment_id: str, position: int, share: Share) -> Json:
    return {
        "id": f"adjitm_{adjustment_id[4:-1]}{position}",
        "item_id": share.item_id,
        "type": share.kind,
        "amount": str(share.total_minor),
        "proration": None,
        "totals": {
            "subtotal": str(share.total_minor - share.tax_minor),
            "tax": str(share.tax_minor),
            "total": str(share.total_minor),
        },
    }
