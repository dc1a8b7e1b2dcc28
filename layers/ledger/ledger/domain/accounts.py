"""Accounts: one customer's credits, and whether they may be spent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ledger.domain.errors import AccountSuspended, InsufficientCredits
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.subscriptions import Subscription


@dataclass(frozen=True, slots=True)
class Hold:
    """A reason for suspension. Lifting one never lifts another."""

    since: datetime
    payment_id: PaymentId | None  # the purchase that it was derived from; None: a person of support laid it


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One customer's credits as of one version. Closed and empty lots have left it; their purchases keep them."""

    account_id: AccountId
    version: int = 0  # every writer adds 1; 0: not stored yet
    lots: Mapping[str, Lot] = field(default_factory=dict)
    holds: Mapping[str, Hold] = field(default_factory=dict)
    flags: Mapping[str, datetime] = field(default_factory=dict)  # for support: no effect on spending
    subscriptions: Mapping[str, Subscription] = field(default_factory=dict)
    cases: Mapping[str, str] = field(default_factory=dict)  # open refund cases: the mark of each, by its id
    covered: Mapping[str, PaymentId] = field(default_factory=dict)  # first periods, by the payments that claim an order

    @property
    def status(self) -> str:
        return "suspended" if self.holds else "active"

    @property
    def balance(self) -> int:
        """The sum of all entries: what remains in the lots, frozen ones included."""
        return sum(lot.remaining for lot in self.lots.values())

    @property
    def shortfall(self) -> int:
        """Credits that should have been taken back but were already used."""
        return sum(lot.owed for lot in self.lots.values())

    @property
    def lots_in_draw_order(self) -> tuple[Lot, ...]:
        return tuple(sorted(self.lots.values(), key=lambda lot: lot.draw_order))

    def spendable(self, now: datetime, *, is_debt_withheld: bool = False) -> int:
        """What a run may draw at this instant: nothing while suspended, nothing frozen, nothing lapsed.

        `is_debt_withheld` is the setting that lets a shortfall lower it.
        """
        if self.holds:
            return 0
        return max(0, sum(lot.spendable(now) for lot in self.lots.values()) - is_debt_withheld * self.shortfall)

    def draw(self, credits_: int, now: datetime, *, is_debt_withheld: bool = False) -> tuple[Lot, ...]:
        """Return the lots that a draw changes, as they are after it. Lots are drawn in the order of `Lot.draw_order`.

        Raise AccountSuspended or InsufficientCredits; then nothing is drawn.
        """
        if credits_ <= 0:
            raise ValueError(f"a draw takes at least 1 credit, not {credits_}")
        if self.holds:
            raise AccountSuspended(tuple(sorted(self.holds)))
        spendable = self.spendable(now, is_debt_withheld=is_debt_withheld)
        if credits_ > spendable:
            raise InsufficientCredits(credits_, spendable)
        drawn = []
        for lot in self.lots_in_draw_order:
            part = min(credits_, lot.spendable(now))
            if part:
                drawn.append(lot.draw(part))
                credits_ -= part
        return tuple(drawn)
