"""When credits end is not what they are for: packs may expire, a plan's credits end with its period or never."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.catalogue import Catalogue, ProductKind
from ledger.domain.facts import PaymentSettled
from ledger.domain.orders import Terms
from ledger.domain.receipts import ParkReason
from ledger.providers.translation import carried
from tests.unit.providers.test_agreed_terms import DAY, order, told
from tests.unit.providers.test_translation import (
    AT,
    END,
    FREE_TRIAL,
    INVOICE,
    NOTHING_PAID,
    PACK_LINE,
    PRORATION,
    RECURRING,
    RENEWS,
    SESSION,
    SOLD,
    TRANSACTION,
    says,
    tells,
)

EXPIRING = Catalogue(
    SOLD.version,
    {
        name: replace(one, expires_after_days=90) if one.kind is ProductKind.PACK else one
        for name, one in SOLD.products.items()
    },
)
"""Packs are good for 90 days."""

A_PACK_ALONE = {**RECURRING, "details.line_items.0.price_id": TRANSACTION["details"]["line_items"][0]["price_id"]}


def of_packs() -> list[PaymentSettled | None]:
    """A pack alone: from a checkout, on a subscription's invoice, and on a subscription's transaction."""
    return [
        says("checkout.session.completed", SESSION, sold=EXPIRING).payment,
        says("invoice.paid", INVOICE, {"lines.data": [PACK_LINE], **RENEWS}, sold=EXPIRING).payment,
        tells("transaction.completed", TRANSACTION, A_PACK_ALONE, sold=EXPIRING).payment,
    ]


def test_credits_of_a_pack_end_some_days_after_the_payment() -> None:
    """They have no grace: no later period begins."""
    for settled in of_packs():
        assert settled
        assert [(line.expires_at, line.grace_from, line.period_ends_at) for line in settled.lines] == [
            (AT + 90 * DAY, None, None)
        ]


def test_a_pack_on_a_subscription_is_a_sale_of_its_own_though_its_credits_end() -> None:
    """It pays for no period, and not for the order that the subscription carries."""
    for settled in of_packs()[1:]:
        assert settled
        assert (settled.is_renewal, settled.order_id, settled.subscription_id) == (False, None, None)
        assert (settled.fulfilment_key, settled.covers) == (None, None)


PLANS: list[dict[str, Any]] = [{}, {"renewal_grace": timedelta(0)}, {"rolls_over": True}]
"""Credits that end some hours after the period, with it, and never."""


@pytest.mark.parametrize("plan", PLANS)
def test_a_period_is_paid_for_whenever_its_credits_end(plan: dict[str, Any]) -> None:
    """Also if they have no end, or no grace."""
    month = replace(SOLD.products["creator_monthly"], **plan)
    sold = Catalogue(SOLD.version, {**SOLD.products, month.product_id: month})
    for settled in (
        says("invoice.paid", INVOICE, RENEWS, sold=sold).payment,
        tells("transaction.completed", TRANSACTION, RECURRING, sold=sold).payment,
    ):
        assert settled
        assert settled.is_renewal
        assert settled.fulfilment_key
        assert settled.fulfilment_key.startswith("period/")
        assert [line.period_ends_at for line in settled.lines] == [END]


def terms_of_trial(**changed: Any) -> dict[str, Any]:
    """What the checkout of a plan with a trial carries."""
    plain = order("stripe", "creator_monthly")
    assert plain.terms
    terms: Terms = replace(plain.terms, **{"trial_credits": 100, "lock_days": 20, **changed})
    return dict(carried(replace(plain, terms=terms)))


FREE: dict[str, Any] = {"lines.data.0.amount": 0, **NOTHING_PAID}


@pytest.mark.parametrize("plan", PLANS)
def test_the_lock_of_a_trial_is_counted_from_the_end_of_the_trial(plan: dict[str, Any]) -> None:
    """Whenever its credits end."""
    if "renewal_grace" in plan:
        plan = {"renewal_grace_s": 0}
    event = told("stripe", "creator_monthly", terms_of_trial(**plan), **FREE)
    assert event.payment, event.detail
    assert event.payment.locked_until == END + 20 * DAY


def test_a_trial_that_grants_nothing_is_a_payment_only_if_its_terms_lock_what_is_charged_after_it() -> None:
    """Whatever else they say."""
    for lock_days in (None, 20):
        for event in (
            told("stripe", "creator_monthly", terms_of_trial(trial_credits=0, lock_days=lock_days), **FREE),
            told("paddle", "creator_monthly", terms_of_trial(trial_credits=0, lock_days=lock_days), **FREE_TRIAL),
        ):
            assert (event.payment is not None) == (lock_days is not None), event.detail
            assert event.parked is None


def test_a_lock_makes_no_payment_of_what_grants_nothing_beside_a_plan_or_a_pack() -> None:
    """A free pack on the first invoice of a trial, and a part of a period that grants nothing."""
    plan, free_pack = INVOICE["lines"]["data"][0] | {"amount": 0}, {**PACK_LINE, "amount": 0}
    event = told("stripe", "creator_monthly", terms_of_trial(), **{**FREE, "lines.data": [plan, free_pack]})
    assert event.payment, event.detail
    assert [line.product_id for line in event.payment.lines] == ["creator_monthly"]
    plain = order("paddle", "pack_1000")
    assert plain.terms
    locked = dict(carried(replace(plain, terms=replace(plain.terms, lock_days=20))))
    both: dict[str, Any] = {"details.line_items": [PRORATION, TRANSACTION["details"]["line_items"][0]]}
    event = told("paddle", "pack_1000", locked, **both)
    assert event.payment, event.detail
    assert [line.product_id for line in event.payment.lines] == ["pack_1000"]


def test_an_event_with_a_price_of_ours_beside_an_unknown_one_names_ours() -> None:
    """By the provider's own prices: it can't be muted as another seller's."""
    unknown = {**PACK_LINE, "pricing": {"price_details": {"price": "price_of_another"}}}
    without = {"parent.subscription_details.metadata": None, **RENEWS}
    beside = says("invoice.paid", INVOICE, {"lines.data": [unknown, INVOICE["lines"]["data"][0]], **without})
    alone = says("invoice.paid", INVOICE, {"lines.data": [unknown], **without})
    assert (beside.parked, alone.parked) == (ParkReason.UNKNOWN_PRICE, ParkReason.UNKNOWN_PRICE)
    assert (beside.names_ours, alone.names_ours) == (True, False)
