"""The right of withdrawal, as the law gives it to consumers, once for each contract: see `ledger.policy.law`.

Directive 2011/83/EU, articles 9 to 16; the Consumer Contracts Regulations 2013, regulations 29 to 38.

                        consent complete                         incomplete, or none
    credits unused      everything back                          everything back
    credits used        all but the price of the used ones       everything back
    how long            14 days                                  14 days; where none was recorded, 12 months more
"""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

from ledger.domain.facts import RefundedItem
from ledger.domain.money import portion
from ledger.domain.orders import Order
from ledger.domain.refund_cases import RefundReason
from ledger.domain.texts import Text, text
from ledger.policy import law
from ledger.policy.context import PolicyContext
from ledger.policy.law import Measure, Recommendation, Right, RightKind
from ledger.policy.parameters import PolicyParameters

WITHDRAWAL_REASONS = frozenset({RefundReason.WITHDRAWAL, RefundReason.CHANGED_MY_MIND, RefundReason.MISTAKEN_RENEWAL})
"""Reasons that count as a withdrawal. The law does not ask for particular words."""


def exclusion(context: PolicyContext, policy: PolicyParameters) -> Text | None:
    """Return why there is no right of withdrawal, or none that is certain. None: there is one."""
    if not _is_reached(context, policy):
        if context.is_plan_change:
            return text("decision.no_withdrawal_plan_change")
        return text("decision.no_withdrawal_renewal")
    if context.order is None:
        return text("decision.no_withdrawal_order")
    if context.order.is_business or context.has_company_data:
        return text("decision.no_withdrawal_business")
    if _right(context, policy).kind is not RightKind.STATUTORY:
        return text("decision.no_withdrawal_country", country=context.order.country)
    if context.requested_at >= ends_at(context, policy):
        return text("decision.no_withdrawal_expired", last_day=last_day(context, policy))
    if context.has_other_tax_id:
        return text("decision.no_withdrawal_tax_id")
    return text("decision.no_withdrawal_two_countries") if _do_countries_differ(context, policy) else None


def review_reason(context: PolicyContext, policy: PolicyParameters) -> Text | None:
    """Return why a person must decide about a withdrawal that may have come in time. None: no person is needed.

    The list of countries is ours, not the law's, and who only says that he buys as a business may be a consumer. A
    renewal is reached by the withdrawal from its contract, if it is known which order began that. What was sold beside
    a renewal, without an order, is a contract of its own.
    """
    if context.has_unordered_sale and context.reason is RefundReason.WITHDRAWAL:
        longest = _days(policy.law.longest, policy, is_informed=False)
        if context.requested_at < policy.law.period_end(context.paid_at, longest, None) + law.MOST_FREE_DAYS:
            return text("decision.withdrawal_country_in_review")
    order, end = context.order, ends_at(context, policy)
    is_late, is_too_late = context.requested_at >= end, context.requested_at >= end + law.MOST_FREE_DAYS
    if order is None:
        return text("decision.withdrawal_country_in_review") if context.starts_contract and not is_too_late else None
    right = _right(context, policy)
    if right.kind is RightKind.NONE or is_too_late or context.has_company_data:
        return None
    if not _is_reached(context, policy):
        is_due = right.kind is RightKind.STATUTORY and context.reason is RefundReason.WITHDRAWAL and not is_late
        return text("decision.withdrawal_renewal_in_review") if is_due else None
    if right.kind is RightKind.UNCLEAR:
        return None if is_late else text("decision.withdrawal_law_in_review")
    if order.is_business:
        return text("decision.withdrawal_business_in_review")
    if context.has_other_tax_id:
        return text("decision.withdrawal_tax_id_in_review")
    if _do_countries_differ(context, policy):
        return text("decision.withdrawal_country_in_review")
    is_known = all(policy.law.is_calendar_known(country, end) for country in context.countries)
    return text("decision.withdrawal_holidays_in_review") if is_late and not is_known else None


def recommended_minor(context: PolicyContext, policy: PolicyParameters) -> int | None:
    """Return what to refund of a withdrawal that a person decides about, in minor units. None: nothing is known."""
    if context.order is None or not _is_reached(context, policy):
        return None
    right = _right(context, policy)
    if right.kind is RightKind.STATUTORY:
        return refund_due(context, policy)[0]
    if right.recommends is None:
        return None
    return context.left_minor if right.recommends is Recommendation.EVERYTHING else context.less_used_minor


