"""What happened, in words: how far our answer to a bank is, and until when it is taken."""

from dataclasses import replace
from datetime import datetime

import pytest

from ledger.domain.facts import DisputeState, EvidenceState
from ledger.domain.purchases import Purchase
from ledger.usecases.chain import purchase_lines
from tools.testing.builders import PI, at, dispute, payment

OPEN = "stripe:pi_1: dispute dp_1 over 20.00 USD is open"
UNTIL = "; the bank takes evidence until 2026-11-01T13:30:00Z"


@pytest.mark.parametrize(
    ("state", "evidence", "due_at", "words"),
    [
        (DisputeState.OPEN, None, None, OPEN),
        (DisputeState.OPEN, None, at(90), OPEN + UNTIL),
        (DisputeState.OPEN, EvidenceState.NONE, None, f"{OPEN}; no evidence was handed in"),
        (DisputeState.OPEN, EvidenceState.NONE, at(90), f"{OPEN}; no evidence was handed in{UNTIL}"),
        (DisputeState.OPEN, EvidenceState.DRAFT, at(90), f"{OPEN}; evidence is saved, and not handed in{UNTIL}"),
        (
            DisputeState.INQUIRY,
            EvidenceState.SUBMITTED,
            at(90),
            f"{OPEN.replace('open', 'inquiry')}; evidence was handed in",
        ),
        (
            DisputeState.UNDER_REVIEW,
            EvidenceState.SUBMITTED,
            at(90),
            f"{OPEN.replace('open', 'under_review')}; evidence was handed in",
        ),
        (
            DisputeState.LOST,
            EvidenceState.NONE,
            at(90),
            f"{OPEN.replace('open', 'lost')}; no evidence was handed in",
        ),
    ],
)
def test_a_dispute_says_what_was_handed_in_and_what_is_due(
    state: DisputeState, evidence: EvidenceState | None, due_at: datetime | None, words: str
) -> None:
    """A deadline is said while an answer is awaited."""
    told = replace(dispute(state), evidence=evidence, evidence_due_at=due_at)
    (line,) = [
        one for one in purchase_lines(Purchase(payment_id=PI).with_facts(payment(), told)) if "dispute" in one.words
    ]
    assert line.words == words
