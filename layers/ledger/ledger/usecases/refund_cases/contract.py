"""The contract that a payment belongs to: a withdrawal reaches all of its payments.

A subscription is one contract, with all of its renewals and changes. A pack is one, with what was charged twice for it.
"""

from collections.abc import Iterable, Iterator

from ledger.domain.purchases import Purchase
from ledger.ports.store import Store
from ledger.usecases.refund_cases.context import CaseContext

_PAGE = 50


def payments_of_contract(context: CaseContext, store: Store) -> list[Purchase]:
    """Return the payments of the contract that a payment belongs to, the earliest first.

    One that was recorded moments ago may be missing.
    """
    if context.payment.subscription_id is None:
        return _in_order([context.purchase, *context.other_payments])
    return payments_of_subscription(context, _purchases(context, store))


def payments_of_subscription(context: CaseContext, purchases: Iterable[Purchase]) -> list[Purchase]:
    """Return those of some purchases that belong to the subscription of a payment, the earliest first."""
    subscription_id = context.payment.subscription_id
    same = (one for one in purchases if one.payment and one.payment.subscription_id == subscription_id)
    return _in_order(same)


def _purchases(context: CaseContext, store: Store) -> Iterator[Purchase]:
    after = None
    while True:
        page = store.purchases_of(context.payment.account_id, _PAGE, after)
        yield from page.items
        if page.next is None:
            return
        after = page.next


def _in_order(purchases: Iterable[Purchase]) -> list[Purchase]:
    return sorted(purchases, key=lambda one: (one.payment is None, one.payment and one.payment.precedence))
