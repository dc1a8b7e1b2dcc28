"""The right of withdrawal: who has it, until when, what it gives back, and what only a person can tell."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from ledger.domain.facts import RefundedItem
from ledger.domain.orders import LateInformation, ShownInformation
from ledger.domain.refund_cases import DecisionOutcome, RefundReason
from ledger.domain.texts import Text, text
from ledger.policy import law, parameters, rules, withdrawal
from ledger.policy.context import PolicyContext
from ledger.policy.law import Measure, MeasureRule, RenewalRight, Right, RightKind
from tools.testing.builders import CONSENT, MADE, ORDER, line_usage, refund_context

POLICY = parameters.load()
COUNTRY, LAW = text("decision.withdrawal_country_in_review"), text("decision.withdrawal_law_in_review")
ENDS = datetime(2026, 11, 17, 12, tzinfo=UTC)  # the end of Monday where the day is last to end
FIVE_DAYS = timedelta(days=5)
WITH_A_PACK = {
    "is_renewal": True,
    "has_unordered_sale": True,
    "order": replace(
        ORDER, made_at=MADE - timedelta(days=60), consent=replace(CONSENT, given_at=MADE - FIVE_DAYS * 12)
    ),
}
US, UNINFORMED = replace(ORDER, country="US"), replace(ORDER, consent=None)
JAPAN, BUSINESS = replace(ORDER, country="JP"), replace(ORDER, is_business=True)
AS_BUSINESS, TAX_ID, HOLIDAYS = (
    text(f"decision.withdrawal_{why}_in_review") for why in ("business", "tax_id", "holidays")
)
IN_2033 = datetime(2033, 3, 1, 12, tzinfo=UTC)  # of which no calendar of holidays is shipped


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, None),
        ({"is_renewal": True}, text("decision.no_withdrawal_renewal")),
        ({"is_plan_change": True}, text("decision.no_withdrawal_plan_change")),
        ({"order": None}, text("decision.no_withdrawal_order")),
        ({"order": replace(ORDER, is_business=True)}, text("decision.no_withdrawal_business")),
        ({"has_company_data": True}, text("decision.no_withdrawal_business")),
        ({"has_other_tax_id": True}, text("decision.no_withdrawal_tax_id")),
        ({"has_other_tax_id": True, "order": US}, text("decision.no_withdrawal_country", country="US")),
        ({"has_other_tax_id": True, "now": ENDS}, text("decision.no_withdrawal_expired", last_day=date(2026, 11, 16))),
        ({"order": US}, text("decision.no_withdrawal_country", country="US")),
        ({"now": ENDS - timedelta.resolution}, None),
        ({"now": ENDS}, text("decision.no_withdrawal_expired", last_day=date(2026, 11, 16))),
    ],
)
def test_why_there_is_no_right_is_told(changed: dict[str, Any], why: Text | None) -> None:
    """Where there is one, nothing."""
    assert withdrawal.exclusion(refund_context(**{"day": 1, **changed}), POLICY) == why


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({}, None),
        ({"order": None}, COUNTRY),
        (
            {"order": None, "reason": RefundReason.CHANGED_MY_MIND},
            COUNTRY,
        ),
        ({"order": None, "is_renewal": True}, None),
        ({"order": None, "is_plan_change": True}, None),
        ({"order": None, "now": MADE + timedelta(days=500)}, None),
        ({"order": US}, None),
        ({"order": replace(US, is_business=True)}, None),
        ({"order": JAPAN}, LAW),
        ({"order": JAPAN, "reason": RefundReason.CHANGED_MY_MIND}, LAW),
        ({"order": JAPAN, "now": ENDS - timedelta.resolution}, LAW),
        ({"order": JAPAN, "now": ENDS}, None),
        ({"order": replace(ORDER, country="KR"), "now": ENDS - timedelta(days=7)}, None),
        ({"order": BUSINESS}, AS_BUSINESS),
        ({"order": BUSINESS, "now": ENDS + FIVE_DAYS - timedelta.resolution}, AS_BUSINESS),
        ({"order": BUSINESS, "now": ENDS + FIVE_DAYS}, None),
        ({"order": BUSINESS, "has_company_data": True}, None),  # what the provider knows is no mere claim
        ({"has_other_tax_id": True}, TAX_ID),  # persons have it too, or nobody has checked it
        ({"has_other_tax_id": True, "order": BUSINESS}, AS_BUSINESS),
        ({"has_other_tax_id": True, "now": ENDS + FIVE_DAYS - timedelta.resolution}, TAX_ID),
        ({"has_other_tax_id": True, "now": ENDS + FIVE_DAYS}, None),
        ({"has_other_tax_id": True, "has_company_data": True}, None),
        ({"has_other_tax_id": True, "order": US}, None),
        ({"now": ENDS}, None),
        ({"is_renewal": True}, text("decision.withdrawal_renewal_in_review")),
        ({"is_renewal": True, "now": ENDS}, None),
        ({"is_plan_change": True}, text("decision.withdrawal_renewal_in_review")),
        ({"is_renewal": True, "order": JAPAN}, None),
        ({"is_renewal": True, "reason": RefundReason.MISTAKEN_RENEWAL}, None),
        # a pack in the transaction of a renewal, long after the subscription was ordered
        (WITH_A_PACK, COUNTRY),
        ({**WITH_A_PACK, "order": None}, COUNTRY),
        ({**WITH_A_PACK, "now": datetime(2027, 11, 18, 12, tzinfo=UTC) + FIVE_DAYS}, None),
        ({**WITH_A_PACK, "reason": RefundReason.MISTAKEN_RENEWAL}, None),
        ({**WITH_A_PACK, "has_unordered_sale": False}, None),
    ],
)
def test_what_only_a_person_can_tell_is_told(changed: dict[str, Any], what: Text | None) -> None:
    """Once the time is over there is nothing to look at any more."""
    assert withdrawal.review_reason(refund_context(**{"day": 1, **changed}), POLICY) == what


@pytest.mark.parametrize(
    ("changed", "ends_at"),
    [
        ({}, ENDS),
        (
            {"paid_at": MADE + timedelta(days=2)},
            ENDS + timedelta(days=3),
        ),  # by the payment; the 18th is a holiday in Saxony
        ({"paid_at": MADE + timedelta(days=2), "billing_country": "FR"}, ENDS + timedelta(days=3)),  # the later of two
        ({"paid_at": MADE - timedelta(days=4)}, ENDS),
        # 380 days from the order, not from the payment before it: these would end on Friday, the 12th
        ({"order": UNINFORMED, "paid_at": MADE - timedelta(days=5)}, datetime(2027, 11, 19, 12, tzinfo=UTC)),
        ({"paid_at": MADE + timedelta(days=30), "is_renewal": True}, ENDS),  # by the contract that it renews
        ({"paid_at": MADE + timedelta(days=30), "is_plan_change": True}, ENDS),  # or changes
        ({"order": UNINFORMED}, datetime(2027, 11, 19, 12, tzinfo=UTC)),  # the 17th is a holiday in Saxony
        ({"order": None}, datetime(2027, 11, 18, 12, tzinfo=UTC)),
    ],
)
def test_the_time_runs_from_the_contract(changed: dict[str, Any], ends_at: datetime) -> None:
    """Fourteen days; 380 where nothing proves that the buyer was told."""
    assert withdrawal.ends_at(refund_context(**{"day": 1, **changed}), POLICY) == ends_at
    in_the_west = (ends_at - timedelta.resolution).astimezone(timezone(timedelta(hours=-12)))
    assert withdrawal.last_day(refund_context(**{"day": 1, **changed}), POLICY) == in_the_west.date()


@pytest.mark.parametrize(("agreed", "uninformed", "days"), [(14, 380, 14), (30, 400, 30), (10, 100, 14)])
def test_the_seller_may_give_more_time_than_the_law_and_never_less(agreed: int, uninformed: int, days: int) -> None:
    """With and without the information; of an unclear right the days are the law's alone."""
    policy = replace(POLICY, withdrawal_days=agreed, withdrawal_days_uninformed=uninformed)
    for order, expected in ((ORDER, days), (UNINFORMED, max(380, uninformed)), (JAPAN, 14)):
        context = refund_context(order=order, day=1)
        assert withdrawal.ends_at(context, policy) == law.load().period_end(MADE, expected, order.country)


