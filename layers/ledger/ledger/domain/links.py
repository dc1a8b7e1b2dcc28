"""Links: which sales a payment at the provider paid for, and with how much.

An invoice can be paid by several PaymentIntents, and a PaymentIntent can pay several invoices. Each sale has a purchase
of its own. What goes back of a payment that several sales share is split over them by the amounts of the links: each
sale has all links of its money and all facts about it, so each can tell its own part.

    pi_1 ──1500──► in_1        of a refund of 1000, 600 are in_1's
         └─1000──► in_2                         and 400 are in_2's
"""

import itertools
from collections.abc import Collection, Iterator
from dataclasses import replace

from ledger.domain.facts import (
    DisputeChanged,
    Fact,
    Facts,
    FraudWarned,
    HoldLifted,
    MoneyLinked,
    PaymentSettled,
    RefundChanged,
    RefundTotalReported,
    ResolutionReported,
    facts_of,
)
from ledger.domain.ids import PaymentId, approval_tag
from ledger.domain.money import portion, share_of

_Shared = RefundChanged | RefundTotalReported | DisputeChanged | ResolutionReported


def facts_about_money(facts: Facts, money_ids: Collection[PaymentId]) -> Iterator[Fact]:
    """Yield the links of this money, and what one sale knows about it: what a person has lifted of it, too.

    An amount that a person stated is not passed on: it is one sale's own part.
    """
    linked = {link.money_id for link in facts_of(facts, MoneyLinked)}
    about = {key: fact for key, fact in facts.items() if _money_of(fact, linked) in money_ids}
    lifted = (lift for lift in facts_of(facts, HoldLifted) if _is_lift_of(lift, about))
    return itertools.chain(about.values(), lifted)


def _is_lift_of(lift: HoldLifted, about: Collection[str]) -> bool:
    """Return whether a person has lifted what one of these facts, by their keys, placed on the account.

    A dispute `dispute:dp_1` places the hold `dispute:stripe:dp_1` and the flag `inquiry:stripe:dp_1`, among others.
    """
    _, _, source = lift.hold_id.partition(":")
    _, _, provider_id = source.partition(":")
    return any(key.partition(":")[2] == provider_id for key in about if key.startswith(("dispute:", "fraud_warning:")))


def shared_money_of(fact: Fact, facts: Facts) -> PaymentId | None:
    """Return the id of the money that a fact is about, if other sales share it."""
    money_id, links = _money_and_links_of(fact, facts)
    return money_id if len(links) > 1 else None


def own_part(facts: Facts) -> Facts:
    """Return the facts of one sale with its own part of every amount that it shares with other sales.

    A refund with the tag of an approval is for the sale that the approval is about, and for no other. Without a payment
    nothing is split.
    """
    payment = facts.get("payment")
    if not isinstance(payment, PaymentSettled):
        return facts
    return {key: _own(fact, facts, payment.payment_id) for key, fact in facts.items()}


def _own(fact: Fact, facts: Facts, sale_id: PaymentId) -> Fact:
    _, links = _money_and_links_of(fact, facts)
    if len(links) < 2:
        return fact
    match fact:
        case RefundChanged() if fact.tag:
            return fact if f"approved:{approval_tag(fact.tag)}" in facts else replace(fact, amount_minor=0)
        case RefundTotalReported():
            return replace(fact, total_minor=_own_total(fact, facts, links, sale_id))
        case RefundChanged() | DisputeChanged():
            return replace(fact, amount_minor=_part_of(fact.amount_minor, links, sale_id))
    return fact


def _own_total(total: RefundTotalReported, facts: Facts, links: list[MoneyLinked], sale_id: PaymentId) -> int:
    """Return one sale's part of a running total: its own approved refunds, and its part of what no sale approved."""
    refunds = [fact for fact in facts_of(facts, RefundChanged) if _money_of(fact, {links[0].money_id})]
    tagged = [fact for fact in refunds if fact.tag and fact.money_id in {None, links[0].money_id}]
    own_minor = sum(one.amount_minor for one in tagged if f"approved:{approval_tag(one.tag or '')}" in facts)
    shared_minor = max(0, total.total_minor - sum(one.amount_minor for one in tagged))
    return own_minor + _part_of(shared_minor, links, sale_id)


def _money_and_links_of(fact: Fact, facts: Facts) -> tuple[PaymentId | None, list[MoneyLinked]]:
    """Return the money that a fact is about, and its links: one for each sale that it paid for."""
    links = facts_of(facts, MoneyLinked)
    money_id = _money_of(fact, {link.money_id for link in links})
    return money_id, [link for link in links if link.money_id == money_id]


def _money_of(fact: Fact, linked: Collection[PaymentId]) -> PaymentId | None:
    """Return which of the linked payments a fact is about: the only one, else the one that it names.

    None: it is about the sale alone, or nothing tells.
    """
    if isinstance(fact, MoneyLinked):
        return fact.money_id
    if not isinstance(fact, _Shared | FraudWarned):
        return None
    if len(linked) == 1:
        return next(iter(linked))
    return None if isinstance(fact, FraudWarned) else fact.money_id


def _part_of(amount_minor: int, links: list[MoneyLinked], sale_id: PaymentId) -> int:
    """Return one sale's part of an amount. The parts of all sales add up to it."""
    whole_minor = sum(link.amount_minor for link in links)
    if whole_minor <= 0:
        return amount_minor if sale_id == min(link.sale_id for link in links) else 0
    before_minor = sum(link.amount_minor for link in links if link.sale_id < sale_id)
    until_minor = sum(link.amount_minor for link in links if link.sale_id <= sale_id)
    return portion(amount_minor, share_of(until_minor, whole_minor)) - portion(
        amount_minor, share_of(before_minor, whole_minor)
    )
