"""Subjects: what a person of support looks at or acts on, and that may belong to no account.

Looks and acts about an account are stored with the account. Those about a subject are stored under its own id, so that
they are on record whether or not it ever turns out whose it is.
"""

from ledger.domain.ids import SubjectId


def subject_of_event(name: tuple[str, str]) -> SubjectId:
    """Return the subject that an event is, by the name of its receipt. It stays the same once the event is booked."""
    return SubjectId("event:" + "~".join(name))


def subject_of_mute(mute_id: str) -> SubjectId:
    """Return the subject that the mute of a kind of parked events is."""
    return SubjectId(f"kind:{mute_id}")


def subject_of_declaration(declaration_id: str) -> SubjectId:
    """Return the subject that a declaration without a login is."""
    return SubjectId(f"declaration:{declaration_id}")
