"""The right of withdrawal, as the law of the EU, the EEA and the UK gives it to consumers, once for each contract.

Directive 2011/83/EU, articles 9 to 16; the Consumer Contracts Regulations 2013, regulations 29 to 38.

                        consent complete                         incomplete, or none
    credits unused      everything back                          everything back
    credits used        the price of the unused ones             everything back
    how long            14 days                                  14 days; where none was recorded, 12 months more
"""

from datetime import datetime, time, timedelta, timezone
from fractions import Fraction

from ledger.domain.facts import RefundedItem
from ledger.domain.money import portion
from ledger.domain.refund_cases import RefundReason
from ledger.policy.context import PolicyContext
from ledger.policy.parameters import PolicyParameters

WITHDRAWAL_REASONS = frozenset({RefundReason.WITHDRAWAL, RefundReason.CHANGED_MY_MIND, RefundReason.MISTAKEN_RENEWAL})
"""Who gives one of these reasons wants out of the contract: the law asks for no particular words."""
SATURDAY = 5  # as Python counts the days of a week


def exclusion(s: PolicyContext, p: PolicyParameters) -> str | None:
    """Why there clearly is no right of withdrawal, or not clearly one. None: there is one."""
    if s.is_renewal:
        return "a renewal starts no new contract"
    if s.order is None:
        return "no order tells the buyer's country"
    if s.order.is_business:
        return "the buyer is a business"
    if s.order.country not in p.withdrawal_countries:
        return f"we know of no such right for purchases from {s.order.country}"
    return None if s.asked < ends_at(s, p) else f"its time ended on {format_day(last_day(s, p))}"


def review_reason(s: PolicyContext, p: PolicyParameters) -> str | None:
    """What only a person can tell about a withdrawal that came in time. None: nothing.

    The list of countries is ours, not the law's; and who withdraws from a contract gets back all its payments, which
    matters for a renewal only where the time runs so long.
    """
    if s.asked >= ends_at(s, p):
        return None
    if s.order is None:
        return None if s.is_renewal else "We look which country's law applies to this purchase."
    if s.order.is_business or s.reason is not RefundReason.WITHDRAWAL:
        return None
    if s.order.country not in p.withdrawal_countries:
        return "We look whether the law of your country gives you this right."
    return "We look whether your withdrawal reaches this renewal, too." if s.is_renewal else None


def ends_at(s: PolicyContext, p: PolicyParameters) -> datetime:
    """When its time is over. A contract is concluded by the order, or by its first payment where that came later."""
    is_informed = s.order is not None and s.order.consent is not None
    concluded_at = s.paid_at
    if s.order:
        concluded_at = s.order.made_at if s.is_renewal else max(s.order.made_at, s.paid_at)
    return period_end(concluded_at, p.withdrawal_days if is_informed else p.withdrawal_days_uninformed)


def last_day(s: PolicyContext, p: PolicyParameters) -> datetime:
    """The last instant at which one can withdraw."""
    return ends_at(s, p) - timedelta.resolution


def period_end(since: datetime, days: int) -> datetime:
    """The instant at which a period of this many days is over, wherever the customer lives.

    The day that it starts on is not counted, the last day counts to its end, and a last day on a Saturday or Sunday
    moves to the Monday (Regulation 1182/71, article 3; CCR 2013, regulation 30). Reckoned in every time zone; the
    latest end holds. Public holidays are not known here.

        day 0      day 1 …                       day 14         end of day 14
        contract ──┬─────────────────────────────────────────────►│  on a weekend: the end of Monday
    """
    return max(_end_in(timezone(timedelta(hours=hours)), since, days) for hours in range(-12, 15))


def _end_in(zone: timezone, since: datetime, days: int) -> datetime:
    last = since.astimezone(zone) + timedelta(days=days)
    if last.weekday() >= SATURDAY:
        last += timedelta(days=7 - last.weekday())
    return datetime.combine(last + timedelta(days=1), time(), zone)


def refund_due(s: PolicyContext) -> tuple[int, tuple[RefundedItem, ...] | None]:
    """What a withdrawal gives back, and how much of which line. No items: evenly of all; None: a person must split it.

    With several lines the refund of the unused part names them, so that it takes its credits from those that were not
    used. That needs lines that sum to what was paid, and a payment of which nothing has gone back yet.
    """
    if not s.is_consent_complete:
        return s.left_minor, ()
    if len(s.lines) == 1 or s.unused_minor == s.left_minor:
        return s.unused_minor, ()
    is_exact = s.left_minor == s.paid_minor == sum(line.amount_minor for line in s.lines)
    if not is_exact or s.overcharge_minor or any(line.amount_minor < 0 for line in s.lines):
        return s.unused_minor, None
    items = tuple(
        RefundedItem(line_id=line.line_id, amount_minor=amount_minor)
        for line in s.lines
        if line.unused and (amount_minor := portion(line.amount_minor, Fraction(line.unused, line.granted)))
    )
    return sum(item.amount_minor for item in items), items


def format_day(at: datetime) -> str:
    """A day for people: `1 November 2026`."""
    return f"{at.day} {at:%B %Y}"