@pytest.mark.parametrize(
    ("informed_on", "days"),
    [(0, 14), (7, 21), (100, 114), (379, 380), (400, 380)],
)
def test_who_is_informed_late_has_the_days_from_then(informed_on: int, days: int) -> None:
    """And no more than without any information: directive 2011/83/EU, article 10(2)."""
    shown = ShownInformation(
        policy_version="1", text_version="1", language="de", digest="", at=MADE + timedelta(days=informed_on)
    )
    context = refund_context(order=replace(UNINFORMED, shown=shown), day=1)
    period_end = law.load().period_end
    assert withdrawal.ends_at(context, POLICY) == period_end(MADE, days, "DE")


MAIL = LateInformation(number=1, asked_at=MADE)


@pytest.mark.parametrize(
    ("sent_on", "returned", "days"),
    [
        ((), (), 380),
        ((None,), (), 380),
        ((100,), (), 114),
        ((100,), (1,), 380),
        ((None,), (1,), 380),
        ((100, 200), (), 114),
        ((100, 200), (1,), 214),
        ((100, 200), (1, 2), 380),
        ((0,), (), 14),
        ((364,), (), 378),
        ((379,), (), 380),
    ],
)
def test_a_mail_that_informs_late_begins_the_days_unless_it_came_back(
    sent_on: tuple[int | None, ...], returned: tuple[int, ...], days: int
) -> None:
    """The earliest that arrived counts. None gives more days than the buyer had, or ends them before its own."""
    mails = tuple(
        replace(
            MAIL,
            number=number,
            sent_at=None if day is None else MADE + timedelta(days=day),
            returned_at=MADE + timedelta(days=379) if number in returned else None,
        )
        for number, day in enumerate(sent_on, start=1)
    )
    context = refund_context(order=replace(UNINFORMED, late_information=mails), day=1)
    assert withdrawal.ends_at(context, POLICY) == law.load().period_end(MADE, days, "DE")


