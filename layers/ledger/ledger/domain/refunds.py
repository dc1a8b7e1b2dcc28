"""Refunds: which money of a payment went back, or will, by the facts about its refunds.

approved ──► sent ──► pending ──► succeeded            An approval is *outstanding* until its refund succeeds, fails,
    └──► abandoned        └──► canceled, failed        or is abandoned. Its credits are reserved until then.

An approval of money that was paid in several payments is carried out by several refunds, its *parts*: `case_1-1/1`,
`case_1-1/2`, … It succeeds when they have returned all of its amount. Otherwise it ends with the last of them.

Someone else may refund at the provider: the credits of such a refund are reserved too, until it has ended.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import datetime

from ledger.domain.currencies import comparable, incomparable, whole
from ledger.domain.facts import (
    BalanceCredited,
    Fact,
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
from ledger.domain.ids import approval_tag, part_number
from ledger.domain.money import portion, share_of
from ledger.domain.records import record

_ENDED = {RefundState.SUCCEEDED, RefundState.CANCELED, RefundState.FAILED}


@record(frozen=True, kw_only=True)
class Returned:
    """An amount of a payment that went back, or will: to the buyer, or to the buyer's balance."""

    amount_minor: int
    created_at: datetime
    id: str
    items: tuple[RefundedItem, ...] = ()  # the parts that are for one line each; the rest is for all lines
    takes_credits: bool = True  # False: the customer keeps the credits, out of goodwill
    is_to_balance: bool = False  # to the buyer's balance, or elsewhere: the card got nothing


def returned(facts: Facts) -> list[Returned]:
    """Return what went back, in the order of creation, in the payment's currency.

    That is: refunds that succeeded, whether they were reported one by one or by a running total alone, and credits to
    the buyer's balance.
    """
    return returned_of(comparable(facts))


def returned_of(facts: Facts) -> list[Returned]:
    """Return what went back by facts that are comparable already: see `ledger.domain.currencies`."""
    succeeded = [
        _of_refund(refund, facts)
        for refund in facts_of(facts, RefundChanged)
        if refund.state is RefundState.SUCCEEDED and refund.amount_minor
    ]
    return sorted([*succeeded, *_credited(facts)], key=lambda one: (one.created_at, one.id))


def outstanding(facts: Facts) -> list[Returned]:
    """Return what is going back and has not ended, in the order of creation, whoever began it.

    What became of an approval is told by whole refunds, also if other sales of its money had to give a part of them.
    """
    in_whole, facts = whole(facts), comparable(facts)
    approvals = [one for one in facts_of(facts, RefundApproved) if end_of(one.tag, in_whole) is None]
    ours = [_of_approval(approval, in_whole) for approval in approvals]
    others = [_of_refund(refund, facts) for refund in _begun_elsewhere(facts, {one.tag for one in approvals})]
    return sorted([*ours, *others], key=lambda one: (one.created_at, one.id))


def is_returned_by_law(facts: Facts, line_id: str) -> bool:
    """Return whether a refund of a line that the law demands has succeeded: then its used credits are not owed.

    An approval that names no line is of all of them.
    """
    approved = {
        one.tag
        for one in facts_of(facts, RefundApproved)
        if one.is_by_law and (not one.items or line_id in {item.line_id for item in one.items if item.amount_minor})
    }
    succeeded = (one for one in facts_of(facts, RefundChanged) if one.state is RefundState.SUCCEEDED)
    return any(tag_of(refund, facts) in approved for refund in succeeded) if approved else False


def succeeded_refunds(facts: Facts) -> frozenset[str]:
    """Return the ids of the refunds that succeeded, and have not failed since: each has its credit note."""
    refunds = facts_of(facts, RefundChanged)
    return frozenset(one.refund_id for one in refunds if one.amount_minor and one.state is RefundState.SUCCEEDED)


def returned_minor(facts: Facts) -> int:
    """Return the sum of what went back, in minor units of the payment's currency."""
    return sum(one.amount_minor for one in returned(facts))


def outstanding_minor(facts: Facts) -> int:
    """Return the sum of what is going back and has not ended, in minor units of the payment's currency."""
    return sum(one.amount_minor for one in outstanding(facts))


def unknown_refunds(facts: Facts) -> list[Fact]:
    """Return the refunds and credits, finished or not, whose amount is not known in the payment's currency.

    A running total counts among them as far as no refund that was reported explains it, and a credit unless it was
    reversed.
    """
    unknown = incomparable(facts)
    refunds = [one for one in unknown if isinstance(one, RefundChanged)]
    return [
        *(one for one in refunds if one.state not in {RefundState.CANCELED, RefundState.FAILED}),
        *(one for one in unknown if isinstance(one, RefundTotalReported) and not _is_explained(one, facts)),
        *_unknown_credits([one for one in unknown if isinstance(one, BalanceCredited)]),
    ]


def _is_explained(total: RefundTotalReported, facts: Facts) -> bool:
    """Return whether the refunds of a charge that were reported one by one make up its running total."""
    refunds = [one for one in facts_of(facts, RefundChanged) if one.charge_id in {None, total.charge_id}]
    return sum(one.amount_minor for one in refunds if one.currency == total.currency) >= total.total_minor


