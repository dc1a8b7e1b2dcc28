"""The law as data: rights by country and date, periods that end on working days, calendars from a library."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import holidays
import pytest

from ledger.domain.errors import PolicyError
from ledger.policy import law
from ledger.policy.law import Law, Measure, Recommendation, RightKind
from tools import holidays as generator

SHIPPED = law.load()


PLAIN: dict[str, Any] = {
    "version": "1",
    "credits_locked_from": "open",
    "rights": [{"countries": ["*"], "right": "none"}],
    "plan_measures": [],
    "renewals": [],
    "renewal_consents": [],
    "resellers": {},
}
"""The least that a law has to say."""


def parsed(*rights: dict[str, Any], **calendars: Any) -> Law:
    """A law of these rights, and one for every other country."""
    return law.parse({**PLAIN, "rights": [*rights, *PLAIN["rights"]]}, {"years": [2026, 2030], **calendars})


def test_the_shipped_law_is_read_from_its_files_once() -> None:
    """Whoever asks gets the same one."""
    law.load.cache_clear()
    assert law.load() == SHIPPED
    assert law.load() is law.load()


def test_the_shipped_calendars_are_those_of_the_library() -> None:
    """`python -m tools.holidays` writes them."""
    assert law.HOLIDAYS_FILE.read_text("utf-8") == generator.calendars()


def test_every_country_with_a_statutory_right_has_a_calendar() -> None:
    """Else a withdrawal on the day after a holiday would be declined."""
    assert SHIPPED.holidays.keys() == SHIPPED.statutory_countries
    assert all(len(days) >= 5 * len(SHIPPED.years) for days in SHIPPED.holidays.values())


@pytest.mark.parametrize(
    ("country", "kind", "days", "recommends"),
    [
        ("DE", RightKind.STATUTORY, 14, None),
        ("GB", RightKind.STATUTORY, 14, None),
        ("RS", RightKind.STATUTORY, 14, None),
        ("KR", RightKind.UNCLEAR, 7, Recommendation.UNUSED),
        ("BR", RightKind.UNCLEAR, 7, Recommendation.EVERYTHING),
        ("TR", RightKind.UNCLEAR, 14, Recommendation.UNUSED),
        ("CH", RightKind.NONE, 0, None),
        ("US", RightKind.NONE, 0, None),
        ("AU", RightKind.NONE, 0, None),
        ("IN", RightKind.NONE, 0, None),
        ("JP", RightKind.UNCLEAR, 14, None),
        ("ZZ", RightKind.UNCLEAR, 14, None),
    ],
)
def test_each_country_has_the_right_of_its_group(
    country: str, kind: RightKind, days: int, recommends: Recommendation | None
) -> None:
    """And a country that nobody looked into has one that a person judges."""
    right = SHIPPED.right_of(country, date(2026, 11, 1))
    assert (right.kind, right.days, right.recommends) == (kind, days, recommends)
    assert right.days_uninformed == (380 if kind is RightKind.STATUTORY else 0)


def test_a_rule_counts_from_its_day_on() -> None:
    """A contract that was made before keeps the rule of its day. The first rule also counts before its own day."""
    known = parsed(
        {"countries": ["GB"], "right": "statutory", "days": 14, "days_uninformed": 380},
        {"countries": ["GB", "AU"], "right": "unclear", "days": 20, "from": "2027-07-01"},
    )
    assert [known.right_of("GB", date(2027, month, 30)).days for month in (6, 7)] == [14, 20]
    assert known.right_of("GB", date(2027, 7, 1)).days == 20
    assert known.right_of("AU", date(2026, 1, 1)).days == 20
    assert known.right_of("DE", date(2026, 1, 1)).kind is RightKind.NONE


def test_the_first_rule_of_a_country_counts_before_its_own_day() -> None:
    """However many follow it."""
    later: list[dict[str, Any]] = [
        {"countries": ["AU"], "right": "unclear", "days": days, "from": f"20{days}-07-01"} for days in (27, 28)
    ]
    assert parsed(*later).right_of("AU", date(2026, 1, 1)).days == 27


def test_the_longest_right_is_of_whom_nothing_is_known() -> None:
    """By the days of somebody who was not informed, then by the others; of each country its newest rule."""
    one = {"countries": ["AA"], "right": "statutory", "days": 14, "days_uninformed": 380}
    two = {"countries": ["BB"], "right": "statutory", "days": 30, "days_uninformed": 100}
    three = {"countries": ["CC"], "right": "statutory", "days": 20, "days_uninformed": 380}
    past = {"countries": ["DD"], "right": "statutory", "days": 14, "days_uninformed": 900}
    now: dict[str, Any] = {"countries": ["DD"], "right": "none", "from": "2027-01-01"}
    for rights in ([one, two, three, past, now], [now | {"countries": ["EE"]}, three, two, one]):
        longest = parsed(*rights).longest
        assert (longest.days, longest.days_uninformed) == (20, 380)


@pytest.mark.parametrize(("name", "least", "most"), [("days", 1, 365), ("days_uninformed", 1, 3650)])
def test_the_days_of_a_right_have_bounds(name: str, least: int, most: int) -> None:
    """A slip of the pen is not law."""
    right = {"countries": ["DE"], "right": "statutory", "days": 14, "days_uninformed": 380}
    for days in (least, most):
        parsed({**right, name: days})
    for days in (least - 1, most + 1):
        with pytest.raises(PolicyError, match=f"{name} is {days}"):
            parsed({**right, name: days})


def test_credits_are_the_measure_of_a_plan_as_shipped() -> None:
    """Everywhere. A shop whose terms name no price for a credit takes the rule out."""
    for country in ("DE", "GB", "ZZ"):
        assert SHIPPED.plan_measure_of(country, date(2026, 1, 1)) is Measure.CREDITS


def test_a_measure_counts_from_its_day_on() -> None:
    """Before it, and where nothing is set, a person decides. A day can be open."""
    measures: list[dict[str, Any]] = [
        {"countries": ["*"], "from": "2026-11-01", "measure": "credits"},
        {"countries": ["DE"], "measure": "person"},
        {"countries": ["DE", "FR"], "from": "2027-01-01", "measure": "time"},
        {"countries": ["DE"], "from": "open", "measure": "credits"},
    ]
    found = with_part(plan_measures=measures).plan_measure_of
    days = (date(2026, 10, 31), date(2026, 11, 1), date(2026, 12, 31), date(2027, 1, 1))
    assert [found("AT", day) for day in days] == [Measure.PERSON, *3 * [Measure.CREDITS]]
    assert [found("DE", day) for day in days] == [*3 * [Measure.PERSON], Measure.TIME]
    assert [found("FR", day) for day in days] == [*3 * [Measure.PERSON], Measure.TIME]
    assert parsed().plan_measure_of("DE", days[0]) is Measure.PERSON


def test_the_rest_of_the_file_is_checked_too() -> None:
    """Unknown fields, and the span of the calendars."""
    assert parsed().years == range(2026, 2031)
    assert parsed().version == "1"
    with pytest.raises(PolicyError, match="unknown field colour"):
        law.parse({**PLAIN, "colour": "red"}, {"years": [2026, 2026]})


@pytest.mark.parametrize(
    ("right", "says"),
    [
        ({"countries": ["DE"], "right": "statutory", "days": 14}, "rights.0: days_uninformed is None"),
        ({"countries": ["DE"], "right": "unclear"}, "rights.0: days is None"),
        ({"countries": ["DE"], "right": "unclear", "days": 0}, "rights.0: days is 0"),
        ({"countries": "DE", "right": "none"}, "rights.0: countries is 'DE', should be a list"),
        ({"countries": ["DE"], "right": "none", "colour": "red"}, "rights.0: unknown field colour"),
        ({"countries": ["DE"], "right": "some"}, "rights.0: right is 'some', should be statutory or unclear or none"),
        (
            {"countries": ["DE"], "right": "none", "from": "soon"},
            "rights.0: from is 'soon', should be a day as 2026-11-01, or open",
        ),
        (
            {"countries": ["DE"], "right": "unclear", "days": 7, "recommends": "mercy"},
            "rights.0: recommends is 'mercy', should be ",
        ),
        ({"countries": ["Germany"], "right": "none"}, "rights.0: countries is 'Germany', should be codes of two"),
        ({"countries": [49], "right": "none"}, "rights.0: countries is 49, should be codes of two"),
        ({"countries": ["DE", "DE"], "right": "none"}, "rights.0: DE has a rule from 0001-01-01 on already"),
    ],
)
def test_a_wrong_rule_is_named(right: dict[str, Any], says: str) -> None:
    """By its number and its field."""
    with pytest.raises(PolicyError, match=says):
        parsed(right)


def test_the_rules_of_a_country_are_in_the_order_of_their_days() -> None:
    """The last one that was read is named."""
    rules = [{"countries": ["DE"], "right": "none", "from": f"{year}-01-01"} for year in (2026, 2028, 2027)]
    with pytest.raises(PolicyError, match=r"rights\.2: DE has a rule from 2028-01-01 on already"):
        parsed(*rules)
    measures = [{"countries": ["DE"], "measure": "time", "from": f"{year}-01-01"} for year in (2026, 2028, 2027)]
    with pytest.raises(PolicyError, match=r"plan_measures\.2: DE has a rule from 2028-01-01 on already"):
        with_part(plan_measures=measures)


def test_every_other_country_needs_a_rule() -> None:
    """Else an order from it could not be judged."""
    with pytest.raises(PolicyError, match=r"one for `\*`"):
        law.parse({**PLAIN, "rights": [{"countries": ["DE"], "right": "none"}]}, {"years": [2026, 2026]})


@pytest.mark.parametrize(
    ("day", "ends"),
    [
        (2, (17, 12)),  # the end of Monday, also where it was Sunday still: twelve hours behind Greenwich
        (3, (18, 9)),  # the end of Tuesday, nine hours behind; farther west it was Monday still
        (4, (19, 9)),
        (5, (20, 9)),
        (6, (21, 9)),
        (7, (24, 9)),  # Saturday: the end of Monday
        (8, (24, 12)),  # in the far west it was Saturday
        (9, (24, 12)),  # and Sunday
    ],
)
def test_a_period_ends_with_its_last_day_and_never_on_a_weekend(day: int, ends: tuple[int, int]) -> None:
    """Wherever the customer lives: a contract of one minute before ten in the morning, at Greenwich."""
    since = datetime(2026, 11, day, 9, 59, tzinfo=UTC)
    assert law.load().period_end(since, 14, "") == datetime(2026, 11, *ends, tzinfo=UTC)


def test_of_equal_ends_the_one_farthest_west_names_the_last_day() -> None:
    """At noon at Greenwich the far west still has the day before the far east's: both end at one instant."""
    end = law.load().period_end(datetime(2026, 11, 2, 12, tzinfo=UTC), 14, None)
    assert (end, end.tzinfo) == (datetime(2026, 11, 17, 12, tzinfo=UTC), timezone(timedelta(hours=-12)))


