"""Place an order: store its terms before any payment, then have the provider create its checkout.

order ──► stored with its terms and consent ──► checkout created by the provider ──► checkout stored

The checkout's own id leads back to the order: whatever a browser writes into an open checkout, the order of a payment
is the one whose checkout was paid. A payment that is reported before the checkout was stored waits, parked. Nobody can
pay a checkout that was never stored: its address is returned after that.

A request that failed at any step is completed by repeating it with the same Idempotency-Key.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.catalogue import Catalogue
from ledger.domain.errors import (
    AccountInDebt,
    AccountSuspended,
    InvalidRequest,
    NotFound,
    RequestRefused,
    SubscriptionAlreadyRuns,
)
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, OrderId, derived_id
from ledger.domain.orders import Checkout, Consent, Order
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import OrderPointer, checkout_key, idempotency_key
from ledger.ports.gateway import Gateway
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.transaction import CONFLICT, Retry, result_under_key, run_transaction

ORDERS_ROUTE = "orders"
"""The route of the Idempotency-Keys of orders: one key counts for one account and one route."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What a customer requests to buy, and the terms that the customer accepted."""

    account_id: AccountId
    provider: str
    product_id: str
    currency: str
    country: str
    is_business: bool
    policy_version: str
    consent: Consent | None
    key: str  # the Idempotency-Key
    fingerprint: str  # of the request's body


def place_order(
    request: OrderRequest,
    store: Store,
    catalogue: Catalogue,
    gateway_of: Callable[[str], Gateway],
    *,
    policy_version: str,
    success_url: str,
    cancel_url: str,
    now: datetime,
    is_refused_in_debt: bool = True,
) -> Order:
    """Store the order, then have the provider create its checkout. Return the order with its checkout.

    The same request under the same Idempotency-Key returns the same order. Raise InvalidRequest (what can't be sold,
    and what can), RequestRefused (the product is no longer sold), SubscriptionAlreadyRuns, AccountSuspended,
    AccountInDebt (unless `is_refused_in_debt` is false), IdempotencyKeyReused, ProviderRefused, or ProviderUnavailable
    or StoreUnavailable: repeat the request with the same key.

    A subscription that starts between the read of the account and its order is not seen: the checkouts of one plan are
    open side by side until one is paid. Two payments of one plan are two purchases, each with its subscription.
    """
    order = _store_order(request, store, catalogue, policy_version, now, is_refused_in_debt=is_refused_in_debt)
    if order.checkout:
        return _with_address(order, order.checkout, store)
    product = catalogue.agreed(order)
    if product is None:
        raise RequestRefused(f"{order.product_id} is no longer sold.")
    checkout = gateway_of(order.provider).make_checkout(order, product, success_url=success_url, cancel_url=cancel_url)
    return _store_checkout(order, checkout, store)


def confirm_consent(order_id: OrderId, confirmation_id: str, store: Store) -> Order:
    """Record that the consent was confirmed on a durable medium. Return the order. A repetition changes nothing.

    `confirmation_id` is the id of the message to the customer. Raise NotFound if there is no such order,
    RequestRefused if the order has no consent, StoreUnavailable after too many conflicts.
    """

    def attempt() -> Order | Retry:
        order = _read_order(order_id, store)
        if order.consent is None:
            raise RequestRefused(f"Order {order_id} has no consent that could be confirmed.")
        if order.consent.confirmation_id:
            return order
        confirmed = replace(order, consent=replace(order.consent, confirmation_id=confirmation_id))
        return confirmed if store.commit(Commit(order=confirmed)) is None else CONFLICT

    return run_transaction(attempt, f"order {order_id}")


