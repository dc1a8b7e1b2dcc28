"""Late: what happened after a payment's credits, or the period that they are for, had ended. A flag tells support.

late_payment:<payment>     the period was over when it was paid
late_return:<payment>      credits were taken, frozen or reserved, and came back when they could no longer be used
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from ledger.domain.conclusions import conclusion
from ledger.domain.facts import (
    BalanceCredited,
    ChargebackChanged,
    ChargebackState,
    DisputeChanged,
    DisputeState,
    Facts,
    HoldLifted,
    PaymentSettled,
    RefundAbandoned,
    RefundApproved,
    RefundChanged,
    RefundState,
    facts_of,
)

_NOT_REFUNDED = {RefundState.CANCELED, RefundState.FAILED}
_GIVEN_BACK = {DisputeState.WON, DisputeState.PREVENTED}


def late_flags(
    payment: PaymentSettled, facts: Facts, *, has_value: bool, grants: bool
) -> Mapping[str, datetime | None]:
    """Return since when each flag of a payment is on. None: it must not be on the account.

    `has_value`: some of its money is still ours. `grants`: its credits are its own, no other payment's.
    """
    counts = has_value and grants
    flags: dict[str, datetime | None] = {}
    if payment.period_ends_at:
        flags[f"late_payment:{payment.payment_id}"] = payment.at if counts and payment.is_late else None
    ends_at = min((line.expires_at for line in payment.lines if line.expires_at), default=None)
    if ends_at:
        late = [back_at for gone_at, back_at in _returns(facts) if gone_at < ends_at <= back_at]
        flags[f"late_return:{payment.payment_id}"] = max(late) if counts and late else None
    lifted = {lift.hold_id: lift.at for lift in facts_of(facts, HoldLifted)}
    return {
        flag: None if since and flag in lifted and lifted[flag] >= since else since for flag, since in flags.items()
    }


def _returns(facts: Facts) -> Iterator[tuple[datetime, datetime]]:
    """Yield when credits were taken, frozen or reserved, and when they came back."""
    for refund in facts_of(facts, RefundChanged):
        if refund.state in _NOT_REFUNDED:
            yield refund.created_at, refund.at
    approved = {approval.tag: approval.at for approval in facts_of(facts, RefundApproved)}
    for given_up in facts_of(facts, RefundAbandoned):
        if given_up.tag in approved:
            yield approved[given_up.tag], given_up.at
    for dispute in facts_of(facts, DisputeChanged):
        if conclusion(dispute) in _GIVEN_BACK:
            yield dispute.opened_at, dispute.at
    chargebacks = facts_of(facts, ChargebackChanged)
    for row in chargebacks:
        if row.is_reversal:
            taken = [one.created_at for one in chargebacks if one.kind == row.kind and not one.is_reversal]
            yield min(taken, default=row.created_at), row.created_at
        elif row.state is ChargebackState.REVERSED:
            yield row.created_at, row.at
    credits_ = facts_of(facts, BalanceCredited)
    for credit in credits_:
        if credit.is_reversal:
            given = [one.created_at for one in credits_ if not one.is_reversal]
            yield min(given, default=credit.created_at), credit.created_at
        elif credit.is_reversed:
            yield credit.created_at, credit.at