def test_a_period_that_began_on_the_next_day_in_the_east_ends_there_if_that_is_later() -> None:
    """A Friday night in the west is a Saturday in the east, and a weekend moves to its Monday."""
    since = datetime(2026, 11, 6, 10, 30, tzinfo=UTC)  # Saturday, 0:30, fourteen hours ahead of Greenwich
    east = timezone(timedelta(hours=14))
    assert law.load().period_end(since, 14, "") == datetime(2026, 11, 24, tzinfo=east)


@pytest.mark.parametrize(
    ("country", "made", "last"),
    [
        ("DE", (2026, 12, 11), (2026, 12, 28)),  # two days of Christmas, then a weekend
        ("GB", (2026, 12, 11), (2026, 12, 29)),  # Boxing Day is moved to the Monday
        ("FR", (2026, 12, 11), (2026, 12, 28)),  # the 26th is a holiday in Alsace alone
        ("JP", (2026, 12, 11), (2026, 12, 25)),  # no calendar: see `is_calendar_known`
        ("DE", (2027, 3, 12), (2027, 3, 30)),  # Good Friday to Easter Monday
        ("DE", (2026, 11, 4), (2026, 11, 19)),  # the 18th is a holiday in Saxony: whose holidays count is not settled
    ],
)
def test_a_period_ends_on_a_working_day_of_the_country(
    country: str, made: tuple[int, int, int], last: tuple[int, int, int]
) -> None:
    """Of a contract before ten in the morning at Greenwich: the east has the same day, and the west ends last."""
    end = SHIPPED.period_end(datetime(*made, 9, 59, tzinfo=UTC), 14, country)
    assert (end - timedelta.resolution).astimezone(timezone(timedelta(hours=-12))).date() == date(*last)


