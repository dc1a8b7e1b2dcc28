"""How much of a payment was refunded, from everything heard about its refunds."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.facts import Facts, RefundChanged, RefundState, RefundTotalReported, facts_of


@dataclass(frozen=True, slots=True)
class Refunded:
    """Minor units given back: of named lines, and of the payment as a whole. Refunds of tax alone are left out."""

    unnamed_minor: int = 0
    named_minor: Mapping[str, int] = field(default_factory=dict)


def refunded(facts: Facts) -> Refunded:
    """The sum refunded: the larger of what the refunds say one by one, and what the provider's running total says.

    The running total also counts refunds that are under way or came to nothing; those are taken out of it.
    """
    refunds = facts_of(facts, RefundChanged)
    settled = [refund for refund in refunds if refund.state is RefundState.SUCCEEDED]
    unsettled_minor = sum(refund.amount_minor for refund in refunds if refund.state is not RefundState.SUCCEEDED)
    reported_minor = sum(report.total_minor for report in facts_of(facts, RefundTotalReported)) - unsettled_minor
    total_minor = max(sum(refund.amount_minor for refund in settled), reported_minor)

    named: Counter[str] = Counter()
    tax_only_minor = 0
    for item in (item for refund in settled for item in refund.items):
        if item.is_tax_only:
            tax_only_minor += item.amount_minor
        else:
            named[item.line_id] += item.amount_minor
    return Refunded(max(0, total_minor - named.total() - tax_only_minor), dict(named))
