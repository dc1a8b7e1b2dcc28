"""The withdrawal, decided over the whole grid of the law's table, by the rules and by a second implementation.

The second one reads the rows of the table one after the other, and computes the period with the library of holidays
itself. It shares nothing with the rules but the case.
"""

import functools
import itertools
import math
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from fractions import Fraction
from typing import NamedTuple

import holidays
import pytest

from ledger.domain.orders import Consent, LateInformation, ShownInformation
from ledger.domain.refund_cases import RefundReason
from ledger.policy import rules
from ledger.policy.law import Measure, MeasureRule
from tools.testing.builders import CONSENT, ORDER, line_usage, refund_context

POLICY = rules.load()
POLICIES = {
    name: replace(POLICY, law=replace(POLICY.law, plan_measures=measures))
    for name, measures in {
        "credits": POLICY.law.plan_measures,
        "time": {"*": (MeasureRule(since=date(2026, 12, 11), measure=Measure.TIME),)},
        "person": {},
    }.items()
}
"""By how the use of a plan is measured."""
MADE = datetime(2026, 12, 11, 9, 59, tzinfo=UTC)  # fourteen days later it is Christmas
CHARGED = {"pack": MADE, "plan": MADE, "renewal": MADE + timedelta(hours=12), "trial": MADE + timedelta(days=7)}
"""When the payment was made: of a trial, the first charge after it."""
PAID_MINOR, CREDITS = 1999, 1000  # so that a share of it has to be rounded
MONTH = timedelta(days=30)
LATER = (timedelta(days=1), timedelta(days=7, hours=20), "end", "end + 4 days", "end + 6 days", timedelta(days=370))
GROUP_A = {"DE", "GB", "FR", "RS"}


class Case(NamedTuple):
    """One cell of the grid."""

    group: str  # the country of the order
    product: str
    # none: not informed; late: informed on day 100, after the use; mailed: the same by a mail; came back: that one did;
    # mailed again: so did the first one, and the second one was sent on day 100; begun: never confirmed; confirmed
    # late: after the first use; returned: confirmed before it, and the mail came back after it; complete
    consent: str
    used: int
    asked: object
    is_business: bool = False
    is_disputed: bool = False
    billed: str = ""  # the country at the provider; empty: unknown
    has_company_data: bool = False
    seller: str = "stripe"
    has_other_tax_id: bool = False  # that shows no business
    measure: str = "credits"  # of the use of a plan; time: of its month; person: the terms name neither


class Outcome(NamedTuple):
    """What becomes of it."""

    outcome: str
    money_minor: int
    recommended: str | None
    ends: bool  # the subscription


INFORMED_LATE = MADE + timedelta(days=100)
MAILED_LATE, NOT_TOLD = {"late", "mailed", "mailed again"}, {"none", "came back"}
WITHOUT_CONSENT = ("late", "mailed", "came back", "mailed again")

GRID = [
    Case(*cell)
    for cell in itertools.product(
        ("DE", "GB", "FR", "RS", "KR", "BR", "TR", "US", "CH", "AU", "IN", "JP"),
        ("pack", "plan", "renewal", "trial"),
        ("none", "begun", "complete"),
        (0, 333, CREDITS),
        LATER,
        (False, True),
        (False, True),
    )
] + [
    Case(*cell)
    for cell in itertools.product(
        ("DE", "GB", "KR", "US", "JP"),
        ("pack", "renewal"),
        ("none", "complete"),
        (0, CREDITS),
        LATER,
        (False,),
        (False,),
        ("DE", "FR", "KR", "US"),
        (False, True),
        ("stripe", "paddle"),
    )
]
GRID += [
    Case(*cell)
    for cell in itertools.product(
        ("DE", "GB", "FR", "RS", "KR", "US"), ("pack", "plan", "renewal"), WITHOUT_CONSENT, (0, 333, CREDITS), LATER
    )
]
GRID += [
    Case(*cell)
    for cell in itertools.product(
        ("DE", "GB", "FR", "RS", "KR", "US"),
        ("pack", "plan", "renewal"),
        ("confirmed late", "returned"),
        (0, 333, CREDITS),
        LATER,
    )
]
GRID += [
    Case(*cell, seller="paddle")
    for cell in itertools.product(
        ("DE", "GB", "FR", "KR", "US", "JP"),
        ("pack", "plan", "renewal", "trial"),
        ("none", "complete"),
        (0, 333, CREDITS),
        LATER,
        (False, True),
        (False, True),
    )
]
GRID += [
    Case(*cell, has_company_data=is_company, has_other_tax_id=True)
    for is_company in (False, True)
    for cell in itertools.product(
        ("DE", "GB", "FR", "RS", "KR", "BR", "US", "JP"),
        ("pack", "plan", "renewal", "trial"),
        ("none", "complete"),
        (0, 333, CREDITS),
        LATER,
        (False,),
        (False, True),
    )
]
GRID += [
    Case(*cell, measure=measure)
    for measure in ("time", "person")
    for cell in itertools.product(
        ("DE", "GB", "FR", "RS", "KR", "US"),
        ("pack", "plan", "renewal", "trial"),
        ("none", "returned", "complete"),
        (0, 333, CREDITS),
        LATER,
        (False, True),
        (False, True),
    )
]


