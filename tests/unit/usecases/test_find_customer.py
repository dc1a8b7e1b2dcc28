"""The billing page of an account: its own customer at a provider, whatever was bought."""

from dataclasses import replace
from datetime import datetime

import pytest

from ledger.domain.events import Event, Owner
from ledger.domain.ids import AccountId, PaymentId
from ledger.domain.subscriptions import Subscription, SubscriptionStatus
from ledger.usecases.find_customer import BillingCustomer, find_customer
from tools.testing.builders import ADA, at, event_of, paid, payment, record_events, refund
from tools.testing.fakes import FakeStore

EVE = AccountId("acct_eve")


def buys(name: str, customer_id: str | None, *, minute: float = 0, account_id: AccountId = ADA) -> Event:
    """A pack is bought by a customer of a provider."""
    provider = (customer_id or "stripe:").partition(":")[0]
    settled = payment(PaymentId(f"{provider}:{name}"), account_id=account_id, minute=minute)
    event = paid(replace(settled, customer_id=customer_id))
    return replace(event, owner=replace(event.owner, customer_id=customer_id))


def subscribes(name: str, customer_id: str | None, status: SubscriptionStatus, moment: datetime) -> Event:
    """A subscription of a customer has a state."""
    event = paid(payment())
    subscription = Subscription(
        subscription_id=name, status=status, at=moment, cause=event.cause, account_id=ADA, customer_id=customer_id
    )
    owner = Owner(account_id=ADA, customer_id=customer_id)
    return replace(event, payment=None, names=(), at=moment, owner=owner, subscription=subscription)


def store_of(*events: Event) -> FakeStore:
    """A store after these events."""
    store = FakeStore()
    record_events(store, *events)
    return store


@pytest.mark.parametrize("provider", ["stripe", "paddle"])
def test_who_bought_a_pack_has_a_billing_page(provider: str) -> None:
    """Of the latest purchase that a customer made, at the provider that is named or at any."""
    other = {"stripe": "paddle", "paddle": "stripe"}[provider]
    store = store_of(
        buys("p_1", f"{provider}:c_1"),
        buys("p_2", f"{provider}:c_2", minute=1),
        buys("p_3", f"{other}:c_3", minute=2),
        buys("p_4", None, minute=3),
    )
    assert find_customer(ADA, provider, store) == BillingCustomer(f"{provider}:c_2")
    assert find_customer(ADA, None, store) == BillingCustomer(f"{other}:c_3")


def test_who_bought_nothing_as_a_customer_has_none() -> None:
    """A guest, or somebody else."""
    store = store_of(buys("p_1", None), buys("p_2", "stripe:c_2", account_id=EVE))
    assert find_customer(ADA, None, store) is None
    assert find_customer(AccountId("acct_nobody"), None, store) is None


def test_an_old_purchase_is_found_behind_many_of_another_provider() -> None:
    """No page of purchases is left out."""
    others = [buys(f"p_{number}", "stripe:c_1", minute=number / 100) for number in range(1, 120)]
    store = store_of(buys("t_1", "paddle:c_2"), *others)
    assert find_customer(ADA, "paddle", store) == BillingCustomer("paddle:c_2")


def test_the_customer_of_a_running_subscription_comes_first() -> None:
    """With all of this customer's subscriptions. Then that of one that has ended."""
    active, ended = SubscriptionStatus.ACTIVE, SubscriptionStatus.ENDED
    store = store_of(
        subscribes("stripe:sub_1", "stripe:c_1", active, at(1)),
        subscribes("stripe:sub_2", "stripe:c_1", SubscriptionStatus.PAST_DUE, at(0)),
        subscribes("paddle:sub_3", "paddle:c_3", active, at(0)),
        buys("p_4", "stripe:c_4", minute=5),
    )
    found = find_customer(ADA, None, store)
    assert found
    assert (found.customer_id, set(found.subscription_ids)) == ("stripe:c_1", {"stripe:sub_1", "stripe:sub_2"})
    assert find_customer(ADA, "paddle", store) == BillingCustomer("paddle:c_3", ("paddle:sub_3",))
    for name in ("stripe:sub_1", "stripe:sub_2"):
        record_events(store, subscribes(name, "stripe:c_1", ended, at(6)))
    late = find_customer(ADA, "stripe", store)
    assert late
    assert late.customer_id == "stripe:c_1"


def test_a_subscription_whose_customer_is_not_known_stands_for_no_page() -> None:
    """Another one's does, and its provider is that of its customer."""
    active = SubscriptionStatus.ACTIVE
    store = store_of(
        subscribes("stripe:sub_1", None, active, at(2)), subscribes("paddle:sub_2", "paddle:c_2", active, at(1))
    )
    found = find_customer(ADA, None, store)
    assert found == BillingCustomer("paddle:c_2", ("paddle:sub_2",))
    assert found.provider == "paddle"


def test_a_customer_who_bought_for_another_account_too_has_no_page_here() -> None:
    """Whoever writes another buyer's e-mail address into a checkout is that buyer's customer at the provider."""
    store = store_of(
        buys("t_1", "paddle:ctm_shared", account_id=EVE),
        buys("t_2", "paddle:ctm_own"),
        buys("t_3", "paddle:ctm_shared", minute=1),
        subscribes("paddle:sub_1", "paddle:ctm_shared", SubscriptionStatus.ACTIVE, at(2)),
    )
    assert find_customer(ADA, None, store) == BillingCustomer("paddle:ctm_own")
    assert find_customer(EVE, None, store) is None


@pytest.mark.parametrize("status", [one for one in SubscriptionStatus if one is not SubscriptionStatus.ENDED])
def test_a_subscription_that_has_ended_comes_last_although_its_end_is_the_latest_news(
    status: SubscriptionStatus,
) -> None:
    """Who changed to another plan manages the one that is left. Of several that are, the one with the latest news."""
    store = store_of(
        subscribes("stripe:sub_1", "stripe:c_1", status, at(0)),
        subscribes("stripe:sub_2", "stripe:c_2", status, at(1)),
        subscribes("stripe:sub_3", "stripe:c_3", SubscriptionStatus.ENDED, at(2)),
    )
    assert find_customer(ADA, None, store) == BillingCustomer("stripe:c_2", ("stripe:sub_2",))


def test_events_that_name_no_account_are_no_other_account() -> None:
    """A refund whose payment was not reported."""
    unknown = event_of(refund(), names=(PaymentId("stripe:pi_9"),))
    store = store_of(buys("p_1", "stripe:c_1"), replace(unknown, owner=Owner(customer_id="stripe:c_1")))
    assert {one.account_id for one in store.customer_receipts("stripe:c_1")} == {None, ADA}
    assert find_customer(ADA, "stripe", store) == BillingCustomer("stripe:c_1")