def test_a_mail_after_the_charge_of_a_trial_leaves_its_own_days() -> None:
    """The contract's days may be over: those of the charge are not."""
    order = replace(UNINFORMED, late_information=(replace(MAIL, sent_at=MADE),))
    asked: dict[str, Any] = {
        "is_renewal": True,
        "is_of_known_contract": True,
        "follows_trial": True,
        "is_subscription": True,
    }
    context = refund_context(**{"order": order, "paid_at": MADE + timedelta(days=30), **asked})
    assert withdrawal.ends_at(context, POLICY) == law.load().period_end(context.paid_at, 14, "DE")


@pytest.mark.parametrize(
    ("country", "billed", "day", "is_due"),
    [
        ("DE", None, 1, True),
        ("GB", "US", 364, True),
        ("US", "DE", 1, True),
        ("DE", None, 365, False),
        ("US", None, 1, False),
        ("KR", None, 1, False),
        ("US", "KR", 1, False),
    ],
)
def test_late_information_is_due_within_a_year_where_a_law_gives_the_days(
    country: str, billed: str | None, day: int, *, is_due: bool
) -> None:
    """It promises 14 days: nobody is promised what no law gives, or less than what he has anyway."""
    order = replace(UNINFORMED, country=country)
    reason = withdrawal.may_be_informed(order, billed, MADE, MADE + timedelta(days=day), POLICY)
    assert (reason is None) == is_due
    if is_due:
        mailed = replace(order, late_information=(replace(MAIL, sent_at=MADE + timedelta(days=day)),))
        promised = law.load().period_end(MADE + timedelta(days=day), 14, "DE" if billed == "DE" else country)
        assert withdrawal.ends_at(refund_context(order=mailed, day=1, billing_country=billed), POLICY) >= promised


def test_who_asks_for_late_information_that_no_law_gives_is_told_of_which_countries() -> None:
    """The buyer's own, and that of the address at the provider if it is another one."""
    order = replace(UNINFORMED, country="US")
    for billed, countries in ((None, "US"), ("US", "US"), ("KR", "US or KR")):
        reason = withdrawal.may_be_informed(order, billed, MADE, MADE, POLICY)
        assert reason == f"No law that we know of gives a buyer in {countries} these days."


@pytest.mark.parametrize("days", [(0, 30), (30, 0)])
def test_the_year_of_late_information_begins_with_the_contract(days: tuple[int, int]) -> None:
    """That is the later one of order and payment, by whosever clock."""
    made_at, paid_at = (MADE + timedelta(days=day) for day in days)
    order = replace(UNINFORMED, country="DE", made_at=made_at)
    told = [
        withdrawal.may_be_informed(order, None, paid_at, MADE + timedelta(days=30 + day), POLICY) for day in (364, 365)
    ]
    assert [reason is None for reason in told] == [True, False]


CHARGED_AT = MADE + timedelta(days=30)
TO_PAY = {"first_charge_minor": 2000, "first_charge_on": CHARGED_AT.date()}


@pytest.mark.parametrize(
    ("shown", "charged", "has_days"),
    [
        (TO_PAY, {}, False),
        (TO_PAY, {"paid_minor": 1999}, False),
        (TO_PAY, {"paid_at": CHARGED_AT + timedelta(days=3)}, False),
        ({}, {}, True),
        ({"first_charge_minor": 2000}, {}, True),
        ({"first_charge_on": CHARGED_AT.date()}, {}, True),
        ({**TO_PAY, "at": MADE + timedelta.resolution}, {}, True),
        (TO_PAY, {"paid_minor": 2001}, True),
        (TO_PAY, {"paid_at": CHARGED_AT - timedelta(days=1)}, True),
        (TO_PAY, {"currency": "USD"}, True),
    ],
    ids=[
        "as shown",
        "less",
        "later",
        "nothing",
        "no day",
        "no amount",
        "shown after the booking",
        "more",
        "sooner",
        "another currency",
    ],
)
def test_a_charge_after_a_trial_has_no_new_days_if_it_was_shown_at_the_booking(
    shown: dict[str, Any], charged: dict[str, Any], *, has_days: bool
) -> None:
    """C-565/22: the days are for who was not told clearly. What is charged otherwise than shown was not told."""
    told = ShownInformation(policy_version="1", text_version="1", language="de", digest="", at=MADE)
    order = replace(ORDER, shown=replace(told, **shown))
    asked = {"is_renewal": True, "is_of_known_contract": True, "follows_trial": True, "is_subscription": True}
    context = refund_context(order=order, **{"paid_at": CHARGED_AT, "paid_minor": 2000, **asked, **charged})
    contract, own = law.load().period_end(MADE, 14, "DE"), law.load().period_end(context.paid_at, 14, "DE")
    assert withdrawal.ends_at(context, POLICY) == (own if has_days else contract)
    assert withdrawal.ends_at(replace(context, follows_trial=False), POLICY) == contract


