"""Lots: what remains of one grant.

    granted = remaining + drawn + refunded + disputed + expired

Refunds and disputes set *targets*: absolute numbers of credits to take back. `rebalance` takes back what is there. What
was drawn already stays owed. Every draw, return and expiry rebalances too, so `owed` is always up to date:

                                    granted  drawn  refund_target  refunded  remaining  owed
    granted 1000, 700 drawn           1000     700              0         0        300     0
    500 are to be taken back          1000     700            500       300          0   200
    a failed run returns 300          1000     400            500       500        100     0
"""

from collections.abc import Iterator
from dataclasses import field, replace
from datetime import UTC, datetime

from ledger.domain.entries import CounterAccount, EntryKind
from ledger.domain.ids import OrderId
from ledger.domain.records import record
from ledger.domain.unknown_fields import KeepsUnknownFields

_NEVER = datetime.max.replace(tzinfo=UTC)


@record(frozen=True, kw_only=True)
class Lot(KeepsUnknownFields):
    """The state of one grant's credits. All numbers are whole credits and never negative."""

    lot_id: str
    granted: int
    expires_at: datetime | None = None
    grace_from: datetime | None = None  # from then on it can be spent until the next period is paid for
    subscription_id: str | None = None  # whose period it is for
    drawn: int = 0  # net of returns
    refunded: int = 0  # taken back because money was refunded
    disputed: int = 0  # taken back because a dispute was lost
    expired: int = 0
    refund_target: int = 0  # to take back because money was refunded
    dispute_target: int = 0  # to take back because a dispute was lost
    reserve_target: int = 0  # to take back when the refunds under way have succeeded
    reserved: int = 0  # the part of `remaining` that refunds under way will take: it can't be spent
    is_frozen: bool = False  # a dispute of its payment is open: it can't be spent
    source: CounterAccount = CounterAccount.SALES  # GOODWILL: credits that support granted
    locked_until: datetime | None = None  # nothing is used before, unless the order's consent becomes complete
    is_withdrawn: bool = False  # a withdrawal from its contract waits for a decision: nothing is used before
    owes_no_refund: bool = False  # the law demanded a refund: credits that were used are not owed
    # Of its item, once it has left its account: a commit that rests on it is conditioned on that. None: not read so.
    digest: str | None = field(default=None, compare=False, repr=False)

    @property
    def remaining(self) -> int:
        return self.granted - self.drawn - self.refunded - self.disputed - self.expired

    @property
    def owed(self) -> int:
        """Return the credits that should have been taken back but were used already."""
        by_dispute = self.dispute_target - self.disputed
        return by_dispute if self.owes_no_refund else by_dispute + self.refund_target - self.refunded

    @property
    def draw_order(self) -> tuple[datetime, str]:
        """Sort lots by this key in the order in which they are drawn: the one that expires first, those that never
        expire last, then by id.
        """
        return (self.expires_at or _NEVER, self.lot_id)

    @property
    def order_id(self) -> OrderId | None:
        """Return the order that granted it, which its id begins with. None: it is of no order."""
        name, _, rest = self.lot_id.partition("/")
        return OrderId(rest.rpartition("/")[0]) if name == "order" else None

    def has_expired(self, now: datetime) -> bool:
        """Return whether its credits can't be spent any more. At the instant `expires_at` they have expired."""
        return self.expires_at is not None and self.expires_at <= now

    def is_locked(self, now: datetime) -> bool:
        """Return whether its credits wait for the consent of its order (see `ledger.domain.orders.Consent`), or for a
        decision about a withdrawal from its contract.
        """
        return self.is_withdrawn or (self.locked_until is not None and now < self.locked_until)

    def usable(self, now: datetime) -> int:
        """Return the credits that a run could draw at this instant if the lot were not locked."""
        return 0 if self.is_frozen or self.has_expired(now) else self.remaining - self.reserved

    def spendable(self, now: datetime) -> int:
        """Return the credits that a run can draw at this instant."""
        return 0 if self.is_locked(now) else self.usable(now)

    def is_in_grace(self, now: datetime) -> bool:
        """Return whether its credits last only until the next period is paid for."""
        return self.grace_from is not None and self.grace_from <= now

    def is_followed_by(self, other: "Lot") -> bool:
        """Return whether the other lot is that of a later period of the same subscription."""
        if self.subscription_id is None or self.expires_at is None or other.expires_at is None:
            return False
        return self.subscription_id == other.subscription_id and self.expires_at < other.expires_at

    def is_closed(self, now: datetime) -> bool:
        """Return whether the lot can leave its account: nothing remains, nothing is owed and it is not frozen.

        A lot that will expire stays until then, even if it is empty: it refuses a second grant for its period. A
        subscription's lot stays while it is locked: it locks the later periods too.
        """
        has_future_expiry = self.expires_at is not None and not self.has_expired(now)
        locks_others = self.subscription_id is not None and self.is_locked(now)
        return not (has_future_expiry or self.remaining or self.owed or self.is_frozen or locks_others)

    def rebalance(self) -> "Lot":
        """Return the lot with as many credits taken back as its targets demand and its draws allow.

        Refunds come first, then disputes. Both take expired credits too: then fewer count as expired. What is reserved
        comes last.
        """
        takeable = self.granted - self.drawn
        refunded = min(self.refund_target, takeable)
        disputed = min(self.dispute_target, takeable - refunded)
        expired = min(self.expired, takeable - refunded - disputed)
        reserved = min(self.reserve_target, takeable - refunded - disputed - expired)
        if (refunded, disputed, expired, reserved) == (self.refunded, self.disputed, self.expired, self.reserved):
            return self
        return replace(self, refunded=refunded, disputed=disputed, expired=expired, reserved=reserved)

    def rescheduled(self, expires_at: datetime | None) -> "Lot":
        """Return the lot with another time of expiry. A later one brings back what has expired, before `rebalance`."""
        if expires_at == self.expires_at:
            return self
        is_later = self.expires_at is not None and (expires_at is None or expires_at > self.expires_at)
        return replace(self, expires_at=expires_at, expired=0 if is_later else self.expired)

    def draw(self, credits_: int) -> "Lot":
        """Return the lot with these credits drawn. A negative number returns credits to it."""
        return replace(self, drawn=self.drawn + credits_).rebalance()

    def expire(self) -> "Lot":
        """Return the lot with everything that remains booked as expired."""
        return replace(self, expired=self.expired + self.remaining).rebalance()


