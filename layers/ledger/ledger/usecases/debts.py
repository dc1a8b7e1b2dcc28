"""Find what an account owes: the shortfall of its lots, but for what other lots of the same purchase have.

An order or a period that was paid twice may have a lot for each payment. The lots together keep one price. If credits
were drawn from the lot that keeps nothing, it owes what the other one has:

    lot of          granted   drawn   stays   owes   has
    the renewal        1000    1000       0   1000     0
    the order          1000       0    1000      0  1000    together: 1,000 paid for, 1,000 used, no debt

What has expired counts as well: it was paid for.
"""

from collections.abc import Iterable

from ledger.domain.accounts import Account
from ledger.domain.ids import PaymentId
from ledger.domain.lots import Lot
from ledger.domain.receipts import NotBookable
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.usecases.look_up import LookUp
from ledger.usecases.plan_booking.fulfilment import find_fulfilment, items_paid_for


def refusing_debt(account: Account, store: Store, allowed: int) -> int:
    """Return the debt of an account for which it places no new order. 0: it owes no more than the policy allows."""
    debt = uncovered_debt(account, store)
    return debt if debt > allowed else 0


def uncovered_debt(account: Account, store: Store) -> int:
    """Return the credits that an account owes and that no other lot of the same purchase has.

    Without a shortfall, nothing is read.
    """
    owing = [lot_id for lot_id, lot in account.lots.items() if lot.owed]
    if not owing:
        return 0
    names = frozenset(lot_id.rpartition("/")[0] for lot_id in owing)  # fulfilment keys, or ids of payments
    keys = Keys(
        payments=frozenset(map(PaymentId, names)), accounts=frozenset({account.account_id}), fulfilment_keys=names
    )
    known = LookUp(store, names)(keys)
    groups = {_lots_for_the_same(lot_id, known) for lot_id in owing}
    return sum(_debt_of(known.lot(account.account_id, lot_id) for lot_id in group) for group in groups)


def _lots_for_the_same(lot_id: str, known: Snapshot) -> frozenset[str]:
    """Return the ids of the lots that keep one price together: those of the line of each payment for the same items."""
    name, _, position = lot_id.rpartition("/")
    key = known.fulfilment_keys.get(name)
    purchase = known.home_of((key and key.payment_id) or PaymentId(name))
    fulfilment = find_fulfilment(purchase, known) if purchase and purchase.payment else None
    if fulfilment is None or isinstance(fulfilment, NotBookable):
        return frozenset({lot_id})
    payments = [one.payment for one in fulfilment.purchases if one.payment]
    items = {payment.lot_id(int(position)): items_paid_for(payment) for payment in payments}
    return frozenset(other for other, paid_for in items.items() if paid_for == items[lot_id])


def _debt_of(lots: Iterable[Lot | None]) -> int:
    """Return what lots of one purchase owe together. What is reserved is going back: it pays for nothing."""
    return max(0, sum(lot.owed - (lot.remaining - lot.reserved) - lot.expired for lot in lots if lot))
