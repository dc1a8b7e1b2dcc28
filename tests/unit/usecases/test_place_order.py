"""An order and its checkout: what each step costs, and what its errors name."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.errors import InvalidRequest, StoreUnavailable, SubscriptionAlreadyRuns, TransactionInConflict
from ledger.domain.ids import OrderId
from ledger.domain.orders import Consent, Order, RenewalConsent, RenewalTerms, ShownInformation
from ledger.ports.commit import Commit, Refusal
from ledger.usecases.consents import confirm_consent
from ledger.usecases.place_order import _naming_order
from tests.contract.test_orders_terms import NOW, Shop
from tools.testing.fakes import FakeProvider, FakeStore
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


RENEWAL = RenewalTerms(amount_minor=1500, every_months=1, first_on=NOW.date() + timedelta(days=30))
SHOWN = ShownInformation(policy_version="1", text_version="1", language="en", digest="d", at=NOW, renewal=RENEWAL)
RENEWS = RenewalConsent(given_at=NOW, text_version="1", words="I agree that it renews every month.")


def with_terms(**changes: Any) -> ShownInformation:
    """What was shown, with other renewal terms."""
    return replace(SHOWN, renewal=replace(RENEWAL, **changes))


@pytest.mark.parametrize("shown", [SHOWN, None])
def test_a_plan_is_refused_before_anything_is_stored_where_a_consent_to_its_renewals_is_missing(
    shown: ShownInformation | None,
) -> None:
    """The problem says what to send. With it the plan is sold, and the order has it."""
    sold = replace(shop(store := FakeStore(), PLAN), needs_renewal_consent=True)
    with pytest.raises(InvalidRequest, match=r"It is missing: .* in DE without it.* information\.renewal") as refused:
        sold.order(shown=shown, now=NOW)
    assert refused.value.field == "body.renewal_consent"
    assert (sold_orders(store), sold.gateways.calls) == ([], [])
    placed = sold.order(shown=SHOWN, renewal_consent=RENEWS, now=NOW)
    assert (placed.renewal_consent, placed.shown) == (RENEWS, SHOWN)
    (stored,) = sold_orders(store)
    assert (stored.renewal_consent, stored.shown) == (RENEWS, SHOWN)


def test_a_request_from_before_the_law_began_is_still_completed_under_its_key() -> None:
    """Its order is stored: the same order is returned, whatever the law asks by then."""
    sold = shop(FakeStore(), PLAN)
    placed = sold.order()
    again = replace(sold, needs_renewal_consent=True).order()
    assert (again.order_id, again.checkout) == (placed.order_id, placed.checkout)


def test_a_pack_needs_no_consent_to_renewals_and_takes_none() -> None:
    """It has none."""
    sold = replace(shop(FakeStore()), needs_renewal_consent=True)
    for more, field_ in (
        ({"shown": SHOWN}, "body.information.renewal"),
        ({"renewal_consent": RENEWS}, "body.renewal_consent"),
        ({"shown": SHOWN, "renewal_consent": RENEWS}, "body.information.renewal"),
    ):
        with pytest.raises(InvalidRequest, match=r"Leave it out: pack_1000 is paid once\.") as refused:
            sold.order(now=NOW, **more)
        assert refused.value.field == field_
    assert sold.order(now=NOW, shown=replace(SHOWN, renewal=None)).checkout


@pytest.mark.parametrize(
    ("shown", "field_", "says"),
    [
        (replace(SHOWN, renewal=None), "", "It is missing: a consent to renewal terms needs those shown."),
        (None, "", "It is missing"),
        (with_terms(every_months=12), ".every_months", "It should be 1: the months of a period of creator_monthly."),
        (with_terms(amount_minor=1499), ".amount_minor", "costs 15.00 USD before tax. A renewal is never less."),
        (with_terms(amount_minor=3001), ".amount_minor", "No tax makes that twice as much."),
        (with_terms(first_on=NOW.date()), ".first_on", "It should be a day after the order."),
        (
            replace(SHOWN, first_charge_minor=1500, first_charge_on=RENEWAL.first_on + timedelta(days=1)),
            ".first_on",
            "It should be the day of information.first_charge.",
        ),
    ],
)
def test_what_was_shown_of_the_renewals_is_what_is_sold(shown: ShownInformation | None, field_: str, says: str) -> None:
    """A page that shows other terms is told before anybody pays."""
    sold = shop(store := FakeStore(), PLAN)
    with pytest.raises(InvalidRequest, match=says) as refused:
        sold.order(shown=shown, renewal_consent=RENEWS, now=NOW)
    assert refused.value.field == f"body.information.renewal{field_}"
    assert (sold_orders(store), sold.gateways.calls) == ([], [])


@pytest.mark.parametrize(
    "shown",
    [
        with_terms(amount_minor=1500),
        with_terms(amount_minor=3000),
        with_terms(first_on=NOW.date() + timedelta(days=1)),
        replace(SHOWN, first_charge_minor=1200, first_charge_on=RENEWAL.first_on),
    ],
)
def test_renewal_terms_that_are_sold_are_recorded_also_without_a_consent(shown: ShownInformation) -> None:
    """Where no law asks for one. At the price itself, and from the next day on."""
    assert shop(FakeStore(), PLAN).order(shown=shown, now=NOW).shown == shown
