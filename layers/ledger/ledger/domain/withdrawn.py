"""Withdrawn: refunds that the law demands of credits that were used. Flags tell support, and stop further orders.

used_and_withdrawn:<payment>:<order>     credits were used, and their price went back
repeated_withdrawal:<payment>            it was not the first contract of the account: no new order until a person has
                                         looked, and lifted the flag
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from ledger.domain.facts import Facts, HoldLifted, RefundApproved, facts_of
from ledger.domain.ids import OrderId, PaymentId

USED, REPEATED = "used_and_withdrawn:", "repeated_withdrawal:"


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
    """Return whether the law has demanded the price of used credits back before, of another contract."""
    contracts = [flag.rpartition(":")[2] for flag in flags if flag.startswith(USED)]
    return any(contract != order_id or order_id is None for contract in contracts)


def repeated_withdrawals(flags: Iterable[str]) -> tuple[PaymentId, ...]:
    """Return the payments whose repeated withdrawals no person has looked at yet."""
    return tuple(sorted(PaymentId(flag.removeprefix(REPEATED)) for flag in flags if flag.startswith(REPEATED)))
