"""Entries: which credits moved, and why. Each is written once and never edited."""

from datetime import datetime
from enum import StrEnum

from ledger.domain.ids import AccountId
from ledger.domain.records import record


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
    RESERVE = "reserve"  # a memo: a refund under way will take these credits back, whoever began it
    RELEASE = "release"  # a memo: that refund has ended
    ADJUST = "adjust"
    RESCHEDULE = "reschedule"  # a memo: its credits expire at another time

    @property
    def rank(self) -> int:
        """The position of the kind among the entries of one commit: what adds credits comes before what takes them."""
        return _RANKS.index(self)


_RANKS = (
    *(EntryKind.GRANT, EntryKind.ADJUST, EntryKind.RETURN, EntryKind.RESTORE, EntryKind.THAW, EntryKind.RELEASE),
    *(EntryKind.DRAW, EntryKind.CLAWBACK, EntryKind.EXPIRE, EntryKind.FREEZE, EntryKind.RESERVE),
    EntryKind.RESCHEDULE,
)


class CounterAccount(StrEnum):
    """Where an entry's credits come from or go to, so that every entry is a balanced posting."""

    SALES = "sales"
    USAGE = "usage"
    REFUNDS = "refunds"
    DISPUTES = "disputes"
    GOODWILL = "goodwill"
    EXPIRY = "expiry"


@record(frozen=True, kw_only=True)
class Entry:
    """One immutable, signed movement of whole credits between a lot and a counter-account."""

    entry_id: str  # the natural key of its effect: kind, lot, counter-account, step
    account_id: AccountId
    kind: EntryKind
    counter: CounterAccount
    lot_id: str
    credits: int  # + into the lot, − out of it, 0 for a memo
    cause: str  # provider and event id, run id, or case id
    correlation_id: str  # of the delivery, request or job that wrote it, or of the refund case that it is about
    occurred_at: datetime  # when it happened at the provider: the statement's order
    recorded_at: datetime  # when it was written to the ledger
    step: int = 0  # the account's version after the entry's commit; 0 for a grant
    expires_at: datetime | None = None  # of a grant, a new time, and of credits that return to an expired lot

    @property
    def number(self) -> int:
        """The position among the account's entries of one second: by step, then by kind. It has at most 14 digits."""
        return self.step * 100 + self.kind.rank

    @property
    def expiry_due_at(self) -> datetime | None:
        """Return when the expiry of its credits can be booked: when they expire, but not before they are recorded."""
        return max(self.expires_at, self.recorded_at) if self.expires_at else None
