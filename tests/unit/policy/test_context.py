"""The situation of a request: what of money and credits is still there, and the facts as they are put on record."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ledger.domain.ids import PaymentId
from ledger.domain.orders import LateInformation, Order
from ledger.domain.refund_cases import Decision, DecisionOutcome
from ledger.policy.context import LineUsage, PolicyContext, decision_inputs
from tools.testing.builders import CONSENT, MADE, ORDER, line_usage, refund_context, rendered


def plainly(**changed: Any) -> PolicyContext:
    """A request for a payment without an order of ours."""
    return refund_context(**{"order": None, **changed})


def test_a_request_counts_from_now_unless_it_was_submitted_before() -> None:
    """Without lines no credits are there."""
    plain = plainly(lines=())
    assert (plain.drawn, plain.kept, plain.requested_at, plain.age) == (0, 0, plain.now, timedelta(days=3))
    assert plainly(submitted_at=MADE).requested_at == MADE


@pytest.mark.parametrize(
    ("left_minor", "value_left_minor", "value_minor"),
    [(2000, None, 2000), (500, 2000, 2000), (500, 500, 500), (500, 9999, 2000), (500, 0, 500), (0, 0, 0)],
)
def test_the_value_that_we_still_have_is_at_least_what_can_go_back_to_the_card(
    left_minor: int, value_left_minor: int | None, value_minor: int
) -> None:
    """And at most what was paid."""
    asked = plainly(refundable_minor=left_minor, value_left_minor=value_left_minor)
    assert (asked.value_minor, asked.is_partly_from_balance) == (value_minor, value_minor > left_minor)


@pytest.mark.parametrize(
    ("drawn", "taken_back", "kept", "unused"),
    [
        (0, 0, 1000, 1000),
        (300, 0, 1000, 700),
        (300, 200, 800, 500),
        (900, 200, 800, 0),
        (0, 1000, 0, 0),
        (0, 1001, 0, 0),
        (-1, 0, 1000, 1000),  # failed runs gave back what was drawn before the payment
        (0, -1, 1000, 1000),
        (1000, 0, 1000, 0),
        (1001, 0, 1000, 0),
    ],
)
def test_what_is_left_of_a_line_lies_between_nothing_and_its_grant(
    drawn: int, taken_back: int, kept: int, unused: int
) -> None:
    """Kept is what was not taken back, unused what was not used either."""
    assert (line_usage(drawn, taken_back).kept, line_usage(drawn, taken_back).unused) == (kept, unused)


def test_what_was_used_and_kept_is_that_of_all_lines() -> None:
    """A line that gave back more than it drew does not hide what another drew."""
    several = plainly(lines=(line_usage(300, 1), line_usage(-5), line_usage(20)))
    assert (several.drawn, several.kept) == (320, 2999)


@pytest.mark.parametrize(
    ("paid_minor", "refundable_minor", "overcharge_minor", "left_minor", "excess_minor"),
    [
        (2000, 2000, 0, 2000, 0),
        (2000, 1500, 0, 1500, 0),
        (2000, 2500, 0, 2000, 0),
        (2000, -1, 0, 0, 0),
        (2500, 2500, 500, 2500, 500),
        (2500, 2300, 500, 2300, 300),  # what went back corrected it first
        (2500, 2000, 500, 2000, 0),
        (2500, 1999, 500, 1999, 0),
        (2500, 2499, 1, 2499, 0),
        (500, 100, 500, 100, 100),
        (2000, 2000, 3000, 2000, 2000),
        (1, 1, 1, 1, 1),
    ],
)
def test_what_is_left_of_the_money_and_of_an_amount_above_the_price(
    paid_minor: int, refundable_minor: int, overcharge_minor: int, left_minor: int, excess_minor: int
) -> None:
    """Neither exceeds what is still with us."""
    asked = plainly(paid_minor=paid_minor, refundable_minor=refundable_minor, overcharge_minor=overcharge_minor)
    assert (asked.left_minor, asked.excess_minor) == (left_minor, excess_minor)


@pytest.mark.parametrize(("still_there", "excess_minor"), [(0, 0), (500, 500), (1600, 1500)])
def test_what_is_known_to_be_left_of_an_amount_above_the_price_counts(still_there: int, excess_minor: int) -> None:
    """A refund that named a line left it there. It goes back as far as there is money."""
    asked = plainly(paid_minor=2500, refundable_minor=1500, overcharge_minor=1600, overcharge_left_minor=still_there)
    assert asked.excess_minor == excess_minor


@pytest.mark.parametrize("known_left", [None, 500])
def test_of_an_amount_above_the_price_no_more_goes_back_than_the_card_paid(known_left: int | None) -> None:
    """The buyer's balance paid the rest."""
    asked = plainly(
        paid_minor=2500,
        refundable_minor=100,
        value_left_minor=2500,
        overcharge_minor=500,
        overcharge_left_minor=known_left,
    )
    assert (asked.value_minor, asked.left_minor, asked.excess_minor) == (2500, 100, 100)