def ends_contract(context: PolicyContext, policy: PolicyParameters) -> bool:
    """Return whether this is a withdrawal that ends its contract, or that only a person can judge, by its days.

    It reaches all payments of the contract, whatever is refunded of each (Directive 2011/83/EU, articles 12 and 13).
    """
    if context.reason not in WITHDRAWAL_REASONS:
        return False
    if exclusion(context, policy) is None:
        return True
    return review_reason(context, policy) is not None and recommended_minor(context, policy) is not None


def _is_reached(context: PolicyContext, policy: PolicyParameters) -> bool:
    """Return whether the right of a contract reaches this payment.

    A later payment is reached by a withdrawal alone: who wants the money of one renewal back does not withdraw from the
    contract.
    """
    if context.starts_contract or _has_days_of_its_own(context, policy):
        return True
    return context.is_of_known_contract and context.reason is RefundReason.WITHDRAWAL


def _has_days_of_its_own(context: PolicyContext, policy: PolicyParameters) -> bool:
    """Return whether the period begins anew with this charge.

    The first one after a trial, unless its amount and its day were shown at the booking (C-565/22, Sofatutor); and a
    renewal for a long time, where the law says so.
    """
    is_new = context.follows_trial and not _was_shown_at_booking(context)
    return is_new or bool(_renewal_days(context, policy))


def _was_shown_at_booking(context: PolicyContext) -> bool:
    """Return whether the order records this charge as what the buyer was shown: no dearer, and no sooner."""
    order = context.order
    charge = order.shown.first_charge if order and order.shown and order.shown.at <= order.made_at else None
    if order is None or charge is None:
        return False
    amount_minor, day = charge
    is_no_dearer = context.currency == order.currency and context.paid_minor <= amount_minor
    return is_no_dearer and context.paid_at.astimezone(UTC).date() >= day


def _renewal_days(context: PolicyContext, policy: PolicyParameters) -> int:
    """Return for how many days a renewal can be withdrawn from by a law of its own. 0: there is no such law."""
    order = context.order
    if order is None or not context.is_renewal:
        return 0
    rights = [policy.law.renewals[country] for country in context.countries if country in policy.law.renewals]
    begun = [one for one in rights if one.since <= order.made_at.date()]
    return max((one.days for one in begun if context.lasts_for >= one.from_months * _MONTH), default=0)


_MONTH = timedelta(days=30)


def _right(context: PolicyContext, policy: PolicyParameters) -> Right:
    """Return the right on the day of the order: the statutory one, if one of the buyer's countries has it.

    Without an order, the longest one.
    """
    order = context.order
    if order is None:
        return policy.law.longest
    rights = _rights(context, policy)
    return next((right for right in rights if right.kind is RightKind.STATUTORY), rights[0])


def _rights(context: PolicyContext, policy: PolicyParameters) -> list[Right]:
    """Return the rights of the buyer's countries on the day of the order, that of the order's country first."""
    order = context.order
    return [policy.law.right_of(country, order.made_at.date()) for country in context.countries] if order else []


def _do_countries_differ(context: PolicyContext, policy: PolicyParameters) -> bool:
    """Return whether one of the buyer's countries has a statutory right and the other one has not."""
    return len({right.kind is RightKind.STATUTORY for right in _rights(context, policy)}) > 1


def ends_at(context: PolicyContext, policy: PolicyParameters) -> datetime:
    """Return the end of the withdrawal period: the latest one by the holidays of the buyer's countries.

    The contract is concluded by its order, or by its first payment if that is later. Who is informed later has the
    days from then, and no more than without any information (Directive 2011/83/EU, article 10(2)).
    """
    order, right = context.order, _right(context, policy)
    concluded_at = context.paid_at
    if order:
        concluded_at = max(order.made_at, context.paid_at) if context.starts_contract else order.made_at
    informed_at, days = order.informed_at if order else None, _days(right, policy, is_informed=True)
    end = _end(context, concluded_at, _days(right, policy, is_informed=False), policy)
    if informed_at:
        end = min(end, _end(context, max(concluded_at, informed_at), days, policy))
    if _has_days_of_its_own(context, policy):
        end = max(end, _end(context, context.paid_at, _renewal_days(context, policy) or days, policy))
    return end


def may_be_informed(
    order: Order, billing_country: str | None, paid_at: datetime, now: datetime, policy: PolicyParameters
) -> str | None:
    """Return why late information about the right of withdrawal would be wrong, or of no use. None: it is due.

    The mail promises 14 days from its own day. Within 12 months of the contract these are never more than the buyer has
    without it (Directive 2011/83/EU, article 10(2)).
    """
    countries = dict.fromkeys((order.country, billing_country or order.country))
    rights = [policy.law.right_of(country, order.made_at.date()) for country in countries]
    if all(right.kind is not RightKind.STATUTORY for right in rights):
        return f"No law that we know of gives a buyer in {' or '.join(countries)} these days."
    if now >= max(order.made_at, paid_at) + _LATE_INFORMATION_WITHIN:
        return "The contract is older than 12 months: late information changes nothing any more."
    return None


