"""The situation that a refund request is decided in: the purchase, its use, its order, and what was asked when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from ledger.domain.ids import PaymentId
from ledger.domain.money import format_amount, portion
from ledger.domain.orders import Order
from ledger.domain.refund_cases import Decision, RefundReason


@dataclass(frozen=True, slots=True, kw_only=True)
class LineUsage:
    """One line of the payment: what it cost and what became of its credits."""

    line_id: str
    amount_minor: int
    granted: int
    drawn: int  # net of what failed runs gave back
    taken_back: int = 0  # or reserved for a refund under way

    @property
    def kept(self) -> int:
        """What was not taken back, used or not."""
        return max(0, self.granted - max(0, self.taken_back))

    @property
    def unused(self) -> int:
        """What was neither taken back nor used. Credits that lapsed were not used."""
        return max(0, self.kept - max(0, self.drawn))


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyContext:
    """Everything that a decision may depend on."""

    reason: RefundReason
    now: datetime
    paid_at: datetime
    paid_minor: int
    currency: str
    refundable_minor: int  # paid, less what went back or is about to
    refunded_minor: int = 0
    overcharge_minor: int = 0
    lines: tuple[LineUsage, ...] = ()
    is_subscription: bool = False
    is_renewal: bool = False  # a later period of a subscription
    is_duplicate: bool = False  # another payment is the original for this order or period
    doubles_subscription: bool = False  # a duplicate that began a subscription of its own, beside the original's
    is_disputed: bool = False  # a dispute on it is open
    order: Order | None = None
    similar: tuple[PaymentId, ...] = ()  # other payments of this account for the same product and sum, close in time
    failed_runs: int = 0  # since the payment
    failed_credits: int = 0
    failed_since_decline: int = 0  # of them, those after a person declined
    declined_before: Decision | None = None  # by a person, for the same purchase and reason
    asked_at: datetime | None = None  # when the customer asked; it counts for every time limit. None: now

    @property
    def asked(self) -> datetime:
        return self.asked_at or self.now

    @property
    def age(self) -> timedelta:
        return self.now - self.paid_at

    @property
    def drawn(self) -> int:
        return sum(max(0, line.drawn) for line in self.lines)

    @property
    def kept(self) -> int:
        return sum(line.kept for line in self.lines)

    @property
    def left_minor(self) -> int:
        """What of the payment is still with us: no decision gives back more."""
        return max(0, min(self.refundable_minor, self.paid_minor))

    @property
    def excess_minor(self) -> int:
        """What of the amount above the price is still with us: whatever went back corrected that first."""
        return max(0, min(self.overcharge_minor - (self.paid_minor - self.left_minor), self.left_minor))

    @property
    def unused_minor(self) -> int:
        """What the unused credits cost, and any amount above the price.

        Of the money that is still with us, the unused credits' share of the price of all that were not taken back.
        Rounded down, so that no refund takes back a credit that was used.
        """
        if self.drawn == 0:
            return self.left_minor
        return self.excess_minor + portion(self.left_minor - self.excess_minor, self._unused_share)

    @property
    def is_consent_complete(self) -> bool:
        consent = self.order.consent if self.order else None
        return consent is not None and consent.is_complete

    @property
    def _unused_share(self) -> Fraction:
        is_priced = any(line.amount_minor > 0 for line in self.lines)
        unused, kept = Fraction(0), Fraction(0)
        for line in self.lines:
            if line.granted > 0:
                price = Fraction(max(0, line.amount_minor), line.granted) if is_priced else Fraction(1)
                unused += price * line.unused
                kept += price * line.kept
        return unused / kept if kept else Fraction(0)


def summarize(s: PolicyContext) -> tuple[str, ...]:
    """The facts that a decision rests on, for the record."""
    facts = [
        f"asked for: {s.reason}, at {s.asked.isoformat()}",
        f"paid: {format_amount(s.paid_minor, s.currency)}, at {s.paid_at.isoformat()}",
        f"refunded: {format_amount(s.refunded_minor, s.currency)}",
        f"could still be refunded: {format_amount(s.left_minor, s.currency)}",
        f"credits: {sum(line.granted for line in s.lines)} granted, {s.drawn} used, "
        f"{sum(line.taken_back for line in s.lines)} taken back or reserved",
    ]
    if s.order:
        buyer = "a business" if s.order.is_business else "a consumer"
        consent = s.order.consent
        words = "complete" if consent and consent.is_complete else "incomplete" if consent else "none"
        facts.append(f"order {s.order.order_id}: {s.order.product_id}, at {s.order.made_at.isoformat()}")
        facts.append(f"its price: {format_amount(s.order.price_minor, s.order.currency)} before tax and discount")
        facts.append(f"buyer: {buyer} in {s.order.country}; consent: {words}")
    else:
        facts.append("no order of ours")
    if s.overcharge_minor:
        facts.append(f"above the price: {format_amount(s.overcharge_minor, s.currency)}")
    if s.is_subscription:
        facts.append("a renewal of a subscription" if s.is_renewal else "a subscription's first payment")
    if s.is_duplicate:
        facts.append("a duplicate of another payment")
    if s.similar:
        facts.append(f"similar payments: {', '.join(s.similar)}")
    if s.is_disputed:
        facts.append("a dispute is open")
    if s.failed_runs:
        facts.append(f"failed runs since: {s.failed_runs}, of {s.failed_credits} credits")
    if s.declined_before:
        facts.append("declined by a person before")
    return tuple(facts)
