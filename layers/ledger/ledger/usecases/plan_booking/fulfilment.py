"""Find all payments for one thing, and which of them is the original.

An order, or a period of a subscription, may be paid more than once. All payments for it are booked together: what the
lots keep depends on what is left of each (`ledger.domain.purchases`). Each payment has a fulfilment key, and payments
are for the same thing if their keys lead to each other:

    payment                                fulfilment key    covers
    of a pack                              order/…
    of a subscription's first period       order/…           period/…    the period that it pays for
    of a later period                      period/…

The original is the one with the lowest `precedence` (time paid, then id), whichever was received first. Every booking
of one of them checks that no other payment was added to their keys meanwhile.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace

from ledger.domain.facts import PaymentSettled
from ledger.domain.ids import PaymentId
from ledger.domain.orders import Order
from ledger.domain.purchases import Purchase
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.domain.records import record
from ledger.ports.commit import FulfilmentKey, FulfilmentKeyChange
from ledger.ports.reads import Snapshot


@record(frozen=True, kw_only=True)
class Fulfilment:
    """All payments for one thing, and what to write or check under their fulfilment keys."""

    purchases: tuple[Purchase, ...]  # the original first; `is_duplicate` is set on the others
    keys: tuple[FulfilmentKeyChange, ...]


def find_fulfilment(purchase: Purchase, stored: Snapshot) -> Fulfilment | NotBookable:
    """Return all payments for what `purchase` pays for, including itself. It must have its payment.

    Return NotBookable if a person must decide: another account paid under the same key, or for other items.
    """
    payment = _payment_of(purchase)
    found = _payments_for_the_same(purchase, stored)
    if problem := _mismatch_under_key(payment, found, stored):
        return NotBookable(ParkReason.ORDER_MISMATCH, problem)
    ranked = sorted(found, key=lambda one: _payment_of(one).precedence)
    purchases = tuple(_marked(one, is_duplicate=one is not ranked[0]) for one in ranked)
    names = dict.fromkeys(key for one in purchases for key in _keys_of(_payment_of(one)))
    return Fulfilment(purchases=purchases, keys=tuple(_key_change(key, purchases, stored) for key in names))


def _marked(purchase: Purchase, *, is_duplicate: bool) -> Purchase:
    return purchase if purchase.is_duplicate is is_duplicate else replace(purchase, is_duplicate=is_duplicate)


def _payments_for_the_same(purchase: Purchase, stored: Snapshot) -> Collection[Purchase]:
    """Return the purchases whose fulfilment keys lead to each other, beginning with `purchase`."""
    found = {purchase.payment_id: purchase}
    to_follow = [purchase]
    while to_follow:
        for payment_id in _payments_beside(_payment_of(to_follow.pop()), stored):
            other = stored.home_of(payment_id)
            if other is None or other.payment is None:
                raise ValueError(f"a fulfilment key leads to {payment_id}, which has no payment")
            if other.payment_id not in found:
                found[other.payment_id] = other
                to_follow.append(other)
    return found.values()


def _payments_beside(payment: PaymentSettled, stored: Snapshot) -> Iterator[PaymentId]:
    """Yield the payments that one payment's keys lead to."""
    for key in _keys_of(payment):
        yield from stored.fulfilment_keys.get(key, FulfilmentKey(key=key)).payment_ids
    account = stored.accounts.get(payment.account_id)
    covering = account.covered.get(payment.fulfilment_key or "") if account else None
    if covering:
        yield covering


def _mismatch_under_key(payment: PaymentSettled, found: Collection[Purchase], stored: Snapshot) -> str | None:
    """Return why a payment can't be one of those under its fulfilment key, or None.

    A lot that only one of two payments pays for would stay after its payment was refunded as a duplicate.
    """
    key = payment.fulfilment_key
    if key is None:
        return None
    item = stored.fulfilment_keys.get(key)
    if item and item.account_id not in {None, payment.account_id}:
        return f"{key} is not this account's"
    for other in map(_payment_of, found):
        if other.account_id != payment.account_id:
            return f"{key} was paid for another account"
        if other.fulfilment_key == key and items_paid_for(other) != items_paid_for(payment):
            return f"{other.payment_id} paid for other things under {key}"
    return None


def _key_change(key: str, purchases: Collection[Purchase], stored: Snapshot) -> FulfilmentKeyChange:
    payments = [_payment_of(one) for one in purchases]
    paid_under = [payment for payment in payments if payment.fulfilment_key == key]
    is_locking = any(payment.locked_until for payment in paid_under)
    return FulfilmentKeyChange(
        key=key,
        payment_ids=tuple(payment.payment_id for payment in paid_under),
        account_id=payments[0].account_id,
        product_ids=frozenset(line.product_id for payment in paid_under for line in payment.lines),
        replaces=stored.fulfilment_keys.get(key, FulfilmentKey(key=key)).payment_ids,
        terms_hash=stored.fulfilment_keys.get(key, FulfilmentKey(key=key)).terms_hash,
        checkout_id=None,  # the order was read
        has_consent=_has_consent(stored.order_under(key)) if is_locking else None,
    )


def _has_consent(order: Order | None) -> bool:
    return order is not None and order.consent is not None and order.consent.is_complete


def _keys_of(payment: PaymentSettled) -> list[str]:
    return [key for key in (payment.fulfilment_key, payment.covers) if key]


def _payment_of(purchase: Purchase) -> PaymentSettled:
    if purchase.payment is None:
        raise ValueError(f"{purchase.payment_id} has no payment, so it fulfils nothing")
    return purchase.payment


def items_paid_for(payment: PaymentSettled) -> list[tuple[str, int]]:
    """Return the product and credits of each line."""
    return [(line.product_id, line.credits) for line in payment.lines]
