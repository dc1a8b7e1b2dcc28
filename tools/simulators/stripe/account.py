"""A Stripe account: its objects, and what customers, banks and time do to them. `api` serves the calls.

Each change is an event in the outbox, as at Stripe. A charge keeps the running total of its refunds. A charge cannot
be refunded while a dispute holds its money or after the dispute was lost.
"""

from collections.abc import Callable
from typing import Any

from ledger.domain.money import format_amount
from tools.simulators.common.account import locked
from tools.simulators.stripe.checkouts import Checkouts
from tools.simulators.stripe.credit_notes import CreditNotes
from tools.simulators.stripe.disputes import Disputes
from tools.simulators.stripe.objects import LOCAL_KEY

__all__ = ["LOCAL_KEY", "StripeAccount"]


class StripeAccount(Checkouts, CreditNotes, Disputes):
    """An account in test mode."""

    def _provider_actions(self) -> tuple[Callable[..., Any], ...]:
        return (
            self.pay,
            self.pay_again,
            self.arrive,
            self.bounce,
            self.renew,
            self.fail_renewal,
            self.end_period,
            self.change_quantity,
            self.cancel_in_portal,
            self.pause_in_portal,
            self.resume_in_portal,
            self.pause_collection,
            self.refund,
            self.settle_refund,
            self.fail_refund,
            self.credit,
            self.note_on_credit,
            self.void_credit,
            self.open_dispute,
            self.escalate_dispute,
            self.respond_to_dispute,
            self.withdraw_again,
            self.appeal_dispute,
            self.close_dispute,
            self.warn_of_fraud,
            self.begin_refunds_as,
        )

    def checkout_page(self, checkout_id: str) -> list[tuple[str, str]]:
        session = self.find(self.sessions, checkout_id, "checkout")
        lines = [line.title for line in self.carts[checkout_id].lines]
        then = session["success_url"].replace("{CHECKOUT_SESSION_ID}", checkout_id)
        total = format_amount(session["amount_total"], session["currency"].upper())
        return [("Product", ", ".join(lines)), ("Price", total), ("State", session["status"]), ("then", then)]

    @locked
    def advance(self, seconds: float) -> str:
        """Move the clock ahead. Checkouts and keys expire; a subscription renews only by `renew`."""
        self.clock.advance(seconds)
        for session in self.sessions.values():
            self._expire_if_due(session)
        return f"it is {self.now()}"
