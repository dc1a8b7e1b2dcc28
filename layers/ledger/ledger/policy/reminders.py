"""Reminders of a plan that renews: which are due on a day, as data.

`reminders.json` lists the rules by country and by the day from which on they count; `*` is every country. A rule
that is `open` does not count yet: whether a plan that runs from month to month has a fixed term is for a lawyer.

    trial_end   so many days before the first charge after a trial
    renewal     so many days before a charge, of a plan whose periods are at least so long
    running     each time so many months have passed since the contract, of a plan that renews more often

Days are those of UTC. Of several reminders of one charge the earliest is sent, and no other.
"""

import calendar
import functools
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

from ledger.domain.errors import PolicyError
from ledger.domain.fields import Fields
from ledger.domain.records import record

FILE = Path(__file__).with_name("reminders.json")
_OPEN = "open"
_EVERYWHERE = "*"


class ReminderKind(StrEnum):
    """What a customer is reminded of."""

    TRIAL_END = "trial_end"  # a trial ends, and the first charge follows
    RENEWAL = "renewal"  # a charge is due
    RUNNING = "running"  # a plan goes on, and is charged from time to time


@record(frozen=True, kw_only=True)
class ReminderRule:
    """When customers of some countries are reminded."""

    kind: ReminderKind
    since: date  # the first day on which it counts; `date.max`: none yet
    days_before: int = 0  # the charge
    every_months: int = 0  # RUNNING: since the contract
    period_months: int = 1  # RENEWAL: of a plan with periods of this length or longer


@record(frozen=True, kw_only=True)
class RunningPlan:
    """A plan that renews, as far as reminders depend on it."""

    country: str
    ordered_at: datetime
    charge_at: datetime  # the next one
    period_months: int
    is_trial: bool


@record(frozen=True, kw_only=True)
class Reminder:
    """A reminder that is due. Kind and day name it: there is one of each plan."""

    kind: ReminderKind
    day: date  # of the charge; RUNNING: on which so many months have passed


@record(frozen=True, kw_only=True)
class ReminderRules:
    """All rules, and how long before the first charge at a new price it is announced."""

    version: str
    price_change_days: int  # from so many days before the charge on
    price_change_days_at_least: int  # later it is too late: the new price must wait for another charge
    by_country: Mapping[str, tuple[ReminderRule, ...]]

    def due(self, plan: RunningPlan, today: date) -> Iterator[Reminder]:
        """Yield the reminders that are due today, and those that were due and can still be of use."""
        charged_on = _day(plan.charge_at)
        if today < charged_on:
            for kind in (ReminderKind.TRIAL_END, ReminderKind.RENEWAL):
                days = self._days_before(kind, plan, today)
                if days and charged_on - today <= timedelta(days=days):
                    yield Reminder(kind=kind, day=charged_on)
        for rule in self._of(ReminderKind.RUNNING, plan, today):
            latest = self._latest(rule, plan, today)
            if latest:
                yield Reminder(kind=ReminderKind.RUNNING, day=latest)

    def next_look(self, plan: RunningPlan, today: date) -> date:
        """Return the day on which a reminder of this plan can be due next: at the latest in a week."""
        charged_on = _day(plan.charge_at)
        days = {today + timedelta(days=7), charged_on - timedelta(days=self.price_change_days)}
        for kind in (ReminderKind.TRIAL_END, ReminderKind.RENEWAL):
            days.add(charged_on - timedelta(days=self._days_before(kind, plan, today)))
        for rule in self._of(ReminderKind.RUNNING, plan, today):
            passed = _months_between(_day(plan.ordered_at), today) // rule.every_months
            days.add(add_months(_day(plan.ordered_at), (passed + 1) * rule.every_months))
        return min(day for day in days if day > today)

    def _days_before(self, kind: ReminderKind, plan: RunningPlan, today: date) -> int:
        return max((rule.days_before for rule in self._of(kind, plan, today)), default=0)

    def _latest(self, rule: ReminderRule, plan: RunningPlan, today: date) -> date | None:
        """Return the last day on which so many months had passed since the contract. None: they have not yet."""
        ordered_on = _day(plan.ordered_at)
        passed = _months_between(ordered_on, today) // rule.every_months
        return add_months(ordered_on, passed * rule.every_months) if passed else None

    def _of(self, kind: ReminderKind, plan: RunningPlan, today: date) -> Iterator[ReminderRule]:
        """Yield the rules of a kind that count for a plan."""
        if plan.is_trial != (kind is ReminderKind.TRIAL_END):
            return
        for country in (plan.country, _EVERYWHERE):
            for rule in self.by_country.get(country, ()):
                if rule.kind is kind and rule.since <= today and plan.period_months >= rule.period_months:
                    is_reminded_of_each = kind is ReminderKind.RUNNING and plan.period_months >= rule.every_months
                    if not is_reminded_of_each:
                        yield rule


def add_months(day: date, months: int) -> date:
    """Return the day so many months later: the last one of its month, if that is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _months_between(first: date, last: date) -> int:
    """Return how many whole months have passed."""
    months = (last.year - first.year) * 12 + last.month - first.month
    return months if add_months(first, months) <= last else months - 1


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


@functools.cache
def load() -> ReminderRules:
    """Read the shipped rules. Raise PolicyError naming what is wrong."""
    return parse(json.loads(FILE.read_text("utf-8")))


def parse(document: Any) -> ReminderRules:
    """Validate rules that were read from JSON. Raise PolicyError naming the field."""
    fields = Fields(document, "the reminders", PolicyError)
    version, rules = fields.take("version", str), fields.take("rules", list)
    change = Fields(fields.take("price_change", dict), "the reminders: price_change", PolicyError)
    fields.end()
    at_least = change.between("days_before_at_least", 1, 90)
    days = change.between("days_before", at_least, 90, f"{at_least} to 90: not less than days_before_at_least")
    change.end()
    by_country: dict[str, tuple[ReminderRule, ...]] = {}
    for number, content in enumerate(rules):
        countries, rule = _parse_rule(content, f"the reminders: rules.{number}")
        for country in countries:
            by_country[country] = (*by_country.get(country, ()), rule)
    return ReminderRules(
        version=version, price_change_days=days, price_change_days_at_least=at_least, by_country=by_country
    )


def _parse_rule(content: Any, where: str) -> tuple[list[str], ReminderRule]:
    fields = Fields(content, where, PolicyError)
    kind, since = ReminderKind(fields.take("kind", str)), fields.take("from", str)
    rule = ReminderRule(
        kind=kind,
        since=date.max if since == _OPEN else date.fromisoformat(since),
        days_before=0 if kind is ReminderKind.RUNNING else fields.between("days_before", 1, 90),
        every_months=fields.between("every_months", 1, 24) if kind is ReminderKind.RUNNING else 0,
        period_months=fields.between("period_months", 1, 120) if kind is ReminderKind.RENEWAL else 1,
    )
    countries = fields.take("countries", list)
    fields.end()
    return countries, rule