@pytest.mark.parametrize(("late", "what"), [(-timedelta.resolution, COUNTRY), (timedelta(0), None)])
def test_what_was_sold_beside_a_renewal_has_the_longest_period(late: timedelta, what: Text | None) -> None:
    """And five days, since nobody knows whose holidays count."""
    end = law.load().period_end(MADE, 380, None) + FIVE_DAYS
    context = refund_context(is_renewal=True, has_unordered_sale=True, paid_at=MADE, now=end + late)
    assert withdrawal.review_reason(context, POLICY) == what


@pytest.mark.parametrize(("days", "what"), [(-1, None), (0, HOLIDAYS), (4, HOLIDAYS), (5, None)])
def test_where_the_holidays_are_not_known_nothing_is_declined_for_five_days(days: int, what: Text | None) -> None:
    """No more free days than that follow one another."""
    sold = replace(ORDER, made_at=IN_2033)
    context = refund_context(order=sold, paid_at=IN_2033, day=1)
    late = replace(context, now=withdrawal.ends_at(context, POLICY) + timedelta(days=days))
    assert withdrawal.review_reason(late, POLICY) == what
    known = refund_context(day=1)
    assert withdrawal.review_reason(replace(known, now=withdrawal.ends_at(known, POLICY)), POLICY) is None


def test_one_country_without_a_calendar_is_enough_for_a_person_to_look() -> None:
    """The period may end later there."""
    policy = replace(POLICY, law=replace(POLICY.law, holidays={"DE": POLICY.law.holidays["DE"]}))
    late = refund_context(billing_country="FR", now=ENDS)
    assert withdrawal.review_reason(late, policy) == HOLIDAYS
    assert withdrawal.review_reason(late, POLICY) is None


@pytest.mark.parametrize(
    ("made_at", "is_informed", "days"),
    [
        (datetime(2026, 10, 31, 23, 59, tzinfo=UTC), True, None),  # the law begins on the 1st of November
        (datetime(2026, 11, 1, tzinfo=UTC), True, 14 + 5 + 1),
        (datetime(2026, 11, 1, tzinfo=UTC), False, 380 + 5 + 1),
        (datetime(2027, 11, 1, tzinfo=UTC), True, 14 + 5 + 1),
    ],
)
def test_credits_are_locked_for_the_longest_right_with_its_free_days(
    made_at: datetime, *, is_informed: bool, days: int | None
) -> None:
    """Orders from the day in the law's file on."""
    assert withdrawal.lock_days(made_at, POLICY, is_informed=is_informed) == days


def test_no_credits_are_locked_by_a_law_that_names_no_day_for_it() -> None:
    """However late the order is."""
    policy = replace(POLICY, law=replace(POLICY.law, credits_locked_from=date.max))
    assert withdrawal.lock_days(MADE, policy, is_informed=False) is None


A, B = line_usage(1000, line_id="a", amount_minor=1200), line_usage(250, line_id="b", amount_minor=800)


@pytest.mark.parametrize(
    ("changed", "money_minor", "items"),
    [
        ({}, 2000, ()),
        ({"refundable_minor": 500}, 500, ()),
        ({"lines": (line_usage(250),)}, 1500, ()),
        ({"lines": (line_usage(250),), "order": UNINFORMED}, 2000, ()),
        ({"lines": (A, B), "order": UNINFORMED}, 2000, ()),
        ({"lines": (A, B)}, 600, (RefundedItem(line_id="b", amount_minor=600),)),
        ({"lines": (A, B, line_usage(granted=0, amount_minor=0))}, 600, (RefundedItem(line_id="b", amount_minor=600),)),
        (
            {"lines": (line_usage(500, line_id="a", amount_minor=1200), B)},
            1200,
            (RefundedItem(line_id="a", amount_minor=600), RefundedItem(line_id="b", amount_minor=600)),
        ),
        # a free line that was used beside one that was not: all goes back, evenly
        ({"lines": (line_usage(5, amount_minor=0), line_usage(line_id="b"))}, 2000, ()),
        # of each line what is owed is rounded down: half a cent is nothing
        (
            {"lines": (line_usage(500, amount_minor=1), line_usage(500, line_id="b", amount_minor=1999))},
            1001,
            (RefundedItem(line_id="0", amount_minor=1), RefundedItem(line_id="b", amount_minor=1000)),
        ),
        ({"lines": (line_usage(333, amount_minor=1999),), "paid_minor": 1999}, 1334, ()),
        ({"lines": (line_usage(1000, amount_minor=1200), line_usage(1000, line_id="b", amount_minor=800))}, 0, ()),
        ({"lines": (A, replace(B, amount_minor=700))}, 553, None),  # they don't make up what was paid
        ({"lines": (A, B), "refundable_minor": 1999}, 600, None),  # some of it went back before
        ({"lines": (A, B), "overcharge_minor": 100}, 670, None),
        ({"lines": (replace(A, amount_minor=-1), replace(B, amount_minor=2001))}, 1500, None),
        (
            {"lines": (replace(A, amount_minor=0), replace(B, amount_minor=2000))},
            1500,
            (RefundedItem(line_id="b", amount_minor=1500),),
        ),
    ],
)
def test_a_withdrawal_gives_back_what_was_not_used(
    changed: dict[str, Any], money_minor: int, items: tuple[RefundedItem, ...] | None
) -> None:
    """Everything without a complete consent; of several lines the unused ones, if they sum to what was paid.

    What is owed for the used ones is rounded down.
    """
    assert withdrawal.refund_due(refund_context(**{"day": 1, **changed}), POLICY) == (money_minor, items)


