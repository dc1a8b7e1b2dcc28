"""A Paddle account: its entities, and what customers, banks, Paddle's staff and time do. `api` serves the calls.

Each change is an event in the outbox. No more is given back of a line than was paid for it. Refunds, refunds that wait
for approval and chargebacks all count.
"""

import urllib.parse
from collections.abc import Callable
from typing import Any

from ledger.domain.money import format_amount
from tools.simulators.paddle.adjustments import Adjustments, Share
from tools.simulators.paddle.objects import LOCAL_KEY
from tools.simulators.paddle.transactions import Transactions

__all__ = ["LOCAL_KEY", "PaddleAccount", "Share"]


class PaddleAccount(Transactions, Adjustments):
    """An account in the sandbox."""

    def _provider_actions(self) -> tuple[Callable[..., Any], ...]:
        return (
            self.pay,
            self.pay_again,
            self.decline,
            self.renew,
            self.fail_renewal,
            self.end_period,
            self.change_quantity,
            self.refund,
            self.approve,
            self.reject,
            self.reverse,
            self.open_chargeback,
            self.win_chargeback,
            self.approve_at_once,
        )

    def checkout_page(self, checkout_id: str) -> list[tuple[str, str]]:
        transaction = self.find(self.transactions, checkout_id, "transaction")
        lines = [line.title for line in self.carts[checkout_id]]
        totals = transaction["details"]["totals"]
        total = format_amount(int(totals["grand_total"]), totals["currency_code"])
        rows = [("Product", ", ".join(lines)), ("Price", total), ("State", transaction["status"])]
        order_id = (transaction["custom_data"] or {}).get("order_id")
        if self.return_to and order_id:  # as our own page does, on which Paddle's checkout opens
            rows.append(("then", f"{self.return_to}&{urllib.parse.urlencode({'order_id': order_id})}"))
        return rows

    def advance(self, seconds: float) -> str:
        """Move the clock ahead. A subscription renews only by `renew`."""
        self.clock.advance(seconds)
        return f"it is {self.now()}"
