"""Locks: which credits of an account can't be used yet, and what they wait for.

That is the consent of an order, or a decision about a withdrawal from its contract.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime

from ledger.domain.accounts import Account, Lock
from ledger.domain.ids import OrderId
from ledger.domain.orders import MissingConsent, Order
from ledger.domain.records import record
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store


@record(frozen=True, kw_only=True)
class LockedOrder:
    """Credits of one order that can't be used yet."""

    order_id: OrderId | None
    credits: int
    until: datetime | None
    missing: MissingConsent | None  # None: a withdrawal waits for a decision


def read_locks(account: Account, store: Store, now: datetime) -> list[LockedOrder]:
    """Return what is locked on an account, by order. Nothing is read if no credits are locked."""
    locks = account.locks(now).values()
    if not locks:
        return []
    unconfirmed = frozenset(f"order/{one.order_id}" for one in locks if one.credits and one.order_id and one.until)
    found = store.read(Keys(fulfilment_keys=unconfirmed)) if unconfirmed else Snapshot()
    return locked_orders(account, found.order, now)


def locked_orders(
    account: Account, order_of: Callable[[OrderId | None], Order | None], now: datetime
) -> list[LockedOrder]:
    """Return what is locked on an account, by order. `order_of` gives an order by its id.

    A lot whose credits are used up, or frozen, has none that its lock keeps: it is no row.
    """
    by_order: dict[tuple[OrderId | None, bool], list[Lock]] = defaultdict(list)
    for lock in account.locks(now).values():
        if lock.credits:
            by_order[lock.order_id, lock.until is None].append(lock)
    return [
        LockedOrder(
            order_id=order_id,
            credits=sum(lock.credits for lock in locks),
            until=max((lock.until for lock in locks if lock.until), default=None),
            missing=None if is_withdrawn else _missing(order_of(order_id)),
        )
        for (order_id, is_withdrawn), locks in sorted(by_order.items(), key=lambda one: (one[0][0] or "", one[0][1]))
    ]


def _missing(order: Order | None) -> MissingConsent:
    """Return what an order still needs. If its consent was completed between two reads, that is the confirmation."""
    return order.missing_consent or MissingConsent.CONFIRMATION if order else MissingConsent.REQUEST
