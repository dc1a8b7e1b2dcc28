"""Plan the booking of purchases: bring their account's lots, holds and flags to their target.

    target − what is booked = account change + entries

A target is absolute. Booking it again changes nothing.

Beside it, a dispute that takes a payment of a subscription stops the renewals. Only the provider can stop them, so they
are put into a list that a job works off. That is done once, by the booking that makes the payment a lost one: the
stored target did not say so.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.disputes import FRAUD_WARNING, INQUIRY, disputed
from ledger.domain.entries import CounterAccount, Entry
from ledger.domain.facts import PaymentSettled, RefundChanged, RefundState, facts_of
from ledger.domain.holds import Hold
from ledger.domain.ids import AccountId, PaymentId, derived_id
from ledger.domain.lots import Lot
from ledger.domain.purchases import Purchase, Target, target
from ledger.domain.receipts import NotBookable
from ledger.domain.records import record
from ledger.domain.refund_cases import PaymentConcern, QueuedCase
from ledger.domain.refunds import succeeded_refunds
from ledger.domain.renewal_stops import RenewalStop
from ledger.ports.commit import MAX_ACTIONS, AccountChange, Commit, DocumentChange
from ledger.ports.documents import deferred_queue_key_of, renewal_stop_key
from ledger.ports.reads import Snapshot
from ledger.usecases.list_mails import hold_mails
from ledger.usecases.plan_booking.entries import Origin, lot_entries, purchase_entries
from ledger.usecases.plan_booking.fulfilment import Fulfilment, find_fulfilment

_ROOM_FOR_OTHERS = 16
"""How many items a booking may write beside purchases, entries and lots: receipt, account, keys, pointers, a case."""


def plan_targets(
    changed: Sequence[Purchase], fulfilments: Iterable[Fulfilment], stored: Snapshot, origin: Origin, now: datetime
) -> Commit:
    """Return the commit that brings an account to the target of all payments for what `changed` pays for.

    `changed` are written, the first one first, and so are the other payments for the same things.
    `fulfilments` are those of all purchases in `changed` that have their payment: all of one account.
    """
    things = {one.purchases[0].payment_id: one for one in fulfilments}  # what was paid for, once each
    payments = [one.payment for one in changed if one.payment]
    account_id = next(one.account_id for thing in things.values() for one in thing.purchases if one.account_id)
    account = stored.accounts.get(account_id) or Account(account_id=account_id)
    booked = [_book(thing, account, stored, origin, now) for thing in things.values()]
    lots = {lot_id: lot for one in booked for lot_id, lot in one.lots.items()}
    closed_before = {lot_id: lot for one in booked for lot_id, lot in one.closed_before.items()}
    holds, flags = _hold_and_flag_changes([one.target for one in booked], account)
    entries = tuple(entry for one in booked for entry in one.written)
    # All payments for one thing are written: each was read, and none may have changed since.
    written = {one.payment_id: one for one in changed}
    written |= {one.payment_id: one for thing in things.values() for one in thing.purchases}
    refunded = tuple(_newly_refunded(written.values(), stored, account_id, now))
    room = MAX_ACTIONS - _ROOM_FOR_OTHERS - len(entries) - len(written) - len(closed_before) - len(refunded)
    # A duplicate grants nothing, but its period is paid for as well.
    covering = next((one for one in payments if one.covers and one.covers not in account.covered), None)
    granted = covering or next((one for one in payments if one.period and one.lot_id(0) in lots), None)
    change = AccountChange(
        account_id=account_id,
        version=account.version,
        lots=lots,
        closed=_leaving(lots, closed_before, room, now),
        closed_before=closed_before,
        holds=holds,
        held=account.holds,
        flags=flags,
        period=granted.period if granted else None,
        covered_by=covering.payment_id if covering else None,
    )
    return Commit(
        purchases=tuple(written.values()),
        fulfilment_keys=tuple({key.key: key for thing in things.values() for key in thing.keys}.values()),
        # Reads are not atomic. If a target changed, write the account even if nothing on it changes, to check and
        # increment its version: the account may have been read before a concurrent commit to it.
        account=change if any(one.has_new_target for one in booked) or not change.is_empty else None,
        entries=entries,
        documents=(
            *(change for one in booked for change in _renewal_stops(one.newly_lost, account, origin, now)),
            *hold_mails(account, holds, now),
            *_newly_warned(written.values(), flags, account, now),
            *refunded,
        ),
    )


def _newly_warned(
    purchases: Iterable[Purchase], flags: Mapping[str, datetime | None], account: Account, now: datetime
) -> Iterator[DocumentChange]:
    """Yield an entry of the deferred queue for each payment that is warned of, or asked about, and was not before.

    What becomes of it is the policy's decision, which a job makes.
    """
    new = {name for name, since in flags.items() if since and name not in account.flags}
    for purchase in purchases if any(name.startswith((FRAUD_WARNING, INQUIRY)) for name in new) else ():
        found = new & disputed(purchase.facts, purchase.payment_id).flags.keys()
        yield from _concerns(found, purchase, account.account_id, now)


def _concerns(
    flags: Iterable[str], purchase: Purchase, account_id: AccountId, now: datetime, *again: str
) -> Iterator[DocumentChange]:
    """Yield an entry of the deferred queue for all warnings among the flags of a payment, and one for each inquiry.

    `again`: what makes it another one than the entry before, which has a case, or was over.
    """
    found = sorted(flags)
    is_warned = any(name.startswith(FRAUD_WARNING) for name in found)
    due = {FRAUD_WARNING: PaymentConcern.WARNED} if is_warned else {}
    due |= {name: PaymentConcern.INQUIRED for name in found if name.startswith(INQUIRY)}
    for name, concern in due.items():
        waiting = QueuedCase(
            case_id=derived_id("case", name, purchase.payment_id, *again),
            account_id=account_id,
            since=now,
            payment_id=purchase.payment_id,
            concern=concern,
        )
        yield DocumentChange(deferred_queue_key_of(waiting.case_id), waiting, None)


def _newly_refunded(
    purchases: Iterable[Purchase], stored: Snapshot, account_id: AccountId, now: datetime
) -> Iterator[DocumentChange]:
    """Yield an entry of the deferred queue for each payment of which a refund has succeeded by now, or failed since.

    Its credit notes are due, also if the refund was made at the provider, or was reported before its payment. Whether
    the sale is ours to document, the job knows. What was refunded at the provider and failed after that has no case
    that is followed: if the payment is warned of, or asked about, that is due again.
    """
    for purchase in purchases:
        if purchase.payment is None or not facts_of(purchase.facts, RefundChanged):
            continue
        before = stored.home_of(purchase.payment_id)
        documented = succeeded_refunds(before.facts) if before and before.payment else frozenset()
        if succeeded_refunds(purchase.facts) != documented:
            name = derived_id("notes", purchase.payment_id, str(purchase.version))
            due = QueuedCase(
                case_id=name,
                account_id=account_id,
                since=now,
                payment_id=purchase.payment_id,
                concern=PaymentConcern.REFUNDED,
            )
            yield DocumentChange(deferred_queue_key_of(name), due, None)
        refunds = facts_of(purchase.facts, RefundChanged)
        if any(one.refund_id in documented and one.state is RefundState.FAILED and not one.tag for one in refunds):
            flags = disputed(purchase.facts, purchase.payment_id).flags
            yield from _concerns(flags, purchase, account_id, now, str(purchase.version))


def _leaving(lots: Mapping[str, Lot], closed_before: Mapping[str, Lot], room: int, now: datetime) -> frozenset[str]:
    """Return the lots that leave the account, or stay beside it. Those for which there is no room stay on it, empty."""
    over = [lot_id for lot_id, lot in lots.items() if lot.is_closed(now)]
    leaving = [lot_id for lot_id in over if lot_id not in closed_before]
    return frozenset(over) & closed_before.keys() | frozenset(leaving[: max(0, room)])


@record(frozen=True)
class _Booked:
    """What the payments for one thing change on their account."""

    target: Target
    lots: Mapping[str, Lot]
    closed_before: Mapping[str, Lot]  # lots that had left the account, as they were read
    written: list[Entry]
    newly_lost: Mapping[PaymentId, str]  # of payments that a dispute took by now: the subscription
    has_new_target: bool


def _book(thing: Fulfilment, account: Account, stored: Snapshot, origin: Origin, now: datetime) -> _Booked:
    new_target = target(*thing.purchases)
    lots, entries = _lot_changes(new_target, thing.purchases, account, stored, origin, now)
    before = _target_as_stored(thing, stored)
    known_lost = before.lost if before else {}
    newly_lost = {name: subscription for name, subscription in new_target.lost.items() if name not in known_lost}
    as_before = before.lots if before else ()
    closed_before = {
        one.lot_id: lot
        for one in new_target.lots
        if (one.lot_id in lots or one not in as_before) and one.lot_id not in account.lots
        if (lot := stored.closed_lots.get((account.account_id, one.lot_id)))
    }
    return _Booked(new_target, lots, closed_before, entries, newly_lost, new_target != before)


def _renewal_stops(
    lost: Mapping[PaymentId, str], account: Account, origin: Origin, now: datetime
) -> Iterator[DocumentChange]:
    """Yield a stop of renewals for each subscription of which a dispute has taken a payment."""
    for payment_id, subscription_id in lost.items():
        yield stop_of_renewals(payment_id, subscription_id, account.account_id, replace(origin, at=now))


def stop_of_renewals(
    payment_id: PaymentId, subscription_id: str, account_id: AccountId, origin: Origin
) -> DocumentChange:
    """Return the change that lists a stop of renewals because of one payment of a subscription."""
    stop = RenewalStop(
        account_id=account_id,
        subscription_id=subscription_id,
        payment_id=payment_id,
        since=origin.at,
        cause=origin.cause,
    )
    return DocumentChange(renewal_stop_key(stop), stop, None)


def plan_internal_fact(purchases: Sequence[Purchase], stored: Snapshot, origin: Origin) -> Commit:
    """Return the commit of a fact that originates here: a decision about a refund, or the lifting of a hold.

    `purchases` must have the fact already: all that it is about, of one account. `stored` must contain the account and
    its lots, and the other payments for the same things. `origin.at` must be the current time.
    """
    after = stored.with_purchases(purchases)
    fulfilments = []
    for purchase in purchases:
        fulfilment = find_fulfilment(purchase, after)
        if isinstance(fulfilment, NotBookable):
            raise ValueError(f"{purchase.payment_id} is booked, and can't be: {fulfilment.detail}")
        fulfilments.append(fulfilment)
    return plan_targets(purchases, fulfilments, stored, origin, origin.at)


def plan_goodwill(account: Account, lot_id: str, credits_: int, origin: Origin) -> Commit:
    """Return the commit that grants credits out of goodwill: in a lot of their own, which never expires."""
    lot = Lot(lot_id=lot_id, granted=credits_, source=CounterAccount.GOODWILL)
    return Commit(
        account=AccountChange(account_id=account.account_id, version=account.version, lots={lot_id: lot}),
        entries=tuple(lot_entries(account, {}, [lot], origin)),
    )


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


def _hold_and_flag_changes(
    targets: Sequence[Target], account: Account
) -> tuple[Mapping[str, Hold | None], Mapping[str, datetime | None]]:
    """Return the holds and flags that differ from the targets; None: to remove. Those of others are left as they are.

    What one target has stays, whatever another one clears: sales that share their money share its dispute.
    """
    wanted_holds = {hold_id: hold for one in targets for hold_id, hold in one.holds.items()}
    wanted_flags = {flag_id: since for one in targets for flag_id, since in one.flags.items()}
    cleared_holds = frozenset().union(*(one.cleared_holds for one in targets)) - wanted_holds.keys()
    cleared_flags = frozenset().union(*(one.cleared_flags for one in targets)) - wanted_flags.keys()
    holds: dict[str, Hold | None] = {
        hold_id: hold for hold_id, hold in wanted_holds.items() if account.holds.get(hold_id) != hold
    }
    holds |= dict.fromkeys(cleared_holds & account.holds.keys())
    flags: dict[str, datetime | None] = {
        flag_id: since for flag_id, since in wanted_flags.items() if account.flags.get(flag_id) != since
    }
    flags |= dict.fromkeys(cleared_flags & account.flags.keys())
    return holds, flags
