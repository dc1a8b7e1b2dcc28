"""Entries: what moved, and why. Written once, never edited."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ledger.domain.ids import AccountId


class EntryKind(StrEnum):
    """What an entry does to its lot."""

    GRANT = "grant"
    DRAW = "draw"
    RETURN = "return"
    CLAWBACK = "clawback"
    RESTORE = "restore"
    EXPIRE = "expire"
    FREEZE = "freeze"  # a memo: no credits move
    THAW = "thaw"  # a memo: no credits move
    RESERVE = "reserve"  # a memo: an approved refund will take these back
    RELEASE = "release"  # a memo: it came to an end
    ADJUST = "adjust"


class CounterAccount(StrEnum):
    """The counter-account: where the credits come from or go to, so that every entry is a balanced posting."""

    SALES = "sales"
    USAGE = "usage"
    REFUNDS = "refunds"
    DISPUTES = "disputes"
    GOODWILL = "goodwill"
    EXPIRY = "expiry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One immutable, signed movement of whole credits between a lot and a counter-account."""

    entry_id: str  # the natural key of its effect: kind, lot, counter-account, step
    account_id: AccountId
    kind: EntryKind
    counter: CounterAccount
    lot_id: str
    credits: int  # + into the lot, − out of it, 0 for a memo
    cause: str  # provider and event id, run id, or case id
    occurred_at: datetime  # when it happened at the provider: the statement's order
    recorded_at: datetime  # when we wrote it down
    expires_at: datetime | None = None  # of a grant, and of what is given to a lapsed lot: when its credits expire

    @property
    def expiry_due_at(self) -> datetime | None:
        """From when on its lapse can be written down: of what is booked after its end, not before it is booked."""
        return max(self.expires_at, self.recorded_at) if self.expires_at else None
