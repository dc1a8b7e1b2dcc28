"""Record looks: which person of support has read which page, about an account or about what belongs to none."""

from datetime import datetime

from ledger.domain.ids import AccountId, SubjectId
from ledger.domain.timeline import TimelineRow, TimelineRowKind
from ledger.ports.commit import Commit, DocumentChange
from ledger.ports.documents import subject_look_key, timeline_row_key
from ledger.ports.store import Store
from ledger.usecases.transaction import commit_unread


def record_look(account_id: AccountId, actor: str, page: str, store: Store, *, now: datetime) -> None:
    """Record that a person reads a page, before it is answered. The same page within a minute is one look.

    Raise StoreUnavailable: what can't be recorded is not shown.
    """
    row = _look(actor, page, now)
    commit_unread(Commit(documents=(DocumentChange(timeline_row_key(account_id, row), row),)), store, "a look")


def record_look_at(subject_id: SubjectId, actor: str, page: str, store: Store, *, now: datetime) -> None:
    """Record that a person reads a page about what belongs to no account. As `record_look` in all else."""
    row = _look(actor, page, now)
    commit_unread(Commit(documents=(DocumentChange(subject_look_key(subject_id, row), row),)), store, "a look")


def _look(actor: str, page: str, now: datetime) -> TimelineRow:
    minute = now.replace(second=0, microsecond=0)
    return TimelineRow(kind=TimelineRowKind.LOOK, subject=page, at=minute, actor=actor)
