"""Accounts: one customer's credits, and whether they can be spent."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from ledger.domain.errors import AccountSuspended, CreditsLocked, InsufficientCredits
from ledger.domain.holds import Hold
from ledger.domain.ids import AccountId, OrderId, PaymentId
from ledger.domain.lots import Lot
from ledger.domain.records import record
from ledger.domain.subscriptions import RUNNING, Subscription


class Lock(NamedTuple):
    """Credits of a lot that wait for the consent of an order, or for a decision about a withdrawal."""

    order_id: OrderId | None  # None: the lot does not name it
    credits: int  # that could be used without the lock
    until: datetime | None  # then they can be used in any case; None: a withdrawal waits for a decision


@record(frozen=True, kw_only=True)
class Account:
    """One customer's credits as of one version.

    Closed lots are not in `lots`: they are stored beside the account, and are read by their key.
    """

    account_id: AccountId
    version: int = 0  # each commit adds 1; 0: not stored yet
    lots: Mapping[str, Lot] = field(default_factory=dict)  # by lot id
    holds: Mapping[str, Hold] = field(default_factory=dict)  # by hold id: `dispute:stripe:dp_1Q…`
    flags: Mapping[str, datetime] = field(
        default_factory=dict
    )  # since when, by flag id; for support: no effect on spending
    subscriptions: Mapping[str, Subscription] = field(default_factory=dict)  # by subscription id
    cases: Mapping[str, str] = field(
        default_factory=dict
    )  # of each open refund case, by its id: its purchase and reason
    covered: Mapping[str, PaymentId] = field(default_factory=dict)  # period → the order's payment that paid for it

    @property
    def status(self) -> str:
        return "suspended" if self.holds else "active"

    @property
    def suspended_since(self) -> datetime | None:
        """Return since when it has been suspended by the oldest of its holds. None: it is active."""
        return min((hold.since for hold in self.holds.values()), default=None)

    @property
    def balance(self) -> int:
        """Return the sum of all entries: what remains in the lots, including frozen ones."""
        return sum(lot.remaining for lot in self.lots.values())

    @property
    def shortfall(self) -> int:
        """Return the credits that should have been taken back but were used already."""
        return sum(lot.owed for lot in self.lots.values())

    @property
    def lots_in_draw_order(self) -> tuple[Lot, ...]:
        return tuple(sorted(self.lots.values(), key=attrgetter("draw_order")))

    def spendable(
        self, now: datetime, *, is_debt_withheld: bool = True, by_lot: Mapping[str, int] | None = None
    ) -> int:
        """Return the credits that a run can draw at this instant: none while suspended, none frozen, none expired.

        `is_debt_withheld`: subtract the shortfall. `by_lot`: what `spendable_by_lot` returned, if it was called before.
        """
        if self.holds:
            return 0
        parts = self.spendable_by_lot(now) if by_lot is None else by_lot
        return max(0, sum(parts.values()) - is_debt_withheld * self.shortfall)

    def spendable_by_lot(self, now: datetime, locks: Mapping[str, Lock] | None = None) -> Mapping[str, int]:
        """Return the credits that a run can draw from each lot at this instant, apart from holds and debts.

        The credits of a period are unspendable once it has ended and the next one is paid for. `locks`: what `locks`
        returned, if it was called before.
        """
        usable = self._usable_by_lot(now)
        locks = self.locks(now) if locks is None else locks
        return {lot_id: 0 if lot_id in locks else credits_ for lot_id, credits_ in usable.items()} if locks else usable

    def _usable_by_lot(self, now: datetime) -> dict[str, int]:
        """Return what could be drawn from each lot if none were locked."""
        usable = {}
        for lot_id, lot in self.lots.items():
            is_over = lot.is_in_grace(now) and any(lot.is_followed_by(other) for other in self.lots.values())
            usable[lot_id] = 0 if is_over else lot.usable(now)
        return usable

    def locks(self, now: datetime) -> Mapping[str, Lock]:
        """Return the lots that wait for the consent of an order, or for a decision about a withdrawal, by lot id.

        The lot of a subscription's order locks the lots of later periods too: they are of the same contract. So does
        any lot of a subscription that is withdrawn from.
        """
        locking = [lot for lot in self.lots.values() if lot.is_locked(now)]
        if not locking:
            return {}
        locking.sort(key=attrgetter("is_withdrawn"))  # what waits for a decision counts
        of_contract = {lot.subscription_id: lot for lot in locking if lot.subscription_id}
        usable, found = self._usable_by_lot(now), {}
        for lot_id, lot in self.lots.items():
            by = [one for one in (lot, of_contract.get(lot.subscription_id or "")) if one and one.is_locked(now)]
            if by:
                one = max(by, key=attrgetter("is_withdrawn"))
                found[lot_id] = Lock(one.order_id, usable[lot_id], None if one.is_withdrawn else one.locked_until)
        return found

    def running_subscription(self, product_id: str) -> Subscription | None:
        """Return the subscription by which this plan runs: active, in its trial, or past due. None: there is none."""
        running = (
            subscription
            for subscription in self.subscriptions.values()
            if subscription.product_id == product_id and subscription.status in RUNNING
        )
        return min(running, key=lambda subscription: subscription.subscription_id, default=None)

    def draw(self, credits_: int, now: datetime, *, is_debt_withheld: bool = True) -> tuple[Lot, ...]:
        """Return the lots that a draw changes, as they are after it. Lots are drawn in the order of `Lot.draw_order`.

        Raise AccountSuspended or InsufficientCredits; then nothing is drawn.
        """
        if credits_ <= 0:
            raise ValueError(f"a draw must be of at least 1 credit, not {credits_}")
        if self.holds:
            raise AccountSuspended(tuple(sorted(self.holds)))
        by_lot = self.spendable_by_lot(now)
        spendable = self.spendable(now, is_debt_withheld=is_debt_withheld, by_lot=by_lot)
        if credits_ > spendable:
            raise self._insufficient(credits_, spendable, now)
        drawn = []
        for lot in self.lots_in_draw_order:
            part = min(credits_, by_lot[lot.lot_id])
            if part:
                drawn.append(lot.draw(part))
                credits_ -= part
        return tuple(drawn)

    def _insufficient(self, needed: int, spendable: int, now: datetime) -> InsufficientCredits:
        """Return the error of a draw that is refused: what is missing, and whether it is there and locked."""
        locks = [lock for lock in self.locks(now).values() if lock.credits]
        if not locks:
            return InsufficientCredits(needed, spendable)
        order_ids = tuple(sorted({lock.order_id for lock in locks if lock.order_id}))
        until = max((lock.until for lock in locks if lock.until), default=None)
        locked = sum(lock.credits for lock in locks if lock.until)
        withdrawn = sum(lock.credits for lock in locks if lock.until is None)
        return CreditsLocked(needed, spendable, locked, until, order_ids, withdrawn)
