"""A trial locks the contract until the days after its first charge are over: nobody uses that without consent."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ledger.domain.accounts import Account
from ledger.domain.catalogue import Catalogue
from ledger.domain.errors import CreditsLocked
from ledger.domain.orders import Order
from ledger.domain.receipts import RecordOutcome
from ledger.domain.refund_cases import CaseState, RefundReason
from ledger.ports.reads import Keys
from ledger.ports.store import Store
from ledger.usecases.refund_cases.confirm_withdrawal import confirm_withdrawal
from ledger.usecases.refund_cases.open_case import open_case
from ledger.usecases.usage import draw_credits
from tests.contract.test_locked_credits import GIVEN, SHOWN
from tests.contract.test_orders_terms import ADA, Shop, again, rewritten
from tools.testing.builders import POLICY, refund_claim
from tools.testing.fakes import FakeStore, world
from tools.testing.unguarded import confirm_consent, give_consent
from tools.verify import check

BEGINS, CHARGED = datetime(2026, 9, 1, 12, tzinfo=UTC), datetime(2026, 10, 1, 12, tzinfo=UTC)
DAYS = timedelta(days=20)
PROVIDERS = ("stripe", "paddle")
FREE = {"subtotal": "0", "total": "0"}


def on_trial(shop: Shop, order: Order) -> dict[str, Any]:
    """The first, free period of a month."""
    content = shop.paid(order)
    if shop.provider == "stripe":
        invoice = content["data"]["object"]
        invoice |= {"amount_paid": 0, "total": 0, "subtotal": 0}
        invoice["lines"]["data"][0] |= {"amount": 0, "subtotal": 0}
        return content
    transaction = content["data"]
    transaction["items"][0]["price"]["trial_period"] = {"interval": "day", "frequency": 30}
    transaction["details"]["totals"] |= {**FREE, "tax": "0", "grand_total": "0"}
    transaction["details"]["line_items"][0]["totals"] |= {**FREE, "tax": "0"}
    return content


def first_charge(shop: Shop, order: Order) -> dict[str, Any]:
    """The period after it, which is paid for."""
    content = again(shop.paid(order), "evt_charge")
    if shop.provider == "stripe":
        content["created"] = int(CHARGED.timestamp()) + 60
        invoice = content["data"]["object"]
        period = {"start": int(CHARGED.timestamp()), "end": int((CHARGED + timedelta(days=31)).timestamp())}
        invoice["lines"]["data"][0]["period"] = period
        invoice |= {"id": "in_charge", "billing_reason": "subscription_cycle"}
        return content
    content["occurred_at"] = "2026-10-01T12:01:00.000000Z"
    month = {"starts_at": "2026-10-01T12:00:00.000000Z", "ends_at": "2026-11-01T12:00:00.000000Z"}
    content["data"] |= {"id": "txn_charge", "origin": "subscription_recurring", "billing_period": month}
    return content


def account(store: Store) -> Account:
    """The account, which is sound."""
    if isinstance(store, FakeStore):
        assert not [one for one in check(world(store)) if one.broken]
    return store.read(Keys(accounts=frozenset({ADA}))).accounts[ADA]


def subscribed(store: Store, provider: str, sold: Catalogue | None = None) -> tuple[Shop, Order]:
    """A buyer whose trial has begun, without a consent."""
    shop = Shop(store, provider, "creator_monthly", lock_days=DAYS.days)
    order = shop.order()
    content = on_trial(shop, order)
    result = shop.hear(content, sold) if sold else shop.hear(content)
    assert result.outcome is RecordOutcome.BOOKED, result.detail
    return shop, order


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_trial_that_grants_nothing_locks_what_is_charged_after_it(any_store: Store, provider: str) -> None:
    """Until the first charge has had its own days. The loop of trial, use and withdrawal gives nothing for nothing."""
    shop, order = subscribed(any_store, provider)
    (lot,) = account(any_store).lots.values()
    assert (lot.granted, lot.locked_until) == (0, CHARGED + DAYS)
    assert shop.hear(first_charge(shop, order)).outcome is RecordOutcome.BOOKED
    found = account(any_store)
    for moment in (CHARGED + timedelta(hours=1), CHARGED + timedelta(days=16), CHARGED + DAYS - timedelta.resolution):
        assert found.spendable(moment) == 0
        with pytest.raises(CreditsLocked) as refused:
            draw_credits(ADA, "run", 1, any_store, now=moment)
        assert refused.value.order_ids == (order.order_id,)
    assert found.spendable(CHARGED + DAYS) == found.balance > 0
    charge = next(one for one in any_store.purchases_of(ADA, 10).items if one.payment and one.payment.is_renewal)
    claim = refund_claim(RefundReason.WITHDRAWAL, payment_id=charge.payment_id, is_declaration=True)
    late = CHARGED + timedelta(days=12)
    case = open_case(claim, any_store, POLICY, now=late)
    case = confirm_withdrawal(ADA, case.case_id, any_store, POLICY, now=late)
    assert case.decision
    assert charge.payment
    assert (case.state, case.decision.money_minor) == (CaseState.APPROVED, charge.payment.paid_minor)
    assert account(any_store).spendable(CHARGED + DAYS) == 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_consent_during_the_trial_unlocks_what_is_charged_after_it(any_store: Store, provider: str) -> None:
    """The contract is one."""
    shop, order = subscribed(any_store, provider)
    give_consent(ADA, order.order_id, GIVEN, SHOWN, any_store)
    confirm_consent(order.order_id, "mail_1", any_store, BEGINS + timedelta(days=2))
    shop.hear(first_charge(shop, order))
    found = account(any_store)
    assert found.locks(CHARGED) == {}
    assert found.spendable(CHARGED + timedelta(hours=1)) == found.balance > 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_credits_of_a_trial_are_locked_as_long(provider: str) -> None:
    """They are of the same contract."""
    store = FakeStore()
    shop = Shop(store, provider, "creator_monthly", lock_days=DAYS.days)
    order = shop.order()
    sold = rewritten("creator_monthly", trial_credits=50)
    content = on_trial(shop, order)
    assert shop.hear(content, sold).outcome is RecordOutcome.BOOKED
    assert {lot.locked_until for lot in account(store).lots.values()} == {CHARGED + DAYS}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_period_that_is_paid_for_at_once_is_locked_from_its_payment(provider: str) -> None:
    """No trial, no later days."""
    store = FakeStore()
    shop = Shop(store, provider, "creator_monthly", lock_days=DAYS.days)
    shop.hear(shop.paid(shop.order()))
    (lot,) = account(store).lots.values()
    assert lot.locked_until
    assert lot.locked_until - DAYS < BEGINS + timedelta(hours=1)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_trial_without_a_lock_stays_without_a_payment(provider: str) -> None:
    """Of an order from before the lock."""
    store = FakeStore()
    shop = Shop(store, provider, "creator_monthly")
    shop.hear(on_trial(shop, shop.order()))
    assert store.payments == {}
