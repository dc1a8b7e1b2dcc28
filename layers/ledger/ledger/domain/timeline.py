"""Rows of an account's timeline: looks, and mails whose records are elsewhere, by the account and the time."""

from datetime import datetime
from enum import StrEnum

from ledger.domain.records import record


class TimelineRowKind(StrEnum):
    """What a row of the timeline is about."""

    LOOK = "look"  # a person of support has read a page about the account
    MAIL = "mail"  # a mail to the account has ended: its record has more


@record(frozen=True, kw_only=True)
class TimelineRow:
    """A row of an account's timeline. Of one person, page and minute there is one look."""

    kind: TimelineRowKind
    subject: str  # of a look: the page; of a mail: its id
    at: datetime
    actor: str = ""  # of a look: the person
