"""The law of withdrawal as data: which country gives a consumer which right, for how long, from which day on.

`law.json` lists the rights. Of two for one country the later one counts whose `from` is not after the contract's day.
`*` is every other country. `holidays.json` has the public holidays of the countries with a statutory right: see
`tools/holidays.py`.

    statutory   14 days; a clear case is refunded at once
    unclear     a person decides about a withdrawal within the days, with a recommendation if there is one
    none        no right that we know of: the policy's own rules, and the customer's mandatory rights stay

`plan_measures` says how the use of a plan is measured when a consumer withdraws from it: by its credits, where the
terms of sale name a price for each credit; by time, where a court or a legislator says so; else a person decides. Of a
pack only credits can be the measure.

`renewals` lists where the renewal of a contract has a right of its own, `resellers` the sellers that are not we.
`renewal_consents` lists where a law wants a consent to the renewal terms of a plan, apart from every other one, and
from which day on an order without it is refused: a day that the shop sets when its page asks for it.
"""

import functools
import json
import re
from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from ledger.domain.errors import PolicyError
from ledger.domain.fields import Fields
from ledger.domain.records import record

FILE = Path(__file__).with_name("law.json")
HOLIDAYS_FILE = Path(__file__).with_name("holidays.json")
SATURDAY = 5  # as Python counts the days of a week
MOST_FREE_DAYS = timedelta(days=5)
"""How many days in a row may be weekend or holidays at most, so that a period ends so much later."""
_ZONES = tuple(timezone(timedelta(hours=hours)) for hours in range(14, -13, -1))  # from east to west


class RightKind(StrEnum):
    """What is known about a consumer's right to withdraw."""

    STATUTORY = "statutory"
    UNCLEAR = "unclear"
    NONE = "none"


class Recommendation(StrEnum):
    """What a person who decides about an unclear right is recommended to refund."""

    UNUSED = "unused"  # the price of the unused credits
    EVERYTHING = "everything"


class Measure(StrEnum):
    """How what was provided of a plan is measured: what a consumer who withdraws has to pay for."""

    CREDITS = "credits"  # the share of its credits that was used
    TIME = "time"  # the share of its period that was over
    PERSON = "person"  # neither is agreed: a person decides


@record(frozen=True, kw_only=True)
class MeasureRule:
    """By what a country measures the use of plans that are ordered from a day on."""

    since: date
    measure: Measure


@record(frozen=True, kw_only=True)
class RenewalConsentRule:
    """From when on a country wants a consent to the renewal terms of a plan. `date.max`: no day is set."""

    since: date  # by its law: the page asks for it
    refused_since: date  # by the shop: a plan is not sold without it


@record(frozen=True, kw_only=True)
class Right:
    """What the law of a country gives to a consumer who buys online."""

    kind: RightKind
    since: date
    days: int  # from the contract on; NONE: 0
    days_uninformed: int  # of a consumer who was not informed of the right
    recommends: Recommendation | None = None


@record(frozen=True, kw_only=True)
class RenewalRight:
    """A right to withdraw anew when a contract is renewed for a long time."""

    since: date  # the first day on which a contract can be made that has it; `date.max`: it is not known yet
    days: int  # from the charge on
    from_months: int  # how long the renewed period is at least


@record(frozen=True, kw_only=True)
class Reseller:
    """A merchant of record: it sells to the customer, and owes what a seller owes."""

    name: str
    address: str  # of the page on which a customer withdraws
    days: int  # from the charge on, in which it gives money back itself