def _unknown_credits(credits_: list[BalanceCredited]) -> list[BalanceCredited]:
    """Return the credits in other currencies that stand. A reversal is reported twice: see `_credited`."""
    standing = []
    for currency in dict.fromkeys(one.currency for one in credits_):
        of_one = [one for one in credits_ if one.currency == currency]
        given = [one for one in of_one if not one.is_reversal]
        back_minor = max(
            sum(one.amount_minor for one in of_one if one.is_reversal),
            sum(one.amount_minor for one in given if one.is_reversed),
        )
        if sum(one.amount_minor for one in given) > back_minor:
            standing += [one for one in given if not one.is_reversed]
    return standing


def end_of(tag: str, facts: Facts) -> RefundChanged | RefundAbandoned | None:
    """Return the fact that ended an approval, or None if it is outstanding.

    A refund with the approval's tag outweighs RefundAbandoned: the provider has it after all. If two refunds have the
    tag, the one that moved the money counts. Of parts, all must have succeeded; then the latest counts.
    """
    refunds = refunds_of(tag, facts)
    if any(part_number(carried_tag(refund, facts)) for refund in refunds):
        return _end_of_parts(tag, refunds, facts)
    if refunds:
        ended = [refund for refund in refunds if refund.state in _ENDED]
        return min(ended, key=lambda refund: (refund.state.rank, refund.refund_id), default=None)
    return _abandoned(tag, facts)


def _end_of_parts(tag: str, refunds: list[RefundChanged], facts: Facts) -> RefundChanged | RefundAbandoned | None:
    """Return what ended an approval of which these parts are known. None: a part is under way, or yet to be sent."""
    if is_returned_whole(tag, facts):
        succeeded = [refund for refund in refunds if refund.state is RefundState.SUCCEEDED]
        return max(succeeded, key=lambda refund: (refund.at, refund.refund_id))
    if abandoned := _abandoned(tag, facts):
        return abandoned
    if any(refund.state not in _ENDED for refund in refunds):
        return None
    failed = [refund for refund in refunds if refund.state is not RefundState.SUCCEEDED]
    return max(failed, key=lambda refund: (refund.at, refund.refund_id), default=None)


def _abandoned(tag: str, facts: Facts) -> RefundAbandoned | None:
    return next((abandoned for abandoned in facts_of(facts, RefundAbandoned) if abandoned.tag == tag), None)


def refunds_of(tag: str, facts: Facts) -> list[RefundChanged]:
    """Return the refunds that the provider has reported for an approval: one, or its parts."""
    return [refund for refund in facts_of(facts, RefundChanged) if tag_of(refund, facts) == tag]


def is_sent_whole(tag: str, facts: Facts) -> bool:
    """Return whether the provider has reported all of an approval's refunds, whatever has become of them."""
    refunds, approval = refunds_of(tag, facts), facts.get(f"approved:{tag}")
    if not isinstance(approval, RefundApproved):
        return False
    is_sent_in_one = any(not part_number(carried_tag(refund, facts)) for refund in refunds)
    return is_sent_in_one or sum(refund.amount_minor for refund in refunds) >= approval.amount_minor


def is_returned_whole(tag: str, facts: Facts) -> bool:
    """Return whether the parts of an approval that succeeded make up its amount."""
    approval = facts.get(f"approved:{tag}")
    return isinstance(approval, RefundApproved) and _succeeded_minor(tag, facts) >= approval.amount_minor


def _succeeded_minor(tag: str, facts: Facts) -> int:
    succeeded = [refund for refund in refunds_of(tag, facts) if refund.state is RefundState.SUCCEEDED]
    return sum(refund.amount_minor for refund in succeeded)


def tag_of(refund: RefundChanged, facts: Facts) -> str | None:
    """Return the tag of the approval that a refund carries out, alone or as a part. None: someone else refunded."""
    carried = carried_tag(refund, facts)
    return approval_tag(carried) if carried else None


def carried_tag(refund: RefundChanged, facts: Facts) -> str | None:
    """Return the tag that a refund carries: its own, or the one under which the refund of its id was sent."""
    if refund.tag and f"approved:{approval_tag(refund.tag)}" in facts:
        return refund.tag
    return min((sent.tag for sent in facts_of(facts, RefundSent) if sent.refund_id == refund.refund_id), default=None)


