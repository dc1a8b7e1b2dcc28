"""Place an order: store its terms before any payment, then have the provider create its checkout.

order ──► stored with its terms and consent ──► checkout created by the provider ──► checkout stored
                                                  └► of a plan: the older checkout of the plan is closed first

The checkout's own id leads back to the order: whatever a browser writes into an open checkout, the order of a payment
is the one whose checkout was paid. A payment that is reported before the checkout was stored waits, parked. Nobody can
pay a checkout that was never stored: its address is returned after that.

Of one plan only one checkout is open among those whose address an account was given: `OpenCheckout` names it, and is
replaced under its version. Of two requests at the same time one closes the other's checkout.

A request that failed at any step is completed by repeating it with the same Idempotency-Key.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

from ledger.domain.accounts import Account
from ledger.domain.catalogue import Catalogue, ProductKind
from ledger.domain.contacts import Contact
from ledger.domain.errors import (
    AccountInDebt,
    AccountInReview,
    AccountSuspended,
    InvalidRequest,
    NotFound,
    ProviderRefused,
    RequestRefused,
    SubscriptionAlreadyRuns,
)
from ledger.domain.idempotency import IdempotencyRecord
from ledger.domain.ids import AccountId, OrderId, derived_id
from ledger.domain.orders import Checkout, Consent, OpenCheckout, Order, RenewalConsent, ShownInformation
from ledger.domain.recent_requests import LimitedRequest
from ledger.domain.records import record
from ledger.domain.subscriptions import RUNNING
from ledger.domain.withdrawn import repeated_withdrawals
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import (
    OrderPointer,
    checkout_key,
    contact_key,
    idempotency_key,
    open_checkout_key,
    recent_requests_key,
)
from ledger.ports.gateway import Gateway
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.usecases.contacts import Address, confirmations_to_new_address, contact_change
from ledger.usecases.debts import refusing_debt
from ledger.usecases.limits import Limits, counted
from ledger.usecases.list_mails import await_payment
from ledger.usecases.remind import watch_plan
from ledger.usecases.shown_terms import PlanNeeds, check_shown
from ledger.usecases.transaction import CONFLICT, Retry, commit_unread, result_under_key, run_transaction

ORDERS_ROUTE = "orders"
"""The route of the Idempotency-Keys of orders: one key counts for one account and one route."""

REPORTED_WITHIN = timedelta(days=16)
"""How long after its order a completed checkout may be without a reported payment. After it the plan is sold again.

A bank debit takes two weeks to succeed or fail.
"""


@record(frozen=True, kw_only=True)
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
    shown: ShownInformation | None = None  # before the order
    renewal_consent: RenewalConsent | None = None  # of a plan
    key: str  # the Idempotency-Key
    fingerprint: str  # of the request's body
    email: str | None = None  # of the customer, as the token says
    language: str = "en"  # of the customer's mails


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
    lock_days: int | None,
    needs: PlanNeeds,
    is_refused_in_debt: bool = True,
    debt_allowed: int = 0,
    limits: Limits,
) -> Order:
    """Store the order, then have the provider create its checkout. Return the order with its checkout.

    The same request under the same Idempotency-Key returns the same order. Raise InvalidRequest (what can't be sold,
    and what can), RequestRefused (the product is no longer sold), SubscriptionAlreadyRuns, AccountSuspended,
    AccountInDebt (see `refusing_debt`; unless `is_refused_in_debt` is false), AccountInReview, TooManyRequests,
    IdempotencyKeyReused, ProviderRefused, or ProviderUnavailable or StoreUnavailable: repeat the request with the same
    key.

    `lock_days`: so many days after the payment its credits are locked, unless the consent is complete.
    `needs`: what a plan is sold only with.

    The customer returns to `success_url` or `cancel_url` with the order's id as `order_id` in the query.

    An older checkout of the same plan is closed. If it was paid, SubscriptionAlreadyRuns is raised, unless the
    subscription that it began has ended.
    """
    order = _store_order(
        request,
        store,
        catalogue,
        policy_version,
        now,
        lock_days,
        debt_allowed,
        limits,
        needs=needs,
        is_refused_in_debt=is_refused_in_debt,
    )
    if order.checkout:
        return with_checkout_address(order, order.checkout, store)
    product = catalogue.agreed(order)
    if product is None:
        raise RequestRefused(f"{order.product_id} is no longer sold.")
    checkout = gateway_of(order.provider).make_checkout(
        order,
        product,
        success_url=_naming_order(success_url, order.order_id),
        cancel_url=_naming_order(cancel_url, order.order_id),
    )
    if product.kind is ProductKind.SUBSCRIPTION:
        return _store_only_checkout(order, checkout, store, gateway_of, now)
    return _store_checkout(order, checkout, store)


def obstacle_to_order(
    product_id: str, account: Account, debt: int
) -> AccountSuspended | AccountInDebt | AccountInReview | SubscriptionAlreadyRuns | None:
    """Return why an account can't order a product. None: it can, unless an older checkout of the plan was just paid.

    `debt`: the credits for which new orders are refused; see `refusing_debt`.
    """
    if account.holds:
        return AccountSuspended(tuple(sorted(account.holds)))
    if debt:
        return AccountInDebt(debt)
    if repeated_withdrawals(account.flags):
        return AccountInReview()
    running = account.running_subscription(product_id)
    return SubscriptionAlreadyRuns(product_id, running.subscription_id) if running else None


def _naming_order(url: str, order_id: OrderId) -> str:
    """Return the address of a page with the order's id in its query."""
    page, mark, fragment = url.partition("#")
    return f"{page}{'&' if '?' in page else '?'}order_id={order_id}{mark}{fragment}"


