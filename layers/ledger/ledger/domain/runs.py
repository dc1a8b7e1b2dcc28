"""Runs of the tagging service: what each drew, and which failed."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from ledger.domain.ids import AccountId
from ledger.domain.records import record


@record(frozen=True, kw_only=True)
class FailedRun:
    """Evidence of a run that failed because of our system. Its credits were returned; 0 if it had drawn none."""

    run_id: str
    credits: int
    at: datetime
    error: str = ""  # as the tagging service reported it
    replaced_by: str | None = None  # the incident that has replaced its credits: see `ledger.domain.incidents`
    version: int = 0  # 0: not stored yet


@record(frozen=True, kw_only=True)
class Run:
    """What one run of the tagging service drew. Drawing again for the same run draws nothing.

    A run whose failure was reported before its draw has drawn nothing and draws nothing: `failed_at` is set, `drawn` is
    empty.

    A run of more lots than one commit can write draws, and returns, in parts:

        drawing      missing > 0                  the next call draws the rest, or gives back what was drawn
        drawn        missing = 0
        returning    failed, returned < drawn     the next report of the failure returns the rest
        returned     failed, returned = drawn
    """

    account_id: AccountId
    run_id: str
    drawn: Mapping[str, int]  # credits by lot id
    at: datetime
    failed_at: datetime | None = None  # when its credits were returned to their lots; from then on it never draws
    returned: Mapping[str, int] = field(default_factory=dict)  # credits by lot id
    missing: int = 0  # credits that are still to be drawn: it was interrupted, or refused half-way
    resumed_at: datetime | None = None  # when a later call drew or returned a part of it last
    version: int = field(default=0, compare=False)  # of the stored item; 0: not stored yet
    # What the account could spend after the draw, as it was read for it. It is not stored. None: it was not read.
    spendable_after: int | None = field(default=None, compare=False)

    @property
    def credits(self) -> int:
        """Return the credits that it draws, or has drawn, whole."""
        return sum(self.drawn.values()) + self.missing

    @property
    def unreturned(self) -> Mapping[str, int]:
        """Return the credits that it has drawn and not returned, by lot id."""
        left = {lot_id: credits_ - self.returned.get(lot_id, 0) for lot_id, credits_ in self.drawn.items()}
        return {lot_id: credits_ for lot_id, credits_ in left.items() if credits_}