@pytest.mark.parametrize(
    ("changed", "money_minor"),
    [
        ({}, 1500),
        ({"order": UNINFORMED}, 2000),
        ({"refundable_minor": 500}, 375),
        # the buyer's balance paid 15.00 of it: the law counts that too, though the card gets no more than it paid
        ({"refundable_minor": 500, "value_left_minor": 2000}, 1500),
        ({"refundable_minor": 500, "value_left_minor": 2000, "order": UNINFORMED}, 2000),
    ],
)
def test_the_value_that_a_withdrawal_returns_counts_what_the_balance_paid(
    changed: dict[str, Any], money_minor: int
) -> None:
    """A quarter of the credits was used: it is paid for, if the consent was complete."""
    assert withdrawal.value_due(refund_context(lines=(line_usage(250),), **changed), POLICY) == money_minor


def measured(*rules: tuple[str, str, str]) -> parameters.PolicyParameters:
    """The policy with these rules of measure: country, day, measure."""
    found: dict[str, tuple[MeasureRule, ...]] = {}
    for country, since, name in rules:
        rule = MeasureRule(since=date.fromisoformat(since), measure=Measure(name))
        found[country] = (*found.get(country, ()), rule)
    return replace(POLICY, law=replace(POLICY.law, plan_measures=found))


ORDERED_ON = MADE.date().isoformat()
BY_TIME, BY_PERSON = measured(("*", "2026-01-01", "time")), measured()
PLAN: dict[str, Any] = {"is_subscription": True, "lasts_for": timedelta(days=30), "lines": (line_usage(900),)}
MONTH = timedelta(days=30)


@pytest.mark.parametrize(
    ("rules_", "changed", "found"),
    [
        ([("*", "2026-01-01", "time")], {}, Measure.TIME),
        ([("*", ORDERED_ON, "time")], {}, Measure.TIME),
        ([("*", "2026-11-03", "time")], {}, Measure.PERSON),  # ordered the day before
        ([("*", "2026-01-01", "credits"), ("*", ORDERED_ON, "time")], {}, Measure.TIME),
        ([("*", "2026-01-01", "time"), ("DE", "2026-01-01", "credits")], {}, Measure.CREDITS),
        ([("*", "2026-01-01", "credits"), ("DE", "2027-01-01", "time")], {}, Measure.PERSON),
        ([], {}, Measure.PERSON),
        ([], {"is_subscription": False}, Measure.CREDITS),  # a pack has no term
        ([], {"order": None}, Measure.CREDITS),
        # of two countries that measure in two ways, and of what is no single period, a person decides
        ([("*", "2026-01-01", "time"), ("FR", "2026-01-01", "credits")], {"billing_country": "FR"}, Measure.PERSON),
        ([("*", "2026-01-01", "time")], {"billing_country": "FR"}, Measure.TIME),
        ([("*", "2026-01-01", "time")], {"lasts_for": timedelta(0)}, Measure.PERSON),
        ([("*", "2026-01-01", "time")], {"lines": (line_usage(9), line_usage(9, line_id="b"))}, Measure.PERSON),
        ([("*", "2026-01-01", "credits")], {"lasts_for": timedelta(0)}, Measure.CREDITS),
    ],
)
def test_how_a_plan_is_measured_is_set_by_country_and_day(
    rules_: list[tuple[str, str, str]], changed: dict[str, Any], found: Measure
) -> None:
    """Of the day of the order. Where nothing is set, a person decides."""
    asked = refund_context(**{**PLAN, **changed})
    assert withdrawal.measure(asked, measured(*rules_)) is found