@record(frozen=True, kw_only=True)
class Law:
    """All rights, by country, and the calendars of public holidays."""

    version: str
    credits_locked_from: date  # orders from this day on lock their credits until the consent is complete
    rights: Mapping[str, tuple[Right, ...]]  # by country, the oldest first; `*`: of every other one
    holidays: Mapping[str, frozenset[date]]  # by country
    years: range  # of which the holidays are known
    renewals: Mapping[str, RenewalRight]  # by country
    resellers: Mapping[str, Reseller]  # by provider
    renewal_consents: Mapping[str, RenewalConsentRule]  # by country
    plan_measures: Mapping[str, tuple[MeasureRule, ...]]  # by country, the oldest first; `*`: of every other one

    @property
    def statutory_countries(self) -> frozenset[str]:
        """Return the countries that have a statutory right under any of their rules."""
        kinds = {country: {right.kind for right in rights} for country, rights in self.rights.items()}
        return frozenset(country for country, found in kinds.items() if RightKind.STATUTORY in found)

    @property
    def longest(self) -> Right:
        """Return the right that lasts longest: of a buyer whose country is not known."""
        latest = (rights[-1] for rights in self.rights.values())
        return max(latest, key=lambda right: (right.days_uninformed, right.days))

    def right_of(self, country: str, day: date) -> Right:
        """Return the right of a consumer of this country whose contract was made on this day."""
        rights = self.rights.get(country) or self.rights["*"]
        begun = [right for right in rights if right.since <= day]
        return begun[-1] if begun else rights[0]

    def plan_measure_of(self, country: str, day: date) -> Measure:
        """Return how the use of a plan is measured that a consumer of this country ordered on this day."""
        rules = self.plan_measures.get(country) or self.plan_measures.get("*", ())
        begun = [rule.measure for rule in rules if rule.since <= day]
        return begun[-1] if begun else Measure.PERSON

    def renewal_consent_countries(self, day: date) -> frozenset[str]:
        """Return where the law wants on this day a consent to the renewal terms of a plan."""
        return frozenset(country for country, rule in self.renewal_consents.items() if rule.since <= day)

    def is_refused_without_renewal_consent(self, country: str, day: date) -> bool:
        """Return whether a plan is sold in a country on this day only with a consent to its renewal terms."""
        rule = self.renewal_consents.get(country)
        return rule is not None and rule.refused_since <= day

    def period_end(self, since: datetime, days: int, country: str | None) -> datetime:
        """Return the instant at which a period of this many days is over, wherever in the world the customer is.

        The day on which it starts does not count. The last day counts to its end. If it is a Saturday, a Sunday or a
        public holiday of the country, the next working day is the last (Regulation 1182/71, article 3). The result is
        the latest end of all time zones, and of equal ones the one farthest west.

            day 0      day 1 …                       day 14         end of day 14
            contract ──┬─────────────────────────────────────────────►│  else: the end of the next working day
        """
        return _period_end(since, days, self.holidays.get(country, frozenset()) if country else frozenset())

    def is_calendar_known(self, country: str, end: datetime) -> bool:
        """Return whether the holidays around the end of a period are known: else it may end up to five days later."""
        return country in self.holidays and end.year in self.years and (end + MOST_FREE_DAYS).year in self.years


@functools.lru_cache(maxsize=64)
def _period_end(since: datetime, days: int, free: frozenset[date]) -> datetime:
    """Return `Law.period_end`: a decision asks for the same period a dozen times."""
    farthest_west = {since.astimezone(zone).date(): zone for zone in _ZONES}  # where each day ends last
    ends = [_end_in(zone, day + timedelta(days=days), free) for day, zone in farthest_west.items()]
    return max(reversed(ends))


def _end_in(zone: timezone, last: date, free: Collection[date]) -> datetime:
    """Return the end, in this zone, of the first working day from this one on."""
    while last.weekday() >= SATURDAY or last in free:
        last += timedelta(days=1)
    return datetime.combine(last + timedelta(days=1), time(), zone)


@functools.cache
def load() -> Law:
    """Read the shipped law. Raise PolicyError naming what is wrong."""
    return parse(json.loads(FILE.read_text("utf-8")), json.loads(HOLIDAYS_FILE.read_text("utf-8")))


def parse(document: Any, calendars: Mapping[str, Any]) -> Law:
    """Validate the rights, and the calendars that belong to them. Raise PolicyError naming the field."""
    fields = Fields(document, "the law", PolicyError)
    version, rights = fields.take("version", str), fields.take("rights", list)
    renewals, resellers = fields.take("renewals", list), fields.take("resellers", dict)
    consents, measures = fields.take("renewal_consents", list), fields.take("plan_measures", list)
    locked_from = _take_day(fields, "credits_locked_from")
    fields.end()
    by_country: dict[str, tuple[Right, ...]] = {}
    for number, content in enumerate(rights):
        countries, right = _parse_right(content, f"the law: rights.{number}")
        for country in countries:
            known = by_country.get(country, ())
            if known and known[-1].since >= right.since:
                raise PolicyError(f"the law: rights.{number}: {country} has a rule from {known[-1].since} on already.")
            by_country[country] = (*known, right)
    measures_by_country: dict[str, tuple[MeasureRule, ...]] = {}
    for number, content in enumerate(measures):
        countries, rule = _parse_measure(content, f"the law: plan_measures.{number}")
        for country in countries:
            known_rules = measures_by_country.get(country, ())
            if known_rules and known_rules[-1].since >= rule.since:
                raise PolicyError(
                    f"the law: plan_measures.{number}: {country} has a rule from {known_rules[-1].since} on already."
                )
            measures_by_country[country] = (*known_rules, rule)
    if "*" not in by_country:
        raise PolicyError("the law: rights should have one for `*`: every country that is not named.")
    first, last = calendars["years"]
    days = {country: found for country, found in calendars.items() if country != "years"}
    return Law(
        version=version,
        credits_locked_from=locked_from,
        rights=by_country,
        holidays={country: frozenset(map(date.fromisoformat, found)) for country, found in days.items()},
        years=range(first, last + 1),
        renewals={
            country: right
            for number, content in enumerate(renewals)
            for countries, right in (_parse_renewal(content, f"the law: renewals.{number}"),)
            for country in countries
        },
        resellers={
            provider: _parse_reseller(content, f"the law: resellers.{provider}")
            for provider, content in resellers.items()
        },
        renewal_consents={
            country: rule
            for number, content in enumerate(consents)
            for countries, rule in (_parse_renewal_consent(content, f"the law: renewal_consents.{number}"),)
            for country in countries
        },
        plan_measures=measures_by_country,
    )


