"""How much of a payment was refunded, or will be, from everything heard and decided about its refunds.

approved ──► sent ──► pending ──► succeeded            an approval is *outstanding* until its refund has succeeded,
    └──► abandoned        └──► canceled, failed        failed or was given up: so long its credits are reserved
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
    """Minor units given back: of named lines, and of the payment as a whole.

    What takes no credits back stands apart: refunds of tax alone, and those that were approved as goodwill.
    """

    unnamed_minor: int = 0
    named_minor: Mapping[str, int] = field(default_factory=dict)
    without_credits_minor: int = 0

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
    """The sum refunded: the larger of what the refunds say one by one, and what the provider's running total says.

    The running total also counts refunds that are under way or came to nothing; those are taken out of it.
    """
    refunds = facts_of(facts, RefundChanged)
    settled = [refund for refund in refunds if refund.state is RefundState.SUCCEEDED]
    unsettled_minor = sum(refund.amount_minor for refund in refunds if refund.state is not RefundState.SUCCEEDED)
    reported_minor = sum(report.total_minor for report in facts_of(facts, RefundTotalReported)) - unsettled_minor
    total_minor = max(sum(refund.amount_minor for refund in settled), reported_minor)

    goodwill = {approval.tag for approval in facts_of(facts, RefundApproved) if not approval.takes_credits}
    kept = [refund for refund in settled if tag_of(refund, facts) in goodwill]
    named, tax_only_minor = _by_line(
        item for refund in settled if refund not in kept for item in refund.items or _items_approved(refund, facts)
    )
    without_credits_minor = tax_only_minor + sum(refund.amount_minor for refund in kept)
    return Refunded(max(0, total_minor - sum(named.values()) - without_credits_minor), named, without_credits_minor)


def outstanding(facts: Facts) -> Refunded:
    """What we approved and what has not come to an end yet."""
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
    """What is on its way back though no outstanding approval says so: somebody refunds at the provider."""
    approved = {approval.tag for approval in facts_of(facts, RefundApproved) if end_of(approval.tag, facts) is None}
    refunds = (refund for refund in facts_of(facts, RefundChanged) if refund.state not in _ENDED)
    return sum(refund.amount_minor for refund in refunds if tag_of(refund, facts) not in approved)


def end_of(tag: str, facts: Facts) -> RefundChanged | RefundAbandoned | None:
    """How an approval ended; None: it is under way.

    A refund that bears its tag counts for more than our having given it up: the provider had it after all. If two
    bear it, the one that moved the money tells.
    """
    refunds = [refund for refund in facts_of(facts, RefundChanged) if tag_of(refund, facts) == tag]
    if refunds:
        ended = [refund for refund in refunds if refund.state in _ENDED]
        return min(ended, key=lambda refund: (refund.state.rank, refund.refund_id), default=None)
    return next((given_up for given_up in facts_of(facts, RefundAbandoned) if given_up.tag == tag), None)


def tag_of(refund: RefundChanged, facts: Facts) -> str | None:
    """The approval that a refund carries out: by its tag, else by the id under which we sent one."""
    if f"approved:{refund.tag}" in facts:
        return refund.tag
    return min((sent.tag for sent in facts_of(facts, RefundSent) if sent.refund_id == refund.refund_id), default=None)


def split_over_lines(amount_minor: int, payment: PaymentSettled, before: Refunded) -> tuple[RefundedItem, ...]:
    """A sum over the lines of a payment, for a provider that refunds by line: in proportion to what is left of each.

    The parts add up to the whole, and no line gives more than is left of it, as long as the sum does not.
    """
    paid_minor = sum(line.amount_minor for line in payment.lines)
    evenly = share_of(before.unnamed_minor + before.without_credits_minor, paid_minor)
    left = [
        max(0, line.amount_minor - before.named_minor.get(line.line_id, 0) - portion(line.amount_minor, evenly))
        for line in payment.lines
    ]
    items, so_far, left_so_far = [], 0, 0
    for line, part in zip(payment.lines, left, strict=True):
        left_so_far += part
        upto = portion(amount_minor, share_of(left_so_far, sum(left)))
        if upto > so_far:
            items.append(RefundedItem(line_id=line.line_id, amount_minor=upto - so_far))
        so_far = upto
    return tuple(items)


def _items_approved(refund: RefundChanged, facts: Facts) -> tuple[RefundedItem, ...]:
    """A provider that knows no lines refunds a sum; which lines it was meant for stands on our approval."""
    approval = facts.get(f"approved:{tag_of(refund, facts)}")
    if not isinstance(approval, RefundApproved) or approval.amount_minor != refund.amount_minor:
        return ()
    return approval.items


def _by_line(items: Iterable[RefundedItem]) -> tuple[dict[str, int], int]:
    """Sums by line, and what was tax alone."""
    named: Counter[str] = Counter()
    tax_only_minor = 0
    for item in items:
        if item.is_tax_only:
            tax_only_minor += item.amount_minor
        else:
            named[item.line_id] += item.amount_minor
    return dict(named), tax_only_minor