@pytest.mark.parametrize(
    ("changed", "money_minor"),
    [
        ({"day": 3}, 1800),  # a tenth of the month is over, whatever was used
        ({"day": 0}, 2000),
        ({"day": 10}, 1334),  # 666.67 are owed
        ({"day": 3, "paid_at": MADE + timedelta(days=2)}, 1934),
        ({"day": 3, "lasts_for": timedelta(days=2)}, 0),
        ({"day": 3, "lines": (line_usage(0),)}, 2000),  # nothing was used
        ({"day": 3, "order": UNINFORMED}, 2000),
        ({"day": 3, "overcharge_minor": 500}, 1850),
        ({"day": 3, "now": MADE + MONTH, "submitted_at": MADE + timedelta(days=3)}, 1800),
        ({"day": 3, "refundable_minor": 500, "value_left_minor": 2000}, 500),  # the rest came from the balance
    ],
)
def test_by_time_what_is_over_of_the_period_is_owed(changed: dict[str, Any], money_minor: int) -> None:
    """To the instant at which the customer withdraws, rounded down. Of a month of 20.00 with 900 of 1,000 used."""
    assert withdrawal.refund_due(refund_context(**{**PLAN, **changed}), BY_TIME) == (money_minor, ())


def test_a_withdrawal_that_is_measured_by_time_is_decided_with_its_reason() -> None:
    """And with the measure among its facts: in part, or when the period is over."""
    part = rules.decide(refund_context(**PLAN), BY_TIME)
    assert (part.outcome, part.money_minor, part.ends_subscription) == (DecisionOutcome.APPROVE, 1800, True)
    assert text("decision.withdrawal_part_over") in part.reasons
    assert text("input.measure_time") in part.inputs
    over = rules.decide(refund_context(**{**PLAN, "lasts_for": timedelta(days=2)}), BY_TIME)
    assert (over.outcome, over.ends_subscription) == (DecisionOutcome.DECLINE, True)
    assert text("decision.withdrawal_all_over") in over.reasons


@pytest.mark.parametrize(("used", "recommended", "money_minor"), [(900, DecisionOutcome.APPROVE, 200), (1000, None, 0)])
def test_without_a_measure_a_person_decides_about_a_used_plan(
    used: int, recommended: DecisionOutcome | None, money_minor: int
) -> None:
    """The terms may name no price for a credit. The contract ends all the same."""
    decision = rules.decide(refund_context(**{**PLAN, "lines": (line_usage(used),)}), BY_PERSON)
    assert (decision.outcome, decision.recommended, decision.money_minor) == (
        DecisionOutcome.REVIEW,
        recommended,
        money_minor,
    )
    assert (decision.ends_contract, decision.ends_subscription) == (True, True)
    asked = refund_context(RefundReason.CHANGED_MY_MIND, **{**PLAN, "lines": (line_usage(used),)})
    assert not asked.is_renewal
    assert rules.decide(asked, BY_PERSON).ends_subscription is True
    assert decision.clause == "2"
    assert text("decision.withdrawal_measure_in_review") in decision.reasons
    assert text("input.measure_person") in decision.inputs


@pytest.mark.parametrize("changed", [{"lines": (line_usage(0),)}, {"order": UNINFORMED}, {"is_subscription": False}])
def test_a_measure_matters_only_for_what_is_owed_of_a_plan(changed: dict[str, Any]) -> None:
    """Nothing was used, nothing used is to be paid for, or it is a pack."""
    decision = rules.decide(refund_context(**{**PLAN, **changed}), BY_PERSON)
    assert decision.outcome is DecisionOutcome.APPROVE
    assert not any(fact.key.startswith("input.measure") for fact in decision.inputs)


@pytest.mark.parametrize(
    ("changed", "money_minor"),
    [
        ({}, 1500),
        ({"order": UNINFORMED}, 2000),
        ({"order": None}, None),
        ({"is_renewal": True}, None),  # its contract is not known
        ({"is_renewal": True, "is_of_known_contract": True}, 1500),
        ({"order": JAPAN}, None),
        ({"order": replace(ORDER, country="KR")}, 1500),
        ({"order": replace(ORDER, country="BR")}, 2000),
        ({"order": replace(ORDER, country="KR"), "billing_country": "BR"}, 1500),  # the country of the order
        ({"order": replace(ORDER, country="BR", consent=None), "billing_country": "DE"}, 2000),
        ({"order": replace(ORDER, country="BR"), "billing_country": "DE"}, 1500),  # the statutory right of the address
    ],
)
def test_a_person_is_recommended_what_the_right_would_return(changed: dict[str, Any], money_minor: int | None) -> None:
    """A quarter of the credits was used. Nothing is recommended where nothing is known of the right."""
    asked = refund_context(lines=(line_usage(250),), **changed)
    assert withdrawal.recommended_minor(asked, POLICY) == money_minor


