"""Refunds: how much of a payment was refunded, or will be, by the facts about its refunds.

approved ──► sent ──► pending ──► succeeded            An approval is *outstanding* until its refund succeeds, fails,
    └──► abandoned        └──► canceled, failed        or is abandoned. Its credits are reserved until then.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ledger.domain.facts import (
    Facts,
    PaymentSettled,
    RefundAbandoned,
    RefundApproved,
    RefundChanged,
    RefundedItem,
    RefundSent,
    RefundState,
    RefundTotalReported,
    facts_of,
)
from ledger.domain.money import portion, share_of

_ENDED = {RefundState.SUCCEEDED, RefundState.CANCELED, RefundState.FAILED}


@dataclass(frozen=True, slots=True)
class Refunded:
    """Minor units that were refunded: of named lines, and of the payment as a whole."""

    unnamed_minor: int = 0  # of the payment as a whole
    named_minor: Mapping[str, int] = field(default_factory=dict)  # by line id
    without_credits_minor: int = 0  # takes no credits back: of tax only, or approved as goodwill

    @property
    def total_minor(self) -> int:
        return self.unnamed_minor + sum(self.named_minor.values()) + self.without_credits_minor

    def __add__(self, other: "Refunded") -> "Refunded":
        return Refunded(
            self.unnamed_minor + other.unnamed_minor,
            dict(Counter(self.named_minor) + Counter(other.named_minor)),
            self.without_credits_minor + other.without_credits_minor,
        )


def refunded(facts: Facts) -> Refunded:
    """Return what was refunded: the sum of all refunds, or the provider's running total if that is larger.

    The running total includes refunds that have not succeeded. They are subtracted from it.
    """
    refunds = facts_of(facts, RefundChanged)
    succeeded = [refund for refund in refunds if refund.state is RefundState.SUCCEEDED]
    not_succeeded_minor = sum(refund.amount_minor for refund in refunds if refund.state is not RefundState.SUCCEEDED)
    reported_minor = sum(report.total_minor for report in facts_of(facts, RefundTotalReported)) - not_succeeded_minor
    total_minor = max(sum(refund.amount_minor for refund in succeeded), reported_minor)

    goodwill = {approval.tag for approval in facts_of(facts, RefundApproved) if not approval.takes_credits}
    with_goodwill = [refund for refund in succeeded if tag_of(refund, facts) in goodwill]
    named, tax_only_minor = _by_line(
        item
        for refund in succeeded
        if refund not in with_goodwill
        for item in refund.items or _items_approved(refund, facts)
    )
    without_credits_minor = tax_only_minor + sum(refund.amount_minor for refund in with_goodwill)
    return Refunded(max(0, total_minor - sum(named.values()) - without_credits_minor), named, without_credits_minor)


def outstanding(facts: Facts) -> Refunded:
    """Return what was approved and has not ended."""
    total = Refunded()
    for approval in facts_of(facts, RefundApproved):
        if end_of(approval.tag, facts) is not None:
            continue
        if not approval.takes_credits:
            total += Refunded(without_credits_minor=approval.amount_minor)
            continue
        named, tax_only_minor = _by_line(approval.items)
        total += Refunded(approval.amount_minor - sum(named.values()) - tax_only_minor, named, tax_only_minor)
    return total


def under_way_minor(facts: Facts) -> int:
    """Return what is being refunded without an outstanding approval: someone refunded it at the provider."""
    approved = {approval.tag for approval in facts_of(facts, RefundApproved) if end_of(approval.tag, facts) is None}
    refunds = (refund for refund in facts_of(facts, RefundChanged) if refund.state not in _ENDED)
    return sum(refund.amount_minor for refund in refunds if tag_of(refund, facts) not in approved)


def end_of(tag: str, facts: Facts) -> RefundChanged | RefundAbandoned | None:
    """Return the fact that ended an approval, or None if it is outstanding.

    A refund with the approval's tag outweighs RefundAbandoned: the provider has it after all. If two refunds have the
    tag, the one that moved the money counts.
    """
    refunds = [refund for refund in facts_of(facts, RefundChanged) if tag_of(refund, facts) == tag]
    if refunds:
        ended = [refund for refund in refunds if refund.state in _ENDED]
        return min(ended, key=lambda refund: (refund.state.rank, refund.refund_id), default=None)
    return next((abandoned for abandoned in facts_of(facts, RefundAbandoned) if abandoned.tag == tag), None)


def tag_of(refund: RefundChanged, facts: Facts) -> str | None:
    """Return the tag of the approval that a refund carries out: its own, or that of the refund sent under its id."""
    if f"approved:{refund.tag}" in facts:
        return refund.tag
    return min((sent.tag for sent in facts_of(facts, RefundSent) if sent.refund_id == refund.refund_id), default=None)


def split_over_lines(amount_minor: int, payment: PaymentSettled, before: Refunded) -> tuple[RefundedItem, ...]:
    """Split a refund over the lines of a payment, for a provider that refunds lines: in proportion to what is left.

    The parts add up to `amount_minor`. If no more than what is left is split, no line's part is more than is left of
    it. `before` is what was refunded before.
    """
    paid_minor = sum(line.amount_minor for line in payment.lines)
    evenly = share_of(before.unnamed_minor + before.without_credits_minor, paid_minor)
    left = [
        max(0, line.amount_minor - before.named_minor.get(line.line_id, 0) - portion(line.amount_minor, evenly))
        for line in payment.lines
    ]
    items, split_minor, left_minor = [], 0, 0
    for line, part in zip(payment.lines, left, strict=True):
        left_minor += part
        split_to_minor = portion(amount_minor, share_of(left_minor, sum(left)))
        if split_to_minor > split_minor:
            items.append(RefundedItem(line_id=line.line_id, amount_minor=split_to_minor - split_minor))
        split_minor = split_to_minor
    return tuple(items)


def _items_approved(refund: RefundChanged, facts: Facts) -> tuple[RefundedItem, ...]:
    """Return the approval's items for a refund without items: some providers refund a sum and know no lines."""
    approval = facts.get(f"approved:{tag_of(refund, facts)}")
    if not isinstance(approval, RefundApproved) or approval.amount_minor != refund.amount_minor:
        return ()
    return approval.items


def _by_line(items: Iterable[RefundedItem]) -> tuple[dict[str, int], int]:
    """Return the sums by line, and the sum of the items that are tax only."""
    named: Counter[str] = Counter()
    tax_only_minor = 0
    for item in items:
        if item.is_tax_only:
            tax_only_minor += item.amount_minor
        else:
            named[item.line_id] += item.amount_minor
    return dict(named), tax_only_minor