def _store_order(
    request: OrderRequest,
    store: Store,
    catalogue: Catalogue,
    policy_version: str,
    now: datetime,
    lock_days: int | None,
    debt_allowed: int,
    limits: Limits,
    *,
    needs: PlanNeeds,
    is_refused_in_debt: bool,
) -> Order:
    """Store the order, and return it. Return the stored order if this request was carried out before."""
    order_id = OrderId(derived_id("ord", request.account_id, ORDERS_ROUTE, request.key))
    record_key = idempotency_key(request.account_id, ORDERS_ROUTE, request.key)
    known_contact_key = contact_key(request.account_id)
    keys = Keys(
        accounts=frozenset({request.account_id}),
        fulfilment_keys=frozenset({f"order/{order_id}"}),
        documents=frozenset(
            {record_key, known_contact_key, recent_requests_key(request.account_id, LimitedRequest.ORDERS)}
        ),
    )

    def attempt() -> Order | Retry:
        stored = store.read(keys)
        if result_under_key(stored, record_key, request.fingerprint):
            # A read of several items is not a snapshot: the same request may have stored the order after the order was
            # read and before the idempotency record was read.
            return stored.order(order_id) or _read_order(order_id, store)
        account = stored.accounts.get(request.account_id) or Account(account_id=request.account_id)
        debt = refusing_debt(account, store, debt_allowed) if is_refused_in_debt and not account.holds else 0
        if obstacle := obstacle_to_order(request.product_id, account, debt):
            raise obstacle
        order = _new_order(request, order_id, catalogue, policy_version, now, lock_days, needs)
        record = IdempotencyRecord(fingerprint=request.fingerprint, subject=order_id, at=now)
        address, contact = Address(request.email, request.language), stored.document(known_contact_key, Contact)
        waiting = {lock.order_id for lock in account.locks(now).values() if lock.order_id}
        documents = (
            DocumentChange(record_key, record),
            await_payment(order_id, request.account_id, now),
            *counted(LimitedRequest.ORDERS, request.account_id, stored, limits, now),
            *contact_change(request.account_id, address, contact, now),
            *confirmations_to_new_address(request.account_id, waiting, address, contact, now),
        )
        refusal = store.commit(Commit(order=order, documents=documents))
        return replace(order, version=1) if refusal is None else CONFLICT

    return run_transaction(attempt, f"order {order_id}")


def _store_checkout(order: Order, checkout: Checkout, store: Store) -> Order:
    """Store the order's checkout, and return the order. If the order has a checkout by then, the stored one counts.

    The first commit is made without reading: the order was stored or read before the provider was called.
    """
    if commit_unread(_commit_of(order, checkout), store, f"order {order.order_id}") is None:
        return replace(order, checkout=checkout)

    def attempt() -> Order | Retry:
        stored = _read_order(order.order_id, store)
        if stored.checkout:
            return _with_stored_checkout(stored, stored.checkout, checkout, store)
        return replace(stored, checkout=checkout) if store.commit(_commit_of(stored, checkout)) is None else CONFLICT

    return run_transaction(attempt, f"order {order.order_id}")


def _store_only_checkout(
    order: Order, checkout: Checkout, store: Store, gateway_of: Callable[[str], Gateway], now: datetime
) -> Order:
    """Store the checkout of a plan as the only open one, after the one before it was closed. Return the order.

    If the one before it was paid, close this one, and raise SubscriptionAlreadyRuns unless that subscription has ended.
    """
    key = open_checkout_key(order.account_id, order.product_id)
    keys = Keys(fulfilment_keys=frozenset({f"order/{order.order_id}"}), documents=frozenset({key}))

    def attempt() -> Order | Retry:
        known = store.read(keys)
        stored, older = known.order(order.order_id) or order, known.document(key, OpenCheckout)
        if stored.checkout:
            return _with_stored_checkout(stored, stored.checkout, checkout, store)
        if older and older.order_id == order.order_id:
            return CONFLICT  # the same request stored its checkout between the two reads: never close that
        if older and _was_paid(older, gateway_of(older.provider)):
            _refuse_beside(older, order, checkout, store, gateway_of, now)
        newest = OpenCheckout(
            order_id=order.order_id,
            provider=order.provider,
            checkout_id=checkout.checkout_id,
            version=older.version if older else 0,
        )
        open_checkout = DocumentChange(key, newest, newest.version)
        commit = _commit_of(stored, checkout, open_checkout, watch_plan(stored))
        return replace(stored, checkout=checkout) if store.commit(commit) is None else CONFLICT

    return run_transaction(attempt, f"order {order.order_id}")