@pytest.mark.parametrize(
    ("lines", "changed", "unused_minor"),
    [
        ((line_usage(0),), {}, 2000),
        ((), {}, 2000),
        ((line_usage(0, 1000),), {"refundable_minor": 500}, 500),  # its credits are gone, not used
        ((line_usage(0), line_usage(granted=0)), {"refundable_minor": 700}, 700),
        ((line_usage(250),), {}, 1500),
        ((line_usage(1000),), {}, 0),
        ((line_usage(1),), {}, 1998),
        # of two prices: half of the dear ones and none of the cheap ones are left
        ((line_usage(500, amount_minor=1500), line_usage(1000, amount_minor=500)), {}, 750),
        # what was taken back is no longer paid for
        ((line_usage(250, 500),), {"refundable_minor": 1000}, 500),
        # without a price each credit counts as much
        ((line_usage(500, amount_minor=0), line_usage(0, granted=3000, amount_minor=0)), {}, 1750),
        ((line_usage(500, amount_minor=-5), line_usage(0, granted=3000, amount_minor=0)), {}, 1750),
        # a free line beside one that was paid is worth nothing
        ((line_usage(1000, amount_minor=2000), line_usage(0, amount_minor=0)), {}, 0),
        ((line_usage(1000, amount_minor=2000), line_usage(0, amount_minor=-7)), {}, 0),
        ((line_usage(1000, amount_minor=1), line_usage(0, amount_minor=0)), {}, 0),
        ((line_usage(500, amount_minor=1), line_usage(0, granted=1, amount_minor=1)), {}, 1500),
        # a line that granted nothing has no credits to price
        ((line_usage(500), line_usage(7, granted=0, amount_minor=9000)), {}, 1000),
        ((line_usage(1, granted=1, amount_minor=1000), line_usage(0, granted=1, amount_minor=1000)), {}, 1000),
        ((line_usage(5, granted=0),), {}, 0),
        ((line_usage(500),), {"paid_minor": 2500, "refundable_minor": 2500, "overcharge_minor": 500}, 1500),
    ],
)
def test_the_unused_credits_are_worth_their_share_of_the_price_of_those_that_were_kept(
    lines: tuple[LineUsage, ...], changed: dict[str, Any], unused_minor: int
) -> None:
    """And an amount above the price is never the price of a used one."""
    assert plainly(lines=lines, **changed).unused_minor == unused_minor


def test_the_unused_value_counts_what_the_balance_paid_and_the_card_gets_its_own_part() -> None:
    """A quarter was used: 15.00 are left of 20.00, of which the card paid 5.00."""
    asked = plainly(lines=(line_usage(250),), refundable_minor=500, value_left_minor=2000)
    assert (asked.unused_value_minor, asked.unused_minor) == (1500, 500)
    assert (asked.less_used_value_minor, asked.less_used_minor) == (1500, 500)
    unused = plainly(refundable_minor=500, value_left_minor=2000)
    assert (unused.unused_value_minor, unused.unused_minor) == (2000, 500)
    assert (unused.less_used_value_minor, unused.less_used_minor) == (2000, 500)


