"""Runs of the tagging service: what they drew, and which of them failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ledger.domain.ids import AccountId


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRun:
    """A run that our system failed: its credits came back, and it is evidence."""

    run_id: str
    credits: int
    at: datetime
    error: str = ""  # what the tagging service said


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run of the tagging service drew, by lot: drawing again for the same run draws nothing."""

    account_id: AccountId
    run_id: str
    drawn: Mapping[str, int]
    at: datetime
    failed_at: datetime | None = None  # since then its credits are back where they came from
    returned: Mapping[str, int] = field(default_factory=dict)
    version: int = field(default=0, compare=False)  # of the stored item; 0: not stored yet
