"""The withdrawal, decided over the whole grid of the law's table, by the rules and by a second implementation.

The second one reads the rows of the table one after the other, and computes the period with the library of holidays
itself. It shares nothing with the rules but the case.
"""

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import NamedTuple

import holidays
import pytest

from ledger.domain.orders import Consent
from ledger.domain.refund_cases import RefundReason
from ledger.policy import rules
from tools.testing.builders import CONSENT, ORDER, line_usage, refund_context

POLICY = rules.load()
MADE = datetime(2026, 12, 11, 9, 59, tzinfo=UTC)  # fourteen days later it is Christmas
PAID_MINOR, CREDITS = 2000, 1000
LATER = (timedelta(days=1), timedelta(days=7, hours=20), "end", "end + 4 days", "end + 6 days", timedelta(days=370))


class Case(NamedTuple):
    """One cell of the grid."""

    group: str  # a country of it
    product: str
    consent: str  # none: the buyer was not informed; begun: it was never confirmed; complete
    used: int
    asked: object
    is_business: bool
    is_disputed: bool


class Outcome(NamedTuple):
    """What becomes of it."""

    outcome: str
    money_minor: int
    recommended: str | None
    ends: bool  # the subscription


GRID = [
    Case(*cell)
    for cell in itertools.product(
        ("DE", "GB", "FR", "RS", "KR", "BR", "TR", "US", "CH", "AU", "IN", "JP"),
        ("pack", "plan", "renewal"),
        ("none", "begun", "complete"),
        (0, 333, CREDITS),
        LATER,
        (False, True),
        (False, True),
    )
]


def end_of_period(country: str, days: int) -> datetime:
    """Regulation 1182/71, article 3, in the zone where it ends last."""
    free: set[date] = set(holidays.country_holidays(country, years=range(2026, 2030))) if country else set()
    for region in holidays.list_supported_countries().get(country, ()) if country else ():
        free |= set(holidays.country_holidays(country, subdiv=region, years=range(2026, 2030)))
    ends = []
    for hours in range(-12, 15):
        zone = timezone(timedelta(hours=hours))
        last = MADE.astimezone(zone).date() + timedelta(days=days)
        while last.isoweekday() > 5 or last in free:
            last += timedelta(days=1)
        ends.append(datetime.combine(last, time(), zone) + timedelta(days=1))
    return max(ends)


ENDS = {
    (country, days): end_of_period(country if country in {"DE", "GB", "FR", "RS"} else "", days)
    for country in {case.group for case in GRID}
    for days in (7, 14, 380)
}


def days_of(case: Case) -> int:
    """The length of the period."""
    if case.group in {"KR", "BR"}:
        return 7
    return 380 if case.consent == "none" and case.group in {"DE", "GB", "FR", "RS"} else 14


def asked_at(case: Case) -> datetime:
    """When the customer withdraws."""
    end = ENDS[case.group, days_of(case)]
    match case.asked:
        case timedelta():
            return MADE + case.asked
        case "end":
            return end - timedelta.resolution
        case "end + 4 days":
            return end + timedelta(days=4)
    return end + timedelta(days=6)


def expected(case: Case) -> Outcome:
    """The table's rows: 24, then 16 to 22, then 1 to 14."""
    is_plan = case.product != "pack"
    own_policy = Outcome("decline", 0, None, ends=False)
    statutory = case.group in {"DE", "GB", "FR", "RS"}
    end, asked = ENDS[case.group, days_of(case)], asked_at(case)
    in_time, nearly = asked < end, asked < end + timedelta(days=5)
    unused_minor = PAID_MINOR if case.used == 0 else PAID_MINOR * (CREDITS - case.used) // CREDITS
    due_minor = unused_minor if case.consent == "complete" else PAID_MINOR
    no_right = case.group in {"US", "CH", "AU", "IN"}
    if case.product == "renewal":  # row 9; row 8 is a person's, since it reaches all payments of the contract
        may_withdraw = statutory and in_time
        if case.is_disputed:
            return Outcome("review", 0, None, ends=True) if may_withdraw else own_policy
        return Outcome("review", 0, None, ends=False) if may_withdraw else own_policy
    may_withdraw = not no_right and (in_time or (statutory and case.is_business and nearly))
    if case.is_disputed:  # row 24
        return Outcome("review", 0, None, ends=is_plan) if may_withdraw else own_policy
    if no_right or not may_withdraw:  # rows 14 and 21
        return own_policy
    if case.group == "BR":  # row 19
        return Outcome("review", PAID_MINOR, "approve", ends=is_plan)
    if case.group in {"KR", "TR"}:  # rows 18 and 20
        return Outcome("review", unused_minor, "approve" if unused_minor else "decline", ends=is_plan)
    if not statutory:  # row 22
        return Outcome("review", 0, None, ends=False)
    if case.is_business:  # row 17
        return Outcome("review", due_minor, "approve" if due_minor else "decline", ends=is_plan)
    if due_minor == 0:  # rows 3 and 7
        return Outcome("decline", 0, None, ends=is_plan)
    return Outcome("approve", due_minor, None, ends=is_plan)  # rows 1, 2, 4 to 6, 11


def decided(case: Case) -> Outcome:
    """What the rules make of it."""
    consents: dict[str, Consent | None] = {
        "none": None,
        "begun": replace(CONSENT, confirmation_id=None),
        "complete": CONSENT,
    }
    order = replace(
        ORDER, country=case.group, made_at=MADE, is_business=case.is_business, consent=consents[case.consent]
    )
    asked = asked_at(case)
    context = refund_context(
        RefundReason.WITHDRAWAL,
        order=order,
        paid_at=MADE,
        now=asked + timedelta(days=2),
        submitted_at=asked,
        lines=(line_usage(case.used),),
        is_subscription=case.product != "pack",
        is_renewal=case.product == "renewal",
        is_disputed=case.is_disputed,
    )
    decision = rules.decide(context, POLICY)
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