@record(frozen=True)
class Movement:
    """One difference between two states of a lot. It becomes one entry."""

    kind: EntryKind
    counter: CounterAccount
    credits: int  # + into the lot, − out of it, 0 for a memo


def movements(before: Lot | None, after: Lot) -> Iterator[Movement]:
    """Yield the movements from `before` to `after`. Without `before`, the first one is the grant."""
    if before is None:
        yield Movement(EntryKind.GRANT, after.source, after.granted)
        before = Lot(lot_id=after.lot_id, granted=after.granted, expires_at=after.expires_at)
    changes = (
        (after.granted - before.granted, after.source, EntryKind.ADJUST, EntryKind.ADJUST),
        (before.drawn - after.drawn, CounterAccount.USAGE, EntryKind.DRAW, EntryKind.RETURN),
        (before.refunded - after.refunded, CounterAccount.REFUNDS, EntryKind.CLAWBACK, EntryKind.RESTORE),
        (before.disputed - after.disputed, CounterAccount.DISPUTES, EntryKind.CLAWBACK, EntryKind.RESTORE),
        (before.expired - after.expired, CounterAccount.EXPIRY, EntryKind.EXPIRE, EntryKind.EXPIRE),
    )
    for credits_, counter, kind_out, kind_in in changes:
        if credits_:
            yield Movement(kind_out if credits_ < 0 else kind_in, counter, credits_)
    if after.is_frozen != before.is_frozen:
        yield Movement(EntryKind.FREEZE if after.is_frozen else EntryKind.THAW, CounterAccount.DISPUTES, 0)
    if after.reserved != before.reserved:
        kind = EntryKind.RESERVE if after.reserved > before.reserved else EntryKind.RELEASE
        yield Movement(kind, CounterAccount.REFUNDS, 0)
    if after.expires_at != before.expires_at:
        yield Movement(EntryKind.RESCHEDULE, CounterAccount.EXPIRY, 0)
