"""Of one plan an account has one open checkout: a new order closes the older one, whatever happens at the same time."""

import time
from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.errors import ProviderRefused, ProviderUnavailable, SubscriptionAlreadyRuns
from ledger.domain.events import Owner
from ledger.domain.ids import AccountId
from ledger.domain.orders import Checkout, OpenCheckout, Order
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.ports.commit import Commit, Refusal
from ledger.ports.documents import open_checkout_key
from ledger.ports.reads import Keys, Snapshot
from ledger.ports.store import Store
from ledger.usecases.place_order import REPORTED_WITHIN, _store_only_checkout
from tests.contract.test_orders_terms import NOW, Shop
from tools.testing.builders import ADA, event_of, record_events
from tools.testing.fakes import FakeProvider, ResponseLost
from tools.testing.races import at_once, retrying

PLAN = "creator_monthly"
BOB = AccountId("acct_bob")


def shop(store: Store, product_id: str = PLAN, provider: str = "stripe", gateways: FakeProvider | None = None) -> Shop:
    """A shop for one product, which is paid at one provider."""
    return Shop(store, provider, product_id, gateways or FakeProvider(kind=provider))


def checkout_of(order: Order) -> str:
    """Return the id of an order's checkout."""
    assert order.checkout
    return order.checkout.checkout_id


def open_checkout(store: Store) -> OpenCheckout | None:
    """Return the open checkout of the plan, as it is stored."""
    key = open_checkout_key(ADA, PLAN)
    return store.read(Keys(documents=frozenset({key}))).document(key, OpenCheckout)


def reports(store: Store, subscription_id: str, status: SubscriptionStatus, minute: float = 0) -> None:
    """The provider reports the state of a subscription to the plan."""
    event = event_of(names=(), minute=minute)
    state = Subscription(
        subscription_id=subscription_id,
        status=status,
        at=event.at,
        cause=event.cause,
        product_id=PLAN,
        account_id=ADA,
    )
    record_events(store, replace(event, subscription=state, owner=Owner(account_id=ADA)))


@pytest.mark.parametrize("provider", ["stripe", "paddle"])
def test_a_new_order_closes_the_older_checkout_of_the_plan(any_store: Store, provider: str) -> None:
    """The third one closes the second; the first stays closed. The address is that of the open one."""
    buyer = shop(any_store, provider=provider)
    orders = [buyer.order(f"key_{number}") for number in range(3)]
    closed = [checkout_of(one) for one in orders[:2]]
    assert buyer.gateways.closed == {*closed}
    assert open_checkout(any_store) == OpenCheckout(
        order_id=orders[2].order_id, provider=provider, checkout_id=checkout_of(orders[2]), version=3
    )
    buyer.gateways.pay_checkout(checkout_of(orders[2]))


def test_the_older_checkout_is_closed_at_its_own_provider(any_store: Store) -> None:
    """It may be another one than that of the new order."""
    gateways = {name: FakeProvider(kind=name) for name in ("stripe", "paddle")}
    first = shop(any_store, gateways=gateways["stripe"]).order("key_1")
    second = shop(any_store, provider="paddle", gateways=gateways["paddle"])
    second.gateway_of = gateways.__getitem__
    assert second.order("key_2").checkout
    assert (gateways["stripe"].closed, gateways["paddle"].closed) == ({checkout_of(first)}, set())


def test_the_same_request_again_closes_nothing(any_store: Store) -> None:
    """It is answered with the same checkout."""
    buyer = shop(any_store)
    first, again = buyer.order("key_1"), buyer.order("key_1")
    assert checkout_of(first) == checkout_of(again)
    assert buyer.gateways.closed == set()


def test_packs_and_other_accounts_close_nothing(any_store: Store) -> None:
    """Any number of packs can be bought at the same time."""
    gateways = FakeProvider()
    for number in range(2):
        shop(any_store, "pack_1000", gateways=gateways).order(f"pack_{number}")
    shop(any_store, gateways=gateways).order("key_1")
    shop(any_store, gateways=gateways).order("key_1", account_id=BOB)
    assert gateways.closed == set()


def test_a_plan_that_was_just_paid_for_is_not_sold_beside_it(any_store: Store) -> None:
    """Before its payment was reported, and after it; the refused checkout is closed. Once it has ended it is sold."""
    buyer = shop(any_store)
    paid = buyer.order("key_1")
    buyer.gateways.pay_checkout(checkout_of(paid))
    for key in ("key_2", "key_2", "key_3"):
        with pytest.raises(SubscriptionAlreadyRuns) as refusal:
            buyer.order(key)
        assert refusal.value.subscription_id is None
    made = {one.checkout_id for one in buyer.gateways.checkouts.values()}
    assert made - buyer.gateways.closed == {checkout_of(paid)}
    stored = open_checkout(any_store)
    assert stored
    assert stored.order_id == paid.order_id

    assert buyer.hear(buyer.paid(paid)).entries
    with pytest.raises(SubscriptionAlreadyRuns) as refusal:
        buyer.order("key_4")
    subscription_id = refusal.value.subscription_id
    assert subscription_id
    reports(any_store, subscription_id, SubscriptionStatus.ACTIVE)
    with pytest.raises(SubscriptionAlreadyRuns):
        buyer.order("key_5")
    reports(any_store, subscription_id, SubscriptionStatus.ENDED, minute=10)
    for key in ("key_2", "key_6"):  # a request that was refused before gets a checkout that is open
        assert checkout_of(buyer.order(key)) not in buyer.gateways.closed