@pytest.mark.parametrize(
    ("reason", "changed", "ends"),
    [
        (RefundReason.WITHDRAWAL, {}, True),
        (RefundReason.CHANGED_MY_MIND, {}, True),
        (RefundReason.TECHNICAL_PROBLEM, {}, False),
        (RefundReason.WITHDRAWAL, {"now": ENDS}, False),  # too late
        (RefundReason.WITHDRAWAL, {"order": BUSINESS}, True),  # a person judges whether it is one
        (RefundReason.WITHDRAWAL, {"order": JAPAN}, False),  # nobody knows what it would return
        (RefundReason.WITHDRAWAL, {"order": None}, False),
        (RefundReason.WITHDRAWAL, {"order": US}, False),
    ],
)
def test_a_contract_ends_by_a_withdrawal_that_is_due_or_may_be(
    reason: RefundReason, changed: dict[str, Any], *, ends: bool
) -> None:
    """One that is in time, or that only a person can judge and whose sum is known."""
    assert withdrawal.ends_contract(refund_context(reason, **changed), POLICY) is ends


def british(**changed: Any) -> PolicyContext:
    """A renewal, ten days after its charge, by a buyer in the United Kingdom."""
    charged = {"paid_at": MADE + timedelta(days=400), "day": 410, "is_renewal": True, "is_subscription": True}
    of_a_year = {"order": replace(ORDER, country="GB"), "lasts_for": timedelta(days=365)}
    return refund_context(**{**charged, **of_a_year, **changed})


@pytest.mark.parametrize(
    ("context", "since", "may_withdraw"),
    [
        (british(), MADE.date(), True),
        (british(lasts_for=timedelta(days=360)), MADE.date(), True),
        (british(lasts_for=timedelta(days=359)), MADE.date(), False),
        (british(day=430), MADE.date(), False),
        (british(), MADE.date() + timedelta(days=1), False),  # not of contracts made before
        (british(), date.max, False),  # as long as the day is not known
        (british(order=ORDER), MADE.date(), False),
        (british(order=None), MADE.date(), False),
        (british(billing_country="GB", order=ORDER), MADE.date(), True),
    ],
)
def test_a_renewal_for_a_year_can_be_withdrawn_from_anew_where_the_law_says_so(
    context: PolicyContext, since: date, *, may_withdraw: bool
) -> None:
    """The United Kingdom, from a day in the law's file on."""
    right = RenewalRight(since=since, days=14, from_months=12)
    policy = replace(POLICY, law=replace(POLICY.law, renewals={"GB": right}))
    assert (withdrawal.exclusion(context, policy) is None) is may_withdraw


@pytest.mark.parametrize(("begins_after", "has_right"), [(0, False), (1, True)])
def test_a_contract_keeps_the_law_of_its_day(begins_after: int, *, has_right: bool) -> None:
    """A right that ends after the contract was made counts on, also for whoever withdraws, or is informed, later."""
    statutory, since = POLICY.law.right_of("DE", MADE.date()), MADE.date() + timedelta(days=begins_after)
    none = Right(kind=RightKind.NONE, since=since, days=0, days_uninformed=0)
    policy = replace(POLICY, law=replace(POLICY.law, rights={**POLICY.law.rights, "DE": (statutory, none)}))
    assert (withdrawal.exclusion(refund_context(day=3), policy) is None) is has_right
    assert (withdrawal.may_be_informed(UNINFORMED, None, MADE, MADE + FIVE_DAYS, policy) is None) is has_right


def test_the_longer_of_two_rights_to_withdraw_from_a_renewal_counts() -> None:
    """From the charge on. A first payment has the days of its contract alone."""
    rights = {
        country: RenewalRight(since=MADE.date(), days=days, from_months=12)
        for country, days in (("GB", 20), ("DE", 60))
    }
    policy = replace(POLICY, law=replace(POLICY.law, renewals=rights))
    renewed = british(billing_country="DE")
    longest = max(POLICY.law.period_end(renewed.paid_at, 60, country) for country in ("GB", "DE"))
    assert withdrawal.ends_at(renewed, policy) == longest
    begun = replace(renewed, is_renewal=False, paid_at=MADE)
    assert withdrawal.ends_at(begun, policy) == withdrawal.ends_at(begun, POLICY)


def test_of_two_countries_the_later_end_counts_and_one_outside_the_list_needs_a_person() -> None:
    """The order's country, and that of the address at the provider."""
    made = datetime(2026, 11, 24, 12, tzinfo=UTC)  # fourteen days later Spain has a holiday, and Germany has none
    later = POLICY.law.period_end(made, 14, "ES")
    assert later > POLICY.law.period_end(made, 14, "DE")
    for ordered_in, billed_in in (("DE", "ES"), ("ES", "DE")):
        consent = replace(CONSENT, given_at=made)
        order = replace(ORDER, country=ordered_in, made_at=made, consent=consent)
        both = refund_context(order=order, billing_country=billed_in, paid_at=made, now=later - timedelta(seconds=1))
        assert withdrawal.ends_at(both, POLICY) == later
        assert withdrawal.exclusion(both, POLICY) is None
        assert withdrawal.exclusion(replace(both, now=later), POLICY)
    differ = refund_context(billing_country="US", day=3)
    assert withdrawal.exclusion(differ, POLICY) == text("decision.no_withdrawal_two_countries")
    assert withdrawal.review_reason(differ, POLICY) == text("decision.withdrawal_country_in_review")
    assert withdrawal.recommended_minor(differ, POLICY) == 2000