@pytest.mark.parametrize(
    ("changed", "countries"),
    [
        ({"order": None, "billing_country": "FR"}, ()),
        ({}, ("DE",)),
        ({"billing_country": "DE"}, ("DE",)),
        ({"billing_country": "FR"}, ("DE", "FR")),
        ({"order": replace(ORDER, country="US"), "billing_country": "DE"}, ("US", "DE")),
    ],
)
def test_a_buyers_countries_are_those_of_the_order_and_of_the_address(
    changed: dict[str, Any], countries: tuple[str, ...]
) -> None:
    """That of the order first."""
    assert refund_context(**changed).countries == countries


@pytest.mark.parametrize(
    ("changed", "starts"),
    [({}, True), ({"is_renewal": True}, False), ({"is_plan_change": True}, False)],
)
def test_a_contract_starts_with_a_payment_that_is_for_no_later_period(changed: dict[str, Any], *, starts: bool) -> None:
    """Neither a whole one nor a part of one."""
    assert plainly(**changed).starts_contract is starts


def test_an_order_for_something_else_is_not_compared_with_the_payment() -> None:
    """A renewal carries the order that began the subscription."""
    assert refund_context().ordered_product == ORDER
    assert refund_context(is_for_ordered_product=False).ordered_product is None


RETURNED = replace(ORDER, consent=replace(CONSENT, revoked_at=MADE))


@pytest.mark.parametrize(
    ("order", "drawn", "was_returned"),
    [
        (RETURNED, 1, True),
        (RETURNED, 0, False),
        (ORDER, 1, False),
        (replace(ORDER, consent=None), 1, False),
        (None, 1, False),
    ],
)
def test_credits_that_were_used_under_a_confirmation_that_came_back_are_known(
    order: Order | None, drawn: int, *, was_returned: bool
) -> None:
    """A person decides about these."""
    assert refund_context(order=order, lines=(line_usage(drawn),)).was_confirmation_returned is was_returned


def test_a_consent_counts_if_an_order_has_it_whole() -> None:
    """Without an order there is none."""
    partly = replace(CONSENT, asked_to_begin=False)
    orders = [None, replace(ORDER, consent=None), replace(ORDER, consent=partly), ORDER]
    assert [plainly(order=order).is_consent_complete for order in orders] == [False, False, False, True]


def inputs_of(context: PolicyContext) -> tuple[str, ...]:
    """The inputs of a decision, as support reads them."""
    return tuple(rendered(decision_inputs(context)))


PLAIN = (
    "requested: withdrawal, at 2026-11-05T12:00:00+00:00",
    "paid: 20.00 EUR, at 2026-11-02T12:00:00+00:00",
    "refunded: 0.00 EUR",
    "refundable: 20.00 EUR",
    "credits: 1000 granted, 0 used, 0 taken back or reserved",
)


def test_the_facts_of_a_plain_request_are_put_on_record() -> None:
    """And that there is no order of ours."""
    assert inputs_of(plainly()) == (*PLAIN, "order: none of ours")
    two = plainly(
        lines=(line_usage(1, 20), line_usage(300, 4)), refunded_minor=5, refundable_minor=1995, submitted_at=MADE
    )
    assert inputs_of(two) == (
        "requested: withdrawal, at 2026-11-02T12:00:00+00:00",
        "paid: 20.00 EUR, at 2026-11-02T12:00:00+00:00",
        "refunded: 0.05 EUR",
        "refundable: 19.95 EUR",
        "credits: 2000 granted, 301 used, 24 taken back or reserved",
        "order: none of ours",
    )