def test_a_refused_order_whose_checkout_can_not_be_closed_is_refused_all_the_same(any_store: Store) -> None:
    """For the reason that counts: the plan is paid for. Nobody was given the address of the checkout."""
    gateways = {name: FakeProvider(kind=name) for name in ("stripe", "paddle")}
    first = shop(any_store, gateways=gateways["stripe"])
    first.gateways.pay_checkout(checkout_of(first.order("key_1")))
    second = shop(any_store, provider="paddle", gateways=gateways["paddle"])
    second.gateway_of = gateways.__getitem__
    gateways["paddle"].close_faults = [ProviderRefused("invalid_field", "can't be closed")]
    with pytest.raises(SubscriptionAlreadyRuns):
        second.order("key_2")


def test_a_completed_checkout_whose_debit_failed_does_not_bar_the_plan_for_ever(any_store: Store) -> None:
    """No payment was reported for longer than a bank debit takes."""
    buyer = shop(any_store)
    buyer.gateways.pay_checkout(checkout_of(buyer.order("key_1")))
    with pytest.raises(SubscriptionAlreadyRuns):
        buyer.order("key_2", now=NOW + REPORTED_WITHIN - timedelta(hours=2))
    assert buyer.order("key_2", now=NOW + REPORTED_WITHIN).checkout


@pytest.mark.parametrize("fault", [ProviderUnavailable("down"), ResponseLost("lost")], ids=["down", "answer lost"])
def test_a_provider_that_does_not_answer_delays_the_order(any_store: Store, fault: Exception) -> None:
    """Nobody is given an address meanwhile. The same request again closes the older checkout and is answered."""
    buyer = shop(any_store)
    first = buyer.order("key_1")
    buyer.gateways.close_faults = [fault]
    with pytest.raises(ProviderUnavailable):
        buyer.order("key_2")
    stored = open_checkout(any_store)
    assert stored
    assert stored.order_id == first.order_id
    second = buyer.order("key_2")
    assert buyer.gateways.closed == {checkout_of(first)}
    buyer.gateways.pay_checkout(checkout_of(second))


def test_a_checkout_that_its_provider_will_not_close_bars_no_order(any_store: Store) -> None:
    """It stays open; the plan is sold, and the newer checkout is the one that is known as open."""
    buyer = shop(any_store)
    buyer.order("key_1")
    buyer.gateways.close_faults = [ProviderRefused("invalid_field", "can't be closed")]
    second = buyer.order("key_2")
    stored = open_checkout(any_store)
    assert stored
    assert (stored.order_id, buyer.gateways.closed) == (second.order_id, set())


@dataclass
class Stale:
    """A store whose first read returns the order as it was before its checkout was stored: a read is no snapshot."""

    store: Store
    order: Order | None

    def read(self, names: Keys) -> Snapshot:
        found = self.store.read(names)
        if self.order is None:
            return found
        key, before = f"order/{self.order.order_id}", replace(self.order, checkout=None, version=1)
        self.order = None
        return replace(found, fulfilment_keys={key: replace(found.fulfilment_keys[key], terms=before)})

    def commit(self, commit: Commit) -> Refusal | None:
        return self.store.commit(commit)


@pytest.mark.parametrize("provider", ["stripe", "paddle"])
def test_a_request_never_closes_the_checkout_of_its_twin(any_store: Store, provider: str) -> None:
    """The same request at the same time has stored its checkout between two reads, and was answered with it."""
    buyer = shop(any_store, provider=provider)
    order = buyer.order("key_1")
    made = checkout_of(order) if provider == "stripe" else "txn_other"
    store: Any = Stale(any_store, order)
    before = replace(order, checkout=None, version=1)
    other = Checkout(checkout_id=made, url="https://pay.example/2")
    answered = _store_only_checkout(before, other, store, lambda _: buyer.gateways, NOW)
    assert answered.checkout == order.checkout
    assert buyer.gateways.closed == set()


def test_of_orders_at_the_same_time_one_checkout_stays_open(real_store: Store) -> None:
    """Each closes the one before it. Of all that were given out, the one that is stored as open can be paid."""
    buyer = shop(real_store)
    calls = [retrying(lambda number=number: buyer.order(f"key_{number}")) for number in range(8)]  # type: ignore[misc]
    orders = at_once(calls)
    stored = open_checkout(real_store)
    assert stored
    given = {checkout_of(one) for one in orders}
    assert len(given) == 8
    assert given - buyer.gateways.closed == {stored.checkout_id}


def test_a_payment_and_a_new_order_at_the_same_time_never_leave_two_subscriptions(real_store: Store) -> None:
    """Either the older checkout was closed first and can't be paid, or it was paid and the new order is refused.

    The payment comes a little later in each round. In the first it comes before the order, in the last after it.
    """
    won: Counter[bool] = Counter()
    for number in range(10):
        buyer = shop(real_store)
        account_id = AccountId(f"acct_race_{number}")
        first = buyer.order("key_1", account_id=account_id)

        def pay(buyer: Shop = buyer, first: Order = first, number: int = number) -> None:
            time.sleep(0.5 * (number / 9) ** 2)
            buyer.gateways.pay_checkout(checkout_of(first))

        calls = [retrying(pay), retrying(lambda: buyer.order("key_2", account_id=account_id))]  # noqa: B023
        if number == 0:
            paid, second = (call() for call in calls)
        elif number == 9:
            second, paid = (call() for call in reversed(calls))
        else:
            paid, second = at_once(calls)
        is_paid = not isinstance(paid, ProviderRefused)
        assert is_paid == isinstance(second, SubscriptionAlreadyRuns)
        assert is_paid or isinstance(second, Order)
        won[is_paid] += 1
    assert won.keys() == {True, False}, "each has won"