def _was_paid(older: OpenCheckout, gateway: Gateway) -> bool:
    """Close an older checkout. Return whether it was paid.

    What the provider will not close stays open: a second subscription can be paid back, a plan that nobody can order
    is lost.
    """
    try:
        return not gateway.expire_checkout(older.checkout_id)
    except ProviderRefused:
        return False


def _commit_of(order: Order, checkout: Checkout, *documents: DocumentChange) -> Commit:
    """Return the commit that stores an order's checkout, and the way back from it."""
    return Commit(
        order=replace(order, checkout=replace(checkout, url=None)), documents=(_way_back(order, checkout), *documents)
    )


def _way_back(order: Order, checkout: Checkout) -> DocumentChange:
    """Return the pointer from a checkout to its order."""
    pointer = OrderPointer(order_id=order.order_id, url=checkout.url)
    return DocumentChange(checkout_key(order.provider, checkout.checkout_id), pointer)


def _with_stored_checkout(order: Order, stored: Checkout, other: Checkout, store: Store) -> Order:
    """Return an order that has a checkout already: the same request was carried out twice at the same time.

    Nobody has the other one's address, but who paid it all the same would pay for the order.
    """
    if stored.checkout_id != other.checkout_id:
        commit_unread(Commit(documents=(_way_back(order, other),)), store, f"order {order.order_id}")
    return with_checkout_address(order, stored, store)


def _refuse_beside(
    paid: OpenCheckout,
    order: Order,
    checkout: Checkout,
    store: Store,
    gateway_of: Callable[[str], Gateway],
    now: datetime,
) -> None:
    """Raise SubscriptionAlreadyRuns if the subscription that a paid checkout began still runs, or is not known yet.

    The checkout of the refused order is closed first. If its provider will not close it, it stays open: nobody was
    given its address.
    """
    begun = _begun_by(paid, store, now)
    if begun is None:
        return
    with suppress(ProviderRefused):
        gateway_of(order.provider).expire_checkout(checkout.checkout_id)
    raise SubscriptionAlreadyRuns(order.product_id, begun.subscription_id)


@record(frozen=True)
class _Running:
    """The subscription that a payment began, as far as it is known. None: the payment was not reported yet."""

    subscription_id: str | None


def _begun_by(paid: OpenCheckout, store: Store, now: datetime) -> _Running | None:
    """Return the subscription that a paid checkout began. None: it does not run any more, or was never paid for."""
    fulfilment_key = f"order/{paid.order_id}"
    known = store.read(Keys(fulfilment_keys=frozenset({fulfilment_key})))
    fulfilled, order = known.fulfilment_keys.get(fulfilment_key), known.order(paid.order_id)
    payment_ids = fulfilled.payment_ids if fulfilled else ()
    payments = store.read(Keys(payments=frozenset(payment_ids))) if payment_ids else Snapshot()
    homes = (payments.home_of(payment_id) for payment_id in payment_ids)
    subscription_id = next((home.payment.subscription_id for home in homes if home and home.payment), None)
    if subscription_id is None:
        has_failed = order is not None and now - order.made_at > REPORTED_WITHIN
        return None if has_failed else _Running(None)
    subscription = store.read(Keys(subscriptions=frozenset({subscription_id}))).subscriptions.get(subscription_id)
    has_ended = subscription is not None and subscription.status not in RUNNING
    return None if has_ended else _Running(subscription_id)


def with_checkout_address(order: Order, checkout: Checkout, store: Store) -> Order:
    """Return an order with the address of its checkout, which is stored beside it."""
    key = checkout_key(order.provider, checkout.checkout_id)
    pointer = store.read(Keys(documents=frozenset({key}))).document(key, OrderPointer)
    return replace(order, checkout=replace(checkout, url=pointer.url if pointer else checkout.url))


def _new_order(
    request: OrderRequest,
    order_id: OrderId,
    catalogue: Catalogue,
    policy_version: str,
    now: datetime,
    lock_days: int | None,
    needs: PlanNeeds,
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
    check_shown(
        product,
        request.shown,
        request.renewal_consent,
        needs,
        currency=request.currency,
        country=request.country,
        now=now,
    )
    order = Order(
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
        terms=product.terms_at(request.provider, lock_days=lock_days),
        consent=request.consent,
        shown=request.shown,
        renewal_consent=request.renewal_consent,
    )
    return order.with_agreement()


def _read_order(order_id: OrderId, store: Store) -> Order:
    """Read an order. Raise NotFound if there is none."""
    order = store.read(Keys(fulfilment_keys=frozenset({f"order/{order_id}"}))).order(order_id)
    if order is None:
        raise NotFound(f"There is no order {order_id}.")
    return order
