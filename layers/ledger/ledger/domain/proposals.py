"""Proposals: acts of support above what one person may do, which a second person confirms or rejects.

    act ──► within the limits                 carried out
       └──► above them     ──► proposed ──┬─ a second person confirms ──► confirmed: carried out
                                          └─ or rejects               ──► rejected

The limits are sums over a day and a month (UTC), of the acts of one person and of those about one account. What a
second person has confirmed is not in them: they limit what is done alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from datetime import UTC, datetime
from enum import StrEnum

from ledger.domain.audit import AuditAction
from ledger.domain.ids import AccountId
from ledger.domain.records import record

CREDITS = "credits"
"""The unit of what is no money."""


class ProposalState(StrEnum):
    """The state of a proposal."""

    PROPOSED = "proposed"
    CONFIRMED = "confirmed"  # and carried out
    REJECTED = "rejected"


@record(frozen=True, kw_only=True)
class Stake:
    """What an act moves at most: an amount of money in minor units, or credits."""

    amount: int
    unit: str  # a currency (ISO 4217), or CREDITS


@record(frozen=True, kw_only=True)
class SupportLimit:
    """How much one person may move alone, and how much may be moved of one account by single persons."""

    day: int
    month: int


@record(frozen=True, kw_only=True)
class Proposal:
    """An act of support that waits for a second person, or did."""

    proposal_id: str
    account_id: AccountId
    action: AuditAction
    subject: str  # as in the act's audit record
    reason: str  # in the proposer's own words
    request: str  # all that the act needs, as JSON
    amount: int  # of the stake
    unit: str
    proposed_by: str
    proposed_at: datetime
    state: ProposalState = ProposalState.PROPOSED
    settled_by: str | None = None  # who confirmed or rejected it
    settled_at: datetime | None = None
    version: int = 0  # 0: not stored yet

    def settled(self, state: ProposalState, actor: str, at: datetime) -> "Proposal":
        """Return the proposal as a second person has settled it."""
        return replace(self, state=state, settled_by=actor, settled_at=at)


@record(frozen=True, kw_only=True)
class QueuedProposal:
    """A proposal in the queue of those that wait for a second person."""

    proposal_id: str
    account_id: AccountId
    since: datetime


@record(frozen=True, kw_only=True)
class ActSums:
    """What was moved in one month: by one person alone, or of one account by single persons."""

    by_day: Mapping[str, int] = field(default_factory=dict)  # by unit and day: `EUR/29`
    version: int = 0  # 0: not stored yet

    def of_day(self, unit: str, at: datetime) -> int:
        """Return the sum of a unit on the day of a time."""
        return self.by_day.get(_day(unit, at), 0)

    def of_month(self, unit: str) -> int:
        """Return the sum of a unit in the month."""
        return sum(amount for day, amount in self.by_day.items() if day.startswith(f"{unit}/"))

    def plus(self, stake: Stake, at: datetime) -> "ActSums":
        """Return the sums with an act of this time."""
        return replace(self, by_day={**self.by_day, _day(stake.unit, at): self.of_day(stake.unit, at) + stake.amount})

    def is_within(self, limit: SupportLimit, unit: str, at: datetime) -> bool:
        """Return whether the sums of a unit are within its limit."""
        return self.of_day(unit, at) <= limit.day and self.of_month(unit) <= limit.month


def month_of(at: datetime) -> str:
    """Return the month of a time in UTC, as the key of its sums has it: `2026-11`."""
    return f"{at.astimezone(UTC):%Y-%m}"


def sums_of(acts: Iterable[tuple[Stake, datetime]]) -> Mapping[str, int]:
    """Return the sums of some acts of one month, by unit and day."""
    sums = ActSums()
    for stake, at in acts:
        sums = sums.plus(stake, at)
    return sums.by_day


def _day(unit: str, at: datetime) -> str:
    return f"{unit}/{at.astimezone(UTC):%d}"