def _store_order(
    request: OrderRequest,
    store: Store,
    catalogue: Catalogue,
    policy_version: str,
    now: datetime,
    *,
    is_refused_in_debt: bool,
) -> Order:
    """Store the order, and return it. Return the stored order if this request was carried out before."""
    order_id = OrderId(derived_id("ord", request.account_id, ORDERS_ROUTE, request.key))
    record_key = idempotency_key(request.account_id, ORDERS_ROUTE, request.key)
    keys = Keys(
        accounts=frozenset({request.account_id}),
        fulfilment_keys=frozenset({f"order/{order_id}"}),
        documents=frozenset({record_key}),
    )

    def attempt() -> Order | Retry:
        stored = store.read(keys)
        if result_under_key(stored, record_key, request.fingerprint):
            # A read of several items is not a snapshot: the same request may have stored the order after the order was
            # read and before the idempotency record was read.
            return stored.order(order_id) or _read_order(order_id, store)
        account = stored.accounts.get(request.account_id) or Account(account_id=request.account_id)
        if account.holds:
            raise AccountSuspended(tuple(sorted(account.holds)))
        if is_refused_in_debt and account.shortfall:
            raise AccountInDebt(account.shortfall)
        if running := account.running_subscription(request.product_id):
            raise SubscriptionAlreadyRuns(request.product_id, running.subscription_id)
        order = _new_order(request, order_id, catalogue, policy_version, now)
        record = IdempotencyRecord(fingerprint=request.fingerprint, subject=order_id, at=now)
        refusal = store.commit(Commit(order=order, documents=(DocumentChange(record_key, record),)))
        return replace(order, version=1) if refusal is None else CONFLICT

    return run_transaction(attempt, f"order {order_id}")


def _store_checkout(order: Order, checkout: Checkout, store: Store) -> Order:
    """Store the order's checkout, and return the order. If the order has a checkout by then, the stored one counts.

    The first commit is made without reading: the order was stored or read before the provider was called.
    """
    key = checkout_key(order.provider, checkout.checkout_id)
    points_back = (DocumentChange(key, OrderPointer(order_id=order.order_id, url=checkout.url)),)
    stored_part = replace(checkout, url=None)
    if store.commit(Commit(order=replace(order, checkout=stored_part), documents=points_back)) is None:
        return replace(order, checkout=checkout)

    def attempt() -> Order | Retry:
        stored = _read_order(order.order_id, store)
        if stored.checkout:
            # The same request was carried out twice at the same time. Nobody has this one's address, but who paid it
            # all the same would pay for the order.
            if stored.checkout.checkout_id != checkout.checkout_id:
                store.commit(Commit(documents=points_back))
            return _with_address(stored, stored.checkout, store)
        commit = Commit(order=replace(stored, checkout=stored_part), documents=points_back)
        return replace(stored, checkout=checkout) if store.commit(commit) is None else CONFLICT

    return run_transaction(attempt, f"order {order.order_id}")


def _with_address(order: Order, checkout: Checkout, store: Store) -> Order:
    """Return an order with the address of its checkout, which is stored beside it."""
    key = checkout_key(order.provider, checkout.checkout_id)
    pointer = store.read(Keys(documents=frozenset({key}))).document(key, OrderPointer)
    return replace(order, checkout=replace(checkout, url=pointer.url if pointer else checkout.url))


def _new_order(
    request: OrderRequest, order_id: OrderId, catalogue: Catalogue, policy_version: str, now: datetime
) -> Order:
    """Return the order with the terms of the catalogue. Raise InvalidRequest if it can't be sold as requested."""
    product = catalogue.product(request.product_id, now)
    if product is None:
        sold = ", ".join(sorted(catalogue.products))
        raise InvalidRequest("product_id", f"{request.product_id} is not sold. Products: {sold}.")
    if request.currency not in product.prices:
        priced = ", ".join(sorted(product.prices))
        raise InvalidRequest(
            "currency", f"{product.product_id} has no price in {request.currency}. Currencies: {priced}."
        )
    if not product.price_ids.get(request.provider):
        raise InvalidRequest("provider", f"{product.product_id} is not sold through {request.provider}.")
    if request.policy_version != policy_version:
        raise InvalidRequest(
            "policy_version",
            f"{request.policy_version} is out of date. Show {policy_version} to the customer, then repeat.",
        )
    return Order(
        order_id=order_id,
        account_id=request.account_id,
        provider=request.provider,
        product_id=product.product_id,
        price_minor=product.prices[request.currency],
        currency=request.currency,
        country=request.country,
        is_business=request.is_business,
        policy_version=policy_version,
        made_at=now,
        terms=product.terms_at(request.provider),
        consent=request.consent,
    )


def _read_order(order_id: OrderId, store: Store) -> Order:
    """Read an order. Raise NotFound if there is none."""
    order = store.read(Keys(fulfilment_keys=frozenset({f"order/{order_id}"}))).order(order_id)
    if order is None:
        raise NotFound(f"There is no order {order_id}.")
    return order
