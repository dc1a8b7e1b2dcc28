"""Lots: what remains of one grant.

    granted = remaining + drawn + refunded + disputed + expired

Refunds and disputes set *targets*, absolute sums of credits to take back. `settle` takes what is there; what was
already drawn stays owed. Drawing, returning and expiring settle again, so a debt is never out of date.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from ledger.domain.entries import CounterAccount, EntryKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """The state of one grant's credits. All figures are whole credits and never negative."""

    lot_id: str
    granted: int
    expires_at: datetime | None = None
    drawn: int = 0  # net of returns
    refunded: int = 0  # taken back because money was refunded
    disputed: int = 0  # taken back because a dispute was lost
    expired: int = 0
    refund_target: int = 0
    dispute_target: int = 0
    reserve_target: int = 0  # what approved refunds will take back once they have settled
    reserved: int = 0  # the part of what remains that is kept for them: it can't be spent
    is_frozen: bool = False  # a dispute on it is open
    source: CounterAccount = CounterAccount.SALES  # or goodwill: credits that support gave

    @property
    def remaining(self) -> int:
        return self.granted - self.drawn - self.refunded - self.disputed - self.expired

    @property
    def owed(self) -> int:
        """Credits that should have been taken back but were already used."""
        return self.refund_target + self.dispute_target - self.refunded - self.disputed

    @property
    def draw_order(self) -> tuple[bool, float, str]:
        """Sort lots by this key in the order in which they are drawn: the one that expires first, those that never
        expire last, then by id.
        """
        return (self.expires_at is None, self.expires_at.timestamp() if self.expires_at else 0.0, self.lot_id)

    def has_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now

    def spendable(self, now: datetime) -> int:
        return 0 if self.is_frozen or self.has_expired(now) else self.remaining - self.reserved

    def is_closed(self, now: datetime) -> bool:
        """Nothing remains and nothing can come: the account need not carry it any longer.

        A lot with an end stays until then even when empty: it is what refuses a second grant for its period.
        """
        has_future_expiry = self.expires_at is not None and not self.has_expired(now)
        return not (has_future_expiry or self.remaining or self.owed or self.is_frozen)

    def rebalance(self) -> "Lot":
        """Take back what the targets say, refunds first, as far as it was not drawn; what expired gives way to it."""
        takeable = self.granted - self.drawn
        refunded = min(self.refund_target, takeable)
        disputed = min(self.dispute_target, takeable - refunded)
        expired = min(self.expired, takeable - refunded - disputed)
        reserved = min(self.reserve_target, takeable - refunded - disputed - expired)
        return replace(self, refunded=refunded, disputed=disputed, expired=expired, reserved=reserved)

    def draw(self, credits_: int) -> "Lot":
        """Use credits; a negative number returns them."""
        return replace(self, drawn=self.drawn + credits_).rebalance()

    def expire(self) -> "Lot":
        """Write down that what remains has lapsed."""
        return replace(self, expired=self.expired + self.remaining).rebalance()


@dataclass(frozen=True, slots=True)
class Movement:
    """One difference between two states of a lot: what an entry will say."""

    kind: EntryKind
    counter: CounterAccount
    credits: int


def movements(before: Lot | None, after: Lot) -> Iterator[Movement]:
    """What led from `before` to `after`. Nothing, when nothing changed."""
    if before is None:
        yield Movement(EntryKind.GRANT, after.source, after.granted)
        before = Lot(lot_id=after.lot_id, granted=after.granted)
    changes = (
        (after.granted - before.granted, after.source, EntryKind.ADJUST, EntryKind.ADJUST),
        (before.drawn - after.drawn, CounterAccount.USAGE, EntryKind.DRAW, EntryKind.RETURN),
        (before.refunded - after.refunded, CounterAccount.REFUNDS, EntryKind.CLAWBACK, EntryKind.RESTORE),
        (before.disputed - after.disputed, CounterAccount.DISPUTES, EntryKind.CLAWBACK, EntryKind.RESTORE),
        (before.expired - after.expired, CounterAccount.EXPIRY, EntryKind.EXPIRE, EntryKind.EXPIRE),
    )
    for credits_, counter, taking, giving in changes:
        if credits_:
            yield Movement(taking if credits_ < 0 else giving, counter, credits_)
    if after.is_frozen != before.is_frozen:
        yield Movement(EntryKind.FREEZE if after.is_frozen else EntryKind.THAW, CounterAccount.DISPUTES, 0)
    if after.reserved != before.reserved:
        yield Movement(
            EntryKind.RESERVE if after.reserved > before.reserved else EntryKind.RELEASE, CounterAccount.REFUNDS, 0
        )
