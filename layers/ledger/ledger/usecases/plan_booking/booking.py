"""Book a purchase: bring its account's lots, holds and flags to the purchase's target.

    target − what is booked = account change + entries

A target is absolute. Booking it again changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ledger.domain.accounts import Account, Hold
from ledger.domain.entries import CounterAccount, Entry
from ledger.domain.facts import PaymentSettled
from ledger.domain.lots import Lot
from ledger.domain.purchases import Purchase, Target, target
from ledger.ports.commit import AccountChange, Commit
from ledger.ports.reads import Snapshot
from ledger.usecases.plan_booking.entries import Origin, lot_entries, purchase_entries


def plan_internal_fact(purchase: Purchase, stored: Snapshot, origin: Origin) -> Commit:
    """Return the commit of a fact that originates here: a decision about a refund, or the lifting of a hold.

    `purchase` must have the fact already. `stored` must contain its account and lots. `origin` is of now.
    """
    return plan_target(purchase, None, stored, origin, origin.at)


def plan_goodwill(account: Account, lot_id: str, credits_: int, origin: Origin) -> Commit:
    """Return the commit that grants credits out of goodwill: in a lot of their own, which never expires."""
    lot = Lot(lot_id=lot_id, granted=credits_, source=CounterAccount.GOODWILL)
    return Commit(
        account=AccountChange(account_id=account.account_id, version=account.version, lots={lot_id: lot}),
        entries=tuple(lot_entries(account, {}, [lot], origin)),
    )


def plan_target(
    purchase: Purchase, competing_payment: Purchase | None, stored: Snapshot, origin: Origin, now: datetime
) -> Commit:
    """Return the commit that brings the account to the target of `purchase`, which must have its payment.

    `competing_payment` is a purchase that becomes the duplicate of this one. Its lots have the same ids, so this
    purchase takes them over. Its holds and flags are brought to its own new target.
    """
    payment = purchase.payment
    if payment is None:
        raise ValueError(f"{purchase.payment_id} has no payment, so it can't be booked")
    account = stored.accounts.get(payment.account_id) or Account(account_id=payment.account_id)
    new_target = target(purchase)
    lots, entries = _lot_changes(new_target, payment, account, stored, origin, now)
    changed = _hold_and_flag_changes(new_target, account)
    if competing_payment:
        changed |= _hold_and_flag_changes(target(competing_payment), account)
    change = AccountChange(
        account_id=payment.account_id,
        version=account.version,
        lots=lots,
        closed=frozenset(lot_id for lot_id, lot in lots.items() if lot.is_closed(now)),
        holds=changed.holds,
        flags=changed.flags,
        period=payment.period if lots else None,
        covered_by=payment.payment_id if lots and payment.covers and payment.covers not in account.covered else None,
    )
    # Reads are not atomic. If the target changed, write the account even if nothing on it changes, to check and
    # increment its version: the account may have been read before a concurrent commit to it.
    must_write = competing_payment is not None or _has_new_target(purchase, new_target, stored)
    return Commit(
        purchases=(purchase, competing_payment) if competing_payment else (purchase,),
        account=change if must_write or not change.is_empty else None,
        entries=tuple(entries),
    )


def _has_new_target(purchase: Purchase, new_target: Target, stored: Snapshot) -> bool:
    before = stored.home_of(purchase.payment_id)
    return before is None or before.payment is None or target(before) != new_target


def _lot_changes(
    new_target: Target, payment: PaymentSettled, account: Account, stored: Snapshot, origin: Origin, now: datetime
) -> tuple[Mapping[str, Lot], list[Entry]]:
    """Return the lots that differ from their target, as they should be, and an entry for each movement."""
    lots: dict[str, Lot] = {}
    entries: list[Entry] = []
    for lot_target in new_target.lots:
        before = stored.lot(payment.account_id, lot_target.lot_id)
        after = lot_target.applied_to(before)
        if after != before:
            lots[after.lot_id] = after
            entries += purchase_entries(account, before, after, payment, origin, now)
    return lots, entries


@dataclass(frozen=True, slots=True)
class _HoldsAndFlags:
    """Holds and flags to set; None: to remove."""

    holds: Mapping[str, Hold | None] = field(default_factory=dict)
    flags: Mapping[str, datetime | None] = field(default_factory=dict)

    def __or__(self, other: "_HoldsAndFlags") -> "_HoldsAndFlags":
        return _HoldsAndFlags({**self.holds, **other.holds}, {**self.flags, **other.flags})


def _hold_and_flag_changes(new_target: Target, account: Account) -> _HoldsAndFlags:
    """Return the holds and flags that differ from the target. Those of other purchases are left as they are."""
    target_holds = {hold_id: Hold(since, new_target.payment_id) for hold_id, since in new_target.holds.items()}
    holds: dict[str, Hold | None] = {
        hold_id: hold for hold_id, hold in target_holds.items() if account.holds.get(hold_id) != hold
    }
    holds |= dict.fromkeys(new_target.cleared_holds & account.holds.keys())
    flags: dict[str, datetime | None] = {
        flag_id: since for flag_id, since in new_target.flags.items() if account.flags.get(flag_id) != since
    }
    flags |= dict.fromkeys(new_target.cleared_flags & account.flags.keys())
    return _HoldsAndFlags(holds, flags)