@pytest.mark.parametrize(
    ("changed", "buyer"),
    [
        ({}, ("buyer: a consumer in DE", "consent: complete")),
        ({"is_business": True, "country": "US"}, ("buyer: a business in US", "consent: complete")),
        ({"consent": None}, ("buyer: a consumer in DE", "consent: none")),
        ({"consent": replace(CONSENT, confirmation_id=None)}, ("buyer: a consumer in DE", "consent: incomplete")),
        (
            {"consent": replace(CONSENT, is_late=True)},
            ("buyer: a consumer in DE", "consent: confirmed after the first use or the withdrawal"),
        ),
        (
            {"consent": replace(CONSENT, revoked_at=MADE)},
            ("buyer: a consumer in DE", "consent: credits were used, then its confirmation came back"),
        ),
    ],
)
def test_the_facts_of_an_order_are_put_on_record(changed: dict[str, Any], buyer: tuple[str, ...]) -> None:
    """What was bought, when, at which price, and who bought it."""
    assert inputs_of(plainly(order=replace(ORDER, currency="USD", **changed))) == (
        *PLAIN,
        "order order_1: pack_1000, at 2026-11-02T12:00:00+00:00",
        "order price: 18.00 USD before tax and discount",
        *buyer,
    )


def test_late_information_is_put_on_record_with_when_it_was_sent_and_when_it_came_back() -> None:
    """A mail that came back informed nobody."""
    asked, sent, back = MADE, MADE + timedelta(hours=1), MADE + timedelta(hours=2)
    mails = (
        LateInformation(number=1, asked_at=asked, sent_at=sent, returned_at=back),
        LateInformation(number=2, asked_at=back, sent_at=back + timedelta(hours=1)),
    )
    assert inputs_of(plainly(order=replace(ORDER, late_information=mails)))[-2:] == (
        "informed of the right of withdrawal by a mail: 2026-11-02T15:00:00+00:00",
        "a mail that informed of the right of withdrawal came back: 2026-11-02T14:00:00+00:00",
    )


@pytest.mark.parametrize(
    ("changed", "fact"),
    [
        ({"billing_country": "FR"}, "country of the address at the provider: FR"),
        ({"has_company_data": True}, "the provider has a tax id of a business, or the data of a company"),
        ({"has_other_tax_id": True}, "the provider has a tax id that consumers have too, or that it does not know"),
        ({"is_subscription": True, "is_renewal": True, "follows_trial": True}, "the first charge after a trial"),
        ({"overcharge_minor": 5}, "paid above the price: 0.05 EUR"),
        ({"is_subscription": True}, "the first payment of a subscription"),
        ({"is_subscription": True, "is_renewal": True}, "a renewal of a subscription"),
        ({"is_subscription": True, "is_plan_change": True}, "a part of a period, for a change of a subscription"),
        ({"is_duplicate": True}, "a duplicate of another payment"),
        ({"similar": (PaymentId("stripe:a"), PaymentId("stripe:b"))}, "similar payments: stripe:a, stripe:b"),
        ({"is_disputed": True}, "a dispute is open"),
        ({"replaced_runs": 1, "replaced_credits": 5}, "of them, replaced in an incident: 1, of 5 credits"),
        ({"failed_runs": 2, "failed_credits": 30}, "failed runs since the payment: 2, of 30 credits"),
        ({"given_credits": 7}, "7 credits were given instead before"),
        (
            {
                "declined_before": Decision(
                    outcome=DecisionOutcome.DECLINE, clause="2", rule="", reasons=(), policy_version="1"
                )
            },
            "declined by a person before",
        ),
    ],
)
def test_whatever_else_is_known_is_one_more_fact(changed: dict[str, Any], fact: str) -> None:
    """And is not told where it is not so."""
    assert inputs_of(plainly(**changed)) == (*PLAIN, "order: none of ours", fact)


def test_of_what_nobody_used_nothing_is_owed_whatever_is_left_of_it() -> None:
    """Also where no credits are there any more."""
    for lines in ((), (line_usage(0, 1000),), (line_usage(),)):
        assert plainly(lines=lines).less_used_value_minor == 2000


@pytest.mark.parametrize(("given", "left_minor"), [(0, 2000), (1, 1998), (250, 1500), (1000, 0), (1200, 0)])
def test_credits_that_were_given_instead_are_worth_their_share_of_the_price(given: int, left_minor: int) -> None:
    """No more is taken off than there is. Without a line that granted credits they have no price."""
    assert plainly(given_credits=given).unused_after_replacement_minor == left_minor
    assert plainly(given_credits=given, lines=()).unused_after_replacement_minor == 2000