def test_a_decline_of_a_renewal_tells_of_the_right_to_withdraw_from_its_contract() -> None:
    """Who asks for one renewal back may not know it."""
    asked = refund_context(
        RefundReason.CHANGED_MY_MIND, is_renewal=True, is_subscription=True, is_of_known_contract=True, day=3
    )
    keys = [reason.key for reason in rules.decide(asked, POLICY).reasons]
    assert "decision.withdrawal_available" in keys
    unknown = replace(asked, is_of_known_contract=False)
    assert "decision.withdrawal_available" not in [reason.key for reason in rules.decide(unknown, POLICY).reasons]


@pytest.mark.parametrize(
    ("provider", "late", "outcome"),
    [
        ("paddle", -timedelta.resolution, DecisionOutcome.REVIEW),
        ("paddle", timedelta(0), DecisionOutcome.DECLINE),
        ("stripe", -timedelta.resolution, DecisionOutcome.DECLINE),
        (None, -timedelta.resolution, DecisionOutcome.DECLINE),
    ],
)
def test_a_reseller_is_passed_a_withdrawal_in_its_own_days(
    provider: str | None, late: timedelta, outcome: DecisionOutcome
) -> None:
    """From the charge on, and five days, since nobody knows whose holidays count. No clause of ours declines it."""
    days = POLICY.law.resellers["paddle"].days
    end = POLICY.law.period_end(MADE, days, None) + FIVE_DAYS
    decision = rules.decide(refund_context(provider=provider, order=US, now=end + late), POLICY)
    assert decision.outcome is outcome
    assert text("decision.no_withdrawal_country", country="US") in decision.reasons, "why we would decline it stays"
    is_based = "decision.based_on_clause" in [reason.key for reason in decision.reasons]
    assert is_based is (outcome is DecisionOutcome.DECLINE)


@pytest.mark.parametrize(
    ("changed", "is_named"),
    [
        ({}, True),
        ({"reason": RefundReason.CHANGED_MY_MIND}, False),
        ({"is_duplicate": True, "duplicate_minor": 2000, "day": 0.001}, False),
    ],
)
def test_a_reseller_is_named_to_whom_withdraws_once_it_is_decided(changed: dict[str, Any], *, is_named: bool) -> None:
    """Not with another reason, nor while a second charge may still be reported."""
    decision = rules.decide(refund_context(**{"provider": "paddle", **changed}), POLICY)
    assert ("decision.withdrawal_reseller" in [reason.key for reason in decision.reasons]) is is_named


def test_a_purchase_from_a_reseller_names_it_and_turns_no_withdrawal_away_in_its_days() -> None:
    """Also a used-up pack, and a country without a right: the reseller may be kinder."""
    address = POLICY.law.resellers["paddle"].address
    seller = text("decision.withdrawal_reseller", seller="Paddle.com", address=address)
    refunded = rules.decide(refund_context(provider="paddle"), POLICY)
    assert (refunded.outcome, refunded.money_minor, refunded.reasons[-1]) == (DecisionOutcome.APPROVE, 2000, seller)
    abroad = refund_context(provider="paddle", order=replace(ORDER, country="US"))
    noted = rules.decide(abroad, POLICY)
    assert noted.outcome is DecisionOutcome.REVIEW
    assert noted.reasons[-2:] == (seller, text("decision.withdrawal_passed_on", seller="Paddle.com"))
    least = rules.decide(replace(abroad, refundable_minor=1), POLICY)
    assert least.outcome is DecisionOutcome.REVIEW
    late = rules.decide(replace(abroad, now=abroad.now + timedelta(days=30)), POLICY)
    assert (late.outcome, late.reasons[-1]) == (DecisionOutcome.DECLINE, seller)
    assert rules.decide(replace(abroad, provider="stripe"), POLICY).outcome is DecisionOutcome.DECLINE
    nothing_left = replace(abroad, refundable_minor=0)
    assert rules.decide(nothing_left, POLICY).outcome is DecisionOutcome.DECLINE


def test_one_used_credit_and_a_period_of_a_day_are_measured_like_others() -> None:
    """Of a request that is older than the payment, by whosever clock, no time is over."""
    one = refund_context(**{**PLAN, "lines": (line_usage(1),)})
    assert withdrawal.is_measured_by_person(one, BY_PERSON)
    assert not withdrawal.is_measured_by_person(replace(one, lines=(line_usage(0),)), BY_PERSON)
    for lasts_for, found in ((timedelta.resolution, Measure.TIME), (timedelta(0), Measure.PERSON)):
        assert withdrawal.measure(replace(one, lasts_for=lasts_for), BY_TIME) is found
    early = replace(one, submitted_at=one.paid_at - timedelta(hours=1))
    assert withdrawal.value_due(early, BY_TIME) == early.value_minor
