"""How a domain event is written as JSON, and read back."""

from datetime import timedelta

import pytest

from ledger.domain.domain_events import SOURCE, DomainEvent, RunFailureRecorded, read_domain_event
from tools.testing.builders import ADA, NOON


@pytest.mark.parametrize(
    ("after", "written"),
    [(timedelta(0), "2026-11-01T12:00:00.000000Z"), (timedelta(milliseconds=20), "2026-11-01T12:00:00.020000Z")],
)
def test_a_time_is_written_in_one_form(after: timedelta, written: str) -> None:
    """In UTC with six digits, also if they are zeros: a subscriber need not know two forms."""
    event = DomainEvent(
        event_id="e", correlation_id="c", content=RunFailureRecorded(account_id=ADA, run_id="r", failed_at=NOON + after)
    )
    assert event.detail["data"]["failed_at"] == written
    delivered = {"source": SOURCE, "detail-type": event.kind, "detail": event.detail}
    assert read_domain_event(delivered) == event
