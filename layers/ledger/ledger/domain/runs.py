"""Runs of the tagging service: what each drew, and which failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ledger.domain.ids import AccountId


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRun:
    """Evidence of a run that failed because of our system. Its credits were returned; 0 if it had drawn none."""

    run_id: str
    credits: int
    at: datetime
    error: str = ""  # as the tagging service reported it


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run of the tagging service drew. Drawing again for the same run draws nothing.

    A run whose failure was reported before its draw has drawn nothing and draws nothing: `failed_at` is set, `drawn` is
    empty.
    """

    account_id: AccountId
    run_id: str
    drawn: Mapping[str, int]  # credits by lot id
    at: datetime
    failed_at: datetime | None = None  # when its credits were returned to their lots; from then on it never draws
    returned: Mapping[str, int] = field(default_factory=dict)  # credits by lot id
    version: int = field(default=0, compare=False)  # of the stored item; 0: not stored yet
