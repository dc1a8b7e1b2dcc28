"""Plan the booking of purchases: bring their account's lots, holds and flags to their target.

    target − what is booked = account change + entries

A target is absolute. Booking it again changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.entries import CounterAccount, Entry
from ledger.domain.facts import PaymentSettled
from ledger.domain.holds import Hold
from ledger.domain.lots import Lot
from ledger.domain.purchases import Purchase, Target, target
from ledger.domain.receipts import NotBookable
from ledger.ports.commit import AccountChange, Commit
from ledger.ports.reads import Snapshot
from ledger.usecases.plan_booking.entries import Origin, lot_entries, purchase_entries
from ledger.usecases.plan_booking.fulfilment import Fulfilment, find_fulfilment


def plan_target(purchase: Purchase, fulfilment: Fulfilment, stored: Snapshot, origin: Origin, now: datetime) -> Commit:
    """Return the commit that brings the account to the target of all payments for what `purchase` pays for.

    `purchase` is the one that has changed. It is written first. Another one is written if it became the duplicate, or
    the original.
    """
    payment = purchase.payment
    if payment is None:
        raise ValueError(f"{purchase.payment_id} has no payment, so it can't be booked")
    account = stored.accounts.get(payment.account_id) or Account(account_id=payment.account_id)
    new_target = target(*fulfilment.purchases)
    lots, entries = _lot_changes(new_target, fulfilment.purchases, account, stored, origin, now)
    changed = _hold_and_flag_changes(new_target, account)
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
    must_write = new_target != _target_as_stored(fulfilment, stored)
    written = [one for one in fulfilment.purchases if _is_changed(one, purchase, stored)]
    return Commit(
        purchases=tuple(sorted(written, key=lambda one: one.payment_id != purchase.payment_id)),
        fulfilment_keys=fulfilment.keys,
        account=change if must_write or not change.is_empty else None,
        entries=tuple(entries),
    )


def plan_internal_fact(purchase: Purchase, stored: Snapshot, origin: Origin) -> Commit:
    """Return the commit of a fact that originates here: a decision about a refund, or the lifting of a hold.

    `purchase` must have the fact already. `stored` must contain its account and lots, and the other payments for the
    same thing. `origin.at` must be the current time.
    """
    fulfilment = find_fulfilment(purchase, stored)
    if isinstance(fulfilment, NotBookable):
        raise ValueError(f"{purchase.payment_id} is booked, and can't be: {fulfilment.detail}")
    return plan_target(purchase, fulfilment, stored, origin, origin.at)


def plan_goodwill(account: Account, lot_id: str, credits_: int, origin: Origin) -> Commit:
    """Return the commit that grants credits out of goodwill: in a lot of their own, which never expires."""
    lot = Lot(lot_id=lot_id, granted=credits_, source=CounterAccount.GOODWILL)
    return Commit(
        account=AccountChange(account_id=account.account_id, version=account.version, lots={lot_id: lot}),
        entries=tuple(lot_entries(account, {}, [lot], origin)),
    )


def _is_changed(one: Purchase, purchase: Purchase, stored: Snapshot) -> bool:
    """Return whether a purchase must be written: the one that has changed, and those with another role than before."""
    before = stored.home_of(one.payment_id)
    return one.payment_id == purchase.payment_id or before is None or before.is_duplicate != one.is_duplicate


def _target_as_stored(fulfilment: Fulfilment, stored: Snapshot) -> Target | None:
    """Return the target of those payments that are stored, as they are stored. None: no payment is."""
    found = (stored.home_of(one.payment_id) for one in fulfilment.purchases)
    before = [one for one in found if one and one.payment]
    return target(*before) if before else None


def _lot_changes(
    new_target: Target,
    purchases: tuple[Purchase, ...],
    account: Account,
    stored: Snapshot,
    origin: Origin,
    now: datetime,
) -> tuple[Mapping[str, Lot], list[Entry]]:
    """Return the lots that differ from their target, as they should be, and an entry for each movement."""
    lots: dict[str, Lot] = {}
    entries: list[Entry] = []
    payments = _payments_by_lot(purchases)
    for lot_target in new_target.lots:
        before = stored.lot(account.account_id, lot_target.lot_id)
        after = lot_target.applied_to(before)
        if after != before:
            lots[after.lot_id] = after
            entries += purchase_entries(account, before, after, payments[after.lot_id], origin, now)
    return lots, entries


def _payments_by_lot(purchases: tuple[Purchase, ...]) -> Mapping[str, PaymentSettled]:
    """Return the payment that grants each lot: of several, the original."""
    payments = [one.payment for one in reversed(purchases) if one.payment]
    return {payment.lot_id(position): payment for payment in payments for position in range(len(payment.lines))}


@dataclass(frozen=True, slots=True)
class _HoldsAndFlags:
    """Holds and flags to set; None: to remove."""

    holds: Mapping[str, Hold | None] = field(default_factory=dict)
    flags: Mapping[str, datetime | None] = field(default_factory=dict)


def _hold_and_flag_changes(new_target: Target, account: Account) -> _HoldsAndFlags:
    """Return the holds and flags that differ from the target. Those of other purchases are left as they are."""
    holds: dict[str, Hold | None] = {
        hold_id: hold for hold_id, hold in new_target.holds.items() if account.holds.get(hold_id) != hold
    }
    holds |= dict.fromkeys(new_target.cleared_holds & account.holds.keys())
    flags: dict[str, datetime | None] = {
        flag_id: since for flag_id, since in new_target.flags.items() if account.flags.get(flag_id) != since
    }
    flags |= dict.fromkeys(new_target.cleared_flags & account.flags.keys())
    return _HoldsAndFlags(holds, flags)
