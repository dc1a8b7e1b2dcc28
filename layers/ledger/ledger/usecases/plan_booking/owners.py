"""Find the account of an event in what is stored."""

from ledger.domain.events import Event
from ledger.domain.ids import AccountId
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.ports.reads import Snapshot


def owner_account(event: Event, stored: Snapshot) -> AccountId | NotBookable | None:
    """Return the account that the event belongs to: by our order, by our own ids, or by a linked payment.

    Return None if none of them leads to an account, and NotBookable if the event contradicts the order. An account id
    that a browser may have set never counts alone: it must match the order.
    """
    owner = event.owner
    order = stored.fulfilment_keys.get(f"order/{owner.order_id}") if owner.order_id else None
    if order and order.account_id:
        named = owner.account_id or owner.browser_account_id
        if named not in {None, order.account_id}:
            return NotBookable(ParkReason.ORDER_MISMATCH, f"order {owner.order_id} is not {named}'s")
        products = {line.product_id for line in event.payment.lines} if event.payment else {order.product_id}
        if order.product_id not in {None, *products}:
            return NotBookable(ParkReason.ORDER_MISMATCH, f"order {owner.order_id} is for {order.product_id}")
        return order.account_id
    if owner.account_id:
        return owner.account_id
    linked = stored.home_of(owner.payment_id) if owner.payment_id else None
    return linked.account_id if linked else None
