"""What a buyer was shown is what is sold, and what a plan needs is there, before an order is stored."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.errors import InvalidRequest
from ledger.domain.orders import RenewalConsent, RenewalTerms, ShownInformation
from ledger.usecases.shown_terms import PlanNeeds
from tests.contract.test_orders_terms import NOW
from tests.unit.usecases.test_place_order import PLAN, shop, sold_orders
from tools.testing.fakes import FakeStore
from tools.testing.unguarded import NO_NEEDS

RENEWAL = RenewalTerms(amount_minor=1500, every_months=1, first_on=NOW.date() + timedelta(days=30))
SHOWN = ShownInformation(policy_version="1", text_version="1", language="en", digest="d", at=NOW, renewal=RENEWAL)
RENEWS = RenewalConsent(given_at=NOW, text_version="1", words="I agree that it renews every month.")

RENEWAL_CONSENT, INFORMATION = replace(NO_NEEDS, renewal_consent=True), replace(NO_NEEDS, information=True)


def with_terms(**changes: Any) -> ShownInformation:
    """What was shown, with other renewal terms."""
    return replace(SHOWN, renewal=replace(RENEWAL, **changes))


@pytest.mark.parametrize("shown", [SHOWN, None])
def test_a_plan_is_refused_before_anything_is_stored_where_a_consent_to_its_renewals_is_missing(
    shown: ShownInformation | None,
) -> None:
    """The problem says what to send. With it the plan is sold, and the order has it."""
    sold = replace(shop(store := FakeStore(), PLAN), needs=RENEWAL_CONSENT)
    with pytest.raises(InvalidRequest, match=r"It is missing: .* in DE without it.* information\.renewal") as refused:
        sold.order(shown=shown, now=NOW)
    assert refused.value.field == "body.renewal_consent"
    assert (sold_orders(store), sold.gateways.calls) == ([], [])
    placed = sold.order(shown=SHOWN, renewal_consent=RENEWS, now=NOW)
    assert (placed.renewal_consent, placed.shown) == (RENEWS, SHOWN)
    (stored,) = sold_orders(store)
    assert (stored.renewal_consent, stored.shown) == (RENEWS, SHOWN)


@pytest.mark.parametrize("needs", [RENEWAL_CONSENT, INFORMATION])
def test_a_request_from_before_the_law_began_is_still_completed_under_its_key(needs: PlanNeeds) -> None:
    """Its order is stored: the same order is returned, whatever a plan needs by then. A new one is refused."""
    sold = shop(FakeStore(), PLAN)
    placed = sold.order()
    later = replace(sold, needs=needs)
    again = later.order()
    assert (again.order_id, again.checkout) == (placed.order_id, placed.checkout)
    with pytest.raises(InvalidRequest):
        later.order(key="key_2")


def test_a_plan_that_needs_information_is_refused_without_before_anything_is_stored() -> None:
    """A pack is sold all the same."""
    sold = replace(shop(store := FakeStore(), PLAN), needs=INFORMATION)
    with pytest.raises(InvalidRequest, match=r"It is missing: say what the buyer was shown\.") as refused:
        sold.order(now=NOW)
    assert refused.value.field == "body.information"
    assert (sold_orders(store), sold.gateways.calls) == ([], [])
    assert sold.order(now=NOW, shown=replace(SHOWN, renewal=None)).checkout
    assert replace(shop(FakeStore()), needs=INFORMATION).order().checkout


def test_a_pack_needs_no_consent_to_renewals_and_takes_none() -> None:
    """It has none."""
    sold = replace(shop(FakeStore()), needs=RENEWAL_CONSENT)
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