@functools.cache
def end_of_period(country: str, days: int, since: datetime) -> datetime:
    """Regulation 1182/71, article 3, in the zone where it ends last."""
    free: set[date] = set(holidays.country_holidays(country, years=range(2026, 2030))) if country else set()
    for region in holidays.list_supported_countries().get(country, ()) if country else ():
        free |= set(holidays.country_holidays(country, subdiv=region, years=range(2026, 2030)))
    ends = []
    for hours in range(-12, 15):
        zone = timezone(timedelta(hours=hours))
        last = since.astimezone(zone).date() + timedelta(days=days)
        while last.isoweekday() > 5 or last in free:
            last += timedelta(days=1)
        ends.append(datetime.combine(last, time(), zone) + timedelta(days=1))
    return max(ends)


ENDS = {
    (country, days, since): end_of_period(country if country in GROUP_A else "", days, since)
    for country in {case.group for case in GRID}
    for days in (7, 14, 380)
    for since in {*CHARGED.values(), INFORMED_LATE}
}


def law_of(case: Case) -> str:
    """The country whose law counts: one of the buyer's two, if it is in group A."""
    return case.billed if case.billed in GROUP_A and case.group not in GROUP_A else case.group


def end_of(case: Case) -> datetime:
    """The end of the period: E of the contract; for the first charge after a trial, 14 days from it if that is later.

    With two countries, the one whose holidays end it later.
    """
    countries = {case.group, case.billed or case.group}
    days = {"KR": 7, "BR": 7}.get(law_of(case), 14)
    not_told = case.consent in NOT_TOLD and law_of(case) in GROUP_A
    began = CHARGED[case.product] if case.product in {"pack", "plan"} else MADE
    ends = [ENDS[country, 380 if not_told else days, began] for country in countries]
    if case.consent in MAILED_LATE and law_of(case) in GROUP_A:  # row 12
        ends = [ENDS[country, 14, INFORMED_LATE] for country in countries]
    if case.product == "trial":  # row 10
        ends += [ENDS[country, days, CHARGED["trial"]] for country in countries]
    return max(ends)


def asked_at(case: Case) -> datetime:
    """When the customer withdraws."""
    match case.asked:
        case timedelta():
            return CHARGED[case.product] + case.asked
        case "end":
            return end_of(case) - timedelta.resolution
        case "end + 4 days":
            return end_of(case) + timedelta(days=4)
    return end_of(case) + timedelta(days=6)


@functools.cache
def expected(case: Case) -> Outcome:
    """The table's rows: 23 is last, since it is about the outcome of the others."""
    outcome = without_reseller(case)
    is_early = asked_at(case) < end_of_period("", 14, CHARGED[case.product]) + timedelta(days=5)
    if case.seller == "paddle" and outcome.outcome == "decline" and is_early:  # row 23
        return outcome._replace(outcome="review")
    return outcome


def without_reseller(case: Case) -> Outcome:
    """Row 24, then 16 to 22, then 1 to 15. A renewal, and the charge after a trial, are of their contract: 8, 10."""
    is_plan = case.product != "pack"
    own_policy = Outcome("decline", 0, None, ends=False)
    country, asked, end = law_of(case), asked_at(case), end_of(case)
    statutory, differ = country in GROUP_A, bool({case.group, case.billed or case.group} - GROUP_A)
    in_time, nearly = asked < end, asked < end + timedelta(days=5)
    unused_minor = PAID_MINOR - PAID_MINOR * case.used // CREDITS  # P − U, and U is rounded down
    due_minor = PAID_MINOR
    if case.consent == "complete":
        due_minor = PAID_MINOR - over_minor(case) if is_by_time(case) else unused_minor
    is_review = case.is_business or differ or case.has_other_tax_id
    if case.has_company_data and statutory:  # row 16
        return own_policy
    no_right = country in {"US", "CH", "AU", "IN"} or case.has_company_data
    may_withdraw = not no_right and (in_time or (statutory and is_review and nearly))
    if case.is_disputed:  # row 24
        return Outcome("review", 0, None, ends=is_plan) if may_withdraw else own_policy
    if not may_withdraw:  # rows 9, 14 and 21
        return own_policy
    if country == "BR":  # row 19
        return Outcome("review", PAID_MINOR, "approve", ends=is_plan)
    if country in {"KR", "TR"}:  # rows 18 and 20
        return Outcome("review", unused_minor, "approve" if unused_minor else "decline", ends=is_plan)
    if not statutory:  # row 22
        return Outcome("review", 0, None, ends=False)
    if is_review:  # row 17
        return Outcome("review", due_minor, "approve" if due_minor else "decline", ends=is_plan)
    if case.consent == "returned" and case.used:  # R3: what was used stays confirmed, and a person decides
        return Outcome("review", unused_minor, "approve" if unused_minor else "decline", ends=is_plan)
    if case.consent == "complete" and case.used and is_plan and case.measure == "person":  # row 7, and section 1
        return Outcome("review", unused_minor, "approve" if unused_minor else None, ends=True)
    if due_minor == 0:  # rows 3 and 7
        return Outcome("decline", 0, None, ends=is_plan)
    return Outcome("approve", due_minor, None, ends=is_plan)  # rows 1, 2, 4 to 6, 8, 10, 11


