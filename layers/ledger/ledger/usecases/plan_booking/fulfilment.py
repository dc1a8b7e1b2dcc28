"""Decide which of several payments for one fulfilment key is the original.

Only the original grants. Of two payments the one with the lower `precedence` (time paid, then id) is the original,
whichever was received first:

    payment stored under the key       this payment is…           commit
    none, or this payment              the original               the key points to this payment
    one with lower precedence          the duplicate              the key stays as it is
    one with higher precedence         the original               the key points to this payment, and the competing
                                                                  payment becomes the duplicate
    one of another account             not bookable
    one for other items                not bookable
"""

from dataclasses import dataclass, replace

from ledger.domain.accounts import Account
from ledger.domain.facts import PaymentSettled
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.ports.commit import FulfilmentKeyChange
from ledger.ports.reads import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Fulfilment:
    """Whether a payment is the original for its fulfilment key, and what to write for it."""

    purchase: Purchase  # of this payment; `is_duplicate` says whether it is the duplicate
    competing_payment: Purchase | None = None  # the former original, which becomes the duplicate
    key_change: FulfilmentKeyChange | None = None


def decide_fulfilment(before: Purchase, after: Purchase, stored: Snapshot) -> Fulfilment | NotBookable:
    """Decide whether `after`, a purchase with its payment, grants. `before` is the same purchase as it is stored.

    A payment whose precedence is unchanged keeps its role. Return NotBookable if a person must decide.
    """
    payment = after.payment
    if payment is None:
        raise ValueError(f"{after.payment_id} has no payment, so it fulfils nothing")
    is_new = before.payment is None
    fulfilment: Fulfilment | NotBookable = Fulfilment(purchase=after)
    if payment.fulfilment_key and (before.payment is None or payment.precedence != before.payment.precedence):
        fulfilment = _decide_original(after, payment, payment.fulfilment_key, stored)
    if isinstance(fulfilment, NotBookable):
        return fulfilment
    if is_new and not fulfilment.purchase.is_duplicate and (payer := _payer_of_period(payment, stored)):
        return NotBookable(ParkReason.PERIOD_ALREADY_PAID, f"{payment.period} was paid for by {payer}")
    return fulfilment


def _decide_original(
    purchase: Purchase, payment: PaymentSettled, fulfilment_key: str, stored: Snapshot
) -> Fulfilment | NotBookable:
    """Compare a payment with the one that is stored under its fulfilment key: see the table above."""
    current = stored.fulfilment_keys.get(fulfilment_key)
    if current and current.account_id not in {None, payment.account_id}:
        return _mismatch(f"{fulfilment_key} is not this account's")
    key_change = FulfilmentKeyChange(
        key=fulfilment_key,
        payment_id=payment.payment_id,
        account_id=payment.account_id,
        product_ids=frozenset(line.product_id for line in payment.lines),
    )
    if current is None or current.payment_id in {None, payment.payment_id}:
        return Fulfilment(purchase=purchase, key_change=key_change)

    competing = stored.home_of(current.payment_id) if current.payment_id else None
    if competing is None or competing.payment is None:
        raise ValueError(f"{fulfilment_key} points to {current.payment_id}, which has no payment")
    if competing.payment.account_id != payment.account_id:
        return _mismatch(f"{fulfilment_key} was paid for another account")
    if _items_paid_for(competing.payment) != _items_paid_for(payment):
        # A lot that only one of them pays for would stay after its payment was refunded as a duplicate.
        return _mismatch(f"{current.payment_id} paid for other things under {fulfilment_key}")
    if competing.payment.precedence < payment.precedence:
        return Fulfilment(purchase=replace(purchase, is_duplicate=True))
    return Fulfilment(
        purchase=replace(purchase, is_duplicate=False),
        competing_payment=replace(competing, is_duplicate=True),
        key_change=replace(key_change, replaces=current.payment_id),
    )


def _mismatch(detail: str) -> NotBookable:
    return NotBookable(ParkReason.ORDER_MISMATCH, detail)


def _items_paid_for(payment: PaymentSettled) -> list[tuple[str, int]]:
    """Return the product and credits of each line."""
    return [(line.product_id, line.credits) for line in payment.lines]


def _payer_of_period(payment: PaymentSettled, stored: Snapshot) -> str | None:
    """Return what has paid for the same period in the other way: as a renewal, or as the first payment of an order.

    Neither provider charges like this. The lots of the two payments have different ids, so neither payment can take
    the other's place: the one that is received second is parked for a person.
    """
    account = stored.accounts.get(payment.account_id) or Account(account_id=payment.account_id)
    if payment.covers is None:
        return account.covered.get(payment.fulfilment_key or "")
    renewal = stored.fulfilment_keys.get(payment.covers)
    if renewal and renewal.payment_id:
        return renewal.payment_id
    # A renewal that was booked after its key was read and before the account was read shows by its lot.
    return "another payment" if f"{payment.covers}/0" in account.lots else None
