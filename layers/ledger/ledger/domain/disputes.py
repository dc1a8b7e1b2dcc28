"""Disputes: what the disputes of a payment mean for its credits and its account.

state            lot frozen   account held   credits chargebacks back
inquiry          no           no (flagged)   no
open, appealed   yes          yes            no
lost             no           yes            in proportion to the disputed amount
won, prevented   no           no             no
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ledger.domain.facts import (
    ChargebackChanged,
    ChargebackState,
    DisputeChanged,
    DisputeState,
    Facts,
    FraudWarned,
    HoldLifted,
    facts_of,
)
from ledger.domain.ids import PaymentId, provider_of


@dataclass(frozen=True, slots=True)
class Disputed:
    """The joint effect of all disputes of one payment."""

    lost_minor: int
    is_frozen: bool  # a dispute is open
    holds: Mapping[str, datetime]  # since when, by hold id
    flags: Mapping[str, datetime]  # since when, by flag id
    cleared_holds: frozenset[str]  # holds of this payment that must not be on the account
    cleared_flags: frozenset[str]


def disputed(facts: Facts, payment_id: PaymentId) -> Disputed:
    """Return the joint effect of every dispute, chargeback and fraud warning of one payment."""
    provider = provider_of(payment_id)
    disputes = facts_of(facts, DisputeChanged)
    chargebacks = _by_kind(facts_of(facts, ChargebackChanged))
    lifted = {lift.hold_id: lift.at for lift in facts_of(facts, HoldLifted)}

    holds: dict[str, datetime | None] = {}
    flags: dict[str, datetime | None] = {}
    for dispute in disputes:
        holds[f"dispute:{provider}:{dispute.dispute_id}"] = dispute.opened_at if dispute.state.holds_account else None
        is_inquiry = dispute.state is DisputeState.INQUIRY
        flags[f"inquiry:{provider}:{dispute.dispute_id}"] = dispute.opened_at if is_inquiry else None
    for kind, rows in chargebacks.items():
        holds[f"dispute:{payment_id}:{kind}"] = _open_since(rows)
    for warning in facts_of(facts, FraudWarned):
        flags[f"fraud_warning:{provider}:{warning.warning_id}"] = warning.at if warning.is_actionable else None

    active = {
        hold_id: since
        for hold_id, since in holds.items()
        if since is not None and not (hold_id in lifted and lifted[hold_id] >= since)
    }
    flagged = {flag_id: since for flag_id, since in flags.items() if since is not None}
    return Disputed(
        lost_minor=sum(dispute.amount_minor for dispute in disputes if dispute.state is DisputeState.LOST)
        + sum(_lost_minor(rows) for rows in chargebacks.values()),
        is_frozen=any(dispute.state.is_open for dispute in disputes),
        holds=active,
        flags=flagged,
        cleared_holds=frozenset(holds.keys() - active),
        cleared_flags=frozenset(flags.keys() - flagged),
    )


def _by_kind(rows: Iterable[ChargebackChanged]) -> dict[str, list[ChargebackChanged]]:
    kinds: dict[str, list[ChargebackChanged]] = {}
    for row in rows:
        if row.state is not ChargebackState.REJECTED:
            kinds.setdefault(row.kind, []).append(row)
    return kinds


def _open_since(rows: list[ChargebackChanged]) -> datetime | None:
    """Return when the latest chargeback that was not reversed began, or None if all were reversed.

    A reversal is reported twice: as a row of its own, and as the state of the row that it reverses. So the larger of
    the two numbers counts, not their sum.
    """
    chargebacks = [row for row in rows if not row.is_reversal]
    if len(chargebacks) <= max(sum(row.is_reversal for row in rows), sum(map(_is_reversed, chargebacks))):
        return None
    return max(row.created_at for row in chargebacks if not _is_reversed(row))


def _lost_minor(rows: list[ChargebackChanged]) -> int:
    chargebacks = [row for row in rows if not row.is_reversal]
    reversed_minor = max(
        sum(row.amount_minor for row in rows if row.is_reversal),
        sum(row.amount_minor for row in chargebacks if _is_reversed(row)),
    )
    return max(0, sum(row.amount_minor for row in chargebacks) - reversed_minor)


def _is_reversed(row: ChargebackChanged) -> bool:
    return row.state is ChargebackState.REVERSED
