"""Disputes as who answers the bank sees them: what is open, what awaits evidence, and what comes first."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ledger.domain.disputes import reported_disputes
from ledger.domain.facts import (
    ChargebackChanged,
    ChargebackState,
    DisputeChanged,
    DisputeReason,
    DisputeState,
    EvidenceState,
    Fact,
    HoldLifted,
    ResolutionReported,
    merge,
)
from tools.testing.builders import PI, at, dispute


def chargeback(state: ChargebackState = ChargebackState.TAKEN, *, reversal: bool = False, name: str = "adj_1") -> Fact:
    """A row of a merchant of record."""
    return ChargebackChanged(
        adjustment_id=name,
        kind="chargeback",
        is_reversal=reversal,
        state=state,
        amount_minor=2000,
        currency="USD",
        created_at=at(20),
        at=at(20),
        cause="paddle:evt",
    )


def due(dispute_id: str, due_at: datetime | None, evidence: EvidenceState | None = None) -> DisputeChanged:
    """A dispute with a deadline."""
    return replace(dispute(dispute_id=dispute_id), evidence_due_at=due_at, evidence=evidence)


def shown(*facts: Fact) -> list[tuple[str, bool, bool]]:
    """Each dispute: whether it is open, and whether it awaits evidence."""
    return [(one.dispute_id, one.is_open, one.awaits_evidence) for one in reported_disputes(merge({}, facts), PI)]


@pytest.mark.parametrize(
    ("state", "evidence", "is_open", "awaits_evidence"),
    [
        (DisputeState.INQUIRY, None, True, True),
        (DisputeState.INQUIRY, EvidenceState.DRAFT, True, True),
        (DisputeState.INQUIRY, EvidenceState.SUBMITTED, True, False),
        (DisputeState.INQUIRY_CLOSED, EvidenceState.NONE, False, False),
        (DisputeState.OPEN, None, True, True),
        (DisputeState.OPEN, EvidenceState.NONE, True, True),
        (DisputeState.OPEN, EvidenceState.SUBMITTED, True, False),
        (DisputeState.UNDER_REVIEW, None, True, False),
        (DisputeState.UNDER_REVIEW, EvidenceState.NONE, True, False),
        (DisputeState.APPEALED, EvidenceState.NONE, True, True),
        (DisputeState.APPEALED, EvidenceState.SUBMITTED, True, False),
        (DisputeState.LOST, EvidenceState.NONE, False, False),
        (DisputeState.WON, EvidenceState.SUBMITTED, False, False),
        (DisputeState.PREVENTED, None, False, False),
    ],
)
def test_what_is_open_and_what_awaits_evidence(
    state: DisputeState, evidence: EvidenceState | None, is_open: bool, awaits_evidence: bool
) -> None:
    """An inquiry awaits an answer too; one that was stored before answers were known does by its state."""
    assert shown(replace(dispute(state), evidence=evidence)) == [("dp_1", is_open, awaits_evidence)]


def test_money_outweighs_the_word() -> None:
    """Lost, and the money is back: won. An inquiry whose money is gone is a dispute, and awaits an answer."""
    back = replace(dispute(DisputeState.LOST), taken_minor=2000, returned_minor=2000)
    gone = replace(dispute(DisputeState.INQUIRY), taken_minor=2000)
    (won,) = reported_disputes(merge({}, [back]), PI)
    (opened,) = reported_disputes(merge({}, [gone]), PI)
    assert (won.state, opened.state, opened.awaits_evidence) == (DisputeState.WON, DisputeState.OPEN, True)


def test_the_first_deadline_comes_first_then_what_the_bank_decides_then_what_is_over() -> None:
    """One without a deadline comes after those that have one."""
    lost = dispute(DisputeState.LOST, dispute_id="dp_lost")
    answered = due("dp_answered", at(30), EvidenceState.SUBMITTED)
    told = [lost, answered, due("dp_a", None), due("dp_b", at(90)), due("dp_c", at(60))]
    assert [name for name, _, _ in shown(*told)] == ["dp_c", "dp_b", "dp_a", "dp_answered", "dp_lost"]


@pytest.mark.parametrize(
    ("evidence", "left", "is_soon"),
    [
        (EvidenceState.NONE, timedelta(days=3), True),
        (EvidenceState.NONE, timedelta(days=3, seconds=1), False),
        (EvidenceState.DRAFT, timedelta(0), True),
        (EvidenceState.NONE, timedelta(days=-1), True),
        (EvidenceState.SUBMITTED, timedelta(days=1), False),
        (None, timedelta(days=1), True),
    ],
)
def test_a_deadline_within_three_days_is_soon(evidence: EvidenceState | None, left: timedelta, is_soon: bool) -> None:
    """Unless evidence was handed in."""
    (one,) = reported_disputes(merge({}, [due("dp_1", at(60) + left, evidence)]), PI)
    assert one.is_due_soon(at(60)) is is_soon


def test_a_dispute_is_shown_as_the_provider_reports_it() -> None:
    """Its amount, its reason, and what was handed in."""
    reported = replace(due("dp_1", at(60), EvidenceState.DRAFT), reason=DisputeReason.DUPLICATE)
    (one,) = reported_disputes(merge({}, [reported]), PI)
    assert (one.dispute_id, one.state, one.amount_minor, one.currency) == (
        *(reported.dispute_id, reported.state, reported.amount_minor),
        reported.currency,
    )
    assert (one.opened_at, one.reason, one.evidence, one.evidence_due_at) == (
        *(reported.opened_at, DisputeReason.DUPLICATE, EvidenceState.DRAFT),
        at(60),
    )


def test_a_deadline_that_is_not_known_is_not_soon() -> None:
    """Nor one of a dispute that is decided."""
    (unknown,) = reported_disputes(merge({}, [due("dp_1", None)]), PI)
    (lost,) = reported_disputes(merge({}, [replace(due("dp_1", at(60)), state=DisputeState.LOST)]), PI)
    assert (unknown.is_due_soon(at(60)), lost.is_due_soon(at(60))) == (False, False)


def test_a_chargeback_is_open_until_it_is_reversed_resolved_or_lifted_by_a_person() -> None:
    """It awaits nothing of us: the merchant of record answers. A rejected row took nothing."""
    lifted = HoldLifted(hold_id=f"dispute:{PI}:chargeback", actor="sam", at=at(20), cause="act:1")
    resolved = ResolutionReported(subject="chargeback:adj_1", at=at(30), cause="c")
    assert shown(chargeback()) == [("adj_1", True, False)]
    assert shown(chargeback(ChargebackState.REVERSED)) == [("adj_1", False, False)]
    assert shown(chargeback(), chargeback(reversal=True, name="adj_2")) == [("adj_1", False, False)]
    assert shown(chargeback(), resolved) == [("adj_1", False, False)]
    assert shown(chargeback(), lifted) == [("adj_1", False, False)]
    assert shown(chargeback(), replace(lifted, at=at(19))) == [("adj_1", True, False)]
    assert shown(chargeback(ChargebackState.REJECTED)) == []