@pytest.mark.parametrize("country", ["DE", "FR", "GB", "RS", "NO"])
def test_no_period_ends_more_than_five_days_later_than_its_last_day(country: str) -> None:
    """So much a person has to look at where the holidays are not known."""
    free = holidays.country_holidays(country, years=SHIPPED.years)
    for number in range(365 * 2):
        since = datetime(2027, 1, 1, 9, 59, tzinfo=UTC) + timedelta(days=number)
        end = SHIPPED.period_end(since, 14, country)
        last = (end - timedelta.resolution).astimezone(timezone(timedelta(hours=-12))).date()
        assert timedelta(0) <= last - (since + timedelta(days=14)).date() <= law.MOST_FREE_DAYS
        assert last.weekday() < law.SATURDAY
        assert last not in free


def test_the_calendar_of_a_year_that_is_not_shipped_is_not_known() -> None:
    """Nor of a country without one."""
    known = [SHIPPED.is_calendar_known("DE", datetime(year, 6, 1, tzinfo=UTC)) for year in (2025, 2026, 2032, 2033)]
    assert known == [False, True, True, False]
    assert not SHIPPED.is_calendar_known("DE", datetime(2025, 12, 30, tzinfo=UTC)), "it is in 2025"
    assert SHIPPED.is_calendar_known("DE", datetime(2032, 12, 26, tzinfo=UTC)), "five days more are in 2032"
    assert not SHIPPED.is_calendar_known("DE", datetime(2032, 12, 27, tzinfo=UTC)), "five days more are in 2033"
    assert not SHIPPED.is_calendar_known("JP", datetime(2027, 6, 1, tzinfo=UTC))