_LATE_INFORMATION_WITHIN = timedelta(days=365)


def _end(context: PolicyContext, since: datetime, days: int, policy: PolicyParameters) -> datetime:
    """Return the latest end of these days by the holidays of the buyer's countries."""
    countries = context.countries or (None,)
    return max(policy.law.period_end(since, days, country) for country in countries)


def _days(right: Right, policy: PolicyParameters, *, is_informed: bool) -> int:
    """Return the length of the period: the law's days, or the seller's if these are more."""
    if right.kind is not RightKind.STATUTORY:
        return right.days
    if is_informed:
        return max(policy.withdrawal_days, right.days)
    return max(policy.withdrawal_days_uninformed, right.days_uninformed)


def lock_days(made_at: datetime, policy: PolicyParameters, *, is_informed: bool) -> int | None:
    """Return how many days the credits of an order are locked without complete consent. None: they are not.

    That is the longest right that any buyer has, with the free days and time zones that may make it longer: whatever
    country or business the buyer names, credits are not used before the right to withdraw from them is over.
    """
    found = policy.law
    if made_at.date() < found.credits_locked_from:
        return None
    return _days(found.longest, policy, is_informed=is_informed) + law.MOST_FREE_DAYS.days + 1


def last_day(context: PolicyContext, policy: PolicyParameters) -> date:
    """Return the last day of the withdrawal period, where that day ends last."""
    return (ends_at(context, policy) - timedelta.resolution).date()


def measure(context: PolicyContext, policy: PolicyParameters) -> Measure:
    """Return how what was provided is measured, of what the customer has to pay for.

    The buyer's countries must agree. Time is the measure of a payment for one period alone: of what else was sold with
    it, and of a period that was over when it was paid, a person decides.
    """
    order = context.order
    if order is None or not context.is_subscription:
        return Measure.CREDITS
    agreed = {policy.law.plan_measure_of(country, order.made_at.date()) for country in context.countries}
    found = agreed.pop() if len(agreed) == 1 else Measure.PERSON
    is_one_period = len(context.lines) == 1 and context.lasts_for > timedelta(0)
    return Measure.PERSON if found is Measure.TIME and not is_one_period else found


def is_measured_by_person(context: PolicyContext, policy: PolicyParameters) -> bool:
    """Return whether a person must decide what was provided, since credits were used that are to be paid for."""
    is_owed = context.is_consent_complete and context.drawn > 0
    return is_owed and measure(context, policy) is Measure.PERSON


def value_due(context: PolicyContext, policy: PolicyParameters) -> int:
    """Return what a withdrawal must return, in minor units, whatever way it was paid. What is owed is rounded down.

    Of what was not used, everything is returned, however much time is over.
    """
    if not context.is_consent_complete or context.drawn == 0:
        return context.value_minor
    if measure(context, policy) is not Measure.TIME:
        return context.less_used_value_minor
    over = min(max(context.requested_at - context.paid_at, timedelta(0)), context.lasts_for)
    share = Fraction(over // timedelta.resolution, context.lasts_for // timedelta.resolution)
    return context.value_minor - portion(context.value_minor - context.excess_minor, share)


def refund_due(context: PolicyContext, policy: PolicyParameters) -> tuple[int, tuple[RefundedItem, ...] | None]:
    """Return what a withdrawal refunds to the card, in minor units, and how much of it belongs to which line.

    No items: the refund is split evenly over all lines. None: a person must split it. With several lines, a refund of
    the unused part names the lines, so that it takes credits only from those with unused ones. That needs lines whose
    amounts sum to the payment, and a payment that was not refunded in part before.
    """
    due_minor = min(value_due(context, policy), context.left_minor)
    if len(context.lines) == 1 or due_minor == context.left_minor:
        return due_minor, ()
    is_exact = context.left_minor == context.paid_minor == sum(line.amount_minor for line in context.lines)
    if not is_exact or context.overcharge_minor or any(line.amount_minor < 0 for line in context.lines):
        return due_minor, None
    items = tuple(
        RefundedItem(line_id=line.line_id, amount_minor=amount_minor)
        for line in context.lines
        if line.unused
        and (amount_minor := line.amount_minor - portion(line.amount_minor, 1 - Fraction(line.unused, line.granted)))
    )
    return sum(item.amount_minor for item in items), items
