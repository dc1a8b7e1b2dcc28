"""Withdrawn: credits of a contract that was withdrawn from, and refunds that the law demands of used ones.

While a withdrawal waits for a decision, nothing of its contract is used. An approval reserves what it takes back. If
its refund fails, the withdrawal waits again:

    received ──► waits ──► approved ──► refunded         what is not taken back can be used
                   ▲ │        └── the refund failed, or was not sent ──┐
                   │ └──► declined: the credits can be used            │
                   └───────────────────────────────────────────────────┘

Flags of the account tell support of used credits, and stop further orders:

used_and_withdrawn:<payment>:<order>     credits were used, and their price went back
repeated_withdrawal:<payment>            it was not the first contract of the account: no new order until a person has
                                         looked, and lifted the flag
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from ledger.domain.currencies import whole
from ledger.domain.facts import (
    Facts,
    HoldLifted,
    RefundApproved,
    RefundChanged,
    RefundState,
    WithdrawalChanged,
    facts_of,
)
from ledger.domain.ids import OrderId, PaymentId
from ledger.domain.refunds import end_of

USED, REPEATED = "used_and_withdrawn:", "repeated_withdrawal:"


def is_undecided(facts: Facts) -> bool:
    """Return whether a withdrawal from the contract of a payment waits for a decision."""
    standing = {one.case_id for one in facts_of(facts, WithdrawalChanged) if one.stands}
    if not standing:
        return False
    in_whole = whole(facts)
    approved = {one.case_id for one in facts_of(facts, RefundApproved) if not _has_failed(one, in_whole)}
    return bool(standing - approved)


def _has_failed(approval: RefundApproved, facts: Facts) -> bool:
    """Return whether the refund of an approval failed, or will not be sent."""
    end = end_of(approval.tag, facts)
    return end is not None and not (isinstance(end, RefundChanged) and end.state is RefundState.SUCCEEDED)


def withdrawal_flags(payment_id: PaymentId, order_id: OrderId | None, facts: Facts) -> Mapping[str, datetime | None]:
    """Return since when each flag of a payment is on. None: it must not be on the account."""
    used = [one for one in facts_of(facts, RefundApproved) if one.used_credits]
    if not used:
        return {}
    repeated = min((one.at for one in used if one.is_repeated), default=None)
    lifted = any(lift.hold_id == REPEATED + payment_id for lift in facts_of(facts, HoldLifted))
    return {
        f"{USED}{payment_id}:{order_id or ''}": min(one.at for one in used),
        REPEATED + payment_id: None if lifted else repeated,
    }


def has_used_and_withdrawn(flags: Iterable[str], order_id: OrderId | None) -> bool:
    """Return whether the law has demanded the price of used credits back before, of another contract.

    Without an order the contract is not known: any other counts as another one.
    """
    contracts = [flag.rpartition(":")[2] for flag in flags if flag.startswith(USED)]
    return any(contract != order_id for contract in contracts)


def repeated_withdrawals(flags: Iterable[str]) -> tuple[PaymentId, ...]:
    """Return the payments whose repeated withdrawals no person has looked at yet."""
    return tuple(sorted(PaymentId(flag.removeprefix(REPEATED)) for flag in flags if flag.startswith(REPEATED)))
