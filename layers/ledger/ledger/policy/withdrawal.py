"""The right of withdrawal, as the law of the EU, the EEA and the UK gives it to consumers, once for each contract.

Directive 2011/83/EU, articles 9 to 16; the Consumer Contracts Regulations 2013, regulations 29 to 38.

                        consent complete                         incomplete, or none
    credits unused      everything back                          everything back
    credits used        the price of the unused ones             everything back
    how long            14 days                                  14 days; where none was recorded, 12 months more
"""

from datetime import date, datetime, time, timedelta, timezone
from fractions import Fraction

from ledger.domain.facts import RefundedItem
from ledger.domain.money import portion
from ledger.domain.refund_cases import RefundReason
from ledger.domain.texts import Text, text
from ledger.policy.context import PolicyContext
from ledger.policy.parameters import PolicyParameters

WITHDRAWAL_REASONS = frozenset({RefundReason.WITHDRAWAL, RefundReason.CHANGED_MY_MIND, RefundReason.MISTAKEN_RENEWAL})
"""Reasons that count as a withdrawal. The law does not ask for particular words."""
SATURDAY = 5  # as Python counts the days of a week


def exclusion(context: PolicyContext, policy: PolicyParameters) -> Text | None:
    """Return why there is no right of withdrawal, or none that is certain. None: there is one."""
    if context.is_renewal:
        return text("decision.no_withdrawal_renewal")
    if context.is_plan_change:
        return text("decision.no_withdrawal_plan_change")
    if context.order is None:
        return text("decision.no_withdrawal_order")
    if context.order.is_business:
        return text("decision.no_withdrawal_business")
    if context.order.country not in policy.withdrawal_countries:
        return text("decision.no_withdrawal_country", country=context.order.country)
    if context.requested_at >= ends_at(context, policy):
        return text("decision.no_withdrawal_expired", last_day=last_day(context, policy))
    return None


def review_reason(context: PolicyContext, policy: PolicyParameters) -> Text | None:
    """Return why a person must decide about a withdrawal that came in time. None: no person is needed.

    The list of countries is ours, not the law's. A withdrawal returns all payments of its contract, which matters for
    a renewal only while the period of the contract itself still runs. What was sold beside a renewal, without an order,
    is a contract of its own.
    """
    if context.has_unordered_sale and context.reason is RefundReason.WITHDRAWAL:
        sold_until = period_end(context.paid_at, policy.withdrawal_days_uninformed)
        if context.requested_at < sold_until:
            return text("decision.withdrawal_country_in_review")
    if context.requested_at >= ends_at(context, policy):
        return None
    if context.order is None:
        return text("decision.withdrawal_country_in_review") if context.starts_contract else None
    if context.order.is_business or context.reason is not RefundReason.WITHDRAWAL:
        return None
    if context.order.country not in policy.withdrawal_countries:
        return text("decision.withdrawal_law_in_review")
    return None if context.starts_contract else text("decision.withdrawal_renewal_in_review")


def ends_at(context: PolicyContext, policy: PolicyParameters) -> datetime:
    """Return the end of the withdrawal period.

    The contract is concluded by its order, or by its first payment if that is later.
    """
    is_informed = context.order is not None and context.order.consent is not None
    concluded_at = context.paid_at
    if context.order:
        made_at = context.order.made_at
        concluded_at = max(made_at, context.paid_at) if context.starts_contract else made_at
    return period_end(concluded_at, policy.withdrawal_days if is_informed else policy.withdrawal_days_uninformed)


def last_day(context: PolicyContext, policy: PolicyParameters) -> date:
    """Return the last day of the withdrawal period, where that day ends last."""
    return (ends_at(context, policy) - timedelta.resolution).date()


def period_end(since: datetime, days: int) -> datetime:
    """Return the instant at which a period of this many days is over, wherever the customer lives.

    The day on which it starts does not count. The last day counts to its end; on a Saturday or Sunday it moves to the
    Monday (Regulation 1182/71, article 3; CCR 2013, regulation 30). The result is the latest end of all time zones.
    Public holidays are not known here.

        day 0      day 1 …                       day 14         end of day 14
        contract ──┬─────────────────────────────────────────────►│  on a weekend: the end of Monday
    """
    return max(_end_in(timezone(timedelta(hours=hours)), since, days) for hours in range(-12, 15))


def _end_in(zone: timezone, since: datetime, days: int) -> datetime:
    last = since.astimezone(zone) + timedelta(days=days)
    if last.weekday() >= SATURDAY:
        last += timedelta(days=7 - last.weekday())
    return datetime.combine(last + timedelta(days=1), time(), zone)


def value_due(context: PolicyContext) -> int:
    """Return what a withdrawal must return, in minor units, whatever way it was paid."""
    return context.unused_value_minor if context.is_consent_complete else context.value_minor


def refund_due(context: PolicyContext) -> tuple[int, tuple[RefundedItem, ...] | None]:
    """Return what a withdrawal refunds to the card, in minor units, and how much of it belongs to which line.

    No items: the refund is split evenly over all lines. None: a person must split it. With several lines, a refund of
    the unused part names the lines, so that it takes credits only from those with unused ones. That needs lines whose
    amounts sum to the payment, and a payment that was not refunded in part before.
    """
    if not context.is_consent_complete:
        return context.left_minor, ()
    if len(context.lines) == 1 or context.unused_minor == context.left_minor:
        return context.unused_minor, ()
    is_exact = context.left_minor == context.paid_minor == sum(line.amount_minor for line in context.lines)
    if not is_exact or context.overcharge_minor or any(line.amount_minor < 0 for line in context.lines):
        return context.unused_minor, None
    items = tuple(
        RefundedItem(line_id=line.line_id, amount_minor=amount_minor)
        for line in context.lines
        if line.unused and (amount_minor := portion(line.amount_minor, Fraction(line.unused, line.granted)))
    )
    return sum(item.amount_minor for item in items), items