def test_the_file_is_small_and_plain() -> None:
    """It is read by functions that decide: some forty kilobytes, days as eight digits."""
    assert len(law.HOLIDAYS_FILE.read_bytes()) < 60_000
    days = json.loads(law.HOLIDAYS_FILE.read_text("utf-8"))["DE"]
    assert days == sorted(days)
    assert "20261225" in days


def test_a_renewal_has_a_right_of_its_own_from_its_day_on_and_for_ever_open_without_one() -> None:
    """The shipped law of the United Kingdom waits for its day."""
    assert SHIPPED.renewals["GB"].since == date.max
    document = {
        **PLAIN,
        "renewals": [{"countries": ["GB", "JE"], "from": "2027-01-01", "days": 14, "from_months": 12}],
        "resellers": {"paddle": {"name": "Paddle.com", "address": "https://paddle.net", "days": 14}},
    }
    parsed_law = law.parse(document, {"years": [2026, 2030]})
    right = law.RenewalRight(since=date(2027, 1, 1), days=14, from_months=12)
    assert parsed_law.renewals == {"GB": right, "JE": right}
    assert parsed_law.resellers["paddle"] == law.Reseller(name="Paddle.com", address="https://paddle.net", days=14)


def test_a_consent_to_renewals_is_asked_from_the_day_of_its_country_on() -> None:
    """The shipped law: the United States since California's, Australia from July 2027; the United Kingdom waits."""
    for day, countries in (
        (date(2025, 6, 30), set()),
        (date(2025, 7, 1), {"US"}),
        (date(2026, 11, 30), {"US"}),
        (date(2027, 6, 30), {"US"}),
        (date(2027, 7, 1), {"AU", "US"}),
        (date(2099, 12, 31), {"AU", "US"}),
    ):
        assert SHIPPED.renewal_consent_countries(day) == countries
    assert SHIPPED.renewal_consents["GB"].since == date.max
    assert with_part().renewal_consent_countries(date(2099, 1, 1)) == set()


def test_a_plan_is_refused_without_that_consent_from_the_day_that_the_shop_sets() -> None:
    """As shipped on no day, in no country: the page has to ask for it first."""
    consents = [{"countries": ["US", "AU"], "from": "2025-07-01", "refused_from": "2027-01-01"}]
    ours = with_part(renewal_consents=consents)
    for country, day, is_refused in (
        ("US", date(2026, 12, 31), False),
        ("US", date(2027, 1, 1), True),
        ("AU", date(2027, 1, 1), True),
        ("DE", date(2027, 1, 1), False),
    ):
        assert ours.is_refused_without_renewal_consent(country, day) is is_refused
    for country in SHIPPED.renewal_consents:
        assert not SHIPPED.is_refused_without_renewal_consent(country, date(2099, 1, 1))


RENEWAL: dict[str, Any] = {"countries": ["GB"], "from": "open", "days": 14, "from_months": 12}
MEASURE: dict[str, Any] = {"countries": ["DE"], "measure": "time"}
CONSENT: dict[str, Any] = {"countries": ["US"], "from": "open", "refused_from": "open"}
RESELLER: dict[str, Any] = {"name": "Paddle.com", "address": "https://paddle.net", "days": 14}


def with_part(**changed: Any) -> Law:
    """A law with other renewals, resellers or settings."""
    return law.parse({**PLAIN, **changed}, {"years": [2026, 2030]})


@pytest.mark.parametrize(("name", "least", "most"), [("days", 1, 365), ("from_months", 1, 120)])
def test_the_figures_of_a_right_to_withdraw_from_a_renewal_have_bounds(name: str, least: int, most: int) -> None:
    """The second entry is named by its number."""
    for figure in (least, most):
        assert getattr(with_part(renewals=[{**RENEWAL, name: figure}]).renewals["GB"], name) == figure
    for figure in (least - 1, most + 1):
        with pytest.raises(PolicyError, match=rf"the law: renewals\.1: {name} is {figure}"):
            with_part(renewals=[RENEWAL, {**RENEWAL, name: figure}])


