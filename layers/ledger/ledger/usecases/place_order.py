"""Orders: what is offered and accepted is written down before any payment, then the provider makes its checkout.

order ──► stored, with its terms and consent ──► checkout made by the provider ──► checkout stored
A request that broke off anywhere is finished by asking again with the same Idempotency-Key.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from ledger.domain.accounts import Account
from ledger.domain.catalogue import Catalogue
from ledger.domain.errors import (
    AccountSuspended,
    IdempotencyKeyReused,
    InvalidRequest,
    NotFound,
    RequestRefused,
    StoreUnavailable,
)
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, OrderId, derived_id
from ledger.domain.orders import Consent, Order
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import idempotency_key
from ledger.ports.gateway import Gateway
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.transaction import ATTEMPTS, attempts

ORDERS_ROUTE = "orders"
"""The route under which an Idempotency-Key of an order counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """What a customer wants to buy, and what was agreed."""

    account_id: AccountId
    provider: str
    product_id: str
    currency: str
    country: str
    is_business: bool
    policy_version: str
    consent: Consent | None
    key: str  # the Idempotency-Key
    fingerprint: str  # of what was asked under it


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
) -> Order:
    """Make the order, then its checkout. The same request under the same key gives the same order.

    Raises Invalid (what can't be sold so, and what could), AccountSuspended, IdempotencyKeyReused, ProviderRefused,
    ProviderUnavailable (ask again with the same key).
    """
    order = _stored(request, store, catalogue, policy_version, now)
    if order.checkout:
        return order
    product = catalogue.product(order.product_id)
    if product is None:
        raise RequestRefused(f"{order.product_id} is not sold any more.")
    checkout = gateway_of(order.provider).make_checkout(order, product, success_url=success_url, cancel_url=cancel_url)
    for _ in attempts():
        made = replace(order, checkout=checkout)
        if store.commit(Commit(order=made)) is None:
            return made
        order = _read(order.order_id, store)
        if order.checkout:
            return order  # the same request, carried out twice at once: the first one's page stands
    raise StoreUnavailable(f"{order.order_id}: overtaken {ATTEMPTS} times by other writers")


def confirm_consent(order_id: OrderId, confirmation_id: str, store: Store) -> Order:
    """Record that the consent was confirmed on a durable medium: the id of the message. Again changes nothing.

    Raises NotFound; Refused: nothing was consented to.
    """
    for _ in attempts():
        order = _read(order_id, store)
        if order.consent is None:
            raise RequestRefused(f"Order {order_id} has no consent that could be confirmed.")
        if order.consent.confirmation_id:
            return order
        confirmed = replace(order, consent=replace(order.consent, confirmation_id=confirmation_id))
        if store.commit(Commit(order=confirmed)) is None:
            return confirmed
    raise StoreUnavailable(f"{order_id}: overtaken {ATTEMPTS} times by other writers")


def _stored(request: OrderRequest, store: Store, catalogue: Catalogue, policy_version: str, now: datetime) -> Order:
    """The order as it is stored: made now, or by an earlier try of the same request."""
    order_id = OrderId(derived_id("ord", request.account_id, ORDERS_ROUTE, request.key))
    answered_at = idempotency_key(request.account_id, ORDERS_ROUTE, request.key)
    keys = Keys(
        accounts=frozenset({request.account_id}),
        fulfilment_keys=frozenset({f"order/{order_id}"}),
        documents=frozenset({answered_at}),
    )
    for _ in attempts():
        known = store.read(keys)
        if answered := known.document(answered_at, IdempotencyRecord):
            if answered.fingerprint != request.fingerprint:
                raise IdempotencyKeyReused("This Idempotency-Key stands for another request: use a new one.")
            # A batch is no snapshot: a twin may have made the order after it was read, before the key was.
            return known.order(order_id) or _read(order_id, store)
        account = known.accounts.get(request.account_id) or Account(account_id=request.account_id)
        if account.holds:
            raise AccountSuspended(tuple(sorted(account.holds)))
        order = _offer(request, order_id, catalogue, policy_version, now)
        answer = IdempotencyRecord(fingerprint=request.fingerprint, subject=order_id, at=now)
        if store.commit(Commit(order=order, documents=(DocumentChange(answered_at, answer),))) is None:
            return replace(order, version=1)
    raise StoreUnavailable(f"{order_id}: overtaken {ATTEMPTS} times by other writers")


def _offer(request: OrderRequest, order_id: OrderId, catalogue: Catalogue, policy_version: str, now: datetime) -> Order:
    """The terms, if what is asked for can be sold so."""
    product = catalogue.product(request.product_id)
    if product is None:
        sold = ", ".join(sorted(catalogue.products))
        raise InvalidRequest("product_id", f"{request.product_id} is not sold: {sold} are.")
    if request.currency not in product.prices:
        priced = ", ".join(sorted(product.prices))
        raise InvalidRequest(
            "currency", f"{product.product_id} has no price in {request.currency}: it has in {priced}."
        )
    if not product.price_ids.get(request.provider):
        raise InvalidRequest("provider", f"{product.product_id} is not sold through {request.provider}.")
    if request.policy_version != policy_version:
        raise InvalidRequest(
            "policy_version", f"{request.policy_version} is out of date: show {policy_version}, ask again."
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
        consent=request.consent,
    )


def _read(order_id: OrderId, store: Store) -> Order:
    order = store.read(Keys(fulfilment_keys=frozenset({f"order/{order_id}"}))).order(order_id)
    if order is None:
        raise NotFound(f"There is no order {order_id}.")
    return order