def _parse_right(content: Any, where: str) -> tuple[list[str], Right]:
    fields = Fields(content, where, PolicyError)
    kind = _take_one(fields, "right", RightKind)
    right = Right(
        kind=kind,
        since=_take_day(fields, "from", _ALWAYS),
        days=0 if kind is RightKind.NONE else fields.between("days", 1, 365),
        days_uninformed=fields.between("days_uninformed", 1, 3650) if kind is RightKind.STATUTORY else 0,
        recommends=_take_one(fields, "recommends", Recommendation) if "recommends" in content else None,
    )
    countries = _take_countries(fields)
    fields.end()
    return countries, right


_ALWAYS = date.min.isoformat()
_OPEN = "open"
"""Instead of a day: the law is made, and the day on which it begins is not."""


def _take_day(fields: Fields, name: str, *default: str) -> date:
    """Return a day, and remove it. Without a default it is required."""
    text: str = fields.take(name, str, *default)
    try:
        return date.max if text == _OPEN else date.fromisoformat(text)
    except ValueError:
        fields.refuse(name, text, f"a day as 2026-11-01, or {_OPEN}")


_E = TypeVar("_E", bound=StrEnum)


def _take_one(fields: Fields, name: str, kind: type[_E]) -> _E:
    """Return a field that is one of these, and remove it."""
    text: str = fields.take(name, str)
    if text not in set(kind):
        fields.refuse(name, text, " or ".join(kind))
    return kind(text)


def _take_countries(fields: Fields) -> list[str]:
    """Return the codes of countries, and remove them: `*` stands for every one that is not named."""
    countries: list[Any] = fields.take("countries", list)
    for code in countries:
        if not isinstance(code, str) or not re.fullmatch(r"[A-Z]{2}|\*", code):
            fields.refuse("countries", code, "codes of two capital letters, or `*`")
    return countries


def _parse_measure(content: Any, where: str) -> tuple[list[str], MeasureRule]:
    fields = Fields(content, where, PolicyError)
    rule = MeasureRule(since=_take_day(fields, "from", _ALWAYS), measure=_take_one(fields, "measure", Measure))
    countries = _take_countries(fields)
    fields.end()
    return countries, rule


def _parse_renewal_consent(content: Any, where: str) -> tuple[list[str], RenewalConsentRule]:
    fields = Fields(content, where, PolicyError)
    countries = _take_countries(fields)
    rule = RenewalConsentRule(since=_take_day(fields, "from"), refused_since=_take_day(fields, "refused_from"))
    fields.end()
    if rule.refused_since < rule.since:
        raise PolicyError(f"{where}: refused_from is before from: the page is told to ask from then on.")
    return countries, rule


def _parse_renewal(content: Any, where: str) -> tuple[list[str], RenewalRight]:
    fields = Fields(content, where, PolicyError)
    right = RenewalRight(
        since=_take_day(fields, "from"),
        days=fields.between("days", 1, 365),
        from_months=fields.between("from_months", 1, 120),
    )
    countries = _take_countries(fields)
    fields.end()
    return countries, right


def _parse_reseller(content: Any, where: str) -> Reseller:
    fields = Fields(content, where, PolicyError)
    reseller = Reseller(
        name=fields.take("name", str), address=fields.take("address", str), days=fields.between("days", 0, 365)
    )
    fields.end()
    return reseller