def test_a_reseller_may_return_money_for_up_to_a_year_or_not_at_all() -> None:
    """In days from the charge on."""
    for days in (0, 365):
        assert with_part(resellers={"paddle": {**RESELLER, "days": days}}).resellers["paddle"].days == days
    for days in (-1, 366):
        with pytest.raises(
            PolicyError, match=rf"the law: resellers\.paddle: days is {days}, should be 0 (or more|to 365)"
        ):
            with_part(resellers={"paddle": {**RESELLER, "days": days}})


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"renewals": [{**RENEWAL, "colour": "red"}]}, r"renewals\.0: unknown field colour"),
        ({"renewals": [{**RENEWAL, "countries": "GB"}]}, r"renewals\.0: countries is 'GB', should be a list"),
        ({"renewals": {}}, "the law: renewals is {}, should be a list"),
        ({"resellers": {"paddle": {**RESELLER, "colour": "red"}}}, r"resellers\.paddle: unknown field colour"),
        ({"resellers": {"paddle": {"name": "Paddle.com", "days": 14}}}, r"resellers\.paddle: address is None"),
        ({"resellers": []}, r"the law: resellers is \[\], should be an object"),
        (
            {"plan_measures": [{"countries": ["DE"], "measure": "days"}]},
            r"0: measure is 'days', should be credits or time",
        ),
        ({"plan_measures": [{"countries": "DE", "measure": "time"}]}, r"plan_measures\.0: countries is 'DE'"),
        ({"plan_measures": [{**MEASURE, "from": 7}]}, r"plan_measures\.0: from is 7"),
        ({"plan_measures": [{**MEASURE, "days": 1}]}, r"plan_measures\.0: unknown field days"),
        ({"plan_measures": [MEASURE, MEASURE]}, r"plan_measures\.1: DE has a rule from 0001-01-01 on already"),
        ({"renewal_consents": [{"countries": ["US"], "from": 7}]}, r"renewal_consents\.0: from is 7, should be a text"),
        ({"renewal_consents": [{"countries": "US", "from": "open"}]}, r"renewal_consents\.0: countries is 'US'"),
        ({"renewal_consents": [{**CONSENT, "days": 1}]}, r"renewal_consents\.0: unknown field days"),
        ({"renewal_consents": [{**CONSENT, "refused_from": 7}]}, r"renewal_consents\.0: refused_from is 7"),
        (
            {"renewal_consents": [{**CONSENT, "refused_from": "2027-01-01"}]},
            r"0: refused_from is before from",
        ),
        ({"credits_locked_from": 7}, "the law: credits_locked_from is 7, should be a text"),
        ({"credits_locked_from": "2027-13-01"}, "the law: credits_locked_from is '2027-13-01', should be a day"),
        ({"renewals": [{**RENEWAL, "countries": ["gb"]}]}, r"renewals\.0: countries is 'gb', should be codes"),
        ({"renewals": [{**RENEWAL, "from": "2027"}]}, r"renewals\.0: from is '2027', should be a day"),
    ],
)
def test_a_wrong_part_of_the_law_is_named(changed: dict[str, Any], says: str) -> None:
    """By its place and its field."""
    with pytest.raises(PolicyError, match=says):
        with_part(**changed)


@pytest.mark.parametrize("name", PLAIN)
def test_a_part_that_is_left_out_is_no_empty_one(name: str) -> None:
    """Else customers would lose the rights in it, and nobody would be told."""
    without = {key: value for key, value in PLAIN.items() if key != name}
    with pytest.raises(PolicyError, match=f"the law: {name} is None"):
        law.parse(without, {"years": [2026, 2030]})


def test_a_law_locks_credits_from_the_day_that_it_names_or_never() -> None:
    """`open` is no day yet. It needs neither renewals nor resellers."""
    plain = with_part()
    assert (plain.credits_locked_from, plain.renewals, plain.resellers) == (date.max, {}, {})
    assert with_part(credits_locked_from="2027-01-01").credits_locked_from == date(2027, 1, 1)


def test_a_country_is_statutory_if_any_of_its_rules_is() -> None:
    """Contracts of that time are still judged by it."""
    one = {"countries": ["AU", "GB"], "right": "statutory", "days": 14, "days_uninformed": 380}
    later = {"countries": ["AU", "US"], "right": "none", "from": "2027-01-01"}
    assert parsed(one, later).statutory_countries == {"AU", "GB"}
