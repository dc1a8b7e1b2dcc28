"""An order and its checkout: what each step costs, and what its errors name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.accounts import Account
from ledger.domain.errors import InvalidRequest, StoreUnavailable, SubscriptionAlreadyRuns, TransactionInConflict
from ledger.domain.holds import Hold
from ledger.domain.ids import OrderId
from ledger.domain.orders import Consent, Order
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.domain.withdrawn import REPEATED
from ledger.ports.commit import Commit, Refusal
from ledger.usecases.place_order import _naming_order, obstacle_to_order
from tests.contract.test_orders_terms import ADA, NOW, SOLD, Shop
from tools.testing.fakes import FakeProvider, FakeStore
from tools.testing.unguarded import confirm_consent
from tools.testing.virtual_time import Ended, VirtualTime

PACK, PLAN = "pack_1000", "creator_monthly"
PROVIDERS = ["stripe", "paddle"]
CONSENT = Consent(given_at=NOW, text_version="1", asked_to_begin=True, acknowledged_loss=True)


@dataclass
class BusyStore(FakeStore):
    """A store in which another transaction is in progress from some commit on."""

    free_commits: int = 0
    commits: list[Commit] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def commit(self, commit: Commit) -> Refusal | None:
        self.commits.append(commit)
        if len(self.commits) > self.free_commits:
            raise TransactionInConflict("in progress")
        return super().commit(commit)


def shop(store: FakeStore, product_id: str = PACK, provider: str = "stripe") -> Shop:
    """A shop for one product."""
    return Shop(store, provider, product_id, FakeProvider(kind=provider))


def ended(call: Callable[[], Order]) -> Ended[Order]:
    """Make this call; its pauses take no time."""
    clock = VirtualTime()
    with clock.as_the_clock():
        (one,) = clock.at_once([call])
    return one


@pytest.mark.parametrize(
    ("page", "named"),
    [
        ("https://shop.example/done", "https://shop.example/done?order_id={}"),
        ("https://shop.example/done?from=us", "https://shop.example/done?from=us&order_id={}"),
        ("https://shop.example/#/done", "https://shop.example/?order_id={}#/done"),
        ("https://shop.example/app?a=1#top", "https://shop.example/app?a=1&order_id={}#top"),
    ],
)
def test_the_pages_after_a_checkout_name_the_order_in_their_query(page: str, named: str) -> None:
    """Whatever the page has: a query, a fragment, both."""
    order_id = OrderId("ord_1")
    assert _naming_order(page, order_id) == named.format(order_id)


@pytest.mark.parametrize(("product_id", "round_trips"), [(PACK, 3), (PLAN, 4)])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_order_costs_so_many_round_trips(product_id: str, round_trips: int, provider: str) -> None:
    """Read and store the order, store its checkout; of a plan, read the older checkout between."""
    store = FakeStore()
    placed = shop(store, product_id, provider).order()
    assert placed.checkout
    assert store.round_trips == round_trips


@pytest.mark.parametrize("product_id", [PACK, PLAN])
def test_the_same_request_again_reads_the_order_and_its_address(product_id: str) -> None:
    """Two reads, and nothing is written or asked of the provider."""
    store = FakeStore()
    sold = shop(store, product_id)
    placed = sold.order()
    store.round_trips, calls = 0, list(sold.gateways.calls)
    again = sold.order()
    assert (again.order_id, again.checkout) == (placed.order_id, placed.checkout)
    assert store.round_trips == 2
    assert sold.gateways.calls == calls


@pytest.mark.parametrize(("product_id", "free_commits"), [(PACK, 0), (PACK, 1), (PLAN, 0), (PLAN, 1)])
def test_a_store_that_stays_in_conflict_is_an_error_that_names_the_order(product_id: str, free_commits: int) -> None:
    """At whichever step. Repeated under its key, the request is completed as the same order."""
    store = BusyStore(free_commits=free_commits)
    sold = shop(store, product_id)
    error = ended(sold.order).error
    assert isinstance(error, StoreUnavailable)
    store.free_commits = len(store.commits) + 10
    placed = sold.order()
    assert placed.checkout
    assert str(error).startswith(f"order {placed.order_id}: ")
    assert len({order.order_id for order in sold_orders(store)}) == 1


def test_a_consent_that_cannot_be_stored_now_is_an_error_that_names_the_order() -> None:
    """Nothing was confirmed."""
    store = BusyStore(free_commits=10)
    placed = shop(store).order(consent=CONSENT)
    store.free_commits = 0
    error = ended(lambda: confirm_consent(placed.order_id, "mail_1", store, NOW)).error
    assert isinstance(error, StoreUnavailable)
    assert str(error).startswith(f"order {placed.order_id}: ")
    assert [order.consent.confirmation_id for order in sold_orders(store) if order.consent] == [None]


@pytest.mark.parametrize(
    ("after", "is_sold"),
    [
        (timedelta(0), False),
        (timedelta(days=14), False),
        (timedelta(days=16), False),
        (timedelta(days=16, seconds=1), True),
        (timedelta(days=21), True),
    ],
)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_completed_checkout_bars_the_plan_until_its_payment_must_be_known(
    after: timedelta, provider: str, *, is_sold: bool
) -> None:
    """A bank debit takes two weeks. After sixteen days without a payment there will be none."""
    sold = shop(FakeStore(), PLAN, provider)
    paid = sold.order(now=NOW)
    assert paid.checkout
    sold.gateways.pay_checkout(paid.checkout.checkout_id)
    if is_sold:
        assert sold.order(key="key_2", now=NOW + after).checkout
        return
    with pytest.raises(SubscriptionAlreadyRuns) as raised:
        sold.order(key="key_2", now=NOW + after)
    assert raised.value.subscription_id is None
    (second,) = sold.gateways.checkouts.keys() - {paid.checkout.checkout_id}
    assert second in sold.gateways.closed, "nobody was given its address"


def sold_orders(store: FakeStore) -> list[Order]:
    """Return the orders that are stored."""
    return [key.terms for key in store.fulfilment_keys.values() if key.terms]


RUNNING = Subscription(
    subscription_id="stripe:sub_1",
    account_id=ADA,
    cause="stripe:evt_1",
    product_id=PLAN,
    status=SubscriptionStatus.ACTIVE,
    at=NOW,
    period_end=NOW + timedelta(days=29),
    customer_id="stripe:cus_1",
)
HELD = {name: Hold(since=NOW, payment_id=None) for name in ("support:b", "support:a")}
IN_REVIEW = Account(account_id=ADA, flags={f"{REPEATED}stripe:pi_1": NOW})


@pytest.mark.parametrize(
    ("account", "debt", "said"),
    [
        (Account(account_id=ADA), 0, None),
        (Account(account_id=ADA, holds=HELD), 5, "The account is suspended: support:a, support:b."),
        (IN_REVIEW, 5, "Credits of a payment that was returned had been used already: 5."),
        (IN_REVIEW, 0, "We review your account before you can place another order."),
        (Account(account_id=ADA, flags={"inquiry:dp_1": NOW}), 0, None),
        (
            Account(account_id=ADA, subscriptions={RUNNING.subscription_id: RUNNING}),
            0,
            "The subscription stripe:sub_1 to creator_monthly is running already.",
        ),
    ],
)
def test_what_is_in_the_way_of_an_order_is_said(account: Account, debt: int, said: str | None) -> None:
    """A suspension before a debt, a debt before a review, and that before a plan which runs already."""
    assert str(obstacle_to_order(PLAN, account, debt) or None).startswith(str(said))


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        (
            {"product_id": "pack_9"},
            "product_id",
            "pack_9 is not sold. Products: creator_monthly, pack_1000, pack_2500, pack_500.",
        ),
        ({"currency": "XTS"}, "currency", "pack_1000 has no price in XTS. Currencies: {}."),
        ({"provider": "acme"}, "provider", "pack_1000 is not sold through acme."),
        (
            {"policy_version": "0"},
            "policy_version",
            "0 is out of date. Show 1 to the customer, then repeat.",
        ),
    ],
)
def test_an_order_that_cannot_be_sold_names_what_is_wrong(changes: dict[str, Any], field: str, said: str) -> None:
    """And what would be right. Nothing is stored."""
    store = FakeStore()
    currencies = ", ".join(sorted(SOLD.products[PACK].prices))
    with pytest.raises(InvalidRequest) as refused:
        shop(store).order(**changes)
    assert (refused.value.field, str(refused.value)) == (f"body.{field}", said.format(currencies))
    assert not store.fulfilment_keys