def split_over_lines(amount_minor: int, payment: PaymentSettled, before: list[Returned]) -> tuple[RefundedItem, ...]:
    """Split a refund over the lines of a payment, for a provider that refunds lines.

    Lines that are an overcharge give first, and the others in proportion to what is left. The parts add up to
    `amount_minor`. If no more than what is left is split, no line's part is more than is left of it. `before` is what
    was refunded before.
    """
    named: Counter[str] = Counter()
    for item in (item for one in before for item in one.items if not item.is_tax_only):
        named[item.line_id] += item.amount_minor
    unnamed_minor = max(0, sum(one.amount_minor for one in before) - named.total())
    items = []
    for over in (line for line in payment.ungranted or () if line.is_overcharge):
        not_named_minor = max(0, over.amount_minor - named[over.line_id])
        gone_minor = min(not_named_minor, unnamed_minor)
        unnamed_minor -= gone_minor
        if part_minor := min(not_named_minor - gone_minor, amount_minor):
            items.append(RefundedItem(line_id=over.line_id, amount_minor=part_minor))
            amount_minor -= part_minor
    lines = payment.lines_with_price
    evenly = share_of(unnamed_minor, sum(line.amount_minor for line in lines))
    left = [max(0, line.amount_minor - named[line.line_id] - portion(line.amount_minor, evenly)) for line in lines]
    split_minor, left_minor = 0, 0
    for line, part in zip(lines, left, strict=True):
        left_minor += part
        split_to_minor = portion(amount_minor, share_of(left_minor, sum(left)))
        if split_to_minor > split_minor:
            items.append(RefundedItem(line_id=line.line_id, amount_minor=split_to_minor - split_minor))
        split_minor = split_to_minor
    return tuple(items)


def share_of_items(items: tuple[RefundedItem, ...], part_minor: int, whole_minor: int) -> tuple[RefundedItem, ...]:
    """Return a refund's items for a part of its amount, in proportion. They add up to the part if all are given."""
    shares, up_to_minor, before_minor = [], 0, 0
    for item in items:
        up_to_minor += item.amount_minor
        share_minor = portion(up_to_minor, share_of(part_minor, whole_minor)) - before_minor
        if share_minor > 0:
            shares.append(replace(item, amount_minor=share_minor))
        before_minor += share_minor
    return tuple(shares)


def split_over_sources(amount_minor: int, left_minor: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Split a refund over the payments that paid, by what each has left. Return a part for each that gives one.

    A payment that has enough left gives all of it. Otherwise the one with the most left gives first. If all of them
    together have too little left, the parts add up to less than `amount_minor`.
    """
    by_most = sorted(left_minor, key=lambda one: (-one[1], one[0]))
    enough = [one for one in by_most if one[1] >= amount_minor]
    shares: list[tuple[str, int]] = []
    for source, minor in enough[-1:] or by_most:
        share_minor = min(minor, amount_minor - sum(given for _, given in shares))
        if share_minor > 0:
            shares.append((source, share_minor))
    return shares


def _of_approval(approval: RefundApproved, facts: Facts) -> Returned:
    """Return what is still to go back of an approval that has not ended: without its parts that succeeded."""
    left_minor = approval.amount_minor - _succeeded_minor(approval.tag, facts)
    return Returned(
        amount_minor=left_minor,
        created_at=approval.at,
        id=approval.tag,
        items=share_of_items(approval.items, left_minor, approval.amount_minor),
        takes_credits=approval.takes_credits,
    )


def _of_refund(refund: RefundChanged, facts: Facts) -> Returned:
    """Return a refund as what it returns. A provider that knows no lines refunds a sum: then the approval's items."""
    approval = facts.get(f"approved:{tag_of(refund, facts)}")
    items, takes_credits = refund.items, True
    if isinstance(approval, RefundApproved):
        takes_credits = approval.takes_credits
        is_part = part_number(carried_tag(refund, facts)) > 0
        if not items and (is_part or approval.amount_minor == refund.amount_minor):
            items = share_of_items(approval.items, refund.amount_minor, approval.amount_minor)
    return Returned(
        amount_minor=refund.amount_minor,
        created_at=refund.created_at,
        id=refund.refund_id,
        items=items,
        takes_credits=takes_credits,
    )


def _begun_elsewhere(facts: Facts, approved: Collection[str]) -> list[RefundChanged]:
    """Return the refunds that have not ended, and that carry out none of the approvals with these tags."""
    refunds = (refund for refund in facts_of(facts, RefundChanged) if refund.state not in _ENDED)
    return [refund for refund in refunds if refund.amount_minor and tag_of(refund, facts) not in approved]


def _credited(facts: Facts) -> Iterator[Returned]:
    """Yield the credits to the buyer's balance, less what was reversed of them.

    A reversal is reported twice: as a row of its own, which names no credit, and as the state of the credit. So the
    larger of the two sums counts. What only the rows report is subtracted from the latest credits.
    """
    credits_ = sorted(facts_of(facts, BalanceCredited), key=lambda credit: (credit.created_at, credit.credit_id))
    given = [credit for credit in credits_ if not credit.is_reversal]
    reversed_minor = sum(credit.amount_minor for credit in given if credit.is_reversed)
    undone_minor = max(0, sum(credit.amount_minor for credit in credits_ if credit.is_reversal) - reversed_minor)
    for credit in reversed([credit for credit in given if not credit.is_reversed]):
        undone = min(undone_minor, credit.amount_minor)
        undone_minor -= undone
        if credit.amount_minor > undone:
            yield Returned(
                amount_minor=credit.amount_minor - undone,
                created_at=credit.created_at,
                id=credit.credit_id,
                items=() if undone else credit.items,
                is_to_balance=True,
            )
