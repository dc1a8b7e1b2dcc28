"""Read the orders of an account's latest purchases."""

from ledger.domain.ids import AccountId
from ledger.domain.orders import Order
from ledger.ports.reads import Keys
from ledger.ports.store import Store

_PURCHASES = 20


def latest_orders(account_id: AccountId, store: Store) -> list[Order]:
    """Return the orders of an account's latest purchases, the newest first.

    The renewals of a plan name the order that began it. A purchase without an order of ours has none.
    """
    payments = [one.payment for one in store.purchases_of(account_id, _PURCHASES).items if one.payment]
    names = frozenset(f"order/{payment.order_id}" for payment in payments if payment.order_id)
    stored = store.read(Keys(fulfilment_keys=names)).fulfilment_keys.values() if names else ()
    orders = (key.terms for key in stored if key.terms and key.terms.account_id == account_id)
    return sorted(orders, key=lambda order: (order.made_at, order.order_id), reverse=True)