def is_by_time(case: Case) -> bool:
    """R14: by time if it is set so, of a plan of which something was used. Row 5: of what was not used, everything."""
    return case.measure == "time" and case.product != "pack" and case.used > 0


def over_minor(case: Case) -> int:
    """What is owed by time, in whole seconds and minor units."""
    seconds = (asked_at(case) - CHARGED[case.product]).total_seconds()
    return math.floor(PAID_MINOR * Fraction(min(seconds, MONTH.total_seconds())) / Fraction(MONTH.total_seconds()))


SHOWN_LATE = ShownInformation(policy_version="1", text_version="1", language="en", digest="", at=INFORMED_LATE)


MAILED = LateInformation(number=1, asked_at=INFORMED_LATE - timedelta(days=1), sent_at=INFORMED_LATE)
RETURNED = replace(MAILED, sent_at=MADE + timedelta(days=30), returned_at=MADE + timedelta(days=31))
MAILS = {
    "mailed": (MAILED,),
    "came back": (replace(MAILED, returned_at=INFORMED_LATE + timedelta(minutes=5)),),
    "mailed again": (RETURNED, replace(MAILED, number=2)),
}


def decided(case: Case) -> Outcome:
    """What the rules make of it."""
    consents: dict[str, Consent | None] = {
        "none": None,
        **dict.fromkeys(WITHOUT_CONSENT),
        "begun": replace(CONSENT, confirmation_id=None),
        "confirmed late": replace(CONSENT, is_late=True),
        "returned": replace(CONSENT, confirmation_id=None, revoked_at=MADE),
        "complete": CONSENT,
    }
    order = replace(
        ORDER,
        country=case.group,
        made_at=MADE,
        is_business=case.is_business,
        consent=replace(given, given_at=MADE) if (given := consents[case.consent]) else None,
        shown=SHOWN_LATE if case.consent == "late" else None,
        late_information=MAILS.get(case.consent, ()),
    )
    asked = asked_at(case)
    context = refund_context(
        RefundReason.WITHDRAWAL,
        order=order,
        paid_at=CHARGED[case.product],
        now=asked + timedelta(days=2),
        submitted_at=asked,
        paid_minor=PAID_MINOR,
        refundable_minor=PAID_MINOR,
        lines=(line_usage(case.used, amount_minor=PAID_MINOR),),
        is_subscription=case.product != "pack",
        is_renewal=case.product in {"renewal", "trial"},
        is_of_known_contract=case.product in {"renewal", "trial"},
        follows_trial=case.product == "trial",
        is_disputed=case.is_disputed,
        billing_country=case.billed or None,
        has_company_data=case.has_company_data,
        has_other_tax_id=case.has_other_tax_id,
        lasts_for=timedelta(0) if case.product == "pack" else MONTH,
        provider=case.seller,
    )
    decision = rules.decide(context, POLICIES[case.measure])
    recommended = str(decision.recommended) if decision.recommended else None
    return Outcome(str(decision.outcome), decision.money_minor, recommended, decision.ends_subscription)


@pytest.mark.parametrize("group", sorted({case.group for case in GRID}))
def test_the_rules_decide_each_cell_of_the_table_as_the_table_says(group: str) -> None:
    """Equal everywhere."""
    cells = [case for case in GRID if case.group == group]
    assert {case: decided(case) for case in cells if decided(case) != expected(case)} == {}


def test_the_grid_has_every_outcome() -> None:
    """So that equal means something."""
    assert {expected(case)[0] for case in GRID} == {"approve", "decline", "review"}
    assert len({expected(case) for case in GRID}) > 10
    assert len(GRID) > 5000
