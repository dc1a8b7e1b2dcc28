"""Locks: which credits of an account wait for the consent of an order, and what each order still needs."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from ledger.domain.accounts import Account, Lock
from ledger.domain.ids import OrderId
from ledger.domain.orders import MissingConsent, Order
from ledger.ports.reads import Keys
from ledger.ports.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedOrder:
    """Credits that wait for the consent of one order."""

    order_id: OrderId | None
    credits: int
    until: datetime
    missing: MissingConsent


def read_locks(account: Account, store: Store, now: datetime) -> list[LockedOrder]:
    """Return what is locked on an account, by order. Nothing is read if nothing is locked."""
    by_order: dict[OrderId | None, list[Lock]] = defaultdict(list)
    for lock in account.locks(now).values():
        by_order[lock.order_id].append(lock)
    if not by_order:
        return []
    found = store.read(Keys(fulfilment_keys=frozenset(f"order/{order_id}" for order_id in by_order if order_id)))
    return [
        LockedOrder(
            order_id=order_id,
            credits=sum(lock.credits for lock in locks),
            until=max(lock.until for lock in locks),
            missing=_missing(found.order(order_id)),
        )
        for order_id, locks in sorted(by_order.items(), key=lambda one: one[0] or "")
    ]


def _missing(order: Order | None) -> MissingConsent:
    """Return what an order still needs. If its consent was completed between two reads, that is the confirmation."""
    return order.missing_consent or MissingConsent.CONFIRMATION if order else MissingConsent.REQUEST
