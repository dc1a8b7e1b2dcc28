"""Parts: a sale's own part of what moved of the money that paid for it.

An invoice can be paid by several PaymentIntents, and a PaymentIntent can pay several invoices. What goes back of a
payment takes from each sale a part of what is left of its money there, and no more than the payment brought:

    pi_1 ──1500──► in_1        of a refund of 1000, 600 are in_1's and 400 are in_2's
         └─1000──► in_2        of the next one, all that is left: 900 and 600, even if it says more

Each sale has all links of its money and all facts about it. So each can tell its own part, and together they are the
whole, whatever was rounded on the way.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import Enum, auto
from typing import TypeAlias

from ledger.domain.conclusions import conclusion, is_gone
from ledger.domain.facts import (
    DisputeChanged,
    Fact,
    Facts,
    PaymentSettled,
    RefundAttempted,
    RefundChanged,
    RefundState,
)
from ledger.domain.ids import PaymentId, approval_tag
from ledger.domain.links import Links
from ledger.domain.money import portion, share_of

_Move: TypeAlias = RefundChanged | DisputeChanged
_Parts: TypeAlias = Mapping[PaymentId, int]
"""The parts of one amount, by sale."""


class _Stage(Enum):
    REFUNDED = auto()
    LOST = auto()
    CONTESTED = auto()
    GOING_BACK = auto()


def own_part(facts: Facts, *, but: Collection[str] = ()) -> Facts:
    """Return the facts of one sale with its own part of every refund and dispute of the payments that paid for it.

    All amounts must be in one currency and final: see `ledger.domain.currencies`. `but` are the keys of facts that are
    the sale's own part already. Without a payment of the sale nothing is split.

    A refund of ours is for the sale that it was approved for. Only what that has not left of this money is the others'.
    """
    payment = facts.get("payment")
    moves = [fact for key, fact in facts.items() if isinstance(fact, _Move) and key not in but]
    if not moves or not isinstance(payment, PaymentSettled):
        return facts
    links = Links(facts)
    own: dict[str, Fact] = {}
    for money_id in links.money_ids:
        of_money = [move for move in moves if links.money_of(move) == money_id]
        sales = {move.key: _sale_of(move, facts, payment.payment_id) for move in of_money}
        paid = links.paid_by(money_id)
        known = [move for move in of_money if sales[move.key] in {None, *paid}]  # else the link of its sale is to come
        split = _split(known, paid, sales)
        for move in of_money:
            parts = split.get(move.key, {})
            own[move.key] = replace(move, amount_minor=parts.get(payment.payment_id, 0))
    return {**facts, **own}


def own_left(facts: Facts) -> Mapping[PaymentId, int]:
    """Return what each payment that paid for a sale has left of it, in minor units: neither gone nor going back.

    `facts` are the sale's own part.
    """
    payment, links = facts.get("payment"), Links(facts)
    if not isinstance(payment, PaymentSettled):
        return {}
    left = {money_id: links.paid_by(money_id).get(payment.payment_id, 0) for money_id in links.money_ids}
    for move in (fact for fact in facts.values() if isinstance(fact, _Move)):
        money_id = links.money_of(move)
        if money_id and _stage_of(move) in {_Stage.REFUNDED, _Stage.LOST, _Stage.GOING_BACK}:
            left[money_id] -= move.amount_minor
    return left


def _split(
    moves: Collection[_Move], paid: Mapping[PaymentId, int], sales: Mapping[str, PaymentId | None]
) -> Mapping[str, _Parts]:
    """Return the parts of all that counts of one payment, which `paid` so much for each sale, by the keys of the facts.

    `sales`: by a refund's key, the only sale that it is for. Of what is not gone, both an open dispute and a refund
    that has not ended may take all.

    ├── refunded ──┼── lost in disputes ──┬── contested ──
                                          └── going back ──
    """
    if not any(paid.values()):  # nobody knows how much it paid: no sale's part is known to be smaller
        paid = dict.fromkeys(paid, sum(move.amount_minor for move in moves))
    stages: dict[_Stage, list[_Move]] = {stage: [] for stage in _Stage}
    for move in sorted(moves, key=_began):
        if stage := _stage_of(move):
            stages[stage].append(move)
    gone = [*stages[_Stage.REFUNDED], *stages[_Stage.LOST]]
    contested = _take([*gone, *stages[_Stage.CONTESTED]], paid, sales)
    return {**contested, **_take([*gone, *stages[_Stage.GOING_BACK]], paid, sales)}


def _take(
    moves: Sequence[_Move], left: Mapping[PaymentId, int], sales: Mapping[str, PaymentId | None]
) -> Mapping[str, _Parts]:
    """Return the parts of these amounts. The first ones count up to what there is; each is split in its own time."""
    left_minor, amounts_minor = sum(left.values()), {}
    for move in moves:
        amounts_minor[move.key] = min(move.amount_minor, left_minor)
        left_minor -= amounts_minor[move.key]
    split: dict[str, _Parts] = {}
    for move in sorted(moves, key=_began):
        split[move.key] = parts = _parts_of(amounts_minor[move.key], left, sales[move.key])
        left = {sale_id: minor - parts[sale_id] for sale_id, minor in left.items()}
    return split


def _stage_of(move: _Move) -> _Stage | None:
    """Return in which way a refund or dispute takes money. None: it takes none."""
    if isinstance(move, DisputeChanged):
        is_open = conclusion(move).is_open
        return _Stage.LOST if is_gone(move) else _Stage.CONTESTED if is_open else None
    if move.state is RefundState.SUCCEEDED:
        return _Stage.REFUNDED
    return None if move.state in {RefundState.CANCELED, RefundState.FAILED} else _Stage.GOING_BACK


def _began(move: _Move) -> tuple[datetime, str]:
    """Return when money began to move, and what breaks a tie."""
    return (move.created_at if isinstance(move, RefundChanged) else move.opened_at, move.key)


def _sale_of(move: _Move, facts: Facts, own_id: PaymentId) -> PaymentId | None:
    """Return the sale that a refund of ours was approved for. None: it is nobody's alone."""
    if not isinstance(move, RefundChanged) or not move.tag:
        return None
    tag = approval_tag(move.tag)
    attempt = facts.get(f"attempted:{tag}")
    if isinstance(attempt, RefundAttempted):
        return attempt.sale_id
    return own_id if f"approved:{tag}" in facts else None


def _parts_of(amount_minor: int, left: Mapping[PaymentId, int], sale_id: PaymentId | None) -> Mapping[PaymentId, int]:
    """Return each sale's part of an amount, by what is `left` of each: all of it, or all that is left.

    `sale_id`: the sale that it is for. The others give only what that has not left.
    """
    if sale_id is not None:
        own_minor = min(amount_minor, left[sale_id])
        others = {**left, sale_id: 0}
        return {**_parts_of(amount_minor - own_minor, others, None), sale_id: own_minor}
    share = share_of(amount_minor, sum(left.values()))
    parts, up_to_minor, before_minor = {}, 0, 0
    for name in sorted(left):
        up_to_minor += left[name]
        parts[name] = portion(up_to_minor, share) - before_minor
        before_minor += parts[name]
    return parts
