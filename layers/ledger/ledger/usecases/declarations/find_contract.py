"""Find the contract that a declaration names, by the ids in its text: of an order, a payment or a subscription.

Everything is read consistently, by its key. What only an index could find (an invoice's number, a name, an address) is
left to a person.
"""

import re
from collections.abc import Collection, Iterator

from ledger.domain.accounts import Account
from ledger.domain.declarations import ReviewCause
from ledger.domain.ids import AccountId, PaymentId, provider_of, subscription_of
from ledger.domain.purchases import Purchase
from ledger.domain.records import record
from ledger.policy import law
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.usecases.look_up import LookUp

MOST_NAMES = 8
"""How many ids of a text are looked for."""

_NAME = re.compile(r"\b[A-Za-z]{2,8}_[A-Za-z0-9_]{3,80}\b")


@record(frozen=True)
class Contract:
    """What was found: the customer's account, and what of it the contract is."""

    account_id: AccountId
    payment_id: PaymentId | None = None  # the first payment; None: none is known
    subscription_id: str | None = None


def find_contract(text: str, providers: Collection[str], store: Store) -> Contract | ReviewCause:
    """Return the one contract that a text names, or why a person must look for it."""
    names = list(dict.fromkeys(_NAME.findall(text)))[:MOST_NAMES]
    if not names:
        return ReviewCause.NO_MATCH
    qualified = [f"{provider}:{name}" for name in names for provider in providers]
    orders = [f"order/{name}" for name in names]
    look_up = LookUp(store, orders, with_orders=True)
    known = look_up(
        Keys(
            payments=frozenset(map(PaymentId, qualified)),
            fulfilment_keys=frozenset(orders),
            subscriptions=frozenset(qualified),
        )
    )
    found = {*_by_order(orders, known), *_by_payment(qualified, known), *_by_subscription(qualified, known, look_up)}
    return _the_one(found)


def reseller_of(qualified_id: str | None) -> str:
    """Return the name of who sold what has this id of a provider. Empty: we did, or nothing is known."""
    reseller = law.load().resellers.get(provider_of(qualified_id)) if qualified_id else None
    return reseller.name if reseller else ""


def _the_one(found: Collection[Contract]) -> Contract | ReviewCause:
    """Return the contract that all ids lead to: one account, one payment, one subscription."""
    if not found:
        return ReviewCause.NO_MATCH
    accounts = {one.account_id for one in found}
    payments = {one.payment_id for one in found if one.payment_id}
    subscriptions = {one.subscription_id for one in found if one.subscription_id}
    if len(accounts) > 1 or len(payments) > 1 or len(subscriptions) > 1:
        return ReviewCause.SEVERAL_MATCHES
    return Contract(accounts.pop(), next(iter(payments), None), next(iter(subscriptions), None))


def _by_order(orders: Collection[str], known: Snapshot) -> Iterator[Contract]:
    for name in orders:
        order = known.fulfilment_keys.get(name)
        if order is None or order.account_id is None:
            continue
        home = known.home_of(order.payment_id) if order.payment_id else None
        yield _of_purchase(home) or Contract(order.account_id)


def _by_payment(names: Collection[str], known: Snapshot) -> Iterator[Contract]:
    for name in names:
        if contract := _of_purchase(known.home_of(PaymentId(name))):
            yield contract


def _by_subscription(names: Collection[str], known: Snapshot, look_up: LookUp) -> Iterator[Contract]:
    for name in names:
        subscription = known.subscriptions.get(name)
        if subscription is None or subscription.account_id is None:
            continue
        known = look_up(Keys(accounts=frozenset({subscription.account_id})))
        periods = [*_periods(name, known.accounts.get(subscription.account_id))]
        known = look_up(Keys(fulfilment_keys=frozenset(periods)), periods)
        paid = [known.home_of(payment_id) for key in periods for payment_id in _payments(key, known)]
        earliest = min((one for one in paid if one and one.payment), key=_precedence, default=None)
        yield _of_purchase(earliest) or Contract(subscription.account_id, None, name)


def _periods(subscription_id: str, account: Account | None) -> Iterator[str]:
    """Yield the fulfilment keys of the paid periods whose credits an account still has."""
    for lot_id in account.lots if account else ():
        if subscription_of(lot_id) == subscription_id:
            yield lot_id.rpartition("/")[0]


def _payments(key: str, known: Snapshot) -> tuple[PaymentId, ...]:
    fulfilment_key = known.fulfilment_keys.get(key)
    return fulfilment_key.payment_ids if fulfilment_key else ()


def _precedence(purchase: Purchase) -> tuple[object, ...]:
    return purchase.payment.precedence if purchase.payment else ()


def _of_purchase(purchase: Purchase | None) -> Contract | None:
    if purchase is None or purchase.payment is None:
        return None
    payment = purchase.payment
    return Contract(payment.account_id, purchase.payment_id, payment.subscription_id)
