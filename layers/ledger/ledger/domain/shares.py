"""Shares: how much of each line's credits stays, when money of its payment goes back.

Money goes back in steps. Each takes, of the credits that are left, the part that it is of the money that is left:

    2200 paid for 1000 credits       money left   credits left
    200 back, tax alone                    2000           1000
    2000 back                                 0              0

No money left, no credits left: whatever took the money.

A refund that names a line takes that line's money, whether or not the line grants credits. What names no line, or is
more than is left of its line, returns the overcharge first, which was the price of nothing. Then it is of all lines.
"""

from collections.abc import Iterable
from fractions import Fraction

from ledger.domain.facts import PaymentSettled, RefundedItem
from ledger.domain.money import Share, share_of
from ledger.domain.refunds import Returned

WHOLE: Share = 1


def shares_left(payment: PaymentSettled, *went_back: Iterable[Returned]) -> list[Share]:
    """Return the share of each line's credits that is left after this money went back, in this order.

    Below 0, more money went back than came: a provider credits the unused part of a period to the buyer's balance even
    if the card got all of it back. What the balance then pays for is owed.
    """
    steps = [step for group in went_back for step in group]
    if not steps:
        return [WHOLE] * len(payment.lines)
    overdrawn = _overdrawn(payment, steps)
    return [share - overdrawn for share in Shares(payment).take(steps).left]


def _overdrawn(payment: PaymentSettled, steps: Iterable[Returned]) -> Share:
    """Return what moved to the balance beyond what was paid, as a share of the price. Of a free order it is the whole.

    What cards and banks return beyond it is not counted: a refund and a dispute can report the same money.
    """
    to_balance_minor, elsewhere_minor = 0, 0
    for step in steps:
        if step.is_to_balance:
            to_balance_minor += step.amount_minor
        else:
            elsewhere_minor += step.amount_minor
    back_minor = min(elsewhere_minor, payment.returnable_minor, payment.paid_minor)
    over_minor = to_balance_minor + back_minor - payment.paid_minor
    if over_minor <= 0:
        return 0
    price_minor = payment.paid_minor - payment.overcharge_minor
    return Fraction(over_minor, price_minor) if price_minor > 0 else WHOLE


def overcharge_left(payment: PaymentSettled, *went_back: Iterable[Returned]) -> int:
    """Return what is left of the overcharge after this money went back, in this order. In minor units, rounded down."""
    steps = [step for group in went_back for step in group]
    return int(Shares(payment).take(steps).overcharge_minor) if steps else payment.overcharge_minor


class Shares:
    """The money and the credits that are left of each line of one payment. Exact: nothing is rounded."""

    def __init__(self, payment: PaymentSettled) -> None:
        lines = payment.lines_with_price
        self._line_ids = [line.line_id for line in lines]
        self._granting = len(payment.lines)
        price_minor = payment.paid_minor - payment.overcharge_minor
        amounts = [max(0, line.amount_minor) for line in lines]
        self._overcharge_minor = Fraction(payment.overcharge_minor)
        self._is_free = payment.paid_minor <= 0
        self._money = [price_minor * share_of(amount, sum(amounts)) for amount in amounts]
        self._credits: list[Share] = [WHOLE for _ in amounts]

    @property
    def left(self) -> list[Share]:
        """The share of the credits that is left of each line that grants some, from 0 to 1."""
        return self._credits[: self._granting]

    @property
    def overcharge_minor(self) -> Fraction:
        """The part of the overcharge that is left."""
        return self._overcharge_minor

    def take(self, steps: Iterable[Returned]) -> "Shares":
        """Take these amounts, one after the other. Return self."""
        for step in steps:
            self._take(step)
        return self

    def _take(self, step: Returned) -> None:
        """Take one amount: from the named lines in their order, then from the overcharge, then from all lines.

        A tax that goes back alone takes no credits, unless it is the last money of its line.
        """
        rest = Fraction(step.amount_minor)
        for item in step.items:
            amount = min(Fraction(item.amount_minor), rest)
            taken = self._take_from_line(item, amount, takes_credits=step.takes_credits)
            if item.is_tax_only:
                self._take_unnamed(amount - taken, takes_credits=False)
                taken = amount
            rest -= taken
        self._take_unnamed(rest, takes_credits=step.takes_credits)

    def _take_from_line(self, item: RefundedItem, amount: Fraction, *, takes_credits: bool) -> Fraction:
        """Take an amount from the line that an item names. Return what was taken: not more than is left of it."""
        if item.line_id not in self._line_ids:
            return Fraction(0)
        position = self._line_ids.index(item.line_id)
        taken = min(amount, self._money[position])
        is_last = taken == self._money[position]
        self._subtract(position, taken, takes_credits and (is_last or not item.is_tax_only))
        return taken

    def _take_unnamed(self, amount: Fraction, *, takes_credits: bool) -> None:
        """Take an amount that is of no line: from the overcharge, then from all lines."""
        overcharge_minor = min(self._overcharge_minor, amount)
        self._overcharge_minor -= overcharge_minor
        self._take_from_all(amount - overcharge_minor, takes_credits=takes_credits)

    def _take_from_all(self, amount: Fraction, *, takes_credits: bool) -> None:
        """Take an amount from all lines, by what is left of each. If nothing is left, no credits are left either."""
        money = sum(self._money)
        if amount < money:
            for position, left in enumerate(self._money):
                self._subtract(position, amount * left / money, takes_credits)
        elif not self._is_free and not self._overcharge_minor:
            self._credits = [0 for _ in self._credits]

    def _subtract(self, position: int, amount: Fraction, takes_credits: bool) -> None:
        money = self._money[position]
        if amount > 0:
            self._money[position] = money - amount
            if takes_credits:
                self._credits[position] *= WHOLE - amount / money
