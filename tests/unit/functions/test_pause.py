"""A table was restored: until it has caught up, no job sends or decides, whatever starts it."""

from dataclasses import replace

import pytest

from ledger.domain.refund_cases import CaseState, RefundReason
from ledger.runtime import Runtime
from ledger.usecases.refund_cases.cases import read_case
from tests.unit.functions.test_jobs import run, services
from tools.testing.builders import (
    ADA,
    IN,
    LATER,
    POLICY,
    RENEWED,
    at,
    paid,
    record_events,
    refund_claim,
    request_refund,
)

__all__ = ["services"]  # the fixture of the jobs


def pause(services: Runtime, *, is_paused: bool) -> None:
    """Deploy the functions with or without the pause."""
    services.config = replace(services.config, is_paused=is_paused)
    services.__dict__.pop("policy", None)


@pytest.mark.parametrize("event", [{}, {"decide_only": True}], ids=["hourly", "every five minutes"])
def test_in_a_pause_no_schedule_decides_a_deferred_case(services: Runtime, event: dict[str, bool]) -> None:
    """It stays in its list, and the first round after the pause decides it."""
    settling = replace(RENEWED, at=at(59))
    record_events(services.store, paid(settling), now=at(59))
    case = request_refund(services.store, refund_claim(RefundReason.CHARGED_TWICE, payment_id=IN), minute=60)
    services.clock = lambda: LATER + 2 * POLICY.duplicate_settling
    pause(services, is_paused=True)
    assert run("follow_cases", event) == {"moved": {}}
    assert read_case(ADA, case.case_id, services.store).state is CaseState.REQUESTED
    pause(services, is_paused=False)
    assert run("follow_cases", event) == {"moved": {case.case_id: CaseState.IN_REVIEW}}
