"""When customers of a plan that renews are reminded, by country and date."""

import copy
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ledger.domain.errors import PolicyError
from ledger.policy import reminders
from ledger.policy.reminders import FILE, Reminder, ReminderKind, RunningPlan, add_months

RULES = reminders.load()
RIGHT: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
ORDERED = datetime(2026, 11, 30, 12, tzinfo=UTC)


def plan(charge: date, *, months: int = 1, is_trial: bool = False, country: str = "DE") -> RunningPlan:
    """A plan that is charged next on a day."""
    return RunningPlan(
        country=country,
        ordered_at=ORDERED,
        charge_at=datetime(charge.year, charge.month, charge.day, 12, tzinfo=UTC),
        period_months=months,
        is_trial=is_trial,
    )


def due(of: RunningPlan, today: date, rules: reminders.ReminderRules = RULES) -> list[tuple[str, str]]:
    """What is due."""
    return [(one.kind, one.day.isoformat()) for one in rules.due(of, today)]


@pytest.mark.parametrize(("days", "is_due"), [(6, False), (5, True), (1, True), (0, False), (-1, False)])
def test_a_trial_is_reminded_of_its_first_charge_three_to_seven_days_before(days: int, *, is_due: bool) -> None:
    """Everywhere; on the day of the charge it is too late. It has no other reminder."""
    charge = date(2026, 12, 14)
    found = due(plan(charge, is_trial=True, months=12), charge - timedelta(days=days))
    assert found == ([("trial_end", "2026-12-14")] if is_due else [])


@pytest.mark.parametrize(("days", "is_due"), [(31, False), (30, True), (1, True), (0, False)])
def test_a_yearly_plan_is_reminded_before_it_renews_and_a_shorter_one_is_not(days: int, *, is_due: bool) -> None:
    """Nor is the yearly one reminded each half year besides."""
    charge = date(2027, 11, 30)
    today = charge - timedelta(days=days)
    assert due(plan(charge, months=12), today) == ([("renewal", "2027-11-30")] if is_due else [])
    assert [kind for kind, _ in due(plan(charge, months=3), today)] == ["running"]


@pytest.mark.parametrize(
    ("today", "day"),
    [
        (date(2026, 12, 1), None),
        (date(2027, 5, 29), None),
        (date(2027, 5, 30), "2027-05-30"),
        (date(2027, 11, 29), "2027-05-30"),
        (date(2027, 11, 30), "2027-11-30"),
        (date(2028, 5, 30), "2028-05-30"),
    ],
)
def test_a_monthly_plan_is_reminded_each_time_six_months_have_passed(today: date, day: str | None) -> None:
    """The latest of them: one that was missed for long is not sent twice."""
    found = due(plan(today + timedelta(days=20)), today)
    assert found == ([("running", day)] if day else [])


def test_a_rule_that_is_open_or_of_another_country_does_not_count_until_its_day() -> None:
    """Spain and Italy, if a plan that runs from month to month has a fixed term there. The earliest one counts."""
    charge = date(2026, 12, 30)
    for country in ("ES", "IT"):
        assert due(plan(charge, country=country), charge - timedelta(days=10)) == []
    dated = copy.deepcopy(RIGHT)
    for rule in dated["rules"]:
        rule["from"] = "2026-12-10" if rule["from"] == "open" else rule["from"]
    rules = reminders.parse(dated)
    spain, italy = plan(charge, country="ES"), plan(charge, country="IT")
    assert due(spain, date(2026, 12, 9), rules) == []
    assert due(spain, date(2026, 12, 13), rules) == []
    assert due(spain, date(2026, 12, 14), rules) == [("renewal", "2026-12-30")]
    assert due(italy, date(2026, 12, 10), rules) == [("renewal", "2026-12-30")]
    assert due(plan(charge), date(2026, 12, 20), rules) == []


def test_the_next_look_is_on_the_first_day_on_which_something_can_be_due() -> None:
    """At the latest in a week, and never today. The day of a charge is one: a new period begins."""
    today = date(2026, 12, 1)
    assert RULES.next_look(plan(date(2026, 12, 9), is_trial=True), today) == date(2026, 12, 4)
    assert RULES.next_look(plan(date(2026, 12, 6), is_trial=True), today) == date(2026, 12, 6)
    assert RULES.next_look(plan(date(2027, 1, 4), months=12), today) == date(2026, 12, 5)
    assert RULES.next_look(plan(date(2027, 3, 1), months=3), today) == date(2026, 12, 8)
    assert RULES.next_look(plan(date(2027, 6, 1)), date(2027, 5, 28)) == date(2027, 5, 30)
    assert RULES.next_look(plan(date(2027, 6, 25)), date(2027, 5, 30)) == date(2027, 6, 6)
    assert RULES.next_look(plan(date(2027, 1, 1)), today) == date(2026, 12, 2), "a new price may be announced"


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 11, 30), 3, date(2027, 2, 28)),
        (date(2027, 11, 30), 3, date(2028, 2, 29)),
        (date(2026, 12, 31), 12, date(2027, 12, 31)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
        (date(2026, 11, 30), 0, date(2026, 11, 30)),
    ],
)
def test_months_end_with_their_last_day(day: date, months: int, later: date) -> None:
    """As providers count them."""
    assert add_months(day, months) == later


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"price_change": {"days_before": 13, "days_before_at_least": 14}}, "days_before is 13, should be 14 to 90"),
        ({"price_change": {"days_before": 30, "days_before_at_least": 0}}, "at_least is 0, should be 1 to 90"),
        ({"price_change": {"days_before": 30, "days_before_at_least": 14, "x": 1}}, "price_change: unknown field x"),
        ({"x": 1}, "the reminders: unknown field x"),
        ({"rules": [{**RIGHT["rules"][0], "days_before": 91}]}, r"rules\.0: days_before is 91, should be 1 to 90"),
        ({"rules": [{**RIGHT["rules"][1], "period_months": 0}]}, r"rules\.0: period_months is 0, should be 1 to 120"),
        ({"rules": [{**RIGHT["rules"][2], "every_months": 25}]}, r"rules\.0: every_months is 25, should be 1 to 24"),
        ({"rules": [{**RIGHT["rules"][0], "every_months": 6}]}, r"rules\.0: unknown field every_months"),
    ],
)
def test_a_wrong_rule_is_refused_by_its_name(change: dict[str, Any], says: str) -> None:
    """Before it reminds anybody."""
    with pytest.raises(PolicyError, match=says):
        reminders.parse({**RIGHT, **change})


def test_a_reminder_is_named_by_its_kind_and_day() -> None:
    """So that it is listed once."""
    (one,) = RULES.due(plan(date(2026, 12, 14), is_trial=True), date(2026, 12, 10))
    assert one == Reminder(kind=ReminderKind.TRIAL_END, day=date(2026, 12, 14))
    assert (RULES.price_change_days, RULES.price_change_days_at_least) == (30, 14)
