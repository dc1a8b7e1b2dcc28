"""The history of what belongs to no account: who has looked at it, and who did what about it and why."""

from ledger.domain.ids import SubjectId
from ledger.domain.records import record
from ledger.ports.documents import subject_act_key, timeline_position
from ledger.ports.store import Store
from ledger.usecases.chain_lines import look_line, subject_act_line
from ledger.usecases.timeline import LineKind, TimelineLine

MOST_LISTED = 50
"""How many of the newest acts, and of the newest looks, are read."""


@record(frozen=True)
class SubjectHistory:
    """The newest acts and looks, newest first. `is_cut`: there are older ones."""

    lines: tuple[TimelineLine, ...]
    is_cut: bool


def subject_history(subject_id: SubjectId, store: Store) -> SubjectHistory:
    """Return who has looked at a subject, and who did what about it. Empty: nobody."""
    acts, looks = store.subject_acts(subject_id, MOST_LISTED), store.subject_looks(subject_id, MOST_LISTED)
    lines = [
        TimelineLine(
            kind=LineKind.ACT,
            line_id=record.subject,
            position="#".join(subject_act_key(subject_id, record).parts[1:]),
            line=subject_act_line(record),
            actor=record.actor,
        )
        for record in acts.items
    ]
    lines += [
        TimelineLine(
            kind=LineKind.LOOK,
            line_id=row.subject,
            position=timeline_position(row),
            line=look_line(row),
            actor=row.actor,
        )
        for row in looks.items
    ]
    lines.sort(key=lambda one: one.place, reverse=True)
    return SubjectHistory(tuple(lines), is_cut=bool(acts.next or looks.next))
