"""Find the order and the account of an event in what is stored.

What a browser can have written (`Owner.claim`) only says where to look. It counts if something proves it:

    a payment for an order        the order's checkout is the one that was paid
    a subscription                the transaction that created it is that checkout
    anything later of it          the account has the subscription, or the order's payment is of it
"""

from ledger.domain.events import Event
from ledger.domain.ids import AccountId, OrderId
from ledger.domain.receipts import NotBookable, ParkReason
from ledger.ports.commit import FulfilmentKey
from ledger.ports.documents import OrderPointer, checkout_key
from ledger.ports.reads import Keys, Snapshot


def keys_of_owner(event: Event) -> Keys:
    """Return the keys of everything that can lead to the event's order and account."""
    owner = event.owner
    order_ids = {owner.order_id, owner.claim.order_id if owner.claim else None} - {None}
    return Keys(
        payments=frozenset({owner.payment_id} if owner.payment_id else ()),
        fulfilment_keys=frozenset(f"order/{order_id}" for order_id in order_ids),
        subscriptions=frozenset({owner.subscription_id} if owner.subscription_id else ()),
        documents=frozenset({checkout_key(event.provider, owner.checkout_id)} if owner.checkout_id else ()),
    )


def claimable_account(event: Event) -> AccountId | None:
    """Return the account to grant to without a read: by our own id, or by one that a condition of the grant proves."""
    owner, claim = event.owner, event.owner.claim
    if claim is None:
        return owner.account_id
    is_provable = bool(owner.subscription_id) or bool(owner.checkout_id and claim.order_id and event.terms_hash)
    return claim.account_id if is_provable else None


def order_id_of(event: Event, stored: Snapshot) -> OrderId | None:
    """Return the order that the event is of. None: there is none, or nothing proves it yet."""
    owner = event.owner
    if owner.claim is None:
        return owner.order_id
    if owner.checkout_id is None:
        return None
    pointer = stored.document(checkout_key(event.provider, owner.checkout_id), OrderPointer)
    if pointer:
        return pointer.order_id
    order = stored.order(owner.claim.order_id)
    is_of_order = order and (order.provider, order.checkout and order.checkout.checkout_id) == (
        event.provider,
        owner.checkout_id,
    )
    return owner.claim.order_id if is_of_order else None


def owner_account(event: Event, stored: Snapshot) -> AccountId | NotBookable | None:
    """Return the account that the event belongs to: by our order, our ids, its subscription, or a linked payment.

    Return None if none of them leads to an account, and NotBookable if the event contradicts the order. Only a payment
    that claims the order is compared with its product: later ones name the same order and may be for anything.
    """
    owner, order_id = event.owner, order_id_of(event, stored)
    order = stored.fulfilment_keys.get(f"order/{order_id}") if order_id else None
    if order and order.account_id:
        if owner.account_id not in {None, order.account_id}:
            return NotBookable(ParkReason.ORDER_MISMATCH, f"order {order_id} is not {owner.account_id}'s")
        if order.product_id not in {None, *_products_claimed(event, order)}:
            return NotBookable(ParkReason.ORDER_MISMATCH, f"order {order_id} is for {order.product_id}")
        return order.account_id
    if owner.account_id:
        return owner.account_id
    if owner.subscription_id and (account_id := _account_of_subscription(event, owner.subscription_id, stored)):
        return account_id
    linked = stored.home_of(owner.payment_id) if owner.payment_id else None
    return linked.account_id if linked else None


def _products_claimed(event: Event, order: FulfilmentKey) -> set[str | None]:
    """Return the products that a payment brings to the order. One that does not claim it may bring any."""
    if event.payment is None or event.payment.fulfilment_key != order.key:
        return {order.product_id}
    return {line.product_id for line in event.payment.lines}


def _account_of_subscription(event: Event, subscription_id: str, stored: Snapshot) -> AccountId | None:
    """Return the account that has a subscription: by its own events, or by the order's payment that began it."""
    subscription = stored.subscriptions.get(subscription_id)
    if subscription and subscription.account_id:
        return subscription.account_id
    claimed = event.owner.claim and event.owner.claim.order_id
    order = stored.fulfilment_keys.get(f"order/{claimed}") if claimed else None
    for payment_id in order.payment_ids if order else ():
        purchase = stored.home_of(payment_id)
        if purchase and purchase.payment and purchase.payment.subscription_id == subscription_id:
            return purchase.account_id
    return None
